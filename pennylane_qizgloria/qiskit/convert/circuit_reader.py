"""A Qiskit circuit, read into instructions that make PennyLane operators.

Definitions of gates are followed until each gate is one that PennyLane has, loops are unrolled, and
parameter expressions become functions. What is left of a circuit is a list of
`TemplateInstruction`, whose qubits and classical bits are counted as in the outermost circuit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from qiskit.circuit import (
    CASE_DEFAULT,
    AnnotatedOperation,
    BoxOp,
    ClassicalRegister,
    Clbit,
    ControlFlowOp,
    ControlledGate,
    ControlModifier,
    ForLoopOp,
    IfElseOp,
    InverseModifier,
    Measure,
    Operation,
    ParameterExpression,
    QuantumCircuit,
    Reset,
    SwitchCaseOp,
)
from qiskit.circuit import library as lib
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Statevector

from .channels import channels
from .classical_expr import Condition, bits_of, evaluate
from .expressions import compile_expression
from .gates import Make, amplitudes, operators
from .marks import Mark, Qubits, mark_of, under_controls


@dataclass(frozen=True)
class GateInstruction:
    """Operators made from parameters: numbers and arrays, or `Expression` where symbolic."""

    make: Make
    parameters: tuple[Any, ...]
    qubits: Qubits


@dataclass(frozen=True)
class ChannelInstruction(GateInstruction):
    """Channels, which have neither controls nor an inverse."""


@dataclass(frozen=True)
class ControlledBlock:
    """Instructions under controls."""

    instructions: tuple[TemplateInstruction, ...]
    controls: Qubits
    values: tuple[bool, ...]


@dataclass(frozen=True)
class InverseBlock:
    """The inverse of instructions."""

    instructions: tuple[TemplateInstruction, ...]


@dataclass(frozen=True)
class Measured:
    """A measurement into a classical bit."""

    qubit: int
    clbit: int


@dataclass(frozen=True)
class ResetToZero:
    """A reset to the state 0."""

    qubit: int


@dataclass(frozen=True)
class Branch:
    """Instructions that are executed if ``test`` of the named classical bits is true."""

    test: Callable[[Mapping[int, int]], int]
    clbits: tuple[int, ...]
    instructions: tuple[TemplateInstruction, ...]


TemplateInstruction = (
    GateInstruction | Mark | ControlledBlock | InverseBlock | Measured | ResetToZero | Branch
)


def read(circuit: QuantumCircuit) -> tuple[TemplateInstruction, ...]:
    """The instructions of a circuit.

    Raises:
        ValueError: if there is something in it that PennyLane cannot do, naming it.
    """
    qubits = tuple(range(circuit.num_qubits))
    return _circuit(circuit, qubits, range(circuit.num_clbits), set(qubits))


def _circuit(
    circuit: QuantumCircuit, qubits: Qubits, clbits: Sequence[int], fresh: set[int]
) -> tuple[TemplateInstruction, ...]:
    """A circuit on some qubits of the outermost one, of which those in ``fresh`` are untouched."""
    qubit = dict(zip(circuit.qubits, qubits, strict=True))
    clbit = dict(zip(circuit.clbits, clbits, strict=True))
    instructions: list[TemplateInstruction] = []
    phase = circuit.global_phase
    if isinstance(phase, ParameterExpression) or phase != 0:
        instructions.append(_gates(lib.GlobalPhaseGate(phase), ()))
    for instruction in circuit.data:
        op = instruction.operation
        on = tuple(qubit[q] for q in instruction.qubits)
        if mark := mark_of(op, on):
            instructions.append(mark)
            continue
        bits = [clbit[c] for c in instruction.clbits]
        if isinstance(op, ControlFlowOp):
            instructions += _control_flow(op, on, bits, clbit, fresh)
        else:
            instructions += _operation(op, on, bits, fresh)
        fresh.difference_update(on)
    return tuple(instructions)


_ADVICE = {
    "break_loop": "its circuits have a fixed length. Put what follows it in the loop under an "
    "if_test on the outcomes measured so far.",
    "continue_loop": "its circuits have a fixed length. Put what follows it in the loop under an "
    "if_test on the outcomes measured so far.",
    "store": "it has no classical variables. Write the expression that is stored into the "
    "condition that reads the variable, in terms of measured bits.",
}
"""What to do about instructions that PennyLane has nothing for."""


def _operation(
    op: Operation, qubits: Qubits, clbits: Sequence[int], fresh: set[int]
) -> Iterable[TemplateInstruction]:
    if isinstance(op, Measure):
        return [Measured(qubits[0], clbits[0])]
    if isinstance(op, Reset):
        return [ResetToZero(qubits[0])]
    if isinstance(op, lib.Initialize):
        resets = [] if fresh.issuperset(qubits) else [ResetToZero(q) for q in qubits]
        return [*resets, _state(op, qubits)]
    # Elsewhere than on qubits in the state 0, what it does is up to its definition.
    if op.name == "state_preparation" and fresh.issuperset(qubits):
        return [_state(op, qubits)]
    if op.name == "ParameterizedInitialize":
        resets = [] if fresh.issuperset(qubits) else [ResetToZero(q) for q in qubits]
        return [*resets, GateInstruction(amplitudes, tuple(map(_parameter, op.params)), qubits)]
    if isinstance(op, AnnotatedOperation):
        return _annotated(op, qubits)
    if op.name in _ADVICE:
        raise ValueError(
            f"The instruction {op.name!r} cannot be converted to PennyLane: {_ADVICE[op.name]}"
        )
    make = channels(op)
    if make is not None:
        return [ChannelInstruction(make, (), qubits)]
    if isinstance(op, lib.PauliProductRotationGate):
        return [_pauli_rotation(op, qubits)]
    if operators(op) is not None:
        return [_gates(op, qubits)]
    if isinstance(op, ControlledGate):
        return [_controlled(op, qubits)]
    return _defined(op, qubits, clbits, fresh)


def _defined(
    op: Operation, qubits: Qubits, clbits: Sequence[int], fresh: set[int]
) -> Iterable[TemplateInstruction]:
    """An operation that is known by its definition or its matrix only."""
    definition = getattr(op, "definition", None)
    if definition is None and hasattr(op, "to_instruction"):
        definition = op.to_instruction().definition
    if definition is not None:
        return _circuit(definition, qubits, clbits, set(fresh))
    try:
        return [_gates(lib.UnitaryGate(op.to_matrix()), qubits)]
    except (AttributeError, QiskitError, TypeError) as error:
        raise ValueError(
            f"The instruction {op.name!r} on qubits {list(qubits)} cannot be converted to "
            "PennyLane: it is not a standard gate, and has neither a definition nor a matrix. "
            "Give it one of these, or take it out of the circuit."
        ) from error


# --- gates ----------------------------------------------------------------------------------------


def _gates(gate: Operation, qubits: Qubits) -> GateInstruction:
    make = operators(gate)
    assert make is not None
    return GateInstruction(make, tuple(map(_parameter, gate.params)), qubits)


def _parameter(value: Any) -> Any:
    return compile_expression(value) if isinstance(value, ParameterExpression) else value


def _unconditional(op: Operation, qubits: Qubits, what: str) -> tuple[TemplateInstruction, ...]:
    """The instructions of a gate that is about to be controlled, inverted or repeated."""
    instructions = tuple(_operation(op, qubits, (), set()))
    no_gates = (ChannelInstruction, Measured, ResetToZero, Branch)
    if any(isinstance(instruction, no_gates) for instruction in instructions):
        raise ValueError(f"{op.name!r} is not a gate, so it cannot be {what}.")
    return instructions


def _controlled(gate: ControlledGate, qubits: Qubits) -> ControlledBlock:
    n, base = gate.num_ctrl_qubits, gate.base_gate
    values = _bits(gate.ctrl_state, n)
    # Beyond these there may be ancilla qubits, which come out as they went in.
    targets = qubits[n : n + base.num_qubits]
    if isinstance(base, lib.UGate) and len(gate.params) == 4:
        return ControlledBlock((_u_with_phase(gate, targets),), qubits[:n], values)
    own = [(target,) for target in qubits[n:]] if isinstance(gate, lib.MCMTGate) else [targets]
    each = [_unconditional(base, on, "controlled") for on in own]
    return ControlledBlock(under_controls(sum(each, ()), base.name), qubits[:n], values)


def _bits(state: int, n: int) -> tuple[bool, ...]:
    return tuple(bool(state >> i & 1) for i in range(n))


def _u_with_phase(gate: ControlledGate, qubits: Qubits) -> GateInstruction:
    """What a CUGate, or one with more controls, does to its target: its base lacks the phase."""

    def make(data: Sequence[Any], wires: Sequence[Any]) -> list:
        return [qml.U3(*data[:3], wires=wires), qml.GlobalPhase(-data[3])]

    return GateInstruction(make, tuple(map(_parameter, gate.params)), qubits)


def _pauli_rotation(gate: lib.PauliProductRotationGate, qubits: Qubits) -> GateInstruction:
    label = gate.pauli().to_label()
    sign = -1 if label.startswith("-") else 1
    word = label.lstrip("-")[::-1]

    def make(data: Sequence[Any], wires: Sequence[Any]) -> list:
        return [qml.PauliRot(sign * data[0], word, wires=wires)]

    return GateInstruction(make, tuple(map(_parameter, gate.params)), qubits)


def _state(op: Operation, qubits: Qubits) -> GateInstruction:
    """A state given by its amplitudes, by a label for each qubit, or by an integer."""
    if isinstance(op.params[0], str):
        vector = Statevector.from_label("".join(op.params)).data
    elif len(op.params) == 1:
        vector = Statevector.from_int(int(op.params[0].real), 2 ** len(qubits)).data
    else:
        vector = np.asarray(op.params, dtype=complex)
    return GateInstruction(lambda _, wires: [qml.StatePrep(vector, wires[::-1])], (), qubits)


def _annotated(op: AnnotatedOperation, qubits: Qubits) -> Iterable[TemplateInstruction]:
    """A gate with modifiers, the first being the innermost; controls are put in front."""
    split = len(qubits) - op.base_op.num_qubits
    controls, targets = qubits[:split], qubits[split:]
    base: Operation = op.base_op
    instructions = _unconditional(base, targets, "modified")
    for done, modifier in enumerate(op.modifiers):
        if isinstance(modifier, InverseModifier):
            instructions = (InverseBlock(instructions),)
        elif isinstance(modifier, ControlModifier):
            n = modifier.num_ctrl_qubits
            controls, new = controls[: len(controls) - n], controls[len(controls) - n :]
            inside = under_controls(instructions, base.name)
            instructions = (ControlledBlock(inside, new, _bits(modifier.ctrl_state, n)),)
            targets = (*new, *targets)
        elif float(modifier.power).is_integer():
            once = instructions if modifier.power > 0 else (InverseBlock(instructions),)
            instructions = once * abs(int(modifier.power))
        else:
            inner = AnnotatedOperation(base, op.modifiers[: done + 1])
            instructions = (_fractional_power(inner, targets),)
    return instructions


def _fractional_power(op: AnnotatedOperation, qubits: Qubits) -> GateInstruction:
    try:
        matrix = op.to_matrix()
    except (QiskitError, TypeError, AttributeError) as error:
        raise ValueError(
            f"A fractional power of {op.base_op.name!r} needs its matrix, but it has free "
            "parameters. Bind them before converting the circuit."
        ) from error
    return _gates(lib.UnitaryGate(matrix), qubits)


# --- control flow ---------------------------------------------------------------------------------


def _control_flow(
    op: ControlFlowOp,
    qubits: Qubits,
    clbits: Sequence[int],
    position: Mapping[Clbit, int],
    fresh: set[int],
) -> Iterable[TemplateInstruction]:
    if isinstance(op, BoxOp):
        return _circuit(op.body, qubits, clbits, set(fresh))
    if isinstance(op, ForLoopOp):
        return _unrolled(op, qubits, clbits, fresh)
    if isinstance(op, IfElseOp):
        return _if_else(op, qubits, clbits, position)
    if isinstance(op, SwitchCaseOp):
        return _switch(op, qubits, clbits, position)
    raise ValueError(
        f"{op.name!r} cannot be converted to PennyLane, whose circuits have a fixed length. "
        "Write it as a for_loop with if_test inside."
    )


def _unrolled(
    op: ForLoopOp, qubits: Qubits, clbits: Sequence[int], fresh: set[int]
) -> Iterable[TemplateInstruction]:
    indices, parameter, body = op.params
    if not isinstance(indices, Iterable):
        raise ValueError(
            "A for_loop whose range is not known beforehand cannot be converted to PennyLane. "
            "Give it a range or a list of numbers."
        )
    for index in indices:
        bound = body if parameter is None else body.assign_parameters({parameter: index})
        instructions = _circuit(bound, qubits, clbits, set(fresh))
        fresh.difference_update(qubits)
        yield from instructions


def _if_else(
    op: IfElseOp, qubits: Qubits, clbits: Sequence[int], position: Mapping[Clbit, int]
) -> Iterable[TemplateInstruction]:
    def holds(bits: Mapping[Clbit, int]) -> int:
        return evaluate(op.condition, bits)

    def fails(bits: Mapping[Clbit, int]) -> int:
        return not evaluate(op.condition, bits)

    for test, body in zip((holds, fails), op.params, strict=True):
        if body is not None:
            yield _branch(test, op.condition, body, qubits, clbits, position)


def _switch(
    op: SwitchCaseOp, qubits: Qubits, clbits: Sequence[int], position: Mapping[Clbit, int]
) -> Iterable[TemplateInstruction]:
    cases = list(op.cases_specifier())
    listed = {label for labels, _ in cases for label in labels}
    for labels, body in cases:

        def test(bits: Mapping[Clbit, int], labels: Sequence[Any] = labels) -> int:
            value = evaluate(op.target, bits)
            return value in labels or (CASE_DEFAULT in labels and value not in listed)

        yield _branch(test, op.target, body, qubits, clbits, position)


def _branch(
    test: Callable[[Mapping[Clbit, int]], int],
    condition: Condition | Clbit | ClassicalRegister,
    body: QuantumCircuit,
    qubits: Qubits,
    clbits: Sequence[int],
    position: Mapping[Clbit, int],
) -> Branch:
    """A body under a condition on bits, whose positions in the outermost circuit are given."""
    bits = {bit: position[bit] for bit in bits_of(condition)}
    instructions = _circuit(body, qubits, clbits, set())
    if any(isinstance(instruction, Measured | ResetToZero) for instruction in instructions):
        raise ValueError(
            "A measurement or reset inside of an if_test or switch cannot be converted to "
            "PennyLane: it conditions gates only. Measure before or after the branch."
        )

    def by_position(values: Mapping[int, int]) -> int:
        return test({bit: values[i] for bit, i in bits.items()})

    return Branch(by_position, tuple(bits.values()), instructions)
