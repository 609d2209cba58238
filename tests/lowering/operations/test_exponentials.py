"""Exponentials of Pauli words and of sums of them, against scipy's matrix exponential."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.ops.op_math import Exp
from scipy.linalg import expm

from pennylane_qizgloria.lowering.operations.exponentials import (
    PauliExponential,
    pauli_exponential,
    time_of,
)


def hamiltonian():
    return 0.7 * qml.X(0) @ qml.Y(1) - 0.3 * qml.Z(1)


@pytest.mark.parametrize(
    ("coefficient", "time"),
    [(-0.4j, 0.4), (0.4j, -0.4), (1e-17 - 2j, 2.0), (torch.tensor(-0.5j), 0.5)],
)
def test_times(coefficient, time):
    """The time of exp(-i t H) is read off an imaginary exponent."""
    assert float(time_of(Exp(qml.Z(0), coefficient))) == pytest.approx(time)


@pytest.mark.parametrize("coefficient", [0.4, 0.1 - 0.4j, torch.tensor([0.3j, 0.2])])
def test_other_exponents_have_no_time(coefficient):
    """What is not unitary is no evolution."""
    assert time_of(Exp(qml.Z(0), coefficient)) is None


@pytest.mark.parametrize("time", [0.4, -1.3])
@pytest.mark.parametrize(
    "base", [hamiltonian, lambda: 1.5 * qml.X(1) @ qml.Z(0), lambda: qml.X(0) + qml.Y(0)]
)
def test_values(base, time):
    """Words become rotations, sums one operation; both have the right matrix."""
    op = Exp(base(), -1j * time)
    found = pauli_exponential(op)
    expected = expm(-1j * time * qml.matrix(base(), wire_order=op.wires))
    np.testing.assert_allclose(qml.matrix(found, wire_order=op.wires), expected, atol=1e-12)
    assert isinstance(found, PauliExponential) == (len(base().pauli_rep) > 1)


def test_what_is_neither():
    """A base without a Pauli form, and a real exponent, are left to PennyLane."""
    assert pauli_exponential(Exp(qml.Hermitian(np.eye(2), 0), 1j)) is None
    assert pauli_exponential(Exp(qml.X(0), 0.3)) is None


def test_batches_powers_and_adjoints():
    """Times and coefficients may be batched; powers scale the time, the adjoint turns it back."""
    times = np.array([0.2, -0.9])
    op = PauliExponential(times, 0.7, -0.3, words=("XY", "IZ"), wires=[0, 1])
    dense = qml.matrix(hamiltonian(), wire_order=[0, 1])
    expected = np.stack([expm(-1j * time * dense) for time in times])
    np.testing.assert_allclose(op.matrix(), expected, atol=1e-12)
    np.testing.assert_allclose(op.adjoint().matrix(), expected.conj().swapaxes(1, 2), atol=1e-12)
    (squared,) = op.pow(2)
    np.testing.assert_allclose(squared.matrix(), expected @ expected, atol=1e-12)


def test_derivatives_by_coefficients():
    """Torch differentiates by the time and by each coefficient."""
    given = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.4, 0.7, -0.3)]

    def entries(*numbers):
        matrix = PauliExponential.compute_matrix(*numbers, words=("XY", "IZ"))
        return torch.view_as_real(matrix)

    assert torch.autograd.gradcheck(entries, given)
