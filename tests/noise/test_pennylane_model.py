"""Noise models of PennyLane's as `noise_model`."""

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria import TorchLayer

MODEL = qml.NoiseModel(
    {
        qml.noise.op_in([qml.RX, qml.RY]): qml.noise.partial_wires(qml.AmplitudeDamping, 0.1),
        qml.noise.op_eq(qml.CNOT): lambda op, **_: qml.DepolarizingChannel(0.05, op.wires[1]),
    },
    {qml.noise.meas_eq(qml.expval): qml.noise.partial_wires(qml.BitFlip, 0.02)},
)


def circuit(x):
    qml.RX(x, 0)
    qml.CNOT([0, 1])
    qml.RY(0.4, 1)
    return qml.expval(qml.Z(0) @ qml.Z(1))


def value(x, **options):
    return qml.QNode(circuit, qml.device("qizgloria.mixed", wires=2, **options))(x)


def test_it_is_what_add_noise_does():
    """The result is that of default.mixed with qml.add_noise, readout errors included."""
    expected = qml.add_noise(qml.QNode(circuit, qml.device("default.mixed", wires=2)), MODEL)(0.7)
    assert value(0.7, noise_model=MODEL) == pytest.approx(float(expected))


def test_scales():
    """Scale 0 is no noise, 2 is each channel twice; a batch of scales has one result for each."""
    ideal = qml.QNode(circuit, qml.device("default.qubit", wires=2))(0.7)
    assert value(0.7, noise_model=MODEL, noise_scale=0.0) == pytest.approx(float(ideal))

    def twice(x):
        qml.RX(x, 0)
        for _ in range(2):
            qml.AmplitudeDamping(0.1, 0)
        qml.CNOT([0, 1])
        for _ in range(2):
            qml.DepolarizingChannel(0.05, 1)
        qml.RY(0.4, 1)
        for _ in range(2):
            qml.AmplitudeDamping(0.1, 1)
        for wire in (0, 0, 1, 1):
            qml.BitFlip(0.02, wire)
        return qml.expval(qml.Z(0) @ qml.Z(1))

    expected = qml.QNode(twice, qml.device("default.mixed", wires=2))(0.7)
    assert value(0.7, noise_model=MODEL, noise_scale=2.0) == pytest.approx(float(expected))
    scales = torch.tensor([0.0, 2.0], dtype=torch.float64)
    found = value(0.7, noise_model=MODEL, noise_scale=scales)
    np.testing.assert_allclose(found, [float(ideal), float(expected)], atol=1e-10)


def test_trained_strengths():
    """Strengths of the model can be trained, but not scaled besides."""
    p = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    model = qml.NoiseModel({qml.noise.op_eq(qml.RX): lambda op, **_: qml.BitFlip(p, op.wires)})
    value(torch.tensor(0.7), noise_model=model).backward()
    with_p = [
        value(
            0.7,
            noise_model=qml.NoiseModel(
                {qml.noise.op_eq(qml.RX): lambda op, q=q, **_: qml.BitFlip(q, op.wires)}
            ),
        )
        for q in (0.1 + 1e-6, 0.1 - 1e-6)
    ]
    assert p.grad.item() == pytest.approx(float(with_p[0] - with_p[1]) / 2e-6, abs=1e-6)
    with pytest.raises(ValueError, match="whose strength is trained"):
        value(0.7, noise_model=model, noise_scale=2.0)


def test_options_of_backends():
    """Circuits are not compiled, so how to compile them has no effect, which is said."""
    with pytest.raises(ValueError, match="circuits as they are written"):
        qml.device("qizgloria.mixed", wires=1, noise_model=MODEL, optimization_level=1)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_readout_errors_of_several_measurements(scale):
    """Each measurement has its own errors, as qml.add_noise gives them."""

    def several():
        qml.RX(0.7, 0)
        return qml.expval(qml.Z(0)), qml.probs(wires=[0])

    device = qml.device("qizgloria.mixed", wires=1, noise_model=MODEL, noise_scale=scale)
    found = qml.QNode(several, device)()
    mixed = qml.device("default.mixed", wires=1)
    if scale == 1.0:
        expected = qml.add_noise(qml.QNode(several, mixed), MODEL)()
    else:

        def twice():
            qml.RX(0.7, 0)
            qml.AmplitudeDamping(1 - 0.9**2, 0)
            return qml.probs(wires=[0])

        exact = qml.QNode(twice, mixed)()
        expected = (exact[0] - exact[1]) * 0.96**2, exact
    for own, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-10)


def test_gates_as_noise_are_not_scaled():
    """Coherent noise has no scale here: it is refused, and runs at scale 1."""
    model = qml.NoiseModel({qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.RZ, 0.3)})
    with pytest.raises(ValueError, match="has the gate RZ"):
        value(0.7, noise_model=model, noise_scale=0.0)
    expected = qml.add_noise(qml.QNode(circuit, qml.device("default.mixed", wires=2)), model)(0.7)
    assert value(0.7, noise_model=model) == pytest.approx(float(expected))


def test_layers_are_traced():
    """A layer on such a device is traced, and the report is of its circuit."""
    device = qml.device("qizgloria.mixed", wires=2, noise_model=MODEL, noise_scale=0.7)

    @qml.qnode(device)
    def qnode(inputs, weights):
        qml.RX(inputs[..., 0], 0)
        qml.RY(weights[0], 1)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    layer, inputs = TorchLayer(qnode, {"weights": (1,)}), torch.rand(4, 1)
    for _ in range(60):
        layer(inputs)
    assert layer.is_traced
    torch.testing.assert_close(layer(inputs), qnode(inputs.double(), layer.weights).to(inputs))
    names = {row.title for row in device.noise_report().instructions}
    assert names >= {"AmplitudeDamping(0)", "AmplitudeDamping(1)"}
