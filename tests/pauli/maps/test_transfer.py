"""Transfer matrices against T[i, j] = Tr(P_i E(P_j)) / 2**k, entry by entry."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers import density_matrices as dense
from helpers.comparison import assert_close
from scipy.linalg import expm

from pennylane_qizgloria.pauli.maps.transfer import (
    constant,
    kraus_transfer,
    rotation,
    sequence,
    unitary_transfer,
)


def as_tensor(array):
    return torch.as_tensor(np.asarray(array, complex))


def column(values):
    """One set of one parameter for each value."""
    return torch.tensor(values, dtype=torch.float64)[:, None]


@pytest.mark.parametrize("wires", [1, 2, 3])
def test_unitary_transfer_is_the_definition(wires):
    """The transfer matrix of a unitary is Tr(P_i U P_j U^dagger) / 2**k."""
    unitary = dense.random_unitary(np.random.default_rng(wires), wires)
    expected = dense.transfer(unitary[None])
    assert_close(unitary_transfer(as_tensor(unitary)), expected, atol=1e-13)


@pytest.mark.parametrize(("wires", "count"), [(1, 2), (1, 4), (2, 3), (3, 2)])
def test_kraus_transfer_is_the_definition(wires, count):
    """The transfer matrix of Kraus operators is the sum over them."""
    kraus = dense.random_kraus(np.random.default_rng(wires), wires, count)
    found = kraus_transfer(as_tensor(kraus))
    assert_close(found, dense.transfer(kraus), atol=1e-13)
    assert_close(found[0], np.eye(4**wires)[0], atol=1e-13)  # trace preserving


@pytest.mark.parametrize("batch", [(1,), (4,), (2, 3)])
def test_kraus_and_unitary_transfer_keep_batch_axes(batch):
    """Batch axes of unitaries and Kraus operators are kept."""
    rng = np.random.default_rng(0)
    flat = [dense.random_kraus(rng, 1, 3) for _ in range(int(np.prod(batch)))]
    expected = np.array([dense.transfer(kraus) for kraus in flat]).reshape(*batch, 4, 4)
    kraus = np.array(flat).reshape(*batch, 3, 2, 2)
    assert_close(kraus_transfer(as_tensor(kraus)), expected, atol=1e-13)
    unitaries = [dense.random_unitary(rng, 1) for _ in flat]
    expected = np.array([dense.transfer(u[None]) for u in unitaries]).reshape(*batch, 4, 4)
    found = unitary_transfer(as_tensor(np.array(unitaries).reshape(*batch, 2, 2)))
    assert_close(found, expected, atol=1e-13)


def test_transfer_matrices_compose_like_the_maps():
    """The transfer matrix of two gates in a row is the product of theirs."""
    rng = np.random.default_rng(5)
    first, second = dense.random_unitary(rng, 2), dense.random_unitary(rng, 2)
    product = unitary_transfer(as_tensor(second)) @ unitary_transfer(as_tensor(first))
    assert_close(product, dense.transfer((second @ first)[None]), atol=1e-13)


GATES = [
    qml.RX,
    qml.RY,
    qml.RZ,
    qml.PhaseShift,
    qml.CRX,
    qml.CRY,
    qml.ControlledPhaseShift,
    qml.IsingXX,
    qml.IsingXY,
    qml.SingleExcitation,
    qml.FermionicSWAP,
]


@pytest.mark.parametrize("gate", GATES)
def test_rotation_is_the_exponential_of_its_generator(gate):
    """A rotation is the exponential of its generator."""
    wires = list(range(gate.num_wires))
    generator = qml.matrix(gate(0.0, wires=wires).generator(), wire_order=wires)
    form = rotation(gate.__name__, as_tensor(generator))
    angles = [-7.3, -0.4, 0.0, 1e-9, 0.9, np.pi, 25.0]
    expected = [dense.transfer(qml.matrix(gate(x, wires=wires))[None]) for x in angles]
    assert_close(form(column(angles)), expected, atol=1e-12)
    assert (form.name, form.num_params, form.num_wires) == (gate.__name__, 1, len(wires))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wires", [1, 2, 3])
def test_rotation_takes_any_generator(wires, seed):
    """Generators with irregular gaps of the spectrum give exact rotations."""
    generator = dense.random_hermitian(np.random.default_rng([wires, seed]), wires)
    form = rotation("any", as_tensor(generator))
    angles = [0.3, -2.0, 9.0]
    expected = [dense.transfer(expm(1j * x * generator)[None]) for x in angles]
    assert_close(form(column(angles)), expected, atol=2e-12)


def test_rotation_counts_nearly_equal_gaps_once():
    """Gaps that differ by a few 1e-9 count once."""
    energies = np.array([0.0, 1.0, 2.0 + 4e-9, 5.0])
    form = rotation("close", as_tensor(np.diag(energies)))
    expected = dense.transfer(np.diag(np.exp(0.7j * energies))[None])
    assert_close(form(column([0.7]))[0], expected, atol=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_rotation_of_a_scaled_generator(scale):
    """Generators of any scale give exact rotations."""
    generator = scale * dense.random_hermitian(np.random.default_rng(7), 2)
    form = rotation("scaled", as_tensor(generator))
    expected = dense.transfer(expm(0.8j / scale * generator)[None])
    assert_close(form(column([0.8 / scale]))[0], expected, atol=1e-11)


def test_rotation_of_a_multiple_of_the_identity_does_nothing():
    """A multiple of the identity generates a global phase, which has no effect."""
    form = rotation("phase", as_tensor(0.7 * np.eye(4)))
    assert_close(form(column([1.3]))[0], np.eye(16), atol=1e-14)


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_a_rotation_are_exact(order):
    """Derivatives of a rotation are d^k T / dx^k = L^k T with L the commutator."""
    generator = dense.random_hermitian(np.random.default_rng(8), 2).round(1)
    form = rotation("any", as_tensor(generator))
    x = 0.6

    def entries(theta):
        return form(theta.reshape(1, 1))[0]

    derivative = entries
    for _ in range(order):
        derivative = torch.func.jacfwd(derivative)
    found = derivative(torch.tensor(x, dtype=torch.float64))
    paulis = dense.words(2)
    images = [1j * (generator @ p - p @ generator) for p in paulis]
    liouvillian = np.real([[np.trace(p @ image) for image in images] for p in paulis]) / 4
    transfer = dense.transfer(expm(1j * x * generator)[None])
    expected = np.linalg.matrix_power(liouvillian, order) @ transfer
    assert_close(found, expected, atol=1e-9)


def test_sequence_applies_the_first_factor_first():
    """The first factor of a sequence is applied first, with its own parameters."""
    z, y = as_tensor(-0.5 * dense.PAULIS[3]), as_tensor(-0.5 * dense.PAULIS[2])
    rz = rotation("RZ", z)
    form = sequence("Rot", rz, rotation("RY", y), rz)
    angles = np.random.default_rng(9).normal(size=(5, 3))
    expected = [dense.transfer(qml.Rot.compute_matrix(*a)[None]) for a in angles]
    assert_close(form(torch.as_tensor(angles)), expected, atol=1e-13)
    assert (form.name, form.num_params, form.num_wires) == ("Rot", 3, 1)


def test_sequence_takes_factors_with_any_number_of_parameters():
    """Factors of a sequence take any number of parameters, none included."""
    rx = rotation("RX", as_tensor(-0.5 * dense.PAULIS[1]))
    hadamard = constant("H", unitary_transfer(as_tensor(qml.Hadamard.compute_matrix())))
    form = sequence("mixed", sequence("", rx, hadamard), hadamard, rx)
    expected = dense.transfer(qml.RX.compute_matrix(0.4 + 1.1)[None])
    params = torch.tensor([0.4, 1.1], dtype=torch.float64)
    assert_close(form(params), expected, atol=1e-13)


def test_constant_has_no_parameters():
    """Constant forms take no parameter and keep the axes of their uses."""
    cnot = qml.CNOT.compute_matrix()
    form = constant("CNOT", unitary_transfer(as_tensor(cnot)))
    found = form(torch.empty(2, 3, 0, dtype=torch.float64))
    expected = np.broadcast_to(dense.transfer(cnot[None]), (2, 3, 16, 16))
    assert_close(found, expected, atol=1e-14)
    assert (form.num_params, form.num_wires) == (0, 2)


def test_a_form_takes_sets_of_parameters_of_any_shape():
    """A form takes sets of parameters of any shape."""
    form = rotation("RX", as_tensor(-0.5 * dense.PAULIS[1]))
    angles = np.random.default_rng(10).normal(size=(2, 3, 1))
    found = form(torch.as_tensor(angles))
    assert found.shape == (2, 3, 4, 4)
    expected = dense.transfer(qml.RX.compute_matrix(angles[1, 2, 0])[None])
    assert_close(found[1, 2], expected, atol=1e-14)


def test_a_form_follows_the_precision_of_its_parameters():
    """A form has the precision of its parameters, call by call."""
    form = rotation("RX", as_tensor(-0.5 * dense.PAULIS[1]))
    expected = dense.transfer(qml.RX.compute_matrix(0.3)[None])
    single = form(torch.tensor([0.3], dtype=torch.float32))
    double = form(torch.tensor([0.3], dtype=torch.float64))
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    assert_close(single, expected, atol=1e-6)
    assert_close(double, expected, atol=1e-14)
