"""Mid-circuit measurements: the backend's own with shots, deferred without or where it has none."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

SHOTS = 5_000


def start():
    qml.RY(0.7, 0)
    qml.RX(1.1, 1)
    qml.CNOT([0, 1])


def conditioned():
    start()
    first = qml.measure(0)
    qml.cond(first, qml.RX, qml.RY)(0.4, wires=1)
    second = qml.measure(1)
    qml.cond(first & ~second, qml.H)(wires=2)
    qml.cond(first + 2 * second == 2, qml.Rot)(0.3, 0.9, 0.5, wires=2)
    return (
        *(qml.expval(qml.Z(2)), qml.expval(qml.X(2)), qml.probs(wires=[1, 2])),
        *(qml.expval(first), qml.probs(op=[second, first]), qml.expval(first + 2 * second)),
        qml.var(first),
    )


def reset():
    start()
    first = qml.measure(0, reset=True)
    qml.cond(first, qml.RY)(1.3, wires=0)
    return qml.probs(wires=[0, 1]), qml.expval(first), qml.expval(qml.Y(1))


def reused():
    """A wire is measured again and again."""
    qml.H(0)
    values = []
    for angle in (0.3, 0.8, 1.4):
        values.append(qml.measure(0, reset=angle > 1))
        qml.RY(angle, 0)
    return qml.probs(op=values), qml.expval(qml.X(0))


def exactly(function):
    """The results of default.qubit without shots."""
    return qml.QNode(function, qml.device("default.qubit"), mcm_method="deferred")()


@pytest.mark.parametrize("function", [conditioned, reset, reused])
def test_native(make_device, function):
    """Measurements inside of a circuit, resets or conditions would be written wrongly."""
    device = make_device(3)
    found = qml.set_shots(qml.QNode(function, device), SHOTS)()
    for own, value in zip(found, exactly(function), strict=True):
        assert np.shape(own) == np.shape(value)
        np.testing.assert_allclose(own, value, rtol=0, atol=5 * 1.5 / np.sqrt(SHOTS))
    assert [job.kind for job in device.jobs] == ["sampler"]


@pytest.mark.parametrize("function", [conditioned, reset])
def test_deferred_where_exact(make_device, function):
    """Results without shots would have noise, or be refused."""
    device = make_device(None)
    for own, value in zip(qml.QNode(function, device)(), exactly(function), strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)


def test_deferred_where_the_backend_has_none(make_device, plain_backend):
    """A circuit would be refused that runs with one more qubit."""

    def circuit():
        qml.RX(1.1, 0)
        value = qml.measure(0)
        qml.cond(value, qml.RY)(0.8, wires=1)
        return qml.probs(wires=[0, 1]), qml.expval(value)

    found = qml.set_shots(qml.QNode(circuit, make_device(2, backend=plain_backend())), SHOTS)()
    for own, value in zip(found, exactly(circuit), strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=5 / np.sqrt(SHOTS))


def test_outcomes_and_wires_agree_shot_by_shot(make_device):
    """Outcomes of a shot would be paired with those of another."""

    @qml.set_shots(500)
    @qml.qnode(make_device(2))
    def circuit():
        qml.H(0)
        value = qml.measure(0)
        qml.CNOT([0, 1])
        return qml.sample(value), qml.sample(wires=[0, 1]), qml.counts(value)

    values, samples, counts = circuit()
    np.testing.assert_array_equal(samples, np.stack([values, values], 1))
    assert counts == {0: 500 - values.sum(), 1: values.sum()}
    assert 150 < values.sum() < 350


@pytest.mark.parametrize("outcome", [0, 1])
def test_postselection(make_device, outcome):
    """Shots with the other outcome would count."""

    def circuit():
        start()
        qml.measure(0, postselect=outcome)
        qml.RY(0.5, 1)
        return qml.probs(wires=[0, 1]), qml.expval(qml.Z(1)), qml.expval(qml.X(1))

    found = qml.set_shots(qml.QNode(circuit, make_device(2)), SHOTS)()
    # The less likely outcome comes in 11 % of the shots.
    for own, value in zip(found, exactly(circuit), strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=5 / np.sqrt(0.1 * SHOTS))


def test_postselection_leaves_fewer_shots(make_device):
    """Samples would be made up for the shots that were dropped."""

    @qml.set_shots((400, 600))
    @qml.qnode(make_device(2))
    def circuit():
        qml.H(0)
        qml.measure(0, postselect=1)
        return qml.sample(wires=0), qml.counts(wires=[0, 1])

    for (samples, counts), shots in zip(circuit(), (400, 600), strict=True):
        assert (samples == 1).all()
        assert 0.3 * shots < len(samples) < 0.7 * shots
        assert counts == {"10": len(samples)}


def test_batches(make_device):
    """A broadcast circuit would lose its batch when it measures inside."""

    def circuit():
        qml.RX(np.array([0.4, 1.9, 2.8]), 0)
        value = qml.measure(0)
        qml.cond(value, qml.RY)(np.array([0.3, 0.6, 0.9]), wires=1)
        return qml.expval(value), qml.probs(wires=[0, 1])

    device = make_device(2)
    found = qml.set_shots(qml.QNode(circuit, device), SHOTS)()
    for own, value in zip(found, exactly(circuit), strict=True):
        assert np.shape(own) == np.shape(value)
        np.testing.assert_allclose(own, value, rtol=0, atol=5 / np.sqrt(SHOTS))
    assert [job.pubs for job in device.jobs] == [1]


def test_native_gradients(make_device):
    """Circuits that measure inside could not be trained."""

    def circuit(angle):
        qml.RX(angle, 0)
        value = qml.measure(0)
        qml.cond(value, qml.RY)(0.8, wires=1)
        return qml.expval(qml.Z(1))

    angle = qml.numpy.array(0.9)
    node = qml.QNode(circuit, make_device(2), diff_method="parameter-shift")
    found = qml.grad(qml.set_shots(node, SHOTS))(angle)
    # <Z> = cos^2(x / 2) + sin^2(x / 2) cos(0.8).
    wanted = np.sin(0.9) * (np.cos(0.8) - 1) / 2
    assert found == pytest.approx(wanted, abs=5 / np.sqrt(SHOTS))


def test_fake_backend(make_device, fake_backend):
    """Control flow would reach a device's own simulator in gates that it does not have."""

    def circuit():
        qml.RX(1.1, 0)
        value = qml.measure(0)
        qml.cond(value, qml.RY)(0.8, wires=1)
        return qml.expval(value), qml.expval(qml.Z(1))

    device = make_device(2, backend=fake_backend("fake_sherbrooke"))
    found = qml.set_shots(qml.QNode(circuit, device), 1_000)()
    np.testing.assert_allclose(found, exactly(circuit), rtol=0, atol=0.15)
