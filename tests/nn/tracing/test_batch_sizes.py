"""Which sizes of a batch a trace serves."""

import pennylane as qml
import pytest
import torch
from helpers.layers import (
    assert_layers_agree,
    layer_pair,
    random_inputs,
    rotated,
    shrink_weights,
    trace_counts,
)

SHAPES = {"weights": (1, 2, 3)}

N = 2


def test_one_trace_serves_every_batch_size(patient):
    """Calls of all sizes count together, and what is traced of them gives the right results."""
    layers = layer_pair(rotated, SHAPES)
    for batch in range(1, 21):
        assert_layers_agree(*layers, random_inputs(batch, N))
        shrink_weights(layers)
    assert layers[0].is_traced
    assert trace_counts(layers[0]) == [1]


def other_gates(inputs, weights):
    """Another structure for large batches."""
    qml.AngleEmbedding(inputs, wires=range(N))
    qml.Rot(*weights[0, 0], wires=0)
    if len(inputs) > 4:
        qml.CNOT([0, 1])
    return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]


def other_numbers(inputs, weights):
    """Other numbers for large batches."""
    qml.AngleEmbedding(inputs * min(3, len(inputs)), wires=range(N))
    qml.Rot(*weights[0, 0], wires=1)
    return qml.expval(qml.Z(0) @ qml.X(1))


def other_gradients(inputs, weights):
    """Gradients for small batches only."""
    qml.AngleEmbedding(inputs if len(inputs) < 5 else inputs.detach(), wires=range(N))
    qml.Rot(*weights[0, 0], wires=1)
    return qml.expval(qml.Z(0) @ qml.X(1))


def together(inputs, weights):
    """Elements that depend on one another."""
    qml.AngleEmbedding(inputs - inputs.mean(0), wires=range(N))
    qml.Rot(*weights[0, 0], wires=1)
    return qml.expval(qml.Z(0) @ qml.X(1))


def other_measurements(inputs, weights):
    """Other observables for large batches."""
    qml.AngleEmbedding(inputs, wires=range(N))
    qml.Rot(*weights[0, 0], wires=1)
    return qml.expval(qml.Z(0) if len(inputs) < 5 else qml.X(1))


@pytest.mark.parametrize(
    "circuit", [other_gates, other_numbers, other_gradients, together, other_measurements]
)
def test_circuits_that_depend_on_the_batch_size(circuit):
    """Sizes for which a circuit is another one have traces of their own, with their results."""
    layers = layer_pair(circuit, SHAPES)
    for _ in range(3):
        for batch in (2, 3, 6, 7, 2):
            assert_layers_agree(*layers, random_inputs(batch, N))
        shrink_weights(layers)
    assert layers[0].is_traced
    assert len(trace_counts(layers[0])) > 1


LUCKY = {
    "relu": (lambda x: torch.relu(x - 1 / len(x)), [[0.4]] * 7, [[-0.5], [-0.7]], [[0.9], [0.8]]),
    "rows": (lambda x: torch.minimum(x, x[:1] + 1), [[0.3]], [[0.2], [0.5]], [[0.0], [3.0]]),
    "zeros": (lambda x: x**2 * len(x), [[0.4]] * 7, [[0.0], [0.0]], [[1.0], [2.0]]),
    "flipped": (lambda x: x.flip(0), [[0.4]], [[1.0], [1.0]], [[0.0], [2.0]]),
}


@pytest.mark.parametrize("name", LUCKY)
def test_numbers_do_not_tell_whether_sizes_are_alike(name):
    """Another size is not taken for alike because its first numbers happen to give the same."""
    change, *batches = LUCKY[name]

    def circuit(inputs, weights):
        qml.RX(change(inputs)[:, 0], wires=0)
        qml.Rot(*weights[0, 0], wires=1)
        return qml.expval(qml.Z(0))

    layers = layer_pair(circuit, SHAPES)
    for batch in batches:
        for _ in range(3):
            assert_layers_agree(*layers, torch.tensor(batch, dtype=torch.float64))


def test_traces_of_other_states_do_not_serve_other_sizes():
    """Where a structure has several traces, one that is not for a size makes way for others."""
    state = {"mean": False}

    def circuit(inputs, weights):
        if state["mean"]:
            qml.RX((inputs + inputs.mean(0))[:, 0], wires=0)
        else:
            qml.RX(inputs[:, 0], wires=0)
            if len(inputs) == 5:
                qml.RZ(0.3, wires=0)
        qml.RY(weights[0, 0, 0], wires=0)
        return qml.expval(qml.X(0))

    layers = layer_pair(circuit, SHAPES)
    for mean, size in ((0, 7), (0, 9), (1, 7), (0, 5), (1, 9), (0, 9), (1, 5), (0, 7)):
        state["mean"] = bool(mean)
        for _ in range(3):
            assert_layers_agree(*layers, random_inputs(size, N))
