"""Tracing what a function of tensors does to them, as a graph of torch's own operations.

The function runs once, on real numbers. Operations that depend on its arguments are written down;
everything else it does, all Python included, happens now and never again: its tensors are constants
of the graph. What cannot be written down raises `UntraceableError`: values that leave torch, random
numbers, writing in place.

Where this package asks whether a condition on the numbers holds (see `pauli.conditions`), or
PennyLane by ``qml.math.allclose``, the answer is taken for granted and becomes a condition of the
graph. A function that branches by itself is refused: it would need a graph for each way.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate
from torch.overrides import TorchFunctionMode

from ...._compat.pennylane import closeness_by
from ...._compat.torch import (
    TO_COPY,
    TorchDispatchMode,
    first_node,
    is_mutating,
    out_of_place,
    tree_leaves,
    version_of,
)
from ....pauli.conditions import Test, collecting, holds, is_collected

aten = torch.ops.aten

VALUES = {
    Tensor.numpy: "numpy()",
    Tensor.tolist: "tolist()",
    Tensor.__array__: "conversion to a NumPy array",
    Tensor.__dlpack__: "conversion to another library's array",
    Tensor.data.__get__: "data",  # type: ignore[attr-defined]
}
"""Ways out of torch that are not operations."""


class UntraceableError(Exception):
    """Says why a function cannot be traced."""


@dataclass(frozen=True, eq=False)
class Trace:
    """A traced function.

    Args:
        graph: from the arguments, and then `live`, to a tuple: whether the conditions hold (None
            if there are none), and the results.
        live: tensors from elsewhere that may be trained; they are arguments, too.
        watched: other tensors from elsewhere, and their versions: if one is written to, the graph
            is out of date.
    """

    graph: fx.Graph
    live: tuple[Tensor, ...]
    watched: tuple[tuple[Tensor, int], ...]


def trace(
    function: Callable[..., Sequence[Tensor | None]],
    examples: Sequence[Tensor],
    watched: Collection[int] | None = None,
    is_users: bool = True,
) -> Trace:
    """Trace a function.

    Args:
        function: takes tensors and returns several, or None in the place of some.
        examples: what to call it with.
        watched: the ids of the tensors from elsewhere that may be differentiated; None for any.
        is_users: whether it has code of the user's, which may switch gradients off.

    Raises:
        UntraceableError: if it does what no graph can do again.
    """
    tracer = _Tracer(examples, watched, is_users)
    with collecting(tracer.condition), closeness_by(_collected), tracer, _Watch(tracer):
        results = function(*examples)
    if tracer.refusal is not None:  # also where the function has caught it
        raise tracer.refusal
    tracer.finish(results)
    return Trace(tracer.graph, tuple(tracer.live), tuple(tracer.watched))


class _Tracer(TorchDispatchMode):
    """Sees all operations of torch below its automatic differentiation."""

    def __init__(
        self, examples: Sequence[Tensor], allowed: Collection[int] | None, is_users: bool
    ) -> None:
        super().__init__()
        self.allowed = allowed
        self.is_users = is_users
        self.graph = fx.Graph()
        self.nodes: dict[int, fx.Node] = {}
        self.made: set[int] = set()
        self.held: list[Tensor] = []  # an id is one tensor's only while that tensor lives
        self.sharing: Counter[int] = Counter()  # how many tensors share a piece of memory
        self.live: list[Tensor] = []
        self.watched: list[tuple[Tensor, int]] = []
        self.conditions: list[tuple[fx.Node, bool]] = []
        self.refusal: UntraceableError | None = None
        self.is_asked = False  # for a condition, which may be looked at
        self.arguments = [self._add_argument(example) for example in examples]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise self.refuse(f"it draws random numbers ({func})")
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        found = [self._depends(x) for x in tensors]  # of all, since it makes their acquaintance
        if not any(found):
            out = func(*args, **kwargs)
            self._keep_made(out)
            return out
        if torch.Tag.data_dependent_output in func.tags:
            if self.is_asked:
                return func(*args, **kwargs)
            raise self.refuse("it takes the value of a tensor, by bool(), float(), int() or item()")
        self._check(func, args)
        own_args, own_kwargs = map_aggregate((args, kwargs), self._argument)
        out = func(*args, **kwargs)
        if is_mutating(func):
            node = self.graph.call_function(out_of_place(func), own_args, own_kwargs)
            self._keep(out, node)
            return out
        self._name(out, self.graph.call_function(func, own_args, own_kwargs))
        return out

    def depends(self, tensor: Any) -> bool:
        """Whether a tensor follows from the arguments."""
        return id(tensor) in self.nodes

    def refuse(self, why: str) -> UntraceableError:
        """The reason not to go on, for raising."""
        self.refusal = self.refusal or UntraceableError(why)
        return self.refusal

    def finish(self, results: Sequence[Tensor | None]) -> None:
        """Write down what is returned."""
        holds = [
            node if expected else self._denied(node)
            for node, expected in dict.fromkeys(self.conditions)
        ]
        if len({node.meta["device"] for node in holds}) > 1:
            holds = [self._on_cpu(node) for node in holds]
        together: fx.Node | None = holds[0] if holds else None
        if len(holds) > 1:
            stacked = self.graph.call_function(aten.stack.default, (holds,))
            together = self.graph.call_function(aten.all.default, (stacked,))
            for node in (stacked, together):
                node.meta.update(dtype=torch.bool, device=holds[0].meta["device"])
        self.graph.output((together, *(self._argument(result) for result in results)))

    def _denied(self, node: fx.Node) -> fx.Node:
        denied = self.graph.call_function(aten.logical_not.default, (node,))
        denied.meta.update(node.meta)
        return denied

    def _on_cpu(self, node: fx.Node) -> fx.Node:
        """A condition where Python looks at it."""
        if node.meta["device"].type == "cpu":
            return node
        copied = self.graph.call_function(TO_COPY, (node,), {"device": torch.device("cpu")})
        copied.meta.update(node.meta, device=torch.device("cpu"))
        return copied

    # --- tensors ----------------------------------------------------------------------------------

    def _add_argument(self, tensor: Tensor) -> fx.Node:
        after = list(self.graph.find_nodes(op="placeholder"))
        position = after[-1].next if after else first_node(self.graph)
        with self.graph.inserting_before(position):
            node = self.graph.placeholder(f"a{len(after)}")
        self._keep(tensor, node)
        return node

    def _keep(self, tensor: Tensor, node: fx.Node) -> None:
        node.meta.update(dtype=tensor.dtype, shape=tuple(tensor.shape), device=tensor.device)
        if not self.depends(tensor):
            self.held.append(tensor)
            self.sharing[tensor.untyped_storage().data_ptr()] += 1
        self.nodes[id(tensor)] = node

    def _keep_made(self, out: Any) -> None:
        made = [x for x in tree_leaves(out) if isinstance(x, Tensor)]
        self.made |= set(map(id, made))
        self.held += made

    def _depends(self, tensor: Tensor) -> bool:
        if self.depends(tensor):
            return True
        if id(tensor) in self.made:
            return False
        if tensor.requires_grad:  # somebody may train it, so it must not become a constant
            if self.allowed is not None and id(tensor) not in self.allowed:
                raise self.refuse("it uses a tensor with a gradient that cannot be found from it")
            self._add_argument(tensor)
            self.live.append(tensor)
            return True
        self._keep_made(tensor)
        if not tensor.is_inference():
            self.watched.append((tensor, version_of(tensor)))
        return False

    def _argument(self, value: Any) -> Any:
        """A value as an argument in the graph: the node of a tensor, or the tensor if constant."""
        return self.nodes.get(id(value), value) if isinstance(value, Tensor) else value

    def _name(self, out: Any, node: fx.Node) -> None:
        if isinstance(out, Tensor):
            if not self.depends(out):
                self._keep(out, node)
            return
        node.meta["dtype"] = None
        for index, part in enumerate(out):
            if isinstance(part, Tensor):
                self._keep(part, self.graph.call_function(operator.getitem, (node, index)))

    # --- what is not traced -----------------------------------------------------------------------

    def _check(self, func: Any, args: tuple) -> None:
        if self.is_users and not torch.is_grad_enabled():
            # Which gradients are missing may depend on the numbers.
            raise self.refuse("it computes without gradients (torch.no_grad or a Function)")
        if is_mutating(func) and not self._writes_harmlessly(func, args):
            raise self.refuse(f"it writes into a tensor in place ({func})")
        if torch.Tag.dynamic_output_shape in func.tags:
            indices = args[1] if func is aten.index.Tensor else ()
            masks = [x for x in indices if x is not None and x.dtype in (torch.bool, torch.uint8)]
            if func is not aten.index.Tensor or any(map(self.depends, masks)):
                raise self.refuse(f"the shape of a result depends on values ({func})")

    def _writes_harmlessly(self, func: Any, args: tuple) -> bool:
        """Whether an operation in place may as well make a new tensor: the old one has no views."""
        written = args[0]
        if not self.depends(written) or out_of_place(func) is None:
            return False
        return self.sharing[written.untyped_storage().data_ptr()] == 1

    def condition(self, test: Test, numbers: Tensor) -> bool:
        """The result of a test, which is taken for granted in the graph from now on."""
        self.is_asked = True
        try:
            value = bool(test(numbers))
        finally:
            self.is_asked = False
        if self.depends(numbers):
            node = self.graph.call_function(test, (self.nodes[id(numbers)],))
            node.meta.update(dtype=torch.bool, shape=(), device=numbers.device)
            self.conditions.append((node, value))
        return value


class _Watch(TorchFunctionMode):
    """Sees values leave torch."""

    def __init__(self, tracer: _Tracer) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func in VALUES and self.tracer.depends(args[0]):
            raise self.tracer.refuse(f"it takes the values of a tensor by {VALUES[func]}")
        return func(*args, **(kwargs or {}))


def _collected(original: Callable[..., bool]) -> Callable[..., bool]:
    """PennyLane's ``allclose``, but as a condition where it compares tensors of a graph."""

    def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, **kwargs: Any) -> bool:
        tensors = [x for x in (a, b) if isinstance(x, Tensor)]
        if not tensors or not is_collected():
            return original(a, b, rtol, atol, **kwargs)
        first, second = (torch.as_tensor(x).to(tensors[0]) for x in (a, b))
        return holds(torch.isclose(first, second, rtol, atol))

    return allclose


def leaf(tensor: Tensor) -> Tensor:
    """A tensor of the same numbers, with a gradient of its own if it can have one."""
    own = tensor.detach().clone(memory_format=torch.contiguous_format)
    return own.requires_grad_(own.is_floating_point() or own.is_complex())


def ancestors(nodes: Sequence[Any]) -> set[fx.Node]:
    """Nodes and all that they follow from; what is no node is passed over."""
    found: set[fx.Node] = set()
    waiting = [node for node in nodes if isinstance(node, fx.Node)]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return found
