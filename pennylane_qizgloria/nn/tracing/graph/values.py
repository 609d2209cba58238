"""What the values of a traced graph are known to be while it is simplified.

A value of the graph is a tensor (a constant) or a node. An entry says what a node has become in the
new graph: `Known` if it follows from constants alone, `Moved` if it holds numbers of other entries
and is not written down yet, `Several` for an operation with several results, or a node there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, fx

VALUE = (Tensor, fx.Node)
"""The kinds of arguments that are values; others are numbers and the like."""


@dataclass(frozen=True, eq=False)
class Known:
    """A constant."""

    tensor: Tensor


@dataclass(frozen=True, eq=False)
class Moved:
    """Numbers of other tensors, not written down yet.

    Args:
        node: the operation of the old graph.
        positions: of its numbers among those of all tensors; see `copy_propagation`.
        detached: whether no gradient goes through.
    """

    node: fx.Node
    positions: Int[Tensor, "..."]
    detached: bool


class Several(list):
    """The results of an operation with several."""


def size_of(entry: Any) -> int:
    """How many numbers there are in an entry."""
    if isinstance(entry, Known):
        return entry.tensor.numel()
    if isinstance(entry, Moved):
        return entry.positions.numel()
    return torch.Size(entry.meta["shape"]).numel() if entry.meta.get("dtype") else 0


def dtype_of(value: Any) -> torch.dtype | None:
    """The dtype of a tensor or of what a node gives; None for several results."""
    return value.dtype if isinstance(value, Tensor) else value.meta.get("dtype")


def are_alike(values: Sequence[Any], dtype: torch.dtype | None) -> bool:
    """Whether all values are of a dtype, apart from indices."""
    return all(dtype_of(value) in (dtype, torch.int64) for value in values)


def leaves_of(node: fx.Node) -> list[Any]:
    """The arguments of an operation, those in lists too."""
    # As `torch.utils._pytree.tree_leaves`, which takes many times as long.
    found, waiting = [], [*node.args, *node.kwargs.values()][::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, (list, tuple)):
            waiting += value[::-1]
        else:
            found.append(value)
    return found
