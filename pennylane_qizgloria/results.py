"""Results in PennyLane's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Result = Any
"""One array for each measurement, in tuples where there are several (PennyLane's return types)."""


def unwrapped(results: Sequence[Any]) -> Any:
    """Several results as a tuple, a single one as it is.

    >>> unwrapped([1.0]), unwrapped([1.0, 2.0])
    (1.0, (1.0, 2.0))
    """
    return results[0] if len(results) == 1 else tuple(results)
