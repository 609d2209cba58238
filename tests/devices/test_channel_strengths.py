"""Channel strengths as parameters: gradients in torch, and broadcasting."""

import numpy as np
import pennylane as qml
import pytest
import torch

WORD = "XYZY"
START = (0.7, -0.4, 1.1)

CHANNELS = {
    "AmplitudeDamping": (lambda p: [qml.AmplitudeDamping(p[0], 0)], 1),
    "PhaseDamping": (lambda p: [qml.PhaseDamping(p[0], 0)], 1),
    "DepolarizingChannel": (lambda p: [qml.DepolarizingChannel(p[0], 0)], 1),
    "BitFlip": (lambda p: [qml.BitFlip(p[0], 0)], 1),
    "PhaseFlip": (lambda p: [qml.PhaseFlip(p[0], 0)], 1),
    "GeneralizedAmplitudeDamping": (lambda p: [qml.GeneralizedAmplitudeDamping(*p, 0)], 2),
    "ResetError": (lambda p: [qml.ResetError(*p, 0)], 2),
    "PauliError X": (lambda p: [qml.PauliError("X", p[0], 0)], 1),
    "PauliError YZ": (lambda p: [qml.PauliError("YZ", p[0], [1, 0])], 1),
    "PauliError XZY": (lambda p: [qml.PauliError("XZY", p[0], [2, 0, 1])], 1),
    f"PauliError {WORD}": (lambda p: [qml.PauliError(WORD, p[0], [2, 0, 1, 3])], 1),
}
MEASURED = qml.X(0) @ qml.Y(1) + 0.4 * qml.Z(0) - 0.7 * qml.Y(0) @ qml.Z(1) @ qml.X(2) + qml.Z(3)


def prepare():
    """A state on which every channel has an effect."""
    for wire, theta in enumerate((*START, 0.9)):
        qml.RY(theta, wire)
        qml.RZ(0.3 + theta, wire)
    qml.CNOT([0, 1])
    qml.CRX(0.8, [1, 2])
    qml.IsingXY(0.5, [0, 3])


def circuit(device, channel, **kwargs):
    @qml.qnode(qml.device(device, wires=4), **kwargs)
    def run(p):
        prepare()
        channel(p)
        return qml.expval(MEASURED)

    return run


def by_backpropagation(device, channel, strengths):
    p = torch.tensor(strengths, dtype=torch.float64, requires_grad=True)
    value = circuit(device, channel, interface="torch", diff_method="backprop")(p)
    value.backward()
    return value.item(), p.grad.numpy()


@pytest.mark.parametrize("name", CHANNELS)
def test_strength_has_the_gradient_of_default_mixed(name):
    """Derivatives with respect to noise strengths agree with default.mixed."""
    channel, num_params = CHANNELS[name]
    strengths = [0.13, 0.24][:num_params]
    value, gradient = by_backpropagation("qizgloria.mixed", channel, strengths)
    reference, expected = by_backpropagation("default.mixed", channel, strengths)
    assert np.all(np.abs(expected) > 1e-3)
    np.testing.assert_allclose(value, reference, atol=1e-10)
    np.testing.assert_allclose(gradient, expected, atol=1e-10)


@pytest.mark.parametrize(
    ("t1", "t2"), [(1.3, 0.9), (1.1, 1.1), (0.7, 1.2)], ids=["below", "equal", "above"]
)
def test_relaxation_times_have_the_right_gradient(t1, t2):
    """Derivatives by T1, T2, gate time and excited population agree with differences."""

    def channel(p):
        return [qml.ThermalRelaxationError(*p, 0)]

    start = np.array([0.2, t1, t2, 0.4])
    run = circuit("qizgloria.mixed", channel, interface="numpy", diff_method=None)
    value, gradient = by_backpropagation("qizgloria.mixed", channel, start)
    mixed = circuit("default.mixed", channel, interface="numpy", diff_method=None)
    np.testing.assert_allclose(value, mixed(start), atol=1e-10)
    step = 1e-5
    shifts = step * np.eye(4)
    differences = [(run(start + d) - run(start - d)) / (2 * step) for d in shifts]
    assert np.all(np.abs(gradient) > 1e-3)
    np.testing.assert_allclose(gradient, differences, atol=1e-8)


