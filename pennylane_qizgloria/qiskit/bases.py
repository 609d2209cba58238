"""Gates that turn the eigenbases of measured observables into the computational basis."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pennylane as qml
from jaxtyping import Int
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator
from pennylane.tape import QuantumScript

from ..lowering.observables import is_product_of_letters, word_letters


def into_eigenbasis(tape: QuantumScript) -> QuantumScript:
    """A tape that turns the eigenbases of its commuting observables into the computational one."""
    rotations = _rotations(tape.measurements)
    return tape.copy(operations=[*tape.operations, *rotations]) if rotations else tape


def _rotations(processes: Sequence[MeasurementProcess]) -> list[Operator]:
    letters: dict[Hashable, int] = {}
    gates: list[Operator] = []
    seen: set[Hashable] = set()
    for process in processes:
        if process.obs is None:
            continue
        if is_product_of_letters(process.obs):
            letters |= word_letters(process.obs)
        elif process.obs.hash not in seen:
            seen.add(process.obs.hash)
            gates.extend(process.obs.diagonalizing_gates())
    for wire, letter in letters.items():
        observable = (qml.I, qml.X, qml.Y, qml.Z)[letter](wire)
        gates.extend(observable.diagonalizing_gates())
    return gates


_TURNS = np.array([[-np.pi / 2, 0, 0], [-np.pi / 2, 0, -np.pi / 2], [0, 0, 0]])
"""The angles of the U3 that turns X, Y and Z into Z."""


def into_recipes(
    tape: QuantumScript, recipes: Int[np.ndarray, "shots wires"], wires: Sequence[Hashable]
) -> QuantumScript:
    """A tape with a batch axis over shots, each measured in bases of its own.

    Args:
        tape: not broadcast.
        recipes: 0, 1 and 2 for X, Y and Z.
        wires: the wires of their columns.
    """
    columns = zip(recipes.T, wires, strict=True)
    turns = [qml.U3(*_TURNS[column].T, wires=wire) for column, wire in columns]
    return tape.copy(operations=[*tape.operations, *turns])
