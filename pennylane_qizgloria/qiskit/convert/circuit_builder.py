"""PennyLane operations, written into a Qiskit circuit one after another."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.devices.preprocess import decompose
from pennylane.operation import Operator
from pennylane.ops import MidMeasure
from pennylane.ops.op_math import Conditional
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from qiskit.circuit import (
    ClassicalRegister,
    Clbit,
    ParameterExpression,
    QuantumCircuit,
    QuantumRegister,
)

from .classical_expr import Table, to_expr, truth_table
from .gates import has_twin, plain, twin, unboxed

WireOrder = Sequence[Hashable]
"""Wire labels in the order of the qubits."""

WRITTEN = (qml.BasisState, qml.GlobalPhase, qml.Identity, qml.Barrier, qml.Snapshot, MidMeasure)
"""Operators that are written into a circuit without being one gate."""


def is_written(op: Operator) -> bool:
    """Whether an operation is converted as it is; if not, `expand` decomposes it."""
    if isinstance(op, Conditional):
        return not isinstance(op.base, MidMeasure) and is_written(op.base)
    if isinstance(op, WRITTEN) or has_twin(op):
        return True
    # If there is no other way, an operator's matrix will do.
    is_qubit_gate = op.has_matrix and op.name not in qml.ops.qutrit.__all__
    return is_qubit_gate and not op.has_decomposition and not _is_symbolic(op)


def expand(tape: QuantumScript, name: str) -> QuantumScript:
    """A tape with every operation decomposed until it can be converted.

    Args:
        tape: any.
        name: of the device or function that needs it, for error messages.

    Raises:
        ValueError: if an operation has no decomposition.
    """
    if all(map(is_written, tape.operations)):
        return tape
    operations: list[Operator] = []
    for op in tape.operations:
        inner = op.base if isinstance(op, Conditional) else op
        (expanded,), _ = decompose(
            QuantumScript([inner]),
            stopping_condition=is_written,
            skip_initial_state_prep=False,
            name=name,
            error=ValueError,
        )
        for part in expanded.operations:
            operations.append(Conditional(op.meas_val, part) if inner is not op else part)
    return tape.copy(operations=operations)


def data_of(op: Operator) -> list[Any]:
    """An operation's parameters: tensors of any interface, or Qiskit's."""
    return [unboxed(value) for value in op.data]


def _is_symbolic(op: Operator) -> bool:
    return any(isinstance(value, ParameterExpression) for value in data_of(op))


def to_array(value: Any) -> np.ndarray | float:
    """A tensor of any interface as an array."""
    return value if isinstance(value, float) else qml.math.to_numpy(value)


def midcircuit(operations: Sequence[Operator]) -> list[MidMeasure]:
    """The mid-circuit measurements, in the order of the bits of the register ``mcm``."""
    return [op for op in operations if isinstance(op, MidMeasure)]


def has_midcircuit(tape: QuantumScript) -> bool:
    """Whether a tape measures in the middle."""
    return any(isinstance(op, MidMeasure) for op in tape.operations)


Job = tuple[Operator, list[Any]]
"""An operation and its parameters, some of which may be Qiskit's."""


@dataclass(frozen=True)
class Writer:
    """A circuit while operations are appended to it."""

    circuit: QuantumCircuit
    place: Mapping[Hashable, int]
    clbits: Mapping[str, int]
    with_phase: bool

    @classmethod
    def create(cls, order: Wires, operations: Sequence[Operator], with_phase: bool) -> Writer:
        """An empty circuit on some wires, for the measurements among some operations."""
        circuit = QuantumCircuit(QuantumRegister(len(order), "q"))
        measurements = midcircuit(operations)
        if measurements:
            circuit.add_register(ClassicalRegister(len(measurements), "mcm"))
        clbits = {op.meas_uid: i for i, op in enumerate(measurements)}
        return cls(circuit, {wire: i for i, wire in enumerate(order)}, clbits, with_phase)

    def write(self, jobs: Sequence[Job]) -> None:
        """Append operations; those in a row under one condition, and its opposite, share a test."""
        pending: list[tuple[Any, list[Job]]] = []
        pending += [(condition, list(group)) for condition, group in groupby(jobs, self._condition)]
        while pending:
            condition, group = pending.pop(0)
            if condition is None:
                for job in group:
                    self._append(*job)
                continue
            complement = (condition[0], tuple(not value for value in condition[1]))
            other = pending.pop(0)[1] if pending and pending[0][0] == complement else []
            self._branch(condition[0], condition[1], group, other)

    def _condition(self, job: Job) -> tuple[tuple[Clbit, ...], Table] | None:
        op = job[0]
        if not isinstance(op, Conditional):
            return None
        places, table = truth_table(op.meas_val, self.clbits)
        return tuple(self.circuit.clbits[place] for place in places), table

    def _branch(
        self, bits: tuple[Clbit, ...], table: Table, then: list[Job], other: list[Job]
    ) -> None:
        """Operations that are applied under a condition, and those under its opposite."""
        test = to_expr(table, bits)
        bodies = [[(op.base, data) for op, data in group] for group in (then, other)]
        # Phases of a branch cannot be seen.
        bodies = [[job for job in body if not _is_phase(job[0])] for body in bodies]
        if isinstance(test, bool):
            for job in bodies[0] if test else bodies[1]:
                self._append(*job)
            return
        if not any(bodies):
            return
        with self.circuit.if_test(test) as otherwise:
            for job in bodies[0]:
                self._append(*job, phase=False)
        if bodies[1]:
            with otherwise:
                for job in bodies[1]:
                    self._append(*job, phase=False)

    def _append(self, op: Operator, data: list[Any], phase: bool = True) -> None:
        qubits = [self.place[wire] for wire in op.wires]
        with_phase = phase and self.with_phase
        if isinstance(op, MidMeasure):
            self.circuit.measure(qubits[0], self.clbits[op.meas_uid])
            if op.reset:
                self.circuit.reset(qubits[0])
        elif isinstance(op, qml.BasisState):
            ones = plain(op, data[0]).astype(bool)
            for qubit in (q for q, one in zip(qubits, ones, strict=True) if one):
                self.circuit.x(qubit)
        elif isinstance(op, qml.Barrier):
            self.circuit.barrier(qubits)
        elif isinstance(op, qml.Identity):
            self.circuit.id(qubits)
        elif isinstance(op, qml.GlobalPhase):
            if with_phase:
                self.circuit.global_phase -= plain(op, data[0])
        elif not isinstance(op, qml.Snapshot):
            found = twin(op, data)
            self.circuit.append(found.gate, [qubits[i] for i in found.order])
            if with_phase:
                self.circuit.global_phase += found.phase


def _is_phase(op: Operator) -> bool:
    return isinstance(op, qml.GlobalPhase | qml.Snapshot)
