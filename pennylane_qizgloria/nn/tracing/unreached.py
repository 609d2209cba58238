"""Results that no parameter reaches: their gradients are zero, not missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def with_zero_gradients(results: Any, tensors: Sequence[Tensor]) -> Any:
    """Results that torch can differentiate with respect to tensors that they do not depend on.

    Args:
        results: a tensor or a tuple of several.
        tensors: what the gradients are of.
    """
    trained = [x for x in tensors if x.requires_grad] if torch.is_grad_enabled() else []
    if not trained:
        return results
    if isinstance(results, Tensor):
        return _reached(results, trained)
    return tuple(_reached(result, trained) for result in results)


def _reached(result: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    if result.requires_grad or not (result.is_floating_point() or result.is_complex()):
        return result
    return _Unreached.apply(result, *tensors)


class _Unreached(torch.autograd.Function):
    """The identity of its first argument; the others get gradients of zero."""

    @staticmethod
    def forward(ctx: Any, result: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return result.clone()

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(torch.zeros_like(tensor) for tensor in ctx.saved_tensors)
