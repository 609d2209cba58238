"""Adjoints, powers and controls of products of exponentials."""

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from scipy.linalg import expm

from pennylane_qizgloria.pauli.maps.unitaries import Factor, UnitaryForm, embedded, unitary_power
from pennylane_qizgloria.pauli.state.basis import density_matrix, pauli_vector

X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]])
SX = (np.eye(2) + X) / 2 + 1j * (np.eye(2) - X) / 2
LIKE = torch.zeros((), dtype=torch.complex128)
ANGLES = (0.7, -1.9)


def form():
    """Two exponentials with a constant between them, in another order than their parameters."""
    factors = (
        Factor(torch.as_tensor(X), 1),
        Factor(torch.as_tensor(SX)),
        Factor(torch.as_tensor(Y), 0),
    )
    return UnitaryForm("test", factors)


def unitary_matrix(a, b):
    return expm(1j * a * Y) @ SX @ expm(1j * b * X)


def matrix(own, angles=ANGLES):
    params = [torch.tensor(angles[slot], dtype=torch.float64) for slot in own.slots]
    return own(params, LIKE).numpy()


CASES = {
    "itself": (lambda u: u, lambda m: m),
    "adjoint": (UnitaryForm.adjoint, lambda m: m.conj().T),
    "power -1": (lambda u: u.power(-1), lambda m: m.conj().T),
    "controlled": (lambda u: u.controlled([True]), lambda m: embed(m, 2, 1)),
    "controls of values 0 and 1": (lambda u: u.controlled([False, True]), lambda m: embed(m, 4, 1)),
    "nested": (
        lambda u: u.controlled([True]).adjoint().controlled([False]),
        lambda m: embed(embed(m.conj().T, 2, 1), 2, 0),
    ),
}


def embed(block, blocks, position):
    whole = np.eye(len(block) * blocks, dtype=complex)
    here = slice(position * len(block), (position + 1) * len(block))
    whole[here, here] = block
    return whole


@pytest.mark.parametrize("name", CASES)
def test_algebra(name, rng):
    """Matrix and transfer matrix are those of the adjoint, power or controlled product."""
    change, expected = CASES[name]
    own, unitary = change(form()), expected(unitary_matrix(*ANGLES))
    np.testing.assert_allclose(matrix(own), unitary, atol=1e-13)
    rho = dense.random_density_matrix(rng, own.num_wires)
    scalars = torch.tensor([ANGLES[slot] for slot in own.slots], dtype=torch.float64)
    image = own.transfer()(scalars) @ pauli_vector(torch.as_tensor(rho))
    np.testing.assert_allclose(density_matrix(image), unitary @ rho @ unitary.conj().T, atol=1e-13)


@pytest.mark.parametrize("exponent", [0, 2, -3, 0.5, -1.7])
def test_powers(exponent):
    """Powers of an exponential scale its angle; those of a constant are principal."""
    rotation = UnitaryForm("R", (Factor(torch.as_tensor(X), 0),)).power(exponent)
    np.testing.assert_allclose(matrix(rotation), expm(1j * exponent * ANGLES[0] * X), atol=1e-13)
    constant = UnitaryForm("X", (Factor(torch.as_tensor(X)),)).power(exponent)
    phase = np.exp(1j * np.pi * exponent)
    expected = (1 + phase) / 2 * np.eye(2) + (1 - phase) / 2 * X
    np.testing.assert_allclose(matrix(constant), expected, atol=1e-13)


def test_power_of_a_product_is_refused():
    """Factors that do not commute cannot be raised to a power one by one."""
    with pytest.raises(ValueError, match="no product of powers"):
        form().power(2)


def test_square_root_of_degenerate_unitary():
    """Eigenvalues -1 that rounding puts below the branch cut are taken as +pi."""
    swap = np.eye(4)[[0, 2, 1, 3]]
    noisy = torch.as_tensor(swap + 1e-17j * swap)
    root = unitary_power(noisy, 0.5).numpy()
    expected = (1 + 1j) / 2 * np.eye(4) + (1 - 1j) / 2 * swap
    np.testing.assert_allclose(root, expected, atol=1e-13)


def test_batches_of_angles():
    """Numbers and batches broadcast against each other."""
    own = form().controlled([True])
    batch = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
    found = own([torch.tensor(-0.4, dtype=torch.float64), batch], LIKE)
    expected = [embed(unitary_matrix(b, -0.4), 2, 1) for b in batch.tolist()]
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_embedding_without_identity():
    """A generator is nothing outside its block."""
    block = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.complex128)
    found = embedded(block, (True, False), identity=False)
    expected = np.zeros((8, 8))
    expected[4:6, 4:6] = block.real
    np.testing.assert_allclose(found, expected)
