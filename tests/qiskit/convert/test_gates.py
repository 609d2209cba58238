"""Every gate does what its equivalent in PennyLane or Qiskit does, global phase included."""

import numpy as np
import pennylane as qml
import pytest
from helpers.qiskit_unitaries import assert_same, unitary
from pennylane.tape import QuantumScript, make_qscript
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.circuit.library import get_standard_gate_name_mapping
from scipy.stats import unitary_group

from pennylane_qizgloria.qiskit import from_qiskit, to_qiskit
from pennylane_qizgloria.qiskit.convert.gates import (
    _TO_PENNYLANE,
    SAME,
    gate_mapping,
    has_equivalent,
    operators,
)

KINDS = [*SAME, qml.Rot, qml.CRot, qml.IsingXY, qml.SISWAP, qml.SingleExcitation]
U = unitary_group.rvs(4, random_state=1)
DIAGONAL = np.exp(1j * np.arange(4) ** 2)


def name_of(kind):
    return kind.__name__


def make(kind, seed=7):
    """A gate with random angles on wires in descending order, so that their order matters."""
    angles = np.random.default_rng(seed).uniform(-3, 3, kind.num_params)
    return kind(*angles, wires=list(reversed(range(kind.num_wires or 1))))


@pytest.fixture
def assert_equivalent():
    """A function that compares an operator, without a decomposition, and its equivalent."""

    def check(op):
        tape, n = QuantumScript([op]), max(op.wires) + 1
        assert has_equivalent(op)
        assert_same(unitary(to_qiskit(tape, wires=range(n)), n), unitary(tape, n))

    return check


@pytest.mark.parametrize("kind", KINDS, ids=name_of)
def test_equivalent_gates(kind, assert_equivalent):
    """A gate of one name would be another gate on the backend."""
    assert_equivalent(make(kind))
    assert_equivalent(qml.adjoint(make(kind), lazy=True))


@pytest.mark.parametrize("values", [[1], [0], [1, 0]], ids=str)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not qml.Identity], ids=name_of)
def test_controls_of_equivalent_gates(kind, values, assert_equivalent):
    """Control values would be read in the wrong order, or the target's phase be lost."""
    op = make(kind)
    controls = list(range(len(op.wires), len(op.wires) + len(values)))
    assert_equivalent(qml.ctrl(op, controls, control_values=values))
    assert_equivalent(qml.ctrl(qml.adjoint(op), controls, control_values=values))


@pytest.mark.parametrize("kind", SAME, ids=name_of)
def test_gates_of_the_same_kind(kind):
    """A standard gate would become something longer on the other side."""
    op = make(kind)
    assert gate_mapping(op).gate.base_class is SAME[kind]
    qubits = list(range(len(op.wires)))
    (back,) = operators(gate_mapping(op).gate)(op.data, qubits)
    assert type(back) is kind


@pytest.mark.parametrize(
    "op",
    [
        qml.QubitUnitary(U, [1, 0]),
        qml.DiagonalQubitUnitary(DIAGONAL, [1, 0]),
        qml.ctrl(qml.QubitUnitary(U, [1, 0]), [2, 3], control_values=[0, 1]),
        qml.ctrl(qml.DiagonalQubitUnitary(DIAGONAL, [1, 0]), 2),
        qml.adjoint(qml.QubitUnitary(U, [0, 1])),
        qml.MultiRZ(0.3, [0]),
        qml.MultiRZ(0.3, [1, 0]),
        qml.MultiControlledX([0, 3, 2, 1], [0, 1, 1]),
        qml.QubitUnitary(U.astype(np.complex64), [0, 1]),
    ],
    ids=repr,
)
def test_given_matrices_and_many_controls(op):
    """A matrix would be taken in the other side's order of bits."""
    n = len(op.wires)
    circuit = to_qiskit(QuantumScript([op]), wires=range(n))
    assert has_equivalent(op)
    assert_same(unitary(circuit, n), unitary(QuantumScript([op]), n), atol=1e-5)


@pytest.mark.parametrize(
    "op",
    [
        qml.GlobalPhase(0.3, 0),
        qml.ctrl(qml.GlobalPhase(0.3), [0, 1]),
        qml.MultiRZ(0.3, [0, 1, 2]),
        qml.PauliRot(0.4, "XYZ", [0, 2, 1]),
        qml.DoubleExcitation(0.3, [0, 1, 2, 3]),
        qml.CPhaseShift10(0.3, [0, 1]),
        qml.PSWAP(0.3, [0, 1]),
        qml.FermionicSWAP(0.3, [0, 1]),
        qml.QFT([0, 1, 2]),
        qml.pow(qml.X(0), 0.3),
        qml.exp(qml.X(0) @ qml.Z(1), 0.3j),
        qml.SpecialUnitary(np.arange(15) / 10, [0, 1]),
    ],
    ids=lambda op: op.name,
)
def test_gates_without_an_equivalent_are_decomposed(op):
    """An operation that Qiskit does not know could not be converted."""
    n = max(op.wires) + 1
    circuit = to_qiskit(QuantumScript([op]), wires=range(n))
    assert not has_equivalent(op)
    assert_same(unitary(circuit, n), unitary(QuantumScript([op]), n))


