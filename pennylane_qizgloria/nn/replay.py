"""Running a recorded function again, forwards and backwards.

Both directions are recorded, so that a call is one node of torch's graph and neither direction
pays for automatic differentiation, operation by operation. Higher derivatives go through the
recorded function itself, which torch differentiates as it does any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from .simplification import leaves_of, simplified
from .tracing import Unrecordable, trace

aten = torch.ops.aten

Function = Callable[..., tuple]
"""A function of tensors that is nothing but operations on them."""

PLAIN = {
    aten.add.Tensor: torch.add,
    aten.bmm.default: torch.bmm,
    aten.cat.default: torch.cat,
    aten.cos.default: torch.cos,
    aten.div.Tensor: torch.div,
    aten.expand.default: torch.Tensor.expand,
    aten.index_select.default: torch.index_select,
    aten.mm.default: torch.mm,
    aten.mul.Tensor: torch.mul,
    aten.neg.default: torch.neg,
    aten.permute.default: torch.permute,
    aten.reshape.default: torch.reshape,
    aten.select.int: torch.select,
    aten.sin.default: torch.sin,
    aten.stack.default: torch.stack,
    aten.t.default: torch.t,
    aten.transpose.int: torch.transpose,
    aten.unbind.int: torch.unbind,
    aten.unsqueeze.default: torch.unsqueeze,
    aten.view.default: torch.Tensor.view,
}
"""Frequent operations by the names under which calling them takes the least time."""


class BrokenConditionError(Exception):
    """The numbers do not fulfil the conditions of a graph."""


@dataclass(frozen=True, eq=False)
class Replay:
    """A recorded function.

    Args:
        function: whether the conditions hold, and the results; for torch to differentiate.
        value: the same, where no derivative is needed.
        joint: both directions; None where only `function` can be differentiated.
        live: tensors from elsewhere, which are the last arguments.
        watched: tensors from elsewhere that must stay as they are, and their versions.
    """

    function: Function
    value: Function
    joint: Joint | None
    live: tuple[Tensor, ...]
    watched: tuple[tuple[Tensor, int], ...]

    @property
    def current(self) -> bool:
        """Whether the constants are what they were."""
        return all(tensor._version == version for tensor, version in self.watched)

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The results.

        Raises:
            BrokenConditionError: if the graph is not for these numbers.
        """
        arguments = (*tensors, *self.live)
        if not torch.is_grad_enabled() or not any(x.requires_grad for x in arguments):
            with torch.no_grad():
                return _checked(self.value(*arguments))
        if self.joint is None:
            return _checked(self.function(*arguments))
        return _Replayed.apply(self, *arguments)


@dataclass(frozen=True, eq=False)
class Joint:
    """A function forwards and backwards.

    Args:
        forward: whether the conditions hold, the results, and what goes backwards needs.
        through: which results have a gradient.
        results: how many results there are.
        graph: both directions.
        saved: the nodes of what is needed.
        cotangents: the nodes of the results' cotangents.
        gradients: the nodes of the arguments' gradients; None where there is none.
    """

    forward: Function
    through: tuple[int, ...]
    results: int
    graph: fx.Graph
    saved: tuple[fx.Node, ...]
    cotangents: tuple[fx.Node, ...]
    gradients: tuple[Any, ...]
    _backwards: dict[tuple[bool, ...], Function] = field(default_factory=dict)

    def backward(self, needed: tuple[bool, ...]) -> Function:
        """From what was saved and the cotangents to the gradients that are needed."""
        if needed not in self._backwards:
            wanted = [g if n else None for g, n in zip(self.gradients, needed, strict=True)]
            given = (*self.saved, *self.cotangents)
            self._backwards[needed] = compiled(self.graph, given, wanted)
        return self._backwards[needed]


class _Replayed(torch.autograd.Function):
    """A recorded function as one node of torch's graph."""

    @staticmethod
    def forward(ctx: Any, replay: Replay, *tensors: Tensor) -> Any:
        assert replay.joint is not None
        holds, *rest = replay.joint.forward(*tensors)
        if holds is not None and not holds:
            raise BrokenConditionError
        count = replay.joint.results
        ctx.replay, ctx.count = replay, len(tensors)
        ctx.save_for_backward(*tensors, *rest[count:])
        flat = [rest[i] for i in range(count) if i not in replay.joint.through]
        ctx.mark_non_differentiable(*flat)
        return tuple(rest[:count])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        needed, joint = ctx.needs_input_grad[1:], ctx.replay.joint
        cotangents = tuple(cotangents[i] for i in joint.through)
        if torch.is_grad_enabled():  # the gradient is to be differentiated in turn
            tensors = ctx.saved_tensors[: ctx.count]
            return None, *_recorded_gradient(ctx.replay, tensors, cotangents, needed)
        own = (cotangent.contiguous() for cotangent in cotangents)
        return None, *joint.backward(needed)(*ctx.saved_tensors[ctx.count :], *own)


def _recorded_gradient(
    replay: Replay,
    tensors: Sequence[Tensor],
    cotangents: Sequence[Tensor],
    needed: Sequence[bool],
) -> tuple[Tensor | None, ...]:
    assert replay.joint is not None
    _, *everything = replay.function(*tensors)
    results = [everything[i] for i in replay.joint.through]
    wanted = [tensor for tensor, need in zip(tensors, needed, strict=True) if need]
    found = iter(
        torch.autograd.grad(results, wanted, cotangents, create_graph=True, allow_unused=True)
    )
    return tuple(next(found) if need else None for need in needed)


