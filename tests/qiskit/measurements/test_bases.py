"""In which bases measurements are read, and which share one."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript

from pennylane_qizgloria.qiskit.measurements.bases import (
    basis_of,
    diagonalized,
    group_bases,
)

WIRES = ["a", "b", "c"]
MATRIX = np.array([[0.3, 1], [1, -0.3]])
SUM = qml.sum(qml.Hermitian(MATRIX, "a"), qml.Z("b"))


def rotated(observable, gates):
    """The matrix of an observable after a basis change by gates."""
    matrix = np.eye(8)
    if gates:
        matrix = qml.matrix(QuantumScript(gates), wire_order=WIRES)
    return matrix @ qml.matrix(observable, wire_order=WIRES) @ matrix.conj().T


def diagonalizing_gates(*processes):
    return diagonalized(QuantumScript([], processes)).operations


@pytest.mark.parametrize("process", [qml.expval, qml.var, qml.sample, qml.counts])
def test_words_are_read_in_the_bases_of_their_paulis(process):
    """The gates make every one of the words diagonal."""
    words = [qml.X("a") @ qml.Y("b"), qml.X("a"), qml.Z("c"), qml.Y("b") + 2 * qml.X("a")]
    gates = diagonalizing_gates(*map(process, words))
    assert len(gates) == len(qml.X(0).diagonalizing_gates() + qml.Y(0).diagonalizing_gates())
    for word in words:
        found = rotated(word, gates)
        np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-12)


@pytest.mark.parametrize(
    "observable",
    [
        qml.Z("a") + qml.Z("a"),
        (qml.Z("a") + qml.Z("a")) @ qml.X("b"),
        qml.X("a") + qml.Z("a"),
        qml.X("a") @ qml.X("b") + qml.Z("a") @ qml.Z("b"),
        qml.Hermitian(MATRIX, "a") @ qml.Z("b"),
        2 * qml.Hermitian(MATRIX, "c"),
        qml.Projector([0, 1], ["c", "a"]),
        qml.Hadamard("b") @ qml.Y("a"),
        SUM,
    ],
    ids=str,
)
def test_probabilities_are_in_the_order_of_the_eigenvalues(observable):
    """The diagonal in the basis is what PennyLane's eigvals gives, entry by entry."""
    found = np.diag(rotated(observable, diagonalizing_gates(qml.probs(op=observable))))
    own = np.asarray(qml.eigvals(observable)) if observable.wires == [] else observable.eigvals()
    order = [*observable.wires, *(wire for wire in WIRES if wire not in observable.wires)]
    spread = np.kron(np.real(own), np.ones(2 ** (3 - len(observable.wires)))).reshape(2, 2, 2)
    wanted = spread.transpose([order.index(wire) for wire in WIRES]).ravel()
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_an_observable_that_is_measured_twice_is_diagonalized_once():
    """Both processes share the gates of the one observable."""
    observable = qml.Hermitian(MATRIX, "a")
    (rotation,) = diagonalizing_gates(
        qml.expval(observable), qml.var(observable), qml.counts(wires="b")
    )
    found = qml.matrix(rotation) @ MATRIX @ qml.matrix(rotation).conj().T
    np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-12)


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        ([qml.counts(), qml.expval(qml.Z("a")), qml.var(qml.Z("a") + qml.Z("b"))], [[0, 1, 2]]),
        ([qml.expval(qml.X("a")), qml.expval(qml.Hermitian(MATRIX, "b"))], [[0, 1]]),
        ([qml.expval(qml.Hermitian(MATRIX, "a")), qml.expval(qml.Z("a"))], [[0], [1]]),
        ([qml.expval(qml.Projector([1], "a")), qml.probs(wires=["a", "b"])], [[0, 1]]),
        ([qml.expval(qml.X("a")), qml.counts(wires="b"), qml.counts()], [[2, 1], [0]]),
        (
            [qml.expval(qml.X("a") @ qml.X("b")), qml.expval(qml.X("a")), qml.expval(qml.Y("b"))],
            None,
        ),
    ],
)
def test_measurements_share_a_basis_where_one_serves(processes, expected):
    """They are read from the same shots, whatever their kinds."""
    tape = QuantumScript([qml.Identity(wire) for wire in WIRES], processes)
    found = group_bases([basis_of(process, tape) for process in processes])
    wanted = [[0, 1], [2]] if expected is None else expected
    assert sorted(map(sorted, found)) == sorted(map(sorted, wanted))
