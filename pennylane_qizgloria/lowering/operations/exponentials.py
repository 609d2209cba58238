r"""Exponentials :math:`e^{-i t H}` of a Hermitian operator.

That of a Pauli word is a rotation. That of a sum of words is an operation whose parameters are the
time and all coefficients, where PennyLane's keeps the coefficients from derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.operation import Operation, Operator
from pennylane.ops.op_math import Exp
from torch import Tensor

from ...pauli.caching import cached
from ...pauli.conditions import holds
from ...pauli.state.basis import PAULI_LABELS, pauli_matrices
from ...tolerances import REAL_TIME


class PauliExponential(Operation):
    r"""The unitary :math:`\exp(-i t \sum_k c_k P_k)` of some Pauli words.

    Args:
        time: t, a number or a batch.
        coefficients: :math:`c_k`, each a number or a batch.
        words: the Paulis of each :math:`P_k`, one for each wire.
        wires: what it acts on.
    """

    def __init__(
        self, time: Any, *coefficients: Any, words: Sequence[str], wires: Any, **kwargs: Any
    ) -> None:
        self._hyperparameters = {"words": tuple(words)}
        super().__init__(time, *coefficients, wires=wires, **kwargs)

    @property
    def num_params(self) -> int:
        """The time and the coefficients."""
        return 1 + len(self.hyperparameters["words"])

    @property
    def ndim_params(self) -> tuple[int, ...]:
        """All of them are numbers."""
        return (0,) * self.num_params

    @staticmethod
    def compute_matrix(time: Any, *coefficients: Any, words: Sequence[str]) -> Tensor:
        """The matrix, or a batch of them; torch can differentiate it by all parameters."""
        numbers = [_number(value)[..., None, None] for value in (time, *coefficients)]
        pairs = zip(numbers[1:], words, strict=True)
        generator = reduce(torch.add, (number * _word(w).to(number) for number, w in pairs))
        return torch.linalg.matrix_exp(-1j * numbers[0] * generator)

    def adjoint(self) -> PauliExponential:
        """The evolution back."""
        return self.pow(-1)[0]

    def pow(self, z: Any) -> list[Operator]:
        """The evolution of z times the time."""
        time, *coefficients = self.data
        return [PauliExponential(z * time, *coefficients, wires=self.wires, **self.hyperparameters)]


def _number(value: Any) -> Tensor:
    return torch.as_tensor(value, dtype=torch.complex128)


@cached(maxsize=1024)
def _word(word: str) -> Tensor:
    single = pauli_matrices(1, torch.complex128, torch.device("cpu"))
    return reduce(torch.kron, [single[PAULI_LABELS.index(pauli)] for pauli in word])


def pauli_exponential(op: Exp) -> Operator | None:
    """An exponential as a rotation or as a `PauliExponential`; None if it is neither."""
    sentence, time = op.base.pauli_rep, time_of(op)
    if not sentence or time is None:
        return None
    words = ["".join(word.get(wire, "I") for wire in op.wires) for word in sentence]
    coefficients = list(sentence.values())
    if len(words) == 1:
        angle = 2 * time * coefficients[0]
        return qml.PauliRot(angle, words[0], op.wires) if _is_real(angle) else None
    return PauliExponential(time, *coefficients, words=words, wires=op.wires)


def time_of(op: Exp) -> Any | None:
    """The time t of ``exp(-i t H)``; None if the exponent is not imaginary."""
    # PennyLane's convention is exp(coeff * H).
    time = 1j * op.coeff
    return qml.math.real(time) if _is_real(time) else None


def _is_real(value: Any) -> bool:
    if isinstance(value, Tensor):
        return not value.is_complex() or holds(value.imag.abs() <= REAL_TIME * value.abs())
    if qml.math.is_abstract(value):
        return True
    values = np.asarray(qml.math.toarray(value))
    return bool((abs(values.imag) <= REAL_TIME * abs(values)).all())
