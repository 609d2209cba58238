"""Trainable numbers that an operator does not show are differentiated, or refused."""

import pennylane as qml
import pytest
import torch
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
