"""Density matrices against their Pauli vectors, from the definition r_P = Tr(P rho)."""

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.comparison import assert_close

from pennylane_qizgloria.pauli.state.basis import (
    complex_dtype,
    density_matrix,
    num_wires_of,
    pauli_matrices,
    pauli_vector,
    pure_state_vector,
    zero_vector,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize("wires", [0, 1, 2, 3])
def test_pauli_matrices_are_in_the_order_of_a_pauli_vector(wires):
    """Pauli words are in the order of the entries of a Pauli vector."""
    found = pauli_matrices(wires, torch.complex128, CPU)
    assert_close(found, dense.words(wires), atol=0)


@pytest.mark.parametrize("wires", [1, 2, 3, 4])
def test_pauli_vector_is_the_trace_with_every_word(wires):
    """Each entry of a Pauli vector is the trace with its word."""
    rho = dense.random_density_matrix(np.random.default_rng(wires), wires)
    found = pauli_vector(torch.as_tensor(rho))
    expected = np.einsum("pij,ji->p", dense.words(wires), rho).real
    assert_close(found, expected, atol=1e-14)
    assert_close(dense.vector(rho), expected, atol=1e-14)


@pytest.mark.parametrize("wires", [1, 2, 3, 4])
def test_density_matrix_is_the_sum_of_the_words(wires):
    """The density matrix is the sum over the words."""
    r = np.random.default_rng(wires).normal(size=4**wires)
    expected = np.tensordot(r, dense.words(wires), 1) / 2**wires
    assert_close(density_matrix(torch.as_tensor(r)), expected, atol=1e-14)


@pytest.mark.parametrize("batch", [(1,), (5,), (2, 3)])
def test_both_maps_keep_batch_axes(batch):
    """Both maps keep batch axes."""
    rng = np.random.default_rng(0)
    rhos = np.array([dense.random_density_matrix(rng, 2) for _ in range(int(np.prod(batch)))])
    stacked = torch.as_tensor(rhos.reshape(*batch, 4, 4))
    vectors = pauli_vector(stacked)
    expected = np.array([dense.vector(rho) for rho in rhos]).reshape(*batch, 16)
    assert_close(vectors, expected, atol=1e-14)
    assert_close(density_matrix(vectors), stacked, atol=1e-14)


def test_pauli_vector_sees_the_hermitian_part_only():
    """The Pauli vector depends on the Hermitian part only."""
    rng = np.random.default_rng(1)
    hermitian, other = dense.random_hermitian(rng, 2), dense.random_hermitian(rng, 2)
    found = pauli_vector(torch.as_tensor(hermitian + 1j * other))
    assert_close(found, dense.vector(hermitian), atol=1e-13)


def test_a_state_without_wires_is_its_trace():
    """A state without wires is its trace."""
    assert pauli_vector(torch.full((1, 1), 0.5, dtype=torch.complex128)).tolist() == [0.5]
    assert density_matrix(torch.full((1,), 0.5, dtype=torch.float64)).tolist() == [[0.5]]
    assert zero_vector(0, torch.float64, CPU).tolist() == [1]


@pytest.mark.parametrize("wires", [1, 2, 3])
def test_zero_vector_is_all_wires_in_zero(wires):
    """The zero vector is the state with all wires in |0>."""
    found = zero_vector(wires, torch.float64, CPU)
    assert_close(found, dense.vector(dense.zero(wires)), atol=0)


@pytest.mark.parametrize("batch", [(), (4,)])
def test_pure_state_vector_is_the_projector(batch):
    """A complex amplitude conjugated on the wrong side flips every Y."""
    rng = np.random.default_rng(2)
    psi = rng.normal(size=(*batch, 8)) + 1j * rng.normal(size=(*batch, 8))
    expected = [dense.vector(np.outer(p, p.conj())) for p in psi.reshape(-1, 8)]
    found = pure_state_vector(torch.as_tensor(psi)).reshape(-1, 64)
    assert_close(found, expected, atol=1e-12)


@pytest.mark.parametrize("wires", range(8))
def test_num_wires_of_inverts_the_size(wires):
    """num_wires_of inverts 4**n."""
    assert num_wires_of(4**wires) == wires


@pytest.mark.parametrize(
    ("real", "complex_"), [(torch.float32, torch.complex64), (torch.float64, torch.complex128)]
)
def test_the_maps_keep_the_precision(real, complex_):
    """Both maps keep the precision."""
    assert complex_dtype(real) == complex_
    rho = dense.random_density_matrix(np.random.default_rng(3), 2)
    r = pauli_vector(torch.as_tensor(rho).to(complex_))
    assert r.dtype == real
    assert density_matrix(r).dtype == complex_
    assert_close(r, dense.vector(rho), atol=1e-6)


def test_gradients_pass_through_both_maps():
    """Gradients pass through both maps."""
    rng = np.random.default_rng(4)
    rho = torch.as_tensor(dense.random_density_matrix(rng, 2)).requires_grad_()
    r = torch.as_tensor(rng.normal(size=(2, 16))).requires_grad_()
    assert torch.autograd.gradcheck(pauli_vector, (rho,))
    assert torch.autograd.gradcheck(density_matrix, (r,))
