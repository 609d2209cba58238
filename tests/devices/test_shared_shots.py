"""Which measurements share their shots."""

import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import example_circuit
from helpers.devices import mixed_device
from helpers.execution import execute_tuple
from helpers.observables import WIDE


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
