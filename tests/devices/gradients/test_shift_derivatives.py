"""Derivatives by shift rules: exact where they can be, for batches, with shots."""

from __future__ import annotations

import warnings

import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative, gradient
from helpers.devices import mixed_device
from pennylane import numpy as pnp
from pennylane.exceptions import QuantumFunctionError
from pennylane.tape import QuantumScript

ANGLES = np.array([[0.7, -0.4, 1.3], [0.3, 0.9, -1.1]])
STRENGTHS = np.array([[0.13, 0.3], [0.4, 0.2]])
TIMES = np.array([[0.2, 1.1, 0.8, 0.3], [0.3, 0.7, 1.2, 0.1]])
OBSERVABLE = 0.7 * qml.Z(0) @ qml.X(1) - 1.1 * qml.Y(2) + 0.4 * qml.Y(1)

OPERATIONS = {
    "PauliRot": (lambda *x: qml.PauliRot(*x, "ZXY", [2, 0, 1]), ANGLES[:, :1]),
    "PCPhase": (lambda *x: qml.PCPhase(*x, dim=3, wires=[2, 0]), ANGLES[:, :1]),
    "ctrl": (lambda *x: qml.ctrl(qml.RX(*x, 2), [0, 1], [0, 1]), ANGLES[:, :1]),
    "adjoint": (lambda *x: qml.adjoint(qml.U3(*x, 1), lazy=True), ANGLES),
    "PauliError": (lambda *x: qml.PauliError("XZ", *x, [2, 0]), STRENGTHS[:, :1]),
    "ThermalRelaxationError": (lambda *x: qml.ThermalRelaxationError(*x, 1), TIMES),
}


def tape_of(build, parameters, measurements, shots=None):
    """An operation in the middle of an entangled circuit, its parameters trainable."""
    op = build(*parameters)
    operations = [qml.Rot(0.4 + wire, 0.8 - wire, 1.1, wire) for wire in range(3)]
    operations += [qml.CNOT([0, 1]), qml.CNOT([1, 2]), op, qml.IsingXY(0.6, [0, 2])]
    first = 9
    trainable = list(range(first, first + len(op.data)))
    return QuantumScript(operations, measurements, shots=shots, trainable_params=trainable)


def by_shifts(device, tape):
    """The Jacobian that the device gives PennyLane for ``parameter-shift``."""
    config = qml.devices.ExecutionConfig(gradient_method=qml.gradients.param_shift)
    (found,) = device.compute_derivatives([tape], config)
    return found if len(tape.trainable_params) > 1 else (found,)


def check(build, points):
    """Compare Jacobians by shifts with differences of default.mixed."""
    measurements = [qml.expval(OBSERVABLE)]
    reference = qml.device("default.mixed", wires=3)

    def value(point):
        tape = tape_of(build, point, measurements)
        return qml.execute([tape], reference, diff_method=None)[0]

    expected = [five_point_derivative(value, point) for point in points]
    assert np.abs(expected).max() > 1e-3
    device = mixed_device(3)
    single = by_shifts(device, tape_of(build, points[0], measurements))
    np.testing.assert_allclose(single, expected[0], rtol=0, atol=1e-8)
    if build is OPERATIONS["PauliError"][0]:
        return  # PennyLane has no batches of it
    batched = by_shifts(device, tape_of(build, points.T, measurements))
    for j, block in enumerate(batched):
        wanted = np.diag([row[j] for row in expected])
        np.testing.assert_allclose(block, wanted, rtol=0, atol=1e-8)


def test_gate(gate):
    """The rule of a gate gives its derivative, of a batch of angles too."""
    kind, num_wires, num_angles = gate
    if num_wires <= 3:
        check(lambda *x: kind(*x, wires=[2, 0, 1][:num_wires]), ANGLES[:, :num_angles])


def test_channel(channel):
    """The rule of a channel gives the derivative by its strengths, of a batch too."""
    kind, num_strengths = channel
    check(lambda *x: kind(*x, 1), STRENGTHS[:, :num_strengths])


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation(name):
    """The rules of other operations give their derivatives."""
    check(*OPERATIONS[name])


