"""Trainable numbers that an operator does not show are differentiated, or refused."""

import jax
import jax.numpy as jnp
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


SHOWN = {"exp", "trotter"}
"""Operators whose coefficients are among their parameters."""


@pytest.mark.parametrize(
    ("kind", "method"),
    [(kind, "finite-diff") for kind in OPERATORS]
    + [(kind, "spsa") for kind in OPERATORS if kind not in SHOWN],
)
def test_in_torch(kind, method):
    """Other parameters hid that the derivative by the coefficient was zero."""
    circuit = circuit_of(OPERATORS[kind], "qizgloria.mixed", interface="torch", diff_method=method)
    if kind in SHOWN:
        reference = circuit_of(OPERATORS[kind], "default.qubit", interface="torch")
        found, expected = torch_gradient(circuit), torch_gradient(reference)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
        return
    with pytest.raises(QuantumFunctionError, match=r"trainable coefficients.*'best'"):
        torch_gradient(circuit)


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
TAKEN_BY_SHIFTS_OF_NUMBERS = {"sum", "word", "matrix", "adjoint"}
"""Those that PennyLane's finite differences and spsa can bind new numbers to."""


def derivative(circuit, interface):
    if interface == "torch":
        t = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(circuit(t), t)[0]
    if interface == "autograd":
        return qml.grad(circuit)(pnp.array(0.4, requires_grad=True))
    return jax.grad(circuit)(jnp.array(0.4))


@pytest.mark.parametrize("interface", ["torch", "autograd", "jax"])
@pytest.mark.parametrize(
    ("kind", "method"),
    [(kind, "hadamard") for kind in EXPONENTIALS]
    + [
        (k, method)
        for k in sorted(TAKEN_BY_SHIFTS_OF_NUMBERS)
        for method in ("finite-diff", "spsa")
    ],
)
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
    if (kind, interface) == ("controlled", "jax"):
        # PennyLane keeps a tracer of JAX's in what it knows of controlled operators.
        with pytest.raises(jax.errors.UnexpectedTracerError):
            derivative(own, interface)
        return
    assert abs(float(derivative(own, interface)) - expected) < 2e-6
