"""Results from shots: statistics, shapes, seeds, and which measurements share their shots.

Statistics are compared with the exact results of the same circuit to 5 standard errors, with fixed
seeds.
"""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import circuit_angles, example_circuit, noisy_circuit
from helpers.devices import mixed_device
from helpers.execution import execute, execute_tuple

SHOTS = 20_000
HERMITIAN = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
_square = np.random.default_rng(8).normal(size=(4, 4))
WIDE = _square + _square.T + 1j * (_square - _square.T)

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


@cache
def exact(batch=None, element=0):
    """The exact state, or the state of one element of a batch."""
    x = circuit_angles(batch)
    operations = noisy_circuit(x if batch is None else x[:, element])
    return execute_tuple(qml.device("default.mixed", wires=4), operations, [qml.state()])[0]


def spectrum(rho, observable):
    """Eigenvalues of an observable, and the probability of each."""
    matrix = qml.matrix(observable, wire_order=range(4))
    values, vectors = np.linalg.eigh(matrix)
    return values, np.einsum("ji,jk,ki->i", vectors.conj(), rho, vectors).real.clip(0)


def central_moment(rho, observable, order):
    values, distribution = spectrum(rho, observable)
    return distribution @ (values - distribution @ values) ** order


def mean_of(rho, observable):
    values, distribution = spectrum(rho, observable)
    return distribution @ values


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
        rho = exact(batch, element)
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
        rho = exact(batch, element)
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
        expected = np.diag(qml.math.reduce_dm(exact(batch, element), wires)).real
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
    rotated = vectors.conj().T @ qml.math.reduce_dm(exact(), [2, 1]) @ vectors
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


# --- shapes ---------------------------------------------------------------------------------------

SHAPED = {
    "expval": lambda: qml.expval(qml.Z(0)),
    "expval of a sum": lambda: qml.expval(qml.Z(0) + qml.X(1)),
    "var": lambda: qml.var(qml.X(1) @ qml.Y(0)),
    "probs": lambda: qml.probs(wires=[1, 2]),
    "sample": lambda: qml.sample(wires=[0, 2]),
    "sample of one wire": lambda: qml.sample(wires=0),
    "sample of an observable": lambda: qml.sample(qml.Y(1)),
    "all samples": lambda: qml.sample(),
    "counts": lambda: qml.counts(wires=[0]),
    "shadow": lambda: qml.classical_shadow(wires=[0, 2], seed=3),
    "shadow expval": lambda: qml.shadow_expval([qml.Z(0), qml.X(1)], seed=3),
}


def layout(result):
    """Nesting and shapes of a result."""
    if isinstance(result, (tuple, list)):
        return type(result), [layout(item) for item in result]
    return dict if isinstance(result, dict) else np.shape(result)


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("shots", [1, 7, (5, 7), [(4, 2), 3], (6,)], ids=str)
@pytest.mark.parametrize("names", [*([name] for name in SHAPED), list(SHAPED)], ids="+".join)
def test_shapes(names, shots, batch):
    """Results have PennyLane's shapes: one for each part of the shot vector, alone
    if it is the only measurement, with the batch in front.
    """
    if batch is not None:  # default.qubit has no broadcast shadows to compare with
        names = [name for name in names if not name.startswith("shadow")] or ["expval"]
    x = 0.3 if batch is None else np.linspace(0.1, 1, batch)
    operations = [qml.RX(x, wires=0), qml.CNOT(wires=[0, 1]), qml.RY(x, wires=2)]
    tape = qml.tape.QuantumScript(operations, [SHAPED[name]() for name in names], shots=shots)
    results = [
        qml.execute([tape], device, diff_method=None)[0]
        for device in (mixed_device(3), qml.device("default.qubit", wires=3))
    ]
    assert layout(results[0]) == layout(results[1])


@pytest.mark.parametrize("shots", [1, 7, (5, 7)], ids=str)
@pytest.mark.parametrize("name", SHAPED)
def test_batch_of_one(name, shots):
    """A batch of length 1, such as the last few of a data set, keeps its axis.
    (In PennyLane 0.45 default.qubit loses it.)
    """
    operations = [qml.RX(np.array([0.3]), wires=0), qml.CNOT(wires=[0, 1])]
    result = execute_tuple(mixed_device(3), operations, [SHAPED[name]()], shots)
    parts = result if isinstance(shots, tuple) else [result[0]]
    for part, number in zip(parts, np.atleast_1d(shots), strict=True):
        if name == "counts":
            assert isinstance(part, list)
            assert sum(part[0].values()) == number
            continue
        if name.startswith("shadow"):
            expected = (2, number, 2) if name == "shadow" else (2,)
        else:
            expected = SHAPED[name]().shape(int(number), 3)
        assert np.shape(part) == (1, *expected)


