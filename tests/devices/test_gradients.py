"""Derivatives on the device: PennyLane's methods for them, their values, and every diff_method."""

from __future__ import annotations

import re
import warnings
from functools import partial

import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp
from pennylane.devices import ExecutionConfig
from pennylane.exceptions import QuantumFunctionError
from pennylane.tape import QuantumScript

jax.config.update("jax_enable_x64", True)

START = [0.3, -0.8, 0.15]
HERMITIAN = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
KETS = np.array([0.5, 0.1 - 0.5j, 0.5j, 0.7]) / np.sqrt(1.25)


def tape_of(numbers=START, measurements=None, trainable=(0, 1, 2)):
    x, y, p = numbers
    operations = [
        qml.RX(x, 0),
        qml.RY(y, 1),
        qml.CNOT([0, 1]),
        qml.AmplitudeDamping(p, 0),
        qml.RY(0.4, 0),
    ]
    measurements = measurements or [qml.expval(qml.Z(0) @ qml.X(1))]
    return QuantumScript(operations, measurements, trainable_params=list(trainable))


def five_point(function, point, step=1e-3):
    """The Jacobian of a function of a real vector, its parameter's axis last."""
    columns = []
    for unit in step * np.eye(len(point)):
        a, b, c, d = (np.asarray(function(point + k * unit)) for k in (1, -1, 2, -2))
        columns.append((8 * (a - b) - (c - d)) / (12 * step))
    return np.stack(columns, -1)


def value_of(device, tape_maker):
    """Results of a tape as a function of its numbers."""
    return lambda numbers: qml.execute([tape_maker(numbers)], device, diff_method=None)[0]


# --- PennyLane's methods: shapes ------------------------------------------------------------------

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
def test_shapes(name, trainable, make_device):
    """PennyLane would put Jacobians and products together wrongly, or fail on their nesting."""
    makers, each = MEASURED[name]
    tape = tape_of(measurements=[make() for make in makers], trainable=trainable)
    device, num = make_device(2), len(trainable)
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


def test_one_circuit_without_a_batch(make_device):
    """``device.compute_derivatives(circuit)`` would fail, or wrap its result in a tuple."""
    device, tape = make_device(2), tape_of()
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


def test_batch_of_circuits(make_device):
    """Derivatives would be given back in another order, or all be those of one circuit."""
    device = make_device(2)
    second = QuantumScript([qml.RX(0.7, 0)], [qml.expval(qml.Z(0))], trainable_params=[0])
    third = tape_of([0.9, 0.1, 0.3], [qml.expval(qml.Z(1)), qml.probs(wires=0)], (1,))
    tapes = [tape_of(), second, third]
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
def test_broadcast_parameters(batch, make_device):
    """Gradients of a broadcast circuit would be of the wrong shape, or mix its elements."""
    device = make_device(2)
    x = np.linspace(0.2, 1.1, batch)
    processes = [qml.expval(qml.Z(0)), qml.probs(wires=[0, 1])]
    tape = tape_of([x, -0.8, 0.15], processes, (0, 1))
    ((first, second),) = device.compute_derivatives([tape])
    assert shapes((first, second)) == (((batch, batch), (batch,)), ((batch, 4, batch), (batch, 4)))
    for i in range(batch):
        single = tape_of([x[i], -0.8, 0.15], processes, (0, 1))
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


@pytest.mark.parametrize("kind", ["QubitUnitary", "StatePrep", "Hermitian"])
def test_array_parameters(kind, make_device):
    """Gradients with respect to a matrix or a vector would not have its shape."""
    device = make_device(2)
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
    assert shapes(jacobian) == (shape, (4, *shape))
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


def test_zero_tangents(make_device):
    """PennyLane marks constants by zero tangents; they would raise an error or be computed."""
    device = make_device(2)
    tape = tape_of(measurements=[qml.expval(qml.Z(0)), qml.probs(wires=1)])
    ((number, array),) = device.compute_jvp([tape], [(0, 0.0, 0)])
    assert number == 0
    np.testing.assert_array_equal(array, np.zeros(2))
    (rows,) = device.compute_derivatives([tape])
    ((number, array),) = device.compute_jvp([tape], [(0, 1.0, 0)])
    assert number == pytest.approx(rows[0][1], abs=1e-13)
    np.testing.assert_allclose(array, rows[1][1], rtol=0, atol=1e-13)


def test_dropped_operations(make_device):
    """A parameter that no measurement sees would raise an error instead of having zero."""
    tape = QuantumScript(
        [qml.RX(0.4, 0), qml.RY(0.3, 1), qml.DepolarizingChannel(0.1, 1), qml.RX(0.2, 1)],
        [qml.expval(qml.Z(0))],
        trainable_params=[0, 1, 2, 3],
    )
    device = make_device(2)
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


