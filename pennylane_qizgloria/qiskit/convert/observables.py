"""Observables as real sums of Pauli words, and what makes one an observable."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import reduce
from itertools import combinations
from operator import add, matmul
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator
from pennylane.ops import Prod, SProd, Sum
from pennylane.ops.op_math import SymbolicOp
from pennylane.ops.qubit.observables import BasisStateProjector
from pennylane.pauli import PauliSentence, PauliWord
from qiskit.quantum_info import SparsePauliOp

from ...tolerances import HERMITIAN


def require_hermitian(observable: Operator) -> None:
    """Refuse what has no real expectation values.

    Raises:
        ValueError: if the observable is not Hermitian, or has a number that is not finite.

    >>> require_hermitian(2 * qml.X(0) @ qml.Z(1))
    >>> require_hermitian(1j * qml.Hermitian([[1, 0], [0, 2]], wires=0))
    Traceback (most recent call last):
      ...
    ValueError: The observable 1j * Hermitian(...) is not Hermitian ...
    """
    if observable.pauli_rep is not None:
        fits = all(map(_is_real, observable.pauli_rep.values()))
    else:
        fits = _has_real_form(observable) or _has_hermitian_matrix(observable)
    if not fits:
        raise ValueError(
            f"The observable {observable} is not Hermitian and finite: its expectation value is "
            "no real number. Measure its Hermitian and its anti-Hermitian part apart."
        )


def _has_real_form(observable: Operator) -> bool:
    """Whether the form of an observable makes it Hermitian."""
    if isinstance(observable, SProd):
        return _is_real(observable.scalar) and _has_real_form(observable.base)
    if isinstance(observable, Sum):
        return all(map(_has_real_form, observable.operands))
    if isinstance(observable, Prod):
        return not observable.has_overlapping_wires and all(
            map(_has_real_form, observable.operands)
        )
    if observable.pauli_rep is not None:
        return all(map(_is_real, observable.pauli_rep.values()))
    return isinstance(observable, BasisStateProjector)


def _is_real(value: Any) -> bool:
    number = complex(qml.math.toarray(value))
    return bool(np.isfinite(number)) and abs(number.imag) <= HERMITIAN * abs(number)


def _has_hermitian_matrix(observable: Operator) -> bool:
    matrix = qml.math.toarray(qml.matrix(observable, wire_order=observable.wires))
    scale = np.abs(matrix).max()
    # False where an entry is not finite.
    return bool((np.abs(matrix - matrix.conj().T) <= HERMITIAN * scale).all())


class Square(SymbolicOp):
    """The square of an observable, measured in the basis of the observable itself."""

    @property
    def name(self) -> str:
        """Its name, with that of the observable."""
        return f"Square({self.base.name})"

    def diagonalizing_gates(self) -> list[Operator]:
        """Those of the observable."""
        return self.base.diagonalizing_gates()

    def eigvals(self) -> np.ndarray:
        """The squares of the observable's, in the same order."""
        return np.real(qml.math.toarray(self.base.eigvals())) ** 2


def has_terms(observable: Operator) -> bool:
    """Whether an observable is a sum, or a product or multiple of one."""
    if isinstance(observable, SProd):
        return has_terms(observable.base)
    if isinstance(observable, Prod):
        return any(map(has_terms, observable.operands))
    return isinstance(observable, Sum)


def pauli_form(observable: Operator) -> PauliSentence:
    """An observable as a sum of words; the matrices in it are taken apart one by one."""
    if observable.pauli_rep is not None:
        return observable.pauli_rep
    if isinstance(observable, Sum):
        return reduce(add, map(pauli_form, observable.operands))
    if isinstance(observable, Prod):
        return reduce(matmul, map(pauli_form, observable.operands))
    if isinstance(observable, SProd):
        return observable.scalar * pauli_form(observable.base)
    matrix = qml.matrix(observable)
    return qml.pauli_decompose(matrix, wire_order=observable.wires, pauli=True)


def squared(sentence: PauliSentence) -> PauliSentence:
    """The square of a real sum of words; pairs that anticommute cancel."""
    square = PauliSentence({PauliWord({}): sum(c**2 for c in sentence.values())})
    for (word, c), (other, d) in combinations(sentence.items(), 2):
        if word.commutes_with(other):
            ((product, sign),) = (word @ other).items()
            square[product] = square[product] + 2 * sign.real * c * d
    return square


def real(sentence: PauliSentence) -> PauliSentence:
    """A Hermitian sum of words, whose numbers are complex but for their values."""
    return PauliSentence({word: qml.math.real(number) for word, number in sentence.items()})


def sparse_pauli_op(sentence: PauliSentence, wires: Sequence[Hashable]) -> SparsePauliOp:
    """A sum of words as Qiskit's observable; wire ``wires[i]`` becomes qubit i.

    >>> sparse_pauli_op(PauliSentence({PauliWord({"a": "X", "b": "Z"}): 0.5}), ["b", "a"])
    SparsePauliOp(['XZ'],
                  coeffs=[0.5+0.j])
    """
    terms = []
    for word, coefficient in sentence.items():
        qubits = [wires.index(wire) for wire in word]
        terms.append(("".join(word.values()), qubits, complex(qml.math.toarray(coefficient))))
    return SparsePauliOp.from_sparse_list(terms or [("", [], 0.0)], num_qubits=len(wires))
