"""Sums and products that merge, against default.mixed: values, order of outcomes and shots."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from helpers.devices import mixed_device
from helpers.execution import execute_tuple

X, Y, Z = qml.X, qml.Y, qml.Z
SHOTS = 4000

OBSERVABLES = {
    "Z + Z": lambda: Z(0) + Z(0),
    "Z + Z / 2": lambda: Z(0) + 0.5 * Z(0),
    "Z - Z": lambda: Z(0) - Z(0),
    "Y + Y / 2": lambda: Y(0) + 0.5 * Y(0),
    "2 (X + X)": lambda: 2 * (X(0) + X(0)),
    "ZZ + ZZ": lambda: Z(0) @ Z(1) + Z(0) @ Z(1),
    "ZZ + ZZ in two orders": lambda: Z(1) @ Z(0) + Z(0) @ Z(1),
    "XX + XX": lambda: X(0) @ X(1) + X(0) @ X(1),
    "XY + XY": lambda: X(0) @ Y(1) + X(0) @ Y(1),
    "ZZZ + ZZZ": lambda: qml.prod(Z(0), Z(1), Z(2)) + qml.prod(Z(0), Z(1), Z(2)),
    "(Z + Z) Z": lambda: (Z(0) + Z(0)) @ Z(1),
    "(Z + Z) (X + X) Y": lambda: qml.prod(Z(0) + Z(0), X(1) + X(1), Y(2)),
    "XZ X": lambda: (X(0) @ Z(1)) @ X(0),
    "YYZ on one wire": lambda: Y(0) @ Y(0) @ Z(0),
    "XX on one wire": lambda: X(0) @ X(0),
    "Z + 1": lambda: Z(0) + qml.I(0),
    "1 + 1": lambda: qml.I(0) + qml.I(1),
    "Z + Z on two wires": lambda: Z(0) + Z(1),
    "Z + ZZ": lambda: Z(0) + Z(0) @ Z(1),
    "X + XY + Y": lambda: qml.sum(X(0), X(0) @ Y(1), Y(1)),
    "Z + 0 X": lambda: Z(0) + 0 * X(0),
    "Z + X": lambda: Z(0) + X(0),
    "-Z": lambda: -1 * Z(0),
    "H + H": lambda: qml.sum(qml.Hadamard(0), qml.Hadamard(0)),
    "H (Z + Z)": lambda: qml.Hadamard(0) @ (Z(1) + Z(1)),
    "P + P": lambda: qml.Projector([0], 0) + qml.Projector([0], 0),
    "Hamiltonian": lambda: qml.Hamiltonian([1, 1], [Z(0), Z(0)]),
    "Hamiltonian of words": lambda: qml.Hamiltonian([0.5, 1], [X(0) @ X(1), X(0) @ X(1)]),
}


@pytest.fixture
def operations():
    """A mixed state of three wires without symmetries."""
    return [
        qml.RX(0.3, 0),
        qml.RY(0.7, 1),
        qml.CNOT([0, 1]),
        qml.RY(0.4, 0),
        qml.AmplitudeDamping(0.2, 1),
        qml.Hadamard(2),
        qml.RX(0.5, 2),
        qml.IsingXY(0.8, [2, 0]),
    ]


def measurements(observable):
    """Of a Hamiltonian PennyLane has no probabilities."""
    processes = [qml.expval(observable), qml.var(observable)]
    if not isinstance(observable, qml.Hamiltonian):
        processes.append(qml.probs(op=observable))
    return processes


@pytest.mark.parametrize("name", OBSERVABLES)
def test_exact(name, operations):
    """Values, variances, and the order of probabilities are those of default.mixed."""
    processes = measurements(OBSERVABLES[name]())
    results = execute_tuple(mixed_device(3), operations, processes)
    expected = execute_tuple(qml.device("default.mixed", wires=3), operations, processes)
    for own, reference in zip(results, expected, strict=True):
        np.testing.assert_allclose(own, reference, rtol=0, atol=1e-10)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("name", OBSERVABLES)
def test_shots(name, batched, operations):
    """Samples, counts, means, variances and probabilities agree with default.mixed's exact ones."""
    observable = OBSERVABLES[name]()
    angles = [0.3, 1.9] if batched else [0.3]
    exact = [
        execute_tuple(
            qml.device("default.mixed", wires=3),
            [qml.RX(angle, 0), *operations[1:]],
            measurements(observable),
        )
        for angle in angles
    ]
    operations[0] = qml.RX(np.array(angles) if batched else 0.3, 0)
    processes = [qml.sample(observable), qml.counts(observable), *measurements(observable)]
    results = execute_tuple(mixed_device(3, seed=5), operations, processes, SHOTS)
    values = np.unique(np.round(np.real(observable.eigvals()), 9))
    span = values[-1] - values[0]
    error = 5 * span / 2 / np.sqrt(SHOTS) + 1e-9
    for element, (mean, variance, *probabilities) in enumerate(exact):
        samples, counts, sampled, spread, *frequencies = (
            [own[element] for own in results] if batched else results
        )
        assert samples.dtype == np.float64
        assert np.isin(np.round(samples, 9), values).all()
        assert abs(samples.mean() - mean) <= error
        assert sum(counts.values()) == SHOTS
        assert abs(sum(key * n for key, n in counts.items()) / SHOTS - mean) <= error
        # The terms of a sum that do not commute are measured apart.
        assert abs(sampled - mean) <= 2 * error
        assert abs(spread - variance) <= 2 * span * error + 1e-9
        for own, expected in zip(frequencies, probabilities, strict=True):
            assert (abs(own - expected) <= 5 * 0.5 / np.sqrt(SHOTS)).all()


