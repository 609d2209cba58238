"""Devices that are copied, saved and sent to other processes."""

import copy
import pickle

import pennylane as qml
import pytest

COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda device: pickle.loads(pickle.dumps(device))}


@pytest.mark.parametrize("kind", COPIES)
@pytest.mark.parametrize("used", [False, True])
def test_copies_run_what_the_device_runs(kind, used):
    """Copies of a device, pickled ones too, give its results, also after it has run."""
    device = qml.device("qizgloria.mixed", wires=["a", "b"], readout_prob=0.1)

    def value(own):
        @qml.qnode(own)
        def circuit():
            qml.Hadamard("a")
            qml.CNOT(["a", "b"])
            return qml.probs(wires=["a", "b"])

        return circuit()

    expected = pytest.approx([0.41, 0.09, 0.09, 0.41], abs=1e-12)
    if used:
        assert value(device) == expected
    assert value(COPIES[kind](device)) == expected