# --- PennyLane's methods: what is refused, and what is counted ------------------------------------

METHODS = {
    "compute_derivatives": lambda device, *rest: device.compute_derivatives([tape_of()], *rest),
    "execute_and_compute_derivatives": lambda device, *rest: device.execute_and_compute_derivatives(
        [tape_of()], *rest
    ),
    "compute_vjp": lambda device, *rest: device.compute_vjp([tape_of()], [1.0], *rest),
    "execute_and_compute_vjp": lambda device, *rest: device.execute_and_compute_vjp(
        [tape_of()], [1.0], *rest
    ),
    "compute_jvp": lambda device, *rest: device.compute_jvp([tape_of()], [(1.0,) * 3], *rest),
    "execute_and_compute_jvp": lambda device, *rest: device.execute_and_compute_jvp(
        [tape_of()], [(1.0,) * 3], *rest
    ),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "config",
    [
        ExecutionConfig(gradient_method="device", derivative_order=2),
        ExecutionConfig(gradient_method="backprop", derivative_order=2),
        ExecutionConfig(gradient_method="parameter-shift"),
        ExecutionConfig(gradient_method="another"),
    ],
    ids=lambda config: f"{config.gradient_method}, order {config.derivative_order}",
)
def test_refused(method, config, make_device):
    """First derivatives would be handed out as second ones, or as those of another method."""
    asked = f"order {config.derivative_order} by {config.gradient_method!r}"
    with pytest.raises(NotImplementedError, match=f"qizgloria.mixed.*{re.escape(asked)}"):
        METHODS[method](make_device(2), config)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", [None, "best", "backprop", "device", "adjoint"])
def test_not_refused(method, name, make_device):
    """PennyLane could not use a method that the device says it supports."""
    found = METHODS[method](make_device(2), ExecutionConfig(gradient_method=name))
    expected = METHODS[method](make_device(2))
    flat = np.array(jax.tree_util.tree_leaves(expected))
    np.testing.assert_allclose(jax.tree_util.tree_leaves(found), flat, rtol=0, atol=1e-14)


SUPPORTED = {
    # method and order: derivatives, products
    (None, 1): (False, False),
    ("best", 1): (True, True),
    ("best", 2): (True, False),
    ("backprop", 1): (True, True),
    ("backprop", 2): (True, False),
    ("device", 1): (True, True),
    ("device", 2): (False, False),
    ("adjoint", 1): (True, True),
    ("adjoint", 2): (False, False),
    ("parameter-shift", 1): (False, False),
    ("finite-diff", 1): (False, False),
    ("parameter-shift", 2): (False, False),
}


@pytest.mark.parametrize("interface", ["auto", "torch", "autograd", "jax", "numpy"])
@pytest.mark.parametrize(("method", "order"), SUPPORTED)
def test_supports(method, order, interface, make_device):
    """PennyLane would ask for what the device refuses, or not ask for what it has."""
    device = make_device(2)
    config = ExecutionConfig(gradient_method=method, derivative_order=order, interface=interface)
    derivatives, products = SUPPORTED[method, order]
    exact, sampled = tape_of(), tape_of().copy(shots=10)
    for circuit in (None, exact):
        assert device.supports_derivatives(config, circuit) is derivatives
        assert device.supports_vjp(config, circuit) is products
        assert device.supports_jvp(config, circuit) is products
    for supports in (device.supports_derivatives, device.supports_vjp, device.supports_jvp):
        assert supports(config, sampled) is False


def test_supports_by_default(make_device):
    """PennyLane asks without a configuration, too."""
    device = make_device(2)
    for supports in (device.supports_derivatives, device.supports_vjp, device.supports_jvp):
        assert supports() is True
        assert supports(None, tape_of()) is True
        assert supports(None, tape_of().copy(shots=10)) is False


def test_tracker(make_device):
    """Users could not see how many derivatives a program computes."""
    device = make_device(2)
    with qml.Tracker(device) as tracker:
        device.compute_derivatives([tape_of()] * 2)
        device.compute_vjp([tape_of()] * 3, [1.0] * 3)
        device.compute_jvp([tape_of()] * 4, [(1.0,) * 3] * 4)
    totals = {key: tracker.totals[key] for key in ("derivatives", "vjps", "jvps")}
    assert totals == {"derivatives": 2, "vjps": 3, "jvps": 4}
    for key in ("derivative_batches", "vjp_batches", "jvp_batches"):
        assert tracker.totals[key] == 1
    with qml.Tracker(device) as tracker:
        for name in ("derivatives", "vjp", "jvp"):
            METHODS[f"execute_and_compute_{name}"](device)
    for key in ("execute_and_derivative_batches", "execute_and_vjp_batches"):
        assert tracker.totals[key] == 1
    assert tracker.totals["execute_and_jvp_batches"] == 1
    assert tracker.totals["executions"] == 3


