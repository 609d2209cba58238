"""How much of its noise a twin has."""

from __future__ import annotations

from math import inf
from numbers import Real
from typing import Any

import numpy as np
from torch import Tensor

from ..pauli.conditions import holds


def valid_scale(scale: Any) -> float | Tensor:
    """What noise is scaled by: 0 for none, 1 for all of it.

    Args:
        scale: a number or a tensor ``()`` or ``(batch,)``, which may be trained.

    Returns:
        A number as a float, a tensor as it is.

    Raises:
        TypeError: if it is neither.
        ValueError: if it is negative or not finite, or has more than one axis.

    >>> valid_scale(2)
    2.0
    """
    if isinstance(scale, np.ndarray):
        raise TypeError(
            "noise_scale must be a number or a torch tensor; for an array, give "
            f"torch.as_tensor(scale). Got an array of shape {scale.shape}."
        )
    if not isinstance(scale, (Real, Tensor)) or isinstance(scale, bool):
        raise TypeError(f"noise_scale must be a number or a torch tensor, got {scale!r}.")
    if isinstance(scale, Tensor):
        if not scale.is_floating_point() or scale.ndim > 1 or scale.numel() == 0:
            raise ValueError(
                "noise_scale must be a tensor of real numbers of shape () or (batch,), got "
                f"{scale.dtype} of shape {tuple(scale.shape)}."
            )
        if not holds((scale >= 0) & (scale < inf)):
            raise ValueError(_range_of(scale.detach().tolist()))
        return scale
    number = float(scale)
    if not 0 <= number < inf:
        raise ValueError(_range_of(number))
    return number


def _range_of(found: Any) -> str:
    return f"noise_scale must be at least 0, and finite, got {found}."


class Scaled:
    """What has noise that is scaled; its whole noise at first."""

    def __init__(self) -> None:
        self._scale: float | Tensor = 1.0

    @property
    def scale(self) -> float | Tensor:
        """What the noise is scaled by: a number, or a tensor ``()`` or ``(batch,)``."""
        return self._scale

    @scale.setter
    def scale(self, scale: Any) -> None:
        self._scale = valid_scale(scale)

    def scale_now(self, is_trained: bool = True) -> float | Tensor:
        """The scale, checked again: a tensor may have been written to.

        Args:
            is_trained: whether what becomes of it is differentiated.

        Raises:
            ValueError: if it is out of range by now.
        """
        scale = valid_scale(self._scale)
        # A copy: what is not differentiated is not kept from being written to, either.
        return scale if is_trained or not isinstance(scale, Tensor) else scale.detach().clone()
