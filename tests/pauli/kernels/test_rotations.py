"""Gates as Pauli rotations, against their matrices."""

from functools import reduce
from itertools import product

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers import density_matrices as dense
from helpers.operations import GATES

from pennylane_qizgloria.lowering.operations.closed_forms import known_gate
from pennylane_qizgloria.pauli.kernels.rotations import (
    PauliRotation,
    pauli_rotations,
    rotated_pairs,
)
from pennylane_qizgloria.pauli.maps import channels
from pennylane_qizgloria.pauli.maps.transfer import constant, rotation, sequence

ANGLES = (0.4, -1.3, 2.1)
_, X, Y, Z = dense.PAULIS

PRODUCTS = {
    f"{kind.__name__} on {wires}": lambda kind=kind, wires=wires, count=count: kind(
        *ANGLES[:count], wires=range(wires)
    )
    for kind, wires, count in GATES
    if wires <= 3 and kind is not qml.FermionicSWAP
} | {
    "controlled Rot": lambda: qml.ctrl(qml.Rot(*ANGLES, 0), 1),
    "controlled U2": lambda: qml.ctrl(qml.U2(*ANGLES[:2], 0), 1),
    "controlled excitation": lambda: qml.ctrl(qml.SingleExcitation(0.4, [0, 1]), 2),
    "control at 0": lambda: qml.ctrl(qml.PSWAP(0.4, [0, 1]), 2, control_values=[0]),
    "adjoint": lambda: qml.adjoint(qml.U3(*ANGLES, 0)),
    "power": lambda: qml.pow(qml.CRX(0.4, [0, 1]), 3),
    "word": lambda: qml.PauliRot(0.4, "XIY", [0, 1, 2]),
    "projector": lambda: qml.PCPhase(0.4, 3, [0, 1]),
}
"""Gates that are products of rotations and of constant gates."""


def word_matrix(word):
    return dense.kron(*(dense.PAULIS[pauli] for pauli in word))


def rotation_matrix(word, phi):
    r"""The unitary :math:`e^{-i \phi P / 2}` of a word P."""
    matrix = word_matrix(word)
    return np.cos(phi / 2) * np.eye(len(matrix)) - 1j * np.sin(phi / 2) * matrix


def transfer_of(factor, params):
    if isinstance(factor, PauliRotation):
        return dense.transfer(
            rotation_matrix(factor.word, factor.scale * params[factor.param])[None]
        )
    return factor.coefficients[0].numpy()


@pytest.mark.parametrize("name", PRODUCTS)
def test_gates_are_products_of_rotations(name):
    """The product of a gate's factors, the first one first, is its transfer matrix."""
    op = PRODUCTS[name]()
    family = known_gate(op).family
    params = family.scalars(op)
    factors = [transfer_of(factor, params) for factor in pauli_rotations(family.form)]
    found = reduce(lambda done, factor: factor @ done, factors)
    expected = dense.transfer(qml.matrix(op, wire_order=op.wires)[None])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_gates_of_one_word():
    """A rotation about a word is one factor, and the identity of a phase shift is none."""
    forms = [known_gate(op).family.form for op in (qml.IsingXX(1, [0, 1]), qml.PhaseShift(1, 0))]
    (first,), (second,) = map(pauli_rotations, forms)
    assert (first.word, second.word) == ((1, 1), (3,))
    assert (first.scale, second.scale) == (pytest.approx(1), pytest.approx(1))


def test_parameters_are_numbered_through():
    """Each factor of a sequence has its own parameter, behind those of the factors before."""
    form = known_gate(qml.CRot(*ANGLES, [0, 1])).family.form
    assert [factor.param for factor in pauli_rotations(form)] == [0, 0, 1, 1, 2, 2]


def test_gates_without_parameters_stay_as_they_are():
    """A gate without parameters is its own only factor."""
    form = known_gate(qml.CNOT([0, 1])).family.form
    assert pauli_rotations(form) == (form,)


def test_constant_gates_among_rotations():
    """Constant gates in a sequence stay between the rotations."""
    form = known_gate(qml.U2(*ANGLES[:2], 0)).family.form
    first, middle, last = pauli_rotations(form)
    assert isinstance(first, PauliRotation)
    assert middle.num_params == 0
    assert isinstance(last, PauliRotation)


def generated(name, matrix):
    return rotation(name, torch.as_tensor(matrix).to(torch.complex128))


@pytest.mark.parametrize(
    "form",
    [
        generated("tilted", X + Z),
        generated("two words", np.kron(X, Y) + np.kron(Z, Y)),
        known_gate(qml.FermionicSWAP(0.4, [0, 1])).family.form,
        channels.AMPLITUDE_DAMPING,
        channels.pauli_error("XY"),
        sequence("in a sequence", generated("RX", X), generated("tilted", X + Z)),
        sequence("with noise", generated("RX", X), channels.DEPOLARIZING),
    ],
    ids=lambda form: form.name,
)
def test_forms_that_are_no_rotations(form):
    """Words that do not commute, and channels, also in sequences, are no product of rotations."""
    assert pauli_rotations(form) is None


def test_words_that_commute_as_a_whole():
    """Words may commute although they anticommute on two of the wires."""
    form = generated("both", np.kron(X, Y) + 0.5 * np.kron(Z, X))
    assert [factor.word for factor in pauli_rotations(form)] == [(1, 2), (3, 1)]
    assert [factor.scale for factor in pauli_rotations(form)] == pytest.approx([-2, -1])


def test_rounding_is_no_word():
    """Words whose share is rounding are left out, small ones are not."""
    assert len(pauli_rotations(generated("rounding", Z + 1e-15 * X))) == 1
    assert pauli_rotations(generated("small", Z + 1e-9 * X)) is None


def test_nothing_rotates():
    """The exponential of a multiple of the identity has no factor."""
    assert pauli_rotations(generated("phase", np.eye(4))) == ()
    assert pauli_rotations(generated("zero", np.zeros((2, 2)))) == ()


def test_constant_forms():
    """A map without parameters is a factor, whatever it does."""
    form = constant("reset", torch.tensor([[1.0, 0, 0, 0], *[[0.0] * 4] * 2, [1.0, 0, 0, 0]]))
    assert pauli_rotations(form) == (form,)


# --- pairs of words -------------------------------------------------------------------------------

WORDS = [word for width in (1, 2) for word in product(range(4), repeat=width) if any(word)] + [
    *[(1, 2, 3), (0, 3, 0), (2, 2, 2), (3, 0, 1)]
]


@pytest.mark.parametrize("word", WORDS, ids=lambda word: "".join("IXYZ"[pauli] for pauli in word))
def test_rotated_pairs(word):
    """The pairs with their signs make the transfer matrix of a rotation about the word."""
    phi = 0.7
    found = np.eye(4 ** len(word))
    for q, r, sign in rotated_pairs(word):
        found[q, q] = found[r, r] = np.cos(phi)
        found[r, q], found[q, r] = sign * np.sin(phi), -sign * np.sin(phi)
    expected = dense.transfer(rotation_matrix(word, phi)[None])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("word", [(1,), (3, 2), (1, 2, 3), (2, 0, 1)], ids=str)
def test_every_word_is_in_one_pair(word):
    """Each word that anticommutes stands in one pair, the smaller number first."""
    pairs = rotated_pairs(word)
    numbers = [number for first, second, _ in pairs for number in (first, second)]
    assert all(first < second for first, second, _ in pairs)
    assert len(set(numbers)) == len(numbers) == 4 ** len(word) // 2


def test_the_identity_turns_nothing():
    """All words commute with the identity."""
    assert rotated_pairs((0, 0)) == []
