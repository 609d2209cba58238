"""Making a recorded graph shorter.

What follows from constants alone is computed now. Operations that only move numbers about (views,
selections, stacks) are followed through on the positions of the numbers, so that a chain of them
becomes nothing at all, or one gather. The same operation on the same arguments is done once.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from jaxtyping import Int
from torch import Tensor, fx
from torch.fx.node import map_aggregate
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten

MOVEMENTS = {
    aten._unsafe_view.default,
    aten.alias.default,
    aten.cat.default,
    aten.clone.default,
    aten.expand.default,
    aten.flip.default,
    aten.index.Tensor,
    aten.index_copy.default,
    aten.index_select.default,
    aten.permute.default,
    aten.repeat.default,
    aten.select.int,
    aten.slice.Tensor,
    aten.split.Tensor,
    aten.split_with_sizes.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.stack.default,
    aten.t.default,
    aten.transpose.int,
    aten.unbind.int,
    aten.unsqueeze.default,
    aten.view.default,
    operator.getitem,
}
"""Operations whose results hold numbers of their arguments, as they are."""

UNFOLLOWED = (None, torch.int64, torch.bool)
"""Indices and conditions are not followed, nor are the results of an operation with several."""

MAX_FOLLOWED = 2**14
"""Numbers of larger tensors are not followed: there, time goes into arithmetic."""

GATHERED_AT_ONCE = 64
"""As many numbers more cost a gather, forwards and backwards, about as much as another view."""


@dataclass(frozen=True, eq=False)
class _Known:
    """A constant."""

    tensor: Tensor


@dataclass(frozen=True, eq=False)
class _Moved:
    """Numbers of other tensors, not written down yet.

    Args:
        node: the operation of the old graph.
        positions: of its numbers among those of all tensors.
        detached: whether no gradient goes through.
    """

    node: fx.Node
    positions: Int[Tensor, "..."]
    detached: bool


class _Several(list):
    """The results of an operation with several."""


def simplified(graph: fx.Graph, differentiable: bool) -> fx.Graph:
    """A graph that does the same.

    Args:
        graph: as recorded, see `tracing`.
        differentiable: whether torch is to differentiate it; if not, detaching does nothing.
    """
    return _Simplifier(graph, differentiable).run()


class _Simplifier:
    def __init__(self, graph: fx.Graph, differentiable: bool) -> None:
        self.old = graph
        self.new = fx.Graph()
        self.differentiable = differentiable
        self.entries: dict[fx.Node, Any] = {}
        self.written: dict[fx.Node, Any] = {}  # of old nodes that are moved
        self.same: dict[Any, fx.Node] = {}
        self.starts: list[int] = []  # where the positions of each tensor start
        self.roots: list[_Known | fx.Node] = []
        self.positions_of: dict[int, Tensor] = {}
        self.next_position = 0
        self.rows = _rows(graph)

    def run(self) -> fx.Graph:
        for node in self.old.nodes:
            if node.op == "placeholder":
                self.entries[node] = self.new.node_copy(node)
            elif node.op == "call_function":
                self.entries[node] = self._call(node)
        results = map_aggregate(self.old.output_node().args[0], self._result)
        self.new.output(results)
        self.new.eliminate_dead_code()
        return self.new

    def _result(self, value: Any) -> Any:
        if not isinstance(value, fx.Node):
            return value
        return self._written(self.entries[value])

    # --- one operation ----------------------------------------------------------------------------

    def _call(self, node: fx.Node) -> Any:
        if node.target is aten.detach.default and not self.differentiable:
            return self._entry(node.args[0])
        leaves = [x for x in leaves_of(node) if _is_value(x)]
        entries = [self._entry(leaf) for leaf in leaves]
        if all(isinstance(entry, _Known) for entry in entries):
            return _computed(node, self._entry)
        moved = self._moved(node, entries)
        if moved is not None:
            return moved
        return self._emit_as(node)

    def _entry(self, value: Any) -> Any:
        return self.entries[value] if isinstance(value, fx.Node) else _Known(value)

    def _emit_as(self, node: fx.Node) -> Any:
        """The operation itself, on what its arguments have become."""

        def argument(value: Any) -> Any:
            return self._written(self._entry(value)) if _is_value(value) else value

        args, kwargs = map_aggregate((node.args, node.kwargs), argument)
        return self._emit(node.target, args, node.meta, kwargs)

    def _emit(self, target: Any, args: tuple, meta: dict, kwargs: dict | None = None) -> fx.Node:
        key = _key(target, args, kwargs or {})
        if key not in self.same:
            self.same[key] = self.new.call_function(target, args, kwargs)
            self.same[key].meta.update(meta)
        return self.same[key]

    # --- following numbers ------------------------------------------------------------------------

    def _moved(self, node: fx.Node, entries: Sequence[Any]) -> Any:
        """Where the numbers of a movement's results come from; None if that is not known."""
        if node.target is operator.getitem:
            whole, index = self._entry(node.args[0]), cast(int, node.args[1])
            return whole[index] if isinstance(whole, _Several) else None
        if node.target is aten.detach.default:
            return self._detached(node, entries[0])
        if node.target not in MOVEMENTS:
            return None
        dtype = _dtype(_first_data(node))
        data = [self._entry(x) for x in leaves_of(node) if _has(x, dtype)]
        flags = {self._is_detached(entry) for entry in data if not isinstance(entry, _Known)}
        if dtype in UNFOLLOWED or len(flags) > 1 or not _alike(leaves_of(node), dtype):
            return None
        if any(self._size(entry) > MAX_FOLLOWED for entry in data):
            return None
        positions = self._follow(node, dtype)
        if positions is None:
            return None
        detached = flags == {True}
        if isinstance(positions, Tensor):
            return self._moved_or_known(node, positions, detached)
        users = {user.args[1]: user for user in node.users}
        return _Several(
            self._moved_or_known(users.get(i, node), own, detached)
            for i, own in enumerate(positions)
        )

    def _moved_or_known(self, node: fx.Node, positions: Tensor, detached: bool) -> _Moved | _Known:
        used, own = self._sources(positions)
        roots = [self.roots[number] for number in used]
        known = [root.tensor.reshape(-1) for root in roots if isinstance(root, _Known)]
        if not known or len(known) < len(roots):
            return _Moved(node, positions, detached)
        return _Known(torch.cat(known)[own.reshape(-1)].reshape(own.shape))

    def _follow(self, node: fx.Node, dtype: torch.dtype | None) -> Any:
        def argument(value: Any) -> Any:
            if not _is_value(value):
                return value
            entry = self._entry(value)
            if _has(value, dtype):
                return self._positions(entry)
            return entry.tensor.cpu() if isinstance(entry, _Known) else entry

        try:
            args, kwargs = map_aggregate((node.args, node.kwargs), argument)
            kwargs = {key: value for key, value in kwargs.items() if key != "memory_format"}
            out = node.target(*args, **kwargs)  # type: ignore[operator]
        except (RuntimeError, TypeError):  # a view that these strides do not allow, say
            return None
        parts = [out] if isinstance(out, Tensor) else out
        return out if all(part.numel() <= MAX_FOLLOWED for part in parts) else None

    def _detached(self, node: fx.Node, entry: Any) -> Any:
        if self._size(entry) > MAX_FOLLOWED or node.meta["dtype"] in UNFOLLOWED:
            return None
        return _Moved(node, self._positions(entry), True)

    def _is_detached(self, entry: Any) -> bool:
        return isinstance(entry, _Moved) and entry.detached

    def _size(self, entry: Any) -> int:
        if isinstance(entry, _Known):
            return entry.tensor.numel()
        if isinstance(entry, _Moved):
            return entry.positions.numel()
        return torch.Size(entry.meta["shape"]).numel() if entry.meta.get("dtype") else 0

    def _positions(self, entry: Any) -> Tensor:
        if isinstance(entry, _Moved):
            return entry.positions
        key = id(entry.tensor) if isinstance(entry, _Known) else id(entry)
        if key not in self.positions_of:
            shape = entry.tensor.shape if isinstance(entry, _Known) else entry.meta["shape"]
            size = torch.Size(shape).numel()
            self.starts.append(self.next_position)
            self.roots.append(entry)
            own = torch.arange(self.next_position, self.next_position + size).view(shape)
            self.next_position += size
            self.positions_of[key] = own
        return self.positions_of[key]

    # --- writing moved numbers down ---------------------------------------------------------------

    def _written(self, entry: Any) -> Any:
        """An argument of the new graph: a node, or a constant's tensor."""
        if isinstance(entry, _Known):
            return entry.tensor
        if not isinstance(entry, _Moved):
            return entry
        if entry.node not in self.written:
            self.written[entry.node] = self._write(entry)
        return self.written[entry.node]

    def _write(self, entry: _Moved) -> Any:
        used, positions = self._sources(entry.positions)
        roots = [self.roots[number] for number in used]
        direct = self._direct(entry, roots, positions)
        if direct is not None:
            return direct
        joining = len(roots) + 1 if len(roots) > 1 else 0
        gathering = joining + 1 + (positions.ndim != 1) + positions.numel() // GATHERED_AT_ONCE
        if gathering < self._cost(entry):
            return self._gather(entry, roots, positions)
        return self._as_before(entry)

    def _sources(self, positions: Tensor) -> tuple[list[int], Tensor]:
        """Whose numbers these are, and where they are among those of all of these."""
        starts = torch.tensor(self.starts)
        owner = torch.searchsorted(starts, positions.contiguous(), right=True) - 1
        used = torch.unique(owner).tolist()
        shifts = torch.zeros(len(self.starts), dtype=torch.long)
        total = 0
        for number in used:
            shifts[number] = total - self.starts[number]
            total += self._size(self.roots[number])
        return used, positions + shifts[owner]

    def _direct(self, entry: _Moved, roots: list, positions: Tensor) -> Any:
        """All numbers of one tensor in their order, which is that tensor or a view."""
        if len(roots) > 1 or positions.numel() != self._size(roots[0]):
            return None
        if not torch.equal(positions.reshape(-1), torch.arange(positions.numel())):
            return None
        if entry.detached and self.differentiable:
            return None
        shape = tuple(positions.shape)
        if shape == tuple(roots[0].meta["shape"]):
            return roots[0]
        meta = roots[0].meta | {"shape": shape}
        return self._emit(aten.reshape.default, (roots[0], list(shape)), meta)

    def _cost(self, entry: Any) -> int:
        """How many operations would have to be written down for a moved entry as it was."""
        if not isinstance(entry, _Moved) or entry.node in self.written:
            return 0
        node: Any = entry.node
        operation = node.args[0] if node.target is operator.getitem else node
        sources = [leaf for leaf in leaves_of(operation) if isinstance(leaf, fx.Node)]
        return 1 + sum(self._cost(self.entries[source]) for source in sources)

    def _gather(self, entry: _Moved, roots: list, positions: Tensor) -> fx.Node:
        meta = {key: entry.node.meta[key] for key in ("dtype", "device")}
        flat = [self._flat(root) for root in roots]
        total = sum(map(self._size, roots))
        whole = flat[0]
        if len(flat) > 1:
            whole = self._emit(aten.cat.default, (flat,), meta | {"shape": (total,)})
        index = positions.reshape(-1).to(meta["device"])
        size, shape = (positions.numel(),), tuple(positions.shape)
        result = self._emit(aten.index_select.default, (whole, 0, index), meta | {"shape": size})
        if shape != size:
            meta["shape"] = shape
            result = self._emit(aten.reshape.default, (result, list(shape)), meta)
        if entry.detached and self.differentiable:
            result = self._emit(aten.detach.default, (result,), meta | {"shape": shape})
        return result

    def _flat(self, root: _Known | fx.Node) -> Any:
        if isinstance(root, _Known):
            return root.tensor.reshape(-1)
        meta = root.meta | {"shape": (self._size(root),)}
        if len(root.meta["shape"]) == 1:
            return root
        return self._emit(aten.reshape.default, (root, [-1]), meta)

    def _as_before(self, entry: _Moved) -> Any:
        """The operation itself; rows that others are selected from, too, are taken all at once."""
        node = entry.node
        if node.target is operator.getitem:
            return self._part(node)
        if node.target is aten.select.int:
            source, axis, index = cast(tuple[fx.Node, int, int], node.args)
            shape = source.meta["shape"]
            if 2 * self.rows[source, axis % len(shape)] > shape[axis]:
                whole = self._written(self._entry(source))
                rows = self._emit(aten.unbind.int, (whole, axis), {"dtype": None})
                return self._emit(operator.getitem, (rows, index % shape[axis]), node.meta)
        return self._emit_as(node)

    def _part(self, node: fx.Node) -> Any:
        """One of several results of a movement."""
        whole: Any = node.args[0]
        return self._emit(operator.getitem, (self._emit_as(whole), node.args[1]), node.meta)


