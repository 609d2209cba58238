"""Shots: their statistics within 5 standard deviations, and the cases that need no luck."""

from itertools import product

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense

from pennylane_qizgloria.pauli.state.distribution import Distribution, distribution
from pennylane_qizgloria.pauli.state.measure import State
from pennylane_qizgloria.pauli.state.readout import confused
from pennylane_qizgloria.pauli.state.sample import draw, sample, sample_shadow, to_bits

BELOW_ONE = np.nextafter(1, 0)


class Fixed:
    """A source that always gives one number."""

    def __init__(self, number):
        self.number = number

    def random(self, size):
        return np.full(size, self.number)


def assert_frequencies(outcomes, distribution):
    """Each outcome's count is within 5 standard deviations; impossible ones never occur."""
    counts = np.bincount(outcomes, minlength=len(distribution))
    deviation = np.sqrt(len(outcomes) * distribution * (1 - distribution))
    assert (np.abs(counts - len(outcomes) * distribution) <= 5 * deviation + 1e-6).all()


@pytest.mark.parametrize("outcomes", [2, 8, 64])
def test_frequencies_are_the_probabilities(outcomes):
    """Frequencies agree with the probabilities of each element of the batch."""
    rng = np.random.default_rng(0)
    distributions = rng.dirichlet(np.full(outcomes, 0.7), size=3)
    found = draw(distributions, 20_000, rng)
    assert found.shape == (3, 20_000)
    for row, expected in zip(found, distributions, strict=True):
        assert_frequencies(row, expected)


def test_shots_are_independent():
    """Shots are independent."""
    shots = draw(np.array([[0.5, 0.5]]), 40_000, np.random.default_rng(1))[0]
    pairs = 2 * shots[::2] + shots[1::2]
    assert_frequencies(pairs, np.full(4, 0.25))


def test_elements_of_a_batch_are_independent():
    """Elements of a batch are independent."""
    found = draw(np.full((2, 2), 0.5), 20_000, np.random.default_rng(2))
    assert_frequencies(2 * found[0] + found[1], np.full(4, 0.25))


