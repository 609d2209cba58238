"""Derivatives of derivatives, where a reverse pass of our own has none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def differentiable_gradients(
    results: Sequence[Tensor],
    inputs: Sequence[Tensor | None],
    needed: Sequence[bool],
    cotangents: Sequence[Tensor],
) -> tuple[Tensor | None, ...]:
    """The gradients of results that torch recorded, for torch to differentiate again.

    Args:
        results: the results.
        inputs: what they were computed from; None where something is not there.
        needed: for each input whether its gradient is needed.
        cotangents: of the results.
    """
    wanted = [x for x, need in zip(inputs, needed, strict=True) if need and x is not None]
    pairs = [(y, dy) for y, dy in zip(results, cotangents, strict=True) if y.requires_grad]
    if not pairs:
        return (None,) * len(needed)
    ends, given = zip(*pairs, strict=True)
    found = iter(torch.autograd.grad(ends, wanted, given, create_graph=True, allow_unused=True))
    return tuple(
        next(found) if need and x is not None else None
        for x, need in zip(inputs, needed, strict=True)
    )