def test_parts_of_a_shot_vector_are_different_shots():
    """The parts of a shot vector are drawn independently."""
    device = mixed_device(seed=16)
    parts = execute_tuple(
        device, example_circuit(), [qml.sample(wires=[0, 1, 2])], shots=[(200, 3)]
    )
    assert all(part.shape == (200, 3) for part in parts)
    assert not np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[1], parts[2])


def test_elements_of_a_batch_are_different_shots():
    """The elements of a batch are drawn independently."""
    operations = [qml.RX(np.full(2, np.pi / 2), wires=0)]
    (samples,) = execute_tuple(
        mixed_device(1, seed=17), operations, [qml.sample(wires=0)], shots=200
    )
    assert not np.array_equal(samples[0], samples[1])


# --- which measurements share their shots ---------------------------------------------------------


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize(
    "words",
    [
        (qml.Z(0), qml.Z(1), qml.Z(0) @ qml.Z(1)),
        (qml.X(0), qml.Y(2), qml.X(0) @ qml.Y(2)),
        (qml.X(0) @ qml.Z(1), qml.Y(2), qml.Y(2) @ qml.Z(1) @ qml.X(0)),
    ],
    ids=str,
)
def test_commuting_words_share_their_shots(words, batch):
    """A product of commuting words is the product of its factors, shot by shot."""
    measurements = [qml.sample(word) for word in words]
    first, second, product = execute_tuple(
        mixed_device(seed=18), example_circuit(batch), measurements, 500
    )
    assert np.array_equal(first * second, product)
    assert len(np.unique(product)) == 2


def test_words_share_their_shots_within_a_crowd():
    """Commuting words share their shots also where other measurements lie in between."""
    measurements = [
        qml.sample(qml.Z(0)),
        qml.sample(qml.X(0) @ qml.X(1)),
        qml.expval(qml.Hermitian(WIDE, wires=[0, 1])),
        qml.sample(qml.Z(1)),
        qml.probs(wires=[0]),
        qml.expval(qml.Z(0) @ qml.Z(1)),
        qml.counts(qml.Z(0) @ qml.Z(1)),
        qml.expval(qml.X(1) @ qml.X(0)),
    ]
    z0, xx, _, z1, probabilities, zz, counts, mean_xx = execute_tuple(
        mixed_device(seed=19), example_circuit(), measurements, 500
    )
    assert zz == (z0 * z1).mean()
    assert counts == {-1: (z0 * z1 == -1).sum(), 1: (z0 * z1 == 1).sum()}
    assert mean_xx == xx.mean()
    assert probabilities.shape == (2,)


# --- shadows --------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [None, 1, 3])
def test_shadow_statistics(batch):
    """The bits of a shadow follow the distribution of their recipes."""
    words = [qml.X(0), qml.Y(2), qml.Z(1) @ qml.X(0), qml.Y(2) @ qml.Z(0)]
    (shadows,) = execute_tuple(
        mixed_device(seed=20),
        example_circuit(batch),
        [qml.classical_shadow([2, 0, 1], seed=4)],
        SHOTS,
    )
    assert shadows.shape == (() if batch is None else (batch,)) + (2, SHOTS, 3)
    for element in range(batch or 1):
        bits, recipes = shadows if batch is None else shadows[element]
        assert bits.dtype == recipes.dtype == np.int8  # so that 1 - 2 * bits is a sign
        assert set(np.unique(1 - 2 * bits)) == {-1, 1}
        assert set(np.unique(bits)) == {0, 1}
        assert set(np.unique(recipes)) == {0, 1, 2}
        shadow = qml.ClassicalShadow(bits, recipes, wire_map=[2, 0, 1])
        for word in words:
            error = 5 * np.sqrt(3 ** len(word.wires) / SHOTS)
            assert abs(shadow.expval(word) - mean_of(exact(batch, element), word)) < error


