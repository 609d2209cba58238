"""Exact results against the dense density matrix of all wires, idle ones in |0>."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.comparison import assert_close

from pennylane_qizgloria.pauli.state.distribution import distribution
from pennylane_qizgloria.pauli.state.measure import (
    PauliSum,
    State,
    expectation,
    expectations,
    gather,
    purity,
    reduced_density_matrix,
    reduced_vector,
)

ORDER = (3, 0, 4)
"""The wires of the state under test, of 5; wires 1 and 2 are idle."""

SELECTIONS = [w for k in (1, 2, 3) for w in permutations(range(5), k)] + [(4, 2, 3, 1, 0)]
"""Wires in every order, with idle ones among them."""


def probabilities(state, wires, basis=None):
    return distribution(state, wires, basis).probabilities()


@pytest.fixture(scope="module")
def state():
    """Two random states on ``ORDER``."""
    rng = np.random.default_rng(0)
    vectors = [dense.vector(dense.random_density_matrix(rng, len(ORDER))) for _ in range(2)]
    return State(torch.as_tensor(np.array(vectors)), ORDER)


@pytest.fixture(scope="module")
def rhos(state):
    """The same states as density matrices of all five wires."""
    return [dense.matrix_of(r, ORDER, 5) for r in state.vector]


def word(paulis, wires):
    return dense.embed(dense.kron(*(dense.PAULIS[i] for i in paulis)), wires, 5)


def each_word(state, observable):
    """The expectation value of each word of a sum, as of a sum of its own."""
    words = [PauliSum(observable.wires, own[None], torch.ones(1)) for own in observable.words]
    return torch.stack(list(expectations(state, gather(state, words))), 1)


@pytest.mark.parametrize("wires", [(0, 1, 2, 3, 4), (4, 1, 3), (2,), (0, 4), (1, 2)])
def test_expectation_of_every_word(wires, state, rhos):
    """<P> of every word agrees with Tr(P rho), also on idle wires."""
    paulis = np.array(list(product(range(4), repeat=len(wires))))[:: 1 if len(wires) < 4 else 7]
    observable = PauliSum(wires, torch.as_tensor(paulis), torch.ones(len(paulis)))
    expected = [[np.trace(word(w, wires) @ rho).real for w in paulis] for rho in rhos]
    assert_close(each_word(state, observable), expected, atol=1e-13)


def test_expectation_is_the_sum_with_coefficients(state, rhos):
    """The expectation of a sum weighs its words with its coefficients, repeated words included."""
    wires, paulis = (3, 1, 4), np.array([[1, 0, 2], [3, 3, 0], [0, 0, 0], [3, 3, 0], [2, 1, 0]])
    coefficients = np.array([0.5, -1.2, 2.0, 0.3, 4.0])
    matrix = sum(c * word(w, wires) for c, w in zip(coefficients, paulis, strict=True))
    observable = PauliSum(wires, torch.as_tensor(paulis), torch.as_tensor(coefficients))
    expected = [np.trace(matrix @ rho).real for rho in rhos]
    assert_close(expectation(state, observable), expected, atol=1e-13)


def test_expectation_of_a_sum_without_words_is_zero(state):
    """The expectation of a sum without words is zero."""
    empty = PauliSum((0, 1), torch.zeros(0, 2, dtype=torch.long), torch.zeros(0).double())
    assert expectation(state, empty).tolist() == [0, 0]


def test_expectation_of_a_constant_is_the_constant(state):
    """The expectation of a multiple of the identity is its coefficient."""
    constant = PauliSum((), torch.zeros(1, 0, dtype=torch.long), torch.tensor([2.5]).double())
    assert expectation(state, constant).tolist() == pytest.approx([2.5, 2.5], abs=1e-14)


@pytest.mark.parametrize("wires", SELECTIONS)
def test_reduced_states_in_any_order_of_wires(wires, state, rhos):
    """Reduced states agree with partial traces, in any order of wires."""
    expected = [dense.partial_trace(rho, wires) for rho in rhos]
    assert_close(reduced_density_matrix(state, wires), expected, atol=1e-13)
    assert_close(reduced_vector(state, wires), [dense.vector(rho) for rho in expected], atol=1e-13)


@pytest.mark.parametrize("wires", [(), (0,), (2,), (4, 1), (0, 3), (4, 0, 3), (3, 1, 0, 2, 4)])
def test_purity_of_some_wires(wires, state, rhos):
    """The purity of some wires agrees with Tr(rho**2) of their reduced state."""
    reduced = [dense.partial_trace(rho, wires) for rho in rhos]
    expected = [np.trace(rho @ rho).real for rho in reduced]
    assert_close(purity(state, wires), expected, atol=1e-13)


@pytest.mark.parametrize("wires", [*SELECTIONS, ()])
def test_probabilities_in_the_computational_basis(wires, state, rhos):
    """Probabilities in the computational basis are the diagonal of the reduced state."""
    expected = [np.diag(dense.partial_trace(rho, wires)).real for rho in rhos]
    assert_close(probabilities(state, wires), expected, atol=1e-13)


@pytest.mark.parametrize("basis", list(product((1, 2, 3), repeat=3)))
@pytest.mark.parametrize("wires", [(4, 0, 3), (0, 2, 4)])
def test_probabilities_in_every_pauli_basis(wires, basis, state, rhos):
    """In every Pauli basis outcome 0 is the eigenvalue +1 of its wire's Pauli."""
    signs = list(product((1, -1), repeat=3))
    projectors = [
        dense.kron(
            *((np.eye(2) + s * dense.PAULIS[i]) / 2 for s, i in zip(sign, basis, strict=True))
        )
        for sign in signs
    ]
    reduced = [dense.partial_trace(rho, wires) for rho in rhos]
    expected = [[np.trace(p @ rho).real for p in projectors] for rho in reduced]
    assert_close(probabilities(state, wires, basis), expected, atol=1e-13)


