"""Torch derivatives for an evaluator and a gradient function that users bring along.

Both work on NumPy arrays in double precision, as Qiskit's primitives do. `shift.ParameterShift`
makes such a pair from any ``BaseEstimatorV2``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

Evaluator = Callable[[Array, Array], Any]
"""From ``(batch, inputs)`` and ``(weights,)`` to outputs ``(batch, *outputs)``."""

GradientFunction = Callable[[Array, Array], Any]
"""From the same to the weights' Jacobian ``(batch, *outputs, weights)``, or to a pair of the
inputs' ``(batch, *outputs, inputs)`` and the weights', either of which may be None."""


class QiskitFunction(torch.autograd.Function):
    r"""The autograd bridge between torch and an evaluator of quantum circuits.

    ``QiskitFunction.apply(x, weights, evaluator, gradient_fn)`` gives ``evaluator``'s outputs, and
    in the reverse pass, with J from ``gradient_fn``,

    .. math:: \mathrm{d}w_j = \sum_{bk} \mathrm{d}y_{bk}\, J^w_{bkj}, \qquad
              \mathrm{d}x_{bi} = \sum_k \mathrm{d}y_{bk}\, J^x_{bki}.

    Args:
        x: inputs of shape ``(..., inputs)``, on any device and of any real dtype.
        weights: of shape ``(weights,)``.
        evaluator: gets the inputs as an array of shape ``(batch, inputs)`` and the weights, both
            in double precision, and gives outputs of shape ``(batch, *outputs)`` with one axis or
            more: an array or a tensor. The ``forward`` of an EstimatorQNN or SamplerQNN is one.
        gradient_fn: gets the same and gives the Jacobian by the weights, of shape ``(batch,
            *outputs, weights)``, or a pair of those by the inputs and by the weights; None for one
            that it does not compute. The ``backward`` of such a network is one. It is called once,
            in the reverse pass.

    Returns:
        The outputs, of shape ``(..., *outputs)``, on the device of ``x`` and in its dtype; where
        that is not a floating one, in the dtype of the weights. Without a Jacobian by the inputs,
        or by the weights, these get no gradient.

    The transforms of ``torch.func`` work: ``vmap`` over inputs makes one call of the evaluator.

    Raises:
        TypeError: if inputs or weights are neither tensors nor arrays of numbers.
        ValueError: if they, or what is returned, do not have these shapes.
        NotImplementedError: for second derivatives, of which ``gradient_fn`` says nothing.

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

    @classmethod
    def apply(
        cls, x: Any, weights: Any, evaluator: Evaluator, gradient_fn: GradientFunction
    ) -> Tensor:
        """The outputs; see the class."""
        x, weights = _argument(x, "inputs"), _argument(weights, "weights")
        if weights.ndim != 1:
            raise ValueError(
                f"The weights have the shape (weights,), but {tuple(weights.shape)} was given."
            )
        return super().apply(x, weights, evaluator, gradient_fn)

    @staticmethod
    def forward(
        x: Tensor, weights: Tensor, evaluator: Evaluator, gradient_fn: GradientFunction
    ) -> Tensor:
        """Run the evaluator."""
        arrays = _arrays(x, weights)
        outputs = _tensor(evaluator(*arrays))
        batch = len(arrays[0])
        if outputs.ndim < 2 or len(outputs) != batch:
            raise ValueError(
                f"The evaluator must return outputs of the shape ({batch}, outputs) for "
                f"{batch} samples, got {tuple(outputs.shape)}."
            )
        outputs = outputs.reshape(*x.shape[:-1], *outputs.shape[1:])
        return outputs.to(x.device, _floating_dtype(x, weights))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the derivatives need."""
        x, weights, _, gradient_fn = inputs
        ctx.save_for_backward(x, weights)
        ctx.save_for_forward(x, weights)
        ctx.gradient_fn = gradient_fn
        ctx.outputs = output.shape[x.ndim - 1 :]
        ctx.dtype = output.dtype

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        """Run the gradient function, and multiply by the outputs' gradient."""
        x, weights = ctx.saved_tensors
        if not any(ctx.needs_input_grad[:2]):
            return None, None, None, None
        jacobians = _Jacobians.apply(x, weights, ctx.gradient_fn, tuple(ctx.outputs))
        samples, entries = math.prod(x.shape[:-1]), math.prod(ctx.outputs)
        cotangent = cotangents[0].cpu().double().reshape(samples, entries)
        gradients: list[Tensor | None] = []
        for equation, argument, needed, jacobian in zip(
            ("bk,bki->bi", "bk,bkj->j"), (x, weights), ctx.needs_input_grad, jacobians, strict=False
        ):
            if jacobian is None or not needed:
                gradients.append(None)
                continue
            product = torch.einsum(equation, cotangent, jacobian)
            gradients.append(product.reshape(argument.shape).to(argument.device, argument.dtype))
        return gradients[0], gradients[1], None, None

    @staticmethod
    def jvp(ctx: Any, x_tangent: Any, weights_tangent: Any, *_: None) -> Tensor:
        """Run the gradient function, and multiply by the tangents."""
        x, weights = ctx.saved_tensors
        jacobians = _Jacobians.apply(x, weights, ctx.gradient_fn, tuple(ctx.outputs))
        samples, entries = math.prod(x.shape[:-1]), math.prod(ctx.outputs)
        rules = [
            ("bki,bi->bk", x_tangent, (samples, x.shape[-1])),
            ("bkj,j->bk", weights_tangent, weights.shape),
        ]
        result = torch.zeros(samples, entries, dtype=torch.float64)
        for (equation, tangent, shape), jacobian in zip(rules, jacobians, strict=True):
            if tangent is not None and jacobian is not None:
                flat = tangent.cpu().double().reshape(shape)
                result = result + torch.einsum(equation, jacobian, flat)
        return result.reshape(*x.shape[:-1], *ctx.outputs).to(x.device, ctx.dtype)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        x: Tensor,
        weights: Tensor,
        evaluator: Evaluator,
        gradient_fn: GradientFunction,
    ) -> tuple[Tensor, int]:
        """One call where the weights are shared, otherwise one for each of them."""
        functions = evaluator, gradient_fn
        if in_dims[1] is None:
            return QiskitFunction.apply(x.movedim(in_dims[0], 0), weights, *functions), 0
        each_x, each_w = _each(x, in_dims[0], info), _each(weights, in_dims[1], info)
        rows = [QiskitFunction.apply(a, w, *functions) for a, w in zip(each_x, each_w, strict=True)]
        return torch.stack(rows), 0


