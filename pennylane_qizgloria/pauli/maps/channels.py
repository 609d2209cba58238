"""The transfer matrices of the standard noise channels, as closed forms.

Each is linear in a few functions of its strengths, so its derivative exists on the whole domain,
at a strength of zero too. Definitions and parameter names are PennyLane's; the matrices follow from
``T[i, j] = Tr(P_i E(P_j)) / 2`` (Nielsen and Chuang, section 8.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..caching import cached
from ..state.basis import PAULI_LABELS, I, X, Y, Z
from .transfer import ClosedForm

PROBABILITY = "p must be in [0, 1]"

Entries = Mapping[tuple[int, int], float | int]


def _form(
    name: str,
    num_params: int,
    features: Callable[[Tensor], Tensor],
    matrices: tuple[Entries, ...],
    valid: Callable[[Tensor], Tensor],
    domain: str,
) -> ClosedForm:
    """A single-wire channel from the nonzero entries of the matrix of each feature."""
    coefficients = torch.zeros(len(matrices), 4, 4, dtype=torch.float64)
    for matrix, entries in zip(coefficients, matrices, strict=True):
        for position, value in entries.items():
            matrix[position] = value
    return ClosedForm(name, num_params, features, coefficients, valid, domain)


def _probabilities(params: Float[Tensor, "*sets params"]) -> Bool[Tensor, "*sets"]:
    """Whether all parameters are in [0, 1]; NaN is not."""
    return ((params >= 0) & (params <= 1)).all(-1)


def _with_one(params: Tensor) -> Tensor:
    return torch.cat([torch.ones_like(params[..., :1]), params], -1)


def _damping_features(params: Tensor) -> Tensor:
    gamma = params[..., :1]
    return torch.cat([torch.ones_like(gamma), gamma, _sqrt(1 - gamma)], -1)


def _sqrt(x: Tensor) -> Tensor:
    """The square root, with derivative 0 at 0, where torch's is infinite and spoils the others."""
    positive = x > 0
    return torch.where(positive, torch.sqrt(torch.where(positive, x, 1)), 0)


AMPLITUDE_DAMPING = _form(
    "AmplitudeDamping",
    1,
    _damping_features,
    ({(I, I): 1, (Z, Z): 1}, {(Z, I): 1, (Z, Z): -1}, {(X, X): 1, (Y, Y): 1}),
    _probabilities,
    "gamma must be in [0, 1]",
)

PHASE_DAMPING = _form(
    "PhaseDamping",
    1,
    _damping_features,
    ({(I, I): 1, (Z, Z): 1}, {}, {(X, X): 1, (Y, Y): 1}),
    _probabilities,
    "gamma must be in [0, 1]",
)


def _generalized_damping_features(params: Tensor) -> Tensor:
    gamma, excited = params[..., :1], params[..., 1:]
    return torch.cat([_damping_features(gamma), gamma * excited], -1)


GENERALIZED_AMPLITUDE_DAMPING = _form(
    "GeneralizedAmplitudeDamping",
    2,
    _generalized_damping_features,
    (
        {(I, I): 1, (Z, Z): 1},
        {(Z, I): 1, (Z, Z): -1},
        {(X, X): 1, (Y, Y): 1},
        {(Z, I): -2},
    ),
    _probabilities,
    "gamma and p must be in [0, 1]",
)

DEPOLARIZING = _form(
    "DepolarizingChannel",
    1,
    _with_one,
    (
        {(I, I): 1, (X, X): 1, (Y, Y): 1, (Z, Z): 1},
        {(X, X): -4 / 3, (Y, Y): -4 / 3, (Z, Z): -4 / 3},
    ),
    _probabilities,
    PROBABILITY,
)

RESET_ERROR = _form(
    "ResetError",
    2,
    _with_one,
    (
        {(I, I): 1, (X, X): 1, (Y, Y): 1, (Z, Z): 1},
        {(X, X): -1, (Y, Y): -1, (Z, Z): -1, (Z, I): 1},
        {(X, X): -1, (Y, Y): -1, (Z, Z): -1, (Z, I): -1},
    ),
    lambda p: _probabilities(p) & (p.sum(-1) <= 1),
    "p_0, p_1 and p_0 + p_1 must be in [0, 1]",
)


def _relaxation_features(params: Tensor) -> Tensor:
    excited, t1, t2, time = params.unbind(-1)
    population, coherence = torch.exp(-time / t1), torch.exp(-time / t2)
    shift = (1 - 2 * excited) * (1 - population)
    return torch.stack([torch.ones_like(time), coherence, population, shift], -1)


def _relaxation_valid(params: Tensor) -> Tensor:
    excited, t1, t2, time = params.unbind(-1)
    finite = torch.isfinite(params).all(-1)
    positive = (t1 > 0) & (t2 > 0) & (t2 <= 2 * t1) & (time >= 0)
    return finite & positive & (excited >= 0) & (excited <= 1)


# One formula serves both of PennyLane's cases, T2 <= T1 and T1 < T2 <= 2 T1.
THERMAL_RELAXATION = _form(
    "ThermalRelaxationError",
    4,
    _relaxation_features,
    ({(I, I): 1}, {(X, X): 1, (Y, Y): 1}, {(Z, Z): 1}, {(Z, I): 1}),
    _relaxation_valid,
    "pe must be in [0, 1], t1 and t2 positive, t2 at most 2 * t1, and tg not negative",
)


@cached(maxsize=None)
def pauli_error(word: str) -> ClosedForm:
    r"""The channel :math:`\rho \mapsto (1 - p) \rho + p\, P \rho P` of a Pauli word P.

    Its transfer matrix is diagonal: 1 for the words that commute with P, ``1 - 2p`` for the others.
    """
    sign = commutation_signs(word)
    coefficients = torch.stack([torch.eye(len(sign)).double(), torch.diag(sign - 1)])
    return ClosedForm(
        "PauliError", 1, _with_one, coefficients, _probabilities, "p must be in [0, 1]"
    )


def commutation_signs(word: str) -> Float[Tensor, " paulis"]:
    """For each Pauli word of its length, 1 if it commutes with a word, otherwise -1.

    >>> commutation_signs("Z").tolist()
    [1.0, -1.0, -1.0, 1.0]
    """
    signs = [
        torch.tensor([1.0 if I in (a, b) or a == b else -1.0 for b in range(4)])
        for a in map(PAULI_LABELS.index, word)
    ]
    return reduce(torch.kron, signs).double()


BIT_FLIP = pauli_error("X")
PHASE_FLIP = pauli_error("Z")
