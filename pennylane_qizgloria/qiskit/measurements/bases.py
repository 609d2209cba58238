"""Bases in which measurements read wires, and which measurements share one.

A basis gives each wire that is read the gates that turn it into the computational basis. They are
those of PennyLane's ``diagonalizing_gates``, so that outcomes and PennyLane's ``eigvals`` are in
the same order. Of a sum or product of Pauli words only the words matter, and these are read in the
bases of their letters.
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

READ_BY_WORDS = (ExpectationMP, VarianceMP, SampleMP, CountsMP)
"""Measurement processes whose results follow from an observable's values, in whatever basis."""


@dataclass(frozen=True)
class Turn:
    """The gates that turn some wires into the computational basis.

    Args:
        key: equal for turns that give the same outcomes.
        gates: none for the computational basis itself.
    """

    key: Hashable
    gates: tuple[Operator, ...] = ()


COMPUTATIONAL = Turn("Z")

Basis = dict[Hashable, Turn]
"""The turn of each wire that is read; wires that are turned together have the same one."""


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
    sentence = words_of(process)
    if sentence is not None:
        return dict(_letters(sentence))
    return _eigenbasis(process.obs)


def words_of(process: MeasurementProcess) -> PauliSentence | None:
    """The Pauli words by whose letters a process is read; None where they have no common basis."""
    if not isinstance(process, READ_BY_WORDS) or process.obs is None:
        return None
    sentence = process.obs.pauli_rep
    return sentence if sentence is not None and share_letters(sentence) else None


def share_letters(words: Iterable[PauliWord]) -> bool:
    """Whether Pauli words commute wire by wire, and so have a common basis."""
    found: dict[Hashable, str] = {}
    return all(found.setdefault(wire, own) == own for word in words for wire, own in word.items())


def _letters(words: Iterable[PauliWord]) -> Iterator[tuple[Hashable, Turn]]:
    for word in words:
        for wire, letter in word.items():
            yield wire, _letter(letter, wire)


@lru_cache(maxsize=4096)
def _letter(letter: str, wire: Hashable) -> Turn:
    if letter == "Z":
        return COMPUTATIONAL
    with qml.QueuingManager.stop_recording():
        return Turn(letter, tuple(getattr(qml, letter)(wire).diagonalizing_gates()))


def _eigenbasis(observable: Operator) -> Basis:
    """The basis that PennyLane's eigenvalues refer to, factor by factor."""
    if isinstance(observable, SProd | Square):
        return _eigenbasis(observable.base)
    if isinstance(observable, CompositeOp):
        basis: Basis = {}
        for group in observable.overlapping_ops:
            # The very factors of which `CompositeOp.diagonalizing_gates` takes the gates.
            alone = len(group) == 1
            basis |= _eigenbasis(group[0]) if alone else _turned(type(observable)(*group))
        return basis
    if isinstance(observable, qml.X | qml.Y | qml.Z):
        return {observable.wires[0]: _letter(observable.name[-1], observable.wires[0])}
    return _turned(observable)


def _turned(observable: Operator) -> Basis:
    with qml.QueuingManager.stop_recording():
        gates = tuple(observable.diagonalizing_gates())
    if not gates:
        return dict.fromkeys(observable.wires, COMPUTATIONAL)
    key = tuple((type(gate), tuple(gate.wires), *map(_bytes, gate.data)) for gate in gates)
    return dict.fromkeys(observable.wires, Turn(key, gates))


def _bytes(value: Any) -> bytes:
    return qml.math.to_numpy(value).tobytes()


# --- of several measurements ----------------------------------------------------------------------


def union(bases: Iterable[Basis]) -> Basis:
    """The basis of measurements that share one."""
    whole: Basis = {}
    for basis in bases:
        whole |= basis
    return whole


def gates_of(basis: Basis) -> list[Operator]:
    """The gates that turn a basis into the computational one."""
    gates = {id(gate): gate for turn in basis.values() for gate in turn.gates}
    return list(gates.values())


def groups(bases: Sequence[Basis]) -> tuple[tuple[int, ...], ...]:
    """The numbers of bases that agree on the wires that they share, in few groups."""
    return _groups(tuple(tuple((w, turn.key) for w, turn in own.items()) for own in bases))


@lru_cache(maxsize=256)
def _groups(
    bases: tuple[tuple[tuple[Hashable, Hashable], ...], ...],
) -> tuple[tuple[int, ...], ...]:
    # The first that fits, the widest bases first.
    found: list[tuple[dict[Hashable, Hashable], list[int]]] = []
    for i in sorted(range(len(bases)), key=lambda i: -len(bases[i])):
        fitting = (own for own in found if _agree(own[0], bases[i]))
        group = next(fitting, None)
        if group is None:
            group = ({}, [])
            found.append(group)
        group[0].update(bases[i])
        group[1].append(i)
    return tuple(tuple(sorted(members)) for _, members in found)


def _agree(basis: Mapping[Hashable, Hashable], other: Iterable[tuple[Hashable, Hashable]]) -> bool:
    return all(basis.get(wire, key) == key for wire, key in other)
