"""Readout error against the dense formula: the reported distribution is p C, wire by wire."""

from itertools import product

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.comparison import assert_close

from pennylane_qizgloria.pauli.state.distribution import Distribution, distribution
from pennylane_qizgloria.pauli.state.measure import PauliSum, State, expectation
from pennylane_qizgloria.pauli.state.readout import confused, is_affected, reported


def confusion(p10, p01):
    """Rows are what the qubit holds, columns what is reported: Qiskit's order."""
    return np.array([[1 - p10, p10], [p01, 1 - p01]])


MODELS = {
    "symmetric": {0: confusion(0.1, 0.1), 2: confusion(0.2, 0.2)},
    "asymmetric": {0: confusion(0.05, 0.3), 1: confusion(0.2, 0.0), 2: confusion(0.0, 0.15)},
    "one wire": {1: confusion(0.3, 0.02)},
    "inverting": {0: confusion(1.0, 1.0), 1: confusion(0.9, 0.7)},
    "always one": {2: confusion(1.0, 0.0)},
    "perfect": {0: confusion(0.0, 0.0)},
    "none": {},
}


def readout_of(model):
    return {wire: torch.as_tensor(matrix) for wire, matrix in MODELS[model].items()}


def confuse(p, wires, readout):
    """What is reported where the wires are distributed jointly."""
    return confused(Distribution(tuple(wires), tuple(wires), p, {}), readout).probabilities()


def full_confusion(model, wires):
    return dense.kron(*(MODELS[model].get(wire, np.eye(2)) for wire in wires))


@pytest.mark.parametrize("wires", [(0, 1, 2), (2, 0), (1,), (2, 3, 1), (3,)])
@pytest.mark.parametrize("model", MODELS)
def test_confuse_is_the_product_with_the_confusion_matrices(model, wires):
    """confuse agrees with the product of the confusion matrices of its wires."""
    p = np.random.default_rng(0).dirichlet(np.ones(2 ** len(wires)), size=3)
    found = confuse(torch.as_tensor(p), wires, readout_of(model))
    assert_close(found, p @ full_confusion(model, wires), atol=1e-15)


def test_confuse_reads_rows_as_true_outcomes():
    """Rows of the confusion matrix are true outcomes."""
    readout = {0: torch.tensor([[0.9, 0.1], [0.3, 0.7]]).double()}
    found = confuse(torch.tensor([[1.0, 0.0], [0.0, 1.0]]).double(), [0], readout)
    assert found.flatten().tolist() == pytest.approx([0.9, 0.1, 0.3, 0.7], abs=1e-7)


@pytest.fixture(scope="module")
def state():
    """Two random states of wires 2, 0, 1; wire 3 is idle."""
    rng = np.random.default_rng(1)
    vectors = [dense.vector(dense.random_density_matrix(rng, 3)) for _ in range(2)]
    return State(torch.as_tensor(np.array(vectors)), (2, 0, 1))


def mean_of_reports(state, wires, letters, confusion_matrix):
    """The mean product of the reported signs, from the distribution of outcomes."""
    basis = [letter or 3 for letter in letters]
    p = distribution(state, wires, basis).probabilities().numpy() @ confusion_matrix
    signs = [
        np.prod([-1 if bit and letter else 1 for bit, letter in zip(bits, letters, strict=True)])
        for bits in product((0, 1), repeat=len(wires))
    ]
    return p @ np.array(signs)


@pytest.mark.parametrize("model", MODELS)
def test_reported_and_confuse_agree_on_every_word(model, state):
    """Reported words agree with the reported distribution."""
    wires = (1, 3, 2, 0)
    matrix = full_confusion(model, wires)
    for letters in list(product(range(4), repeat=4))[::5]:
        observable = PauliSum(wires, torch.tensor([letters]), torch.ones(1).double())
        found = expectation(state, reported(observable, readout_of(model)))
        assert_close(found, mean_of_reports(state, wires, letters, matrix), atol=1e-14)


@pytest.mark.parametrize("model", MODELS)
def test_reported_is_linear_in_the_words(model, state):
    """Reported words keep their own coefficients."""
    wires = (0, 2, 1)
    letters = [(3, 3, 0), (1, 0, 2), (0, 0, 0), (0, 0, 3), (2, 1, 3)]
    coefficients = [0.7, -1.1, 0.4, 2.0, 0.9]
    observable = PauliSum(wires, torch.tensor(letters), torch.tensor(coefficients).double())
    matrix = full_confusion(model, wires)
    means = [mean_of_reports(state, wires, w, matrix) for w in letters]
    expected = sum(c * mean for c, mean in zip(observable.coefficients.numpy(), means, strict=True))
    assert_close(expectation(state, reported(observable, readout_of(model))), expected, atol=1e-14)


def test_symmetric_errors_add_no_words():
    """A symmetric error adds no words."""
    observable = PauliSum((0, 2), torch.tensor([[3, 3], [1, 0]]), torch.ones(2).double())
    found = reported(observable, readout_of("symmetric"))
    assert torch.equal(found.words, observable.words)
    assert found.coefficients.tolist() == pytest.approx([0.8 * 0.6, 0.8], abs=1e-15)


def test_wires_without_error_are_left_alone():
    """Wires without error keep their words."""
    observable = PauliSum((1, 3), torch.tensor([[3, 2]]), torch.tensor([0.5]).double())
    found = reported(observable, readout_of("symmetric"))
    assert torch.equal(found.words, observable.words)
    assert found.coefficients.tolist() == [0.5]
    readout = readout_of("symmetric")
    assert is_affected([1, 2], readout)
    assert not is_affected([1, 3], readout)
    assert not is_affected([], readout)


@pytest.mark.parametrize(("p10", "p01"), [(0.1, 0.1), (0.0, 0.0), (0.05, 0.3)])
def test_gradients_of_the_confusion_matrix(p10, p01, state):
    """The confusion matrix has a gradient, also at zero and at a symmetric error."""
    wires, letters = (0, 1), (3, 2)
    observable = PauliSum(wires, torch.tensor([letters]), torch.ones(1).double())

    def matrix(p):
        return torch.stack([torch.stack([1 - p[0], p[0]]), torch.stack([p[1], 1 - p[1]])])

    def mean(p):
        return expectation(state, reported(observable, {0: matrix(p)}))[0]

    p = torch.tensor([p10, p01], dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(mean(p), p)

    def exactly(p10, p01):
        full = np.kron(confusion(p10, p01), np.eye(2))
        return mean_of_reports(state, wires, letters, full)[0]

    h = 1e-3  # the mean is linear in both, so that a difference is exact
    expected = [
        (exactly(p10 + h, p01) - exactly(p10, p01)) / h,
        (exactly(p10, p01 + h) - exactly(p10, p01)) / h,
    ]
    assert_close(found, expected, atol=1e-11)

    exact = distribution(state, (0, 3, 1)).probabilities()
    assert torch.autograd.gradcheck(
        lambda p: confuse(exact, (0, 3, 1), {1: matrix(p), 3: matrix(p)}), (p,)
    )
