"""Controls, adjoints and powers of gates at special angles: values and gradients.

The reference are dense matrices written here, and finite differences of their values.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from pennylane.ops.op_math import Adjoint, Controlled

SPECIAL = [0.0, 2 * np.pi - 1e-6, np.pi, 4 * np.pi, -1e-7, 0.7]
PAULIS = {
    "I": np.eye(2),
    "X": np.array([[0, 1], [1, 0]]),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]),
}


def turn(letter, angle):
    return np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * PAULIS[letter]


def phase(angle):
    return np.diag([1, np.exp(1j * angle)])


# What makes the gate on the last wires from one angle, its matrix, and how many wires it has.
GATES = {
    "RX": (lambda x, w: qml.RX(x, w), lambda x: turn("X", x), 1),
    "RY": (lambda x, w: qml.RY(x, w), lambda x: turn("Y", x), 1),
    "RZ": (lambda x, w: qml.RZ(x, w), lambda x: turn("Z", x), 1),
    "PhaseShift": (lambda x, w: qml.PhaseShift(x, w), phase, 1),
    "U1": (lambda x, w: qml.U1(x, w), phase, 1),
    "Rot": (
        lambda x, w: qml.Rot(x, 0.3, x, w),
        lambda x: turn("Z", x) @ turn("Y", 0.3) @ turn("Z", x),
        1,
    ),
    "U2": (
        lambda x, w: qml.U2(x, 0.3, w),
        lambda x: phase(x) @ turn("Y", np.pi / 2) @ phase(0.3),
        1,
    ),
    "U3": (lambda x, w: qml.U3(x, 0.3, x, w), lambda x: phase(0.3) @ turn("Y", x) @ phase(x), 1),
    "IsingXX": (
        lambda x, w: qml.IsingXX(x, w),
        lambda x: (
            np.cos(x / 2) * np.eye(4) - 1j * np.sin(x / 2) * np.kron(PAULIS["X"], PAULIS["X"])
        ),
        2,
    ),
    "PSWAP": (
        lambda x, w: qml.PSWAP(x, w),
        lambda x: np.eye(4)[[0, 2, 1, 3]] * [1, np.exp(1j * x), np.exp(1j * x), 1],
        2,
    ),
    "GlobalPhase": (lambda x, w: qml.GlobalPhase(x, []), lambda x: np.exp(-1j * x) * np.eye(1), 0),
}


def controlled(matrix, values):
    whole = np.eye(len(matrix) * 2 ** len(values), dtype=complex)
    start = len(matrix) * int("".join(map(str, values)), 2)
    whole[start : start + len(matrix), start : start + len(matrix)] = matrix
    return whole


def prepared(num_wires):
    """A state vector on which every gate has an effect."""
    kets = [turn("Z", 0.5 + 0.2 * w) @ turn("Y", 0.7 + 0.3 * w) @ [1, 0] for w in range(num_wires)]
    return reduce(np.kron, kets)


def observable(num_wires):
    letters = ["XYZYXZXYZX"[:num_wires], "ZXYIXYIZXY"[:num_wires]]
    return [reduce(np.kron, [PAULIS[letter] for letter in word]) for word in letters], letters


def value(matrix):
    num_wires = len(matrix).bit_length() - 1
    state = matrix @ prepared(num_wires)
    return sum((state.conj() @ (op @ state)).real for op in observable(num_wires)[0])


def circuit(operation, num_wires):
    for wire in range(num_wires):
        qml.RY(0.7 + 0.3 * wire, wire)
        qml.RZ(0.5 + 0.2 * wire, wire)
    operation()
    words = [qml.pauli.string_to_pauli_word(word) for word in observable(num_wires)[1]]
    return qml.expval(words[0] + words[1])


def check(operation, matrix, num_wires, x, method="backprop", wires=None):
    """Value and gradient of an operation of one angle are those of its matrix."""
    device = qml.device("qizgloria.mixed", wires=wires or num_wires)
    node = qml.QNode(
        lambda x: circuit(lambda: operation(x), num_wires),
        device,
        interface="torch",
        diff_method=method,
    )
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    result = node(leaf)
    (gradient,) = torch.autograd.grad(result, leaf)
    np.testing.assert_allclose(result.detach(), value(matrix(x)), atol=1e-10)
    expected = five_point_derivative(lambda point: value(matrix(point[0])), np.array([x]))[0]
    np.testing.assert_allclose(gradient, expected, atol=1e-8)


@pytest.mark.parametrize("values", [[1, 1, 1], [0, 1, 1], [0, 0, 0], [1, 0]], ids=str)
@pytest.mark.parametrize("name", GATES)
def test_controls_at_special_angles(name, values):
    """Multi-controlled gates are exact, and differentiable, where decompositions branch."""
    make, matrix, targets = GATES[name]
    num_wires = len(values) + targets
    controls, wires = list(range(len(values))), list(range(len(values), num_wires))
    for x in SPECIAL:
        check(
            lambda x: qml.ctrl(make(x, wires), controls, control_values=values),
            lambda x: controlled(matrix(x), values),
            num_wires,
            x,
        )


@pytest.mark.parametrize("method", ["device", "parameter-shift"])
@pytest.mark.parametrize("x", SPECIAL)
def test_other_methods(method, x):
    """The device's own derivative and parameter shifts see the same gate."""
    check(
        lambda x: qml.ctrl(qml.PhaseShift(x, 3), [0, 1, 2], control_values=[0, 1, 1]),
        lambda x: controlled(phase(x), [0, 1, 1]),
        4,
        x,
        method,
    )


