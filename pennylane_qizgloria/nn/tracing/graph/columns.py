"""A traced function as a few operations on whole columns of numbers, for any batch size.

A circuit takes its numbers one by one, so the graph of a traced function consists of views,
selections and stacks above all, and of the same small computation over and over. What remains of it
are *sources*: the numbers of an argument, or what an operation made of columns of others. A source
holds ``columns`` numbers that all elements of a batch share, or ``(batch, columns)``. Nothing
depends on the size of the batch. `following` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from torch.fx.node import map_aggregate

aten = torch.ops.aten


@dataclass(frozen=True, eq=False)
class Gather:
    """Columns of some sources.

    Args:
        sources: the numbers of the sources, their columns one after the other.
        index: which of these columns; None for all, in order.
        batched: whether each element of a batch has its own numbers.
        shape: of the numbers of one element.
        dtype: of the numbers; None for that which they have.
        device: where they are taken to; None for where they are.
    """

    sources: tuple[int, ...]
    index: Int[Tensor, " columns"] | None
    batched: bool
    shape: tuple[int, ...]
    dtype: torch.dtype | None = None
    device: torch.device | None = None

    def __call__(self, values: Mapping[int, Tensor], batch: int) -> Tensor:
        """The numbers, ``(*shape)`` or ``(batch, *shape)``."""
        if len(self.sources) == 1:
            joined = values[self.sources[0]]
            if self.batched and joined.ndim == 1:
                joined = joined.expand(batch, -1)
        else:
            joined = self._joined([values[source] for source in self.sources], batch)
        if self.index is not None:
            joined = joined.index_select(-1, self.index)
        if self.dtype is not None or self.device is not None:
            joined = joined.to(self.device, self.dtype)
        if len(self.shape) == 1:
            return joined
        return joined.reshape(batch, *self.shape) if self.batched else joined.reshape(self.shape)

    def _joined(self, parts: list[Tensor], batch: int) -> Tensor:
        if self.batched:
            parts = [part if part.ndim == 2 else part.expand(batch, -1) for part in parts]
        return torch.cat(parts, -1)


@dataclass(frozen=True, eq=False)
class Stage:
    """An operation on columns, which makes a source.

    Args:
        target: the operation.
        args: its arguments; gathers stand for tensors.
        kwargs: its arguments by name.
        batched: whether the result is one for each element of a batch.
        nested: whether gathers stand in lists, or among the arguments by name.
    """

    target: Callable[..., Tensor]
    args: tuple
    kwargs: dict[str, Any]
    batched: bool
    nested: bool

    def __call__(self, values: Mapping[int, Tensor], batch: int) -> Tensor:
        """The source."""
        if self.nested:
            args, kwargs = map_aggregate(
                (self.args, self.kwargs),
                lambda value: value(values, batch) if isinstance(value, Gather) else value,
            )
            result = self.target(*args, **kwargs)
        else:
            given = [x(values, batch) if isinstance(x, Gather) else x for x in self.args]
            result = self.target(*given, **self.kwargs)
        if result.ndim == 1 + self.batched:
            return result
        return result.reshape(batch, -1) if self.batched else result.reshape(-1)


@dataclass(frozen=True, eq=False)
class ColumnMap:
    """A function of tensors as operations on columns.

    Args:
        constants: sources that are always the same; None for the arguments and stages.
        batched: which of the arguments have a batch axis.
        stages: what makes the other sources.
        holds: whether the conditions of the function hold; None if there are none.
        results: the results.
        live: tensors from elsewhere that may be trained, which are the last arguments.
        watched: tensors from elsewhere that must stay as they are, and their versions.
    """

    constants: dict[int, Tensor]
    batched: tuple[bool, ...]
    stages: tuple[tuple[int, Stage], ...]
    holds: Gather | None
    results: tuple[Gather, ...]
    live: tuple[Tensor, ...]
    watched: tuple[tuple[Tensor, int], ...]

    is_for_any_batch = True

    def __call__(self, tensors: Sequence[Tensor], batch: int) -> tuple[Tensor | None, list[Tensor]]:
        """Whether the conditions hold, a bool or None, and the results."""
        values: dict[int, Tensor] = dict(self.constants)
        given = (*tensors, *self.live)
        for number, (tensor, is_batched) in enumerate(zip(given, self.batched, strict=True)):
            values[number] = tensor.reshape(len(tensor), -1) if is_batched else tensor.reshape(-1)
        for number, stage in self.stages:
            values[number] = stage(values, batch)
        holds = None if self.holds is None else self.holds(values, batch)
        return holds, [result(values, batch) for result in self.results]

    def is_like(self, other: ColumnMap) -> bool:
        """Whether another map does the same, whatever the numbers are."""
        if self.constants.keys() != other.constants.keys() or self.batched != other.batched:
            return False
        if [*map(id, self.live)] != [*map(id, other.live)]:
            return False
        constants = zip(self.constants.values(), other.constants.values(), strict=True)
        if not all(_same(*pair) for pair in constants):
            return False
        own = (self.stages, self.holds, self.results)
        return _same(own, (other.stages, other.holds, other.results))


def _same(first: Any, second: Any) -> bool:
    """Whether arguments of operations are the same."""
    if type(first) is not type(second):
        return False
    if isinstance(first, Tensor):
        alike = first.dtype == second.dtype and first.shape == second.shape
        return alike and torch.equal(first, second)
    if isinstance(first, (Gather, Stage)):
        return _same(vars(first), vars(second))
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(_same(first[x], second[x]) for x in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(_same, first, second))
    return first == second
