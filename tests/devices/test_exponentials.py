"""Exponentials and evolutions, and templates made of them: every method, coefficients too."""

from __future__ import annotations

import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from pennylane import numpy as pnp
from pennylane.ops.op_math import Exp
from scipy.linalg import expm

X, Y, Z = (
    np.array([[0, 1], [1, 0]]),
    np.array([[0, -1j], [1j, 0]]),
    np.diag([1, -1]),
)
XY, ZI, YZ = np.kron(X, Y), np.kron(Z, np.eye(2)), np.kron(Y, Z)
START = expm(-0.4j * np.kron(Y, np.eye(2))) @ expm(-0.3j * np.kron(np.eye(2), X))
POINT = np.array([0.3, 0.7])


def controlled(matrix):
    return np.block(
        [[np.eye(len(matrix)), np.zeros(matrix.shape)], [np.zeros(matrix.shape), matrix]]
    )


def hamiltonian(c):
    return qml.s_prod(c, qml.X(0) @ qml.Y(1)) + 0.4 * qml.Z(0)


def dense(c):
    return c * XY + 0.4 * ZI


CASES = {
    "word": (
        lambda t, c: qml.evolve(qml.s_prod(c, qml.X(0) @ qml.Y(1)), t),
        lambda t, c: expm(-1j * t * c * XY),
    ),
    "sum": (lambda t, c: qml.evolve(hamiltonian(c), t), lambda t, c: expm(-1j * t * dense(c))),
    "LinearCombination": (
        lambda t, c: qml.evolve(qml.dot([c, 0.4], [qml.X(0) @ qml.Y(1), qml.Z(0)]), t),
        lambda t, c: expm(-1j * t * dense(c)),
    ),
    "exp of a word": (
        lambda t, c: qml.exp(qml.Y(0) @ qml.Z(1), 1j * t * c),
        lambda t, c: expm(1j * t * c * YZ),
    ),
    "exp of a sum": (
        lambda t, c: qml.exp(hamiltonian(c), 1j * t),
        lambda t, c: expm(1j * t * dense(c)),
    ),
    "adjoint": (
        lambda t, c: qml.adjoint(qml.evolve(hamiltonian(c), t)),
        lambda t, c: expm(1j * t * dense(c)),
    ),
    "adjoint of a word": (
        lambda t, c: qml.adjoint(qml.exp(qml.Y(0) @ qml.Z(1), 1j * t * c)),
        lambda t, c: expm(-1j * t * c * YZ),
    ),
    "power": (
        lambda t, c: qml.pow(qml.exp(hamiltonian(c), 1j * t), 3, lazy=True),
        lambda t, c: expm(3j * t * dense(c)),
    ),
    "TrotterProduct": (
        lambda t, c: qml.TrotterProduct(hamiltonian(c), t, n=2, order=1),
        lambda t, c: np.linalg.matrix_power(expm(0.5j * t * c * XY) @ expm(0.5j * t * 0.4 * ZI), 2),
    ),
}


def state_value(unitary):
    psi = unitary @ START @ [1, 0, 0, 0]
    return (psi.conj() @ ((np.kron(X, Z) + np.kron(np.eye(2), Y)) @ psi)).real


def reference(name):
    return lambda point: state_value(CASES[name][1](*point))


def node_of(operation, interface, method, wires=3):
    @qml.qnode(qml.device("qizgloria.mixed", wires=wires), interface=interface, diff_method=method)
    def node(t, c):
        qml.RX(0.6, 1)
        qml.RY(0.8, 0)
        operation(t, c)
        return qml.expval(qml.X(0) @ qml.Z(1) + qml.Y(1))

    return node


def differentiated(node, interface, point):
    """The value and both derivatives."""
    if interface == "torch":
        leaves = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in point]
        value = node(*leaves)
        return value.item(), [g.item() for g in torch.autograd.grad(value, leaves)]
    if interface == "jax":
        return node(*point), jax.grad(node, argnums=(0, 1))(*point)
    numbers = [pnp.array(x, requires_grad=True) for x in point]
    return node(*numbers), qml.grad(node)(*numbers)


@pytest.mark.parametrize("method", ["backprop", "device"])
@pytest.mark.parametrize("name", CASES)
def test_time_and_coefficients(name, method, interface):
    """Derivatives by the time and by a coefficient of the generator, for each interface."""
    value, gradient = differentiated(node_of(CASES[name][0], interface, method), interface, POINT)
    np.testing.assert_allclose(value, reference(name)(POINT), atol=1e-10)
    np.testing.assert_allclose(gradient, five_point_derivative(reference(name), POINT), atol=1e-8)


@pytest.mark.parametrize("name", ["word", "sum", "LinearCombination", "adjoint"])
@pytest.mark.parametrize("interface", ["torch", "autograd"])
def test_parameter_shift_by_the_time(name, interface):
    """PennyLane's shift rules bind another time to an evolution of a sum."""
    node = node_of(lambda t, c: CASES[name][0](t, 0.7), interface, "parameter-shift")
    expected = five_point_derivative(lambda point: reference(name)([point[0], 0.7]), POINT[:1])[0]
    if interface == "torch":
        leaf = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
        (gradient,) = torch.autograd.grad(node(leaf, None), leaf)
    else:
        gradient = qml.grad(lambda t: node(t, None))(pnp.array(0.3))
    np.testing.assert_allclose(gradient, expected, atol=1e-8)


