"""Tapes, QNodes and quantum functions as Qiskit circuits."""

import numpy as np
import pennylane as qml
import pytest
from helpers.qiskit_unitaries import assert_same, unitary
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane.tape import QuantumScript, make_qscript
from qiskit import transpile
from qiskit.circuit import Parameter, ParameterVector
from qiskit.quantum_info import Statevector
from qiskit_aer import AerSimulator

from pennylane_qizgloria.qiskit import from_qiskit, to_qiskit

X = Parameter("x")


def drawn_gates():
    """Gates of every kind of mapping, on four wires."""
    kinds = st.sampled_from(
        [
            *(qml.X, qml.S, qml.SX, qml.RX, qml.Rot, qml.U2, qml.U3, qml.PhaseShift, qml.CNOT),
            *(qml.ECR, qml.ISWAP, qml.SISWAP, qml.IsingXY, qml.SingleExcitation, qml.CRot),
            *(qml.CRY, qml.CSWAP, qml.CCZ, qml.MultiRZ, qml.PSWAP, qml.CPhaseShift00, qml.Toffoli),
        ]
    )
    angle = st.floats(-3, 3).map(lambda x: round(x, 3))

    def build(kind, order, angles, wrapper):
        n = kind.num_wires or 2
        op = kind(*angles[: kind.num_params], wires=order[:n])
        if wrapper == "adjoint":
            return qml.adjoint(op, lazy=True)
        if wrapper == "controlled":
            return qml.ctrl(op, order[n:], control_values=[i % 2 for i in range(4 - n)])
        return op

    return st.builds(
        build,
        kinds,
        st.permutations(range(4)),
        st.lists(angle, min_size=3, max_size=3),
        st.sampled_from(["plain", "adjoint", "controlled"]),
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(operations=st.lists(drawn_gates(), min_size=1, max_size=6))
def test_there_and_back(operations):
    """A circuit would not survive the way to Qiskit and back."""
    tape = QuantumScript(operations)
    circuit = to_qiskit(tape, wires=range(4))
    assert_same(unitary(circuit, 4), unitary(tape, 4))
    assert_same(unitary(make_qscript(from_qiskit(circuit))(), 4), unitary(tape, 4))


def test_order_of_wires():
    """Qubits would be mixed up where labels are not 0, 1, 2."""

    def function():
        qml.CNOT([2, 0])
        qml.X(1)

    assert [[q._index for q in i.qubits] for i in to_qiskit(function)().data] == [[2, 0], [1]]
    named = to_qiskit(lambda: qml.CNOT(["b", "a"]))()
    assert [q._index for q in named.data[0].qubits] == [0, 1]
    named = to_qiskit(lambda: qml.CNOT(["b", "a"]), wires=["c", "a", "b"])()
    assert [q._index for q in named.data[0].qubits] == [2, 1]


def test_wires_of_the_device():
    """A QNode's circuit would lack the qubits that it does not touch."""

    @qml.qnode(qml.device("default.qubit", wires=["a", "b", "c"]))
    def circuit():
        qml.X("c")
        return qml.state()

    assert to_qiskit(circuit)().num_qubits == 3
    assert to_qiskit(circuit, wires=["c"])().num_qubits == 1


def test_transforms_of_a_qnode_are_applied():
    """What the user put on the QNode would be left out."""

    @qml.transforms.cancel_inverses
    @qml.qnode(qml.device("default.qubit", wires=1))
    def circuit():
        qml.X(0)
        qml.X(0)
        return qml.state()

    assert not to_qiskit(circuit)().data

    @qml.transforms.split_non_commuting
    @qml.qnode(qml.device("default.qubit", wires=1))
    def split():
        return qml.expval(qml.X(0)), qml.expval(qml.Z(0))

    with pytest.raises(ValueError, match="2 circuits"):
        to_qiskit(split)()


# --- symbols --------------------------------------------------------------------------------------


def test_symbols_in_a_qnode():
    """Parameters would be lost in arithmetic, functions, templates or decompositions."""
    v = ParameterVector("v", 6)

    @qml.qnode(qml.device("default.qubit", wires=4))
    def circuit(x, weights, scale=1.0):
        qml.AngleEmbedding(weights[:3] * scale, wires=range(3))
        qml.StronglyEntanglingLayers(weights.reshape(1, 2, 3), wires=[0, 1])
        for weight in weights:
            qml.RY(qml.math.sin(weight) + x, 2)
        qml.OrbitalRotation(x, [0, 1, 2, 3])
        qml.ctrl(qml.Rot(*weights[:3], 0), [1, 2])
        return qml.state()

    values = np.linspace(-2, 2, 6)
    made = to_qiskit(circuit)(X, v, scale=2)
    assert set(made.parameters) == {X, *v}
    state = Statevector(made.assign_parameters({X: 0.3, v: values}).reverse_bits()).data
    np.testing.assert_allclose(state, circuit(0.3, values, scale=2), atol=1e-8)


def test_symbols_in_the_global_phase():
    """The phase of a circuit with symbols would be dropped."""
    made = to_qiskit(lambda x: qml.Rot(0.1, 0.2, x, 0) and qml.GlobalPhase(x))(X)
    assert made.global_phase == -(0.1 + X) / 2 - X


# --- measurements ---------------------------------------------------------------------------------


def outcomes(circuit, shots=2000):
    simulator = AerSimulator(seed_simulator=1)
    counts = simulator.run(transpile(circuit, simulator), shots=shots).result().get_counts()
    return {key: value / shots for key, value in counts.items()}


def test_terminal_measurements():
    """What is sampled would not be the eigenvalues of the observables."""

    @qml.qnode(qml.device("default.qubit", wires=4))
    def circuit():
        qml.Hadamard(0)
        qml.S(0)
        qml.X(2)
        return qml.expval(qml.Y(0) @ qml.Z(2)), qml.var(qml.Y(0)), qml.probs(wires=3)

    made = to_qiskit(circuit)()
    assert made.cregs[0].name == "meas"
    assert outcomes(made) == {"010": 1.0}
    assert not to_qiskit(circuit, measure=False)().clbits


@pytest.mark.parametrize(
    ("measurement", "number"),
    [
        (qml.probs(), 2),
        (qml.counts(wires=[1]), 1),
        (qml.state(), 0),
        (qml.purity([0]), 0),
        (qml.expval(qml.Hermitian(np.array([[1, 2], [2, 0]]), 1)), 1),
    ],
)
def test_which_wires_are_measured(measurement, number):
    """Too many or too few wires would be measured."""
    made = to_qiskit(QuantumScript([qml.X(0), qml.X(1)], [measurement]))
    assert made.num_clbits == number


def test_bases_that_do_not_agree():
    """A wire would be rotated twice, and both results be wrong."""
    tape = QuantumScript([], [qml.expval(qml.X(0)), qml.expval(qml.Z(0))])
    with pytest.raises(ValueError, match="another basis"):
        to_qiskit(tape)
    with pytest.raises(ValueError, match="random bases"):
        to_qiskit(QuantumScript([], [qml.classical_shadow([0])]))


# --- mid-circuit measurements ---------------------------------------------------------------------


def test_conditions(assert_statistics):
    """A condition would be tested on the wrong bits."""

    def function():
        qml.RX(0.7, 0)
        qml.RY(1.2, 1)
        a, b = qml.measure(0), qml.measure(1, reset=True)
        c = qml.measure(1)
        qml.cond(a & ~b, qml.RX, qml.RY)(0.4, 2)
        qml.cond(a + 2 * b >= 2, qml.RX)(1.0, 2)
        qml.cond((a ^ b) | c, qml.SingleExcitation)(1.5, [2, 3])
        qml.cond(c == 1, qml.X)(2)
        qml.cond(a, qml.QFT)([2, 3])

    assert_statistics(function)


@pytest.fixture
def assert_statistics():
    """A function that compares four wires' probabilities with Aer's frequencies."""

    def check(function):
        @qml.qnode(qml.device("default.qubit"))
        def circuit():
            function()
            return qml.probs(wires=[2, 3])

        shots = 20_000
        counts = outcomes(to_qiskit(circuit, wires=range(4))(), shots)
        found = np.zeros(4)
        for key, value in counts.items():
            found[int(key.split()[0][::-1], 2)] += value
        expected = circuit()
        error = np.sqrt(expected * (1 - expected) / shots)
        assert (np.abs(found - expected) <= 5 * error + 1e-12).all()

    return check


def test_a_condition_and_its_opposite_share_a_test():
    """A branch would be tested twice on the hardware."""

    def function():
        m = qml.measure(0)
        qml.cond(m, lambda: (qml.X(1), qml.Y(1)), lambda: qml.Z(1))()

    made = to_qiskit(function)()
    assert made.count_ops() == {"measure": 1, "if_else": 1}
    then, otherwise = made.data[-1].operation.blocks
    assert then.count_ops() == {"x": 1, "y": 1}
    assert otherwise.count_ops() == {"z": 1}


def test_conditions_that_always_or_never_hold():
    """A test on nothing would be written."""

    def function():
        m = qml.measure(0)
        qml.cond(m >= 0, qml.X)(1)
        qml.cond(m > 1, qml.Y)(1)
        qml.cond(m > 1, qml.Z, qml.S)(1)
        qml.cond(m, qml.GlobalPhase)(0.3)

    assert to_qiskit(function)().count_ops() == {"measure": 1, "x": 1, "s": 1}


def test_postselection_is_noted():
    """Outcomes to be dropped would be kept."""
    made = to_qiskit(lambda: (qml.measure(0), qml.measure(1, postselect=1)))()
    assert made.metadata == {"postselect": {1: 1}}


def test_condition_on_another_circuits_measurement():
    """A condition would be tested on a bit that is not there."""
    m = qml.measure(0)
    with pytest.raises(ValueError, match="not in the circuit"):
        to_qiskit(lambda: qml.cond(m, qml.X)(0))()


def test_conditions_on_too_many_measurements():
    """The conversion would take forever."""

    def function():
        total = sum(qml.measure(i) for i in range(11))
        qml.cond(total > 5, qml.X)(0)

    with pytest.raises(ValueError, match="at most 10"):
        to_qiskit(function)()


# --- bad input ------------------------------------------------------------------------------------


def test_wires_that_are_missing():
    """An index error from somewhere inside would be all there is."""
    with pytest.raises(ValueError, match=r"wires \['b'\], which are not in"):
        to_qiskit(lambda: qml.CNOT(["a", "b"]), wires=["a"])()


@pytest.mark.parametrize("wires", [{"a", "b"}, {"a": 0, "b": 1}], ids=["set", "dict"])
def test_wires_without_an_order(wires):
    """Wires in a set or a dict would become any qubits."""
    with pytest.raises(TypeError, match="in the order of the qubits"):
        to_qiskit(lambda: qml.CNOT(["a", "b"]), wires=wires)()


def test_what_is_no_circuit():
    """An attribute error would be all there is."""
    with pytest.raises(TypeError, match="got int"):
        to_qiskit(3)


def test_markers_and_empty_circuits():
    """What has no effect on the state is left out, but for barriers that keep gates apart."""

    def function():
        qml.Barrier([0, 1])
        qml.Barrier([0, 1], only_visual=True)
        qml.Snapshot("here")
        qml.Identity([0, 1])

    assert to_qiskit(function)().count_ops() == {"id": 2, "barrier": 1}
    assert to_qiskit(QuantumScript([])).num_qubits == 0
