"""A Qiskit circuit made of PennyLane operations.

Wire i of the order is qubit i, and mid-circuit measurement i is bit i of the register ``mcm``.
`expand` decomposes what has no equivalent in Qiskit; a `CircuitBuilder` appends what is left.
Terminal measurements are left to the caller.
"""

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

from ...lowering.operations.delay import Delay
from .classical_expr import Table, to_expr, truth_table
from .gates import gate_mapping, has_equivalent, qiskit_value, unwrap_symbol

WireOrder = Sequence[Hashable]
"""Wire labels in the order of the qubits."""

NOT_GATES = (
    qml.BasisState,
    qml.GlobalPhase,
    qml.Identity,
    qml.Barrier,
    qml.Snapshot,
    Delay,
    MidMeasure,
)
"""Operators that are converted without being one gate."""


def is_convertible(op: Operator) -> bool:
    """Whether an operation is converted as it is; if not, `expand` decomposes it."""
    if isinstance(op, Conditional):
        return not isinstance(op.base, MidMeasure) and is_convertible(op.base)
    if isinstance(op, NOT_GATES) or has_equivalent(op):
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
    if all(map(is_convertible, tape.operations)):
        return tape
    operations: list[Operator] = []
    for op in tape.operations:
        inner = op.base if isinstance(op, Conditional) else op
        (expanded,), _ = decompose(
            QuantumScript([inner]),
            stopping_condition=is_convertible,
            skip_initial_state_prep=False,
            name=name,
            error=ValueError,
        )
        for part in expanded.operations:
            operations.append(Conditional(op.meas_val, part) if inner is not op else part)
    return tape.copy(operations=operations)


def parameters_of(op: Operator) -> list[Any]:
    """An operation's parameters: tensors of any interface, or Qiskit's."""
    return [unwrap_symbol(value) for value in op.data]


def _is_symbolic(op: Operator) -> bool:
    return any(isinstance(value, ParameterExpression) for value in parameters_of(op))


def to_array(value: Any) -> np.ndarray | float:
    """A tensor of any interface as an array."""
    return value if isinstance(value, float) else qml.math.to_numpy(value)


def midcircuit_measurements(operations: Sequence[Operator]) -> list[MidMeasure]:
    """The mid-circuit measurements, in the order of the bits of the register ``mcm``."""
    return [op for op in operations if isinstance(op, MidMeasure)]


def has_midcircuit(tape: QuantumScript) -> bool:
    """Whether a tape measures in the middle."""
    return any(isinstance(op, MidMeasure) for op in tape.operations)


BoundOperation = tuple[Operator, list[Any]]
"""An operation and its parameters, some of which may be Qiskit's."""


@dataclass(frozen=True)
class CircuitBuilder:
    """A circuit while operations are appended to it."""

    circuit: QuantumCircuit
    qubit: Mapping[Hashable, int]
    clbits: Mapping[str, int]
    with_phase: bool

    @classmethod
    def create(
        cls, order: Wires, operations: Sequence[Operator], with_phase: bool
    ) -> CircuitBuilder:
        """An empty circuit on some wires, for the measurements among some operations."""
        circuit = QuantumCircuit(QuantumRegister(len(order), "q"))
        measurements = midcircuit_measurements(operations)
        if measurements:
            circuit.add_register(ClassicalRegister(len(measurements), "mcm"))
        clbits = {op.meas_uid: i for i, op in enumerate(measurements)}
        return cls(circuit, {wire: i for i, wire in enumerate(order)}, clbits, with_phase)

    def append_all(self, operations: Sequence[BoundOperation]) -> None:
        """Append operations; those in a row under one condition, and its opposite, share a test."""
        groups = groupby(operations, self._condition)
        pending: list[tuple[Any, list[BoundOperation]]] = [(c, list(own)) for c, own in groups]
        while pending:
            condition, group = pending.pop(0)
            if condition is None:
                for bound in group:
                    self._append(*bound)
                continue
            complement = (condition[0], tuple(not value for value in condition[1]))
            other = pending.pop(0)[1] if pending and pending[0][0] == complement else []
            self._branch(condition[0], condition[1], group, other)

    def _condition(self, bound: BoundOperation) -> tuple[tuple[Clbit, ...], Table] | None:
        op = bound[0]
        if not isinstance(op, Conditional):
            return None
        bits, table = truth_table(op.meas_val, self.clbits)
        return tuple(self.circuit.clbits[i] for i in bits), table

    def _branch(
        self,
        bits: tuple[Clbit, ...],
        table: Table,
        then: list[BoundOperation],
        other: list[BoundOperation],
    ) -> None:
        """Operations that are applied under a condition, and those under its opposite."""
        test = to_expr(table, bits)
        bodies = [[(op.base, data) for op, data in group] for group in (then, other)]
        # Phases of a branch cannot be seen.
        bodies = [[own for own in body if not _is_phase(own[0])] for body in bodies]
        if isinstance(test, bool):
            for bound in bodies[0] if test else bodies[1]:
                self._append(*bound)
            return
        if not any(bodies):
            return
        with self.circuit.if_test(test) as otherwise:
            for bound in bodies[0]:
                self._append(*bound, phase=False)
        if bodies[1]:
            with otherwise:
                for bound in bodies[1]:
                    self._append(*bound, phase=False)

    def _append(self, op: Operator, data: list[Any], phase: bool = True) -> None:
        qubits = [self.qubit[wire] for wire in op.wires]
        with_phase = phase and self.with_phase
        if isinstance(op, MidMeasure):
            self.circuit.measure(qubits[0], self.clbits[op.meas_uid])
            if op.reset:
                self.circuit.reset(qubits[0])
        elif isinstance(op, qml.BasisState):
            ones = qiskit_value(op, data[0]).astype(bool)
            for qubit in (q for q, one in zip(qubits, ones, strict=True) if one):
                self.circuit.x(qubit)
        elif isinstance(op, qml.Barrier):
            if not op.hyperparameters["only_visual"]:
                self.circuit.barrier(qubits)
        elif isinstance(op, Delay):
            self.circuit.delay(op.hyperparameters["duration"], qubits, op.hyperparameters["unit"])
        elif isinstance(op, qml.Identity):
            self.circuit.id(qubits)
        elif isinstance(op, qml.GlobalPhase):
            if with_phase:
                self.circuit.global_phase -= qiskit_value(op, data[0])
        elif not isinstance(op, qml.Snapshot):
            found = gate_mapping(op, data)
            self.circuit.append(found.gate, [qubits[i] for i in found.order])
            if with_phase:
                self.circuit.global_phase += found.phase


def _is_phase(op: Operator) -> bool:
    return isinstance(op, qml.GlobalPhase | qml.Snapshot)
