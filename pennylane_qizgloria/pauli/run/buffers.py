"""Memory of past states for new ones.

Above a few megabytes the operating system hands out fresh memory page by page, which takes longer
than the arithmetic of a step does. So states that nobody reads any more are kept, up to a limit,
and new ones are written over them, in later calls too. Small states are not worth the trouble.
"""

from __future__ import annotations

from collections import defaultdict
from threading import Lock

import torch
from torch import Tensor

MAX_BYTES = 2**30
"""How much memory may lie ready for later states."""

MIN_BYTES = 2**17
"""States below this are left to torch's own allocator."""

_Key = tuple[int, torch.dtype, torch.device]


class _Pool:
    """Flat buffers by size, shared by all threads."""

    def __init__(self) -> None:
        self.free: defaultdict[_Key, list[Tensor]] = defaultdict(list)
        self.bytes = 0
        self.lock = Lock()

    def pop(self, key: _Key) -> Tensor | None:
        with self.lock:
            if not self.free[key]:
                return None
            self.bytes -= self.free[key][-1].nbytes
            return self.free[key].pop()

    def push(self, state: Tensor) -> None:
        with self.lock:
            if self.bytes + state.nbytes <= MAX_BYTES:
                self.free[state.numel(), state.dtype, state.device].append(state.view(-1))
                self.bytes += state.nbytes

    def clear(self) -> None:
        with self.lock:
            self.free.clear()
            self.bytes = 0


_pool = _Pool()


def take(like: Tensor, batch: int, paulis: int) -> Tensor:
    """A buffer for a batch of states of the dtype and on the device of another, of any content."""
    numbers = batch * paulis
    if numbers * like.element_size() >= MIN_BYTES:
        found = _pool.pop((numbers, like.dtype, like.device))
        if found is not None:
            return found.view(batch, paulis)
    return like.new_empty(batch, paulis)


def take_large(like: Tensor, batch: int, paulis: int) -> Tensor | None:
    """What `take` gives; None where it would not be worth the trouble."""
    if batch * paulis * like.element_size() < MIN_BYTES:
        return None
    return take(like, batch, paulis)


def give(state: Tensor) -> None:
    """Hand over a state that nobody will read again.

    A view of something larger is left alone: it would keep all of that, and slow down what is
    written to it. So is what was made in inference mode, which nothing else may write to.
    """
    if state.nbytes >= MIN_BYTES and state.is_contiguous() and not state.is_inference():
        _pool.push(state)


def held_bytes() -> int:
    """How much memory lies ready."""
    return _pool.bytes


def clear() -> None:
    """Give the memory that lies ready back to the operating system."""
    _pool.clear()
