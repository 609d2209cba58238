"""Qiskit circuits as templates in QNodes."""

import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.qiskit_unitaries import assert_same, unitary
from pennylane import numpy as pnp
from pennylane.tape import make_qscript
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    ParameterVector,
    PowerModifier,
    QuantumCircuit,
)
from qiskit.circuit import library as lib
from qiskit.circuit.classical import expr
from qiskit.circuit.random import random_circuit
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector, random_clifford
from qiskit_aer import AerSimulator

from pennylane_qizgloria.qiskit import from_qiskit, to_qiskit

X = Parameter("x")
V = ParameterVector("v", 3)


def single(gate):
    circuit = QuantumCircuit(gate.num_qubits)
    circuit.append(gate, range(gate.num_qubits))
    return circuit


def with_definition():
    inner = QuantumCircuit(2, global_phase=0.3, name="mine")
    inner.h(0)
    inner.cx(0, 1)
    inner.rz(0.4, 1)
    return inner.to_gate()


def with_matrix():
    class Opaque(Gate):
        def __init__(self):
            super().__init__("opaque", 1, [])

        def __array__(self, dtype=None, copy=None):
            return np.array([[0, 1j], [1, 0]])

    return Opaque()


ANNOTATED = [
    [InverseModifier(), ControlModifier(1, 0), PowerModifier(2)],
    [PowerModifier(0.3), ControlModifier(2, 1)],
    [ControlModifier(1, 0), PowerModifier(0.4), ControlModifier(1, 1), PowerModifier(-2)],
]

GATES = {
    "definition": with_definition(),
    "controlled definition": with_definition().control(2, ctrl_state=1),
    "matrix": with_matrix(),
    "Pauli word": lib.PauliGate("XYZ"),
    "Pauli rotation": lib.PauliProductRotationGate(Pauli("XYZ"), 0.7),
    "negative Pauli rotation": lib.PauliProductRotationGate(Pauli("-XYI"), 0.7),
    "Pauli evolution": lib.PauliEvolutionGate(SparsePauliOp(["XX", "ZZ"], [0.3, 0.4]), 0.7),
    "QFT": lib.QFTGate(3),
    "diagonal": lib.DiagonalGate([1, -1, 1j, -1j]),
    "permutation": lib.PermutationGate([2, 0, 1]),
    "many controls": lib.MCXGate(3, ctrl_state=2),
    "multiplexed": lib.UCRYGate([0.1, 0.2, 0.3, 0.4]),
    "inverse of a state": lib.StatePreparation([0.6, 0, 0, 0.8j]).inverse(),
    "Hamiltonian": lib.HamiltonianGate(np.array([[1, 2], [2, -1]]), 0.3),
    **{
        f"modifiers {i}": AnnotatedOperation(lib.UGate(0.1, 0.2, 0.3), m)
        for i, m in enumerate(ANNOTATED)
    },
}

CIRCUITS = {
    **{name: single(gate) for name, gate in GATES.items()},
    "Clifford": single(random_clifford(3, seed=1)),
    "zz_feature_map": lib.zz_feature_map(3).assign_parameters([0.1, 0.2, 0.3]),
    "real_amplitudes": lib.real_amplitudes(3, reps=1).assign_parameters(np.arange(6) / 3),
    "efficient_su2": lib.efficient_su2(2, reps=1).assign_parameters(np.arange(8) / 3),
    "TwoLocal": lib.TwoLocal(2, "ry", "cz", reps=1).assign_parameters(np.arange(4) / 3),
    "quantum volume": lib.QuantumVolume(3, seed=1),
    **{f"random {seed}": random_circuit(4, 5, max_operands=4, seed=seed) for seed in range(12)},
}


@pytest.mark.parametrize("name", CIRCUITS)
def test_there_and_back(name):
    """A circuit would not survive the way to PennyLane and back."""
    circuit = CIRCUITS[name]
    n = circuit.num_qubits
    expected = unitary(circuit, n)
    tape = make_qscript(from_qiskit(circuit))()
    assert_same(unitary(tape, n), expected, atol=1e-7)
    assert_same(unitary(to_qiskit(tape, wires=range(n)), n), expected, atol=1e-7)


# --- parameters -----------------------------------------------------------------------------------


def parametrised():
    circuit = QuantumCircuit(2)
    circuit.rx(X.sin() * V[0], 0)
    circuit.cry(V[2] + 2 * X, 0, 1)
    return circuit


VALUES = [0.3, 0.5, 0.7]


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (({X: 0.4, V: VALUES},), {}),
        (({"x": 0.4, "v": np.array(VALUES)},), {}),
        (({X: 0.4},), {"v": VALUES}),
        (({V[0]: 0.3, "v[2]": 0.7, X: 0.4},), {}),
        (([0.3, 0.7, 0.4],), {}),
        ((np.array([0.3, 0.7, 0.4]),), {}),
        ((), {"x": 0.4, "v": tuple(VALUES)}),
    ],
)
def test_ways_to_give_values(args, named):
    """A value would go to another parameter."""
    tape = make_qscript(from_qiskit(parametrised()))(*args, **named)
    first, second = tape.operations
    assert first.data[0] == pytest.approx(np.sin(0.4) * 0.3)
    assert second.data[0] == pytest.approx(0.7 + 0.8)