@pytest.mark.parametrize(
    ("kind", "x"),
    [
        ("RX", 0.0),
        ("RY", 0.7),
        ("PhaseShift", 2 * np.pi - 1e-6),
        ("U3", 0.0),
        ("GlobalPhase", 0.0),
    ],
)
def test_more_wires_than_a_matrix_has(kind, x):
    """Beyond the width of a matrix the decomposition does not branch either."""
    make, matrix, targets = GATES[kind]
    values = [1, 0, 1, 1, 1, 1, 0, 1, 1][: 9 - targets]
    check(
        lambda x: qml.ctrl(make(x, [8]), range(len(values)), control_values=values),
        lambda x: controlled(matrix(x), values),
        9,
        x,
    )


@pytest.mark.parametrize("work_wire_type", ["zeroed", "borrowed"])
@pytest.mark.parametrize("x", [0.0, 0.7])
def test_work_wires(work_wire_type, x):
    """Work wires, used or not, change nothing."""
    check(
        lambda x: qml.ctrl(
            qml.RY(x, 3), [0, 1, 2], work_wires=[4, 5], work_wire_type=work_wire_type
        ),
        lambda x: controlled(turn("Y", x), [1, 1, 1]),
        4,
        x,
        wires=6,
    )


NESTED = {
    "control of a control": (
        lambda x: Controlled(Controlled(qml.RX(x, 3), [2], [0]), [0, 1], [1, 0]),
        lambda x: controlled(turn("X", x), [1, 0, 0]),
    ),
    "adjoint of a control": (
        lambda x: Adjoint(qml.ctrl(qml.U3(x, 0.3, x, 3), [0, 1, 2], [0, 1, 1])),
        lambda x: controlled(GATES["U3"][1](x), [0, 1, 1]).conj().T,
    ),
    "control of an adjoint": (
        lambda x: qml.ctrl(Adjoint(qml.PhaseShift(x, 3)), [0, 1, 2]),
        lambda x: controlled(phase(-x), [1, 1, 1]),
    ),
    "power of a control": (
        lambda x: qml.pow(qml.ctrl(qml.RZ(x, 3), [0, 1, 2]), -1.5, lazy=True),
        lambda x: controlled(turn("Z", -1.5 * x), [1, 1, 1]),
    ),
    "control of a power of a product": (
        lambda x: qml.ctrl(qml.pow(qml.Rot(x, 0.3, x, 3), -2, lazy=True), [0, 1, 2]),
        lambda x: controlled(np.linalg.matrix_power(GATES["Rot"][1](x), -2), [1, 1, 1]),
    ),
    "control of a root of X": (
        lambda x: [
            qml.ctrl(qml.pow(qml.X(3), 0.5, lazy=True), [0, 1, 2]),
            qml.ctrl(qml.RZ(x, 3), [0, 1, 2]),
        ],
        lambda x: (
            controlled(turn("Z", x), [1, 1, 1])
            @ controlled(np.exp(1j * np.pi / 4) * turn("X", np.pi / 2), [1, 1, 1])
        ),
    ),
    "adjoint of a template": (
        lambda x: qml.adjoint(lambda: [qml.ctrl(qml.RX(x, 3), [0, 1, 2]), qml.PhaseShift(x, 3)])(),
        lambda x: (np.kron(np.eye(8), phase(x)) @ controlled(turn("X", x), [1, 1, 1])).conj().T,
    ),
    "control of a product": (
        lambda x: qml.ctrl(qml.prod(qml.RX(x, 2), qml.CNOT([2, 3])), [0, 1], [0, 1]),
        lambda x: controlled(np.kron(turn("X", x), np.eye(2)) @ np.eye(4)[[0, 1, 3, 2]], [0, 1]),
    ),
}