@pytest.mark.parametrize("name", ["word", "sum"])
def test_hidden_coefficients_with_shifts(name):
    """A coefficient that PennyLane's shift rules do not see has no silent derivative of zero."""
    node = node_of(CASES[name][0], "autograd", "parameter-shift")
    gradient = qml.grad(node)(*pnp.array(POINT, requires_grad=True))
    np.testing.assert_allclose(gradient, five_point_derivative(reference(name), POINT), atol=1e-8)


@pytest.mark.parametrize("name", ["word", "sum", "exp of a word", "exp of a sum"])
def test_controlled(name):
    """Controls of exponentials, of words and of sums."""
    operation, matrix = CASES[name]

    @qml.qnode(qml.device("qizgloria.mixed", wires=3), interface="torch", diff_method="backprop")
    def node(t, c):
        qml.RY(0.9, 2)
        qml.RX(0.6, 1)
        qml.RY(0.8, 0)
        qml.ctrl(operation(t, c), 2)
        return qml.expval(qml.X(0) @ qml.X(2) + qml.Y(1))

    def value(point):
        psi = np.kron(expm(-0.45j * Y) @ [1, 0], START @ [1, 0, 0, 0])
        psi = controlled(matrix(*point)) @ psi
        observable = np.kron(X, np.kron(X, np.eye(2))) + np.kron(np.eye(4), Y)
        return (psi.conj() @ observable @ psi).real

    found, gradient = differentiated(node, "torch", POINT)
    np.testing.assert_allclose(found, value(POINT), atol=1e-10)
    np.testing.assert_allclose(gradient, five_point_derivative(value, POINT), atol=1e-8)


@pytest.mark.parametrize("name", ["word", "sum", "exp of a word", "exp of a sum", "adjoint"])
def test_batches_of_times(name):
    """Each time of a batch has its own value and derivative."""
    node = node_of(CASES[name][0], "torch", "backprop")
    times = torch.tensor([0.3, -0.8], dtype=torch.float64, requires_grad=True)
    values = node(times, 0.7)
    (gradient,) = torch.autograd.grad(values.sum(), times)
    for t, value, slope in zip(times.tolist(), values.tolist(), gradient.tolist(), strict=True):
        np.testing.assert_allclose(value, reference(name)([t, 0.7]), atol=1e-10)
        expected = five_point_derivative(
            lambda point: reference(name)([point[0], 0.7]), np.array([t])
        )
        np.testing.assert_allclose([slope], expected, atol=1e-8)


def test_many_wires():
    """A word on more wires than a transfer matrix has, and a sum on as many."""
    words = [qml.X(0) @ qml.Y(1) @ qml.Z(2) @ qml.X(3), qml.Z(0) @ qml.Y(3)]
    device = qml.device("qizgloria.mixed", wires=4)

    def value(operation):
        @qml.qnode(device, interface="torch")
        def node(t):
            for wire in range(4):
                qml.RY(0.4 + wire, wire)
            operation(t)
            return qml.expval(qml.X(0) @ qml.Z(2))

        t = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
        return node(t), torch.autograd.grad(node(t), t)[0]

    for generator in (words[0], words[0] + 0.5 * words[1]):
        matrix = qml.matrix(generator, wire_order=range(4))
        found, slope = value(lambda t, own=generator: qml.evolve(own, t))
        psi = np.array([1.0])
        for wire in range(4):
            psi = np.kron(psi, expm(-0.5j * (0.4 + wire) * Y) @ [1, 0])
        observable = np.kron(np.kron(X, np.eye(2)), np.kron(Z, np.eye(2)))
        image = expm(-0.3j * matrix) @ psi
        np.testing.assert_allclose(
            found.item(), (image.conj() @ observable @ image).real, atol=1e-10
        )
        derivative = 2 * (image.conj() @ observable @ (-1j * matrix @ image)).real
        np.testing.assert_allclose(slope, derivative, atol=1e-10)


def test_random_products():
    """QDrift runs with torch's times."""
    node = node_of(
        lambda t, c: qml.QDrift(qml.X(0) @ qml.Y(1) + 0.4 * qml.Z(0), t, n=3, seed=7),
        "torch",
        "backprop",
    )
    t = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(node(t, None), t)
    expected = five_point_derivative(
        lambda point: node(torch.tensor(point[0]), None).item(), POINT[:1]
    )
    np.testing.assert_allclose([slope], expected, atol=1e-8)


def test_real_exponents_are_refused():
    """What is no evolution is no unitary, and is named."""
    for base in (qml.X(0) @ qml.Y(1), hamiltonian(0.7)):
        with pytest.raises(ValueError, match=r"qizgloria.mixed: Exp on wires .* is not unitary"):
            node_of(lambda t, c, own=base: Exp(own, 0.3), "numpy", None)(0.1, 0.2)
