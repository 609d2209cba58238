"""What ``diff_method="best"`` stands for: with each interface, with shots, in second order."""

from __future__ import annotations

import jax
import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import steep_circuit
from helpers.derivatives import gradient
from helpers.devices import mixed_device
from pennylane import numpy as pnp
from pennylane.devices import ExecutionConfig

ANGLE = 0.7
INTERFACES = ["torch", "numpy", "auto", "autograd", "jax"]


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("method", ["best", "backprop"])
def test_what_best_means(method, interface):
    """Each interface gets the fastest exact method that can serve it."""
    device = mixed_device(2)
    config = ExecutionConfig(gradient_method=method, interface=interface)
    resolved = device.setup_execution_config(config)
    assert resolved.gradient_method == "backprop"
    assert resolved.use_device_gradient is True
    assert resolved.grad_on_execution is False
    second = device.setup_execution_config(
        ExecutionConfig(gradient_method=method, interface=interface, derivative_order=2)
    )
    assert second.gradient_method == "backprop"


def test_best_with_shots_is_parameter_shift(interface):
    """With shots, the default is parameter-shift."""
    device = mixed_device(2, seed=1)
    node = qml.set_shots(qml.QNode(steep_circuit, device, interface=interface), 100)
    with qml.Tracker(device) as tracker:
        gradient(node, ANGLE, interface)
    # One circuit for the value, two shifted ones for the derivative.
    assert tracker.totals["simulations"] == 3
    assert tracker.totals["shots"] == 300
    assert qml.workflow.get_best_diff_method(node)(ANGLE) == "parameter-shift"


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("interface", ["autograd", "jax"])
def test_second_derivatives_elsewhere(interface, order):
    """Second derivatives of autograd and JAX are exact, whatever ``max_diff`` says."""

    def circuit(x):
        qml.RX(x, 0)
        qml.DepolarizingChannel(0.1, 0)
        return qml.expval(qml.Z(0))

    node = qml.QNode(circuit, mixed_device(1), interface=interface, max_diff=order)
    expected = -(1 - 4 * 0.1 / 3) * np.cos(ANGLE)
    if interface == "jax":
        second = jax.grad(jax.grad(node))(jax.numpy.array(ANGLE))
    else:
        second = qml.grad(qml.grad(node))(pnp.array(ANGLE))
    assert float(second) == pytest.approx(expected, abs=1e-10)
