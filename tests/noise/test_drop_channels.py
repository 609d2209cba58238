"""Taking channels out of circuits."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.exceptions import DeviceError

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


class NoisyTemplate(qml.operation.Operation):
    """A template with a channel in it."""

    num_wires = 2

    @staticmethod
    def compute_decomposition(x, wires):
        return [qml.RX(x, wires[0]), qml.BitFlip(0.1, wires[0]), qml.CNOT(wires)]


class Nested(qml.operation.Operation):
    """A template of templates."""

    num_wires = 2

    @staticmethod
    def compute_decomposition(x, wires):
        return [NoisyTemplate(x, wires), qml.BasicEntanglerLayers(np.zeros((1, 2)), wires)]


def test_channels_in_templates():
    """What a template decomposes into has its channels dropped, other templates stay."""
    layers = qml.BasicEntanglerLayers(np.zeros((1, 2)), [0, 1])
    tape = qml.tape.QuantumScript([Nested(0.3, [0, 1]), layers], [qml.probs(wires=[0])])
    (found,), _ = drop_channels(tape)
    assert found.operations == [qml.RX(0.3, 0), qml.CNOT([0, 1]), layers, layers]


def test_channels_behind_conditions():
    """A condition on a channel goes with it, one on a gate stays."""

    def circuit():
        outcome = qml.measure(0)
        qml.cond(outcome, qml.BitFlip)(0.1, wires=1)
        qml.cond(outcome, qml.X)(1)

    tape = qml.tape.make_qscript(circuit)()
    (found,), _ = drop_channels(tape)
    assert found.operations == [tape.operations[0], tape.operations[2]]


def test_a_twin_names_the_channels_of_templates():
    """A twin refuses channels in templates as it does others, by its own name."""
    twin = qml.device("qizgloria.mixed", wires=2, noise_model="fake_manila")
    qnode = qml.QNode(lambda: [Nested(0.3, [0, 1]), qml.expval(qml.Z(0))][1], twin)
    with pytest.raises(
        DeviceError, match=r"qizgloria\.mixed: the circuit has BitFlip .*drop_channels"
    ):
        qnode()
    assert np.isfinite(drop_channels(qnode)())


def test_hardware_and_its_twin_run_what_is_left():
    """A circuit that was written with channels runs on a twin, where it was refused."""
    twin = qml.device("qizgloria.mixed", wires=2, noise_model="fake_manila")
    ideal = np.cos(0.3)
    assert 0 < abs(drop_channels(qml.QNode(noisy, twin))(0.3) - ideal) < 0.3
