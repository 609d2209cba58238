"""What circuits are called with: inputs and weights as tensors whose leading axes fit together."""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor


def real_tensor(
    given: Any, width: int, what: str, device: torch.device
) -> Shaped[Tensor, "... width"]:
    """An argument of a circuit.

    Args:
        given: a tensor of torch's, or an array or a sequence of numbers.
        width: of its last axis.
        what: its name, for messages.
        device: where to put what is not a tensor.

    Raises:
        TypeError: if it is neither.
        ValueError: if it is complex, or does not have the width.
    """
    try:
        tensor = given if isinstance(given, Tensor) else torch.as_tensor(given, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"The {what}s of a circuit are a torch tensor or an array of numbers, got {given!r}."
        ) from error
    if tensor.is_complex():
        raise ValueError(f"The {what}s of a circuit are real, got {tensor.dtype}.")
    if tensor.ndim == 0 or tensor.shape[-1] != width:
        reshaped = f" Give it as x.reshape({width})." if tensor.numel() == width else ""
        raise ValueError(
            f"The circuit has {width} {what}s, so they have the shape (..., {width}), but "
            f"{tuple(tensor.shape)} was given.{reshaped}"
        )
    return tensor


def broadcast_together(
    x: Shaped[Tensor, "... inputs"] | None, w: Shaped[Tensor, "... weights"]
) -> tuple[Shaped[Tensor, "batch inputs"], Shaped[Tensor, "*rows weights"], tuple[int, ...]]:
    """Inputs and weights with one batch axis, and the axes that the result has in its place.

    Args:
        x: the inputs; None for a circuit without any.
        w: the weights. Without leading axes they stay without a batch axis.

    Raises:
        ValueError: if their leading axes do not broadcast.
    """
    if x is None:
        x = w.new_empty(0)
    try:
        leading = tuple(torch.broadcast_shapes(x.shape[:-1], w.shape[:-1]))
    except RuntimeError as error:
        raise ValueError(
            f"The leading axes of inputs {tuple(x.shape)} and of weights {tuple(w.shape)} do not "
            "fit together."
        ) from error
    number = math.prod(leading)
    flat = x.expand(*leading, x.shape[-1]).reshape(number, x.shape[-1])
    rows = w if w.ndim == 1 else w.expand(*leading, w.shape[-1]).reshape(number, w.shape[-1])
    return flat, rows, leading
