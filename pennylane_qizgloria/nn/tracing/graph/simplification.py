"""Making a traced graph shorter.

What follows from constants alone is computed now. Operations that only move numbers about (views,
selections, stacks) are followed through on the positions of the numbers, so that a chain of them
becomes nothing at all, or one gather. The same operation on the same arguments is done once.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from jaxtyping import Int
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from .copy_propagation import MAX_FOLLOWED, MOVEMENTS, Positions, follow
from .graph_writer import Emitter
from .values import VALUE, Known, Moved, Several, are_alike, dtype_of, leaves_of, size_of

aten = torch.ops.aten

UNFOLLOWED = (None, torch.int64, torch.bool)
"""Indices and conditions are not followed, nor are the results of an operation with several."""


def simplified(graph: fx.Graph, differentiable: bool) -> fx.Graph:
    """A graph that does the same.

    Args:
        graph: as traced, see `tracing`.
        differentiable: whether torch is to differentiate it; if not, detaching does nothing.
    """
    return _Simplifier(graph, differentiable).run()


class _Simplifier:
    def __init__(self, graph: fx.Graph, differentiable: bool) -> None:
        self.old = graph
        self.differentiable = differentiable
        self.entries: dict[fx.Node, Any] = {}
        self.positions = Positions()
        self.emitter = Emitter(graph, self.entries, self.positions, differentiable)

    def run(self) -> fx.Graph:
        new = self.emitter.graph
        for node in self.old.nodes:
            if node.op == "placeholder":
                self.entries[node] = new.node_copy(node)
            elif node.op == "call_function":
                self.entries[node] = self._call(node)
        new.output(map_aggregate(self.old.output_node().args[0], self._result))
        new.eliminate_dead_code()
        return new

    def _result(self, value: Any) -> Any:
        if not isinstance(value, fx.Node):
            return value
        return self.emitter.written(self.entries[value])

    def _call(self, node: fx.Node) -> Any:
        entry = self.emitter.entry
        if node.target is aten.detach.default and not self.differentiable:
            return entry(node.args[0])
        values = [leaf for leaf in leaves_of(node) if isinstance(leaf, VALUE)]
        if all(isinstance(entry(value), Known) for value in values):
            return _computed(node, entry)
        moved = self._moved(node, values)
        return self.emitter.emit_as(node) if moved is None else moved

    # --- following numbers ------------------------------------------------------------------------

    def _moved(self, node: fx.Node, values: Sequence[Any]) -> Any:
        """Where the numbers of a movement's results come from; None if that is not known.

        Args:
            node: the operation.
            values: the tensors and nodes among its arguments.
        """
        entry = self.emitter.entry
        if node.target is operator.getitem:
            whole, index = entry(node.args[0]), cast(int, node.args[1])
            return whole[index] if isinstance(whole, Several) else None
        if node.target is aten.detach.default:
            return self._detached(node, entry(values[0]))
        if node.target not in MOVEMENTS:
            return None
        dtype = dtype_of(values[0])
        data = [entry(value) for value in values if dtype_of(value) == dtype]
        flags = {isinstance(x, Moved) and x.detached for x in data if not isinstance(x, Known)}
        if dtype in UNFOLLOWED or len(flags) > 1 or not are_alike(values, dtype):
            return None
        if any(size_of(own) > MAX_FOLLOWED for own in data):
            return None
        positions = follow(node, dtype, entry, self.positions)
        if positions is None:
            return None
        detached = flags == {True}
        if isinstance(positions, Tensor):
            return self._moved_or_known(node, positions, detached)
        users = {user.args[1]: user for user in node.users}
        return Several(
            self._moved_or_known(users.get(i, node), own, detached)
            for i, own in enumerate(positions)
        )

    def _moved_or_known(
        self, node: fx.Node, positions: Int[Tensor, "..."], detached: bool
    ) -> Moved | Known:
        roots, own = self.positions.sources(positions)
        known = [root.tensor.reshape(-1) for root in roots if isinstance(root, Known)]
        if not known or len(known) < len(roots):
            return Moved(node, positions, detached)
        return Known(torch.cat(known)[own.reshape(-1)].reshape(own.shape))

    def _detached(self, node: fx.Node, entry: Any) -> Moved | None:
        if size_of(entry) > MAX_FOLLOWED or node.meta["dtype"] in UNFOLLOWED:
            return None
        return Moved(node, self.positions.of(entry), True)


def _computed(node: fx.Node, entry: Callable[[Any], Any]) -> Any:
    """What an operation on constants gives."""

    def argument(value: Any) -> Any:
        return entry(value).tensor if isinstance(value, VALUE) else value

    args, kwargs = map_aggregate((node.args, node.kwargs), argument)
    with torch.no_grad():
        out = node.target(*args, **kwargs)  # type: ignore[operator]
    return Known(out) if isinstance(out, Tensor) else Several(map(Known, out))
