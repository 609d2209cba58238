"""Under torch's autocast a simulation keeps its precision."""

from __future__ import annotations

import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device
from pennylane import numpy as pnp


@pytest.mark.parametrize("r_dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("method", ["best", "device", "parameter-shift"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_values_and_gradients(dtype, method, r_dtype):
    """Values, gradients and their dtypes are what they are without autocast."""

    @qml.qnode(mixed_device(4, r_dtype=r_dtype), interface="torch", diff_method=method)
    def circuit(x):
        for wire in range(4):
            qml.RY(x[wire], wire)
            qml.DepolarizingChannel(0.02, wire)
        for wire in range(4):
            qml.CNOT([wire, (wire + 1) % 4])
        qml.Rot(x[0], x[1], x[2], 2)
        return qml.expval(qml.Z(0) @ qml.X(1)), qml.probs([0, 2])

    def run(enabled):
        x = torch.tensor([0.3, 0.4, 0.5, 0.6], requires_grad=True)
        with torch.autocast("cpu", dtype, enabled=enabled):
            mean, probabilities = circuit(x)
            total = mean + probabilities[1] ** 2
        (gradient,) = torch.autograd.grad(total, x)
        return mean.detach(), probabilities.detach(), gradient

    for found, expected in zip(run(True), run(False), strict=True):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)


def test_backward_inside():
    """The reverse pass runs inside an autocast region, too."""

    @qml.qnode(mixed_device(3, r_dtype=torch.float32), interface="torch")
    def circuit(x):
        for wire in range(3):
            qml.RY(x[wire], wire)
        qml.CNOT([0, 1])
        qml.CNOT([1, 2])
        return qml.expval(qml.Z(2))

    x = torch.tensor([0.3, 0.4, 0.5], requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        circuit(x).backward()
    (expected,) = torch.autograd.grad(circuit(x), x)
    assert x.grad.dtype == torch.float32
    # Torch's own part of the reverse pass, from matrices to angles, is autocast's.
    assert torch.allclose(x.grad, expected, atol=1e-2)


def test_other_interfaces():
    """Autograd's gradients are simulated with autocast off as well."""

    @qml.qnode(mixed_device(3, r_dtype=torch.float32))
    def circuit(x):
        for wire in range(3):
            qml.RY(x, wire)
        qml.CNOT([0, 1])
        qml.CNOT([1, 2])
        return qml.expval(qml.Z(2))

    x = pnp.array(0.3, requires_grad=True)
    expected = qml.grad(circuit)(x)
    with torch.autocast("cpu", torch.bfloat16):
        assert qml.grad(circuit)(x) == expected