# --- nodes ----------------------------------------------------------------------------------------


def _is_value(value: Any) -> bool:
    return isinstance(value, (Tensor, fx.Node))


def _dtype(value: Any) -> torch.dtype | None:
    return value.dtype if isinstance(value, Tensor) else value.meta.get("dtype")


def _has(value: Any, dtype: torch.dtype | None) -> bool:
    return _is_value(value) and _dtype(value) == dtype


def leaves_of(node: fx.Node) -> list[Any]:
    """The arguments of an operation, those in lists too."""
    return tree_leaves((node.args, node.kwargs))


def _alike(values: Sequence[Any], dtype: torch.dtype | None) -> bool:
    """Whether all tensors are of a dtype, apart from indices."""
    return all(_dtype(value) in (dtype, torch.int64) for value in values if _is_value(value))


def _first_data(node: fx.Node) -> Any:
    return next(x for x in leaves_of(node) if _is_value(x))


def _rows(graph: fx.Graph) -> Counter:
    """How many rows are selected from each node along each axis."""
    found: Counter = Counter()
    for node in graph.find_nodes(op="call_function", target=aten.select.int):
        source, axis, _ = node.args
        if isinstance(source, fx.Node):
            found[source, axis % len(source.meta["shape"])] += 1
    return found


def _computed(node: fx.Node, entry: Callable[[Any], Any]) -> Any:
    """What an operation on constants gives."""

    def argument(value: Any) -> Any:
        return entry(value).tensor if _is_value(value) else value

    args, kwargs = map_aggregate((node.args, node.kwargs), argument)
    with torch.no_grad():
        out = node.target(*args, **kwargs)  # type: ignore[operator]
    return _Known(out) if isinstance(out, Tensor) else _Several(map(_Known, out))


def _key(target: Any, args: tuple, kwargs: dict) -> Any:
    """What makes two operations the same."""

    def part(value: Any) -> Any:
        if isinstance(value, (Tensor, fx.Node)):
            return id(value)
        if isinstance(value, (list, tuple)):
            return tuple(map(part, value))
        return (type(value), repr(value))  # 1 is not 1.0 here

    items = tuple((name, part(value)) for name, value in sorted(kwargs.items()))
    return target, part(args), items
