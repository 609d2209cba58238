"""The first values of a circuit's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SEEDS = range(-(2**63), 2**64)
"""What torch's generators take."""


@dataclass(frozen=True)
class FirstValues:
    """What weights start from.

    Args:
        number: how many weights there are.
        given: their values; None to draw them uniformly from [-1, 1].
        seed: for that draw; None takes torch's generator.
    """

    number: int
    given: Float[Tensor, "weights"] | None
    seed: int | None

    def values(self) -> Float[Tensor, "weights"]:
        """The values in double precision; without a seed, others at each call."""
        if self.given is not None:
            return self.given
        generator = None if self.seed is None else torch.Generator().manual_seed(self.seed)
        start = torch.empty(self.number, dtype=torch.float64)
        return start.uniform_(-1, 1, generator=generator)


def first_values(given: Any, seed: Any, number: int) -> FirstValues:
    """What the user wants weights to start from.

    Raises:
        TypeError: if the values are no numbers or the seed is no integer.
        ValueError: if the values are not finite, too many or too few, or the seed is out of range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer | None):
        raise TypeError(f"The seed of a circuit's weights is an integer or None, got {seed!r}.")
    if seed is not None and int(seed) not in SEEDS:
        raise ValueError(
            f"The seed of a circuit's weights is from -2**63 to 2**64 - 1, not {seed}."
        )
    seed = None if seed is None else int(seed)
    return FirstValues(number, None if given is None else _values(given, number), seed)


def _values(given: Any, number: int) -> Float[Tensor, "weights"]:
    try:
        values = torch.as_tensor(given, dtype=torch.float64).detach().clone().flatten()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"The initial weights are real numbers, got {given!r}.") from error
    require_number(len(values), number, "initial weights")
    if not values.isfinite().all():
        raise ValueError(f"The initial weights must be finite, got {values.tolist()}.")
    return values


def require_dtype(dtype: Any) -> None:
    """Refuse what is no dtype for weights.

    Raises:
        TypeError: if it is no dtype of torch's.
        ValueError: if it is not a real floating one.
    """
    if not isinstance(dtype, torch.dtype | None):
        raise TypeError(
            f"dtype must be one of torch's, such as torch.float64, or None; got {dtype!r}."
        )
    if dtype is not None and not dtype.is_floating_point:
        raise ValueError(f"The weights of a circuit are real floats, so dtype cannot be {dtype}.")


def require_number(given: int, expected: int, what: str) -> None:
    """Refuse too many or too few of something.

    Raises:
        ValueError: if the numbers differ.
    """
    if given != expected:
        raise ValueError(f"The circuit has {expected} {what}, but {given} were given.")
