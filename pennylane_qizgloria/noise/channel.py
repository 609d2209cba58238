r"""A noise channel on some qubits, and how it becomes weaker or stronger.

Each is a closed form whose parameters are linear functions of one strength x: 0 is no noise, 1 the
noise as it was given. Rates are multiplied by x: those of relaxation, :math:`1/T_1` and
:math:`1/T_2`, of Pauli-Lindblad noise, and of depolarizing noise, whose probability p becomes
:math:`1 - (1 - p)^x`. Any other channel goes through the real logarithm of its transfer matrix;
where that has none, x is at most 1 and mixes the channel with the identity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, log1p

import torch
from jaxtyping import Float
from torch import Tensor

from ..pauli.maps.channels import THERMAL_RELAXATION
from ..pauli.maps.semigroups import depolarizing, mixture, pauli_lindblad, semigroup
from ..pauli.maps.transfer import ClosedForm
from .logarithm import real_logarithm

ENDLESS = 1e30
"""A time in the place of an infinite one, in seconds."""


@dataclass(frozen=True, eq=False)
class NoiseChannel:
    """A channel that acts on some qubits.

    Args:
        kind: what it is called in reports.
        form: its closed form, the first of the qubits being the most significant one.
        qubits: the qubits.
        at_zero: the parameters of the closed form at strength 0.
        slopes: by how much each of them grows with the strength.
        largest: the largest strength that it can have.
    """

    kind: str
    form: ClosedForm
    qubits: tuple[int, ...]
    at_zero: tuple[float, ...]
    slopes: tuple[float, ...]
    largest: float = inf

    def transfer(self, strength: float = 1.0) -> Float[Tensor, "paulis paulis"]:
        """The transfer matrix.

        Args:
            strength: 0 for no noise, 1 for the noise as it was given.
        """
        pairs = zip(self.at_zero, self.slopes, strict=True)
        params = torch.tensor(
            [start + strength * slope for start, slope in pairs], dtype=torch.float64
        )
        return self.form(params[None])[0]


def infidelity_of_trace(trace: float, num_qubits: int) -> float:
    r"""The average gate infidelity :math:`1 - (\mathrm{Tr}\,T / 2^n + 1) / (2^n + 1)`.

    (Horodecki, Horodecki, Horodecki, Phys. Rev. A 60, 1888, 1999; Nielsen, Phys. Lett. A 303,
    249, 2002.)

    Args:
        trace: of the transfer matrix T.
        num_qubits: the number n of qubits.
    """
    dim = 2**num_qubits
    return 1 - (trace / dim + 1) / (dim + 1)


def depolarizing_channel(probability: float, qubits: Sequence[int]) -> NoiseChannel:
    r"""The channel :math:`\rho \mapsto (1 - p) \rho + p I / 2^n`.

    Args:
        probability: p, from 0 to :math:`4^n / (4^n - 1)`.
        qubits: the n qubits.
    """
    if probability < 1:
        rate = -log1p(-probability)
        return NoiseChannel(
            "depolarizing", depolarizing(len(qubits)), tuple(qubits), (0.0,), (rate,)
        )
    keeps = torch.full((4 ** len(qubits),), 1 - probability, dtype=torch.float64)
    keeps[0] = 1
    own = mixture(torch.diag(keeps))
    return NoiseChannel("depolarizing", own, tuple(qubits), (0.0,), (1.0,), largest=1.0)


def relaxation_channel(
    t1: float, t2: float, time: float, qubit: int, excited: float = 0.0
) -> NoiseChannel | None:
    """Relaxation of a qubit for some time; None if there is none.

    Args:
        t1: the relaxation time in seconds, may be infinite.
        t2: the dephasing time in seconds, may be infinite, at most twice as long.
        time: how long, in seconds.
        qubit: the qubit.
        excited: the population of the excited state in equilibrium.
    """
    if time <= 0 or not (isfinite(t1) or isfinite(t2)):
        return None
    at_zero = (excited, min(t1, ENDLESS), min(t2, ENDLESS), 0.0)
    return NoiseChannel("relaxation", THERMAL_RELAXATION, (qubit,), at_zero, (0.0, 0.0, 0.0, time))


def pauli_lindblad_channel(word: str, rate: float, qubits: Sequence[int]) -> NoiseChannel:
    r"""The channel :math:`e^{\lambda \mathcal{L}}`, :math:`\mathcal{L}(\rho) = P \rho P - \rho`.

    Args:
        word: the Pauli word P, the first qubit first.
        rate: :math:`\lambda`, not negative.
        qubits: the qubits of the word.
    """
    form = pauli_lindblad(word)
    return NoiseChannel("Pauli-Lindblad", form, tuple(qubits), (0.0,), (rate,))


def general_channel(
    transfer: Float[Tensor, "paulis paulis"], qubits: Sequence[int], kind: str = "channel"
) -> NoiseChannel:
    """Any channel, by its transfer matrix.

    Args:
        transfer: in double precision, the first qubit being the most significant one.
        qubits: the qubits.
        kind: what it is called in reports.
    """
    generator = real_logarithm(transfer)
    if generator is None:
        kind, form = f"{kind}, no logarithm", mixture(transfer)
        return NoiseChannel(kind, form, tuple(qubits), (0.0,), (1.0,), largest=1.0)
    return NoiseChannel(kind, semigroup(generator), tuple(qubits), (0.0,), (1.0,))
