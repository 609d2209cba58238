"""Simulations are computed in the precision that they are asked for, whatever autocast says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

DEVICE_TYPES = ("cpu", "cuda")
"""The kinds of torch device that a simulation runs on."""


@contextmanager
def without_autocast() -> Iterator[None]:
    """Switch autocast off: matrix products in half precision are of no use to a simulation."""
    enabled = [kind for kind in DEVICE_TYPES if torch.is_autocast_enabled(kind)]
    if not enabled:
        yield
        return
    with ExitStack() as stack:
        for kind in enabled:
            stack.enter_context(torch.autocast(kind, enabled=False))
        yield
