"""What is relied on of PennyLane although it is not public, and the faults that are mended."""

import threading

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.ops.functions import bind_new_parameters

from pennylane_qizgloria._compat import pennylane as compat


@pytest.mark.parametrize("dtype", [None, "int8", np.float32])
def test_dtype_of_samples(dtype):
    """The dtype that is asked for is found."""
    assert compat.dtype_of_samples(qml.sample(dtype=dtype)) == dtype


def test_processes_on_wires():
    """A measurement that names no wires gets them; the given one stays as it is."""
    process = qml.probs()
    named = compat.on_wires(process, qml.wires.Wires([2, 0]))
    assert named.wires.tolist() == [2, 0]
    assert not process.wires


def test_state_preparations_compare_norms():
    """Norms are compared by the function that is put there, and by PennyLane's own afterwards."""
    seen, own = [], qml.math.allclose

    def compare(original):
        def closeness(a, b, *args, **kwargs):
            seen.append(float(torch.as_tensor(a)))
            return original(a, b, *args, **kwargs)

        return closeness

    state = torch.tensor([0.6, 0.8], dtype=torch.float64)
    with compat.closeness_by(compare):
        qml.StatePrep(state, wires=0, validate_norm=True)
        qml.AmplitudeEmbedding(2 * state, wires=[0], normalize=True)
        with compat.closeness_by(compare):
            pass
        assert qml.math.allclose is not own
    assert seen == pytest.approx([1, 2])
    assert qml.math.allclose is own


def test_several_threads_may_compare():
    """The original comes back when the last of several threads has finished, in whatever order."""
    own, first, second = qml.math.allclose, threading.Event(), threading.Event()

    def other():
        with compat.closeness_by(lambda original: lambda *args: original(*args)):
            first.set()
            second.wait(10)

    thread = threading.Thread(target=other)
    with compat.closeness_by(lambda original: lambda *args: original(*args)):
        thread.start()
        first.wait(10)
    assert qml.math.allclose is not own
    second.set()
    thread.join()
    assert qml.math.allclose is own


def test_evolutions_of_sums_are_bound():
    """PennyLane's own function raises an IndexError for an evolution of a sum."""
    op = qml.evolve(qml.X(0) + 0.5 * qml.Z(1), 0.3)
    assert bind_new_parameters(op, [0.7]).data == (0.7,)


def test_devices_are_given_shots():
    """They are the default shots of the device's QNodes."""
    device = qml.device("default.qubit", wires=1)
    compat.give_shots(device, qml.measurements.Shots(7))
    assert device.shots.total_shots == 7

    @qml.qnode(device)
    def circuit():
        return qml.sample(wires=0)

    assert len(circuit()) == 7
