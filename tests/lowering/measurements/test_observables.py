"""PennyLane observables as sums of Pauli words, against their matrices."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.lowering.context import TapeContext
from pennylane_qizgloria.lowering.measurements import observables

PAULIS = [
    np.eye(2),
    np.array([[0, 1], [1, 0]]),
    np.array([[0, -1j], [1j, 0]]),
    np.diag([1, -1]),
]
WIRE_MAP = {"a": 2, 7: 0, "c": 1}
DOUBLE = TapeContext(WIRE_MAP)

HERMITIAN = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
_square = np.random.default_rng(8).normal(size=(4, 4))
WIDE = _square + _square.T + 1j * (_square - _square.T)

OBSERVABLES = {
    "identity": lambda: qml.Identity("a"),
    "word": lambda: qml.X("a") @ qml.Y(7),
    "word with identity": lambda: qml.X("a") @ qml.Identity(7),
    "scaled word": lambda: qml.s_prod(-1.5, qml.Z("c") @ qml.Y("a")),
    "hadamard": lambda: qml.Hadamard("c"),
    "hermitian": lambda: qml.Hermitian(WIDE, wires=["a", "c"]),
    "projector": lambda: qml.Projector([1, 0], wires=[7, "a"]),
    "projector on a vector": lambda: qml.Projector([0.6, 0, 0, 0.8j], wires=["c", "a"]),
    "product": lambda: qml.prod(qml.Hermitian(HERMITIAN, "a"), qml.Hadamard("c"), qml.Y(7)),
    "overlapping product": lambda: qml.prod(
        qml.Hermitian(WIDE, ["a", 7]), qml.X("c"), qml.Hermitian(WIDE, ["a", 7])
    ),
    "product of overlapping words": lambda: (qml.X("a") @ qml.Z(7)) @ (qml.X("a") @ qml.Y("c")),
    "product of sums": lambda: qml.prod(
        qml.X("a") + qml.Hadamard("a"), qml.s_prod(2, qml.Hadamard(7)) - qml.Y(7)
    ),
    "sum": lambda: qml.sum(qml.X("a") @ qml.X(7), qml.Hadamard("a"), qml.Z("c")),
    "sum with cancellation": lambda: qml.sum(
        qml.X("a"), qml.Hadamard(7), qml.s_prod(-1, qml.X("a"))
    ),
    "scaled sum": lambda: qml.s_prod(0.3, qml.sum(qml.Hermitian(WIDE, ["c", 7]), qml.Z("c"))),
    "hamiltonian": lambda: qml.Hamiltonian(
        [0.5, -1.2, 2.0], [qml.X("a"), qml.Z(7) @ qml.Y("c"), qml.Identity("a")]
    ),
    "hamiltonian with a hermitian": lambda: qml.Hamiltonian(
        [0.5, -1.2], [qml.Hermitian(HERMITIAN, 7), qml.Z("a") @ qml.Hadamard("c")]
    ),
    "sparse": lambda: qml.SparseHamiltonian(
        qml.Hamiltonian([0.5, 1.5], [qml.X(0) @ qml.Y(1), qml.Z(1)]).sparse_matrix([0, 1]),
        wires=["c", "a"],
    ),
    "complex coefficients without imaginary part": lambda: qml.Hamiltonian(
        np.array([0.5 + 0j, 1.5 + 0j]), [qml.X("a"), qml.Y(7)]
    ),
}


def matrix_on(matrix, wires):
    """A matrix on some wire labels as one on all of WIRE_MAP."""
    return qml.math.expand_matrix(matrix, [WIRE_MAP[w] for w in wires], wire_order=range(3))


def matrix_of_sum(total, num_wires=3):
    """The matrix of a PauliSum, on the integer wires 0, 1, ..."""
    assert total.words.shape == (len(total.coefficients), len(total.wires))
    matrix = np.zeros((2**num_wires, 2**num_wires), dtype=complex)
    for row, coefficient in zip(total.words.tolist(), total.coefficients.tolist(), strict=True):
        letters = dict(zip(total.wires, row, strict=True))
        matrix += coefficient * reduce(
            np.kron, [PAULIS[letters.get(w, 0)] for w in range(num_wires)]
        )
    return matrix


def dense(observable):
    if observable.name == "SparseHamiltonian":
        return matrix_on(observable.sparse_matrix().toarray(), observable.wires)
    return matrix_on(qml.matrix(observable, wire_order=observable.wires), observable.wires)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_pauli_sum(name):
    """The Pauli sum of an observable agrees with its matrix."""
    observable = OBSERVABLES[name]()
    total = observables.pauli_sum(observable, DOUBLE)
    assert total.coefficients.dtype == torch.float64
    assert np.allclose(matrix_of_sum(total), dense(observable), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_squared(name):
    """The square of an observable's Pauli sum agrees with the square of its matrix."""
    observable = OBSERVABLES[name]()
    total = observables.squared(observable, DOUBLE)
    matrix = dense(observable)
    assert np.allclose(matrix_of_sum(total), matrix @ matrix, rtol=0, atol=1e-12)


