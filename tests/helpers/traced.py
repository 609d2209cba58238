"""Derivatives of functions of tensors, for comparison with traces of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def results_and_gradients(
    function: Callable[..., Sequence[Tensor]], tensors: Sequence[Tensor], order: int = 1
) -> list[Tensor | None]:
    """Results and gradients of their weighted sum, to second order if asked for."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    results = function(*leaves)
    total = sum((r**2 * torch.arange(1.0, r.numel() + 1).view(r.shape)).sum() for r in results)
    found = torch.autograd.grad(total, leaves, create_graph=order > 1, allow_unused=True)
    if order > 1:
        second = sum((own**2).sum() for own in found if own is not None)
        found = (*found, *torch.autograd.grad(second, leaves, allow_unused=True))
    return [*results, *found]