# --- values: operations ---------------------------------------------------------------------------


def angles(kind, num_wires, num_params=1):
    def build(x):
        return kind(*x, wires=[2, 0, 3, 1][:num_wires])

    return build, np.array([0.7, -0.4, 1.3][:num_params])


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


FOUR = np.array([0.4, -0.7, 0.3, 0.9])
ANGLED = {
    1: [qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.U1],
    2: [
        *(qml.CRX, qml.CRY, qml.CRZ, qml.ControlledPhaseShift, qml.CPhaseShift00),
        *(qml.CPhaseShift01, qml.CPhaseShift10, qml.IsingXX, qml.IsingXY, qml.IsingYY),
        *(qml.IsingZZ, qml.PSWAP, qml.SingleExcitation, qml.SingleExcitationPlus),
        *(qml.SingleExcitationMinus, qml.FermionicSWAP),
    ],
    4: [
        *(qml.DoubleExcitation, qml.DoubleExcitationPlus, qml.DoubleExcitationMinus),
        qml.OrbitalRotation,
    ],
}
GATES = (
    {kind.__name__: angles(kind, k) for k, kinds in ANGLED.items() for kind in kinds}
    | {
        "U2": angles(qml.U2, 1, 2),
        "U3": angles(qml.U3, 1, 3),
        "Rot": angles(qml.Rot, 1, 3),
        "CRot": angles(qml.CRot, 2, 3),
        "PauliRot": angles(partial(qml.PauliRot, pauli_word="ZXY"), 3),
        "wide PauliRot": angles(partial(qml.PauliRot, pauli_word="XYZX"), 4),
        "MultiRZ": angles(qml.MultiRZ, 3),
        "wide MultiRZ": angles(qml.MultiRZ, 4),
        "PCPhase": angles(partial(qml.PCPhase, dim=3), 2),
        "controlled Rot": (
            lambda x: qml.ctrl(qml.Rot(*x, 2), [0, 3], [0, 1]),
            np.array([0.7, -0.4, 1.3]),
        ),
        "adjoint of U3": (
            lambda x: qml.adjoint(qml.U3(*x, 1), lazy=True),
            np.array([0.7, -0.4, 1.3]),
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
    }
    | {
        kind.__name__: (lambda x, kind=kind: kind(*x, 1), np.array([0.13, 0.3][:num]))
        for kind, num in (
            (qml.AmplitudeDamping, 1),
            (qml.PhaseDamping, 1),
            (qml.DepolarizingChannel, 1),
            (qml.BitFlip, 1),
            (qml.PhaseFlip, 1),
            (qml.GeneralizedAmplitudeDamping, 2),
            (qml.ResetError, 2),
        )
    }
    | {
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
)
TOLERANCES = {
    # PennyLane makes the torch matrices of these in single precision, in part.
    **dict.fromkeys(["RZ", "CRZ", "ControlledPhaseShift", "controlled Rot"], 1e-7),
    # default.mixed has no torch gradient for these.
    **dict.fromkeys(["ThermalRelaxationError", "ThermalRelaxationError, long T2"], None),
}
"""How far default.mixed may be off, if not by 1e-9."""
SEEN = qml.Hamiltonian(
    [0.7, -1.1, 0.4, 0.9, -0.6, 0.5],
    [
        *(qml.Z(0) @ qml.X(1), qml.Y(2), qml.Y(0) @ qml.Z(3), qml.X(2) @ qml.Y(1) @ qml.Z(0)),
        *(qml.X(1), qml.Z(2) @ qml.Z(3)),
    ],
)
FIRST = {"StatePrep", "AmplitudeEmbedding", "AngleEmbedding"}
"""Features come first in a circuit."""


def embedded(name, device):
    """An expectation value after an operation in the middle of an entangling, noisy circuit."""
    build, start = GATES[name]

    @qml.qnode(device, interface="auto", diff_method="backprop")
    def circuit(x):
        if name in FIRST:
            build(x)
        for wire in range(4):
            qml.Rot(0.4 + wire, 0.8 - wire, 1.1, wire)
        for wire in range(3):
            qml.CNOT([wire, wire + 1])
        if name not in FIRST:
            build(x)
        qml.IsingXY(0.6, [0, 3])
        qml.AmplitudeDamping(0.1, 2)
        return qml.expval(SEEN)

    return circuit, start


@pytest.mark.parametrize("name", GATES)
def test_operation(name, make_device):
    """The gradient of a gate, a channel or a feature map would be wrong."""
    circuit, start = embedded(name, make_device())
    x = torch.tensor(start, requires_grad=True)
    (gradient,) = torch.autograd.grad(circuit(x), x)
    differences = five_point(circuit, start)
    np.testing.assert_allclose(gradient, differences, rtol=0, atol=1e-9)
    assert np.abs(differences).max() > 1e-3
    tolerance = TOLERANCES.get(name, 1e-9)
    if tolerance is not None:
        reference, _ = embedded(name, qml.device("default.mixed", wires=4))
        x = torch.tensor(start, requires_grad=True)
        (expected,) = torch.autograd.grad(reference(x).real, x)
        np.testing.assert_allclose(gradient, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("kind", ["QubitUnitary", "Hermitian"])
def test_entries_of_matrices(kind, make_device):
    """The gradient of single entries, off the unitary ones too, would differ."""

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
    found = []
    for device in (make_device(2), qml.device("default.mixed", wires=2)):
        leaf = torch.tensor(start, dtype=torch.complex128, requires_grad=True)
        value = qml.QNode(circuit, device, interface="torch", diff_method="backprop")(leaf)
        found.append(torch.autograd.grad(value.real, leaf)[0])
    torch.testing.assert_close(*found, rtol=0, atol=1e-9)
    assert found[0].imag.abs().max() > 1e-3


def test_kraus_operators(make_device):
    """Gradients of Kraus operators would be wrong.

    Only here: PennyLane's QubitChannel does not take torch tensors that require a gradient.
    """
    device = make_device(2)
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
        expected = five_point(lambda t, i=i: device.execute(tape(t[0]))[i], [0.0])[..., 0]
        np.testing.assert_allclose(image, expected, rtol=0, atol=1e-9)
        pairs = zip(row, tangents, strict=True)
        product = sum(np.tensordot(block, tangent, 2).real for block, tangent in pairs)
        np.testing.assert_allclose(product, expected, rtol=0, atol=1e-9)
        assert np.abs(expected).max() > 1e-3
        total += np.sum(cotangents[i] * expected)
    pairs = zip(gradients, tangents, strict=True)
    assert sum(np.sum(g * t).real for g, t in pairs) == pytest.approx(total, abs=1e-9)


def test_coefficients_of_observables(make_device):
    """Observables could not be trained, or their gradient would be another term's."""

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

    node = qml.QNode(circuit, make_device(2), interface="torch", diff_method="backprop")
    mixed = qml.QNode(circuit, qml.device("default.mixed", wires=2), interface="torch")
    arguments = torch.tensor(0.7).double(), torch.tensor([0.4, -0.9, 1.3]).double()
    for order in (torch.autograd.functional.jacobian, torch.autograd.functional.hessian):
        own = order(lambda *a: node(*a).real, arguments)
        expected = order(lambda *a: mixed(*a).real, arguments)
        torch.testing.assert_close(own, expected, rtol=0, atol=1e-9)


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
def test_readout_error(form, name, make_device):
    """A readout error could not be fitted to data."""
    process = {
        "expval": lambda: qml.expval(qml.Z(0) @ qml.X(1)),
        "var": lambda: qml.var(qml.Z(0) + 0.5 * qml.Y(1)),
        "probs": lambda: qml.probs(wires=[1, 0]),
    }[name]

    def value(p):
        @qml.qnode(make_device(2, readout_prob=FORMS[form](p)), interface="torch")
        def circuit():
            qml.RX(0.7, 0)
            qml.RY(0.5, 1)
            qml.CNOT([0, 1])
            return process()

        return circuit()

    start = torch.tensor([0.1, 0.2, 0.05], dtype=torch.float64)
    found = torch.autograd.functional.jacobian(value, start)
    with torch.no_grad():
        expected = five_point(lambda p: value(torch.tensor(p)).numpy(), start.numpy())
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert found.abs().max() > 1e-2


# --- values: measurements -------------------------------------------------------------------------

MEASUREMENTS = {
    "expval": lambda: qml.expval(qml.Z(0) @ qml.X(1)),
    "expval of hermitian": lambda: qml.expval(qml.Hermitian(HERMITIAN, 2)),
    "var": lambda: qml.var(qml.Z(1)),
    "var of sum": lambda: qml.var(qml.X(0) @ qml.Y(2) + 0.5 * qml.Z(1)),
    "probs": lambda: qml.probs(wires=[2, 0]),
    "probs of operator": lambda: qml.probs(op=qml.X(0) @ qml.Y(1)),
    "density matrix": lambda: qml.density_matrix([1, 0]),
    "state": lambda: qml.state(),
    "purity": lambda: qml.purity([0, 2]),
    "purity of all": lambda: qml.purity([0, 1, 2]),
    "entropy": lambda: qml.vn_entropy([0, 1], log_base=2),
    "mutual information": lambda: qml.mutual_info([0], [2, 1]),
}


def measured(name, device, **kwargs):
    @qml.qnode(device, **kwargs)
    def circuit(x):
        qml.RX(x[0], 0)
        qml.RY(x[1], 1)
        qml.CNOT([0, 1])
        qml.AmplitudeDamping(0.2, 1)
        qml.Rot(x[2], x[0], 0.4, 2)
        qml.IsingXY(x[1], [2, 0])
        qml.DepolarizingChannel(0.1, 0)
        return MEASUREMENTS[name]()

    return circuit


def real_jacobian(circuit, x):
    """The Jacobian, with real and imaginary parts apart."""

    def parts(x):
        result = circuit(x)
        return torch.view_as_real(result) if result.is_complex() else result

    return torch.autograd.functional.jacobian(parts, x)


POINT = torch.tensor([0.7, -0.6, 1.2], dtype=torch.float64)
POINTS = torch.stack([POINT, POINT + 0.9, POINT * 0.4], 1)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measurement(name, make_device):
    """The gradient of a measurement would be wrong, or not that of the device's own pass."""
    own = real_jacobian(measured(name, make_device(3), interface="torch"), POINT)
    mixed = qml.device("default.mixed", wires=3)
    reference = measured(name, mixed, interface="torch", diff_method="backprop")
    expected = real_jacobian(reference, POINT)
    if own.ndim < expected.ndim:  # default.mixed gives some real numbers as complex ones
        expected = expected[..., 0, :]
    torch.testing.assert_close(own, expected, rtol=0, atol=1e-9)
    plain = measured(name, make_device(3), interface="numpy", diff_method=None)

    def parts(x):
        result = np.asarray(plain(x))
        if not np.iscomplexobj(result):
            return result
        return np.stack([result.real, result.imag], -1)

    np.testing.assert_allclose(own, five_point(parts, POINT.numpy()), rtol=0, atol=1e-6)
    assert own.abs().max() > 1e-2


@pytest.mark.parametrize("device_vjp", [True, False])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_measurement_by_the_device(name, device_vjp, make_device):
    """The device's own derivative would fail where backpropagation works, or differ from it."""
    own = real_jacobian(
        measured(
            name, make_device(3), interface="torch", diff_method="device", device_vjp=device_vjp
        ),
        POINT,
    )
    expected = real_jacobian(measured(name, make_device(3), interface="torch"), POINT)
    torch.testing.assert_close(own, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["backprop", "device"])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_batched_measurement(name, method, make_device):
    """The elements of a batch would get one another's gradients."""
    batched = measured(name, make_device(3), interface="torch", diff_method=method)
    single = measured(name, make_device(3), interface="torch")
    own = real_jacobian(batched, POINTS)
    expected = torch.zeros_like(own)
    for i in range(3):
        expected[i, ..., i] = real_jacobian(single, POINTS[:, i])
    torch.testing.assert_close(own, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["expval", "var", "probs", "density matrix", "purity", "entropy"])
def test_hessian(name, make_device):
    """Second derivatives would be wrong: curvature, Newton steps, Fisher information."""
    mixed = qml.device("default.mixed", wires=3)
    own = measured(name, make_device(3), interface="torch")
    reference = measured(name, mixed, interface="torch", diff_method="backprop")

    def cost(circuit):
        def value(x):
            result = circuit(x)
            squares = result.abs() ** 2 if result.is_complex() else result**2
            return (squares * torch.arange(1.0, result.numel() + 1).view(result.shape)).sum()

        return value

    expected = torch.autograd.functional.hessian(cost(reference), POINT)
    assert expected.abs().max() > 1e-2
    for hessian in (torch.autograd.functional.hessian, lambda f, x: torch.func.hessian(f)(x)):
        torch.testing.assert_close(hessian(cost(own), POINT), expected, rtol=0, atol=1e-8)


# --- arrays as parameters of QNodes ---------------------------------------------------------------


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
    "complex state": (features, KETS),
}


@pytest.mark.parametrize("interface", ["torch", "autograd", "jax"])
@pytest.mark.parametrize("method", ["best", "device"])
@pytest.mark.parametrize("device_vjp", [True, False])
@pytest.mark.parametrize("name", ["batch", "state"])
def test_arrays(name, device_vjp, method, interface, make_device):
    """Batches and feature vectors could not be differentiated with PennyLane's defaults."""
    function, start = ARRAYS[name]
    node = qml.QNode(
        function, make_device(2), interface=interface, diff_method=method, device_vjp=device_vjp
    )
    x = torch.tensor(start, requires_grad=True)
    expected = torch.autograd.grad(
        qml.QNode(function, make_device(2), interface="torch")(x).sum(), x
    )[0]
    if interface == "torch":
        (found,) = torch.autograd.grad(node(x).sum(), x)
    elif interface == "jax":
        found = jax.grad(lambda v: node(v).sum())(jax.numpy.array(start))
    else:
        found = qml.grad(lambda v: qml.math.sum(node(v)))(pnp.array(start))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("interface", ["torch", "autograd", "jax"])
def test_complex_arrays(interface, make_device):
    """Complex parameters would be trained away from the minimum in their imaginary parts.

    Torch's gradient is d/dRe + i d/dIm; autograd and JAX have the conjugate of it.
    """
    function, start = ARRAYS["complex state"]
    x = torch.tensor(start, requires_grad=True)
    value = qml.QNode(function, make_device(2), interface="torch", diff_method="backprop")(x)
    expected = torch.autograd.grad(value, x)[0].numpy()
    node = qml.QNode(
        function, make_device(2), interface=interface, diff_method="device", device_vjp=True
    )
    if interface == "torch":
        (found,) = torch.autograd.grad(node(x), x)
    elif interface == "jax":
        found = jax.grad(node)(jax.numpy.array(start)).conj()
    else:
        found = qml.grad(node)(pnp.array(start)).conj()
    assert np.abs(expected.imag).max() > 1e-2
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


# --- every diff_method, with every interface ------------------------------------------------------


def sloped(x):
    """A circuit that every method can differentiate."""
    qml.RX(x, 0)
    qml.CNOT([0, 1])
    qml.RY(0.4, 1)
    qml.AmplitudeDamping(0.2, 0)
    return qml.expval(qml.Z(0) @ qml.X(1))


def torch_gradient_at(node, x):
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    return torch.autograd.grad(node(leaf), leaf)[0]


INTERFACES = {
    "torch": torch_gradient_at,
    "autograd": lambda node, x: qml.grad(node)(pnp.array(x)),
    "jax": lambda node, x: jax.grad(node)(jax.numpy.array(x)),
}
EXACT = {"best": 1e-10, "backprop": 1e-10, "device": 1e-10, "adjoint": 1e-10}
SHIFTED = {"parameter-shift": 1e-10, "hadamard": 1e-10, "finite-diff": 1e-6, "spsa": 1e-6}
ANGLE = 0.7


@pytest.fixture(scope="module")
def slope():
    """The derivative of ``sloped`` on default.mixed, and the spread of one shot."""
    node = qml.QNode(sloped, qml.device("default.mixed", wires=2))
    return float(five_point(lambda x: node(x[0]), np.array([ANGLE]))[0])


@pytest.mark.filterwarnings("ignore:.*aux_wire:UserWarning")
@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize(("method", "tolerance"), [*EXACT.items(), *SHIFTED.items()])
def test_method(method, tolerance, interface, make_device, slope):
    """A diff_method would not work with an interface, or give another gradient."""
    node = qml.QNode(sloped, make_device(3), interface=interface, diff_method=method)
    assert float(INTERFACES[interface](node, ANGLE)) == pytest.approx(slope, abs=tolerance)


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("device_vjp", [True, False])
def test_device_vjp(device_vjp, method, interface, make_device, slope):
    """PennyLane would be given products where it wants Jacobians, or the other way about."""
    device = make_device(2)
    node = qml.QNode(sloped, device, interface=interface, diff_method=method, device_vjp=device_vjp)
    with qml.Tracker(device) as tracker:
        gradient = float(INTERFACES[interface](node, ANGLE))
    assert gradient == pytest.approx(slope, abs=1e-10)
    own = interface != "torch" or method in {"device", "adjoint"}
    kinds = ("vjp", "derivative")
    asked = [any(kind in key for key in tracker.totals) for kind in kinds]
    assert any(asked) == own
    if own and device_vjp:
        assert asked == [True, False]


@pytest.mark.filterwarnings("ignore:.*aux_wire:UserWarning")
@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("method", ["best", *SHIFTED])
def test_method_with_shots(method, interface, make_device, slope):
    """Gradients from shots would not be estimates of the exact one."""
    shots = 40_000
    options = {"finite-diff": {"h": 0.4}, "spsa": {"h": 0.4}}.get(method, {})
    device = make_device(3, seed=3)
    node = qml.QNode(
        sloped, device, interface=interface, diff_method=method, gradient_kwargs=options
    )
    gradient = float(INTERFACES[interface](qml.set_shots(node, shots), ANGLE))
    # Differences are over h, and a forward one is off by h / 2 times the second derivative.
    step = options.get("h", 1.0)
    bias = step / 2 if method == "finite-diff" else step**2 / 6 if options else 0
    assert abs(gradient - slope) < bias + 5 * np.sqrt(2 / shots) / step
    assert gradient != slope


@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("method", ["backprop", "device", "adjoint"])
def test_exact_methods_refuse_shots(method, interface, make_device):
    """A gradient of exact results would be given for a circuit with shots."""
    node = qml.set_shots(
        qml.QNode(sloped, make_device(2), interface=interface, diff_method=method), 100
    )
    with pytest.raises(QuantumFunctionError, match=method):
        INTERFACES[interface](node, ANGLE)


BEST = {
    ("torch", None): "backprop",
    ("numpy", None): "backprop",
    ("auto", None): "backprop",
    ("autograd", None): "device",
    ("jax", None): "device",
}


@pytest.mark.parametrize("interface", ["torch", "numpy", "auto", "autograd", "jax"])
@pytest.mark.parametrize("method", ["best", "backprop"])
def test_what_best_means(method, interface, make_device):
    """An interface would get a slower method than there is, or one that cannot serve it."""
    device = make_device(2)
    config = ExecutionConfig(gradient_method=method, interface=interface)
    resolved = device.setup_execution_config(config)
    assert resolved.gradient_method == BEST[interface, None]
    assert resolved.use_device_gradient is True
    assert resolved.grad_on_execution is False
    second = device.setup_execution_config(
        ExecutionConfig(gradient_method=method, interface=interface, derivative_order=2)
    )
    native = BEST[interface, None] == "backprop"
    assert second.gradient_method == ("backprop" if native else qml.gradients.param_shift)


@pytest.mark.parametrize("interface", INTERFACES)
def test_best_with_shots_is_parameter_shift(interface, make_device):
    """With shots the default would be refused, or be the gradient of something else."""
    device = make_device(2, seed=1)
    node = qml.set_shots(qml.QNode(sloped, device, interface=interface), 100)
    with qml.Tracker(device) as tracker:
        INTERFACES[interface](node, ANGLE)
    # One circuit for the value, two shifted ones for the derivative.
    assert tracker.totals["simulations"] == 3
    assert tracker.totals["shots"] == 300
    transform, config = qml.gradients.param_shift, ExecutionConfig(gradient_method="best")
    assert not device.supports_derivatives(config, tape_of().copy(shots=100))
    resolved = qml.workflow.construct_execution_config(node)(
        {"torch": torch.tensor, "autograd": pnp.array, "jax": jax.numpy.array}[interface](ANGLE)
    )
    assert resolved.gradient_method is transform


@pytest.mark.parametrize("interface", ["autograd", "jax"])
def test_second_derivatives_elsewhere(interface, make_device):
    """Second derivatives of autograd and JAX would be zero, without a word."""

    def circuit(x):
        qml.RX(x, 0)
        qml.DepolarizingChannel(0.1, 0)
        return qml.expval(qml.Z(0))

    node = qml.QNode(circuit, make_device(1), interface=interface, max_diff=2)
    expected = -(1 - 4 * 0.1 / 3) * np.cos(ANGLE)
    if interface == "jax":
        second = jax.grad(jax.grad(node))(jax.numpy.array(ANGLE))
    else:
        second = qml.grad(qml.grad(node))(pnp.array(ANGLE))
    assert float(second) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("shots", [None, 10])
def test_warning_where_shifts_are_not_exact(shots, make_device):
    """Finite differences would pass for exact gradients."""

    def circuit(x, p):
        qml.RX(x, 0)
        qml.AmplitudeDamping(p, 0)
        return qml.expval(qml.Z(0))

    node = qml.QNode(circuit, make_device(1, seed=1), diff_method="parameter-shift")
    node = qml.set_shots(node, shots)
    x, p = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.4, 0.1))
    with pytest.warns(UserWarning, match="AmplitudeDamping has no parameter-shift rule"):
        node(x, p)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        node(x, 0.1)
        node(x, p.detach())


