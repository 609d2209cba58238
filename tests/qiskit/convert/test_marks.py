"""Barriers and delays of Qiskit circuits in PennyLane, and back."""

import numpy as np
import pennylane as qml
import pytest
from helpers.qiskit_unitaries import assert_same, unitary
from pennylane.tape import make_qscript
from qiskit.circuit import (
    AnnotatedOperation,
    ControlledGate,
    ControlModifier,
    Duration,
    Gate,
    InverseModifier,
    Parameter,
    PowerModifier,
    QuantumCircuit,
)
from qiskit.circuit import library as lib
from qiskit.circuit.classical import expr

from pennylane_qizgloria import from_qiskit, to_qiskit
from pennylane_qizgloria.lowering.operations.delay import Delay

X = Parameter("x")


def operations(circuit, wires=None):
    return make_qscript(from_qiskit(circuit))(wires=wires).operations


def single(gate):
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, range(gate.num_qubits))
    return circuit


def marked():
    """A circuit with a barrier of some qubits and delays in several units."""
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.barrier(0, 2)
    circuit.delay(100, 0, "ns")
    circuit.delay(5, 1)
    circuit.barrier()
    circuit.h(0)
    circuit.delay(0.5, 2, "us")
    return circuit


def test_barriers_and_delays_are_kept():
    """Barriers and delays are operators on their wires."""
    expected = [
        qml.H("a"),
        qml.Barrier(["a", "c"]),
        Delay(100, "ns", "a"),
        Delay(5, "dt", "b"),
        qml.Barrier(["a", "b", "c"]),
        qml.H("a"),
        Delay(0.5, "us", "c"),
    ]
    found = operations(marked(), ["a", "b", "c"])
    assert len(found) == len(expected)
    for own, other in zip(found, expected, strict=True):
        qml.assert_equal(own, other)


def test_they_come_back():
    """A circuit that goes to PennyLane and back has the same barriers and delays."""
    circuit = marked()
    assert to_qiskit(make_qscript(from_qiskit(circuit))()) == circuit


def test_they_come_back_in_branches():
    """What waits under a condition waits under the same one when it comes back."""
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
        circuit.barrier(0, 1)
        circuit.delay(7, 1)
    back = to_qiskit(make_qscript(from_qiskit(circuit))())
    (body,) = [step.operation.params[0] for step in back.data if step.operation.name == "if_else"]
    assert [step.operation.name for step in body.data] == ["x", "barrier", "delay"]
    assert body.data[2].operation.params == [7]