@pytest.mark.parametrize("name", CHANNELS)
def test_strength_zero_has_its_exact_gradient(name):
    """The derivative at zero noise is finite and agrees with one-sided differences.

    Every expectation value is a polynomial in the strengths, except for the square root in damping
    channels, which is smooth at zero: so one-sided differences converge there.
    """
    channel, num_params = CHANNELS[name]
    zero = np.zeros(num_params)
    value, gradient = by_backpropagation("qizgloria.mixed", channel, zero)
    run = circuit("qizgloria.mixed", channel, interface="numpy", diff_method=None)
    noiseless = circuit("default.mixed", lambda p: [], interface="numpy", diff_method=None)(zero)
    np.testing.assert_allclose(value, noiseless, atol=1e-10)
    step = 1e-4
    # The second-order one-sided formula (4 f(h) - f(2h) - 3 f(0)) / 2h.
    differences = [
        (4 * run(step * d) - run(2 * step * d) - 3 * run(zero)) / (2 * step)
        for d in np.eye(num_params)
    ]
    np.testing.assert_allclose(gradient, differences, atol=1e-7)
    assert np.abs(gradient[0]) > 1e-3


def test_analytic_gradient_of_damping_at_zero():
    """The derivative of amplitude damping at zero is the one derived by hand."""

    def value(gamma):
        @qml.qnode(qml.device("qizgloria.mixed", wires=1), interface="torch")
        def run(gamma):
            qml.RY(0.8, 0)
            qml.AmplitudeDamping(gamma, 0)
            return qml.expval(qml.X(0)), qml.expval(qml.Z(0))

        return torch.stack(run(gamma))

    jacobian = torch.autograd.functional.jacobian(value, torch.tensor(0.0, dtype=torch.float64))
    # <X> = sin(0.8) sqrt(1 - gamma),  <Z> = gamma + (1 - gamma) cos(0.8)
    np.testing.assert_allclose(jacobian, [-np.sin(0.8) / 2, 1 - np.cos(0.8)], atol=1e-12)


@pytest.mark.parametrize("batch_size", [3, 1])
@pytest.mark.parametrize("name", [n for n in CHANNELS if not n.startswith("PauliError")])
def test_strengths_broadcast(name, batch_size):
    """An array of strengths gives an array of results, as separate runs do."""
    channel, num_params = CHANNELS[name]
    strengths = np.linspace(0.1, 0.4, num_params * batch_size).reshape(num_params, batch_size)
    run = circuit("qizgloria.mixed", channel, interface="numpy", diff_method=None)
    mixed = circuit("default.mixed", channel, interface="numpy", diff_method=None)
    result = run(strengths)
    assert result.shape == (batch_size,)
    np.testing.assert_allclose(result, [mixed(column) for column in strengths.T], atol=1e-10)


def test_one_of_two_strengths_broadcasts():
    """A batch of one parameter broadcasts against a plain other one."""
    populations = np.array([0.0, 0.4, 1.0])
    kwargs = {"interface": "numpy", "diff_method": None}
    run, mixed = (
        circuit(device, lambda p: [qml.GeneralizedAmplitudeDamping(0.3, p, 0)], **kwargs)
        for device in ("qizgloria.mixed", "default.mixed")
    )
    np.testing.assert_allclose(run(populations), [mixed(p) for p in populations], atol=1e-10)


def test_gradient_of_broadcast_strengths():
    """The elements of a batch of strengths get their own gradients."""
    strengths = torch.tensor([0.0, 0.1, 0.3], dtype=torch.float64, requires_grad=True)
    channel, _ = CHANNELS["AmplitudeDamping"]
    run = circuit("qizgloria.mixed", channel, interface="torch", diff_method="backprop")
    run([strengths]).sum().backward()
    expected = [
        by_backpropagation("qizgloria.mixed", channel, [p])[1][0] for p in strengths.tolist()
    ]
    np.testing.assert_allclose(strengths.grad, expected, atol=1e-12)
