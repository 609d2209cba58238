"""Refusing second derivatives in torch, see `first_order`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from .first_order import MESSAGE


def first_order_only(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The same tensors; differentiating their gradients raises a `NotImplementedError`."""
    return _Guarded.apply(*tensors)


class _Guarded(Function):
    """The identity of several tensors; their gradients are `_Final`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(own.view_as(own) for own in tensors)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, ...]:
        # Without a graph of the gradients there is nothing to guard.
        if not torch.is_grad_enabled():
            return cotangents
        return _Final.apply(len(cotangents), *cotangents, *ctx.saved_tensors)


class _Final(Function):
    """Gradients that depend on all of the tensors, but not in a way that is known."""

    generate_vmap_rule = True

    @staticmethod
    def forward(number: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(own.view_as(own) for own in tensors[:number])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> Any:
        raise NotImplementedError(MESSAGE)