@pytest.mark.parametrize("batch", [None, 3])
def test_shadow_expectation(batch):
    """Expectation values from shadows agree with exact ones, element by element."""
    words = [qml.X(0), qml.Z(1) @ qml.X(0), qml.Y(2) @ qml.Z(0)]
    hamiltonian = qml.Hamiltonian([0.5, -0.3], words[1:])
    several, single = execute_tuple(
        mixed_device(seed=21),
        example_circuit(batch),
        [qml.shadow_expval(words, seed=5), qml.shadow_expval(hamiltonian, k=3, seed=6)],
        SHOTS,
    )
    axis = () if batch is None else (batch,)
    assert np.shape(several) == (*axis, 3)
    assert np.shape(single) == axis
    for element in range(batch or 1):
        rho = exact(batch, element)
        for word, value in zip(words, several.reshape(-1, 3)[element], strict=True):
            assert abs(value - mean_of(rho, word)) < 5 * np.sqrt(3 ** len(word.wires) / SHOTS)
        # A median of three means is a little wider than their common mean.
        error = 5 * 0.8 * np.sqrt(9 / (SHOTS / 3))
        assert abs(np.ravel(single)[element] - mean_of(rho, hamiltonian)) < error


def test_shadow_recipes_are_pennylanes():
    """A seed gives the recipes that PennyLane's own devices give."""
    operations = [qml.Hadamard(0), qml.CNOT(wires=[0, 1])]
    devices = mixed_device(2), qml.device("default.qubit", wires=2)
    recipes = [
        execute_tuple(device, operations, [qml.classical_shadow([0, 1], seed=9)], 50)[0][1]
        for device in devices
    ]
    assert np.array_equal(*recipes)


def test_shadow_seeds():
    """Equal seeds give equal shadows, and different seeds different ones."""

    def shadow(device_seed, seed):
        device = mixed_device(seed=device_seed)
        return execute_tuple(
            device, example_circuit(), [qml.classical_shadow([0, 1], seed=seed)], 100
        )[0]

    assert np.array_equal(shadow(1, 2), shadow(1, 2))
    assert np.array_equal(shadow(1, 2)[1], shadow(5, 2)[1])
    assert not np.array_equal(shadow(1, 2)[0], shadow(5, 2)[0])
    assert not np.array_equal(shadow(1, 2)[1], shadow(1, 3)[1])


# --- seeds ----------------------------------------------------------------------------------------

SEEDS = {
    "integer": lambda: 42,
    "numpy integer": lambda: np.int64(42),
    "sequence": lambda: [1, 2, 3],
    "array": lambda: np.array([1, 2, 3]),
    "SeedSequence": lambda: np.random.SeedSequence(42),
    "BitGenerator": lambda: np.random.PCG64(42),
    "Generator": lambda: np.random.default_rng(42),
    "JAX key": lambda: jax.random.PRNGKey(42),
}


def draw(device):
    """Samples of a fixed circuit from a device."""
    return execute(device, example_circuit(), [qml.sample()], shots=100)


@pytest.mark.parametrize("kind", SEEDS)
def test_equal_seeds(kind):
    """Equal seeds give equal sequences of samples, and each call draws new ones."""
    first, second = (mixed_device(seed=SEEDS[kind]()) for _ in range(2))
    samples = draw(first)
    assert np.array_equal(samples, draw(second))
    again = draw(first)
    assert not np.array_equal(samples, again)
    assert np.array_equal(again, draw(second))


def test_different_seeds():
    """Different seeds give different samples."""
    seeds = [*(SEEDS[kind]() for kind in ("integer", "sequence", "JAX key")), 43]
    samples = [draw(mixed_device(seed=seed)).tobytes() for seed in seeds]
    assert len(set(samples)) == len(samples)


def test_global_seed():
    """``np.random.seed`` makes a program reproducible, as it does in PennyLane."""

    def samples(global_seed, **options):
        np.random.seed(global_seed)  # noqa: NPY002
        return draw(mixed_device(**options))

    assert np.array_equal(samples(7), samples(7, seed="global"))
    assert not np.array_equal(samples(7), samples(8))


def test_no_seed():
    """Two devices without a seed give different samples."""
    np.random.seed(7)  # noqa: NPY002
    first = draw(mixed_device(seed=None))
    np.random.seed(7)  # noqa: NPY002
    assert not np.array_equal(first, draw(mixed_device(seed=None)))


def test_generator_is_shared():
    """Devices with one generator draw from it in turn."""
    generator = np.random.default_rng(3)
    first, second = mixed_device(seed=generator), mixed_device(seed=generator)
    assert not np.array_equal(draw(first), draw(second))


