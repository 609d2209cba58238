"""Seeds: which programs draw equal samples."""

import jax
import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import example_circuit
from helpers.devices import mixed_device
from helpers.exact_statistics import SHOTS, exact_state
from helpers.execution import execute, execute_tuple

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
    expected = np.diag(exact_state()).real.clip(0)
    assert (abs(probabilities - expected) <= 5 * np.sqrt(expected / SHOTS)).all()


def test_seed_is_not_used_up_by_exact_runs():
    """Exact runs in between do not change a program's samples."""
    first, second = mixed_device(seed=2), mixed_device(seed=2)
    execute_tuple(first, example_circuit(), [qml.expval(qml.Z(0))])
    assert np.array_equal(draw(first), draw(second))
