"""Which specification a measurement process becomes, and what is observed for it."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import example_circuit
from helpers.execution import execute

from pennylane_qizgloria.lowering.circuit import lower
from pennylane_qizgloria.lowering.context import TapeContext
from pennylane_qizgloria.lowering.measurements.eigenbasis import eigenbasis
from pennylane_qizgloria.lowering.measurements.measurements import (
    measured_basis,
    measured_wires,
    measurement_spec,
)
from pennylane_qizgloria.lowering.measurements.readout import confusion_model
from pennylane_qizgloria.lowering.measurements.specs import (
    Expectation,
    Probabilities,
    SampledMeasurement,
    Spectrum,
    StateReading,
    Variance,
    WeightedSum,
)
from pennylane_qizgloria.pauli.state.basis import X, Y, Z

CONTEXT = TapeContext({"a": 0, "b": 1, "c": 2})
CONFUSION = {0: torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64)}
WITH_ERROR = TapeContext(CONTEXT.wire_map, CONFUSION)
HERMITIAN = np.array([[0.3, 1 - 1j], [1 + 1j, -0.4]])
ALL = (X, Y, Z)


def spec_of(process, context=CONTEXT, is_sampled=False):
    return measurement_spec(process, context, is_sampled)


EXACT = {
    "word": (lambda: qml.expval(qml.Z("a") @ qml.X("c")), Expectation, {(0, Z), (2, X)}),
    "matrix": (
        lambda: qml.expval(qml.Hermitian(HERMITIAN, "b")),
        Expectation,
        {(1, pauli) for pauli in ALL},
    ),
    "variance of a word": (lambda: qml.var(qml.Y("b")), Variance, {(1, Y)}),
    "variance of a sum": (
        lambda: qml.var(qml.Z("a") + qml.Z("b")),
        Variance,
        {(0, Z), (1, Z)},
    ),
    "probabilities": (lambda: qml.probs(wires=["c", "a"]), Probabilities, {(2, Z), (0, Z)}),
    "probabilities of a word": (lambda: qml.probs(op=qml.X("b")), Probabilities, {(1, X)}),
    "probabilities of a matrix": (
        lambda: qml.probs(op=qml.Hermitian(HERMITIAN, "b")),
        Probabilities,
        {(1, pauli) for pauli in ALL},
    ),
    "density matrix": (
        lambda: qml.density_matrix(["c"]),
        StateReading,
        {(2, pauli) for pauli in ALL},
    ),
    "state": (qml.state, StateReading, {(wire, pauli) for wire in range(3) for pauli in ALL}),
    "mutual information": (
        lambda: qml.mutual_info(["a"], ["c"]),
        StateReading,
        {(wire, pauli) for wire in (0, 2) for pauli in ALL},
    ),
    "all wires": (qml.probs, Probabilities, {(wire, Z) for wire in range(3)}),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact(name):
    """Each process becomes the cheapest specification, which observes what it needs only."""
    make, kind, observed = EXACT[name]
    spec = spec_of(make())
    assert type(spec) is kind
    assert spec.observed == observed


REPORTED = {
    "word without error": (lambda: qml.expval(qml.X("b")), Expectation),
    "word": (lambda: qml.expval(qml.X("a")), Expectation),
    "matrix": (lambda: qml.expval(qml.Hermitian(HERMITIAN, "a")), Spectrum),
    "matrix without error": (lambda: qml.expval(qml.Hermitian(HERMITIAN, "b")), Expectation),
    "sum of matrices": (
        lambda: qml.expval(qml.Hermitian(HERMITIAN, "a") + 0.5 * qml.X("b")),
        WeightedSum,
    ),
    "variance of a word": (lambda: qml.var(qml.X("a")), Variance),
    "variance of a matrix": (lambda: qml.var(qml.Hermitian(HERMITIAN, "a")), Spectrum),
    "variance of a sum": (lambda: qml.var(qml.X("a") + qml.Z("b")), Spectrum),
    "variance without error": (lambda: qml.var(qml.X("c") + qml.Z("b")), Variance),
}


@pytest.mark.parametrize("name", REPORTED)
def test_with_readout_error(name):
    """With readout error, observables without words are read in their eigenbasis."""
    make, kind = REPORTED[name]
    assert type(spec_of(make(), WITH_ERROR)) is kind


def test_terms_of_a_sum():
    """Each term of a sum keeps its coefficient, and constants are words without wires."""
    observable = qml.sum(
        qml.s_prod(-0.5, qml.Hermitian(HERMITIAN, "a")), qml.s_prod(2.0, qml.I("a"))
    )
    spec = spec_of(qml.expval(observable), WITH_ERROR)
    assert isinstance(spec, WeightedSum)
    assert sorted(float(weight) for weight in spec.weights) == [-0.5, 2.0]
    assert {type(term) for term in spec.terms} == {Spectrum, Expectation}


SAMPLED = {
    "word": (lambda: qml.expval(qml.Z("a") @ qml.X("c")), [None], {(0, Z), (2, X)}),
    "sum": (
        lambda: qml.expval(0.5 * qml.Z("a") + 2 * qml.X("b")),
        [0.5, 2.0],
        {(0, Z), (1, X)},
    ),
    "constant": (lambda: qml.expval(0.5 * qml.Z("a") + 3 * qml.I("b")), [0.5, 3.0], {(0, Z)}),
    "variance": (lambda: qml.var(qml.Z("a") + qml.Z("b")), [None], {(0, Z), (1, Z)}),
    "samples": (lambda: qml.sample(wires=["b"]), [None], {(1, Z)}),
    "counts of a word": (lambda: qml.counts(qml.Y("b")), [None], {(1, Y)}),
    "matrix": (
        lambda: qml.sample(qml.Hermitian(HERMITIAN, "b")),
        [None],
        {(1, pauli) for pauli in ALL},
    ),
    "shadow": (
        lambda: qml.classical_shadow(["c"]),
        [None],
        {(2, pauli) for pauli in ALL},
    ),
}


@pytest.mark.parametrize("name", SAMPLED)
def test_sampled(name):
    """Sums are sampled term by term, everything else as a whole."""
    make, weights, observed = SAMPLED[name]
    spec = spec_of(make(), is_sampled=True)
    assert isinstance(spec, SampledMeasurement)
    assert [term.weight for term in spec.terms] == weights
    assert spec.observed == observed


@pytest.mark.parametrize("is_sampled", [False, True])
@pytest.mark.parametrize("measure", [qml.expval, qml.var, qml.sample, qml.counts])
def test_observables_that_are_not_hermitian_are_refused(measure, is_sampled):
    """Whatever is measured of it, an observable has to be Hermitian."""
    wrong = qml.Hermitian(np.array([[0, 1], [0, 0]]), "a")
    with pytest.raises(ValueError, match="Hermitian"):
        spec_of(measure(wrong), is_sampled=is_sampled)


def test_measured_wires():
    """The wires of a measurement are its own, those of its observable, or all."""
    assert measured_wires(qml.probs(wires=["c", "a"]), CONTEXT) == (2, 0)
    assert measured_wires(qml.expval(qml.Z("b") @ qml.X("a")), CONTEXT) == (1, 0)
    assert measured_wires(qml.state(), CONTEXT) == (0, 1, 2)


def test_bases_of_paulis_have_no_rotation():
    """Words are measured wire by wire in their Paulis."""
    basis = measured_basis(eigenbasis(qml.sample(qml.Y("c") @ qml.Z("a"))), CONTEXT)
    assert (basis.wires, basis.paulis, basis.rotation) == ((2, 0), (Y, Z), None)


def test_other_bases_are_rotated():
    """Diagonalizing gates are a program on wires of its own, which ends in the bits."""
    basis = measured_basis(eigenbasis(qml.sample(qml.Hermitian(HERMITIAN, "c"))), CONTEXT)
    assert (basis.wires, basis.paulis) == ((2,), (Z,))
    assert basis.rotation.program.num_wires == 1
    assert basis.rotation.program.observed == {(0, Z)}


@pytest.mark.parametrize("name", ["density matrix", "purity", "entropy", "mutual information"])
@pytest.mark.parametrize("batch", [None, 2])
def test_readings_of_states_agree_with_default_mixed(name, batch):
    """States, purities and entropies agree with default.mixed, idle wires included."""
    process = {
        "density matrix": qml.density_matrix([3, 1]),
        "purity": qml.purity([0, 3]),
        "entropy": qml.vn_entropy([2, 3], log_base=2),
        "mutual information": qml.mutual_info([0, 3], [2]),
    }[name]
    found, expected = (
        execute(qml.device(device, wires=4), example_circuit(batch), [process])
        for device in ("qizgloria.mixed", "default.mixed")
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_readout_error_is_in_the_specification():
    """Exact results of a lowered circuit are those that are reported."""
    tape = qml.tape.QuantumScript([qml.X("a")], [qml.expval(qml.Z("a")), qml.probs(wires=["a"])])
    circuit = lower(tape, torch.float64, confusion_model((0.1, 0.3), None))
    mean, probabilities = circuit.measurements.specs
    assert isinstance(mean, Expectation)
    constant, factor = sorted(mean.words.coefficients.tolist())
    assert (constant, factor) == (pytest.approx(0.2), pytest.approx(0.6))
    torch.testing.assert_close(
        probabilities.confusion[0], torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=torch.float64)
    )
