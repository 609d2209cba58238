"""What specifications read from a final state, against numbers that are given by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.comparison import assert_close

from pennylane_qizgloria.engines.exact import PauliVectorState
from pennylane_qizgloria.lowering.measurements.specs import (
    Expectation,
    Probabilities,
    SampledMeasurement,
    Spectrum,
    StateReading,
    Variance,
    WeightedSum,
    paulis_of_basis,
)
from pennylane_qizgloria.pauli.program.measured_basis import MeasuredBasis
from pennylane_qizgloria.pauli.program.program import (
    Arguments,
    BoundProgram,
    Operand,
    Operation,
    Program,
)
from pennylane_qizgloria.pauli.state.basis import X, Y, Z
from pennylane_qizgloria.pauli.state.measure import PauliSum, State, expectation

RHOS = [dense.random_density_matrix(np.random.default_rng(seed), 2) for seed in (0, 1)]
STATE = PauliVectorState(
    State(torch.as_tensor(np.array([dense.vector(rho) for rho in RHOS])), (0, 1))
)
WORDS = PauliSum((0, 1), torch.tensor([[Z, 0], [X, Y]]), torch.tensor([0.5, -2.0]).double())
MATRIX = 0.5 * np.kron(dense.PAULIS[Z], np.eye(2)) - 2 * np.kron(dense.PAULIS[X], dense.PAULIS[Y])
SQUARE = PauliSum((0, 1), torch.tensor([[0, 0], [Y, Y]]), torch.tensor([4.25, 0.0]).double())
CONFUSION = {1: torch.tensor([[0.9, 0.1], [0.3, 0.7]]).double()}


def means_of(spec):
    """What a plan gives a specification of its sums."""
    return [expectation(STATE.state, own) for own in spec.sums]


def exact(spec):
    return spec.exact(STATE, means_of(spec))


def trace(matrix):
    return [np.trace(matrix @ rho).real for rho in RHOS]


def test_expectation():
    """The expectation value of a sum is Tr(O rho), and only its Paulis are observed."""
    spec = Expectation(WORDS)
    assert_close(exact(spec), trace(MATRIX), 1e-14)
    assert spec.observed == {(0, Z), (0, X), (1, Y)}


def test_variance():
    """The variance is that of both moments, and the Paulis of both are observed."""
    spec = Variance(WORDS, SQUARE)
    expected = np.array([4.25, 4.25]) - np.square(trace(MATRIX))
    assert_close(exact(spec), expected, 1e-14)
    assert spec.observed == {(0, Z), (0, X), (0, Y), (1, Y)}


@pytest.mark.parametrize("order", [None, [2, 0, 3, 1]])
def test_probabilities(order):
    """Reported probabilities are those of the confusion matrices, in the order of the outcomes."""
    given = None if order is None else torch.tensor(order)
    spec = Probabilities(MeasuredBasis((1, 0), (Z, X)), CONFUSION, given)
    plain = np.array([dense.outcome_probabilities(rho, (1, 0), (Z, X)) for rho in RHOS])
    reported = plain @ np.kron(CONFUSION[1].numpy(), np.eye(2))
    assert_close(exact(spec), reported[:, slice(None) if order is None else order], 1e-14)
    assert spec.observed == {(1, Z), (0, X)}


@pytest.mark.parametrize("moment", [1, 2])
def test_spectrum(moment):
    """Mean and variance are those of the reported eigenvalues."""
    probabilities = Probabilities(MeasuredBasis((0,), (Y,)), {0: CONFUSION[1]})
    values = torch.tensor([3.0, -0.5], dtype=torch.float64)
    spec = Spectrum(probabilities, values, moment)
    p = exact(probabilities).numpy()
    mean = p @ values.numpy()
    expected = mean if moment == 1 else p @ values.numpy() ** 2 - mean**2
    assert_close(exact(spec), expected, 1e-14)
    assert spec.observed == probabilities.observed == {(0, Y)}


def test_weighted_sum():
    """Terms of several kinds get their own expectation values, in order."""
    zeros = Probabilities(MeasuredBasis((0,), (Z,)), {})
    spectrum = Spectrum(zeros, torch.tensor([1.0, 0.0]).double(), 1)
    single = PauliSum((1,), torch.tensor([[X]]), torch.ones(1).double())
    weights = tuple(torch.tensor([2.0, -1.0, 0.5]).double())
    spec = WeightedSum(weights, (Variance(WORDS, SQUARE), spectrum, Expectation(single)))
    assert len(spec.sums) == 3
    expected = (
        2 * exact(Variance(WORDS, SQUARE)) - exact(spectrum) + 0.5 * exact(Expectation(single))
    )
    assert_close(exact(spec), expected, 1e-14)
    assert spec.observed == Variance(WORDS, SQUARE).observed | {(0, Z), (1, X)}


def test_state_reading():
    """A function of the state needs all Paulis of its wires, and no expectation values."""
    spec = StateReading((1,), lambda state: state.purity((1,)))
    reduced = [dense.partial_trace(rho, [1]) for rho in RHOS]
    assert_close(exact(spec), [np.trace(rho @ rho).real for rho in reduced], 1e-14)
    assert spec.observed == {(1, X), (1, Y), (1, Z)}
    assert spec.sums == ()


def test_samples_have_no_exact_result():
    """What is sampled says so when it is asked for an exact result."""
    spec = SampledMeasurement((), frozenset({(0, Z)}))
    assert spec.observed == {(0, Z)}
    with pytest.raises(NotImplementedError, match="no exact result"):
        spec.exact(STATE, [])


def test_paulis_of_bases():
    """A basis of Paulis needs these, and one that is rotated needs all."""
    assert paulis_of_basis(MeasuredBasis((3, 1), (X, Z))) == {(3, X), (1, Z)}
    gate = Operation(Operand.TRANSFER, (0, 1))
    arguments = Arguments(torch.zeros(0).double(), None, (torch.eye(16).double(),))
    rotation = BoundProgram(Program(2, (gate,), frozenset()), arguments)
    rotated = MeasuredBasis((3, 1), (Z, Z), rotation)
    assert paulis_of_basis(rotated) == {(wire, pauli) for wire in (3, 1) for pauli in (X, Y, Z)}