def test_gradients_and_batches():
    """A template could not be trained, or not on a batch."""
    template = from_qiskit(parametrised())

    @qml.qnode(qml.device("default.qubit"), interface="auto")
    def circuit(x, v):
        template({X: x, V: v}, wires=["a", "b"])
        return qml.expval(qml.Z("b"))

    x = torch.tensor([0.1, 0.2, 0.9], dtype=torch.float64, requires_grad=True)
    v = torch.tensor(VALUES, dtype=torch.float64, requires_grad=True)
    assert circuit(x, v).shape == (3,)
    assert torch.autograd.gradcheck(circuit, (x, v))
    rows = torch.stack([v, 2 * v])
    torch.testing.assert_close(circuit(0.4, rows)[1], circuit(0.4, 2 * v))
    expected = torch.autograd.functional.jacobian(lambda v: circuit(0.4, v), v).numpy()
    np.testing.assert_allclose(
        qml.grad(lambda v: circuit(0.4, v))(pnp.array(VALUES, requires_grad=True)), expected
    )
    found = jax.grad(lambda v: circuit(0.4, v))(jax.numpy.array(VALUES))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_symbols_pass_through():
    """A circuit with parameters could not come back from PennyLane."""
    circuit = parametrised()
    back = to_qiskit(from_qiskit(circuit))(list(circuit.parameters))
    assert set(back.parameters) == set(circuit.parameters)
    assert back.data[0].operation.params == [X.sin() * V[0]]
    values = {X: 0.4, V[0]: 0.3, V[2]: 0.7}
    left, right = (Statevector(c.assign_parameters(values)) for c in (circuit, back))
    assert left.equiv(right)


@pytest.mark.parametrize(
    ("args", "named", "message"),
    [
        ((), {}, r"No values .*'v\[0\]', 'v\[2\]', 'x'"),
        (({X: 0.1},), {"v": VALUES, "y": 1}, "no parameter 'y'"),
        (({X: 0.1, V: VALUES},), {"x": 0.1}, "'x' was given twice"),
        (({X: 0.1, V: VALUES, V[0]: 0.1},), {}, r"'v\[0\]' was given twice"),
        (([0.1, 0.2],), {}, "3 parameters, but 2 values"),
        (({X: 0.1, V: [0.1]},), {}, "'v' has 3 parameters, but 1"),
        (([0.1, 0.2, 0.3],), {"x": 0.1}, "in order and by name"),
        (([0.1, 0.2, 0.3],), {"wires": [0]}, "2 qubits, but 1 wires"),
    ],
)
def test_bad_values(args, named, message):
    """A wrong call would run, or fail far away from its cause."""
    with pytest.raises(ValueError, match=message):
        from_qiskit(parametrised())(*args, **named)


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (({0.1, 0.2, 0.3},), {}),
        (({X: 0.1, V: {0: 0.1, 1: 0.2, 2: 0.3}},), {}),
        (([0.1, 0.2, 0.3],), {"wires": {"a", "b"}}),
        (([0.1, 0.2, 0.3],), {"wires": {"a": 0, "b": 1}}),
    ],
    ids=["values", "vector", "wires", "dict of wires"],
)
def test_what_has_no_order(args, named):
    """Values and wires in a set or a dict are refused: they would be given to others."""
    with pytest.raises(TypeError, match="sequence"):
        from_qiskit(parametrised())(*args, **named)


# --- states and resets ----------------------------------------------------------------------------


@pytest.mark.parametrize("state", [[0.6, 0, 0, 0.8j], "+1", 2], ids=str)
def test_states(state):
    """Initial states would be in the wrong order of bits, or need a measurement."""
    for method in ("initialize", "prepare_state"):
        circuit = QuantumCircuit(3)
        getattr(circuit, method)(state, [2, 0])
        tape = make_qscript(from_qiskit(circuit))()
        (op,) = tape.operations
        assert isinstance(op, qml.StatePrep)
        vector = op.state_vector(wire_order=[0, 1, 2]).ravel()
        expected = QuantumCircuit(3)
        expected.prepare_state(state, [2, 0])
        assert Statevector(vector).equiv(Statevector(expected.reverse_bits()))


def test_initialize_later_resets():
    """Qubits that are not in the state 0 would be taken to be."""
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.initialize([0.6, 0.8], 0)
    template = from_qiskit(circuit)

    @qml.qnode(qml.device("default.qubit"))
    def qnode():
        template()
        return qml.probs(wires=0)

    np.testing.assert_allclose(qnode(), [0.36, 0.64], atol=1e-10)


