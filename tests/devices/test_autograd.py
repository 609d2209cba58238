"""Autograd's derivatives of circuits, against default.mixed, which it can look into."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from helpers.devices import mixed_device
from pennylane import numpy as pnp
from pennylane.exceptions import DeviceError
from pennylane.tape import QuantumScript

X = pnp.array([0.3, 0.7], requires_grad=True)


def body(x):
    qml.RX(x[0], 0)
    qml.CNOT([0, 1])
    qml.RY(x[1], 1)
    qml.AmplitudeDamping(0.1 + 0.1 * x[0], 0)


COSTS = {
    "expval": (lambda: qml.expval(qml.Z(1)), lambda y: y),
    "sum of several": (
        lambda: [qml.expval(qml.Z(1)), qml.expval(qml.Y(0) @ qml.X(1)), qml.var(qml.X(1))],
        lambda y: 2 * y[0] - y[1] + y[2],
    ),
    "probs": (lambda: qml.probs([1]), lambda y: y[0] ** 2),
    "state": (lambda: qml.state(), lambda y: pnp.real(y[0, 0] + 1j * y[0, 3])),
    "density matrix": (lambda: qml.density_matrix([1]), lambda y: pnp.abs(y[0, 1]) ** 2),
}

ORDERS = {
    "gradient": lambda cost: qml.grad(cost)(X),
    "Hessian": lambda cost: qml.jacobian(qml.grad(cost))(X),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("max_diff", [1, 2])
@pytest.mark.parametrize("name", COSTS)
def test_derivatives(name, max_diff, order):
    """Gradients and Hessians of every kind of result are default.mixed's."""
    measured, cost = COSTS[name]

    def derivative(device):
        @qml.qnode(device, interface="autograd", max_diff=max_diff)
        def circuit(x):
            body(x)
            return measured()

        return ORDERS[order](lambda x: cost(circuit(x)))

    expected = derivative(qml.device("default.mixed", wires=2))
    assert np.allclose(derivative(mixed_device(2)), expected, rtol=0, atol=1e-9)
    assert np.abs(expected).max() > 1e-2


def acquaintances(index, wires, param=None, **_):
    return qml.CRY(param, wires)


def block_encode(x):
    return qml.BlockEncode(pnp.array([[0.1, x], [0.3, 1.4]]), [0, 1])


OPERATIONS = {
    "BlockEncode": block_encode,
    "adjoint of BlockEncode": lambda x: qml.adjoint(block_encode(x)),
    "QSVT": lambda x: qml.QSVT(block_encode(x), [qml.PCPhase(x, 1, [0, 1]) for _ in range(3)]),
    "TwoLocalSwapNetwork": lambda x: qml.TwoLocalSwapNetwork(
        [0, 1], acquaintances, x * pnp.ones(1)
    ),
    "QubitUnitary": lambda x: qml.QubitUnitary(
        pnp.array([[pnp.cos(x), -pnp.sin(x)], [pnp.sin(x), pnp.cos(x)]]), 0
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_parameters_beside_the_data(name):
    """Gradients go through what PennyLane keeps of a parameter besides the parameter."""

    def circuit(x):
        for wire in range(2):
            qml.RY(0.8, wire)
        OPERATIONS[name](x)
        qml.RX(0.3, 0)
        return qml.expval(qml.Z(0) + 0.5 * qml.Y(1) @ qml.X(0))

    x = pnp.array(0.4, requires_grad=True)
    found, expected = (
        qml.grad(qml.QNode(circuit, device, interface="autograd"))(x)
        for device in (mixed_device(2), qml.device("default.mixed", wires=2))
    )
    assert abs(found - expected) < 1e-8
    assert abs(expected) > 1e-3


def test_no_parameter_reaches_the_measurement():
    """The gradient is zero where the measurement sees none of the parameters."""

    @qml.qnode(mixed_device(2))
    def circuit(x):
        qml.RX(x, 1)
        return qml.expval(qml.Z(0))

    assert qml.grad(circuit)(pnp.array(0.4, requires_grad=True)) == 0


def tape(x, shots=None):
    return QuantumScript([qml.RX(x, 0)], [qml.expval(qml.Z(0)), qml.probs([0])], shots=shots)


def test_execute_while_tracing():
    """``device.execute`` takes tapes with autograd's boxes, several of them too."""

    def total(x):
        first, (mean, probabilities) = mixed_device(1).execute([tape(x), tape(2 * x)])
        return first[0] + mean * probabilities[1]

    def by_hand(x):
        return pnp.cos(x) + pnp.cos(2 * x) * pnp.sin(x) ** 2

    x = pnp.array(0.4, requires_grad=True)
    for way in (qml.grad, lambda f: qml.grad(qml.grad(f))):
        assert abs(way(total)(x) - way(by_hand)(x)) < 1e-10


def test_execute_with_shots_while_tracing():
    """Samples have no derivative that autograd could take; the message says what has one."""
    with pytest.raises(DeviceError, match=r"qizgloria.mixed.*shots.*parameter-shift"):
        qml.grad(lambda x: mixed_device(1).execute(tape(x, shots=10))[0])(
            pnp.array(0.4, requires_grad=True)
        )