def test_jax_key_statistics():
    """Samples from a JAX key follow the exact distribution."""
    device = mixed_device(seed=jax.random.PRNGKey(5))
    (probabilities,) = execute_tuple(device, example_circuit(), [qml.probs(wires=range(4))], SHOTS)
    expected = np.diag(exact()).real.clip(0)
    assert (abs(probabilities - expected) <= 5 * np.sqrt(expected / SHOTS)).all()


def test_seed_is_not_used_up_by_exact_runs():
    """Exact runs in between do not change a program's samples."""
    first, second = mixed_device(seed=2), mixed_device(seed=2)
    execute_tuple(first, example_circuit(), [qml.expval(qml.Z(0))])
    assert np.array_equal(draw(first), draw(second))


def test_single_precision():
    """Sampled probabilities in single precision add up to 1 and follow the distribution."""
    device = mixed_device(seed=23, r_dtype="float32")
    (probabilities,) = execute_tuple(device, example_circuit(), [qml.probs(wires=range(4))], SHOTS)
    assert abs(probabilities.sum() - 1) < 1e-6
    expected = np.diag(exact()).real.clip(0)
    assert (abs(probabilities - expected) <= 5 * np.sqrt(expected / SHOTS) + 1e-6).all()


FLOATS = {
    "expval": lambda: qml.expval(qml.Z(0)),
    "expval of a sum": lambda: qml.expval(qml.Z(0) + 0.5 * qml.X(1)),
    "expval of a matrix": lambda: qml.expval(qml.Hermitian(HERMITIAN, 0)),
    "var": lambda: qml.var(qml.Z(0)),
    "probs": lambda: qml.probs(wires=[0, 1]),
    "sample": lambda: qml.sample(qml.Z(0) @ qml.X(1)),
    "sample of a sum": lambda: qml.sample(qml.Z(0) + 0.3 * qml.Z(0) @ qml.Z(1)),
    "shadow": lambda: qml.shadow_expval([qml.Z(0), qml.X(1)], seed=1),
}


@pytest.mark.parametrize("interface", [None, "torch"])
@pytest.mark.parametrize("readout_prob", [None, 0.1])
@pytest.mark.parametrize("shots", [7, (5, 7)], ids=str)
@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize(("r_dtype", "name"), [("float32", "float32"), (None, "float64")])
def test_dtype(r_dtype, name, batch, shots, readout_prob, interface):
    """Results from shots have the precision of the device; bits and dtypes asked for stay."""
    device = mixed_device(2, seed=24, r_dtype=r_dtype, readout_prob=readout_prob)

    @qml.set_shots(shots)
    @qml.qnode(device, interface=interface)
    def circuit():
        qml.RX(0.3 if batch is None else np.full(batch, 0.3), 0)
        floats = [make() for make in FLOATS.values()]
        return *floats, qml.sample(wires=0), qml.sample(qml.Z(0), dtype="int16")

    results = circuit()
    for part in [results] if isinstance(shots, int) else results:
        *floats, bits, short = part
        assert {str(own.dtype).removeprefix("torch.") for own in floats} == {name}
        assert str(bits.dtype).endswith("int64")
        assert str(short.dtype).endswith("int16")


@pytest.mark.parametrize("shots", [None, 10, (5, 5)], ids=str)
@pytest.mark.parametrize("batch", [None, 3])
def test_no_measurements(batch, shots):
    """A tape without measurements has an empty result, as on default.mixed."""
    x = 0.3 if batch is None else np.full(batch, 0.3)
    tape = qml.tape.QuantumScript([qml.RX(x, 0)], [], shots=shots)
    for device in (mixed_device(1), qml.device("default.mixed", wires=1)):
        assert qml.execute([tape], device, diff_method=None) == ((),)


@pytest.mark.parametrize("shots", [None, 10, (5, 6)], ids=str)
def test_identities_split_into_single_terms(shots):
    """`split_to_single_terms` leaves no measurement of identities, which must not matter."""
    results = []
    for device in (mixed_device(1), qml.device("default.mixed", wires=1)):

        @qml.transforms.split_to_single_terms
        @qml.set_shots(shots)
        @qml.qnode(device)
        def circuit():
            qml.RX(0.3, 0)
            return qml.expval(qml.Identity(0) + 2 * qml.Identity(0))

        results.append(circuit())
    np.testing.assert_allclose(*results)