def test_a_state_without_wires_has_all_wires_in_zero():
    """A state without wires has all wires in |0>."""
    state = State(torch.ones(1, 1, dtype=torch.float64), ())
    assert_close(reduced_density_matrix(state, (2, 0)), dense.zero(2)[None], atol=0)
    assert probabilities(state, (0, 1)).tolist() == [[1, 0, 0, 0]]
    assert purity(state, (1,)).tolist() == [1]


def test_results_keep_the_precision(state):
    """Results have the precision of the state."""
    single = State(state.vector.float(), state.wires)
    paulis, coefficients = torch.tensor([[1, 3]]), torch.ones(1, dtype=torch.float64)
    assert expectation(single, PauliSum((3, 1), paulis, coefficients)).dtype == torch.float32
    assert probabilities(single, (3, 1)).dtype == torch.float32
    assert purity(single, (3, 1)).dtype == torch.float32
    assert reduced_density_matrix(single, (3, 1)).dtype == torch.complex64


def test_gradients_of_every_measurement(state):
    """Measurements have gradients towards the state and the coefficients."""
    paulis = torch.tensor([[1, 3], [3, 3], [0, 2]])

    def energy(vector, coefficients):
        return expectation(State(vector, ORDER), PauliSum((4, 2), paulis, coefficients))

    vector = state.vector.clone().requires_grad_()
    coefficients = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(energy, (vector, coefficients))
    for function in (
        lambda r: purity(State(r, ORDER), (4, 1)),
        lambda r: probabilities(State(r, ORDER), (0, 2, 3), (1, 2, 3)),
        lambda r: reduced_density_matrix(State(r, ORDER), (3, 2)),
    ):
        assert torch.autograd.gradcheck(function, (vector,))


# --- states restricted to paulis -----------------------------------------------------------------

PAULI_LABELS = ((0, 3), (0, 1, 2), (0, 1, 2, 3))
"""What is left of each wire of ``ORDER``."""


@pytest.fixture(scope="module")
def restricted(state):
    """The states without the other paulis."""
    tensor = state.vector.reshape(-1, 4, 4, 4).numpy()
    part = tensor[np.ix_(range(len(tensor)), *PAULI_LABELS)].reshape(len(tensor), -1)
    return State(torch.as_tensor(part), ORDER, PAULI_LABELS)


ENOUGH = dict(zip(ORDER, PAULI_LABELS, strict=True)) | {1: range(4), 2: range(4)}
"""Letters of each of the five wires that results can be had of."""


