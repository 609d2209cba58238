"""The device's own derivatives: Jacobians, and products with cotangents and tangents.

How the device's methods nest and order them; the values are compared with differences elsewhere.
"""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import noisy_tape
from helpers.devices import mixed_device
from pennylane.tape import QuantumScript

MEASURED = {
    "expval": ([lambda: qml.expval(qml.Z(0))], [()]),
    "probs": ([lambda: qml.probs(wires=[0, 1])], [(4,)]),
    "density matrix": ([lambda: qml.density_matrix([1])], [(2, 2)]),
    "state": ([lambda: qml.state()], [(4, 4)]),
    "several": (
        [
            lambda: qml.expval(qml.Z(0)),
            lambda: qml.probs(wires=[1]),
            lambda: qml.density_matrix([0]),
            lambda: qml.var(qml.X(1)),
        ],
        [(), (2,), (2, 2), ()],
    ),
}


def shapes(nest):
    return tuple(map(shapes, nest)) if isinstance(nest, tuple) else np.shape(nest)


def unpacked(items):
    """PennyLane's rule: no tuple of one."""
    items = tuple(items)
    return items[0] if len(items) == 1 else items


@pytest.mark.parametrize("trainable", [(0,), (0, 2)], ids=str)
@pytest.mark.parametrize("name", MEASURED)
def test_shapes(name, trainable):
    """Jacobians and products are nested as PennyLane expects them."""
    makers, each = MEASURED[name]
    tape = noisy_tape(measurements=[make() for make in makers], trainable=trainable)
    device, num = mixed_device(2), len(trainable)
    result_shape = unpacked(each)
    jacobian_shape = unpacked(unpacked([shape] * num) for shape in each)
    cotangents = unpacked(np.ones(shape) for shape in each)
    results, jacobians = device.execute_and_compute_derivatives([tape])
    assert isinstance(results, tuple)
    assert isinstance(jacobians, tuple)
    assert shapes(results) == (result_shape,)
    assert shapes(jacobians) == (jacobian_shape,)
    assert shapes(device.compute_derivatives([tape])) == (jacobian_shape,)
    results, gradients = device.execute_and_compute_vjp([tape], [cotangents])
    assert shapes(results) == (result_shape,)
    assert shapes(gradients) == (((),) * num,)
    assert shapes(device.compute_vjp([tape], [cotangents])) == (((),) * num,)
    results, images = device.execute_and_compute_jvp([tape], [(1.0,) * num])
    assert shapes(results) == (result_shape,)
    assert shapes(images) == (result_shape,)
    assert shapes(device.compute_jvp([tape], [(1.0,) * num])) == (result_shape,)


def test_one_circuit_without_a_batch():
    """The derivatives of one circuit are not wrapped in a tuple."""
    device, tape = mixed_device(2), noisy_tape()
    (in_batch,) = device.compute_derivatives([tape])
    single = device.compute_derivatives(tape)
    assert shapes(single) == ((), (), ())
    np.testing.assert_allclose(single, in_batch, rtol=0, atol=1e-14)
    np.testing.assert_allclose(device.compute_vjp(tape, 1.0), single, rtol=0, atol=1e-12)
    image = device.compute_jvp(tape, (1.0, 2.0, 3.0))
    assert image == pytest.approx(np.dot(single, [1, 2, 3]), abs=1e-12)
    value, jacobian = device.execute_and_compute_derivatives(tape)
    assert value == pytest.approx(device.execute(tape), abs=1e-14)
    np.testing.assert_allclose(jacobian, single, rtol=0, atol=1e-14)
    value, gradient = device.execute_and_compute_vjp(tape, 1.0)
    np.testing.assert_allclose(gradient, single, rtol=0, atol=1e-12)
    value, image = device.execute_and_compute_jvp(tape, (0.0, 1.0, 0.0))
    assert image == pytest.approx(single[1], abs=1e-12)
    assert value == pytest.approx(device.execute(tape), abs=1e-14)


def test_batch_of_circuits():
    """Each circuit of a batch gets its own derivatives, in the order of the circuits."""
    device = mixed_device(2)
    second = QuantumScript([qml.RX(0.7, 0)], [qml.expval(qml.Z(0))], trainable_params=[0])
    third = noisy_tape([0.9, 0.1, 0.3], [qml.expval(qml.Z(1)), qml.probs(wires=0)], (1,))
    tapes = [noisy_tape(), second, third]
    cotangents = [1.0, 2.0, (3.0, np.array([1.0, -1.0]))]
    tangents = [(1.0, 0.0, 0.0), (2.0,), (0.5,)]
    jacobians = device.compute_derivatives(tapes)
    gradients = device.compute_vjp(tapes, cotangents)
    images = device.compute_jvp(tapes, tangents)
    assert len(jacobians) == len(gradients) == len(images) == 3
    assert jacobians[1] == pytest.approx(-np.sin(0.7), abs=1e-12)
    assert gradients[1][0] == pytest.approx(-2 * np.sin(0.7), abs=1e-12)
    assert images[1] == pytest.approx(-2 * np.sin(0.7), abs=1e-12)
    for i in (0, 2):
        (alone,) = device.compute_derivatives([tapes[i]])
        for own, other in zip(jacobians[i], alone, strict=True):
            np.testing.assert_allclose(own, other, rtol=0, atol=1e-14)
        (alone,) = device.compute_vjp([tapes[i]], [cotangents[i]])
        np.testing.assert_allclose(gradients[i], alone, rtol=0, atol=1e-14)


