"""Modules on twins, and the same modules on the backends."""

import copy
import pickle

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit

from pennylane_qizgloria.nn.circuit import TorchCircuit
from pennylane_qizgloria.nn.layer import TorchLayer

WIRES = 3


def twin(**options):
    return qml.device(
        "qizgloria.mixed", wires=WIRES, noise_model="fake_manila", seed_transpiler=1, **options
    )


def backend():
    return qml.device(
        "qizgloria.qiskit", wires=WIRES, backend="fake_manila", seed=3, seed_transpiler=1
    )


def layer_on(device):
    @qml.qnode(device)
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(WIRES))
        qml.StronglyEntanglingLayers(weights, wires=range(WIRES))
        return [qml.expval(qml.Z(wire)) for wire in range(WIRES)]

    torch.manual_seed(1)
    return TorchLayer(circuit, {"weights": (2, WIRES, 3)})


def circuit_on(device, options):
    x, w = ParameterVector("x", 2), ParameterVector("w", 3)
    circuit = QuantumCircuit(WIRES)
    for qubit in range(2):
        circuit.ry(x[qubit], qubit)
    for qubit in range(WIRES):
        circuit.rx(w[qubit], qubit)
    circuit.cx(0, 1)
    circuit.cx(1, 2)
    return TorchCircuit(
        circuit, x, w, ["IIZ", "ZZI"], quantum_device=device, device_options=options, seed=1
    )


def trained(module, inputs, steps=20):
    optimiser = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(steps):
        optimiser.zero_grad()
        module(inputs).square().mean().backward()
        optimiser.step()
    return module


def test_a_layer_moves_to_the_backend():
    """Trained on the twin, traced, the layer has the twin's values on the backend, within shots."""
    layer, inputs = layer_on(twin()), torch.rand(2, WIRES)
    trained(layer, inputs)
    assert layer.is_traced
    moved = layer.to_device(backend(), shots=20000)
    assert moved.weights is layer.weights
    found, expected = moved(inputs).detach(), layer(inputs).detach()
    assert (found - expected).abs().max() < 5 / 20000**0.5
    ideal = layer.to_device(qml.device("qizgloria.mixed", wires=WIRES))(inputs).detach()
    assert (ideal - expected).abs().max() > 0.01
    assert layer.qnode.device.name == "qizgloria.mixed"
    torch.testing.assert_close(layer(inputs).detach(), expected)


def test_a_circuit_moves_to_the_backend():
    """The same for a Qiskit circuit."""
    module = circuit_on("qizgloria.mixed", {"noise_model": "fake_manila", "seed_transpiler": 1})
    inputs = torch.rand(2, 2)
    trained(module, inputs)
    options = {"backend": "fake_manila", "seed": 1, "seed_transpiler": 1}
    moved = module.to_device("qizgloria.qiskit", options, shots=20000)
    assert moved.weight is module.weight
    difference = moved(inputs).detach() - module(inputs).detach()
    assert difference.abs().max() < 5 / 20000**0.5
    assert module.device.name == "qizgloria.mixed"
    assert "shots=20000" in repr(moved)


def test_a_trained_scale_in_a_traced_layer():
    """A tensor that scales the noise has a gradient through traces, and is followed."""
    scale = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    layer, inputs = layer_on(twin(noise_scale=scale)), torch.rand(4, WIRES)
    for _ in range(30):
        layer(inputs)
    assert layer.is_traced
    layer(inputs).sum().backward()
    step = 1e-3
    values = [
        layer.to_device(twin(noise_scale=0.5 + sign * step))(inputs).double().sum().item()
        for sign in (1, -1)
    ]
    assert scale.grad.item() == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-2)
    with torch.no_grad():
        scale.mul_(2)
    expected = layer.to_device(twin(noise_scale=1.0))(inputs).detach()
    torch.testing.assert_close(layer(inputs).detach(), expected)
    with torch.no_grad():
        scale.neg_()
    with pytest.raises(ValueError, match=r"noise_scale must be at least 0, and finite, got -1\.0"):
        layer(inputs)


def test_a_scale_that_is_set():
    """A trace does not serve another scale than its own."""
    device = twin()
    layer, inputs = layer_on(device), torch.rand(4, WIRES)
    for _ in range(30):
        layer(inputs)
    assert layer.is_traced
    for scale in (0.0, 2.0):
        device.noise_scale = scale
        expected = layer.to_device(twin(noise_scale=scale))(inputs).detach()
        torch.testing.assert_close(layer(inputs).detach(), expected)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_twins_are_copied(again):
    """Copies and pickles of a twin compile circuits alike, and have the same noise."""
    device = twin(noise_scale=1.5)
    qnodes = [
        qml.QNode(lambda: [qml.X(0), qml.CNOT([0, 2]), qml.probs(wires=range(3))][-1], own)
        for own in (device, again(device))
    ]
    np.testing.assert_array_equal(*[qnode() for qnode in qnodes])


def test_other_devices_are_refused():
    """A torch device is no quantum device."""
    with pytest.raises(TypeError, match="a device of PennyLane's"):
        layer_on(twin()).to_device("cpu")
