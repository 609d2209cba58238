"""Conditions on numbers: the one place where Python looks at the values of tensors.

What traces a circuit takes the answers for granted, and has to know what they were: it collects the
conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

from .._compat.torch import has_values

Collector = Callable[[Tensor], bool]
"""Takes a condition, a tensor of one bool, and gives its value."""

_COLLECTOR: ContextVar[Collector | None] = ContextVar("_COLLECTOR", default=None)


def holds(condition: Tensor) -> bool:
    """Whether a condition holds everywhere; True where its values cannot be looked at.

    Inside ``torch.func.vmap`` a tensor has no value that Python could branch on.
    """
    everywhere = condition.all()
    if not has_values(everywhere):
        return True
    collect = _COLLECTOR.get()
    return bool(everywhere) if collect is None else collect(everywhere)


@contextmanager
def collecting(collect: Collector) -> Iterator[None]:
    """Hand every condition that is asked for to a collector."""
    token = _COLLECTOR.set(collect)
    try:
        yield
    finally:
        _COLLECTOR.reset(token)


def is_collected() -> bool:
    """Whether conditions are collected."""
    return _COLLECTOR.get() is not None