@pytest.mark.parametrize("op", [qml.StatePrep(U[0], [1, 0]), qml.BasisState([1, 0], [0, 1])])
def test_states(op):
    """Amplitudes would be taken in the other side's order of bits."""
    column = unitary(to_qiskit(QuantumScript([op]), wires=[0, 1]), 2)[:, 0]
    np.testing.assert_allclose(column, op.state_vector([0, 1]).ravel(), atol=1e-8)


# --- from Qiskit ----------------------------------------------------------------------------------

LEFT_OUT = ("delay", "reset", "measure")


def standard_gates():
    rng = np.random.default_rng(3)
    for name, gate in get_standard_gate_name_mapping().items():
        if name not in LEFT_OUT:
            angles = rng.uniform(-3, 3, len(gate.params))
            yield name, gate.base_class(*angles) if gate.params else gate


GATES = dict(standard_gates())


@pytest.fixture
def assert_template():
    """A function that compares a gate on qubits in descending order with its template."""

    def check(gate):
        n = max(1, gate.num_qubits)
        circuit = QuantumCircuit(n)
        circuit.append(gate, list(reversed(range(gate.num_qubits))))
        tape = make_qscript(from_qiskit(circuit))()
        assert_same(unitary(tape, n), unitary(circuit, n))
        assert_same(unitary(to_qiskit(tape, wires=range(n)), n), unitary(circuit, n))

    return check


@pytest.mark.parametrize("name", GATES)
def test_standard_gate(name, assert_template):
    """One of Qiskit's standard gates would become another gate in PennyLane."""
    assert_template(GATES[name])
    assert_template(GATES[name].inverse())


@pytest.mark.parametrize("name", [n for n, gate in GATES.items() if 1 <= gate.num_qubits <= 2])
def test_controlled_standard_gate(name, assert_template):
    """The state of the controls would be read in the wrong order."""
    for number, state in ((1, 1), (1, 0), (2, 1)):
        assert_template(GATES[name].control(number, ctrl_state=state))


def test_most_standard_gates_have_an_equivalent():
    """Standard gates would be taken apart for want of a line in the table."""
    without = {name for name, gate in GATES.items() if operators(gate) is None}
    assert without == {"rccx", "rcccx", "c3sx"}
    assert set(SAME.values()) < set(_TO_PENNYLANE)


def test_open_controls_keep_qiskits_gates():
    """A controlled gate would lose its compact form."""
    gate = gate_mapping(qml.ctrl(qml.X(2), [0, 1], control_values=[0, 1])).gate
    assert isinstance(gate, lib.CCXGate)
    assert gate.ctrl_state == 0b10


# --- symbols and bad input ------------------------------------------------------------------------


def test_parameters_stay_symbolic():
    """A circuit could not be bound later."""
    x, y = Parameter("x"), Parameter("y")
    found = gate_mapping(qml.CRot(x, 2 * y, 0.5, [0, 1]))
    assert found.gate.base_class is lib.CUGate
    assert found.gate.params[:3] == [2 * y, 0.5, x]


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (qml.QubitUnitary(2 * np.eye(2), 0), "unitary"),
        (qml.DiagonalQubitUnitary([1, 0.5], 0), "size 1"),
        (qml.RX([0.1, 0.2], 0), "broadcast"),
        (qml.GlobalPhase([0.1, 0.2], 0), "broadcast"),
    ],
)
def test_bad_operators(op, message):
    """A circuit that does something else would be run."""
    with pytest.raises(ValueError, match=message):
        to_qiskit(QuantumScript([op]))


def test_operators_without_an_equivalent():
    """The user would not learn which operator is meant."""
    with pytest.raises(ValueError, match="AmplitudeEmbedding on wires"):
        gate_mapping(qml.AmplitudeEmbedding([1.0, 0.0], "a"))
    with pytest.raises(ValueError, match="one by one"):
        gate_mapping(qml.QubitUnitary(np.array([[Parameter("x"), 0], [0, 1]], dtype=object), 0))