# --- torch's own tools ----------------------------------------------------------------------------


def tilted(x):
    qml.RX(x[0], 0)
    qml.CNOT([0, 1])
    qml.Rot(x[1], x[2], x[0], 1)
    qml.AmplitudeDamping(0.3 + 0.1 * x[2], 0)
    return qml.probs(wires=[0, 1])


@pytest.fixture
def node(make_device):
    return qml.QNode(tilted, make_device(2), interface="torch", diff_method="backprop")


@pytest.fixture(scope="module")
def mixed_node():
    device = qml.device("default.mixed", wires=2)
    return qml.QNode(tilted, device, interface="torch", diff_method="backprop")


def test_gradcheck(node):
    """Torch's own check of gradients and of gradients of gradients would fail."""
    x = POINT.clone().requires_grad_()
    assert torch.autograd.gradcheck(node, x)
    assert torch.autograd.gradgradcheck(node, x)


def test_torch_func(node, mixed_node):
    """jacrev, jacfwd, hessian, vmap or jvp of a QNode would fail, or disagree."""
    expected = torch.autograd.functional.jacobian(mixed_node, POINT)
    for jacobian in (torch.func.jacrev, torch.func.jacfwd):
        torch.testing.assert_close(jacobian(node)(POINT), expected, rtol=0, atol=1e-10)
    tangent = torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64)
    value, image = torch.func.jvp(node, (POINT,), (tangent,))
    torch.testing.assert_close(value, mixed_node(POINT), rtol=0, atol=1e-10)
    torch.testing.assert_close(image, expected @ tangent, rtol=0, atol=1e-10)
    points = POINTS.T
    each = torch.stack([node(point) for point in points])
    torch.testing.assert_close(torch.func.vmap(node)(points), each, rtol=0, atol=1e-12)
    weights = torch.arange(4.0, dtype=torch.float64)
    gradients = torch.func.vmap(torch.func.grad(lambda x: node(x) @ weights))(points)
    rows = [torch.func.grad(lambda x: node(x) @ weights)(point) for point in points]
    torch.testing.assert_close(gradients, torch.stack(rows), rtol=0, atol=1e-12)
    hessians = [
        torch.func.hessian(lambda x: node(x) @ weights)(POINT),
        torch.func.jacfwd(torch.func.jacfwd(lambda x: node(x) @ weights))(POINT),
        torch.func.jacrev(torch.func.jacrev(lambda x: node(x) @ weights))(POINT),
    ]
    second = torch.autograd.functional.hessian(lambda x: mixed_node(x) @ weights, POINT)
    for hessian in hessians:
        torch.testing.assert_close(hessian, second, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["backprop", "device"])
