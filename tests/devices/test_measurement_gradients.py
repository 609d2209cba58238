"""Gradients of every measurement: by backpropagation, by the device, of batches, and twice."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from helpers.devices import mixed_device

HERMITIAN = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
POINT = torch.tensor([0.7, -0.6, 1.2], dtype=torch.float64)
POINTS = torch.stack([POINT, POINT + 0.9, POINT * 0.4], 1)
MEASUREMENTS = {
    "expval": lambda: qml.expval(qml.Z(0) @ qml.X(1)),
    "expval of hermitian": lambda: qml.expval(qml.Hermitian(HERMITIAN, 2)),
    "var": lambda: qml.var(qml.Z(1)),
    "var of sum": lambda: qml.var(qml.X(0) @ qml.Y(2) + 0.5 * qml.Z(1)),
    "probs": lambda: qml.probs(wires=[2, 0]),
    "probs of operator": lambda: qml.probs(op=qml.X(0) @ qml.Y(1)),
    "density matrix": lambda: qml.density_matrix([1, 0]),
    "state": lambda: qml.state(),
    "purity": lambda: qml.purity([0, 2]),
    "purity of all": lambda: qml.purity([0, 1, 2]),
    "entropy": lambda: qml.vn_entropy([0, 1], log_base=2),
    "mutual information": lambda: qml.mutual_info([0], [2, 1]),
}


def measured(name, device, **kwargs):
    @qml.qnode(device, **kwargs)
    def circuit(x):
        qml.RX(x[0], 0)
        qml.RY(x[1], 1)
        qml.CNOT([0, 1])
        qml.AmplitudeDamping(0.2, 1)
        qml.Rot(x[2], x[0], 0.4, 2)
        qml.IsingXY(x[1], [2, 0])
        qml.DepolarizingChannel(0.1, 0)
        return MEASUREMENTS[name]()

    return circuit


def real_jacobian(circuit, x):
    """The Jacobian, with real and imaginary parts apart."""

    def parts(x):
        result = circuit(x)
        return torch.view_as_real(result) if result.is_complex() else result

    return torch.autograd.functional.jacobian(parts, x)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measurement(name):
    """The gradient of each measurement agrees with default.mixed."""
    own = real_jacobian(measured(name, mixed_device(3), interface="torch"), POINT)
    mixed = qml.device("default.mixed", wires=3)
    reference = measured(name, mixed, interface="torch", diff_method="backprop")
    expected = real_jacobian(reference, POINT)
    if own.ndim < expected.ndim:  # default.mixed gives some real numbers as complex ones
        expected = expected[..., 0, :]
    torch.testing.assert_close(own, expected, rtol=0, atol=1e-9)
    plain = measured(name, mixed_device(3), interface="numpy", diff_method=None)

    def parts(x):
        result = np.asarray(plain(x))
        if not np.iscomplexobj(result):
            return result
        return np.stack([result.real, result.imag], -1)

    np.testing.assert_allclose(own, five_point_derivative(parts, POINT.numpy()), rtol=0, atol=1e-6)
    assert own.abs().max() > 1e-2


@pytest.mark.parametrize("device_vjp", [True, False])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measurement_by_the_device(name, device_vjp):
    """The device's own derivative agrees with backpropagation."""
    own = real_jacobian(
        measured(
            name, mixed_device(3), interface="torch", diff_method="device", device_vjp=device_vjp
        ),
        POINT,
    )
    expected = real_jacobian(measured(name, mixed_device(3), interface="torch"), POINT)
    torch.testing.assert_close(own, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["backprop", "device"])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_batched_measurement(name, method):
    """The elements of a batch get their own gradients."""
    batched = measured(name, mixed_device(3), interface="torch", diff_method=method)
    single = measured(name, mixed_device(3), interface="torch")
    own = real_jacobian(batched, POINTS)
    expected = torch.zeros_like(own)
    for i in range(3):
        expected[i, ..., i] = real_jacobian(single, POINTS[:, i])
    torch.testing.assert_close(own, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["expval", "var", "probs", "density matrix", "purity", "entropy"])
def test_hessian(name):
    """Second derivatives agree with default.mixed."""
    mixed = qml.device("default.mixed", wires=3)
    own = measured(name, mixed_device(3), interface="torch")
    reference = measured(name, mixed, interface="torch", diff_method="backprop")

    def cost(circuit):
        def value(x):
            result = circuit(x)
            squares = result.abs() ** 2 if result.is_complex() else result**2
            return (squares * torch.arange(1.0, result.numel() + 1).view(result.shape)).sum()

        return value

    expected = torch.autograd.functional.hessian(cost(reference), POINT)
    assert expected.abs().max() > 1e-2
    for hessian in (torch.autograd.functional.hessian, lambda f, x: torch.func.hessian(f)(x)):
        torch.testing.assert_close(hessian(cost(own), POINT), expected, rtol=0, atol=1e-8)
