"""Derivatives by shifts, of the parameters and of a batch of inputs, against backpropagation."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp

WIRES = range(3)


def circuit(x, weights):
    qml.AngleEmbedding(x, WIRES)
    qml.StronglyEntanglingLayers(weights, WIRES)
    qml.CRot(*weights[0, 0], wires=[0, 2])
    qml.IsingXY(weights[0, 1, 1], [1, 2])
    return qml.expval(qml.Z(0) @ qml.X(1)), qml.var(qml.X(2)), qml.probs(wires=[1, 2])


def gradients(device, method, batch, shots=None, entry=None, layers=1):
    """The gradients of a sum over the results, for the inputs and for the weights."""
    rng = np.random.default_rng(4)
    shape = (3,) if batch is None else (batch, 3)
    x = torch.tensor(rng.uniform(0, 1, shape), requires_grad=True)
    weights = torch.tensor(rng.uniform(0, 1, (layers, 3, 3)), requires_grad=True)
    node = qml.QNode(circuit, device, interface="torch", diff_method=method)
    results = qml.set_shots(node, shots)(x, weights)
    value, spread, probs = results if entry is None else results[entry]
    loss = value.sum() + 2 * spread.sum() + 0.5 * (probs * torch.arange(4)).sum()
    return [found.numpy() for found in torch.autograd.grad(loss, (x, weights))]


def reference(batch, layers=1):
    return gradients(qml.device("default.qubit", wires=3), "backprop", batch, layers=layers)


@pytest.mark.parametrize(("batch", "layers"), [(None, 2), (4, 1)])
@pytest.mark.parametrize("use_estimator", [True, False])
def test_exact(make_device, batch, layers, use_estimator):
    """Training would go in a wrong direction."""
    device = make_device(3, use_estimator=use_estimator)
    found = gradients(device, "best", batch, layers=layers)
    for own, value in zip(found, reference(batch, layers), strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["best", "parameter-shift", "device"])
def test_a_batch_is_one_job(make_device, method):
    """A batch of trainable inputs stays one axis, and its gradient is one PUB, by any name."""
    device = make_device(3, use_estimator=False)
    inputs = torch.rand(5, 3, requires_grad=True)

    @qml.set_shots(2000)
    @qml.qnode(device, interface="torch", diff_method=method)
    def node(x):
        qml.AngleEmbedding(x, WIRES)
        return qml.expval(qml.Z(0)), qml.expval(qml.Z(1) @ qml.Z(2))

    first, second = node(inputs)
    (first + second).sum().backward()
    a, b, c = inputs.detach().T
    expected = -torch.stack([a.sin(), b.sin() * c.cos(), b.cos() * c.sin()], 1)
    torch.testing.assert_close(inputs.grad, expected, rtol=0, atol=0.1)
    assert [job.pubs for job in device.jobs] == [1, 1]


@pytest.mark.parametrize(("use_estimator", "batch"), [(True, None), (True, 3), (False, None)])
@pytest.mark.parametrize(("shots", "entry"), [(10_000, None), ((100, 10_000), 1)])
def test_from_shots(make_device, batch, use_estimator, shots, entry):
    """Shifted circuits would be mixed up, or the entries of a shot vector."""
    device = make_device(3, use_estimator=use_estimator)
    found = gradients(device, "best", batch, shots, entry)
    # Each parameter has at most four shifted pairs of circuits, a weight those of each input.
    tolerance = 5 * 6 * np.sqrt(batch or 1) / np.sqrt(10_000)
    for own, value in zip(found, reference(batch), strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("method", "options", "tolerance"),
    [
        ("best", {}, 1e-9),
        ("device", {}, 1e-9),
        ("parameter-shift", {}, 1e-9),
        ("hadamard", {}, 1e-9),
        ("finite-diff", {"h": 1e-5}, 1e-4),
        ("spsa", {"h": 1e-5}, 1e-4),
    ],
)
@pytest.mark.parametrize("interface", ["torch", "autograd", "jax"])
def test_methods_of_pennylane(make_device, method, options, tolerance, differentiate):
    """A method of differentiation, or an interface, would not work with this device."""

    @qml.qnode(make_device(4), diff_method=method, gradient_kwargs=options)
    def node(angle):
        qml.RX(angle, 0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(0))

    np.testing.assert_allclose(differentiate(node, 0.4), -np.sin(0.4), rtol=0, atol=tolerance)


def test_second_derivatives(make_device):
    """Hessians would be wrong; the device itself gives first derivatives only."""
    device = make_device(2)

    @qml.qnode(device, diff_method="parameter-shift", max_diff=2)
    def node(angle):
        qml.RX(angle, 0)
        return qml.expval(qml.Z(0))

    second = qml.grad(qml.grad(node))(pnp.array(0.4))
    np.testing.assert_allclose(second, -np.cos(0.4), rtol=0, atol=1e-9)
    config = qml.devices.ExecutionConfig(gradient_method="best", derivative_order=2)
    assert not device.supports_derivatives(config)
    tape = qml.tape.QuantumScript([qml.RX(0.4, 0)], [qml.expval(qml.Z(0))])
    with pytest.raises(NotImplementedError, match=r"diff_method='parameter-shift'"):
        device.compute_derivatives([tape], config)


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("shots", [None, (50, 60)])
def test_shapes_of_jacobians(make_device, batch, shots):
    """Interfaces would get blocks in other shapes than PennyLane's."""
    angle = 0.3 if batch is None else np.linspace(0.1, 0.5, batch)
    operations = [qml.RX(angle, 0), qml.RY(0.2, 1), qml.CNOT([0, 1])]
    measurements = [qml.expval(qml.Z(0)), qml.probs(wires=[0, 1])]
    tape = qml.tape.QuantumScript(operations, measurements, shots=shots, trainable_params=[0, 1])
    (found,) = make_device(2).compute_derivatives([tape])
    lead = () if batch is None else (batch,)
    for entry in found if shots else (found,):
        shapes = [[np.shape(block) for block in row] for row in entry]
        # The broadcast parameter's own axis comes last.
        assert shapes == [[lead + lead, lead], [(*lead, 4, *lead), (*lead, 4)]]


def test_jacobians_and_products_agree(make_device):
    """The two ways in which interfaces ask for derivatives would differ."""
    operations = [qml.RX(np.array([0.3, 0.9]), 0), qml.RY(0.2, 1), qml.CNOT([0, 1])]
    measurements = [qml.expval(qml.Z(0)), qml.probs(wires=[0, 1])]
    tape = qml.tape.QuantumScript(operations, measurements, trainable_params=[0, 1])
    device, rng = make_device(2), np.random.default_rng(3)
    cotangents = (rng.normal(size=2), rng.normal(size=(2, 4)))
    (jacobian,) = device.compute_derivatives([tape])
    (products,) = device.compute_vjp([tape], [cotangents])
    for j, product in enumerate(products):
        wanted = np.tensordot(cotangents[0], jacobian[0][j], 1)
        wanted = wanted + np.tensordot(cotangents[1], jacobian[1][j], 2)
        np.testing.assert_allclose(product, wanted, rtol=0, atol=1e-12)