@pytest.mark.parametrize("wires", [(0, 1, 2, 3, 4), (4, 1, 3), (0,), (3, 0), (1, 2)])
def test_words_of_the_letters_that_are_left(wires, state, restricted):
    """Expectation values from the observed letters agree with those from all."""
    paulis = np.array(list(product(*(ENOUGH[w] for w in wires))))[::3]
    observable = PauliSum(
        wires, torch.as_tensor(paulis), torch.linspace(1, 2, len(paulis)).double()
    )
    expected = each_word(state, observable)
    assert_close(each_word(restricted, observable), expected, atol=1e-15)
    assert_close(expectation(restricted, observable), expectation(state, observable), atol=1e-13)


@pytest.mark.parametrize("wires", [(3,), (3, 4, 1), (4, 3), (2, 1), ()])
def test_probabilities_from_the_letters_that_are_left(wires, state, restricted):
    """Probabilities from the observed letters agree with those from all."""
    assert_close(probabilities(restricted, wires), probabilities(state, wires), atol=1e-15)


@pytest.mark.parametrize("basis", [(1, 3, 2), (2, 3, 3), (1, 3, 1)])
def test_probabilities_in_other_bases_from_the_letters_that_are_left(basis, state, restricted):
    """Probabilities in other bases from the observed letters agree with those from all."""
    found, expected = (probabilities(own, (0, 3, 4), basis) for own in (restricted, state))
    assert_close(found, expected, atol=1e-15)


@pytest.mark.parametrize("wires", [(4,), (4, 2), (1, 4), ()])
def test_reduced_states_from_the_letters_that_are_left(wires, state, restricted):
    """Reduced states from the observed letters agree with those from all."""
    for function in (reduced_vector, reduced_density_matrix, purity):
        assert_close(function(restricted, wires), function(state, wires), atol=1e-15)


@pytest.mark.parametrize("others", [(), (4,), (1, 4)], ids=str)
@pytest.mark.parametrize(("wire", "pauli"), [(3, 1), (3, 2), (0, 3)])
def test_a_letter_that_is_missing_raises(wire, pauli, others, restricted):
    """A missing letter raises an error."""
    wires = (wire, *others)
    word = PauliSum(wires, torch.tensor([[pauli] + [3] * len(others)]), torch.ones(1).double())
    for measure in (
        lambda: expectation(restricted, word),
        lambda: expectations(restricted, gather(restricted, [word, word])),
        lambda: probabilities(restricted, wires, [pauli] + [3] * len(others)),
        lambda: reduced_density_matrix(restricted, wires),
        lambda: purity(restricted, wires),
    ):
        # Which of the two torch raises depends on the kernel that gathers.
        with pytest.raises(IndexError, match="Paulis that the state does not have"):
            measure()


def test_several_sums_are_measured_as_each_alone(state, restricted):
    """Several sums measured together agree with each alone."""
    wires = (4, 2, 3)
    observables = [
        PauliSum(wires, torch.tensor([[1, 0, 3], [3, 3, 0]]), torch.tensor([0.5, -2.0]).double()),
        PauliSum((0,), torch.tensor([[2]]), torch.tensor([1.5]).double()),
        PauliSum((), torch.zeros(0, 0, dtype=torch.long), torch.zeros(0).double()),
        PauliSum((1, 0), torch.tensor([[1, 1], [0, 1], [3, 1]]), torch.ones(3).double()),
        PauliSum((2,), torch.tensor([[1]]), torch.tensor([0.7]).double()),
    ]
    for own in (state, restricted):
        for chosen in (observables, [observables[1], observables[4]]):
            found = expectations(own, gather(own, chosen))
            assert len(found) == len(chosen)
            for result, observable in zip(found, chosen, strict=True):
                assert_close(result, expectation(state, observable), atol=1e-14)


def test_a_gather_serves_other_states_of_the_same_axes(restricted):
    """A gather is reused for other states of the same axes."""
    words = PauliSum((4, 0), torch.tensor([[1, 2], [3, 0]]), torch.tensor([0.5, -2.0]).double())
    other = State(restricted.vector.flip(1)[:1], ORDER, PAULI_LABELS)
    (found,) = expectations(other, gather(restricted, [words]))
    assert_close(found, expectation(other, words), atol=1e-15)
