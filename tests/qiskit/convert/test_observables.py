"""What is an observable, and its Pauli form."""

import numpy as np
import pennylane as qml
import pytest

from pennylane_qizgloria.qiskit.convert.observables import (
    Square,
    pauli_form,
    require_hermitian,
    squared,
)

MATRIX = np.array([[0.6, 0.3 - 0.2j], [0.3 + 0.2j, -0.4]])


@pytest.mark.parametrize(
    "observable",
    [
        qml.Hermitian(MATRIX, 0),
        qml.Hermitian(MATRIX, 0) @ qml.Z(1),
        (0.4 + 0j) * qml.Hermitian(MATRIX, 0),
        qml.Hadamard(0) @ qml.X(1) + 2 * qml.Projector([1], 0),
        qml.Projector([0] * 40, range(40)),
        qml.Z(0) @ qml.Z(0),
    ],
    ids=str,
)
def test_hermitian_observables_pass(observable):
    """A real form is enough; no matrix of many wires is built."""
    require_hermitian(observable)


@pytest.mark.parametrize(
    "observable",
    [
        1j * qml.Hermitian(MATRIX, 0),
        1j * qml.X(0),
        qml.X(0) @ qml.Z(0),
        qml.X(0) + 1j * qml.Z(1),
        qml.Hadamard(0) @ qml.X(0),
        np.nan * qml.X(0),
        np.nan * qml.Hermitian(MATRIX, 0),
        qml.Hermitian(np.array([[1, 1], [0, 2]]), 0),
        qml.Hermitian(np.array([[1, 1], [0, 2]]), 0) @ qml.Z(1),
    ],
    ids=str,
)
def test_others_are_refused(observable):
    """Their expectation values are no real numbers."""
    with pytest.raises(ValueError, match="is not Hermitian and finite"):
        require_hermitian(observable)


@pytest.mark.parametrize(
    "observable",
    [
        qml.X(0) + qml.Z(0),
        qml.Z(0) + 0.5 * qml.Z(0),
        qml.X(0) @ qml.Z(1) + 0.5 * qml.Z(1) + qml.Y(0) @ qml.Y(1) - 2 * qml.I(0),
    ],
    ids=str,
)
def test_squares(observable):
    """The square of the words is the square of the matrix, without words that cancel."""
    matrix = qml.matrix(observable, wire_order=[0, 1])
    found = squared(observable.pauli_rep)
    np.testing.assert_allclose(found.to_mat([0, 1]), matrix @ matrix, atol=1e-12)
    assert all(abs(number) > 0 for number in found.values())


def test_a_square_is_measured_in_the_basis_of_its_base():
    """Both are read from the same shots."""
    observable = qml.Hermitian(MATRIX, 0) @ qml.Z(1)
    square = Square(observable)
    np.testing.assert_allclose(square.eigvals(), observable.eigvals() ** 2)
    assert square.diagonalizing_gates() == observable.diagonalizing_gates()


def test_matrices_are_taken_apart():
    """The Pauli form has the matrix of the observable."""
    observable = qml.Hermitian(MATRIX, 0) @ (qml.X(1) + qml.Z(1)) - 2 * qml.Hermitian(MATRIX, 1)
    found = pauli_form(observable).to_mat([0, 1])
    np.testing.assert_allclose(found, qml.matrix(observable, wire_order=[0, 1]), atol=1e-12)