@pytest.mark.parametrize("batch", [1, 3])
def test_broadcast_parameters(batch):
    """Gradients of a broadcast circuit keep the batch axis, and its elements apart."""
    device = mixed_device(2)
    x = np.linspace(0.2, 1.1, batch)
    processes = [qml.expval(qml.Z(0)), qml.probs(wires=[0, 1])]
    tape = noisy_tape([x, -0.8, 0.15], processes, (0, 1))
    ((first, second),) = device.compute_derivatives([tape])
    assert shapes((first, second)) == (((batch, batch), (batch,)), ((batch, 4, batch), (batch, 4)))
    for i in range(batch):
        single = noisy_tape([x[i], -0.8, 0.15], processes, (0, 1))
        ((mine, other),) = device.compute_derivatives([single])
        unit = np.eye(batch)[i]
        np.testing.assert_allclose(first[0][i], mine[0] * unit, rtol=0, atol=1e-12)
        np.testing.assert_allclose(first[1][i], mine[1], rtol=0, atol=1e-12)
        np.testing.assert_allclose(second[0][i], np.outer(other[0], unit), rtol=0, atol=1e-12)
        np.testing.assert_allclose(second[1][i], other[1], rtol=0, atol=1e-12)
    cotangents = (np.arange(1.0, batch + 1), np.arange(4.0 * batch).reshape(batch, 4))
    (gradient,) = device.compute_vjp([tape], [cotangents])
    assert shapes(gradient) == ((batch,), ())
    for number, own in enumerate(gradient):
        expected = sum(
            np.tensordot(c, row[number], c.ndim)
            for c, row in zip(cotangents, (first, second), strict=True)
        )
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-12)
    ((image, images),) = device.compute_jvp([tape], [(np.ones(batch), 2.0)])
    np.testing.assert_allclose(image, first[0].sum(-1) + 2 * first[1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(images, second[0].sum(-1) + 2 * second[1], rtol=0, atol=1e-12)


def test_zero_tangents():
    """Zero tangents, by which PennyLane marks constants, are accepted."""
    device = mixed_device(2)
    tape = noisy_tape(measurements=[qml.expval(qml.Z(0)), qml.probs(wires=1)])
    ((number, array),) = device.compute_jvp([tape], [(0, 0.0, 0)])
    assert number == 0
    np.testing.assert_array_equal(array, np.zeros(2))
    (rows,) = device.compute_derivatives([tape])
    ((number, array),) = device.compute_jvp([tape], [(0, 1.0, 0)])
    assert number == pytest.approx(rows[0][1], abs=1e-13)
    np.testing.assert_allclose(array, rows[1][1], rtol=0, atol=1e-13)


def test_dropped_operations():
    """A parameter that no measurement depends on has derivative zero."""
    tape = QuantumScript(
        [qml.RX(0.4, 0), qml.RY(0.3, 1), qml.DepolarizingChannel(0.1, 1), qml.RX(0.2, 1)],
        [qml.expval(qml.Z(0))],
        trainable_params=[0, 1, 2, 3],
    )
    device = mixed_device(2)
    expected = [-np.sin(0.4), 0, 0, 0]
    np.testing.assert_allclose(device.compute_derivatives([tape])[0], expected, atol=1e-13)
    np.testing.assert_allclose(device.compute_vjp([tape], [1.0])[0], expected, atol=1e-13)
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.4, 0.3, 0.1)]

    @qml.qnode(device)
    def circuit(x, y, p):
        qml.RX(x, 0)
        qml.RY(y, 1)
        qml.DepolarizingChannel(p, 1)
        return qml.expval(qml.Z(0))

    circuit(*leaves).backward()
    np.testing.assert_allclose([x.grad for x in leaves], expected[:3], atol=1e-13)


def test_parameters_of_several_shapes_with_torch():
    """PennyLane's bridge to torch gets a gradient of each parameter's shape."""

    @qml.qnode(qml.device("qizgloria.mixed", wires=2), interface="torch", diff_method="device")
    def circuit(x, y):
        qml.RX(x, 0)
        qml.RY(y, 1)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    x = torch.tensor([0.3, 0.5, 0.7], dtype=torch.float64, requires_grad=True)
    y = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    by_x, by_y = torch.autograd.grad(circuit(x, y).sum(), (x, y))
    torch.testing.assert_close(by_x, -torch.sin(x.detach()) * torch.cos(y.detach()))
    torch.testing.assert_close(by_y, -torch.cos(x.detach()).sum() * torch.sin(y.detach()))