@pytest.mark.parametrize(
    "obs",
    [qml.Z(0), qml.Z(0) @ qml.X(1), OBSERVABLE, 2 * qml.Y(2), qml.Projector([1, 0], [0, 1])],
    ids=str,
)
@pytest.mark.parametrize("batch", [False, True])
def test_variances(obs, batch):
    """Variances have their derivatives, of sums of observables too."""
    measurements = [qml.var(obs), qml.expval(qml.Z(1)), qml.probs(wires=[2])]
    point = ANGLES[0, :1]
    reference = qml.device("default.mixed", wires=3)

    def value(own):
        tape = tape_of(lambda x: qml.RX(x, 0), own, measurements)
        (results,) = qml.execute([tape], reference, diff_method=None)
        return np.concatenate([np.atleast_1d(own) for own in results])

    expected = five_point_derivative(value, point)[:, 0]
    parameters = np.array([point[0], point[0]])[None] if batch else point
    tape = tape_of(lambda x: qml.RX(x, 0), parameters, measurements)
    config = qml.devices.ExecutionConfig(gradient_method=qml.gradients.param_shift)
    (found,) = mixed_device(3).compute_derivatives([tape], config)
    own = np.concatenate([np.atleast_1d(row[0, ..., 0] if batch else row) for row in found])
    np.testing.assert_allclose(own, expected, rtol=0, atol=1e-9)


# --- shots ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.0, 0.3])
@pytest.mark.parametrize("method", ["best", "device", "parameter-shift"])
def test_strengths_with_shots(method, strength, channel):
    """Estimates from shots scatter around the exact derivative, at no noise too."""
    kind, num_strengths = channel
    start = np.array([strength, 0.4][:num_strengths])
    shots = 20_000

    def circuit(*p):
        qml.RY(1.9, 0)
        kind(*p, 0)
        qml.RX(0.7, 0)
        return qml.expval(qml.Z(0) + 0.5 * qml.X(0))

    exact = qml.QNode(circuit, mixed_device(1), interface="numpy", diff_method=None)
    node = qml.QNode(circuit, mixed_device(1, seed=3), interface="torch", diff_method=method)
    leaves = [torch.tensor(p, requires_grad=True) for p in start]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        qml.set_shots(node, shots)(*leaves).backward()
    # Strengths are not negative.
    step = 1e-5
    for j, leaf in enumerate(leaves):
        unit = step * np.eye(num_strengths)[j]
        expected = (4 * exact(*start + unit) - exact(*start + 2 * unit) - 3 * exact(*start)) / (
            2 * step
        )
        assert abs(leaf.grad - expected) < 5 * 3 / np.sqrt(shots)


@pytest.mark.parametrize("shots", [4000, (4000, 4000)])
@pytest.mark.parametrize("method", ["best", "parameter-shift"])
def test_inputs_behind_a_layer(method, shots):
    """A batch whose inputs need gradients has them with shots, and keeps one axis."""
    device = mixed_device(2, seed=5)

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, [0, 1])
        qml.BasicEntanglerLayers(weights, [0, 1])
        qml.AmplitudeDamping(weights[0, 0] ** 2, 0)
        return qml.expval(qml.Z(0)), qml.probs(wires=[1])

    inputs = torch.tensor([[0.4, -0.3], [1.0, 0.2], [0.1, 0.7]]).double()
    linear = torch.nn.Linear(2, 2).double()
    weights = torch.tensor([[0.3, 0.8]]).double().requires_grad_()

    def gradients(shots, method):
        node = qml.set_shots(qml.QNode(circuit, device, diff_method=method), shots)
        results = node(linear(inputs), weights)
        results = [results] if shots is None or isinstance(shots, int) else results
        loss = sum(z.sum() + (probs * torch.arange(6).view(3, 2)).sum() for z, probs in results)
        found = torch.autograd.grad(loss / len(results), [linear.weight, weights])
        return [gradient.numpy() for gradient in found]

    with qml.Tracker(device) as tracker:
        found = gradients(shots, method)
    # Value and derivative; two circuits for each of the four angles, and three for the damping.
    assert tracker.totals["batches"] == 2
    assert tracker.totals["simulations"] == 1 + 2 * 4 + 3
    for own, exact in zip(found, gradients(None, "backprop"), strict=True):
        np.testing.assert_allclose(own, exact, rtol=0, atol=0.25)
        assert np.abs(exact).max() > 0.5


def test_interfaces_with_shots(interface):
    """Every interface gets the gradient of a batch of strengths and angles from shots."""

    def circuit(x):
        qml.RX(x, 0)
        qml.AmplitudeDamping(x**2, 0)
        return qml.expval(qml.Z(0))

    x = np.array([0.4, 0.6, 0.8])
    node = qml.QNode(circuit, mixed_device(1, seed=2), interface=interface)
    found = gradient(qml.set_shots(node, 20_000), x, interface)
    # <Z> = g + (1 - g) cos(x) with g = x**2
    expected = 2 * x * (1 - np.cos(x)) - (1 - x**2) * np.sin(x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.1)


class Tilted(qml.operation.Operation):
    """A rotation of which PennyLane knows the matrix, but no rule."""

    num_params = 1
    num_wires = 1
    ndim_params = (0,)

    @staticmethod
    def compute_matrix(x):
        """That of RX."""
        return qml.RX.compute_matrix(x)


