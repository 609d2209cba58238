"""One circuit for all tapes of one structure, and what tells structures apart."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.qiskit_unitaries import assert_same
from pennylane.tape import QuantumScript, make_qscript
from qiskit.quantum_info import Operator

from pennylane_qizgloria.lowering.operations.delay import Delay
from pennylane_qizgloria.qiskit.compile.structures import TapeReader, parametrise
from pennylane_qizgloria.qiskit.convert.circuit_builder import expand

WIRES = [0, 1, 2]


def structure_of(tape, wires=WIRES):
    return TapeReader().read(tape, wires)[0]


def values_of(tape, wires=WIRES):
    return TapeReader().read(tape, wires)[1]


def tape_of(x, y, z, matrix=None):
    return QuantumScript(
        [
            qml.RX(x, 0),
            qml.Rot(x, y, z, 1),
            qml.GlobalPhase(z),
            qml.ctrl(qml.adjoint(qml.RZ(y, 2)), [0, 1], control_values=[0, 1]),
            qml.QubitUnitary(np.eye(2) if matrix is None else matrix, 0),
            qml.CRot(x, y, z, [2, 0]),
        ]
    )


def test_values_fit_the_circuit():
    """Bound to the circuit, a tape's values give the tape's unitary."""
    circuit = parametrise(tape_of(0.0, 0.0, 0.0), WIRES).circuit
    (row,) = values_of(tape_of(0.1, torch.tensor(0.2), np.array(0.3)))
    np.testing.assert_allclose(row, [0.1, 0.1, 0.2, 0.3, 0.2, 0.1, 0.2, 0.3])
    bound = circuit.assign_parameters(row)
    expected = qml.matrix(tape_of(0.1, 0.2, 0.3), wire_order=WIRES)
    assert_same(Operator(bound.reverse_bits()).data, expected, up_to_phase=True, atol=1e-7)


def test_more_than_ten_parameters():
    """Values are in the order of the gates, where names would put p[10] before p[2]."""
    angles = np.arange(12) / 10
    tape = QuantumScript([qml.RX(angle, 0) for angle in angles])
    np.testing.assert_array_equal(values_of(tape), [angles])
    bound = parametrise(tape, WIRES).circuit.assign_parameters(angles)
    assert [i.operation.params[0] for i in bound.data] == pytest.approx(angles)


def test_broadcast_values():
    """Each element of a batch is a row; parameters that are not broadcast repeat."""
    values = values_of(tape_of(np.array([0.1, 0.4]), 0.2, torch.tensor([0.3, 0.5])))
    assert values.shape == (2, 8)
    np.testing.assert_allclose(values[:, :4], [[0.1, 0.1, 0.2, 0.3], [0.4, 0.4, 0.2, 0.5]])
    # A batch that only the global phase has counts too.
    tape = QuantumScript([qml.GlobalPhase([0.1, 0.2, 0.3]), qml.RX(0.5, 0)])
    np.testing.assert_array_equal(values_of(tape), [[0.5]] * 3)


def test_no_parameters():
    """A circuit of fixed gates has one row without values."""
    assert values_of(QuantumScript([qml.X(0)])).shape == (1, 0)


def test_mid_circuit_measurements():
    """They are in the register mcm, with the outcomes to postselect beside the circuit."""

    def function():
        qml.measure(0)
        m = qml.measure(1, postselect=1)
        qml.cond(m, qml.RX)(0.5, 2)

    tape = make_qscript(function)()
    ready = parametrise(tape, WIRES)
    assert ready.postselect == (None, 1)
    assert ready.circuit.cregs[0].name == "mcm"
    np.testing.assert_array_equal(values_of(tape), [[0.5]])


# --- structures -----------------------------------------------------------------------------------


def structure(function):
    return structure_of(expand(make_qscript(function)(), "test"))


def conditional(condition, angle=0.1):
    def function():
        a, b = qml.measure(0), qml.measure(1)
        qml.cond(condition(a, b), qml.RX)(angle, 2)

    return function


def test_same_structure():
    """Values, batches, global phases and the form of a condition do not count."""
    first = structure_of(tape_of(0.1, 0.2, 0.3))
    assert hash(first) == hash(structure_of(tape_of(0.1, 0.2, 0.3)))
    assert first == structure_of(tape_of(np.array([0.5, 0.7]), torch.tensor(1.0), 2.0))
    same = structure(conditional(lambda a, b: a & b))
    assert same == structure(conditional(lambda a, b: a & b, angle=0.7))
    # Written otherwise, but true for the same outcomes.
    assert same == structure(conditional(lambda a, b: a + b == 2))
    assert first == structure_of(tape_of(0.1, 0.2, 0.3).map_to_standard_wires())


STRUCTURES = {
    "plain": lambda: qml.RX(0.1, 0),
    "gate": lambda: qml.RY(0.1, 0),
    "wire": lambda: qml.RX(0.1, 1),
    "adjoint": lambda: qml.adjoint(qml.RX(0.1, 0)),
    "lazy adjoint": lambda: qml.adjoint(qml.IsingXX(0.1, [0, 1]), lazy=True),
    "two": lambda: (qml.RX(0.1, 0), qml.RX(0.1, 0)),
    "control": lambda: qml.ctrl(qml.IsingXX(0.1, [0, 1]), 2),
    "control value": lambda: qml.ctrl(qml.IsingXX(0.1, [0, 1]), 2, control_values=0),
    "order": lambda: qml.CNOT([0, 1]),
    "other order": lambda: qml.CNOT([1, 0]),
    "matrix": lambda: qml.QubitUnitary(np.eye(2), 0),
    "other matrix": lambda: qml.QubitUnitary(-np.eye(2), 0),
    "state": lambda: qml.StatePrep([1, 0], 0),
    "basis state": lambda: qml.BasisState([1], 0),
    "other basis state": lambda: qml.BasisState([0], 0),
    "barrier": lambda: qml.Barrier([0, 1]),
    "smaller barrier": lambda: qml.Barrier([0]),
    "barrier in drawings only": lambda: qml.Barrier([0, 1], only_visual=True),
    "delay": lambda: Delay(100, "ns", 0),
    "longer delay": lambda: Delay(200, "ns", 0),
    "delay in another unit": lambda: Delay(100, "us", 0),
    "conditional delay": lambda: qml.cond(qml.measure(0), Delay)(100, "ns", wires=0),
    "longer conditional delay": lambda: qml.cond(qml.measure(0), Delay)(200, "ns", wires=0),
    "measurement": lambda: qml.measure(0),
    "reset": lambda: qml.measure(0, reset=True),
    "postselect": lambda: qml.measure(0, postselect=0),
    "both": conditional(lambda a, b: a & b),
    "first": conditional(lambda a, b: a),
    "second": conditional(lambda a, b: b),
}


def test_other_structures():
    """Whatever makes another circuit makes another structure."""
    found = {name: structure(function) for name, function in STRUCTURES.items()}
    assert len(set(found.values())) == len(found)
    tape = QuantumScript([qml.RX(0.1, 0)])
    assert structure_of(tape, [0]) != structure_of(tape, [0, 1])


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(value):
    """They are refused, with the name and the wires of the operation."""
    with pytest.raises(ValueError, match=r"Rot.* on wires \[1\].*finite"):
        values_of(tape_of(0.1, value, 0.3))
    with pytest.raises(ValueError, match=r"RX\(.*\) on wires \[0\].*finite"):
        values_of(QuantumScript([qml.RX(np.array([0.1, value]), 0)]))


def test_broadcast_matrices():
    """A batch of matrices is refused: a circuit holds one."""
    tape = tape_of(0.1, 0.2, 0.3, matrix=np.stack([np.eye(2), -np.eye(2)]))
    with pytest.raises(ValueError, match=r"QubitUnitary.*broadcast"):
        parametrise(tape, WIRES)


@pytest.mark.parametrize(
    "operations",
    [
        [qml.RX(0.1, 0), qml.Snapshot(), qml.GlobalPhase(0.3), qml.CRot(0.1, 0.2, 0.3, [0, 1])],
        [qml.RX(np.array([0.1, 0.2]), 1), qml.RY(torch.tensor(0.4), 0)],
        [qml.QubitUnitary(np.diag([1, 1j]), 0), qml.adjoint(qml.RZ(0.4, 1))],
        [],
    ],
    ids=["scalars", "batch", "operands", "none"],
)
def test_a_tape_is_read_the_same_each_time(operations):
    """Operations that a reader knows give the structure and values of those it does not know."""
    tape = QuantumScript(operations)
    reader = TapeReader()
    for _ in range(2):
        structure, values = reader.read(tape, WIRES)
        assert structure == structure_of(tape)
        np.testing.assert_array_equal(values, values_of(tape))


def test_operations_that_tapes_share_are_read_once():
    """The matrix of an operation is asked for in the first of its tapes only."""

    class Own(qml.operation.Operation):
        num_wires = 1
        asked = 0

        def matrix(self, wire_order=None):
            Own.asked += 1
            return np.eye(2)

    shared = Own(0)
    reader = TapeReader()
    for angle in (0.1, 0.2, 0.3):
        reader.read(QuantumScript([shared, qml.RY(angle, 0)]), WIRES)
    assert Own.asked == 1


def test_a_condition_depends_on_the_measurements_of_its_tape():
    """The same condition reads another bit in a tape with fewer measurements before it."""
    with qml.queuing.AnnotatedQueue() as queue:
        qml.measure(0)
        qml.cond(qml.measure(1), qml.X)(2)
    both = QuantumScript.from_queue(queue)
    one = QuantumScript(both.operations[1:])
    reader = TapeReader()
    for tape in (both, one):
        assert reader.read(tape, WIRES)[0] == structure_of(tape)
