"""Gradients of what is an array, an observable or the device's: not an angle of a gate.

State vectors, matrices, Kraus operators, batches, coefficients and matrices of observables, and
the device's readout error.
"""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative, gradient
from helpers.devices import mixed_device
from pennylane.tape import QuantumScript

HERMITIAN = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
KETS = np.array([0.5, 0.1 - 0.5j, 0.5j, 0.7]) / np.sqrt(1.25)


def by_default_mixed(function, start):
    """The gradient that torch gets from default.mixed."""
    node = qml.QNode(
        function, qml.device("default.mixed", wires=2), interface="torch", diff_method="backprop"
    )
    leaf = torch.tensor(start, requires_grad=True)
    return torch.autograd.grad(node(leaf).real.sum(), leaf)[0].numpy()


@pytest.mark.parametrize("kind", ["QubitUnitary", "StatePrep", "Hermitian"])
def test_array_parameters(kind):
    """Jacobians by matrices and vectors have their shape, and give the products."""
    device = mixed_device(2)
    processes = [qml.expval(qml.Z(0)), qml.probs(wires=[0, 1])]
    unitary = np.linalg.qr(HERMITIAN)[0]
    if kind == "QubitUnitary":
        tape = QuantumScript([qml.RY(0.3, 0), qml.QubitUnitary(unitary, 0)], processes)
    elif kind == "StatePrep":
        tape = QuantumScript([qml.StatePrep(KETS, [0, 1]), qml.RX(0.3, 0)], processes)
    else:
        processes[0] = qml.expval(qml.Hermitian(HERMITIAN, 0))
        tape = QuantumScript([qml.RY(0.3, 0), qml.RX(0.4, 0)], processes)
    trainable = {"QubitUnitary": 1, "StatePrep": 0, "Hermitian": 2}[kind]
    tape.trainable_params = [trainable]
    (parameter,) = tape.get_parameters()
    shape = parameter.shape
    (jacobian,) = device.compute_derivatives([tape])
    assert [np.shape(row) for row in jacobian] == [shape, (4, *shape)]
    cotangents = (2.0, np.array([0.1, 0.2, -0.3, 0.4]))
    ((gradient,),) = device.compute_vjp([tape], [cotangents])
    assert gradient.shape == shape
    expected = 2 * jacobian[0] + np.tensordot(cotangents[1], jacobian[1], 1)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12)
    tangent = np.full(shape, 0.3 - 0.2j)
    (image,) = device.compute_jvp([tape], [(tangent,)])
    for own, row in zip(image, jacobian, strict=True):
        product = np.tensordot(row, tangent, tangent.ndim).real
        np.testing.assert_allclose(own, product, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["QubitUnitary", "Hermitian"])
def test_entries_of_matrices(kind):
    """Gradients by single entries agree with default.mixed, off the unitary matrices too."""

    def circuit(matrix):
        qml.RX(0.4, 0)
        qml.RY(0.9, 1)
        qml.CNOT([0, 1])
        if kind == "QubitUnitary":
            qml.QubitUnitary(matrix, 1)
        qml.PhaseDamping(0.2, 1)
        if kind == "Hermitian":
            return qml.expval(qml.Hermitian(matrix, 0))
        return qml.expval(qml.X(0) @ qml.Y(1) + 0.4 * qml.Z(1))

    start = HERMITIAN if kind == "Hermitian" else np.linalg.qr(HERMITIAN)[0]
    node = qml.QNode(circuit, mixed_device(2), interface="torch", diff_method="backprop")
    leaf = torch.tensor(start, requires_grad=True)
    (found,) = torch.autograd.grad(node(leaf), leaf)
    np.testing.assert_allclose(found, by_default_mixed(circuit, start), rtol=0, atol=1e-9)
    assert found.imag.abs().max() > 1e-3


def test_kraus_operators():
    """Gradients of Kraus operators agree with finite differences.

    Only here: PennyLane's QubitChannel does not take torch tensors that require a gradient.
    """
    device = mixed_device(2)
    kraus = np.linalg.qr(np.vstack([HERMITIAN, np.eye(2)]))[0].reshape(2, 2, 2)
    seen = [qml.expval(qml.X(0) @ qml.Y(1) + 0.4 * qml.Z(0)), qml.probs(wires=[0, 1])]

    def tape(t):
        turned = list(kraus @ qml.math.expm(1j * t * HERMITIAN))
        start = [qml.RX(0.4, 0), qml.RY(0.9, 1), qml.CNOT([0, 1])]
        operations = [*start, qml.QubitChannel(turned, 0), qml.CRY(0.7, [0, 1])]
        return QuantumScript(operations, seen, trainable_params=[2, 3])

    tangents = list(1j * kraus @ HERMITIAN)
    (images,) = device.compute_jvp([tape(0.0)], [tangents])
    (jacobian,) = device.compute_derivatives([tape(0.0)])
    cotangents = (0.3, np.array([0.1, 0.2, -0.3, 0.4]))
    (gradients,) = device.compute_vjp([tape(0.0)], [cotangents])
    total = 0.0
    for i, (image, row) in enumerate(zip(images, jacobian, strict=True)):
        expected = five_point_derivative(lambda t, i=i: device.execute(tape(t[0]))[i], [0.0])[
            ..., 0
        ]
        np.testing.assert_allclose(image, expected, rtol=0, atol=1e-9)
        pairs = zip(row, tangents, strict=True)
        product = sum(np.tensordot(block, tangent, 2).real for block, tangent in pairs)
        np.testing.assert_allclose(product, expected, rtol=0, atol=1e-9)
        assert np.abs(expected).max() > 1e-3
        total += np.sum(cotangents[i] * expected)
    pairs = zip(gradients, tangents, strict=True)
    assert sum(np.sum(g * t).real for g, t in pairs) == pytest.approx(total, abs=1e-9)