@pytest.mark.parametrize("method", ["best", "parameter-shift", "finite-diff"])
def test_differences_take_a_step_that_fits(method):
    """Without a rule, or where differences are asked for, there is a warning and little noise."""

    @qml.set_shots(10_000)
    @qml.qnode(mixed_device(1, seed=4), interface="torch", diff_method=method)
    def circuit(x):
        Tilted(x, 0)
        return qml.expval(qml.Z(0))

    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    with pytest.warns(UserWarning, match="not exact"):
        circuit(x).backward()
    assert abs(x.grad + np.sin(0.7)) < 0.12


@pytest.mark.parametrize("method", ["finite-diff", "spsa"])
def test_own_steps_are_taken(method):
    """A step that the user gives is taken without a warning; without shots PennyLane's is."""
    device = mixed_device(1, seed=4)

    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    node = qml.QNode(circuit, device, interface="torch", diff_method=method)
    chosen = qml.QNode(circuit, device, diff_method=method, gradient_kwargs={"h": 0.3})
    x = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (exact,) = torch.autograd.grad(node(x), x)
        (found,) = torch.autograd.grad(qml.set_shots(chosen, 10_000)(x), x)
    assert abs(exact + np.sin(0.7)) < 1e-5
    assert abs(found + np.sin(0.7)) < 0.3
    with pytest.warns(UserWarning, match="10000 shots finite differences take a step of 0.31"):
        (found,) = torch.autograd.grad(qml.set_shots(node, 10_000)(x), x)
    assert abs(found + np.sin(0.7)) < 0.15


def test_differences_stay_in_the_domain():
    """At no noise and at full noise the step is to the inside."""
    config = qml.devices.ExecutionConfig(gradient_method=qml.gradients.finite_diff)
    for strength in (0.0, 0.05, 1.0):
        operations = [qml.RY(0.4, 0), qml.DepolarizingChannel(strength, 0)]
        tape = QuantumScript(operations, [qml.expval(qml.Z(0))], shots=10**6, trainable_params=[1])
        (found,) = mixed_device(1, seed=1).compute_derivatives([tape], config)
        assert found == pytest.approx(-4 / 3 * np.cos(0.4), abs=0.1)


@pytest.mark.parametrize("method", ["backprop", "adjoint"])
def test_exact_methods_name_those_for_shots(method):
    """A method for exact results says why it does not take shots, and what does."""
    node = qml.QNode(lambda x: qml.expval(qml.RX(x, 0) @ qml.Z(0)), mixed_device(1))
    node = qml.QNode(node.func, mixed_device(1), diff_method=method)
    with pytest.raises(QuantumFunctionError, match=r"qml\.set_shots\(None\).*'parameter-shift'"):
        qml.set_shots(node, 10)(torch.tensor(0.3, requires_grad=True))


@pytest.mark.parametrize("process", [qml.sample(wires=0), qml.purity(wires=0)], ids=str)
def test_measurements_without_derivatives(process):
    """What is not linear in the state has no derivative by shifts, and says so."""
    tape = QuantumScript([qml.RX(0.3, 0)], [process], shots=10, trainable_params=[0])
    with pytest.raises(ValueError, match="has no derivative by shifts"):
        mixed_device(1).compute_derivatives([tape])


def test_arrays_without_derivatives():
    """A matrix is no angle, and has no rule."""
    tape = QuantumScript([qml.QubitUnitary(np.eye(2), 0)], [qml.expval(qml.Z(0))], shots=10)
    with pytest.raises(NotImplementedError, match=r"QubitUnitary on wires \[0\] has no derivative"):
        mixed_device(1).compute_derivatives([tape])


def test_what_is_not_seen_costs_nothing():
    """Operations outside of the measurements' causal cone are not shifted."""
    operations = [qml.RX(0.3, 0), qml.RX(0.4, 1), qml.GlobalPhase(0.2)]
    operations.append(qml.QubitUnitary(np.eye(4), [1, 2]))
    tape = QuantumScript(operations, [qml.probs(wires=0)], shots=10, trainable_params=range(4))
    device = mixed_device(3)
    with qml.Tracker(device) as tracker:
        (found,) = device.compute_derivatives([tape])
    assert tracker.totals["simulations"] == 2
    np.testing.assert_array_equal(found[1:3], np.zeros((2, 2)))
    np.testing.assert_array_equal(found[3], np.zeros((2, 4, 4)))


