"""Trainable numbers that an operator does not show are differentiated, or refused."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp
from pennylane.exceptions import QuantumFunctionError

OPERATORS = {
    "evolve": lambda h: qml.evolve(h),
    "evolve for a time": lambda h: qml.evolve(h, 0.7),
    "adjoint": lambda h: qml.adjoint(qml.evolve(h)),
    "power": lambda h: qml.pow(qml.evolve(h), 2),
    "controlled": lambda h: qml.ctrl(qml.evolve(h), 2),
    "exp": lambda h: qml.exp(h, 1j),
    "trotter": lambda h: qml.TrotterProduct(h, 0.7, n=2),
}


def circuit_of(make, name, **options):
    @qml.qnode(qml.device(name, wires=3), **options)
    def circuit(x, angle):
        qml.RX(angle, wires=0)
        qml.RY(0.3, wires=1)
        qml.RX(0.8, wires=2)
        make(x * qml.X(0) @ qml.X(1) + 0.3 * qml.Z(0))
        return qml.expval(qml.Z(0))

    return circuit


def torch_gradient(circuit):
    x, angle = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.5, 0.4))
    return torch.autograd.grad(circuit(x, angle), (x, angle))


@pytest.mark.parametrize("kind", OPERATORS)
def test_finite_differences_by_coefficients(kind):
    """Coefficients that PennyLane's operators keep to themselves are parameters here."""
    found, expected = (
        torch_gradient(circuit_of(OPERATORS[kind], name, interface="torch", diff_method=method))
        for name, method in (("qizgloria.mixed", "finite-diff"), ("default.qubit", "backprop"))
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [kind for kind in OPERATORS if kind != "trotter"])
def test_hadamard_tests_by_coefficients_are_refused(kind):
    """Other parameters hid that the derivative by the coefficient was zero, or that of another."""
    options = {"interface": "torch", "diff_method": "hadamard"}
    circuit = circuit_of(OPERATORS[kind], "qizgloria.mixed", **options)
    with pytest.raises(QuantumFunctionError, match=r"trainable coefficients.*'best'"):
        torch_gradient(circuit)


MATRIX = np.array([[0.3, 1 - 0.2j], [1 + 0.2j, -0.2]])

EXPONENTIALS = {
    "sum": lambda t: qml.exp(qml.X(0) @ qml.Y(1) + 0.5 * qml.Z(0), 1j * t),
    "word": lambda t: qml.exp(qml.X(0) @ qml.Y(1), 1j * t),
    "matrix": lambda t: qml.exp(qml.Hermitian(MATRIX, 0), 1j * t),
    "adjoint": lambda t: qml.adjoint(qml.exp(qml.X(0) + 0.5 * qml.Z(0), 1j * t)),
    "power": lambda t: qml.pow(qml.exp(qml.X(0) + 0.5 * qml.Z(0), 1j * t), 2),
    "controlled": lambda t: qml.ctrl(qml.exp(qml.X(0) + 0.5 * qml.Z(0), 1j * t), 2),
}


@pytest.mark.parametrize("interface", ["torch", "autograd"])
@pytest.mark.parametrize("method", ["finite-diff", "spsa", "hadamard"])
@pytest.mark.parametrize("kind", EXPONENTIALS)
def test_imaginary_exponents(kind, method, interface):
    """PennyLane's transforms differentiate by the exponent's real part, which gave zero."""

    def circuit(t):
        qml.Hadamard(0)
        qml.RY(0.3, 1)
        qml.RX(0.7, 2)
        EXPONENTIALS[kind](t)
        qml.RX(0.2, 0)
        return qml.expval(qml.Z(0) @ qml.X(1) + qml.Y(0))

    exact = qml.QNode(circuit, qml.device("default.qubit", wires=3), diff_method=None)
    expected = (exact(0.4 + 1e-5) - exact(0.4 - 1e-5)) / 2e-5
    options = {"gradient_kwargs": {"aux_wire": 3}} if method == "hadamard" else {}
    device = qml.device("qizgloria.mixed", wires=4)
    own = qml.QNode(circuit, device, interface=interface, diff_method=method, **options)
    if interface == "torch":
        t = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        (found,) = torch.autograd.grad(own(t), t)
    elif (kind, method) == ("controlled", "finite-diff"):
        with pytest.raises(TypeError, match="diff_method='best'"):
            qml.grad(own)(pnp.array(0.4, requires_grad=True))
        return
    else:
        found = qml.grad(own)(pnp.array(0.4, requires_grad=True))
    assert abs(float(found) - expected) < 1e-6
