"""Which derivatives the device offers PennyLane, and which it refuses to compute."""

from __future__ import annotations

import re

import jax
import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import noisy_tape
from helpers.devices import mixed_device
from pennylane.devices import ExecutionConfig
from pennylane.exceptions import QuantumFunctionError

ARGUMENTS = {
    "compute_derivatives": (),
    "execute_and_compute_derivatives": (),
    "compute_vjp": ([1.0],),
    "execute_and_compute_vjp": ([1.0],),
    "compute_jvp": ([(1.0, 1.0, 1.0)],),
    "execute_and_compute_jvp": ([(1.0, 1.0, 1.0)],),
}
"""What each of the device's methods takes between one circuit and the configuration."""


@pytest.mark.parametrize("method", ARGUMENTS)
@pytest.mark.parametrize(
    "config",
    [
        ExecutionConfig(gradient_method="device", derivative_order=2),
        ExecutionConfig(gradient_method="backprop", derivative_order=2),
        ExecutionConfig(gradient_method="parameter-shift"),
        ExecutionConfig(gradient_method="another"),
    ],
    ids=lambda config: f"{config.gradient_method}, order {config.derivative_order}",
)
def test_refused(method, config):
    """Orders and methods that the device does not compute are refused."""
    asked = f"order {config.derivative_order} by {config.gradient_method!r}"
    with pytest.raises(NotImplementedError, match=f"qizgloria.mixed.*{re.escape(asked)}"):
        getattr(mixed_device(2), method)([noisy_tape()], *ARGUMENTS[method], config)


@pytest.mark.parametrize("method", ARGUMENTS)
@pytest.mark.parametrize("name", [None, "best", "backprop", "device", "adjoint"])
def test_not_refused(method, name):
    """The device computes derivatives by each method that it says it supports."""
    call = getattr(mixed_device(2), method)
    config = ExecutionConfig(gradient_method=name)
    found, expected = (
        jax.tree_util.tree_leaves(call([noisy_tape()], *ARGUMENTS[method], *rest))
        for rest in ([config], [])
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


SUPPORTED = {
    # method and order: derivatives, products
    (None, 1): (False, False),
    ("best", 1): (True, True),
    ("best", 2): (True, False),
    ("backprop", 1): (True, True),
    ("backprop", 2): (True, False),
    ("device", 1): (True, True),
    ("device", 2): (False, False),
    ("adjoint", 1): (True, True),
    ("adjoint", 2): (False, False),
    ("parameter-shift", 1): (False, False),
    ("finite-diff", 1): (False, False),
    ("parameter-shift", 2): (False, False),
}


@pytest.mark.parametrize("interface", ["auto", "torch", "autograd", "jax", "numpy"])
@pytest.mark.parametrize(("method", "order"), SUPPORTED)
def test_supports(method, order, interface):
    """``supports_derivatives`` is true for what the device computes, and false for the rest."""
    device = mixed_device(2)
    config = ExecutionConfig(gradient_method=method, derivative_order=order, interface=interface)
    derivatives, products = SUPPORTED[method, order]
    reverse_pass = method in {"device", "adjoint"} and order == 2
    derivatives = derivatives or (reverse_pass and interface in {"autograd", "jax", "numpy"})
    exact, sampled = noisy_tape(), noisy_tape().copy(shots=10)
    assert device.supports_derivatives(config) is derivatives
    if reverse_pass and not derivatives:
        with pytest.raises(QuantumFunctionError, match=r"max_diff=2 .*'backprop'"):
            device.supports_derivatives(config, exact)
    else:
        assert device.supports_derivatives(config, exact) is derivatives
    for circuit in (None, exact):
        assert device.supports_vjp(config, circuit) is products
        assert device.supports_jvp(config, circuit) is products
    by_shifts = method in {None, "best", "device"} and order == 1
    for supports in (device.supports_vjp, device.supports_jvp):
        assert supports(config, sampled) is by_shifts
    if method in {"backprop", "adjoint"}:
        with pytest.raises(QuantumFunctionError, match="has 10 shots"):
            device.supports_derivatives(config, sampled)
    else:
        assert device.supports_derivatives(config, sampled) is by_shifts


def test_supports_by_default():
    """PennyLane asks without a configuration, too."""
    device = mixed_device(2)
    for supports in (device.supports_derivatives, device.supports_vjp, device.supports_jvp):
        assert supports() is True
        assert supports(None, noisy_tape()) is True
        assert supports(None, noisy_tape().copy(shots=10)) is True


@pytest.mark.parametrize("shots", [20_000, (20_000, 20_000)])
def test_products_with_shots(shots):
    """What the device computes from shots are estimates of what it computes without."""
    measurements = [qml.expval(qml.Z(0)), qml.probs(wires=[1])]
    exact, sampled = (
        noisy_tape(measurements=measurements).copy(shots=own) for own in (None, shots)
    )
    device = mixed_device(2, seed=1)
    copies = 1 if isinstance(shots, int) else len(shots)
    cotangent = (1.0, np.array([0.3, -0.4]))
    cotangents = cotangent if copies == 1 else (cotangent,) * copies
    tangent = (1.0, 0.5, -1.0)
    (results,), (rows,) = device.execute_and_compute_jvp([sampled], [tangent])
    (values,), (images,) = device.execute_and_compute_jvp([exact], [tangent])
    for own, image in zip((results, rows), (values, images), strict=True):
        for copy in (own,) if copies == 1 else own:
            for found, expected in zip(copy, image, strict=True):
                np.testing.assert_allclose(found, expected, rtol=0, atol=0.1)
    (_, (found,)) = device.execute_and_compute_vjp([sampled], [cotangents])
    (expected,) = device.compute_vjp([exact], [cotangent])
    np.testing.assert_allclose(np.array(found) / copies, expected, rtol=0, atol=0.1)
