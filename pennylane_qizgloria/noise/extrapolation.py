r"""Extrapolation to zero noise, from results at several scales of the noise.

With a batch of scales, ``noise_scale=torch.tensor([1.0, 1.5, 2.0])``, a QNode on a twin returns the
results at all of them in one call, and these functions the estimate at scale 0. Torch
differentiates through them.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def richardson(
    scales: Float[Tensor, "..."], values: Float[Tensor, "..."]
) -> Float[Tensor, "*outputs"]:
    r"""The value at 0 of the polynomial through all points.

    .. math:: y(0) = \sum_j y_j \prod_{k \ne j} \frac{s_k}{s_k - s_j}

    (Temme, Bravyi, Gambetta, Phys. Rev. Lett. 119, 180509, 2017.)

    Args:
        scales: the scales, ``(scales,)``, all different.
        values: the results at each, ``(scales, *outputs)``.

    Raises:
        ValueError: if there are fewer than two scales, equal ones, or another number of values.

    **Example**

    >>> scales = torch.tensor([1.0, 2.0, 3.0])
    >>> print(f"{richardson(scales, 1 - 0.1 * scales + 0.01 * scales**2):.3f}")
    1.000
    """
    scales = _checked(scales, values)
    ratios = scales / (scales - scales[:, None] + torch.eye(len(scales)).to(scales))
    own = torch.eye(len(scales), dtype=torch.bool, device=scales.device)
    weights = torch.where(own, 1, ratios).prod(1)
    return torch.tensordot(weights, values, 1)


def exponential(
    scales: Float[Tensor, "..."],
    values: Float[Tensor, "..."],
    limit: float | Float[Tensor, "*outputs"] = 0.0,
) -> Float[Tensor, "*outputs"]:
    r"""The value at 0 of :math:`y(s) = c + a e^{-bs}`, fitted to the points.

    The logarithms of :math:`|y - c|` are fitted by a straight line of least squares; with
    two scales the curve goes through both points. (Endo, Benjamin, Li, Phys. Rev. X 8, 031027,
    2018.)

    Args:
        scales: the scales, ``(scales,)``, all different.
        values: the results at each, ``(scales, *outputs)``.
        limit: the result c of infinite noise.

    Raises:
        ValueError: if there are fewer than two scales, equal ones, or another number of values; or
            if some values lie on both sides of the limit or on it, where no exponential does.

    **Example**

    >>> scales = torch.tensor([1.0, 2.0, 3.0])
    >>> print(f"{exponential(scales, 0.8 * torch.exp(-0.3 * scales)):.3f}")
    0.800
    """
    scales = _checked(scales, values)
    distances = values - limit
    signs = distances.detach().sign()
    wrong = (signs != signs[:1]) | (signs == 0)
    if bool(wrong.any()):
        where = [tuple(place) for place in wrong.any(0).nonzero().tolist()] or [()]
        raise ValueError(
            f"The values of the outputs {where} lie on both sides of their limit {limit}, or on "
            "it, where no exponential does. Take richardson, or another limit."
        )
    centred = scales - scales.mean()
    logarithms = distances.abs().log()
    slopes = torch.tensordot(centred, logarithms, 1) / centred.square().sum()
    return limit + signs[0] * torch.exp(logarithms.mean(0) - slopes * scales.mean())


def _checked(scales: Tensor, values: Tensor) -> Tensor:
    """The scales, if values can be extrapolated from them."""
    if scales.ndim != 1 or len(scales) < 2 or len(scales.unique()) < len(scales):
        raise ValueError(
            f"Extrapolation needs two or more different scales of shape (scales,), got {scales}."
        )
    if values.ndim == 0 or len(values) != len(scales):
        raise ValueError(
            f"The values have one row for each of the {len(scales)} scales; got the shape "
            f"{tuple(values.shape)}."
        )
    return scales.to(values)
