r"""Channels as members of semigroups: how a channel becomes weaker or stronger.

A semigroup :math:`T(x) = e^{xL}` is a family of transfer matrices of one parameter, the time x: at
0 it does nothing, and :math:`T(x) T(y) = T(x + y)`. Of a channel E with :math:`T(1) = E` this says
what "twice as much of it" means. Depolarizing noise, relaxation and Pauli-Lindblad noise are such;
of any other channel L is the real logarithm of its transfer matrix, if there is one. Where there is
none, a `mixture` with the identity makes a channel weaker, not stronger.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..caching import cached
from .channels import commutation_signs
from .transfer import ClosedForm

RATE = "its strength must be at least 0"


@cached(maxsize=None)
def depolarizing(num_wires: int) -> ClosedForm:
    r"""The family :math:`\rho \mapsto e^{-x} \rho + (1 - e^{-x})\, I / 2^n`.

    With Qiskit's probability p of ``depolarizing_error(p, n)``, :math:`x = -\log(1 - p)`.

    **Example**

    >>> depolarizing(1)(torch.tensor([0.5]).log().neg()).diagonal()
    tensor([1.0000, 0.5000, 0.5000, 0.5000])
    """
    keeps = torch.ones(4**num_wires, dtype=torch.float64)
    keeps[1:] = 0
    coefficients = torch.stack([torch.diag(keeps), torch.diag(1 - keeps)])
    return ClosedForm("depolarizing noise", 1, _decay, coefficients, _not_negative, RATE)


@cached(maxsize=None)
def pauli_lindblad(word: str) -> ClosedForm:
    r"""The family :math:`e^{x \mathcal{L}}` with :math:`\mathcal{L}(\rho) = P \rho P - \rho`.

    Words that anticommute with P are multiplied by :math:`e^{-2x}` (van den Berg, Minev, Kandala,
    Temme, Nature Physics 19, 1116, 2023, equation 2).

    Args:
        word: the Pauli word P, the first wire first.

    **Example**

    >>> pauli_lindblad("Z")(torch.tensor([0.1])).diagonal()
    tensor([1.0000, 0.8187, 0.8187, 1.0000])
    """
    commutes = (1 + commutation_signs(word)) / 2
    coefficients = torch.stack([torch.diag(commutes), torch.diag(1 - commutes)])
    return ClosedForm("Pauli-Lindblad noise", 1, _double_decay, coefficients, _not_negative, RATE)


def semigroup(generator: Float[Tensor, "paulis paulis"]) -> ClosedForm:
    r"""The family :math:`e^{xL}` of any generator L.

    Args:
        generator: in double precision.

    **Example**

    >>> dephasing = torch.tensor([1, 0.64, 0.64, 1]).double().log().diag()
    >>> semigroup(dephasing)(torch.tensor([0.5]).double()).diagonal()
    tensor([1.0000, 0.8000, 0.8000, 1.0000], dtype=torch.float64)
    """
    if torch.equal(generator, torch.diag(generator.diagonal())):
        return _diagonal_semigroup(generator.diagonal())
    entries = torch.eye(generator.numel(), dtype=torch.float64).unflatten(1, generator.shape)

    def features(params: Tensor) -> Tensor:
        # Contiguous, because torch's exponential takes views of what it is given.
        exponents = (params[..., None] * generator.to(params)).contiguous()
        return torch.linalg.matrix_exp(exponents).flatten(-2)

    return ClosedForm("noise", 1, features, entries, _not_negative, RATE)


def _diagonal_semigroup(logarithms: Float[Tensor, " paulis"]) -> ClosedForm:
    rates, which = torch.unique(-logarithms, return_inverse=True)
    coefficients = torch.stack([torch.diag((which == k).double()) for k in range(len(rates))])

    def features(params: Tensor) -> Tensor:
        return torch.exp(-params * rates.to(params))

    return ClosedForm("noise", 1, features, coefficients, _not_negative, RATE)


def mixture(transfer: Float[Tensor, "paulis paulis"]) -> ClosedForm:
    r"""The family :math:`(1 - x) I + x T` with x in [0, 1], for what has no logarithm."""
    identity = torch.eye(len(transfer), dtype=torch.float64)
    return ClosedForm(
        "noise without a logarithm",
        1,
        lambda params: torch.cat([torch.ones_like(params), params], -1),
        torch.stack([identity, transfer - identity]),
        lambda params: ((params >= 0) & (params <= 1)).all(-1),
        "its transfer matrix has no real logarithm, so its strength must be in [0, 1]",
    )


def _decay(params: Float[Tensor, "*sets 1"]) -> Float[Tensor, "*sets 2"]:
    return torch.cat([torch.ones_like(params), torch.exp(-params)], -1)


def _double_decay(params: Float[Tensor, "*sets 1"]) -> Float[Tensor, "*sets 2"]:
    return _decay(2 * params)


def _not_negative(params: Float[Tensor, "*sets 1"]) -> Bool[Tensor, "*sets"]:
    return (params >= 0).all(-1)
