"""The demo of the device without a QNode, against QNodes on PennyLane's default.mixed."""

import numpy as np
import pennylane as qml
import pytest
from pennylane import numpy as pnp


def circuit(angles, gamma):
    qml.BasicEntanglerLayers([angles], wires=[0, 1], rotation=qml.RY)
    qml.Snapshot("before damping")
    qml.AmplitudeDamping(gamma, wires=1)
    return qml.expval(qml.Z(1)), qml.probs(wires=[0, 1])


@pytest.fixture
def node():
    return qml.QNode(circuit, qml.device("default.mixed", wires=2), interface="autograd")


@pytest.fixture
def point():
    return pnp.array([0.4, 2.2], requires_grad=True), pnp.array(0.1, requires_grad=True)


@pytest.fixture(scope="module")
def kept():
    """What the demo has computed, so that it runs once for all tests."""
    return {}


@pytest.fixture
def demo(kept, run_demo):
    return kept or kept.update(run_demo("device_by_hand")) or kept


def test_results(demo, node, point):
    """The mean and the probabilities are default.mixed's."""
    for found, expected in zip(demo["result"], node(*point), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_derivatives(demo, node, point):
    """The Jacobian is that of default.mixed, and both products are products of it."""
    by_angles, by_gamma = qml.jacobian(lambda *x: qml.math.hstack(node(*x)))(*point)
    expected = np.hstack([by_angles, by_gamma[:, None]])
    np.testing.assert_allclose(demo["matrix"], expected, atol=1e-12)
    np.testing.assert_allclose(demo["vjp"], expected[0] + expected[4], atol=1e-12)
    np.testing.assert_allclose(np.hstack(demo["jvp"]), expected[:, 0], atol=1e-12)
    device, config, batch = demo["device"], demo["config"], demo["batch"]
    for ask in (device.supports_derivatives, device.supports_vjp, device.supports_jvp):
        assert ask(config, batch[0])


def test_the_optimiser(demo, node):
    """It finds the lowest mean that the damping leaves."""
    np.testing.assert_allclose(demo["value"], -0.8, atol=1e-3)
    np.testing.assert_allclose(node(demo["angles"], 0.1)[0], -0.8, atol=1e-3)


def test_readout_errors(demo, node, point):
    """The reported mean follows from default.mixed's probabilities and the confusion matrix."""
    _, probabilities = node(*point)
    zero, one = probabilities.reshape(2, 2).sum(0)
    reported = 0.98 * zero + 0.1 * one - (0.02 * zero + 0.9 * one)
    np.testing.assert_allclose(demo["true_mean"], zero - one, atol=1e-12)
    np.testing.assert_allclose(demo["reported_mean"], reported, atol=1e-12)
    assert abs(demo["reported_mean"] - demo["true_mean"]) > 0.1
    by_angles = qml.jacobian(lambda angles: node(angles, point[1])[0])(point[0])
    np.testing.assert_allclose(demo["true_slope"], by_angles[1], atol=1e-12)
    np.testing.assert_allclose(demo["reported_slope"], 0.88 * by_angles[1], atol=1e-12)


def test_shot_vectors(demo):
    """Estimates lie about what the detector reports, as widely as binomial ones do."""
    shots, copies = np.array(demo["shots"]), demo["args"].copies
    errors = np.sqrt((1 - demo["reported_mean"] ** 2) / shots)
    means, deviations = demo["estimates"].mean(1), demo["estimates"].std(1)
    assert (abs(means - demo["reported_mean"]) < 4 * errors / np.sqrt(copies)).all()
    assert ((deviations / errors > 0.5) & (deviations / errors < 1.5)).all()
    slopes = demo["slopes"]
    assert (abs(slopes.mean(1) - demo["reported_slope"]) < 4 * slopes.std(1) / copies**0.5).all()
    for rows in (demo["estimates"], slopes):
        assert 5 < rows[0].std() / rows[2].std() < 20
        assert abs(rows[2] - rows[2].mean()).max() < 5 * rows[2].std()
    # At the largest number of shots every estimate is on the reported side.
    middle = (demo["true_mean"] + demo["reported_mean"]) / 2
    assert (demo["estimates"][2] > middle).all()
    middle = (demo["true_slope"] + demo["reported_slope"]) / 2
    assert (slopes[2] > middle).all()


def test_the_tracker(demo):
    """One circuit and two for each angle run, with the shots of the vector each."""
    totals = demo["tracker"].totals
    assert totals["executions"] == 5
    assert totals["shots"] == 5 * demo["args"].copies * sum(demo["shots"])
    assert totals["derivatives"] == 1


def test_snapshots(demo, node, point):
    """The state between two operations is default.mixed's."""
    expected = qml.snapshots(node)(*point)
    np.testing.assert_allclose(demo["state"], expected["before damping"], atol=1e-12)
    for found, right in zip(demo["found"]["execution_results"], node(*point), strict=True):
        np.testing.assert_allclose(found, right, atol=1e-12)
    assert abs(np.trace(demo["state"] @ demo["state"]) - 1) < 1e-12
