"""Results from shots: which measurements share them, and what PennyLane makes of the samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import circuit_angles, noisy_circuit
from helpers.execution import execute
from pennylane.tape import QuantumScript
from pennylane.wires import Wires

from pennylane_qizgloria.engines.config import SimulationConfig
from pennylane_qizgloria.engines.sampling import result_of
from pennylane_qizgloria.engines.simulation import simulate
from pennylane_qizgloria.lowering.measurements.eigenbasis import eigenbasis
from pennylane_qizgloria.lowering.measurements.readout import confusion_model
from pennylane_qizgloria.pauli import memory

X, Y, Z = qml.X, qml.Y, qml.Z
HERMITIAN = np.array([[0.3, 1 - 1j], [1 + 1j, -0.4]])
SHOTS = 20_000


class Counting:
    """Random numbers, and how many arrays of them have been asked for."""

    def __init__(self, seed=0):
        self.generator = np.random.default_rng(seed)
        self.calls = 0

    def random(self, size):
        self.calls += 1
        return self.generator.random(size)


def sampled(measurements, shots=SHOTS, x=None, random=None, **options):
    config = SimulationConfig(torch.float64, None, random or Counting(), as_torch=False)
    x = circuit_angles() if x is None else x
    tape = QuantumScript(noisy_circuit(x), measurements, shots=shots)
    return simulate(tape, replace(config, **options))


def exact(measurements, x=None):
    x = circuit_angles() if x is None else x
    return execute(qml.device("default.mixed", wires=4), noisy_circuit(x), measurements)


# --- sharing shots --------------------------------------------------------------------------------


SHARED = {
    "computational basis": ([qml.sample(wires=[0]), qml.probs(wires=[1, 0]), qml.counts()], 1),
    "commuting words": ([qml.expval(Z(0)), qml.var(Z(0) @ X(1)), qml.sample(X(1))], 1),
    "words that do not commute": ([qml.expval(Z(0)), qml.expval(X(0))], 2),
    "words and the computational basis": ([qml.probs(wires=[0]), qml.expval(Z(0))], 2),
    "terms of a sum": ([qml.expval(Z(0) + X(1) + Y(2))], 1),
    "terms that do not commute": ([qml.expval(Z(0) + X(0) + Z(0) @ Z(1))], 2),
    "terms of two sums": ([qml.expval(Z(0) + X(1)), qml.expval(Z(0) - 2 * X(1))], 1),
    "matrices": (
        [qml.expval(qml.Hermitian(HERMITIAN, 0)), qml.var(qml.Hermitian(HERMITIAN, 0))],
        2,
    ),
    "constants": ([qml.expval(qml.I(0) + 2 * Z(0))], 1),
}


@pytest.mark.parametrize("name", SHARED)
def test_sharing(name):
    """Measurements that one basis serves are drawn together, and the others one by one."""
    measurements, expected = SHARED[name]
    random = Counting()
    sampled(measurements, 10, random=random)
    assert random.calls == expected


def test_all_measurements_in_one_tape():
    """Results are in the order of the measurements, whichever of them share shots."""
    measurements = [
        qml.expval(Z(0)),
        qml.probs(wires=[0, 1]),
        qml.expval(qml.Hermitian(HERMITIAN, 1)),
        qml.var(X(0) @ Y(1)),
        qml.expval(0.5 * X(2) - Z(0) @ Z(1) + 0.25 * qml.I(0)),
        qml.expval(Y(2)),
    ]
    for own, theirs in zip(sampled(measurements), exact(measurements), strict=True):
        np.testing.assert_allclose(own, theirs, atol=5 * 2 / np.sqrt(SHOTS))


def test_shared_shots_agree_shot_by_shot():
    """Samples that are read in one basis belong to the same shots."""
    first, second, product = sampled([qml.sample(Z(0)), qml.sample(X(1)), qml.sample(Z(0) @ X(1))])
    assert np.array_equal(first * second, product)


def test_constants_need_no_shots():
    """A multiple of the identity is its coefficient, exactly."""
    assert sampled([qml.expval(qml.s_prod(2.5, qml.I(0)) + qml.s_prod(-1.0, qml.I(1)))], 3) == 1.5


def test_no_measurements():
    """Without measurements there are no results, for a shot vector neither."""
    assert sampled([], 10) == ()
    assert sampled([], (10, 20)) == ()


# --- parts, batches, precision --------------------------------------------------------------------


@pytest.mark.parametrize("shots", [7, (7,), (3, 7), [(5, 2), 4]], ids=str)
@pytest.mark.parametrize("batch", [None, 2, 1])
def test_shapes(shots, batch):
    """Parts of the shot vector come first, then the measurements, then the batch."""
    x = circuit_angles(batch)
    found = sampled([qml.sample(wires=[0, 1]), qml.expval(Z(0) + X(1))], shots, x)
    sizes = list(qml.measurements.Shots(shots))
    parts = found if len(sizes) > 1 else (found,)
    axis = () if batch is None else (batch,)
    for part, size in zip(parts, sizes, strict=True):
        bits, mean = part
        assert np.shape(bits) == (*axis, size, 2)
        assert np.shape(mean) == axis


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision(dtype):
    """Means are in the precision of the simulation, and samples in that which is asked for."""
    measurements = [
        qml.expval(Z(0) + X(1)),
        qml.probs(wires=[0]),
        qml.sample(wires=[0], dtype="int8"),
        qml.counts(wires=[0]),
    ]
    mean, probabilities, bits, counts = sampled(measurements, 10, dtype=getattr(torch, dtype))
    assert mean.dtype == probabilities.dtype == dtype
    assert bits.dtype == np.int8
    assert all(isinstance(number, int | np.integer) for number in counts.values())


def test_readout_error():
    """Shots have the readout error of their wires, in every basis."""
    confusion = confusion_model((0.1, 0.3), None)
    measurements = [qml.expval(X(0)), qml.probs(wires=[1])]
    mean, probabilities = sampled(measurements, confusion=confusion)
    exact_mean, exact_probabilities = exact(measurements)
    tolerance = 5 / np.sqrt(SHOTS)
    assert abs(mean - (0.6 * exact_mean + 0.2)) < tolerance
    expected = exact_probabilities @ [[0.9, 0.1], [0.3, 0.7]]
    np.testing.assert_allclose(probabilities, expected, atol=tolerance)


# --- results of samples ---------------------------------------------------------------------------


PROCESSES = {
    "bits": lambda: qml.sample(wires=[2, 0]),
    "probabilities": lambda: qml.probs(wires=[2, 0]),
    "counts": lambda: qml.counts(wires=[2, 0], all_outcomes=True),
    "values of a word": lambda: qml.sample(Z(0) @ X(2)),
    "counts of a word": lambda: qml.counts(Z(0) @ X(2)),
    "mean of a word": lambda: qml.expval(2.5 * (Z(0) @ X(2))),
    "variance of a word": lambda: qml.var(-2.0 * Z(2)),
    "values of a matrix": lambda: qml.sample(qml.Hermitian(HERMITIAN, 2)),
    "variance of a matrix": lambda: qml.var(qml.Hermitian(HERMITIAN, 2)),
    "mean of a sum": lambda: qml.expval(Z(0) + 0.5 * X(2)),
    "variance of a sum": lambda: qml.var(Z(0) + 0.5 * X(2)),
}


def shots_of(*shape):
    return np.random.default_rng(4).integers(0, 2, (*shape, 4))


@pytest.mark.parametrize("name", PROCESSES)
def test_results_are_pennylanes(name):
    """A result from samples is the one that PennyLane's own process makes of them."""
    process, samples, labels = PROCESSES[name](), shots_of(50), Wires([3, 0, 2, 1])
    found = result_of(process, eigenbasis(process), samples, labels)
    expected = process.process_samples(samples, labels)
    if isinstance(expected, dict):
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("batch", [1, 3])
def test_batches_of_results(name, batch):
    """Each element of a batch has its own result, a batch of one included."""
    process, samples, labels = PROCESSES[name](), shots_of(batch, 50), Wires([3, 0, 2, 1])
    found = result_of(process, eigenbasis(process), samples, labels)
    single = [result_of(process, eigenbasis(process), own, labels) for own in samples]
    assert len(found) == batch
    for own, theirs in zip(found, single, strict=True):
        if isinstance(theirs, dict):
            assert {key: own.get(key, 0) for key in own | theirs} == {
                key: theirs.get(key, 0) for key in own | theirs
            }
        else:
            np.testing.assert_allclose(own, theirs, atol=1e-12)