def test_squared_of_a_wide_sum():
    """The square of a wide sum does not depend on whether it is of words or of matrices."""
    words = ["XYIZIIX", "ZZIIIII", "IXYIIZI", "XYIZIII", "IIIIIIZ"]
    assert len(words[0]) > observables.MAX_DENSE_SQUARE_WIRES
    context = TapeContext({wire: wire for wire in range(7)})
    wide = qml.Hamiltonian(
        [0.5, -1.2, 0.3, 0.8, 1.1], [qml.pauli.string_to_pauli_word(word) for word in words]
    )
    total = observables.squared(wide, context)
    matrix = qml.matrix(wide, wire_order=range(7))
    assert np.allclose(matrix_of_sum(total, 7), matrix @ matrix, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_matrix_of(name):
    """The matrix of an observable is on the wires that are asked for, in their order."""
    observable = OBSERVABLES[name]()
    matrix = observables.matrix_of(observable, DOUBLE)
    assert matrix.dtype == torch.complex128
    assert np.allclose(matrix_on(matrix.numpy(), observable.wires), dense(observable))


@pytest.mark.parametrize("name", ["word", "hermitian", "hamiltonian", "sum"])
def test_single_precision(name):
    """Observables are lowered to the simulation's precision."""
    observable = OBSERVABLES[name]()
    total = observables.pauli_sum(observable, TapeContext(WIRE_MAP, dtype=torch.float32))
    assert total.coefficients.dtype == torch.float32
    assert np.allclose(matrix_of_sum(total), dense(observable), rtol=0, atol=1e-5)


def test_absent_words_are_left_out():
    """Words with coefficient zero are left out of a Hermitian matrix."""
    matrix = np.kron(PAULIS[1], PAULIS[3])
    total = observables.pauli_sum(qml.Hermitian(matrix, wires=["a", "c"]), DOUBLE)
    assert total.words.tolist() == [[1, 3]]
    assert total.coefficients.tolist() == [1]


def test_coefficients_keep_their_gradient():
    """Coefficients keep their gradient, also of terms without a Pauli form."""
    c = torch.tensor([0.5, -0.2, 0.7], dtype=torch.float64, requires_grad=True)
    observable = qml.sum(
        qml.s_prod(c[0], qml.X("a")),
        qml.s_prod(c[1], qml.Hadamard("c")),
        qml.s_prod(c[2], qml.X(7) @ qml.Hadamard("a")),
    )
    total = observables.pauli_sum(observable, DOUBLE)
    gradient = torch.autograd.grad(total.coefficients.sum(), c)[0]
    # Hadamard is (X + Z) / sqrt(2): two words, so its coefficient counts sqrt(2) times.
    assert np.allclose(gradient, [1, np.sqrt(2), np.sqrt(2)])


def test_zero_entries_of_a_trainable_matrix_are_kept():
    """Zero entries of a trainable matrix are kept, so that they have gradients."""
    matrix = torch.zeros(2, 2, dtype=torch.complex128, requires_grad=True)
    total = observables.pauli_sum(qml.Hermitian(matrix, wires="a"), DOUBLE)
    assert len(total.coefficients) == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.X(0),
        lambda: qml.Z("b") @ qml.Y(0),
        lambda: qml.s_prod(2.0, qml.Y(0) @ qml.Identity(1)),
        lambda: qml.Identity(0),
        lambda: qml.Hamiltonian([0.3], [qml.X(1)]),
        lambda: qml.Z(0) + qml.Z(0),
    ],
)
def test_words(make):
    """Words are recognised however they are written."""
    assert observables.is_pauli_word(make())


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: qml.Z(0), [(1, qml.Z(0))]),
        (lambda: qml.Z(0) + qml.Z(0), [(2, qml.Z(0))]),
        (lambda: (qml.Z(0) + qml.Z(0)) @ qml.X(1), [(2, qml.Z(0) @ qml.X(1))]),
        (lambda: 3 * qml.I(0) + qml.Y(1), [(3, None), (1, qml.Y(1))]),
        (lambda: 2 * qml.Hadamard(0), [(2, qml.Hadamard(0))]),
        (
            lambda: 2 * (qml.Hadamard(0) + 3 * (qml.X(1) + qml.X(1))),
            [(2, qml.Hadamard(0)), (12, qml.X(1))],
        ),
    ],
)
def test_measured_terms(make, expected):
    """Equal words are measured once, with the sum of their coefficients."""
    found = observables.measured_terms(make())
    assert [number for number, _ in found] == [number for number, _ in expected]
    for (_, own), (_, term) in zip(found, expected, strict=True):
        assert (own is None) == (term is None)
        assert own is None or qml.equal(qml.simplify(own), qml.simplify(term))


@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.Hadamard(0),
        lambda: qml.X(0) + qml.Z(0),
        lambda: qml.Projector([0], wires=0),
        lambda: qml.Hermitian(PAULIS[1], wires=0),
        lambda: qml.prod(qml.X(0), qml.Hadamard(1)),
    ],
)
def test_not_words(make):
    """Observables that are not Pauli words are not taken for words."""
    assert not observables.is_pauli_word(make())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scale_of_an_observable(dtype, scale):
    """The tolerance for Hermitian matrices scales with the observable, so that rounding in large
    ones is accepted and small ones that are not Hermitian are refused.
    """
    context = TapeContext(WIRE_MAP, dtype=dtype)
    observable = qml.Hermitian(scale * WIDE / 3, wires=["a", "c"])
    for total, expected in [
        (observables.pauli_sum(observable, context), dense(observable)),
        (observables.squared(observable, context), dense(observable) @ dense(observable)),
    ]:
        assert np.allclose(
            matrix_of_sum(total) / abs(expected).max(), expected / abs(expected).max(), atol=1e-5
        )
    skewed = qml.Hermitian(scale * np.triu(WIDE), wires=["a", "c"])
    with pytest.raises(ValueError, match="not Hermitian"):
        observables.pauli_sum(skewed, context)
