"""The device option ``method``: the same results, by kernels and by plans, of whatever is asked."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import circuit_angles, noisy_circuit, noisy_tape
from helpers.comparison import assert_close
from helpers.derivatives import five_point_derivative
from helpers.devices import mixed_device
from pennylane import numpy as pnp

METHODS = ["exact", "kernels", "planned"]
COTANGENT = np.random.default_rng(3).normal(size=8)


def node(method, diff_method="best", device="qizgloria.mixed", **options):
    """The probabilities of three wires."""
    given = {"method": method, **options} if device == "qizgloria.mixed" else {}

    @qml.qnode(qml.device(device, wires=4, **given), diff_method=diff_method)
    def circuit(x):
        for op in noisy_circuit(x):
            qml.apply(op)
        return qml.probs(wires=[0, 1, 2])

    return circuit


@pytest.fixture(scope="module")
def expected():
    """Values and Jacobian on default.mixed."""
    reference = node(None, device="default.mixed")
    x = circuit_angles()
    return reference(x), five_point_derivative(reference, x)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("diff_method", ["backprop", "device"])
def test_gradients_in_torch(diff_method, method, expected):
    """Values and Jacobians of torch parameters are those of default.mixed."""
    circuit = node(method, diff_method)
    x = torch.tensor(circuit_angles(), requires_grad=True)
    values = circuit(x)
    assert_close(values, expected[0], 1e-12)
    found = torch.autograd.functional.jacobian(circuit, x.detach())
    assert_close(found, expected[1], 1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("diff_method", ["device", "adjoint", "best"])
def test_gradients_in_autograd(diff_method, method, expected):
    """The device's own derivatives give the same to PennyLane's other interfaces."""
    circuit = node(method, diff_method)
    x = pnp.array(circuit_angles(), requires_grad=True)
    assert_close(circuit(x), expected[0], 1e-12)
    assert_close(qml.jacobian(circuit)(x), expected[1], 1e-9)
    found = qml.grad(lambda x: pnp.sum(COTANGENT * circuit(x)))(x)
    assert_close(found, COTANGENT @ expected[1], 1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_device_derivatives(method):
    """Jacobians and products of the device's own methods agree with differences."""
    device = mixed_device(2, method=method)
    numbers = np.array([0.3, -0.8, 0.15])
    measurements = [qml.probs(wires=[0, 1]), qml.expval(qml.Y(1))]
    tape = noisy_tape(numbers, measurements)

    def results(point):
        probs, mean = device.execute([noisy_tape(point, measurements)])[0]
        return np.append(probs, mean)

    jacobian = five_point_derivative(results, numbers)
    by_measurement = device.compute_derivatives([tape])[0]
    found = np.vstack([np.stack(row, -1) for row in by_measurement])
    assert_close(found, jacobian, 1e-9)
    dy, dx = np.random.default_rng(1).normal(size=5), np.array([0.7, -0.2, 1.1])
    (pulled,) = device.compute_vjp([tape], [(dy[:4], dy[4])])
    assert_close(np.array(pulled), dy @ jacobian, 1e-9)
    (pushed,) = device.compute_jvp([tape], [tuple(dx)])
    assert_close(np.append(*pushed), jacobian @ dx, 1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("diff_method", ["backprop", "device"])
def test_batches(diff_method, method):
    """Each element of a batch has the values and gradients that it has alone."""
    circuit = node(method, diff_method)
    x = torch.tensor(circuit_angles(3), requires_grad=True)
    values = circuit(x)
    weights = torch.tensor(COTANGENT)
    (gradient,) = torch.autograd.grad((values @ weights).sum(), x)
    for b in range(3):
        own = x.detach()[:, b].clone().requires_grad_()
        alone = circuit(own)
        assert_close(values[b], alone.detach(), 1e-12)
        assert_close(gradient[:, b], torch.autograd.grad(alone @ weights, own)[0], 1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_second_derivatives(method):
    """Hessians are the same for all methods."""
    x = torch.tensor(circuit_angles())

    def mean(method):
        circuit = node(method, "backprop")
        return lambda x: circuit(x) @ torch.tensor(COTANGENT)

    found = torch.autograd.functional.hessian(mean(method), x)
    assert_close(found, torch.autograd.functional.hessian(mean("planned"), x), 1e-12)
    assert found.abs().max() > 0.1


@pytest.mark.parametrize("method", METHODS)
def test_single_precision(method, expected):
    """In single precision values and gradients are right to five digits."""
    circuit = node(method, "backprop", r_dtype=np.float32)
    x = torch.tensor(circuit_angles(), dtype=torch.float32, requires_grad=True)
    values = circuit(x)
    assert values.dtype == torch.float32
    (gradient,) = torch.autograd.grad(values @ torch.tensor(COTANGENT).float(), x)
    assert_close(values.double(), expected[0], 1e-5)
    assert_close(gradient.double(), COTANGENT @ expected[1], 1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("memory_budget", [1, 2000])
def test_little_memory(method, memory_budget):
    """Gradients are the same with a small budget."""
    x = torch.tensor(circuit_angles(9), requires_grad=True)
    found = []
    for budget in (None, memory_budget):
        values = node(method, "backprop", memory_budget=budget)(x)
        found.append(torch.autograd.grad((values @ torch.tensor(COTANGENT)).sum(), x)[0])
    assert_close(found[0], found[1], 1e-12)


@pytest.mark.parametrize("method", ["kernels", "planned"])
def test_shots_are_those_of_the_exact_engine(method):
    """Equal seeds give equal samples, whichever engine gives the probabilities."""
    samples = []
    for own in ("exact", method):

        @qml.set_shots(50)
        @qml.qnode(mixed_device(4, method=own, seed=3))
        def circuit(x):
            for op in noisy_circuit(x):
                qml.apply(op)
            return qml.sample(wires=[0, 1, 2])

        samples.append(circuit(circuit_angles()))
    np.testing.assert_array_equal(*samples)


def test_kernels_refuse_what_they_have_not():
    """The reason is in the error; other methods run the circuit."""
    kraus = [np.sqrt(0.5) * np.eye(16), np.sqrt(0.5) * np.diag([1, -1] * 8)]

    def circuit():
        qml.QubitChannel(kraus, wires=range(4))
        return qml.expval(qml.Z(0))

    with pytest.raises(NotImplementedError, match="method='kernels': The kernels have no operat"):
        qml.QNode(circuit, mixed_device(4, method="kernels"))()
    for method in ("exact", "planned", "auto"):
        assert qml.QNode(circuit, mixed_device(4, method=method))() == pytest.approx(1)


@pytest.mark.parametrize("name", ["fast", "kernel", "Kernels", ""])
def test_unknown_methods(name):
    """An unknown method is refused with those that there are."""
    message = f"has no method {name!r}; it has 'auto', 'exact', 'planned', 'kernels'"
    with pytest.raises(ValueError, match=message):
        mixed_device(1, method=name)
