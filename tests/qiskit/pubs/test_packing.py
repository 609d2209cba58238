"""Which PUBs a batch of tapes becomes, and which rows of the results are whose."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from qiskit.primitives import StatevectorEstimator, StatevectorSampler

from pennylane_qizgloria.qiskit.compile.transpilation import Compiler
from pennylane_qizgloria.qiskit.measurements.measurement_splitting import EstimatorUse
from pennylane_qizgloria.qiskit.pubs.packing import pack, qubit_order

WIRES = Wires(["a", "b", "c"])


def tape(angle, *measurements, shots=1000, gate=qml.RX):
    operations = [gate(angle, "b"), qml.CNOT(["b", "a"])]
    return QuantumScript(operations, measurements, shots=shots)


def packed(tapes, use_estimator=True):
    return pack(tapes, WIRES, Compiler(None), EstimatorUse(use_estimator, use_estimator))


def results(packed):
    """What exact primitives of Qiskit's own give."""
    sampled = StatevectorSampler(seed=1).run([chunk.pub for chunk in packed.sampler]).result()
    estimated = StatevectorEstimator(seed=1).run([chunk.pub for chunk in packed.estimator]).result()
    return packed.results(tuple(sampled), tuple(estimated))


Z = qml.expval(qml.Z("a"))
Y = qml.expval(qml.Y("a"))


def test_one_structure_is_one_pub_of_many_rows():
    """A gradient would be as many PUBs as it has circuits."""
    found = packed([tape(0.1, Z), tape(np.array([0.2, 0.3]), Z), tape(0.4, Z)])
    (chunk,) = found.estimator
    _, observables, bindings, precision = chunk.pub
    assert found.sampler == ()
    assert [len(row) for row in observables] == [1]
    assert bindings.shape == (4,)
    assert precision == pytest.approx(1000**-0.5)
    assert chunk.rows == 4


@pytest.mark.parametrize(
    "other",
    [tape(0.1, Y), tape(0.1, Z, shots=500), tape(0.1, Z, gate=qml.RY)],
    ids=["observable", "shots", "gate"],
)
def test_what_differs_is_another_pub(other):
    """Circuits would be run with the observables or shots of others."""
    assert len(packed([tape(0.1, Z), other, tape(0.2, Z)]).estimator) == 2


@pytest.mark.parametrize("max_shots", [None, 120_000, 40_000])
def test_rows_in_parts_give_the_same(max_shots):
    """Results would be exchanged between circuits, or lost, where a job cannot hold all rows."""
    angles = np.array([0.0, np.pi, 0.0, np.pi, np.pi, 0.0, np.pi])
    rest = [tape(0.0, Z, shots=40_000), tape(np.pi, Z, shots=40_000, gate=qml.RY)]
    tapes = [tape(angles[:4], Z, shots=40_000), *rest, tape(angles[4:], Z, shots=40_000)]
    found = pack(tapes, WIRES, Compiler(None), EstimatorUse(False, False), max_shots)
    rows = {None: [8, 1], 120_000: [3, 3, 2, 1], 40_000: [1] * 9}[max_shots]
    assert [chunk.rows for chunk in found.sampler] == rows
    first, one, other, last = results(found)
    np.testing.assert_array_equal(first, np.cos(angles[:4]))
    np.testing.assert_array_equal(last, np.cos(angles[4:]))
    assert (one, other) == (1, -1)


@pytest.mark.parametrize("use_estimator", [True, False])
def test_each_tape_gets_its_own_rows(use_estimator):
    """Results would be exchanged between circuits."""
    angles = [0.3, np.array([0.9, 1.4]), 2.0, 2.9, np.array([0.1, 3.0])]
    gates = [qml.RX, qml.RX, qml.RY, qml.RX, qml.RY]
    tapes = [tape(x, Z, shots=40_000, gate=gate) for x, gate in zip(angles, gates, strict=True)]
    for found, angle in zip(results(packed(tapes, use_estimator)), angles, strict=True):
        assert np.shape(found) == np.shape(angle)
        np.testing.assert_allclose(found, np.cos(angle), atol=0.03)


def test_circuits_without_parameters():
    """Rows without columns are all alike, which not every primitive understands."""
    own = [QuantumScript([qml.X("a")], [qml.probs(wires="a")], shots=10) for _ in range(2)]
    found = packed(own)
    assert [chunk.rows for chunk in found.sampler] == [1, 1]
    for probs in results(found):
        np.testing.assert_array_equal(probs, [0, 1])


def test_the_order_of_qubits_is_the_devices():
    """Bits would come in the order in which a circuit names its wires."""
    own = QuantumScript([qml.X("c"), qml.H("a")], [qml.expval(qml.Z("extra"))])
    assert qubit_order(own, WIRES) == ["a", "c", "extra"]
    assert qubit_order(own, None) == ["c", "a", "extra"]
    flipped = QuantumScript([qml.X("c"), qml.I("a")], [qml.probs(wires=["c", "a"])], shots=5)
    (probs,) = results(packed([flipped]))
    np.testing.assert_array_equal(probs, [0, 0, 1, 0])


def test_shot_vectors():
    """Entries of a shot vector would share shots."""
    own = tape(0.3, qml.sample(wires=["a", "b"]), shots=(3, 5))
    (found,) = results(packed([own]))
    assert [entry.shape for entry in found] == [(3, 2), (5, 2)]
    estimated = packed([tape(0.3, Z, shots=(100, 400))])
    assert [chunk.pub[3] for chunk in estimated.estimator] == pytest.approx([0.1, 0.05])
