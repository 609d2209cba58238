"""The basis in which an observable is measured, and which outcome means which eigenvalue.

Where the words of an observable commute wire by wire, detectors read a Pauli operator on each wire,
and the eigenvalue of an outcome is the sum of the words' signs. Other observables are turned by
PennyLane's diagonalizing gates into the computational basis, with the eigenvalues in its order.
Probabilities tell all outcomes apart: they belong to the states that PennyLane's gates number, so
Paulis are read only where these states are theirs. Exact results and shots of both devices read
this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Complex, Int
from pennylane.exceptions import DiagGatesUndefinedError
from pennylane.measurements import MeasurementProcess, ProbabilityMP
from pennylane.operation import Operator
from pennylane.ops import SProd
from pennylane.ops.op_math import CompositeOp
from pennylane.wires import Wires

from ...pauli.state.basis import PAULI_LABELS, Z

Relabelling = tuple[Wires, Int[np.ndarray, "outcomes"]]
"""Some wires, and for each of their outcomes the number that the Paulis' bits make."""


@dataclass(frozen=True, eq=False)
class Eigenbasis:
    """How an observable, or the computational basis, is measured.

    Args:
        wires: the measured wires, the first one is the most significant bit of an outcome.
        paulis: the Pauli operator that is read on each wire; None if the gates must be applied.
        gates: what turns the basis into the computational one, if there are no Paulis.
        relabelled: how the bits of the Paulis become PennyLane's outcomes, where they are not
            the same.
    """

    wires: Wires
    paulis: Mapping[Any, int] | None
    gates: Sequence[Operator] = ()
    relabelled: tuple[Relabelling, ...] = ()

    def order(self) -> Int[np.ndarray, " outcomes"] | None:
        """For each outcome the number that the bits of the Paulis make; None if it is its own."""
        if not self.relabelled:
            return None
        powers = 2 ** np.arange(len(self.wires))[::-1]
        bits = (np.arange(2 ** len(self.wires))[:, None] & powers) > 0
        return self._exchanged(bits.astype(np.int64), self.wires, inverse=False) @ powers

    def outcomes(
        self, bits: Int[np.ndarray, "*batch shots wires"], labels: Wires
    ) -> Int[np.ndarray, "*batch shots wires"]:
        """What is read, of the wires with these labels, as the bits of PennyLane's outcomes."""
        return self._exchanged(bits, labels, inverse=True) if self.relabelled else bits

    def _exchanged(
        self, bits: Int[np.ndarray, "*shots wires"], labels: Wires, inverse: bool
    ) -> Int[np.ndarray, "*shots wires"]:
        bits = bits.copy()
        for wires, order in self.relabelled:
            columns = labels.indices(wires)
            powers = 2 ** np.arange(len(wires))[::-1]
            table = np.argsort(order) if inverse else order
            numbers = table[bits[..., columns] @ powers]
            bits[..., columns] = (numbers[..., None] & powers) > 0
        return bits


def eigenbasis(process: MeasurementProcess, everything: Iterable[Any] = ()) -> Eigenbasis:
    """The basis of a measurement process; the computational one if it has no observable.

    Args:
        process: the measurement process.
        everything: the wires that are measured where it names none.

    Raises:
        DiagGatesUndefinedError: if PennyLane knows no eigenbasis of the observable.
    """
    observable = process.obs
    if observable is None:
        wires = process.wires or Wires(everything)
        return Eigenbasis(wires, dict.fromkeys(wires, Z))
    paulis = common_paulis(observable)
    numbered = isinstance(process, ProbabilityMP) and overlaps(observable)
    if paulis and not numbered:
        return Eigenbasis(observable.wires, paulis)
    if not observable.has_diagonalizing_gates:
        raise DiagGatesUndefinedError(
            f"{type(process).__name__.removesuffix('MP')} of {observable.name} needs the basis "
            "that it is read in, and PennyLane knows none: give a sum of Paulis or a qml.Hermitian."
        )
    gates = observable.diagonalizing_gates()
    if not gates:
        return Eigenbasis(observable.wires, dict.fromkeys(observable.wires, Z))
    relabelled = _relabelled(gates, paulis) if paulis else None
    if relabelled is None:
        return Eigenbasis(observable.wires, None, gates)
    return Eigenbasis(observable.wires, paulis, (), relabelled)


