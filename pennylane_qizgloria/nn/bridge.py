"""Torch derivatives for an evaluator and a gradient function that users bring along.

Both work on NumPy arrays in double precision, as Qiskit's primitives do. `shift.ParameterShift`
makes such a pair from any ``BaseEstimatorV2``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

Array = NDArray[np.float64]

Evaluator = Callable[[Array, Array], Any]
"""From ``(batch, inputs)`` and ``(weights,)`` to outputs ``(batch, outputs)``."""

GradientFunction = Callable[[Array, Array], Any]
"""From the same to the weights' Jacobian ``(batch, outputs, weights)``, or to a pair of the inputs'
``(batch, outputs, inputs)`` and the weights', either of which may be None."""


class QiskitFunction(torch.autograd.Function):
    r"""The autograd bridge between torch and an evaluator of quantum circuits.

    ``QiskitFunction.apply(x, weights, evaluator, gradient_fn)`` gives ``evaluator``'s outputs, and
    in the reverse pass, with J from ``gradient_fn``,

    .. math:: \bar w_j = \sum_{bk} \bar y_{bk}\, J^w_{bkj}, \qquad
              \bar x_{bi} = \sum_k \bar y_{bk}\, J^x_{bki}.

    Args:
        x: inputs of shape ``(..., inputs)``, on any device and of any floating dtype.
        weights: of shape ``(weights,)``.
        evaluator: gets the inputs as an array of shape ``(batch, inputs)`` and the weights, both
            in double precision, and gives outputs of shape ``(batch, outputs)``: an array or a
            tensor. The ``forward`` of an EstimatorQNN or SamplerQNN is one.
        gradient_fn: gets the same and gives the Jacobian by the weights, of shape ``(batch,
            outputs, weights)``, or a pair of those by the inputs and by the weights; None for one
            that it does not compute. The ``backward`` of such a network is one. It is called once,
            in the reverse pass.

    Returns:
        The outputs, of shape ``(..., outputs)``, in the dtype and on the device of ``x``. Without
        a Jacobian by the inputs, or by the weights, these get no gradient.

    Raises:
        ValueError: if what is returned does not have these shapes.

    >>> def evaluator(x, weights):
    ...     return np.cos(x @ weights)[:, None]
    >>> def gradient_fn(x, weights):
    ...     return -np.sin(x @ weights)[:, None, None] * x[:, None, :]
    >>> x = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    >>> weights = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> y = QiskitFunction.apply(x, weights, evaluator, gradient_fn)
    >>> y.sum().backward()
    >>> weights.grad
    tensor([-0.3153, -0.4524])
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weights: Tensor, evaluator: Evaluator, gradient_fn: GradientFunction
    ) -> Tensor:
        """Run the evaluator."""
        ctx.save_for_backward(x, weights)
        ctx.gradient_fn = gradient_fn
        arrays = _arrays(x, weights)
        outputs = _tensor(evaluator(*arrays))
        batch = len(arrays[0])
        if outputs.ndim != 2 or len(outputs) != batch:
            raise ValueError(
                f"The evaluator must return outputs of the shape ({batch}, outputs) for "
                f"{batch} samples, got {tuple(outputs.shape)}."
            )
        return outputs.to(x.device, x.dtype).reshape(*x.shape[:-1], outputs.shape[1])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """Run the gradient function, and multiply by the outputs' gradient."""
        x, weights = ctx.saved_tensors
        if not any(ctx.needs_input_grad[:2]):
            return None, None, None, None
        arrays = _arrays(x, weights)
        cotangent = cotangents[0].detach().to("cpu", torch.float64)
        cotangent = cotangent.reshape(len(arrays[0]), cotangents[0].shape[-1])
        given = ctx.gradient_fn(*arrays)
        pair = given if isinstance(given, tuple | list) and len(given) == 2 else (None, given)
        gradients: list[Tensor | None] = []
        for equation, argument, needed, jacobian in zip(
            ("bk,bki->bi", "bk,bkj->j"), (x, weights), ctx.needs_input_grad, pair, strict=False
        ):
            if jacobian is None or not needed:
                gradients.append(None)
                continue
            matrix = _tensor(jacobian)
            _check_jacobian(matrix, (*cotangent.shape, argument.shape[-1]))
            product = torch.einsum(equation, cotangent, matrix)
            gradients.append(product.reshape(argument.shape).to(argument.device, argument.dtype))
        return gradients[0], gradients[1], None, None


def _arrays(x: Tensor, weights: Tensor) -> tuple[Array, Array]:
    flat = x.detach().reshape(math.prod(x.shape[:-1]), x.shape[-1])
    return flat.cpu().double().numpy(), weights.detach().cpu().double().numpy()


def _tensor(values: Any) -> Float[Tensor, "..."]:
    values = values if isinstance(values, Tensor) else np.asarray(values, dtype=np.float64)
    return torch.as_tensor(values, dtype=torch.float64, device="cpu").detach()


def _check_jacobian(jacobian: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(jacobian.shape) != shape:
        raise ValueError(
            f"gradient_fn must return a Jacobian of the shape {shape}, got {tuple(jacobian.shape)}."
        )