def test_long_words_are_read_by_parity():
    """A word of 40 letters needs no list of its eigenvalues."""
    word = qml.prod(*(Z(wire) for wire in range(40)))
    bits = np.random.default_rng(5).integers(0, 2, (30, 40))
    process = qml.expval(3 * word)
    found = result_of(process, eigenbasis(process), bits, Wires(range(40)))
    assert found == pytest.approx(3 * np.mean((-1) ** bits.sum(1)))


def test_complex_eigenvalues_are_real():
    """Products on equal wires, whose eigenvalues PennyLane finds complex, give real results."""
    observable = qml.prod(X(0), Z(0)) + qml.prod(Z(0), X(0)) + Z(0)
    process = qml.sample(observable)
    found = result_of(process, eigenbasis(process), shots_of(20), Wires([0, 1, 2, 3]))
    assert not np.iscomplexobj(found)


def test_too_many_outcomes_are_refused(monkeypatch):
    """Probabilities of more outcomes than fit into memory are refused."""
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2**20)
    wires = list(range(30))
    bits = np.zeros((5, 30), dtype=int)
    for process in (qml.probs(wires=wires), qml.counts(wires=wires, all_outcomes=True)):
        with pytest.raises(MemoryError):
            result_of(process, eigenbasis(process), bits, Wires(wires))
    process = qml.counts(wires=wires)
    assert result_of(process, eigenbasis(process), bits, Wires(wires)) == {"0" * 30: 5}


# --- shadows --------------------------------------------------------------------------------------


def test_shadows_follow_the_state():
    """Expectation values from shadows agree with exact ones, with PennyLane's recipes."""
    words = [Z(0), X(0) @ Y(1)]
    found = sampled([qml.shadow_expval(words, seed=3)])
    means = exact([qml.expval(word) for word in words])
    np.testing.assert_allclose(found, means, atol=5 * 3 / np.sqrt(SHOTS))
    (shadow,) = [sampled([qml.classical_shadow([0, 1], seed=3)], 5)]
    assert np.array_equal(shadow[1], np.random.RandomState(3).randint(0, 3, (5, 2)))
