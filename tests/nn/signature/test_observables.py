"""Observables of Qiskit as PennyLane's."""

import numpy as np
import pennylane as qml
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Parameter
from qiskit.quantum_info import Operator, Pauli, SparseObservable, SparsePauliOp

from pennylane_qizgloria.nn.signature.observables import as_list, to_pennylane


def matrix(observable, num_qubits):
    """In Qiskit's order, in which the first qubit is the least significant bit."""
    return qml.matrix(observable, wire_order=range(num_qubits)[::-1])


@pytest.mark.parametrize(
    "given",
    [
        SparsePauliOp(["XYZ", "IIX", "III"], [0.5, -2.0, 0.25]),
        SparsePauliOp(["XYZ", "XYZ"], [0.5, 1.0]),
        SparseObservable.from_list([("XYZ", 0.5), ("ZZI", 1.0)]),
        SparseObservable("0+r"),
        SparseObservable("1-l"),
        Pauli("-XIY"),
    ],
    ids=repr,
)
def test_matrices_agree(given):
    """Observables of every kind have Qiskit's matrices."""
    dense = given
    if isinstance(given, SparseObservable):
        dense = SparsePauliOp.from_sparse_observable(given)
    np.testing.assert_allclose(matrix(to_pennylane(given, 3), 3), Operator(dense).data, atol=1e-12)


@given(st.text("IXYZ", min_size=1, max_size=4))
@settings(deadline=None, max_examples=30)
def test_strings_are_read_from_the_right(letters):
    """The last letter of a string acts on qubit 0."""
    expected = Operator(Pauli(letters)).data
    observable = to_pennylane(letters, len(letters))
    np.testing.assert_allclose(matrix(observable, len(letters)), expected)


def test_a_single_word_stays_a_word():
    """A single Pauli word becomes that word, not a sum of one term."""
    assert qml.equal(to_pennylane("IZ", 2), qml.Z(0))
    assert qml.equal(to_pennylane("XI", 2), qml.X(1))


def test_mappings_are_sums():
    """A mapping from words to coefficients is a sum."""
    expected = 0.5 * np.kron([[0, 1], [1, 0]], np.eye(2)) + np.eye(4)
    np.testing.assert_allclose(matrix(to_pennylane({"XI": 0.5, "II": 1.0}, 2), 2), expected)


def test_observables_of_pennylane_stay_as_they_are():
    """PennyLane's observables are taken unchanged, whether made of Pauli words or not."""
    observable = qml.Projector([1], wires=1) + qml.Hermitian(np.diag([1.0, 2.0]), wires=0)
    assert to_pennylane(observable, 2) is observable


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Z", "is one of 1 qubits, but the circuit has 2"),
        (SparsePauliOp("ZZZ"), "is one of 3 qubits"),
        (SparseObservable("0"), "apply_layout"),
        (SparsePauliOp("ZZ", 1j), "cannot be measured"),
        (Pauli("iXX"), "cannot be measured"),
        (SparsePauliOp("ZZ", 0.0), "cannot be measured"),
        ("QZ", "cannot be measured"),
        (SparsePauliOp("ZZ", np.array([Parameter("t")])), r"free parameters \['t'\]"),
        (qml.Z(2), r"acts on wires \[2\]"),
        (qml.Z("a"), r"acts on wires \['a'\]"),
        (1j * qml.Z(0), "not Hermitian"),
    ],
)
def test_wrong_observables_are_refused(given, message):
    """Wrong sizes, values that are not Hermitian and free parameters are refused."""
    with pytest.raises(ValueError, match=message):
        to_pennylane(given, 2)


def test_other_objects_are_refused():
    """The error says which kinds of observables there are."""
    with pytest.raises(TypeError, match="An observable is a SparsePauliOp"):
        to_pennylane(3, 2)


@pytest.mark.parametrize(
    "one",
    ["XX", {"XX": 1.0}, SparsePauliOp(["XX", "ZZ"]), Pauli("XX"), qml.Z(0) + qml.X(0)],
    ids=str,
)
def test_one_observable_is_a_list_of_one(one):
    """A single observable, a sum included, is one output."""
    (only,) = as_list(one)
    assert only is one
    assert as_list((one, "ZZ"))[1] == "ZZ"