class _Jacobians(torch.autograd.Function):
    """The Jacobians of a gradient function, in double precision and without further derivatives."""

    @staticmethod
    def forward(
        x: Tensor, weights: Tensor, gradient_fn: GradientFunction, outputs: tuple[int, ...]
    ) -> tuple[Tensor | None, Tensor | None]:
        arrays = _arrays(x, weights)
        given = gradient_fn(*arrays)
        pair = given if isinstance(given, tuple | list) and len(given) == 2 else (None, given)
        found: list[Tensor | None] = []
        for jacobian, width in zip(pair, (x.shape[-1], len(weights)), strict=True):
            matrix = None if jacobian is None else _tensor(jacobian)
            if matrix is not None:
                _check_jacobian(matrix, (len(arrays[0]), *outputs, width))
                matrix = matrix.reshape(len(arrays[0]), math.prod(outputs), width)
            found.append(matrix)
        return found[0], found[1]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *cotangents: Any) -> Any:
        raise NotImplementedError(_FIRST_ONLY)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        raise NotImplementedError(_FIRST_ONLY)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        x: Tensor,
        weights: Tensor,
        gradient_fn: GradientFunction,
        outputs: tuple[int, ...],
    ) -> Any:
        rows = [
            _Jacobians.apply(a, w, gradient_fn, outputs)
            for a, w in zip(
                _each(x, in_dims[0], info), _each(weights, in_dims[1], info), strict=True
            )
        ]
        columns = [None if own[0] is None else torch.stack(own) for own in zip(*rows, strict=True)]
        return tuple(columns), tuple(None if own is None else 0 for own in columns)


_FIRST_ONLY = (
    "QiskitFunction gives first derivatives, as its gradient_fn does. For second ones take "
    "TorchCircuit, with max_diff=2 where it runs shifted circuits."
)


def _argument(given: Any, what: str) -> Tensor:
    """Inputs or weights as a tensor."""
    try:
        tensor = given if isinstance(given, Tensor) else torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"The {what} are a torch tensor or an array of numbers, got {given!r}."
        ) from error
    if tensor.is_complex():
        raise ValueError(f"The {what} of a circuit are real, got {tensor.dtype}.")
    if tensor.ndim == 0:
        raise ValueError(
            f"The {what} have the shape (..., {what}), but () was given. "
            "Give a single number as x.reshape(1)."
        )
    return tensor


def _floating_dtype(x: Tensor, weights: Tensor) -> torch.dtype:
    """The dtype of results."""
    dtypes = (own.dtype for own in (x, weights) if own.is_floating_point())
    return next(dtypes, torch.get_default_dtype())


def _each(tensor: Tensor, axis: int | None, info: Any) -> Sequence[Tensor]:
    """The slices along a mapped axis; the same one again where there is none."""
    return [tensor] * info.batch_size if axis is None else tensor.unbind(axis)


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