def test_one_seed_gives_one_result():
    """One seed gives one result."""
    p = np.random.default_rng(3).dirichlet(np.ones(8), size=2)
    first, again, other = (draw(p, 50, np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("number", [0.0, 0.25, 0.5, BELOW_ONE])
@pytest.mark.parametrize(
    "distribution", [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 0.5, 0, 0.5, 0], [0, 0.25, 0.25, 0, 0.5]]
)
def test_impossible_outcomes_are_never_drawn(distribution, number):
    """Outcomes of probability 0 are not drawn, even by random numbers on a border."""
    (outcome,) = draw(np.array([distribution], float), 1, Fixed(number))[0]
    assert distribution[outcome] > 0


def test_borders_belong_to_the_interval_above():
    """Outcome k is drawn for u in [c_k, c_k+1): every outcome has exactly its probability."""
    p = np.array([[0.25, 0.5, 0.25]])
    borders = [0.0, np.nextafter(0.25, 0), 0.25, np.nextafter(0.75, 0), 0.75, BELOW_ONE]
    assert [int(draw(p, 1, Fixed(u))[0, 0]) for u in borders] == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("number", [0.0, 1e-17, 0.5, BELOW_ONE])
def test_rounding_below_zero_counts_as_zero(number):
    """Probabilities slightly below zero count as zero."""
    p = np.array([[-1e-17, 1.0, -3e-16, 1e-16, -1e-12]])
    assert draw(p, 1, Fixed(number))[0, 0] in (1, 3)


def test_rounding_below_zero_does_not_move_the_others():
    """A negative probability takes nothing from the outcome behind it."""
    p = np.array([[-1e-12, 0.5, 0.5 + 1e-12]])
    assert draw(p, 1, Fixed(0.5 - 0.7e-12))[0, 0] == 1


@pytest.mark.parametrize("scale", [1e-3, 1 - 1e-7, 1 + 1e-7, 40.0])
def test_the_sum_is_divided_out(scale):
    """Probabilities are divided by their sum."""
    p = np.random.default_rng(4).dirichlet(np.ones(5), size=2)
    expected = draw(p, 200, np.random.default_rng(5))
    assert (draw(scale * p, 200, np.random.default_rng(5)) == expected).all()


def test_single_precision_is_summed_in_double():
    """Probabilities in single precision are summed in double precision."""
    size = 2**16
    p = np.full((1, size), 1 / size, dtype=np.float32)
    middles = (np.arange(size) + 0.5) / size

    class Middles:
        def random(self, shape):
            return middles[None]

    assert (draw(p, size, Middles())[0] == np.arange(size)).all()


def test_one_outcome_is_certain():
    """A distribution of one outcome always gives it."""
    assert (draw(np.ones((2, 1)), 5, np.random.default_rng(6)) == np.zeros((2, 5))).all()


@pytest.mark.parametrize("wires", [1, 3, 5])
def test_bits_have_the_first_wire_first(wires):
    """Bits have the first wire first."""
    found = to_bits(np.arange(2**wires), wires)
    assert found.tolist() == [list(bits) for bits in product((0, 1), repeat=wires)]


def test_bits_keep_the_axes_of_the_outcomes():
    """Bits keep the axes of batch and shots."""
    outcomes = np.random.default_rng(7).integers(8, size=(2, 5))
    found = to_bits(outcomes, 3)
    assert found.shape == (2, 5, 3)
    assert (found @ [4, 2, 1] == outcomes).all()


def test_independent_wires_are_drawn_by_themselves():
    """Wires that are distributed apart have their own frequencies, others give 0."""
    outcomes = Distribution(
        (4, 7, 2, 5, 9),
        (7, 5),
        torch.tensor([[0, 1.0, 0, 0], [0.2, 0, 0, 0.8]]).double(),
        {2: torch.tensor([0.3, 0.7]).double(), 9: torch.tensor([0.0, 1.0]).double()},
    )
    found = sample(outcomes, 20_000, np.random.default_rng(13))
    assert found.shape == (2, 20_000, 5)
    assert not found[..., 0].any()
    assert (found[..., 4] == 1).all()
    assert (found[0][:, [1, 3]] == [0, 1]).all()
    assert_frequencies(found[1][:, [1, 3]] @ [2, 1], np.array([0.2, 0, 0, 0.8]))
    for row in found:
        assert_frequencies(row[:, 2], np.array([0.3, 0.7]))
    assert_frequencies(2 * found[0][:, 2] + found[1][:, 2], np.array([0.09, 0.21, 0.21, 0.49]))


# --- classical shadows ----------------------------------------------------------------------------

EXACT = {}


def reader(state, wires, confusion):
    """A function that gives what is reported when these Paulis are measured."""
    return lambda paulis: confused(distribution(state, wires, paulis), confusion)


def product_state(*blochs):
    rho = dense.kron(*(np.eye(2) / 2 + np.tensordot(b, dense.PAULIS[1:], 1) / 2 for b in blochs))
    return torch.as_tensor(dense.vector(rho))[None]


def test_a_shot_in_the_basis_of_an_eigenstate_is_certain():
    """A shot in the basis of an eigenstate is certain."""
    state = State(product_state((1, 0, 0), (0, -1, 0), (0, 0, 1)), (4, 2, 0))
    wires = (0, 2, 4)  # |0>, eigenvalue -1 of Y, |+>
    rng = np.random.default_rng(8)
    recipes = rng.integers(3, size=(600, 3))
    bits = sample_shadow(reader(state, wires, EXACT), recipes, rng)
    assert (bits.shape, bits.dtype) == ((1, 600, 3), np.int8)
    for column, (letter, expected) in enumerate([(2, 0), (1, 1), (0, 0)]):
        certain = recipes[:, column] == letter
        assert certain.any()
        assert (bits[0, certain, column] == expected).all()
        others = bits[0, ~certain, column]
        assert_frequencies(others.astype(int), np.array([0.5, 0.5]))


@pytest.mark.parametrize("readout", [EXACT, {1: torch.tensor([[0.9, 0.1], [0.25, 0.75]]).double()}])
def test_shots_of_each_basis_follow_its_distribution(readout):
    """Shots of each basis follow its distribution."""
    rng = np.random.default_rng(9)
    vectors = np.array([dense.vector(dense.random_density_matrix(rng, 2)) for _ in range(2)])
    state, wires = State(torch.as_tensor(vectors), (1, 0)), (0, 1)
    recipes = rng.integers(3, size=(36_000, 2))
    bits = sample_shadow(reader(state, wires, readout), recipes, rng)
    for basis in product(range(3), repeat=2):
        mine = (recipes == basis).all(1)
        exact = distribution(state, wires, [1 + b for b in basis])
        expected = confused(exact, readout).probabilities()
        for row, probabilities in zip(bits, expected.numpy(), strict=True):
            assert_frequencies(row[mine] @ [2, 1], probabilities)


def test_shadows_estimate_expectation_values():
    """Shadows estimate expectation values, as 3**k times the mean product.

    The estimator is that of Huang, Kueng, Preskill (2020).
    """
    rng = np.random.default_rng(10)
    r = dense.vector(dense.random_density_matrix(rng, 2))
    state = State(torch.as_tensor(r)[None], (0, 1))
    shots = 30_000
    recipes = rng.integers(3, size=(shots, 2))
    signs = 1 - 2.0 * sample_shadow(reader(state, (0, 1), EXACT), recipes, rng)[0]
    for first, second in product(range(3), repeat=2):
        estimates = 9 * signs.prod(1) * (recipes == (first, second)).all(1)
        expected = r.reshape(4, 4)[1 + first, 1 + second]
        assert abs(estimates.mean() - expected) <= 5 * np.sqrt(9 / shots)


def test_shadows_are_reproducible():
    """Seeded shadows are reproducible."""
    state = State(product_state((0.3, 0.4, 0.5), (0.1, 0, 0)), (0, 1))
    recipes = np.random.default_rng(11).integers(3, size=(50, 2))
    first, again = (
        sample_shadow(reader(state, (0, 1), EXACT), recipes, np.random.default_rng(12))
        for _ in range(2)
    )
    assert (first == again).all()