@pytest.mark.parametrize("name", ["default.qubit", "qizgloria.mixed", "qizgloria.qiskit"])
@pytest.mark.parametrize("method", ["deferred", None])
def test_branches_run(name, method):
    """Barriers and delays under a condition do not change what simulators give."""
    circuit = QuantumCircuit(2, 1)
    circuit.ry(0.7, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.barrier(0, 1)
        circuit.x(1)
        circuit.delay(7, 1)
    template = from_qiskit(circuit)

    @qml.qnode(qml.device(name, wires=3), mcm_method=method)
    def qnode():
        template(wires=[0, 1])
        return qml.expval(qml.Z(1))

    assert qnode() == pytest.approx(np.cos(0.7))


def test_delays_in_loops():
    """A delay whose length is the index of a loop has the length of each round."""
    circuit = QuantumCircuit(1)
    with circuit.for_loop(range(1, 4)) as i:
        circuit.delay(i, 0)
    assert [op.hyperparameters["duration"] for op in operations(circuit)] == [1, 2, 3]


def test_they_leave_qubits_untouched():
    """A state is prepared without a reset on a qubit that only waited."""
    circuit = QuantumCircuit(1)
    circuit.barrier()
    circuit.delay(10, 0)
    circuit.initialize([0.6, 0.8])
    assert [op.name for op in operations(circuit)] == ["Barrier", "Delay", "StatePrep"]


# --- in gates -------------------------------------------------------------------------------------


class Separated(Gate):
    """A gate with a barrier in its definition."""

    def __init__(self):
        super().__init__("separated", 2, [])

    def _define(self):
        self.definition = QuantumCircuit(2)
        self.definition.h(0)
        self.definition.barrier()
        self.definition.cx(0, 1)


class Waiting(Gate):
    """A gate with a delay in its definition."""

    def __init__(self):
        super().__init__("waiting", 1, [])

    def _define(self):
        self.definition = QuantumCircuit(1)
        self.definition.x(0)
        self.definition.delay(10, 0)


@pytest.mark.parametrize(
    ("gate", "names"),
    [
        (Separated(), ["Hadamard", "Barrier", "CNOT"]),
        (Waiting(), ["PauliX", "Delay"]),
        (AnnotatedOperation(Separated(), InverseModifier()), ["CNOT", "Barrier", "Hadamard"]),
        (AnnotatedOperation(Waiting(), InverseModifier()), ["Delay", "PauliX"]),
        (AnnotatedOperation(Waiting(), PowerModifier(-2)), ["Delay", "PauliX"] * 2),
    ],
)
def test_in_definitions_and_inverses(gate, names):
    """Gates, their inverses and powers keep barriers and delays, at their places."""
    assert [op.name for op in operations(single(gate))] == names


@pytest.mark.parametrize(
    "gate",
    [
        ControlledGate("c", 3, [], num_ctrl_qubits=1, base_gate=Separated()),
        AnnotatedOperation(Separated(), [ControlModifier(1, 0)]),
        AnnotatedOperation(Separated(), [InverseModifier(), ControlModifier(1), PowerModifier(2)]),
        AnnotatedOperation(
            AnnotatedOperation(Separated(), InverseModifier()), [ControlModifier(1)]
        ),
    ],
)
def test_barriers_of_controlled_gates_are_left_out(gate):
    """A controlled gate is the same with and without a barrier in its definition."""
    found = make_qscript(from_qiskit(single(gate)))()
    assert all(op.name != "Barrier" for op in found.operations)
    plain = QuantumCircuit(2)
    plain.h(0)
    plain.cx(0, 1)
    base = plain.to_gate()
    if isinstance(gate, ControlledGate):
        expected = base.control(1)
    elif isinstance(gate.base_op, AnnotatedOperation):
        expected = AnnotatedOperation(base, [InverseModifier(), *gate.modifiers])
    else:
        expected = AnnotatedOperation(base, gate.modifiers)
    assert_same(unitary(found, 3), unitary(single(expected), 3))


@pytest.mark.parametrize(
    "gate",
    [
        ControlledGate("c", 2, [], num_ctrl_qubits=1, base_gate=Waiting()),
        AnnotatedOperation(Waiting(), [InverseModifier(), ControlModifier(1)]),
        lib.MCMTGate(Waiting(), 1, 2),
    ],
)
def test_delays_cannot_be_controlled(gate):
    """A gate that waits is no gate that can be controlled, and says so."""
    with pytest.raises(ValueError, match="'waiting' has a delay and is not a gate"):
        from_qiskit(single(gate))


# --- durations that are no numbers ----------------------------------------------------------------


def stretched():
    circuit = QuantumCircuit(1)
    circuit.delay(circuit.add_stretch("stretch"), 0)
    return circuit


def delayed(duration):
    circuit = QuantumCircuit(2)
    circuit.delay(duration, 1)
    return circuit


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: delayed(X), "delay of qubit 1 takes x, which is not a number"),
        (lambda: delayed(2 * X), r"takes 2\*x, .*Bind the circuit's parameters"),
        (lambda: delayed(expr.lift(Duration.ns(10))), "give the delay a number and a unit"),
        (stretched, "delay of qubit 0 takes Stretch"),
    ],
    ids=["parameter", "expression", "duration", "stretch"],
)
def test_delays_of_no_fixed_length(make, message):
    """A delay whose length is not known is refused, not left out."""
    with pytest.raises(ValueError, match=message):
        from_qiskit(make())


def test_bound_delays():
    """A delay whose parameter has a value is taken."""
    (op,) = operations(delayed(2 * X).assign_parameters({X: 4}))
    qml.assert_equal(op, Delay(8, "dt", 1))
