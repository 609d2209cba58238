"""A traced function forwards and backwards, as two functions that share what is computed.

The function and its vector-Jacobian product are traced together as one joint graph and cut in
two: forwards goes to the results and to what backwards starts from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from .compilation import Function, ancestors, compiled
from .simplification import simplified
from .trace import UntraceableError, trace


@dataclass(frozen=True, eq=False)
class JointGraph:
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


def joint_graph(function: Function, examples: Sequence[Tensor]) -> JointGraph | None:
    """Both directions of a traced function, if they can be traced.

    Args:
        function: gives whether its conditions hold, and results.
        examples: what to call it with; those that require a gradient get one.
    """
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
        traced = trace(both, [*map(leaf, examples), *cotangents], is_users=False)
    except UntraceableError:  # some gradients of torch write in place
        return None
    graph = simplified(traced.graph, differentiable=False)
    return _cut(graph, len(examples), through, len(results), wanted)


def _cut(
    graph: fx.Graph, arguments: int, through: tuple[int, ...], results: int, wanted: list[int]
) -> JointGraph:
    """A joint graph, cut in two."""
    outputs: Any = graph.output_node().args[0]
    _, holds, *rest = outputs
    values, gradients = rest[:results], dict(zip(wanted, rest[results:], strict=True))
    placeholders = list(graph.find_nodes(op="placeholder"))
    given, cotangents = placeholders[:arguments], placeholders[arguments:]
    saved = _needed_backwards(graph, [*given, holds, *values], [*gradients.values()])
    return JointGraph(
        compiled(graph, given, [holds, *values, *saved]),
        through,
        results,
        graph,
        tuple(saved),
        tuple(cotangents),
        tuple(gradients.get(i) for i in range(arguments)),
    )


def _needed_backwards(
    graph: fx.Graph, forwards: Sequence[Any], backwards: Sequence[Any]
) -> list[fx.Node]:
    """The nodes on the way to some that those on the way to others start from."""
    first = ancestors(forwards, set())
    # An operation with several results is done again, which only takes views apart.
    single = {node for node in first if node.meta.get("dtype") is not None}
    second = ancestors(backwards, single)
    return [node for node in graph.nodes if node in second and node in single]


def leaf(tensor: Tensor) -> Tensor:
    """A tensor of the same numbers, with a gradient of its own if it can have one."""
    own = tensor.detach().clone(memory_format=torch.contiguous_format)
    return own.requires_grad_(own.is_floating_point() or own.is_complex())