def _checked(results: tuple) -> tuple[Tensor, ...]:
    holds, *rest = results
    if holds is not None and not holds:
        raise BrokenConditionError
    return tuple(rest)


# --- making one -----------------------------------------------------------------------------------


def record(function: Callable[..., Sequence[Tensor]], examples: Sequence[Tensor]) -> Replay:
    """Record a function.

    Args:
        function: takes tensors and returns several, of which none is an argument itself.
        examples: what to call it with; it will serve other tensors of the same shapes and dtypes,
            if they are contiguous.

    Raises:
        Unrecordable: if it does what no graph can do again.
    """
    given = [_leaf(example) for example in examples]
    traced = trace(function, given)
    graph = simplified(traced.graph, differentiable=True)
    again = compiled_whole(graph)
    value = compiled_whole(simplified(graph, differentiable=False))
    everything = [*given, *(_leaf(tensor) for tensor in traced.live)]
    return Replay(again, value, _joint(again, everything), traced.live, traced.watched)


def _leaf(tensor: Tensor) -> Tensor:
    """A tensor of the same numbers, with a gradient of its own if it can have one."""
    own = tensor.detach().clone(memory_format=torch.contiguous_format)
    return own.requires_grad_(own.is_floating_point() or own.is_complex())


def _joint(function: Function, examples: Sequence[Tensor]) -> Joint | None:
    """Both directions of a recorded function, if they can be recorded."""
    wanted = [i for i, example in enumerate(examples) if example.requires_grad]
    results = function(*examples)[1:]
    through = tuple(i for i, result in enumerate(results) if result.requires_grad)
    cotangents = [torch.ones_like(results[i]) for i in through]

    def both(*tensors: Tensor) -> tuple:
        given = [tensors[i] for i in wanted]
        holds, *own = function(*tensors[: len(examples)])
        ends = [own[i] for i in through]
        own_cotangents = tensors[len(examples) :]
        return holds, *own, *torch.autograd.grad(ends, given, own_cotangents, allow_unused=True)

    if not through:
        return None
    try:
        traced = trace(both, [*map(_leaf, examples), *cotangents])
    except Unrecordable:  # some gradients of torch write in place
        return None
    graph = simplified(traced.graph, differentiable=False)
    outputs: Any = graph.output_node().args[0]
    _, holds, *rest = outputs
    values, gradients = rest[: len(results)], dict(zip(wanted, rest[len(results) :], strict=True))
    arguments = list(graph.find_nodes(op="placeholder"))
    given, own_cotangents = arguments[: len(examples)], arguments[len(examples) :]
    saved = _needed_backwards(graph, [*given, holds, *values], [*gradients.values()])
    return Joint(
        compiled(graph, given, [holds, *values, *saved]),
        through,
        len(results),
        graph,
        tuple(saved),
        tuple(own_cotangents),
        tuple(gradients.get(i) for i in range(len(examples))),
    )


def _needed_backwards(
    graph: fx.Graph, forwards: Sequence[Any], backwards: Sequence[Any]
) -> list[fx.Node]:
    """The nodes on the way to some that those on the way to others start from."""
    first = _ancestors(forwards, set())
    # An operation with several results is done again, which only takes views apart.
    single = {node for node in first if node.meta.get("dtype") is not None}
    second = _ancestors(backwards, single)
    return [node for node in graph.nodes if node in second and node in single]


def _ancestors(nodes: Sequence[Any], ends: set[fx.Node]) -> set[fx.Node]:
    """Nodes and all that they follow from, up to and with some ends."""
    found: set[fx.Node] = set()
    waiting = [node for node in nodes if isinstance(node, fx.Node)]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [] if node in ends else node.all_input_nodes
    return found


def compiled_whole(graph: fx.Graph) -> Function:
    """A graph as a function of its arguments."""
    (results,) = graph.output_node().args
    return compiled(graph, graph.find_nodes(op="placeholder"), results)  # type: ignore[arg-type]


def compiled(graph: fx.Graph, given: Sequence[fx.Node], wanted: Sequence[Any]) -> Function:
    """The part of a graph that leads from some nodes to others, as a function.

    Args:
        graph: the graph.
        given: the nodes whose tensors the function takes.
        wanted: the nodes and constants that it returns; None stays None.
    """
    needed = _ancestors(wanted, set(given))
    part = fx.Graph()
    constants: dict[int, fx.Node] = {}
    tensors: list[Tensor] = []
    for tensor in _constants(needed - set(given), wanted):
        if id(tensor) not in constants:
            constants[id(tensor)] = part.placeholder(f"c{len(tensors)}")
            tensors.append(tensor)
    copies = {node: part.placeholder(f"g{i}") for i, node in enumerate(given)}

    def own(value: Any) -> Any:
        if isinstance(value, Tensor):
            return constants[id(value)]
        return copies[value] if isinstance(value, fx.Node) else value

    for node in graph.nodes:
        if node in needed and node not in copies:
            args, kwargs = map_aggregate((node.args, node.kwargs), own)
            copies[node] = part.call_function(PLAIN.get(node.target, node.target), args, kwargs)
    # A constant must not get into the hands of somebody who might write to it.
    part.output(
        tuple(
            part.call_function(torch.clone, (own(value),))
            if isinstance(value, Tensor)
            else own(value)
            for value in wanted
        )
    )
    return partial(fx.GraphModule({}, part).forward, *tensors)


def _constants(nodes: Iterable[fx.Node], wanted: Sequence[Any]) -> Iterator[Tensor]:
    for value in (*(leaf for node in nodes for leaf in leaves_of(node)), *wanted):
        if isinstance(value, Tensor):
            yield value
