"""Gradients of the parameters of every kind of operation, against two references."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from helpers.devices import mixed_device

THREE = np.array([0.7, -0.4, 1.3])
FOUR = np.array([0.4, -0.7, 0.3, 0.9])


def hermitian(x):
    """A Hermitian 2x2 matrix of four numbers."""
    return qml.math.stack(
        [
            qml.math.stack([x[0] + 0j, x[1] + 1j * x[2]]),
            qml.math.stack([x[1] - 1j * x[2], x[3] + 0j]),
        ]
    )


def unitary(x):
    """A unitary, whatever the numbers, for numpy and torch."""
    generator = 1j * hermitian(x)
    return qml.math.expm(generator)


def unit(x):
    """A complex unit vector of 2 k numbers."""
    vector = x[: len(x) // 2] + 1j * x[len(x) // 2 :]
    return vector / qml.math.sqrt(qml.math.sum(qml.math.abs(vector) ** 2))


OPERATIONS = {
    "PauliRot": (lambda x: qml.PauliRot(x[0], pauli_word="ZXY", wires=[2, 0, 3]), THREE[:1]),
    "wide PauliRot": (
        lambda x: qml.PauliRot(x[0], pauli_word="XYZX", wires=[2, 0, 3, 1]),
        THREE[:1],
    ),
    "PCPhase": (lambda x: qml.PCPhase(x[0], dim=3, wires=[2, 0]), THREE[:1]),
    "controlled Rot": (
        lambda x: qml.ctrl(qml.Rot(*x, 2), [0, 3], [0, 1]),
        THREE,
    ),
    "adjoint of U3": (
        lambda x: qml.adjoint(qml.U3(*x, 1), lazy=True),
        THREE,
    ),
    "power": (lambda x: qml.pow(qml.RX(x[0], 2), 1.7, lazy=True), np.array([0.7])),
    "QubitUnitary": (lambda x: qml.QubitUnitary(unitary(x), 2), FOUR),
    "ControlledQubitUnitary": (
        lambda x: qml.ControlledQubitUnitary(unitary(x), [1, 3, 2], control_values=[0, 1]),
        FOUR,
    ),
    "DiagonalQubitUnitary": (
        lambda x: qml.DiagonalQubitUnitary(qml.math.exp(1j * x), [0, 2]),
        FOUR,
    ),
    "PauliError": (lambda x: qml.PauliError("XZ", x[0], [2, 0]), np.array([0.2])),
    "wide PauliError": (lambda x: qml.PauliError("XZYX", x[0], [2, 0, 1, 3]), np.array([0.2])),
    "ThermalRelaxationError": (
        lambda x: qml.ThermalRelaxationError(*x, 1),
        np.array([0.2, 1.1, 0.8, 0.3]),
    ),
    "ThermalRelaxationError, long T2": (
        lambda x: qml.ThermalRelaxationError(*x, 1),
        np.array([0.2, 0.7, 1.1, 0.3]),
    ),
    "StatePrep": (lambda x: qml.StatePrep(unit(x), [2]), FOUR),
    "AmplitudeEmbedding": (
        lambda x: qml.AmplitudeEmbedding(x, [1, 3], normalize=True),
        FOUR,
    ),
    "AngleEmbedding": (lambda x: qml.AngleEmbedding(x, [2, 0, 1, 3], rotation="Y"), FOUR),
}
MATRIX_IN_SINGLE_PRECISION = {"RZ", "CRZ", "ControlledPhaseShift", "controlled Rot"}
"""PennyLane makes the torch matrices of these in single precision, in part."""
WITHOUT_TORCH = {"ThermalRelaxationError", "ThermalRelaxationError, long T2"}
"""default.mixed has no torch gradient of these."""
SEEN = qml.Hamiltonian(
    [0.7, -1.1, 0.4, 0.9, -0.6, 0.5],
    [
        *(qml.Z(0) @ qml.X(1), qml.Y(2), qml.Y(0) @ qml.Z(3), qml.X(2) @ qml.Y(1) @ qml.Z(0)),
        *(qml.X(1), qml.Z(2) @ qml.Z(3)),
    ],
)
FIRST = {"StatePrep", "AmplitudeEmbedding", "AngleEmbedding"}
"""Features come first in a circuit."""


def embedded(build, device, first=False):
    """An expectation value after an operation in the middle of an entangling, noisy circuit."""

    @qml.qnode(device, interface="auto", diff_method="backprop")
    def circuit(x):
        if first:
            build(x)
        for wire in range(4):
            qml.Rot(0.4 + wire, 0.8 - wire, 1.1, wire)
        for wire in range(3):
            qml.CNOT([wire, wire + 1])
        if not first:
            build(x)
        qml.IsingXY(0.6, [0, 3])
        qml.AmplitudeDamping(0.1, 2)
        return qml.expval(SEEN)

    return circuit


def by_torch(circuit, point):
    x = torch.tensor(point, requires_grad=True)
    return torch.autograd.grad(circuit(x).real, x)[0]


def check(name, build, start):
    """Compare the gradient of an operation's parameters with two references."""
    circuit = embedded(build, mixed_device(), name in FIRST)
    reference = embedded(build, qml.device("default.mixed", wires=4), name in FIRST)
    gradient = by_torch(circuit, start)
    differences = five_point_derivative(circuit, start)
    np.testing.assert_allclose(gradient, differences, rtol=0, atol=1e-9)
    assert np.abs(differences).max() > 1e-3
    if name in WITHOUT_TORCH:
        expected = five_point_derivative(reference, start)
    else:
        expected = by_torch(reference, start)
    tolerance = 1e-7 if name in MATRIX_IN_SINGLE_PRECISION else 1e-9
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=tolerance)


def test_gate(gate):
    """The gradient of each gate agrees with finite differences and default.mixed."""
    kind, num_wires, num_angles = gate
    wires = [2, 0, 3, 1][:num_wires]
    check(kind.__name__, lambda x: kind(*x, wires=wires), THREE[:num_angles])


def test_channel(channel):
    """The gradient of each channel's strengths agrees with finite differences and default.mixed."""
    kind, num_strengths = channel
    check(kind.__name__, lambda x: kind(*x, 1), np.array([0.13, 0.3][:num_strengths]))


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name):
    """Gradients of other operations and feature maps agree with differences and default.mixed."""
    check(name, *OPERATIONS[name])