# --- control flow ---------------------------------------------------------------------------------


def two_measured():
    circuit = QuantumCircuit(3, 2)
    circuit.rx(0.7, 0)
    circuit.ry(1.2, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def if_else(circuit):
    with circuit.if_test((circuit.cregs[0], 2)) as otherwise:
        circuit.rx(0.4, 2)
        with circuit.if_test((circuit.clbits[0], 0)) as inner:
            circuit.ry(0.5, 2)
        with inner:
            circuit.rx(0.6, 2)
    with otherwise:
        circuit.ry(1.1, 2)


def expression(circuit):
    register, (a, b) = circuit.cregs[0], circuit.clbits
    with circuit.if_test(expr.less(expr.bit_xor(register, 1), 2)):
        circuit.rx(0.9, 2)
    with circuit.if_test(expr.logic_or(expr.logic_not(a), expr.bit_and(a, b))):
        circuit.ry(0.9, 2)
    with circuit.if_test(expr.equal(expr.bit_not(register), 1)):
        circuit.rx(0.3, 2)


def switch(circuit):
    with circuit.switch(circuit.cregs[0]) as case:
        with case(0, 3):
            circuit.ry(0.3, 2)
        with case(1):
            circuit.ry(0.7, 2)
        with case(case.DEFAULT):
            circuit.rx(2.0, 2)


def loop(circuit):
    with circuit.for_loop(range(1, 4)) as i:
        circuit.ry(i * 0.2, 2)
        with circuit.if_test((circuit.clbits[1], 1)):
            circuit.rx(0.3, 2)


def reset(circuit):
    circuit.h(2)
    circuit.reset(2)
    circuit.ry(0.4, 2)
    circuit.barrier()
    circuit.delay(10, 2)


def unmeasured(circuit):
    circuit.add_bits([type(circuit.clbits[0])()])
    with circuit.if_test((circuit.clbits[2], 1)) as otherwise:
        circuit.x(2)
    with otherwise:
        circuit.ry(0.4, 2)


@pytest.mark.parametrize("build", [if_else, expression, switch, loop, reset, unmeasured])
def test_control_flow(build):
    """A branch would be taken under another condition than in Qiskit."""
    circuit = two_measured()
    build(circuit)
    template = from_qiskit(circuit)

    @qml.qnode(qml.device("default.qubit"))
    def qnode():
        outcomes = template()
        return qml.expval(qml.Z(2)), qml.expval(outcomes[0] + 2 * outcomes[1])

    z, mean = qnode()
    shots = 20_000
    measured = circuit.copy()
    measured.measure_all()
    counts = AerSimulator(seed_simulator=5).run(measured, shots=shots).result().get_counts()
    # Qubit 2 is the first letter, as the register measured last is.
    found = sum((1 - 2 * int(key[0])) * n for key, n in counts.items()) / shots
    assert abs(found - z) <= 5 * np.sqrt((1 - z**2) / shots) + 1e-12
    assert mean == pytest.approx(np.sin(0.35) ** 2 + 2 * np.sin(0.6) ** 2)


def test_outcomes_are_listed_by_bit():
    """The user could not tell which outcome is whose."""
    circuit = QuantumCircuit(2, 3)
    circuit.measure([1, 0], [2, 0])
    with qml.queuing.AnnotatedQueue():
        outcomes = from_qiskit(circuit)(wires=["a", "b"])
    assert outcomes[1] is None
    assert [outcomes[i].wires.tolist() for i in (0, 2)] == [["a"], ["b"]]


# --- bad input ------------------------------------------------------------------------------------


def while_loop():
    circuit = two_measured()
    with circuit.while_loop((circuit.clbits[0], 1)):
        circuit.h(0)
    return circuit


def measurement_in_a_branch():
    circuit = two_measured()
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.measure(2, 1)
    return circuit


def variable():
    circuit = two_measured()
    flag = circuit.add_input("flag", expr.lift(True).type)
    with circuit.if_test(flag):
        circuit.x(2)
    return circuit


def opaque():
    return single(Gate("mystery", 2, []))


def power_of_a_symbol():
    return single(AnnotatedOperation(lib.RXGate(X), [PowerModifier(0.5)]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (while_loop, "'while_loop' cannot be converted"),
        (measurement_in_a_branch, "inside of an if_test"),
        (variable, "classical variable 'flag'"),
        (opaque, r"'mystery' on qubits \[0, 1\]"),
        (power_of_a_symbol, "fractional power of 'rx'"),
    ],
)
def test_circuits_that_cannot_be_converted(make, message):
    """The user would not learn what to take out."""
    with pytest.raises(ValueError, match=message):
        from_qiskit(make())


def test_what_is_no_circuit():
    """An attribute error would be all there is."""
    with pytest.raises(TypeError):
        from_qiskit(3)
