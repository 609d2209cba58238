"""Writing a simplified graph down.

An operation on the same arguments is written once (common subexpressions). Numbers that were moved
about become the tensor that they are from, a view of it, one gather, or the movements as they were,
whichever takes the fewest operations.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import Any, cast

import torch
from jaxtyping import Int
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from .copy_propagation import Positions
from .values import VALUE, Known, Moved, leaves_of, size_of

aten = torch.ops.aten

GATHERED_AT_ONCE = 64
"""As many numbers more cost a gather, forwards and backwards, about as much as another view."""


class Emitter:
    """The new graph as it grows.

    Args:
        old: the graph that is simplified.
        entries: what its nodes have become so far; filled by others meanwhile.
        positions: of the numbers that are followed.
        differentiable: whether detaching does anything.
    """

    def __init__(
        self, old: fx.Graph, entries: dict[fx.Node, Any], positions: Positions, differentiable: bool
    ) -> None:
        self.graph = fx.Graph()
        self._entries = entries
        self._positions = positions
        self._differentiable = differentiable
        self._same: dict[Any, fx.Node] = {}
        self._written: dict[fx.Node, Any] = {}  # by the old node that is moved
        self._rows = _rows(old)

    def entry(self, value: Any) -> Any:
        """What a value of the old graph has become."""
        return self._entries[value] if isinstance(value, fx.Node) else Known(value)

    def emit(self, target: Any, args: tuple, meta: dict, kwargs: dict | None = None) -> fx.Node:
        """An operation of the new graph."""
        key = _key(target, args, kwargs or {})
        if key not in self._same:
            self._same[key] = self.graph.call_function(target, args, kwargs)
            self._same[key].meta.update(meta)
        return self._same[key]

    def emit_as(self, node: fx.Node) -> fx.Node:
        """An operation of the old graph, on what its arguments have become."""

        def argument(value: Any) -> Any:
            return self.written(self.entry(value)) if isinstance(value, VALUE) else value

        args, kwargs = map_aggregate((node.args, node.kwargs), argument)
        return self.emit(node.target, args, node.meta, kwargs)

    def written(self, entry: Any) -> Any:
        """An entry as an argument in the new graph: a node, or a constant's tensor."""
        if isinstance(entry, Known):
            return entry.tensor
        if not isinstance(entry, Moved):
            return entry
        if entry.node not in self._written:
            self._written[entry.node] = self._write(entry)
        return self._written[entry.node]

    # --- writing moved numbers down ---------------------------------------------------------------

    def _write(self, entry: Moved) -> Any:
        roots, positions = self._positions.sources(entry.positions)
        direct = self._direct(entry, roots, positions)
        if direct is not None:
            return direct
        joining = len(roots) + 1 if len(roots) > 1 else 0
        gathering = joining + 1 + (positions.ndim != 1) + positions.numel() // GATHERED_AT_ONCE
        if gathering < self._cost(entry):
            return self._gather(entry, roots, positions)
        return self._as_before(entry)

    def _direct(self, entry: Moved, roots: list, positions: Int[Tensor, "..."]) -> Any:
        """All numbers of one tensor in their order, which is that tensor or a view."""
        if len(roots) > 1 or positions.numel() != size_of(roots[0]):
            return None
        if not torch.equal(positions.reshape(-1), torch.arange(positions.numel())):
            return None
        if entry.detached and self._differentiable:
            return None
        shape = tuple(positions.shape)
        if shape == tuple(roots[0].meta["shape"]):
            return roots[0]
        meta = roots[0].meta | {"shape": shape}
        return self.emit(aten.reshape.default, (roots[0], list(shape)), meta)

    def _cost(self, entry: Any) -> int:
        """How many operations would have to be written down for a moved entry as it was."""
        if not isinstance(entry, Moved) or entry.node in self._written:
            return 0
        node: Any = entry.node
        operation = node.args[0] if node.target is operator.getitem else node
        sources = [leaf for leaf in leaves_of(operation) if isinstance(leaf, fx.Node)]
        return 1 + sum(self._cost(self._entries[source]) for source in sources)

    def _gather(self, entry: Moved, roots: list, positions: Int[Tensor, "..."]) -> fx.Node:
        meta = {key: entry.node.meta[key] for key in ("dtype", "device")}
        flat = [self._flat(root) for root in roots]
        total = sum(map(size_of, roots))
        whole = flat[0]
        if len(flat) > 1:
            whole = self.emit(aten.cat.default, (flat,), meta | {"shape": (total,)})
        index = positions.reshape(-1).to(meta["device"])
        size, shape = (positions.numel(),), tuple(positions.shape)
        result = self.emit(aten.index_select.default, (whole, 0, index), meta | {"shape": size})
        if shape != size:
            meta["shape"] = shape
            result = self.emit(aten.reshape.default, (result, list(shape)), meta)
        if entry.detached and self._differentiable:
            result = self.emit(aten.detach.default, (result,), meta | {"shape": shape})
        return result

    def _flat(self, root: Known | fx.Node) -> Any:
        if isinstance(root, Known):
            return root.tensor.reshape(-1)
        if len(root.meta["shape"]) == 1:
            return root
        meta = root.meta | {"shape": (size_of(root),)}
        return self.emit(aten.reshape.default, (root, [-1]), meta)

    def _as_before(self, entry: Moved) -> Any:
        """The operation itself; rows that others are selected from, too, are taken all at once."""
        node = entry.node
        if node.target is operator.getitem:
            return self._part(node)
        if node.target is aten.select.int:
            source, axis, index = cast(tuple[fx.Node, int, int], node.args)
            shape = source.meta["shape"]
            if 2 * self._rows[source, axis % len(shape)] > shape[axis]:
                whole = self.written(self.entry(source))
                rows = self.emit(aten.unbind.int, (whole, axis), {"dtype": None})
                return self.emit(operator.getitem, (rows, index % shape[axis]), node.meta)
        return self.emit_as(node)

    def _part(self, node: fx.Node) -> fx.Node:
        """One of several results of a movement."""
        whole: Any = node.args[0]
        return self.emit(operator.getitem, (self.emit_as(whole), node.args[1]), node.meta)


def _rows(graph: fx.Graph) -> Counter:
    """How many rows are selected from each node along each axis."""
    found: Counter = Counter()
    for node in graph.find_nodes(op="call_function", target=aten.select.int):
        source, axis, _ = node.args
        if isinstance(source, fx.Node):
            found[source, axis % len(source.meta["shape"])] += 1
    return found


def _key(target: Any, args: tuple, kwargs: dict) -> Any:
    """What makes two operations the same."""

    def part(value: Any) -> Any:
        if isinstance(value, VALUE):
            return id(value)
        if isinstance(value, (list, tuple)):
            return tuple(map(part, value))
        return (type(value), repr(value))  # 1 is not 1.0 here

    items = tuple((name, part(value)) for name, value in sorted(kwargs.items()))
    return target, part(args), items
