"""Statistics of shots against the exact results of the same circuit, to 5 standard errors."""

import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import example_circuit
from helpers.devices import mixed_device
from helpers.exact_statistics import SHOTS, central_moment, exact_state, mean_of
from helpers.execution import execute_tuple
from helpers.observables import HERMITIAN, WIDE

OBSERVABLES = {
    "z": lambda: qml.Z(1),
    "x": lambda: qml.X(0),
    "idle wire": lambda: qml.Z(3),
    "idle wire in another basis": lambda: qml.X(3),
    "identity": lambda: qml.Identity(1),
    "word": lambda: qml.Y(2) @ qml.X(0) @ qml.Z(1),
    "scaled word": lambda: qml.s_prod(-1.5, qml.X(1) @ qml.Y(0)),
    "hadamard": lambda: qml.Hadamard(2),
    "hermitian": lambda: qml.Hermitian(HERMITIAN, wires=0),
    "hermitian on 2": lambda: qml.Hermitian(WIDE, wires=[2, 1]),
    "projector": lambda: qml.Projector([1, 0], wires=[2, 0]),
    "projector on a vector": lambda: qml.Projector([0.6, 0, 0, 0.8j], wires=[1, 0]),
    "product": lambda: qml.prod(qml.Hermitian(HERMITIAN, 1), qml.Hadamard(0), qml.Y(2)),
}

SUMS = {
    "hamiltonian": lambda: qml.Hamiltonian(
        [0.5, -1.2, 0.8, 2.0], [qml.X(0), qml.Z(1) @ qml.Y(2), qml.Y(0) @ qml.Z(3), qml.Identity(0)]
    ),
    "sum": lambda: qml.sum(qml.X(0) @ qml.X(1), qml.Hadamard(1), qml.Z(2)),
    "scaled sum": lambda: qml.s_prod(-0.7, qml.X(0) + qml.s_prod(2, qml.Hermitian(WIDE, [0, 2]))),
}


@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("name", OBSERVABLES)
def test_expectation_and_variance(name, batch):
    """Means and variances from shots agree with the exact distribution."""
    observable = OBSERVABLES[name]()
    measurements = [qml.expval(observable), qml.var(observable)]
    means, variances = execute_tuple(
        mixed_device(seed=11), example_circuit(batch), measurements, SHOTS
    )
    assert np.shape(means) == np.shape(variances) == (() if batch is None else (batch,))
    for element, (mean, variance) in enumerate(
        zip(np.atleast_1d(means), np.atleast_1d(variances), strict=True)
    ):
        rho = exact_state(batch, element)
        spread = central_moment(rho, observable, 2)
        kurtosis = central_moment(rho, observable, 4)
        assert abs(mean - mean_of(rho, observable)) <= 5 * np.sqrt(spread / SHOTS) + 1e-9
        # The second term is the bias of the estimate, and all of its error where it is 0 or 1.
        error = 5 * np.sqrt(max(kurtosis - spread**2, 0) / SHOTS) + 25 * spread / SHOTS + 1e-9
        assert abs(variance - spread) <= error


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("name", SUMS)
def test_sums(name, batch):
    """The terms of a sum are measured each in its own basis, with its coefficient."""
    observable = SUMS[name]()
    (means,) = execute_tuple(
        mixed_device(seed=12), example_circuit(batch), [qml.expval(observable)], SHOTS
    )
    assert np.shape(means) == (() if batch is None else (batch,))
    for element, mean in enumerate(np.atleast_1d(means)):
        rho = exact_state(batch, element)
        # Estimates of terms that share shots may all err to the same side.
        spread = sum(
            abs(c) * np.sqrt(central_moment(rho, term, 2) / SHOTS)
            for c, term in zip(*observable.terms(), strict=True)
        )
        assert abs(mean - mean_of(rho, observable)) < 5 * spread


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("wires", [[0], [2, 3, 0], [0, 1, 2, 3]], ids=str)
def test_distributions(wires, batch):
    """Samples, counts and probabilities agree with the exact distribution of their wires."""
    measurements = [
        qml.sample(wires=wires),
        qml.counts(wires=wires, all_outcomes=True),
        qml.probs(wires=wires),
    ]
    results = execute_tuple(mixed_device(seed=13), example_circuit(batch), measurements, SHOTS)
    for element in range(batch or 1):
        bits, counts, probabilities = (
            results if batch is None else [result[element] for result in results]
        )
        assert bits.shape == (SHOTS, len(wires))
        outcomes = bits @ 2 ** np.arange(len(wires))[::-1]
        frequencies = np.bincount(outcomes, minlength=2 ** len(wires)) / SHOTS
        # They share their shots, so these are equal and not only alike.
        assert np.allclose(probabilities, frequencies, rtol=0, atol=1e-12)
        keys = [format(outcome, f"0{len(wires)}b") for outcome in range(2 ** len(wires))]
        assert np.allclose([counts[key] / SHOTS for key in keys], frequencies, rtol=0, atol=1e-12)
        expected = np.diag(qml.math.reduce_dm(exact_state(batch, element), wires)).real
        error = 5 * np.sqrt(abs(expected * (1 - expected)) / SHOTS) + 1e-9
        assert (abs(frequencies - expected) <= error).all()


@pytest.mark.parametrize("all_outcomes", [False, True])
def test_counts_of_rare_outcomes(all_outcomes):
    """Outcomes that never occur are listed on request only."""
    (counts,) = execute_tuple(
        mixed_device(2), [qml.X(1)], [qml.counts(wires=[0, 1], all_outcomes=all_outcomes)], 10
    )
    assert counts == ({"00": 0, "01": 10, "10": 0, "11": 0} if all_outcomes else {"01": 10})


def test_samples_of_an_observable():
    """Samples and counts of an observable are its eigenvalues."""
    observable = qml.Hermitian(WIDE, wires=[2, 1])
    measurements = [qml.sample(observable), qml.counts(observable), qml.probs(op=observable)]
    samples, counts, probabilities = execute_tuple(
        mixed_device(seed=14), example_circuit(), measurements, shots=SHOTS
    )
    values = np.linalg.eigvalsh(WIDE)
    assert np.allclose(np.unique(samples), values)
    assert np.allclose(sorted(counts), values)
    vectors = np.linalg.eigh(WIDE)[1]
    rotated = vectors.conj().T @ qml.math.reduce_dm(exact_state(), [2, 1]) @ vectors
    expected = np.diag(rotated).real
    error = 5 * np.sqrt(expected * (1 - expected) / SHOTS)
    frequencies = [np.isclose(samples, value).mean() for value in values]
    assert (abs(frequencies - expected) < error).all()
    assert (abs(np.array([counts[key] for key in sorted(counts)]) / SHOTS - expected) < error).all()
    assert (abs(probabilities - expected) < error).all()


def test_mid_circuit_values():
    """Mid-circuit values are sampled together with the final measurements."""

    @qml.set_shots(2000)
    @qml.qnode(mixed_device(2, seed=15))
    def circuit():
        qml.RY(1.0, wires=0)
        value = qml.measure(0)
        qml.cond(value, qml.X)(wires=1)
        return qml.sample(value), qml.sample(wires=[0, 1]), qml.expval(value), qml.counts(value)

    values, bits, mean, counts = circuit()
    assert np.array_equal(values, bits[:, 0])
    assert np.array_equal(values, bits[:, 1])
    assert mean == values.mean()
    assert counts[1] == values.sum()
    excited = np.sin(0.5) ** 2
    assert abs(mean - excited) < 5 * np.sqrt(excited * (1 - excited) / 2000)
