"""Making columns of a graph: the numbers of all tensors are followed through it.

An operation that acts on each number by itself becomes one operation on all columns that occur; one
that only moves numbers about becomes nothing at all; what brings elements of a batch together is
refused.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from ...._compat.torch import CONJUGATED, TO_COPY, UNSAFE_VIEW
from ....pauli.conditions import all_finite
from .columns import ColumnMap, Gather, Stage
from .trace import Trace, ancestors

aten = torch.ops.aten

MOVEMENTS = {
    UNSAFE_VIEW,
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
}
"""Operations whose results hold numbers of their arguments, as they are."""

VIEWS = {aten.view.default: torch.reshape, UNSAFE_VIEW: torch.reshape}

INDEXED = {aten.index_select.default, aten.index_copy.default}
"""Movements whose second tensor says where to."""

POINTWISE = {CONJUGATED, aten.complex.default, aten.resolve_conj.default}
"""Operations on each number by itself, besides those that torch says are such."""

CONVERSIONS = {TO_COPY, aten.detach.default}
"""Operations on each number by itself that harm none: whole sources are converted, and once."""

EVERYTHING = {aten.all.default, torch.all, all_finite}
"""Tests of all numbers, however many of each there are."""

ALONG_AXES = {aten.all.dim, aten.sum.dim_IntList, aten.prod.dim_int}
"""Operations along axes, which the batch's may not be among."""

BEHIND = {aten.view_as_real.default, aten.view_as_complex.default}
"""Operations on the last axis of complex numbers as real ones."""

MAX_FOLLOWED = 2**18
"""Tensors of more numbers are not followed."""


class NotColumnsError(Exception):
    """Says that a function is more than operations on columns."""


def column_map(traced: Trace, batched: Sequence[bool], results: Sequence[bool]) -> ColumnMap:
    """The map that a graph is.

    Args:
        traced: the graph of a function.
        batched: for each argument whether its first axis is that of a batch.
        results: the same for each result.

    Raises:
        NotColumnsError: if numbers of several elements of a batch come together, or the order of
            the elements changes.
    """
    return _Follower(traced, [*batched, *(False for _ in traced.live)]).run(results)


