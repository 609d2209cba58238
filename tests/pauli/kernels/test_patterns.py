"""Patterns of transfer matrices, and signed permutations as exchanges."""

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.closed_forms import CLIFFORD, CNOT, SWAP, TOFFOLI, H
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.kernels.patterns import (
    AFFINE,
    DIAGONAL,
    GENERAL,
    ROTATION_PATTERNS,
    UNITAL,
    pattern_of,
    product_pattern,
    shape_of,
    signed_permutation,
)
from pennylane_qizgloria.pauli.maps import channels
from pennylane_qizgloria.pauli.maps.transfer import constant, rotation
from pennylane_qizgloria.pauli.program.program import Operand

_, X, Y, Z = dense.PAULIS
FORMS = {
    "RX": rotation("RX", torch.as_tensor(-X / 2)),
    "RY": rotation("RY", torch.as_tensor(-Y / 2)),
    "RZ": rotation("RZ", torch.as_tensor(-Z / 2)),
    "damping": channels.AMPLITUDE_DAMPING,
    "depolarizing": channels.DEPOLARIZING,
    "Hadamard": constant("Hadamard", torch.as_tensor(dense.transfer(H[None]))),
}


def exchanged(vector, pairs, signs):
    """What exchanges, one after the other, make of a vector."""
    vector = list(vector)
    for (i, j), (a, b) in zip(pairs, signs, strict=True):
        vector[i], vector[j] = a * vector[j], b * vector[i]
    return np.array(vector)


def matrix_of(origin, signs):
    matrix = np.zeros((len(origin), len(origin)))
    matrix[np.arange(len(origin)), origin] = signs
    return matrix


@st.composite
def signed_permutations(draw):
    """Any permutation of up to 20 entries, with signs."""
    size = draw(st.integers(1, 20))
    origin = draw(st.permutations(range(size)))
    return matrix_of(origin, draw(st.lists(st.sampled_from([-1, 1]), min_size=size, max_size=size)))


@settings(deadline=None, derandomize=True, max_examples=200)
@given(matrix=signed_permutations())
def test_signed_permutations(matrix):
    """Exchanges one after the other are the permutation, whatever cycles and signs it has."""
    vector = np.arange(1.0, len(matrix) + 1)
    np.testing.assert_array_equal(exchanged(vector, *signed_permutation(matrix)), matrix @ vector)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("flips", [0, 1, 2])
def test_one_cycle(length, flips):
    """A cycle takes one exchange less than it is long, and a fixed entry one for its sign."""
    signs = [-1 if i < flips else 1 for i in range(length)]
    matrix = matrix_of(np.roll(np.arange(length), 1), signs)
    pairs, _ = signed_permutation(matrix)
    assert len(pairs) == (length - 1 if length > 1 else min(flips, 1))
    vector = np.arange(1.0, length + 1)
    np.testing.assert_array_equal(exchanged(vector, *signed_permutation(matrix)), matrix @ vector)


def test_the_identity_is_no_exchange():
    """The identity has nothing to exchange."""
    assert signed_permutation(np.eye(16)) == ([], [])


@pytest.mark.parametrize(
    "unitary",
    [CNOT, SWAP, np.diag([1, 1, 1, -1]), np.kron(H, X), CLIFFORD],
    ids=["CNOT", "SWAP", "CZ", "product", "long cycles"],
)
def test_clifford_gates(unitary):
    """Transfer matrices of Clifford gates are signed permutations."""
    matrix = dense.transfer(unitary[None])
    vector = np.arange(1.0, 17)
    np.testing.assert_allclose(
        exchanged(vector, *signed_permutation(matrix)), matrix @ vector, atol=1e-12
    )


@pytest.mark.parametrize(
    "matrix",
    [
        dense.transfer(TOFFOLI[None]),
        np.array([[0.0, 1.0], [0.0, 1.0]]),
        np.array([[1.0, 1.0], [0.0, 0.0]]),
        np.zeros((3, 3)),
        2 * np.eye(2),
        np.eye(4) + 1e-9,
    ],
    ids=["Toffoli", "a column twice", "a row twice", "zero", "not a sign", "almost"],
)
def test_no_signed_permutation(matrix):
    """Matrices with other entries than one sign in each row and column are refused."""
    assert signed_permutation(matrix) is None


def test_rounding_is_removed():
    """Signs are exactly 1 or -1, although the entries are so up to rounding only."""
    pairs, signs = signed_permutation(np.array([[1e-16, -1 + 1e-15], [1 - 1e-15, 1e-17]]))
    assert (pairs, signs) == ([(0, 1)], [(-1.0, 1.0)])


# --- patterns -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("RX", UNITAL),
        ("RZ", UNITAL),
        ("Hadamard", UNITAL),
        ("damping", AFFINE),
        ("depolarizing", DIAGONAL),
    ],
)
def test_shapes(name, shape):
    """Rotations are unital, mixing is diagonal, damping is affine."""
    assert shape_of(pattern_of(FORMS[name])) == shape


def test_operands_have_any_pattern():
    """Matrices that are given may have any entry, also in the first row."""
    assert pattern_of(Operand.TRANSFER).all()
    assert shape_of(pattern_of(Operand.TRANSFER)) == GENERAL


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_patterns_of_rotations(axis):
    """The patterns of rotations are those of their closed forms."""
    form = FORMS["_XYZ"[axis].join(["R", ""])]
    np.testing.assert_array_equal(ROTATION_PATTERNS[axis], pattern_of(form))


def test_patterns_hold_for_all_parameters():
    """No matrix of a family has an entry outside its pattern."""
    params = torch.linspace(0, 1, 7, dtype=torch.float64)[:, None]
    for name in ("RX", "damping", "depolarizing"):
        matrices = FORMS[name](params).numpy()
        assert abs(matrices[:, ~pattern_of(FORMS[name])]).max() < 1e-15


def test_patterns_of_products():
    """The first matrix acts first: a damping moves I to Z, which the Hadamard moves on to X."""
    patterns = [pattern_of(FORMS[name]) for name in ("damping", "Hadamard")]
    expected = np.array([[1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]], dtype=bool)
    np.testing.assert_array_equal(product_pattern(patterns), expected)
    np.testing.assert_array_equal(product_pattern([]), np.eye(4, dtype=bool))
