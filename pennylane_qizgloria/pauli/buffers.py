"""Memory of past states for new ones.

Above a few megabytes the operating system hands out fresh memory page by page, which takes longer
than the arithmetic of a step does. So states that nobody reads any more are kept, up to a limit,
and new ones are written over them, in later calls too.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor

MAX_BYTES = 2**30
"""How much memory may lie ready for later states."""

_Key = tuple[torch.Size, torch.dtype, torch.device]

_free: defaultdict[_Key, list[Tensor]] = defaultdict(list)


def take(like: Tensor, batch: int) -> Tensor:
    """A buffer for a batch of states like this one, with any content."""
    shape = torch.Size((batch, like.shape[1]))
    try:
        return _free[shape, like.dtype, like.device].pop()
    except IndexError:
        return like.new_empty(shape)


def give(state: Tensor) -> None:
    """Hand over a state that nobody will read again.

    A view of something larger is left alone: it would keep all of that, and slow down what is
    written to it.
    """
    if state.is_contiguous() and held_bytes() + state.nbytes <= MAX_BYTES:
        _free[state.shape, state.dtype, state.device].append(state)


def held_bytes() -> int:
    """How much memory lies ready."""
    return sum(len(states) * states[0].nbytes for states in _free.values() if states)


def clear() -> None:
    """Give the memory that lies ready back to the operating system."""
    _free.clear()
