"""Derivatives of derivatives by torch, against finite differences of values of default.mixed."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device

THREE = np.array([0.7, -0.4, 1.3])
FOUR = np.array([0.4, -0.7, 0.3, 0.9])
STEP = 1e-2


def unitary(x):
    """A unitary of four numbers, for numpy and torch."""
    rows = [[x[0] + 0j, x[1] + 1j * x[2]], [x[1] - 1j * x[2], x[3] + 0j]]
    return qml.math.expm(1j * qml.math.stack([qml.math.stack(row) for row in rows]))


def unit(x):
    """A complex unit vector of 2 k numbers."""
    vector = x[: len(x) // 2] + 1j * x[len(x) // 2 :]
    return vector / qml.math.sqrt(qml.math.sum(qml.math.abs(vector) ** 2))


OPERATIONS = {
    "QubitUnitary": (lambda x: qml.QubitUnitary(unitary(x), 2), FOUR),
    "QubitUnitary twice": (
        lambda x: [qml.QubitUnitary(unitary(x), wire) for wire in (0, 1)],
        FOUR,
    ),
    "SpecialUnitary": (lambda x: qml.SpecialUnitary(x, 1), THREE),
    "DiagonalQubitUnitary": (
        lambda x: qml.DiagonalQubitUnitary(qml.math.exp(1j * x), [0, 2]),
        FOUR,
    ),
    "ControlledQubitUnitary": (
        lambda x: qml.ControlledQubitUnitary(unitary(x), [1, 0, 2], control_values=[0, 1]),
        FOUR,
    ),
    "Select": (lambda x: qml.Select([qml.RX(x[0], 2), qml.RY(x[1], 2)], control=[0]), THREE[:2]),
    "ctrl": (lambda x: qml.ctrl(qml.Rot(*x, 2), [0, 1], [0, 1]), THREE),
    "adjoint of ctrl": (lambda x: qml.adjoint(qml.ctrl(qml.RY(x[0], 1), [0])), THREE[:1]),
    "evolve": (lambda x: qml.evolve(qml.X(0), x[0]), THREE[:1]),
    "power": (lambda x: qml.pow(qml.RX(x[0], 2), 1.7, lazy=True), THREE[:1]),
    "PauliRot": (lambda x: qml.PauliRot(x[0], "ZXY", [2, 0, 1]), THREE[:1]),
    "PCPhase": (lambda x: qml.PCPhase(x[0], dim=3, wires=[2, 0]), THREE[:1]),
    "PauliError": (lambda x: qml.PauliError("XZ", x[0], [2, 0]), np.array([0.2])),
    "ThermalRelaxationError": (
        lambda x: qml.ThermalRelaxationError(*x, 1),
        np.array([0.2, 1.1, 0.8, 0.3]),
    ),
    "StatePrep": (lambda x: qml.StatePrep(unit(x), [1]), FOUR),
}


def embedded(build, device, **options):
    """An expectation value after an operation between gates that share its angles."""

    @qml.qnode(device, **options)
    def circuit(x):
        if build is not OPERATIONS["StatePrep"][0]:
            for wire in range(3):
                qml.Rot(0.4 + wire, 0.8 - wire, x[0], wire)
            qml.CNOT([0, 1])
            qml.CNOT([1, 2])
        build(x)
        qml.IsingXY(0.6 + x[-1], [0, 2])
        qml.AmplitudeDamping(0.1, 2)
        qml.CRY(x[0], [0, 1])
        return qml.expval(0.7 * qml.Z(0) @ qml.X(1) - 1.1 * qml.Y(2) + 0.4 * qml.Y(1))

    return circuit


def along(function, x, *directions):
    """The derivative of a function along some directions, by the five-point formula."""
    if not directions:
        return function(x)
    *others, last = directions
    a, b, c, d = (along(function, x + k * STEP * last, *others) for k in (1, -1, 2, -2))
    return (8 * (a - b) - (c - d)) / (12 * STEP)


def by_double_backward(function, x, *directions):
    """The same by torch, one reverse pass through the one before."""
    leaf = torch.tensor(x, requires_grad=True)
    value = function(leaf).sum()
    for direction in directions:
        (gradient,) = torch.autograd.grad(value, leaf, create_graph=True)
        value = (gradient * torch.tensor(direction)).sum()
    return value.detach().numpy()


def check(build, start, order=2):
    """Compare derivatives of an operation's parameters with differences."""
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(order, len(start)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    circuit = embedded(build, mixed_device(3), interface="torch")
    reference = embedded(build, qml.device("default.mixed", wires=3), diff_method=None)
    expected = along(reference, start, *directions)
    assert abs(expected) > 1e-3
    found = by_double_backward(circuit, start, *directions)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_gate(gate):
    """Second derivatives of a gate's angles, mixed ones too, are those of its values."""
    kind, num_wires, num_angles = gate
    if num_wires <= 3:
        check(lambda x: kind(*x, wires=[2, 0, 1][:num_wires]), THREE[:num_angles])


def test_channel(channel):
    """Second derivatives of strengths are those of values."""
    kind, num_strengths = channel
    check(lambda x: kind(*x, 1), np.array([0.23, 0.3][:num_strengths]))


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name):
    """Second derivatives of what makes a matrix, a state or a channel are those of values."""
    check(*OPERATIONS[name])


@pytest.mark.parametrize("name", ["QubitUnitary twice", "ctrl", "ThermalRelaxationError"])
def test_third_derivatives(name):
    """Third derivatives are those of values, too."""
    check(*OPERATIONS[name], order=3)


BATCHED = {
    "Rot": lambda x: qml.Rot(x[0], x[1], x[2], 1),
    "IsingXY": lambda x: qml.IsingXY(x[1], [1, 0]),
    "AmplitudeDamping": lambda x: qml.AmplitudeDamping(x[1] ** 2, 2),
    "SpecialUnitary": lambda x: qml.SpecialUnitary(qml.math.stack([x[0], x[1], x[2]], -1), 1),
    "ctrl": lambda x: qml.ctrl(qml.RY(x[2], 2), [0, 1]),
}


@pytest.mark.parametrize("name", BATCHED)
def test_batches(name):
    """Each element of a batch has its own second derivatives."""
    starts = np.random.default_rng(5).uniform(0.2, 0.8, (3, 2))
    directions = np.random.default_rng(6).uniform(-0.6, 0.6, (2, 3, 2))
    circuit = embedded(BATCHED[name], mixed_device(3), interface="torch")
    reference = embedded(BATCHED[name], qml.device("default.mixed", wires=3), diff_method=None)
    expected = sum(
        along(reference, starts[:, b], *directions[:, :, b]) for b in range(starts.shape[1])
    )
    # A sum over the batch has no mixed derivatives between its elements.
    found = by_double_backward(circuit, starts, *directions)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)
