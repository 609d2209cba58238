"""Taking channels out of circuits."""

import numpy as np
import pennylane as qml

from pennylane_qizgloria.noise.drop_channels import drop_channels


def noisy(x):
    qml.RX(x, 0)
    qml.DepolarizingChannel(0.1, 0)
    qml.CNOT([0, 1])
    qml.QubitChannel([np.sqrt(0.9) * np.eye(2), np.sqrt(0.1) * np.diag([1, -1])], 1)
    return qml.expval(qml.Z(1))


def test_circuits_without_their_channels():
    """What is left gives the result of the gates alone."""
    qnode = drop_channels(qml.QNode(noisy, qml.device("qizgloria.mixed", wires=2)))
    np.testing.assert_allclose(qnode(0.3), np.cos(0.3))


def test_hardware_and_its_twin_run_what_is_left():
    """A circuit that was written with channels runs on a twin, where it was refused."""
    twin = qml.device("qizgloria.mixed", wires=2, noise_model="fake_manila")
    ideal = np.cos(0.3)
    assert 0 < abs(drop_channels(qml.QNode(noisy, twin))(0.3) - ideal) < 0.3