@pytest.mark.parametrize("x", SPECIAL)
@pytest.mark.parametrize("name", NESTED)
def test_nested(name, x):
    """Controls, adjoints and powers of one another, and of templates."""
    operation, matrix = NESTED[name]
    check(operation, matrix, 4, x)


CONSTANT = {
    "X": (qml.X, PAULIS["X"]),
    "Y": (qml.Y, PAULIS["Y"]),
    "Z": (qml.Z, PAULIS["Z"]),
    "Hadamard": (qml.Hadamard, (PAULIS["X"] + PAULIS["Z"]) / np.sqrt(2)),
    "S": (qml.S, np.diag([1, 1j])),
    "SWAP": (qml.SWAP, np.eye(4)[[0, 2, 1, 3]]),
}


@pytest.mark.parametrize("num_controls", [2, 3, 7])
@pytest.mark.parametrize("name", CONSTANT)
def test_multi_controlled_constants(name, num_controls):
    """Gates without parameters behind few and behind many controls."""
    make, matrix = CONSTANT[name]
    values = [(i + 1) % 3 % 2 for i in range(num_controls)]
    targets = len(matrix).bit_length() - 1
    num_wires = num_controls + targets
    wires = list(range(num_controls, num_wires))
    device = qml.device("qizgloria.mixed", wires=num_wires)

    @qml.qnode(device)
    def node():
        return circuit(
            lambda: qml.ctrl(make(wires), range(num_controls), control_values=values), num_wires
        )

    np.testing.assert_allclose(node(), value(controlled(matrix, values)), atol=1e-10)


@pytest.mark.parametrize("targets", [[3], [8]], ids=["matrix", "decomposed"])
@pytest.mark.parametrize("kind", ["RX", "PhaseShift"])
def test_batches(kind, targets):
    """Each element of a batch has its own value and gradient, on few wires and on many."""
    make, matrix, _ = GATES[kind]
    controls = list(range(targets[0]))
    angles = torch.tensor([0.0, np.pi, 0.7], dtype=torch.float64, requires_grad=True)
    num_wires = targets[0] + 1
    device = qml.device("qizgloria.mixed", wires=num_wires)
    node = qml.QNode(
        lambda x: circuit(lambda: qml.ctrl(make(x, targets), controls), num_wires),
        device,
        interface="torch",
        diff_method="backprop",
    )
    result = node(angles)
    (gradient,) = torch.autograd.grad(result.sum(), angles)

    def single(point):
        return value(controlled(matrix(point[0]), [1] * len(controls)))

    points = [np.array([x]) for x in angles.tolist()]
    np.testing.assert_allclose(result.detach(), list(map(single, points)), atol=1e-10)
    expected = [five_point_derivative(single, point)[0] for point in points]
    np.testing.assert_allclose(gradient, expected, atol=1e-8)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: qml.adjoint(qml.IsingXY(x, [0, 1]), lazy=True),
        lambda x: qml.ctrl(qml.IsingXY(x, [1, 2]), 0),
        lambda x: qml.adjoint(qml.SingleExcitation(x, [0, 1]), lazy=True),
        lambda x: qml.ctrl(qml.PSWAP(x, [1, 2]), 0),
    ],
    ids=["adjoint IsingXY", "controlled IsingXY", "adjoint excitation", "controlled PSWAP"],
)
def test_batched_gates_of_two_wires(make):
    """A batch under an adjoint or a control gives what its elements give one by one."""
    device = qml.device("qizgloria.mixed", wires=3)
    node = qml.QNode(
        lambda x: circuit(lambda: make(x), 3), device, interface="torch", diff_method="backprop"
    )
    batch = torch.tensor([0.3, -1.2], dtype=torch.float64, requires_grad=True)
    together = node(batch)
    (gradient,) = torch.autograd.grad(together.sum(), batch)
    for x, own, slope in zip(batch.tolist(), together.tolist(), gradient.tolist(), strict=True):
        leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        alone = node(leaf)
        assert abs(alone.item() - own) < 1e-12
        assert abs(torch.autograd.grad(alone, leaf)[0].item() - slope) < 1e-12


def test_fractional_power_of_a_product_names_what_to_do():
    """Its matrix has no derivative here, which is said in a sentence."""

    @qml.qnode(qml.device("qizgloria.mixed", wires=1), interface="torch")
    def node(x):
        qml.pow(qml.Rot(x, 0.2, 0.3, 0), 0.5, lazy=True)
        return qml.expval(qml.Z(0))

    x = torch.tensor(0.4, requires_grad=True)
    with pytest.raises(ValueError, match=r"qizgloria.mixed: Rot\*\*0.5\(.*no derivative. Take an"):
        node(x)
    assert abs(node(0.4) - np.cos(0.1)) < 1e-2
