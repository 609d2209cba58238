"""Conditions on numbers: the one place where Python looks at the values of tensors.

What traces a circuit takes the answers for granted, and has to know what they were: it collects the
conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from .._compat.torch import has_values

Test = Callable[[Tensor], Tensor]
"""From numbers to a tensor of one bool."""

Collector = Callable[[Test, Tensor], bool]
"""Takes a test and the numbers that it is of, and gives its result."""

_COLLECTOR: ContextVar[Collector | None] = ContextVar("_COLLECTOR", default=None)


def holds(condition: Tensor) -> bool:
    """Whether a condition holds everywhere; True where its values cannot be looked at.

    Inside ``torch.func.vmap`` a tensor has no value that Python could branch on.
    """
    return _passes(torch.all, condition)


def are_finite(numbers: Tensor) -> bool:
    """Whether all numbers are finite; True where they cannot be looked at."""
    return _passes(all_finite, numbers)


def all_finite(numbers: Tensor) -> Tensor:
    """Whether all numbers are finite, as a tensor.

    What traces a circuit keeps this function as one operation, where torch would see several.
    """
    values = numbers.detach()
    # The difference is NaN unless a number is finite; this takes less than torch.isfinite does.
    return (values - values == 0).all()


def _passes(test: Test, numbers: Tensor) -> bool:
    if not has_values(numbers):
        return True
    collect = _COLLECTOR.get()
    return bool(test(numbers)) if collect is None else collect(test, numbers)


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
