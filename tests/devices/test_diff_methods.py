"""The exact differentiation methods with every interface."""

from __future__ import annotations

import pennylane as qml
import pytest
from helpers.circuits import steep_circuit
from helpers.derivatives import gradient, steep_circuit_derivative
from helpers.devices import mixed_device

ANGLE = 0.7
EXACT = ["best", "backprop", "device", "adjoint"]


@pytest.mark.parametrize("method", EXACT)
def test_method(method, interface):
    """Every diff_method gives the same gradient with every interface."""
    node = qml.QNode(steep_circuit, mixed_device(2), interface=interface, diff_method=method)
    assert float(gradient(node, ANGLE, interface)) == pytest.approx(
        steep_circuit_derivative(ANGLE), abs=1e-10
    )


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("device_vjp", [True, False])
def test_device_vjp(device_vjp, method, interface):
    """``device_vjp`` changes no gradient."""
    device = mixed_device(2)
    node = qml.QNode(
        steep_circuit, device, interface=interface, diff_method=method, device_vjp=device_vjp
    )
    with qml.Tracker(device) as tracker:
        slope = float(gradient(node, ANGLE, interface))
    assert slope == pytest.approx(steep_circuit_derivative(ANGLE), abs=1e-10)
    asked = [any(kind in key for kind in ("vjp", "derivative")) for key in tracker.totals]
    # Only PennyLane's own bridge to torch asks the device for products.
    assert any(asked) is (interface == "torch" and method in {"device", "adjoint"})
