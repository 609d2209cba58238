"""Expectation values and variances from what an estimator gives."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript
from qiskit.primitives import DataBin, PubResult
from qiskit.quantum_info import SparsePauliOp

from pennylane_qizgloria.qiskit.compile.structures import TapeReader
from pennylane_qizgloria.qiskit.compile.transpilation import Compiler
from pennylane_qizgloria.qiskit.measurements.measurement_splitting import EstimatorUse, split
from pennylane_qizgloria.qiskit.pubs.estimator import add_to_estimator, estimated_means
from pennylane_qizgloria.qiskit.pubs.pubs import PubChunk, PubCollection

SUM = 2 * qml.Z("a") + 3 * qml.X("b")


def added(tape, pubs=None):
    return add_to_estimator(
        tape, ["a", "b"], TapeReader(), Compiler(None), PubCollection() if pubs is None else pubs
    )


def test_a_variance_takes_the_square_along():
    """A variance is the difference of two means, of the square and of the observable."""
    pubs = PubCollection()
    tape = QuantumScript([qml.RX(0.3, "a")], [qml.var(SUM), qml.expval(qml.Z("a"))], shots=100)
    (part,), merge = split(tape, use=EstimatorUse(True, True))
    plan = added(part, pubs)
    (pub,) = pubs
    # Qiskit's labels read from right to left: X on "b", Z on "a".
    assert dict(pub.observables[0].to_list()) == pytest.approx({"XZ": 12})
    variance, mean = merge([plan.postprocess([np.array([[-6.0], [0.5], [-0.25]])])])
    assert (variance, mean) == (4 + 9 - 6.0 - 0.25, -0.25)


def test_costs():
    """Each row runs in each basis, with the shots of each entry of the shot vector."""
    operations = [qml.RX(np.array([0.1, 0.2]), "a")]
    measurements = [qml.expval(qml.Z("a")), qml.expval(SUM), qml.expval(qml.X("a"))]
    plan = added(QuantumScript(operations, measurements, shots=(100, 400)))
    assert (plan.executions, plan.total_shots) == (2 * 2 * 2, 2 * 2 * 500)
    exact = added(QuantumScript(operations, measurements))
    assert (exact.executions, exact.total_shots) == (4, 0)


@pytest.mark.parametrize("shots", [100, (100, 400)])
def test_results_have_the_shapes_of_pennylane(shots):
    """A result would have axes too many or too few."""
    pubs = PubCollection()
    single = added(QuantumScript([qml.RX(0.3, "a")], [qml.expval(SUM)], shots=shots), pubs)
    operations = [qml.RX(np.array([0.1, 0.2]), "a")]
    batch = added(QuantumScript(operations, [qml.expval(SUM)], shots=shots), pubs)
    assert [pub.length for pub in pubs] == ([3] if shots == 100 else [3, 3])
    single, batch = single.postprocess, batch.postprocess
    means = [np.array([[1.0, 2.0, 3.0]]), np.array([[4.0, 5.0, 6.0]])]
    if shots == 100:
        assert single(means) == 1.0
        np.testing.assert_array_equal(batch(means), [2.0, 3.0])
    else:
        assert single(means) == (1.0, 4.0)
        np.testing.assert_array_equal(batch(means), [[2.0, 3.0], [5.0, 6.0]])


def test_parts_come_together_in_order():
    """Rows of a PUB that was parted would be read as observables."""
    values = [np.array([[1.0, 2], [3, 4]]), np.array([[5.0], [6]])]
    observables = [[SparsePauliOp("Z")], [SparsePauliOp("X")]]
    chunks = [PubChunk(0, (None, observables), own.shape[1], 1) for own in values]
    found = estimated_means(
        chunks, [PubResult(DataBin(evs=own, shape=own.shape)) for own in values]
    )
    np.testing.assert_array_equal(found, [[1, 2, 5], [3, 4, 6]])


def test_an_observable_of_nothing():
    """A sum that cancels would have no form that an estimator takes."""
    pubs = PubCollection()
    added(QuantumScript([], [qml.expval(qml.Z("a") - qml.Z("a"))], shots=10), pubs)
    (pub,) = pubs
    assert pub.observables[0].num_qubits == 2
    np.testing.assert_array_equal(pub.observables[0].coeffs, [0])
