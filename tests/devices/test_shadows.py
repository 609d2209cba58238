"""Classical shadows: their statistics, recipes and seeds."""

import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import example_circuit
from helpers.devices import mixed_device
from helpers.exact_statistics import SHOTS, exact_state, mean_of
from helpers.execution import execute_tuple


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
            assert abs(shadow.expval(word) - mean_of(exact_state(batch, element), word)) < error


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
        rho = exact_state(batch, element)
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