def test_coefficients_of_observables():
    """Derivatives by an observable's coefficients agree with default.mixed, to second order."""

    def circuit(x, c):
        qml.RX(x, 0)
        qml.CNOT([0, 1])
        qml.RY(0.4, 1)
        qml.AmplitudeDamping(0.2, 1)
        return qml.expval(
            qml.sum(
                qml.s_prod(c[0], qml.Z(0) @ qml.Z(1)),
                qml.s_prod(c[1], qml.Hadamard(1)),
                qml.s_prod(c[2], qml.Y(0) @ qml.Y(1)),
            )
        )

    node = qml.QNode(circuit, mixed_device(2), interface="torch", diff_method="backprop")
    mixed = qml.QNode(circuit, qml.device("default.mixed", wires=2), interface="torch")
    arguments = torch.tensor(0.7).double(), torch.tensor([0.4, -0.9, 1.3]).double()
    for order in (torch.autograd.functional.jacobian, torch.autograd.functional.hessian):
        own = order(lambda *a: node(*a).real, arguments)
        expected = order(lambda *a: mixed(*a).real, arguments)
        torch.testing.assert_close(own, expected, rtol=0, atol=1e-9)


def broadcast(x):
    qml.RX(x, 0)
    qml.RY(0.3, 1)
    qml.CNOT([0, 1])
    qml.AmplitudeDamping(0.1, 0)
    return qml.expval(qml.Z(0))


def features(vector):
    qml.StatePrep(vector, [0, 1])
    qml.RX(0.3, 0)
    qml.AmplitudeDamping(0.1, 0)
    return qml.expval(qml.Z(0) @ qml.X(1))


ARRAYS = {
    "batch": (broadcast, np.array([0.1, 0.5, 0.9])),
    "state": (features, np.array([0.1, -0.7, 0.5, 0.5])),
}


@pytest.mark.parametrize("method", ["best", "device"])
@pytest.mark.parametrize("device_vjp", [True, False])
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name, device_vjp, method, interface):
    """Batches and feature vectors have gradients with PennyLane's default methods."""
    function, start = ARRAYS[name]
    node = qml.QNode(
        function, mixed_device(2), interface=interface, diff_method=method, device_vjp=device_vjp
    )
    expected = by_default_mixed(function, start)
    np.testing.assert_allclose(gradient(node, start, interface), expected, rtol=0, atol=1e-10)


def test_complex_arrays(interface):
    """Gradients of complex parameters agree with default.mixed, imaginary parts included."""
    node = qml.QNode(
        features, mixed_device(2), interface=interface, diff_method="device", device_vjp=True
    )
    expected = by_default_mixed(features, KETS)
    assert np.abs(expected.imag).max() > 1e-2
    np.testing.assert_allclose(gradient(node, KETS, interface), expected, rtol=0, atol=1e-10)


FORMS = {
    "number": lambda p: p[0],
    "pair": lambda p: torch.stack([p[0], p[1]]),
    "by wire": lambda p: {0: p[0], 1: torch.stack([p[1], p[2]])},
    "matrices": lambda p: torch.stack(
        [
            torch.stack([torch.stack([1 - a, a]), torch.stack([b, 1 - b])])
            for a, b in ((p[0], p[1]), (p[1], p[2]))
        ]
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["expval", "var", "probs"])
def test_readout_error(form, name):
    """The gradient of the readout error agrees with finite differences."""
    process = {
        "expval": lambda: qml.expval(qml.Z(0) @ qml.X(1)),
        "var": lambda: qml.var(qml.Z(0) + 0.5 * qml.Y(1)),
        "probs": lambda: qml.probs(wires=[1, 0]),
    }[name]

    def value(p):
        @qml.qnode(mixed_device(2, readout_prob=FORMS[form](p)), interface="torch")
        def circuit():
            qml.RX(0.7, 0)
            qml.RY(0.5, 1)
            qml.CNOT([0, 1])
            return process()

        return circuit()

    start = torch.tensor([0.1, 0.2, 0.05], dtype=torch.float64)
    found = torch.autograd.functional.jacobian(value, start)
    with torch.no_grad():
        expected = five_point_derivative(lambda p: value(torch.tensor(p)).numpy(), start.numpy())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert found.abs().max() > 1e-2
