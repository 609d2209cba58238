"""Layers follow the QNode itself: its function, its device, tensors to train, the default dtype."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.impure_circuits import layer_of, measured
from helpers.layers import random_inputs
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit

from pennylane_qizgloria import TorchCircuit, TorchLayer


def times(factor):
    return lambda inputs, weights: measured(factor * inputs[..., 0], weights)


def test_trainable_tensors_from_elsewhere_get_gradients():
    """The gradient of a parameter outside of the layer, before and after it is bound anew."""
    world = {"angle": torch.tensor(0.3, dtype=torch.float64, requires_grad=True)}
    function = lambda inputs, weights: measured(inputs[..., 0] * world["angle"], weights)  # noqa: E731
    ours, theirs = layer_of(TorchLayer, function), layer_of(qml.qnn.TorchLayer, function)
    for number in range(8):
        found = [
            torch.autograd.grad(x(random_inputs(3, 2)).sum(), world["angle"])
            for x in (ours, theirs)
        ]
        torch.testing.assert_close(*found)
        if number == 4:
            assert ours.is_traced
            world["angle"] = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)


def test_another_function_of_the_qnode():
    """A QNode's function can be exchanged."""
    functions = [times(1), times(2)]
    layer = layer_of(TorchLayer, functions[0])
    for function in functions:
        for _ in range(4):
            found = layer(random_inputs(3, 2))
            torch.testing.assert_close(found, layer_of(TorchLayer, function)(random_inputs(3, 2)))
        assert layer.is_traced
        layer.qnode.func = functions[1]


def test_the_default_dtype():
    """Tensors that a circuit makes come in the default dtype."""

    def function(inputs, weights):
        return measured(inputs[..., 0] + torch.tensor(1 / 3), weights)

    ours, theirs = layer_of(TorchLayer, function), layer_of(qml.qnn.TorchLayer, function)
    try:
        for dtype in (torch.float32, torch.float64, torch.float32):
            torch.set_default_dtype(dtype)
            for _ in range(4):
                torch.testing.assert_close(
                    ours(random_inputs(3, 2)), theirs(random_inputs(3, 2)), rtol=1e-12, atol=0
                )
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("kind", ["TorchLayer", "TorchCircuit"])
def test_the_noise_of_a_device_is_followed(kind):
    """A noise model's function of the user's reads what it reads at each call."""
    strength = [0.1]

    def noise(op, **_):
        qml.DepolarizingChannel(strength[0], wires=op.wires)

    model = qml.NoiseModel({qml.noise.op_in([qml.RX]): noise})
    device = qml.add_noise(qml.device("qizgloria.mixed", wires=1), model)
    if kind == "TorchLayer":

        @qml.qnode(device)
        def circuit(inputs):
            qml.RX(inputs[..., 0], wires=0)
            return [qml.expval(qml.Z(0))]

        layer = TorchLayer(circuit, {})
    else:
        x = Parameter("x")
        circuit = QuantumCircuit(1)
        circuit.rx(x, 0)
        layer = TorchCircuit(circuit, x, observables="Z", quantum_device=device)
    for value in (0.1, 0.2, 0.1, 0.3):
        strength[0] = value
        for _ in range(4):
            result = layer(torch.tensor([[0.4], [0.9]], dtype=torch.float64))
            expected = (1 - 4 / 3 * value) * np.cos([[0.4], [0.9]])
            np.testing.assert_allclose(result.detach().numpy(), expected, atol=1e-12)
        assert layer.is_traced


# --- readout errors -------------------------------------------------------------------------------


def in_place():
    error = torch.nn.Parameter(torch.tensor([0.1, 0.05], dtype=torch.float64))
    return error, error


def by_function():
    logit = torch.nn.Parameter(torch.tensor(-2.0, dtype=torch.float64))
    return logit, lambda: torch.sigmoid(logit)


@pytest.mark.parametrize("make", [in_place, by_function])
@pytest.mark.parametrize("kind", ["TorchLayer", "TorchCircuit"])
def test_a_readout_error_is_trained(make, kind):
    """Losses follow the readout error, traced or not, as those of PennyLane's layer do."""
    losses = []
    for is_ours in (True, False):
        parameter, error = make()
        device = qml.device("qizgloria.mixed", wires=2, readout_prob=error)
        if kind == "TorchLayer" or not is_ours:

            @qml.qnode(device)
            def circuit(inputs):
                qml.RX(inputs[..., 0], wires=0)
                qml.RY(inputs[..., 1], wires=1)
                return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

            layer = (TorchLayer if is_ours else qml.qnn.TorchLayer)(circuit, {})
        else:
            x = ParameterVector("x", 2)
            circuit = QuantumCircuit(2)
            circuit.rx(x[0], 0)
            circuit.ry(x[1], 1)
            layer = TorchCircuit(circuit, x, observables=["IZ", "ZI"], quantum_device=device)
        optimiser = torch.optim.SGD([parameter], lr=0.02)
        own = []
        for _ in range(6):
            optimiser.zero_grad()
            loss = (layer(random_inputs(3, 2)) - 0.5).square().sum()
            loss.backward()
            optimiser.step()
            own.append(loss.item())
        losses.append(own)
        if is_ours:
            assert layer.is_traced
            with torch.no_grad():
                parameter.fill_(float("nan") if error is not parameter else 1.2)
            with pytest.raises(ValueError, match=r"range|finite"):
                layer(random_inputs(3, 2))
    assert len(set(losses[0])) == 6
    np.testing.assert_allclose(*losses, rtol=1e-9)
