"""What ``qml.Tracker`` counts of the device's derivatives."""

from __future__ import annotations

import pennylane as qml
from helpers.circuits import noisy_tape
from helpers.devices import mixed_device


def test_tracker():
    """The tracker counts derivatives."""
    device = mixed_device(2)
    with qml.Tracker(device) as tracker:
        device.compute_derivatives([noisy_tape()] * 2)
        device.compute_vjp([noisy_tape()] * 3, [1.0] * 3)
        device.compute_jvp([noisy_tape()] * 4, [(1.0,) * 3] * 4)
    totals = {key: tracker.totals[key] for key in ("derivatives", "vjps", "jvps")}
    assert totals == {"derivatives": 2, "vjps": 3, "jvps": 4}
    for key in ("derivative_batches", "vjp_batches", "jvp_batches"):
        assert tracker.totals[key] == 1
    with qml.Tracker(device) as tracker:
        device.execute_and_compute_derivatives([noisy_tape()])
        device.execute_and_compute_vjp([noisy_tape()], [1.0])
        device.execute_and_compute_jvp([noisy_tape()], [(1.0,) * 3])
    for key in ("execute_and_derivative_batches", "execute_and_vjp_batches"):
        assert tracker.totals[key] == 1
    assert tracker.totals["execute_and_jvp_batches"] == 1
    assert tracker.totals["executions"] == 3