def test_nothing_seen():
    """Where no parameter has an effect no circuit runs, and the derivatives are zero."""
    operations = [qml.RX(np.array([0.1, 0.2]), 1), qml.RY(0.4, 1)]
    tape = QuantumScript(operations, [qml.expval(qml.Z(0)), qml.probs(wires=0)], shots=10)
    device = mixed_device(2)
    with qml.Tracker(device) as tracker:
        (found,) = device.compute_derivatives([tape])
    assert "simulations" not in tracker.totals
    shapes = [[np.shape(block) for block in row] for row in found]
    assert shapes == [[(2, 2), (2,)], [(2, 2, 2), (2, 2)]]
    assert not any(np.any(block) for row in found for block in row)


def test_batches_of_strengths_alone():
    """A batch that only channels have is the axis of all blocks."""
    operations = [qml.RX(0.3, 0), qml.BitFlip(np.array([0.1, 0.2]), 0), qml.RY(0.4, 1)]
    tape = QuantumScript(operations, [qml.expval(qml.Z(0))], trainable_params=[0, 1, 2])
    config = qml.devices.ExecutionConfig(gradient_method=qml.gradients.param_shift)
    (found,) = mixed_device(2).compute_derivatives([tape], config)
    slope = -np.sin(0.3) * np.array([0.8, 0.6])
    np.testing.assert_allclose(found[0], slope, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[1], -2 * np.cos(0.3) * np.eye(2), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found[2], np.zeros(2))


# --- higher orders --------------------------------------------------------------------------------


def several(x, p):
    qml.RX(x, 0)
    qml.RY(0.4, 1)
    qml.CNOT([0, 1])
    qml.AmplitudeDamping(p * x, 0)
    qml.DepolarizingChannel(p, 1)
    return qml.expval(qml.Z(0)), qml.expval(qml.X(1) @ qml.X(0)), qml.probs(wires=[0, 1])


def linear_cost(results):
    first, second, probs = results
    return first + 2 * second + probs[1] - 3 * probs[2]


def hessian(node, interface, point):
    if interface == "torch":
        return torch.autograd.functional.hessian(
            lambda v: linear_cost(node(v[0], v[1])), torch.tensor(point)
        ).numpy()
    if interface == "jax":
        return jax.hessian(lambda v: linear_cost(node(v[0], v[1])))(jax.numpy.array(point))
    cost = qml.grad(lambda v: linear_cost(node(v[0], v[1])))
    return qml.jacobian(cost)(pnp.array(point, requires_grad=True))


def test_hessians_of_several_results(interface):
    """The Hessian of a linear cost of several results is that of its values, by any interface."""
    point = np.array([0.6, 0.3])
    reference = qml.QNode(several, qml.device("default.mixed", wires=2), diff_method=None)
    expected = five_point_derivative(
        lambda x: five_point_derivative(lambda y: linear_cost(reference(*y)), x, 1e-2), point, 1e-2
    )
    node = qml.QNode(
        several, mixed_device(2), interface=interface, diff_method="parameter-shift", max_diff=2
    )
    found = hessian(node, interface, point)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert np.abs(expected).min() > 1e-2


def damped(p):
    """<Y> = -sin(0.8) sqrt(1 - p)"""
    qml.RX(0.8, 0)
    qml.AmplitudeDamping(p, 0)
    return qml.expval(qml.Y(0))


def test_second_derivatives_by_strengths(interface):
    """Where the weights of a rule depend on the strength, they are differentiated, too."""
    options = {"diff_method": "parameter-shift", "max_diff": 2}
    node = qml.QNode(damped, mixed_device(1), interface=interface, **options)
    if interface == "torch":
        p = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(node(p), p, create_graph=True)
        (found,) = torch.autograd.grad(slope, p)
    elif interface == "jax":
        found = jax.grad(jax.grad(node))(jax.numpy.array(0.3))
    else:
        found = qml.grad(qml.grad(node))(pnp.array(0.3))
    assert float(found) == pytest.approx(np.sin(0.8) / 4 * 0.7**-1.5, abs=1e-9)


def test_third_derivatives_by_strengths():
    """Third derivatives in torch agree with the formula, and other interfaces refuse them."""
    options = {"diff_method": "parameter-shift", "max_diff": 3}
    p = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    value = qml.QNode(damped, mixed_device(1), interface="torch", **options)(p)
    for _ in range(3):
        (value,) = torch.autograd.grad(value, p, create_graph=True)
    assert float(value) == pytest.approx(np.sin(0.8) * 3 / 8 * 0.7**-2.5, abs=1e-9)
    node = qml.QNode(damped, mixed_device(1), interface="autograd", **options)
    with pytest.raises(NotImplementedError, match=r"max_diff=3.*AmplitudeDamping.*torch"):
        qml.grad(node)(pnp.array(0.3))
