"""Measurements of snapshots in the middle of a tape."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.comparison import assert_close
from helpers.execution import execute
from pennylane.tape import QuantumScript

from pennylane_qizgloria.engines.config import SimulationConfig
from pennylane_qizgloria.engines.snapshots import take_snapshots

BEFORE = [qml.RX(0.4, "a"), qml.CNOT(["a", "b"]), qml.AmplitudeDamping(0.2, "b")]
AFTER = [qml.RY(0.7, "b"), qml.IsingXX(0.3, ["c", "a"])]


def config(seed=0):
    return SimulationConfig(torch.float64, None, np.random.default_rng(seed), as_torch=False)


def snapshots_of(operations, shots=None, measurements=(), seed=0):
    tape = QuantumScript(operations, list(measurements) or [qml.expval(qml.Z("a"))], shots=shots)
    return take_snapshots(tape, config(seed))


def reference(operations, process):
    return execute(qml.device("default.mixed", wires=["a", "b", "c"]), operations, [process])


@pytest.mark.parametrize(
    "process",
    [
        qml.expval(qml.Z("a") @ qml.X("b")),
        qml.probs(wires=["b", "a"]),
        qml.density_matrix(["b"]),
        qml.purity(["a"]),
    ],
    ids=repr,
)
def test_snapshots_are_of_what_comes_before(process):
    """A snapshot agrees with default.mixed's result of the operations before it."""
    found = snapshots_of([*BEFORE, qml.Snapshot("here", measurement=process), *AFTER])
    assert list(found) == ["here"]
    assert_close(found["here"], reference(BEFORE, process), 1e-12)


def test_tags_and_numbers():
    """Snapshots are named by their tags, the others by how many there are before, in order."""
    process = qml.expval(qml.Z("a"))
    operations = [
        qml.Snapshot(measurement=process),
        qml.RX(0.4, "a"),
        qml.Snapshot("tagged", measurement=process),
        qml.RX(0.4, "a"),
        qml.Snapshot(measurement=process),
    ]
    found = snapshots_of(operations)
    assert list(found) == [0, "tagged", 2]
    np.testing.assert_allclose(list(found.values()), np.cos([0, 0.4, 0.8]), atol=1e-12)


def test_no_snapshots():
    """A tape without snapshots has none."""
    assert snapshots_of(BEFORE) == {}


def test_states_are_of_all_wires_of_the_tape():
    """A snapshot without wires is of all that the tape has, in its order, later ones included."""
    found = snapshots_of([*BEFORE, qml.Snapshot(), *AFTER])
    assert found[0].shape == (8, 8)
    assert_close(found[0], reference(BEFORE, qml.density_matrix(["a", "b", "c"])), 1e-12)


def test_shots_of_the_tape():
    """Snapshots have the shots of the tape unless they have their own, and states have none."""
    operations = [
        *BEFORE,
        qml.Snapshot("tape", measurement=qml.counts(wires=["a"])),
        qml.Snapshot("own", measurement=qml.counts(wires=["a"]), shots=7),
        qml.Snapshot("exact", measurement=qml.expval(qml.Z("a")), shots=None),
        qml.Snapshot("state"),
    ]
    found = snapshots_of(operations, shots=50)
    assert sum(found["tape"].values()) == 50
    assert sum(found["own"].values()) == 7
    assert_close(found["exact"], reference(BEFORE, qml.expval(qml.Z("a"))), 1e-12)
    assert_close(found["state"], reference(BEFORE, qml.density_matrix(["a", "b"])), 1e-12)


def test_seeds():
    """Equal random numbers give equal samples of snapshots."""
    operations = [qml.H("a"), qml.Snapshot("s", measurement=qml.sample(wires=["a"]))]
    first, same, other = (snapshots_of(operations, 30, seed=seed)["s"] for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
