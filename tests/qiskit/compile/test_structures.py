"""One circuit for all tapes of one structure, and the key that says which those are."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.tape import QuantumScript, make_qscript
from qiskit.quantum_info import Operator

from pennylane_qizgloria.qiskit.compile import structures as parametrised
from pennylane_qizgloria.qiskit.compile.structures import TapeReader, parametrise, structure_key
from pennylane_qizgloria.qiskit.convert.circuit_builder import expand

WIRES = [0, 1, 2]


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


def test_values_fit_the_circuit(assert_same):
    """The angles would be bound to the wrong gates."""
    ready = parametrise(tape_of(0.0, 0.0, 0.0), WIRES)
    tape = tape_of(0.1, torch.tensor(0.2), np.array(0.3))
    (row,) = ready.values(tape)
    np.testing.assert_allclose(row, [0.1, 0.1, 0.2, 0.3, 0.2, 0.1, 0.2, 0.3])
    bound = ready.circuit.assign_parameters(row)
    expected = qml.matrix(tape_of(0.1, 0.2, 0.3), wire_order=WIRES)
    assert_same(Operator(bound.reverse_bits()).data, expected, up_to_phase=True, atol=1e-7)


def test_more_than_ten_parameters():
    """The columns would be in the order of the names, p[10] before p[2]."""
    angles = np.arange(12) / 10
    tape = QuantumScript([qml.RX(angle, 0) for angle in angles])
    ready = parametrise(tape, WIRES)
    np.testing.assert_array_equal(ready.values(tape), [angles])
    bound = ready.circuit.assign_parameters(ready.values(tape)[0])
    assert [i.operation.params[0] for i in bound.data] == pytest.approx(angles)


def test_broadcast_values():
    """A batch would not become the rows of one PUB."""
    ready = parametrise(tape_of(0.0, 0.0, 0.0), WIRES)
    values = ready.values(tape_of(np.array([0.1, 0.4]), 0.2, torch.tensor([0.3, 0.5])))
    assert values.shape == (2, 8)
    np.testing.assert_allclose(values[:, :4], [[0.1, 0.1, 0.2, 0.3], [0.4, 0.4, 0.2, 0.5]])
    # A batch that only the global phase has counts too.
    tape = QuantumScript([qml.GlobalPhase([0.1, 0.2, 0.3]), qml.RX(0.5, 0)])
    np.testing.assert_array_equal(parametrise(tape, WIRES).values(tape), [[0.5]] * 3)


def test_no_parameters():
    """A circuit of fixed gates would have no row to run."""
    tape = QuantumScript([qml.X(0)])
    assert parametrise(tape, WIRES).values(tape).shape == (1, 0)


def test_chosen_symbols():
    """Angles that are constants would not be written by value."""
    tape = tape_of(0.1, 0.2, 0.3)
    ready = parametrise(tape, WIRES, symbols=[0, 3])
    np.testing.assert_array_equal(ready.values(tape), [[0.1, 0.3]])
    key = structure_key(tape, WIRES, [0, 3])
    assert key == structure_key(tape_of(0.1, 0.2, 0.3), WIRES, [0, 3])
    assert key != structure_key(tape_of(0.1, 0.5, 0.3), WIRES, [0, 3])


def test_mid_circuit_measurements():
    """The caller could not tell which outcomes to keep."""

    def function():
        qml.measure(0)
        m = qml.measure(1, postselect=1)
        qml.cond(m, qml.RX)(0.5, 2)

    tape = make_qscript(function)()
    ready = parametrise(tape, WIRES)
    assert ready.postselect == (None, 1)
    assert ready.circuit.cregs[0].name == "mcm"
    np.testing.assert_array_equal(ready.values(tape), [[0.5]])


# --- keys -----------------------------------------------------------------------------------------


def key(function):
    return structure_key(expand(make_qscript(function)(), "test"), WIRES)


def conditional(condition, angle=0.1):
    def function():
        a, b = qml.measure(0), qml.measure(1)
        qml.cond(condition(a, b), qml.RX)(angle, 2)

    return function


def test_same_structure():
    """Each tape would be converted and transpiled anew."""
    first = structure_key(tape_of(0.1, 0.2, 0.3), WIRES)
    assert hash(first) == hash(structure_key(tape_of(0.1, 0.2, 0.3), WIRES))
    assert first == structure_key(tape_of(np.array([0.5, 0.7]), torch.tensor(1.0), 2.0), WIRES)
    same = key(conditional(lambda a, b: a & b))
    assert same == key(conditional(lambda a, b: a & b, angle=0.7))
    # Written otherwise, but true for the same outcomes.
    assert same == key(conditional(lambda a, b: a + b == 2))
    relabelled = tape_of(0.1, 0.2, 0.3).map_to_standard_wires()
    assert first == structure_key(relabelled, WIRES)


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
    "measurement": lambda: qml.measure(0),
    "reset": lambda: qml.measure(0, reset=True),
    "postselect": lambda: qml.measure(0, postselect=0),
    "both": conditional(lambda a, b: a & b),
    "first": conditional(lambda a, b: a),
    "second": conditional(lambda a, b: b),
}


def test_other_structures():
    """A tape would run as the circuit of another."""
    keys = {name: key(function) for name, function in STRUCTURES.items()}
    assert len(set(keys.values())) == len(keys)
    tape = QuantumScript([qml.RX(0.1, 0)])
    assert structure_key(tape, [0]) != structure_key(tape, [0, 1])


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(value):
    """The service would refuse the job, or give nonsense."""
    ready = parametrise(tape_of(0.0, 0.0, 0.0), WIRES)
    with pytest.raises(ValueError, match=r"Rot.* on wires \[1\].*finite"):
        ready.values(tape_of(0.1, value, 0.3))


def test_broadcast_matrices():
    """One matrix of a batch would stand for all."""
    tape = tape_of(0.1, 0.2, 0.3, matrix=np.stack([np.eye(2), -np.eye(2)]))
    with pytest.raises(ValueError, match=r"QubitUnitary.*broadcast"):
        parametrise(tape, WIRES)


def test_another_structure():
    """An index error would be all there is."""
    ready = parametrise(tape_of(0.1, 0.2, 0.3), WIRES)
    with pytest.raises(ValueError, match="structure"):
        ready.values(QuantumScript([qml.RX(0.1, 0)]))


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
def test_reading_tapes_gives_their_keys_and_values(operations):
    """Circuits would be bound to values of other circuits."""
    tape = QuantumScript(operations)
    reading = TapeReader()
    for _ in range(2):
        key, values = reading.read(tape, WIRES)
        assert key == structure_key(tape, WIRES)
        np.testing.assert_array_equal(values, parametrise(tape, WIRES).values(tape))


def test_operations_that_tapes_share_are_read_once(monkeypatch):
    """Each of a gradient's circuits would take as long as the first one."""
    read = []
    entry = parametrised._entry
    monkeypatch.setattr(
        parametrised, "_entry", lambda op, *rest: (read.append(op), entry(op, *rest))[1]
    )
    shared = [qml.RX(0.1, 0), qml.CNOT([0, 1])]
    reading = TapeReader()
    for angle in (0.1, 0.2, 0.3):
        reading.read(QuantumScript([*shared, qml.RY(angle, 0)]), WIRES)
    assert len(read) == 2 + 3


def test_a_condition_depends_on_the_measurements_of_its_tape():
    """A gate would be conditioned on the outcome of another measurement."""
    with qml.queuing.AnnotatedQueue() as queue:
        qml.measure(0)
        qml.cond(qml.measure(1), qml.X)(2)
    both = QuantumScript.from_queue(queue)
    one = QuantumScript(both.operations[1:])
    reading = TapeReader()
    for tape in (both, one):
        assert reading.read(tape, WIRES)[0] == structure_key(tape, WIRES)


def test_reading_names_parameters_that_are_no_numbers():
    """A backend would be sent an angle that means nothing."""
    with pytest.raises(ValueError, match=r"RX\(.*nan.*\) on wires \[0\].*finite"):
        TapeReader().read(QuantumScript([qml.RX(np.array([0.1, np.nan]), 0)]), WIRES)
