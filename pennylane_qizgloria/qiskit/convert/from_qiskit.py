"""Qiskit circuits as PennyLane templates.

Qubit i becomes wire i of the wires given; `to_qiskit` says how the conventions of both sides
compare. A template holds instructions that were read once, and applies them with values for the
circuit's parameters; it runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pennylane as qml
from pennylane.operation import Operator
from pennylane.ops import MeasurementValue
from pennylane.ops.op_math import Conditional
from pennylane.wires import Wires
from qiskit.circuit import (
    Operation,
    Parameter,
    ParameterVector,
    ParameterVectorElement,
    QuantumCircuit,
)

from .circuit_reader import (
    Branch,
    ControlledBlock,
    GateInstruction,
    InverseBlock,
    Measured,
    ResetToZero,
    TemplateInstruction,
    read,
)
from .classical_expr import measurement_value
from .expressions import Expression, Values
from .marks import Mark

Outcomes = dict[int, MeasurementValue | None]
"""For each classical bit, what was last measured into it."""


def from_qiskit(circuit: QuantumCircuit) -> Template:
    """A Qiskit circuit as a template to call in a QNode.

    Gates that PennyLane has too become those; of others the definition is followed, or the matrix
    taken. Parameters keep their interface: gradients flow through parameter expressions, and
    values with a batch axis give broadcast gates. Also converted are control flow (``for_loop`` is
    unrolled; a condition looks at measured bits), measurements, resets, annotated operations,
    channels (``Kraus``, ``SuperOp``, Aer's errors such as ``PauliLindbladError``) and the global
    phase. Barriers become `qml.Barrier` and delays `pennylane_qizgloria.Delay`: nothing in ideal
    simulation, but backends and their twins keep gates apart and let qubits relax. Barriers in the
    definition of a controlled gate are left out. ``initialize`` and state preparations on qubits
    that no gate in the circuit acted on before become `qml.StatePrep`: such wires are taken to be
    in the state 0.

    Args:
        circuit: any without ``while_loop``, classical variables, delays whose durations are not
            numbers, and measurements or resets inside of branches. It is read once; later changes
            to it have no effect.

    Returns:
        A `Template`.

    Raises:
        ValueError: if something in the circuit has no form in PennyLane, naming it.

    >>> from qiskit.circuit import Parameter, QuantumCircuit
    >>> x = Parameter("x")
    >>> circuit = QuantumCircuit(2)
    >>> circuit.rx(2 * x, 0)
    <qiskit.circuit.instructionset.InstructionSet object at ...>
    >>> circuit.cx(0, 1)
    <qiskit.circuit.instructionset.InstructionSet object at ...>
    >>> template = from_qiskit(circuit)
    >>> @qml.qnode(qml.device("default.qubit"))
    ... def qnode(value):
    ...     template({x: value}, wires=["a", "b"])
    ...     return qml.expval(qml.Z("b"))
    >>> value = torch.tensor(0.3, requires_grad=True)
    >>> qnode(value).backward()
    >>> print(f"{value.grad:.4f}")
    -1.1293
    """
    if not isinstance(circuit, QuantumCircuit):
        raise TypeError(f"from_qiskit takes a QuantumCircuit, got {type(circuit).__name__}.")
    parameters = tuple(circuit.parameters)
    return Template(read(circuit), parameters, circuit.num_qubits, circuit.num_clbits)


@dataclass(frozen=True)
class Template:
    """What `from_qiskit` makes: call it in a QNode.

    Args:
        instructions: of the circuit.
        parameters: of the circuit, in Qiskit's order (by name).
        num_wires: how many qubits the circuit has.
        num_clbits: how many classical bits.
    """

    instructions: tuple[TemplateInstruction, ...]
    parameters: tuple[Parameter, ...]
    num_wires: int
    num_clbits: int

    def __repr__(self) -> str:
        names = ", ".join(parameter.name for parameter in self.parameters)
        return f"Template({names}; {self.num_wires} wires)"

    def __call__(
        self, parameters: Any = None, wires: Any = None, **by_name: Any
    ) -> list[MeasurementValue | None]:
        """Apply the circuit.

        Args:
            parameters: values for the circuit's parameters: a mapping from parameters, names,
                parameter vectors or their names; or one value for each parameter, in the order of
                ``circuit.parameters``, along the last axis. A value is a number or a tensor of any
                interface, of shape ``()`` or ``(batch,)``; for a vector, ``(..., length)``. It may
                be a Qiskit parameter or expression too, and then stays symbolic.
            wires: wire ``wires[i]`` is qubit i; by default, integers from 0.
            by_name: more values, by the parameters' or vectors' names.

        Returns:
            For each of the circuit's classical bits what was last measured into it, or None. These
            can be returned, as in ``qml.expval(template()[0])``, and given to ``qml.cond``.

        Raises:
            ValueError: if a parameter is missing, given twice or not the circuit's, or if the
                number of values or wires is wrong.
            TypeError: if values or wires come without an order, as a set.
        """
        values = bind(self.parameters, parameters, by_name)
        if isinstance(wires, set | frozenset | Mapping):
            raise TypeError(f"wires must be a sequence, with a wire for each qubit; got {wires!r}.")
        labels = Wires(range(self.num_wires) if wires is None else wires)
        if len(labels) != self.num_wires:
            raise ValueError(
                f"The circuit has {self.num_wires} qubits, but {len(labels)} wires were given: "
                f"{labels.tolist()}."
            )
        outcomes: Outcomes = dict.fromkeys(range(self.num_clbits))
        for instruction in self.instructions:
            _apply(instruction, values, labels, outcomes)
        return list(outcomes.values())


def gate_operators(gate: Operation, wires: Sequence[Any]) -> list[Operator]:
    """The operators of a gate or channel; its parameters stay Qiskit's where they are symbolic.

    Args:
        gate: any that `from_qiskit` converts, without measurements and resets.
        wires: wire ``wires[i]`` is its qubit i.

    Raises:
        ValueError: if it has no form in PennyLane.

    >>> from qiskit.circuit import Parameter
    >>> from qiskit.circuit.library import RZGate
    >>> (operator,) = gate_operators(RZGate(2 * Parameter("x")), [3])
    >>> operator.name, operator.wires, str(operator.data[0])
    ('RZ', Wires([3]), '2*x')
    """
    circuit = QuantumCircuit(len(wires))
    circuit.append(gate, range(len(wires)))
    values = {parameter: parameter for parameter in circuit.parameters}
    with qml.QueuingManager.stop_recording():
        return [
            op
            for instruction in read(circuit)
            for op in _operators(instruction, values, Wires(wires), {})
        ]


# --- values for parameters ------------------------------------------------------------------------


def bind(parameters: Sequence[Parameter], given: Any, by_name: Mapping[str, Any]) -> Values:
    """A value for each parameter, from what the user gave; see `Template`."""
    if given is not None and not isinstance(given, Mapping):
        if by_name:
            raise ValueError(
                "Parameters were given in order and by name; give them in one way: "
                f"{sorted(by_name)}."
            )
        return dict(zip(parameters, _split(given, len(parameters), "The circuit"), strict=True))
    values: dict[Parameter, Any] = {}
    for key, value in [*(given or {}).items(), *by_name.items()]:
        target = _target(parameters, key)
        if not target:
            raise ValueError(f"The circuit has no parameter {key!r}; it has {_names(parameters)}.")
        twice = [p.name for p in target if p in values]
        if twice:
            raise ValueError(f"The parameter {twice[0]!r} was given twice.")
        values |= _values_of(key, target, value)
    missing = [p for p in parameters if p not in values]
    if missing:
        raise ValueError(
            f"No values were given for the circuit's parameters {_names(missing)}. Give them in a "
            "mapping or by name; to keep a parameter symbolic, give it itself."
        )
    return values


def _target(parameters: Sequence[Parameter], key: Any) -> list[Parameter]:
    """The parameters that a key stands for: one, or the used elements of a vector, or none."""
    if isinstance(key, ParameterVector):
        return [p for p in key if p in parameters]
    if not isinstance(key, str):
        return [p for p in parameters if p == key]
    named = [p for p in parameters if p.name == key]
    return named or [p for p in parameters if _vector_name(p) == key]


def _vector_name(parameter: Parameter) -> str | None:
    return parameter.vector.name if isinstance(parameter, ParameterVectorElement) else None


def _values_of(key: Any, target: Sequence[Parameter], value: Any) -> Values:
    first = target[0]
    is_vector = isinstance(key, ParameterVector) or key == _vector_name(first)
    if not is_vector:
        return {first: value}
    parts = _split(value, len(first.vector), f"The parameter vector {first.vector.name!r}")
    return {p: parts[p.index] for p in target}


def _split(values: Any, number: int, what: str) -> list[Any]:
    """The entries of an array along its last axis, or of a sequence."""
    if isinstance(values, set | frozenset | Mapping):
        raise TypeError(f"{what} takes a sequence of values in order, got {values!r}.")
    if isinstance(values, ParameterVector | list | tuple) or (
        hasattr(values, "__iter__") and not hasattr(values, "shape")
    ):
        parts = list(values)
    elif qml.math.ndim(values) == 0:
        parts = [values]
    else:
        parts = [values[..., i] for i in range(qml.math.shape(values)[-1])]
    if len(parts) != number:
        raise ValueError(f"{what} has {number} parameters, but {len(parts)} values were given.")
    return parts


def _names(parameters: Sequence[Parameter]) -> list[str]:
    return [p.name for p in parameters]


# --- instructions ---------------------------------------------------------------------------------


def _apply(
    instruction: TemplateInstruction, values: Values, wires: Wires, outcomes: Outcomes
) -> None:
    """Append an instruction's operators to the circuit that is being recorded, if any is."""
    if isinstance(instruction, Measured):
        outcomes[instruction.clbit] = qml.measure(wires[instruction.qubit])
    elif isinstance(instruction, ResetToZero):
        qml.measure(wires[instruction.qubit], reset=True)
    else:
        with qml.QueuingManager.stop_recording():
            operators = list(_operators(instruction, values, wires, outcomes))
        if qml.QueuingManager.recording():
            for op in operators:
                qml.apply(op)


def _operators(
    instruction: TemplateInstruction, values: Values, wires: Wires, outcomes: Outcomes
) -> Iterator[Operator]:
    if isinstance(instruction, GateInstruction):
        data = [_value(parameter, values) for parameter in instruction.parameters]
        yield from instruction.make(data, [wires[q] for q in instruction.qubits])
    elif isinstance(instruction, Mark):
        yield instruction.operator(wires)
    elif isinstance(instruction, ControlledBlock):
        controls = [wires[q] for q in instruction.controls]
        for inner in instruction.instructions:
            for op in _operators(inner, values, wires, outcomes):
                yield qml.ctrl(op, controls, control_values=instruction.values)
    elif isinstance(instruction, InverseBlock):
        inside = [
            op for s in instruction.instructions for op in _operators(s, values, wires, outcomes)
        ]
        for op in reversed(inside):
            yield qml.adjoint(op, lazy=False)
    elif isinstance(instruction, Branch):
        yield from _conditional(instruction, values, wires, outcomes)


def _value(parameter: Any, values: Values) -> Any:
    return parameter(values) if isinstance(parameter, Expression) else parameter


def _conditional(
    branch: Branch, values: Values, wires: Wires, outcomes: Outcomes
) -> Iterator[Operator]:
    """The operators of a branch and of those inside of it, each under its condition."""
    seen = {bit: outcomes[bit] for bit in branch.clbits}
    condition = measurement_value(branch.test, seen)
    if condition is False:
        return
    for instruction in branch.instructions:
        if isinstance(instruction, Branch):
            instruction = _both(branch, instruction)
            yield from _conditional(instruction, values, wires, outcomes)
            continue
        for op in _operators(instruction, values, wires, outcomes):
            yield op if condition is True else Conditional(condition, op)


def _both(outer: Branch, inner: Branch) -> Branch:
    """The inner of two branches, as one that does not stand in the other."""

    def test(bits: Mapping[int, int]) -> int:
        return outer.test(bits) and inner.test(bits)

    clbits = tuple(dict.fromkeys([*outer.clbits, *inner.clbits]))
    return Branch(test, clbits, inner.instructions)