class _Follower:
    """Follows the numbers through a graph.

    A number has a position: those of the first source come first, row by row.
    """

    def __init__(self, traced: Trace, batched: Sequence[bool]) -> None:
        self.traced = traced
        self.arguments = tuple(batched)
        self.starts: list[int] = []
        self.devices: list[torch.device] = []
        self.widths: list[int] = []
        self.batched: list[bool] = []
        self.next = 0
        self.size = 1
        self.constants: dict[int, Tensor] = {}
        self.stages: list[tuple[int, Stage]] = []
        self.entries: dict[fx.Node, Any] = {}
        self.of_constants: dict[int, Tensor] = {}
        self.conversions: dict[tuple, int] = {}

    def run(self, results: Sequence[bool]) -> ColumnMap:
        graph = self.traced.graph
        placeholders = list(graph.find_nodes(op="placeholder"))
        for node, is_batched in zip(placeholders, self.arguments, strict=True):
            if is_batched:
                self.size = node.meta["shape"][0]
        for node, is_batched in zip(placeholders, self.arguments, strict=True):
            self.entries[node] = self._source(node.meta["shape"], is_batched, _device(node))
        outputs: Any = graph.output_node().args[0]
        holds, *ends = outputs
        needed = ancestors(outputs)
        for node in graph.nodes:
            if node.op == "call_function" and node in needed:
                self.entries[node] = self._call(node)
        return ColumnMap(
            self.constants,
            self.arguments,
            tuple(self.stages),
            None if holds is None else self._result(holds, False),
            tuple(self._result(*pair) for pair in zip(ends, results, strict=True)),
            self.traced.live,
            self.traced.watched,
        )

    def _result(self, value: Any, is_batched: bool) -> Gather:
        positions = self._positions(value)
        if not positions.numel() and not is_batched:
            empty = torch.zeros(0, dtype=_dtype(value), device=_device(value))
            self.constants[len(self.starts)] = empty
            self._source((0,), False, empty.device)
            return Gather((len(self.starts) - 1,), None, False, tuple(positions.shape))
        return self._gather(positions, is_batched)

    # --- sources ----------------------------------------------------------------------------------

    def _source(
        self, shape: Sequence[int], is_batched: bool, device: torch.device
    ) -> Int[Tensor, "..."]:
        """The positions of a new source's numbers; of a batched one with the axis in front."""
        count = int(np.prod(shape, dtype=int))
        if count > MAX_FOLLOWED:
            raise NotColumnsError("a tensor is too large to be followed")
        self.starts.append(self.next)
        self.widths.append(count // self.size if is_batched else count)
        self.batched.append(is_batched)
        self.devices.append(device)
        first, self.next = self.next, self.next + count
        return torch.arange(first, self.next, device="cpu").reshape(tuple(shape))

    def _positions(self, value: Any) -> Int[Tensor, "..."]:
        """Where the numbers of an argument stand."""
        if isinstance(value, fx.Node):
            return self.entries[value]
        if id(value) not in self.of_constants:
            # Equal numbers are one column: a constant may have been made for the size of the batch.
            numbers, which = value.detach().reshape(-1), None
            if not value.is_complex():
                numbers, which = torch.unique(numbers, return_inverse=True)
            self.constants[len(self.starts)] = numbers
            positions = self._source((len(numbers),), False, numbers.device)
            positions = positions if which is None else positions[which.cpu()]
            self.of_constants[id(value)] = positions.reshape(value.shape)
        return self.of_constants[id(value)]

    def _columns(self, positions: Int[Tensor, "..."]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The source of each number, its row there (-1 if it has none), and its column."""
        flat = positions.reshape(-1).numpy()
        owner = np.searchsorted(self.starts, flat, side="right") - 1
        width = np.maximum(np.array(self.widths, dtype=int)[owner], 1)
        rest = flat - np.array(self.starts, dtype=int)[owner]
        is_batched = np.array(self.batched, dtype=bool)[owner]
        return owner, np.where(is_batched, rest // width, -1), rest % width

    def _gather(self, positions: Int[Tensor, "..."], is_batched: bool) -> Gather:
        """The numbers at some positions as columns; of a batch's with its axis in front."""
        owner, row, column = self._columns(positions)
        shape = tuple(positions.shape)
        if not is_batched:
            if (row >= 0).any():
                raise NotColumnsError("an element of a batch is taken by itself")
            return self._select(owner, column, False, shape)
        if not shape or shape[0] != self.size:
            raise NotColumnsError("a batch axis is not the first one")
        table = [part.reshape(self.size, -1) for part in (owner, row, column)]
        rows = np.arange(self.size)[:, None]
        alike = all((part == part[:1]).all() for part in (table[0], table[2]))
        if not alike or not ((table[1] == rows) | (table[1] < 0)).all():
            raise NotColumnsError("the elements of a batch come together")
        return self._select(table[0][0], table[2][0], True, shape[1:])

    def _select(
        self, owner: np.ndarray, column: np.ndarray, is_batched: bool, shape: tuple[int, ...]
    ) -> Gather:
        sources = tuple(map(int, np.unique(owner)))
        shifts = np.cumsum([0, *(self.widths[source] for source in sources)])
        places = shifts[np.searchsorted(sources, owner)] + column
        if not sources:
            raise NotColumnsError("there are no numbers")
        width = sum(self.widths[source] for source in sources)
        index = None
        if len(places) != width or (places != np.arange(width)).any():
            index = torch.from_numpy(places.astype(np.int64)).to(self.devices[sources[0]])
        return Gather(sources, index, is_batched, shape)

    # --- operations -------------------------------------------------------------------------------

    def _call(self, node: fx.Node) -> Any:
        target: Any = node.target
        if target is operator.getitem:
            return self.entries[node.args[0]][node.args[1]]  # type: ignore[index]
        if target in MOVEMENTS and self._is_followed(node):
            kwargs = {k: v for k, v in node.kwargs.items() if k != "memory_format"}
            # Positions may have other strides than the numbers, which only views care about.
            return VIEWS.get(target, target)(*self._with_positions(node), **kwargs)
        if target in CONVERSIONS:
            return self._converted(node)
        if target in EVERYTHING:
            return self._everything(node)
        if _is_pointwise(target):
            return self._pointwise(node)
        return self._whole(node)

    def _is_followed(self, node: fx.Node) -> bool:
        """Whether no argument but the numbers that are moved depends on anything."""
        numbers, indices = _tensors(node), []
        if node.target in INDEXED:
            numbers, indices = [numbers[0], *numbers[2:]], numbers[1:2]
        if node.target is aten.index.Tensor:
            numbers, indices = numbers[:1], _tensors(node)[1:]
        fixed = not any(isinstance(x, fx.Node) for x in indices)
        return fixed and len({_dtype(x) for x in numbers}) == 1

    def _with_positions(self, node: fx.Node) -> Any:
        dtype = node.meta.get("dtype") or _dtype(_tensors(node)[0])

        def own(value: Any) -> Any:
            is_number = isinstance(value, (Tensor, fx.Node)) and _dtype(value) == dtype
            return self._positions(value) if is_number else value

        # Positions are numbers of the CPU's, wherever those are that they stand for.
        if node.target is aten.index.Tensor:
            return own(node.args[0]), *map_aggregate(node.args[1:], _on_cpu)
        if node.target in INDEXED:
            source = map(own, node.args[3:])
            return own(node.args[0]), node.args[1], _on_cpu(node.args[2]), *source
        return map_aggregate(node.args, own)

    def _converted(self, node: fx.Node) -> Int[Tensor, "..."]:
        """Convert all sources that numbers are from."""
        (given,) = _tensors(node)
        positions = self._positions(given)
        owner, _, _ = self._columns(positions)
        shifts = np.zeros(len(owner), dtype=np.int64)
        for source in map(int, np.unique(owner)):
            shifts[owner == source] = self._conversion(node, source) - self.starts[source]
        return positions + torch.from_numpy(shifts).reshape(positions.shape)

    def _conversion(self, node: fx.Node, source: int) -> int:
        """Where the numbers of a converted source start."""
        options = tuple(sorted((key, str(value)) for key, value in node.kwargs.items()))
        key = (node.target, options, source)
        if key not in self.conversions:
            width, is_batched = self.widths[source], self.batched[source]
            gather = Gather((source,), None, is_batched, (width,))
            self.conversions[key] = len(self.starts)
            self._add_stage(
                node, iter([gather]), (self.size, width) if is_batched else (width,), is_batched
            )
        return self.starts[self.conversions[key]]

    def _pointwise(self, node: fx.Node) -> Int[Tensor, "..."]:
        """Do an operation on the columns that occur, once for each combination of them."""
        given = _tensors(node)
        shape = node.meta["shape"]
        found = [self._columns(self._positions(x).expand(shape)) for x in given]
        rows = np.stack([row for _, row, _ in found])
        row = rows.max(0)
        if ((rows != row) & (rows >= 0)).any():
            raise NotColumnsError("elements of a batch come together")
        keys = np.stack([part for owner, _, column in found for part in (owner, column)], 1)
        positions = torch.empty(len(row), dtype=torch.long, device="cpu")
        for is_batched in (False, True):
            chosen = (row >= 0) == is_batched
            if not chosen.any():
                continue
            columns, which = np.unique(keys[chosen], axis=0, return_inverse=True)
            gathers = [
                self._select(columns[:, 2 * k], columns[:, 2 * k + 1], own, (len(columns),))
                for k, own in enumerate(self._need_rows(found, chosen))
            ]
            pairs = zip(gathers, _promoted(node), strict=True)
            converted = iter([self._as_operand(node, gather, dtype) for gather, dtype in pairs])
            first = self.next
            self._add_stage(node, converted, (len(columns),), is_batched)
            start = row[chosen] * len(columns) if is_batched else 0
            positions[torch.from_numpy(chosen)] = torch.from_numpy(
                first + start + which.reshape(-1)
            )
        return positions.reshape(shape)

    def _as_operand(self, node: fx.Node, gather: Gather, dtype: torch.dtype | None) -> Gather:
        """Columns as a pointwise operation takes them: single numbers may be of another device."""
        device = _device(node)
        is_there = self.devices[gather.sources[0]] == device
        return replace(gather, dtype=dtype, device=None if is_there else device)

    @staticmethod
    def _need_rows(found: Sequence[tuple], chosen: np.ndarray) -> list[bool]:
        """For each argument whether it has numbers for each element of a batch."""
        return [bool((row[chosen] >= 0).any()) for _, row, _ in found]

    def _everything(self, node: fx.Node) -> Int[Tensor, ""]:
        (given,) = _tensors(node)
        owner, row, column = self._columns(self._positions(given))
        pairs = np.unique(np.stack([owner, column], 1), axis=0)
        gather = self._select(pairs[:, 0], pairs[:, 1], bool((row >= 0).any()), (len(pairs),))
        return self._add_stage(node, iter([gather]), (), False)

    def _whole(self, node: fx.Node) -> Any:
        """Do an operation as it is, on what no batch has a part in, or on each of its elements."""
        if node.meta.get("dtype") is None:
            raise NotColumnsError(f"{node.target} has several results")
        positions = [self._positions(x) for x in _tensors(node)]
        is_batched = any((self._columns(own)[1] >= 0).any() for own in positions)
        if is_batched and not self._is_of_each_element(node, positions):
            raise NotColumnsError(f"{node.target} brings elements of a batch together")
        gathers = iter(self._gather(own, is_batched) for own in positions)
        return self._add_stage(node, gathers, node.meta["shape"], is_batched)

    def _is_of_each_element(self, node: fx.Node, positions: Sequence[Tensor]) -> bool:
        if node.target in BEHIND:
            return True
        if node.target not in ALONG_AXES:
            return False
        dims: Any = node.args[1]
        axes = dims if isinstance(dims, (list, tuple)) else [dims]
        return all(axis % positions[0].ndim != 0 for axis in axes)

    def _add_stage(
        self, node: fx.Node, gathers: Any, shape: Sequence[int], is_batched: bool
    ) -> Int[Tensor, "..."]:
        def own(value: Any) -> Any:
            return next(gathers) if isinstance(value, (Tensor, fx.Node)) else value

        args, kwargs = map_aggregate((node.args, node.kwargs), own)
        number = len(self.starts)
        target: Any = node.target
        top = sum(isinstance(x, (Tensor, fx.Node)) for x in node.args)
        nested = top < len(_tensors(node))
        self.stages.append((number, Stage(target, args, dict(kwargs), is_batched, nested)))
        if _is_pointwise(target):
            shape = (self.size, *shape) if is_batched else shape
        return self._source(shape, is_batched, _device(node))


def _is_pointwise(target: Any) -> bool:
    return target in POINTWISE or torch.Tag.pointwise in getattr(target, "tags", ())


def _tensors(node: fx.Node) -> list[Any]:
    """The tensors and nodes among the arguments of an operation, in order."""
    found: list[Any] = []
    map_aggregate(
        (node.args, node.kwargs),
        lambda x: found.append(x) if isinstance(x, (Tensor, fx.Node)) else None,
    )
    return found


def _dtype(value: Any) -> torch.dtype | None:
    return value.dtype if isinstance(value, Tensor) else value.meta.get("dtype")


def _device(value: Any) -> torch.device:
    return value.device if isinstance(value, Tensor) else value.meta["device"]


def _on_cpu(value: Any) -> Any:
    return value.cpu() if isinstance(value, Tensor) else value


def _promoted(node: fx.Node) -> list[torch.dtype | None]:
    """In which dtypes an operation takes its arguments; None for their own.

    Columns have an axis where single numbers have none, and torch gives way to what has axes.
    """
    dtypes = [_dtype(x) for x in _tensors(node)]
    inexact = [x is not None and (x.is_floating_point or x.is_complex) for x in dtypes]
    if len({x for x, own in zip(dtypes, inexact, strict=True) if own}) < 2:
        return [None for _ in dtypes]
    result: torch.dtype = node.meta["dtype"]
    if not (result.is_floating_point or result.is_complex):
        raise NotColumnsError("numbers of several precisions are compared")
    return [result if own else None for own in inexact]
