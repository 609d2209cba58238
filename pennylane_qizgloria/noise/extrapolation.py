r"""Extrapolation to zero noise, from results at several scales of the noise.

With a batch of scales, ``noise_scale=torch.tensor([1.0, 1.5, 2.0])``, a QNode on a twin returns the
results at all of them in one call, and these functions the estimate at scale 0. Torch
differentiates through them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from ..pauli.conditions import are_finite, holds


def richardson(scales: Any, values: Any) -> Inexact[Tensor, "*outputs"]:
    r"""The value at 0 of the polynomial through all points.

    .. math:: y(0) = \sum_j y_j \prod_{k \ne j} \frac{s_k}{s_k - s_j}

    (Temme, Bravyi, Gambetta, Phys. Rev. Lett. 119, 180509, 2017.)

    Take few scales: the weights of the values alternate in sign, and grow with their number, so
    that errors of the values are multiplied. Of evenly spaced scales from 1 to 3 the absolute
    values of the weights sum to 7 for 3 scales, to 130 for 5, and to 1.6e13 for 21. The rounding of
    double precision alone then makes an error of about 1e-3.

    Args:
        scales: the scales, ``(scales,)``, all different: a tensor, an array or a list.
        values: the results at each, ``(scales, *outputs)``, the same. They may be complex.

    Returns:
        A tensor ``(*outputs)`` of the dtype and on the device of the values; ``float64`` for lists
        and whole numbers. Derivatives flow through tensors.

    Raises:
        TypeError: if scales or values are no numbers, or a list of tensors: that is to be one
            tensor, ``torch.stack(values)``.
        ValueError: if there are fewer than two scales, equal ones, or another number of values, or
            if a number is not finite.

    **Example**

    >>> scales = torch.tensor([1.0, 2.0, 3.0])
    >>> print(f"{richardson(scales, 1 - 0.1 * scales + 0.01 * scales**2):.3f}")
    1.000
    >>> richardson([1, 2], [0.75, 0.5])
    tensor(1., dtype=torch.float64)
    """
    scales, values = _points(scales, values)
    own = torch.eye(len(scales), dtype=torch.bool, device=scales.device)
    ratios = scales / (scales - scales[:, None]).masked_fill(own, 1)
    weights = torch.where(own, 1, ratios).prod(1)
    exact = values.to(torch.promote_types(values.dtype, weights.dtype))
    return torch.tensordot(weights.to(exact), exact, 1).to(values.dtype)


def exponential(scales: Any, values: Any, limit: Any = 0.0) -> Float[Tensor, "*outputs"]:
    r"""The value at 0 of :math:`y(s) = c + a e^{-bs}`, fitted to the points.

    The logarithms of :math:`|y - c|` are fitted by a straight line of least squares; with
    two scales the curve goes through both points. (Endo, Benjamin, Li, Phys. Rev. X 8, 031027,
    2018.)

    Args:
        scales: the scales, ``(scales,)``, all different: a tensor, an array or a list.
        values: the results at each, ``(scales, *outputs)``, the same.
        limit: the result c of infinite noise, a number or one for each output.

    Returns:
        A tensor ``(*outputs)`` of the dtype and on the device of the values; ``float64`` for lists
        and whole numbers. Derivatives flow through tensors.

    Raises:
        TypeError: if something is no number, or a list of tensors: that is to be one tensor,
            ``torch.stack(values)``.
        ValueError: if there are fewer than two scales, equal ones, or another number of values; if
            a number is complex or not finite; or if some values lie on both sides of the limit or
            on it, where no exponential does.

    **Example**

    >>> scales = torch.tensor([1.0, 2.0, 3.0])
    >>> print(f"{exponential(scales, 0.8 * torch.exp(-0.3 * scales)):.3f}")
    0.800
    """
    scales, values = _points(scales, values)
    _require_real("values", values)
    limit = _limit(limit, values)
    distances = values.to(scales) - limit
    signs = distances.detach().sign()
    right = (signs == signs[:1]) & (signs != 0)
    if not holds(right):
        raise ValueError(
            f"The values of the outputs {_outputs(~right)} lie on both sides of their limit "
            f"{limit.tolist()}, or on it, where no exponential does. Take richardson, or another "
            "limit."
        )
    centred = scales - scales.mean()
    logarithms = distances.abs().log()
    slopes = torch.tensordot(centred, logarithms, 1) / centred.square().sum()
    at_zero = limit + signs[0] * torch.exp(logarithms.mean(0) - slopes * scales.mean())
    return at_zero.to(values.dtype)


def _points(scales: Any, values: Any) -> tuple[Tensor, Tensor]:
    """Scales in double precision on the device of the values, and the values as a tensor."""
    scales, values = _tensor("scales", scales), _tensor("values", values)
    _require_real("scales", scales)
    _require_finite("scales", scales)
    if scales.ndim != 1 or len(scales) < 2 or not _all_differ(scales):
        raise ValueError(
            "Extrapolation needs two or more different scales of shape (scales,), got "
            f"{scales.tolist()}."
        )
    if values.ndim == 0 or len(values) != len(scales):
        raise ValueError(
            f"The values have one row for each of the {len(scales)} scales; got the shape "
            f"{tuple(values.shape)}."
        )
    if not are_finite(values):
        raise ValueError(
            f"The values of the outputs {_outputs(~values.detach().isfinite())} are not finite."
        )
    return scales.to(values.device, torch.float64), values


def _all_differ(scales: Tensor) -> bool:
    ordered = scales.detach().sort().values
    return holds(ordered[1:] != ordered[:-1])


def _limit(limit: Any, values: Tensor) -> Tensor:
    """The limit in double precision; it has the shape of the outputs, or one that goes with it."""
    limit = _tensor("limit", limit)
    _require_real("limit", limit)
    _require_finite("limit", limit)
    shape = values.shape[1:]
    try:
        fits = torch.broadcast_shapes(limit.shape, shape) == shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"The limit is a number or has the shape {tuple(shape)} of the outputs; got the shape "
            f"{tuple(limit.shape)}."
        )
    return limit.to(values.device, torch.float64)


def _outputs(wrong: Tensor) -> list[tuple[int, ...]]:
    """The outputs of which a value is wrong, by their indices."""
    return [tuple(place) for place in wrong.any(0).nonzero().tolist()]


def _require_real(name: str, numbers: Tensor) -> None:
    if numbers.is_complex():
        raise ValueError(f"The {name} must be real, got {numbers.dtype}.")


def _require_finite(name: str, numbers: Tensor) -> None:
    if not are_finite(numbers):
        raise ValueError(f"The {name} must be finite, got {numbers.tolist()}.")


def _tensor(name: str, numbers: Any) -> Tensor:
    """Numbers as a tensor, which are no whole ones then."""
    if isinstance(numbers, Tensor):
        is_exact = numbers.is_floating_point() or numbers.is_complex()
        return numbers if is_exact else numbers.to(torch.float64)
    if _has_tensors(numbers):
        raise TypeError(
            f"The {name} must be one tensor; got a {type(numbers).__name__} of tensors, whose "
            f"derivatives would be lost. Give torch.stack({name}), where the first axis is that of "
            f"the scales; torch.stack({name}, -1) if each tensor has all scales."
        )
    try:
        array = np.array(numbers, order="C")  # torch takes none that are read-only or reversed
    except ValueError:  # of lists of several lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            f"The {name} must be a tensor, an array or a list of numbers, got {numbers!r}."
        )
    return torch.as_tensor(array if array.dtype.kind in "fc" else array.astype(np.float64))


def _has_tensors(numbers: Any) -> bool:
    if isinstance(numbers, (list, tuple)):
        return any(map(_has_tensors, numbers))
    return isinstance(numbers, Tensor)