def test_retained_graph(method, make_device):
    """A second walk through a graph would fail, or give another gradient."""
    node = qml.QNode(tilted, make_device(2), interface="torch", diff_method=method)
    x = POINT.clone().requires_grad_()
    result = node(x)
    weights = torch.arange(4.0, dtype=torch.float64)
    first = torch.autograd.grad(result, x, weights, retain_graph=True)[0]
    second = torch.autograd.grad(result, x, weights, retain_graph=True)[0]
    assert torch.equal(first, second)
    (result @ weights).backward()
    torch.testing.assert_close(x.grad, first, rtol=0, atol=1e-14)
    assert first.abs().max() > 1e-2


@pytest.mark.parametrize("method", ["backprop", "device", "parameter-shift"])
def test_single_precision_parameters(method, make_device):
    """A model in single precision could not be trained: its gradients would have another dtype."""

    def circuit(x):
        qml.RX(x[0], 0)
        qml.CNOT([0, 1])
        qml.Rot(x[1], x[2], x[0], 1)
        qml.DepolarizingChannel(0.1, 0)
        return qml.expval(qml.Z(0) @ qml.Z(1))

    gradients = {}
    for dtype in (torch.float32, torch.float64):
        x = POINT.clone().to(dtype).requires_grad_()
        node = qml.QNode(circuit, make_device(2), interface="torch", diff_method=method)
        node(x).backward()
        assert x.grad.dtype == dtype
        gradients[dtype] = x.grad.double()
    torch.testing.assert_close(*gradients.values(), rtol=0, atol=1e-5)


def test_small_budget(make_device, node):
    """The ``memory_budget`` of the device would change gradients, or not reach the reverse pass."""
    tight = qml.QNode(tilted, make_device(2, memory_budget=1), interface="torch")
    expected = torch.autograd.functional.jacobian(node, POINT)
    found = torch.autograd.functional.jacobian(tight, POINT)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)
