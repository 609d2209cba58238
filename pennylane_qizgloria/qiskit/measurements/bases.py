"""Bases in which measurements read wires, and which measurements share one.

A basis gives each wire that is read the gates that diagonalize the measurement on it: those of
PennyLane's ``diagonalizing_gates``, so that outcomes and PennyLane's ``eigvals`` are in the same
order. A sum or product of Pauli words that commute qubit by qubit is read in the eigenbases of the
Paulis on its wires, whatever gates PennyLane has for it as a whole.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pennylane as qml
from pennylane.measurements import CountsMP, ExpectationMP, MeasurementProcess, SampleMP, VarianceMP
from pennylane.operation import Operator
from pennylane.ops.op_math import CompositeOp, SProd
from pennylane.pauli import PauliSentence, PauliWord
from pennylane.tape import QuantumScript

from ..convert.circuit_builder import has_midcircuit
from ..convert.observables import Square

READ_BY_PAULIS = (ExpectationMP, VarianceMP, SampleMP, CountsMP)
"""Measurement processes whose results follow from an observable's values, in whatever basis."""


@dataclass(frozen=True)
class BasisChange:
    """A change from an eigenbasis to the computational basis, on one wire or on several.

    Args:
        key: equal for changes that give the same outcomes.
        gates: that diagonalize the measurement; none for the computational basis itself.
    """

    key: Hashable
    gates: tuple[Operator, ...] = ()


COMPUTATIONAL = BasisChange("Z")

Basis = dict[Hashable, BasisChange]
"""The basis change of each wire that is read; wires with gates in common have the same one."""


# --- of measurements ------------------------------------------------------------------------------


def basis_of(process: MeasurementProcess, tape: QuantumScript) -> Basis:
    """The basis in which a measurement process reads its wires.

    Args:
        process: one of the tape's.
        tape: whose wires are read where the process names none.
    """
    if process.mv is not None and has_midcircuit(tape):
        return {}
    if process.obs is None:
        return dict.fromkeys(process.wires or tape.wires, COMPUTATIONAL)
    sentence = qubit_wise_words(process)
    if sentence is not None:
        return dict(_pauli_basis_changes(sentence))
    return _eigenbasis(process.obs)


def qubit_wise_words(process: MeasurementProcess) -> PauliSentence | None:
    """The Pauli words that a process is read by; None where they do not commute qubit by qubit."""
    if not isinstance(process, READ_BY_PAULIS) or process.obs is None:
        return None
    sentence = process.obs.pauli_rep
    return sentence if sentence is not None and commute_qubit_wise(sentence) else None


def commute_qubit_wise(words: Iterable[PauliWord]) -> bool:
    """Whether Pauli words commute qubit by qubit, so that one basis of single wires serves all."""
    found: dict[Hashable, str] = {}
    return all(found.setdefault(wire, own) == own for word in words for wire, own in word.items())


def _pauli_basis_changes(words: Iterable[PauliWord]) -> Iterator[tuple[Hashable, BasisChange]]:
    for word in words:
        for wire, pauli in word.items():
            yield wire, _pauli_basis_change(pauli, wire)


@lru_cache(maxsize=4096)
def _pauli_basis_change(pauli: str, wire: Hashable) -> BasisChange:
    if pauli == "Z":
        return COMPUTATIONAL
    with qml.QueuingManager.stop_recording():
        return BasisChange(pauli, tuple(getattr(qml, pauli)(wire).diagonalizing_gates()))


def _eigenbasis(observable: Operator) -> Basis:
    """The basis that PennyLane's eigenvalues refer to, factor by factor."""
    if isinstance(observable, SProd | Square):
        return _eigenbasis(observable.base)
    if isinstance(observable, CompositeOp):
        basis: Basis = {}
        for group in observable.overlapping_ops:
            # The very factors of which `CompositeOp.diagonalizing_gates` takes the gates.
            if len(group) == 1:
                basis |= _eigenbasis(group[0])
            else:
                basis |= _joint_eigenbasis(type(observable)(*group))
        return basis
    if isinstance(observable, qml.X | qml.Y | qml.Z):
        return {observable.wires[0]: _pauli_basis_change(observable.name[-1], observable.wires[0])}
    return _joint_eigenbasis(observable)


def _joint_eigenbasis(observable: Operator) -> Basis:
    with qml.QueuingManager.stop_recording():
        gates = tuple(observable.diagonalizing_gates())
    if not gates:
        return dict.fromkeys(observable.wires, COMPUTATIONAL)
    key = tuple((type(gate), tuple(gate.wires), *map(_bytes, gate.data)) for gate in gates)
    return dict.fromkeys(observable.wires, BasisChange(key, gates))


def _bytes(value: Any) -> bytes:
    return qml.math.to_numpy(value).tobytes()


# --- of several measurements ----------------------------------------------------------------------


def joint_basis(bases: Iterable[Basis]) -> Basis:
    """The basis of measurements that share one."""
    whole: Basis = {}
    for basis in bases:
        whole |= basis
    return whole


def diagonalized(tape: QuantumScript) -> QuantumScript:
    """A tape of measurements that share a basis, with their diagonalizing gates at its end."""
    basis = joint_basis(basis_of(process, tape) for process in tape.measurements)
    gates = {id(gate): gate for change in basis.values() for gate in change.gates}
    return tape.copy(operations=[*tape.operations, *gates.values()]) if gates else tape


def group_bases(bases: Sequence[Basis]) -> tuple[tuple[int, ...], ...]:
    """The numbers of bases that agree on the wires that they share, in few groups."""
    return _grouped(tuple(tuple((w, change.key) for w, change in own.items()) for own in bases))


@lru_cache(maxsize=256)
def _grouped(
    bases: tuple[tuple[tuple[Hashable, Hashable], ...], ...],
) -> tuple[tuple[int, ...], ...]:
    # Each joins the first group that it fits in, the widest bases first.
    found: list[tuple[dict[Hashable, Hashable], list[int]]] = []
    for i in sorted(range(len(bases)), key=lambda i: -len(bases[i])):
        group = next((own for own in found if _agree(own[0], bases[i])), None)
        if group is None:
            group = ({}, [])
            found.append(group)
        group[0].update(bases[i])
        group[1].append(i)
    return tuple(tuple(sorted(members)) for _, members in found)


def _agree(basis: Mapping[Hashable, Hashable], other: Iterable[tuple[Hashable, Hashable]]) -> bool:
    return all(basis.get(wire, key) == key for wire, key in other)
