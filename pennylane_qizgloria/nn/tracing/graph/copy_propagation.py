"""Following numbers through operations that only move them about: views, selections, stacks.

Every number of every tensor that such operations start from has a position of its own, counted
through all tensors. An operation of this kind, done on positions, tells where the numbers of its
results come from (copy propagation).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from ...._compat.torch import UNSAFE_VIEW
from .values import VALUE, Known, Moved, dtype_of, size_of

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
    operator.getitem,
}
"""Operations whose results hold numbers of their arguments, as they are."""

MAX_FOLLOWED = 2**14
"""Numbers of larger tensors are not followed: there, time goes into arithmetic."""


class Positions:
    """The positions of all numbers that are followed."""

    def __init__(self) -> None:
        self.roots: list[Known | fx.Node] = []
        self.starts: list[int] = []  # where the positions of each root start
        self._of_roots: dict[int, Tensor] = {}
        self._next = 0

    def of(self, entry: Known | Moved | fx.Node) -> Int[Tensor, "..."]:
        """The positions of an entry's numbers, in its shape."""
        if isinstance(entry, Moved):
            return entry.positions
        key = id(entry.tensor) if isinstance(entry, Known) else id(entry)
        if key not in self._of_roots:
            self._of_roots[key] = self._added(entry)
        return self._of_roots[key]

    def _added(self, root: Known | fx.Node) -> Int[Tensor, "..."]:
        shape = root.tensor.shape if isinstance(root, Known) else root.meta["shape"]
        start, size = self._next, torch.Size(shape).numel()
        self.starts.append(start)
        self.roots.append(root)
        self._next += size
        return torch.arange(start, start + size).view(shape)

    def sources(
        self, positions: Int[Tensor, "*shape"]
    ) -> tuple[list[Known | fx.Node], Int[Tensor, "*shape"]]:
        """Whose numbers these are, and where they are among those of all of these in a row."""
        owner = torch.searchsorted(
            torch.tensor(self.starts), positions.contiguous(), right=True
        ).sub(1)
        used = torch.unique(owner).tolist()
        shifts = torch.zeros(len(self.starts), dtype=torch.long)
        total = 0
        for number in used:
            shifts[number] = total - self.starts[number]
            total += size_of(self.roots[number])
        return [self.roots[number] for number in used], positions + shifts[owner]


def follow(
    node: fx.Node, dtype: torch.dtype | None, entry: Callable[[Any], Any], positions: Positions
) -> Any:
    """The positions of a movement's results; None if they are too many or it refuses them.

    Args:
        node: the operation.
        dtype: of the numbers that are moved; other arguments are indices.
        entry: from an argument to its entry.
        positions: of all numbers.
    """

    def argument(value: Any) -> Any:
        if not isinstance(value, VALUE):
            return value
        own = entry(value)
        if dtype_of(value) == dtype:
            return positions.of(own)
        return own.tensor.cpu() if isinstance(own, Known) else own

    try:
        args, kwargs = map_aggregate((node.args, node.kwargs), argument)
        kwargs = {key: value for key, value in kwargs.items() if key != "memory_format"}
        out = node.target(*args, **kwargs)  # type: ignore[operator]
    except (RuntimeError, TypeError):  # a view that these strides do not allow, say
        return None
    parts = [out] if isinstance(out, Tensor) else out
    return out if all(part.numel() <= MAX_FOLLOWED for part in parts) else None