COMMUTING = [
    *("Z + Z", "Y + Y / 2", "2 (X + X)", "ZZ + ZZ", "ZZZ + ZZZ", "(Z + Z) Z", "XZ X", "Z + ZZ"),
    *("(Z + Z) (X + X) Y", "Z + Z on two wires", "X + XY + Y", "-Z", "Z + 1", "Hamiltonian"),
    *("XX + XX", "XY + XY", "Hamiltonian of words"),
]


@pytest.mark.parametrize("name", COMMUTING)
def test_readout_error(name, operations):
    """Detectors read the letters of words that commute, however PennyLane numbers the outcomes: the
    mean of samples is that of the words, read one by one, and the variances agree."""
    observable = OBSERVABLES[name]()
    device = mixed_device(3, seed=6, readout_prob=(0.05, 0.3))
    mean, variance = execute_tuple(
        device, operations, [qml.expval(observable), qml.var(observable)]
    )
    words = 0
    for word, number in observable.pauli_rep.items():
        term = word.operation(wire_order=[0]) if not word else word.operation()
        words += np.real(number) * execute_tuple(device, operations, [qml.expval(term)])[0]
    assert abs(mean - words) < 1e-10
    samples, sampled, spread = execute_tuple(
        device,
        operations,
        [qml.sample(observable), qml.expval(observable), qml.var(observable)],
        SHOTS,
    )
    error = 5 * np.sqrt(max(variance, 0) / SHOTS) + 1e-9
    assert abs(samples.mean() - mean) <= error
    assert abs(sampled - mean) <= 2 * error
    assert abs(samples.var() - variance) <= 10 * error * abs(samples).max()
    assert abs(spread - variance) <= 10 * error * abs(samples).max()


def test_measurements_that_share_a_wire(operations):
    """Probabilities of an identity's wire are not read in the letter of another measurement."""
    processes = [
        qml.probs(op=Z(0) @ qml.I(1)),
        qml.expval(X(1)),
        qml.sample(Z(0) + Z(0)),
        qml.counts(Z(0)),
    ]
    probabilities, mean, doubled, counts = execute_tuple(
        mixed_device(3, seed=7), operations, processes, SHOTS
    )
    exact, exact_mean = execute_tuple(mixed_device(3), operations, processes[:2])
    assert (abs(probabilities - exact) < 5 * 0.5 / np.sqrt(SHOTS)).all()
    assert abs(mean - exact_mean) < 5 / np.sqrt(SHOTS)
    assert counts[1] == (doubled == 2).sum()  # they share their shots
