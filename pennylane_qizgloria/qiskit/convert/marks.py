"""Barriers and delays: what a circuit says to who compiles it and to who runs it.

They do nothing in ideal simulation. A barrier becomes `qml.Barrier`, a delay `Delay`, and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pennylane as qml
from pennylane.operation import Operator
from qiskit.circuit import Barrier, Operation
from qiskit.circuit import Delay as QiskitDelay

from ...lowering.operations.delay import Delay

Qubits = tuple[int, ...]


@dataclass(frozen=True)
class BarrierMark:
    """A barrier between what comes before and behind on some qubits."""

    qubits: Qubits

    def operator(self, wires: Sequence[Any]) -> Operator:
        """PennyLane's barrier; wire ``wires[i]`` is qubit i."""
        return qml.Barrier([wires[q] for q in self.qubits])


@dataclass(frozen=True)
class DelayMark:
    """A delay of a qubit."""

    duration: int | float
    unit: str
    qubits: Qubits

    def operator(self, wires: Sequence[Any]) -> Operator:
        """The delay as an operator; wire ``wires[i]`` is qubit i."""
        return Delay(self.duration, self.unit, wires=[wires[q] for q in self.qubits])


Mark = BarrierMark | DelayMark


def mark_of(op: Operation, qubits: Qubits) -> Mark | None:
    """A barrier or a delay of Qiskit's; None for all other operations.

    Args:
        op: Qiskit's.
        qubits: that it is on.

    Raises:
        ValueError: for a delay whose duration is not a number.
    """
    if isinstance(op, Barrier):
        return BarrierMark(qubits)
    if not isinstance(op, QiskitDelay):
        return None
    duration = op.duration
    if not isinstance(duration, int | float):
        raise ValueError(
            f"The delay of qubit {qubits[0]} takes {duration}, which is not a number: "
            "PennyLane has delays of fixed lengths only. Bind the circuit's parameters, or give "
            "the delay a number and a unit, before converting it."
        )
    return DelayMark(duration, op.unit, qubits)


def under_controls(instructions: Sequence[Any], name: str) -> tuple[Any, ...]:
    """Instructions of a gate that is about to be controlled, without its barriers.

    A barrier in the definition of a gate says nothing about the controlled gate, which is compiled
    otherwise.

    Args:
        instructions: of the gate, as `circuit_reader` reads them.
        name: of the gate.

    Raises:
        ValueError: if there is a delay among them, which has no controls.
    """
    kept: list[Any] = []
    for instruction in instructions:
        if isinstance(instruction, DelayMark):
            raise ValueError(f"{name!r} has a delay and is not a gate, so it cannot be controlled.")
        inner = getattr(instruction, "instructions", None)
        if inner is not None:
            instruction = replace(instruction, instructions=under_controls(inner, name))
        if not isinstance(instruction, BarrierMark):
            kept.append(instruction)
    return tuple(kept)
