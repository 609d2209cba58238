"""The exact differentiation methods with every interface."""

from __future__ import annotations

import pennylane as qml
import pytest

ANGLE = 0.7
EXACT = ["best", "backprop", "device", "adjoint"]


@pytest.mark.parametrize("method", EXACT)
def test_method(method, interface, make_device, sloped, slope, differentiate):
    """A diff_method would not work with an interface, or give another gradient."""
    node = qml.QNode(sloped, make_device(2), interface=interface, diff_method=method)
    assert float(differentiate(node, ANGLE)) == pytest.approx(slope(ANGLE), abs=1e-10)


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("device_vjp", [True, False])
def test_device_vjp(device_vjp, method, interface, make_device, sloped, slope, differentiate):
    """PennyLane would be given products where it wants Jacobians, or the other way about."""
    device = make_device(2)
    node = qml.QNode(sloped, device, interface=interface, diff_method=method, device_vjp=device_vjp)
    with qml.Tracker(device) as tracker:
        gradient = float(differentiate(node, ANGLE))
    assert gradient == pytest.approx(slope(ANGLE), abs=1e-10)
    asked = [any(kind in key for key in tracker.totals) for kind in ("vjp", "derivative")]
    if interface == "torch" and method in {"best", "backprop"}:
        assert asked == [False, False]  # torch goes through the circuit by itself
    else:
        jacobian = interface == "jax" and not device_vjp  # see gradients.resolved
        assert asked == [not jacobian, jacobian]