def _relabelled(
    gates: Sequence[Operator], paulis: Mapping[Any, int]
) -> tuple[Relabelling, ...] | None:
    """How diagonalizing gates number the states of the Paulis; None if they have others."""
    relabelled = []
    for gate in gates:
        if gate.name == "QubitUnitary":  # what PennyLane makes of operands that overlap
            order = _order(gate, paulis)
            if order is None:
                return None
            if np.any(np.diff(order) != 1):
                relabelled.append((gate.wires, order))
    return tuple(relabelled)


def signs(observable: Operator, basis: Eigenbasis) -> Int[np.ndarray, "words outcomes"]:
    """The value of each word of an observable for each outcome of its Paulis."""
    powers = 2 ** np.arange(len(basis.wires))[::-1]
    bits = (np.arange(2 ** len(basis.wires))[:, None] & powers) > 0
    own = [basis.wires.indices(Wires(list(word))) for word in observable.pauli_rep]
    return np.stack([1 - 2 * (bits[:, columns].sum(1) % 2) for columns in own])


def paulis_read(process: MeasurementProcess, basis: Eigenbasis) -> Mapping[Any, int]:
    """The Paulis that a measurement needs, where its basis is made of Paulis.

    Wires that no word acts on may be read in any Pauli, except for probabilities, which tell all
    outcomes apart.
    """
    paulis, observable = basis.paulis or {}, process.obs
    if observable is None or observable.pauli_rep is None or isinstance(process, ProbabilityMP):
        return paulis
    return {wire: paulis[wire] for wire in observable.pauli_rep.wires}


def overlaps(observable: Operator) -> bool:
    """Whether operands of a sum or product share wires, for which PennyLane makes matrices."""
    if isinstance(observable, SProd):
        return overlaps(observable.base)
    if not isinstance(observable, CompositeOp):
        return False
    return observable.has_overlapping_wires or any(map(overlaps, observable.operands))


def common_paulis(observable: Operator) -> Mapping[Any, int]:
    """The Pauli of each wire in a sum of words that commute wire by wire; Z where there is none.

    Empty if the observable is no such sum.
    """
    if observable.pauli_rep is None:
        return {}
    paulis: dict[Any, str] = {}
    for word in observable.pauli_rep:
        for wire, pauli in word.items():
            if paulis.setdefault(wire, pauli) != pauli:
                return {}
    return {wire: PAULI_LABELS.index(paulis.get(wire, "Z")) for wire in observable.wires}


def _order(gate: Operator, paulis: Mapping[Any, int]) -> Int[np.ndarray, " outcomes"] | None:
    """How a unitary numbers the states of the Paulis; None if it turns others into Z."""
    rotations = [_rotation(paulis[wire]) for wire in gate.wires]
    overlaps = np.abs(_matrix(gate) @ reduce(np.kron, rotations).conj().T)
    return overlaps.argmax(1) if np.all(overlaps.max(1) > 1 - 1e-9) else None


@cache
def _rotation(pauli: int) -> Complex[np.ndarray, "2 2"]:
    """The unitary that turns a Pauli into Z."""
    with qml.QueuingManager.stop_recording():
        gates = (qml.X, qml.Y, qml.Z)[pauli - 1](0).diagonalizing_gates()
    return reduce(lambda done, gate: _matrix(gate) @ done, gates, np.eye(2, dtype=complex))


def _matrix(gate: Operator) -> Complex[np.ndarray, "dim dim"]:
    return np.asarray(qml.math.toarray(gate.matrix()), dtype=complex)
