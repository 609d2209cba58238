"""What a call costs: in its job records, on the tracker, and estimated before it runs."""

from __future__ import annotations

import threading

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.exceptions import DeviceError

from pennylane_qizgloria.qiskit.jobs.costs import Cost

SHOTS = 50


def measurements():
    return (
        *(qml.expval(qml.Z(0)), qml.var(qml.Z(0) + qml.Z(1)), qml.probs(wires=[0, 1])),
        *(qml.expval(qml.X(0) + 0.5 * qml.Y(1)), qml.expval(qml.Hermitian(np.diag([1.0, 2]), 0))),
    )


def recorded(device):
    """The sum of the device's job records."""
    return Cost(
        len(device.jobs),
        sum(job.pubs for job in device.jobs),
        sum(job.executions for job in device.jobs),
        sum(job.total_shots or 0 for job in device.jobs),
    )


def tracked(tracker):
    totals = tracker.totals
    return Cost(totals["jobs"], totals["pubs"], totals["executions"], totals.get("shots", 0))


CIRCUITS = {
    "mixture": measurements,
    "shadow": lambda: qml.classical_shadow(wires=[0, 1], seed=3),
    "counts": lambda: (qml.counts(), qml.sample(qml.Z(0)), qml.expval(qml.Z(1))),
    "bases": lambda: [qml.expval(word) for word in (qml.X(0), qml.Y(0), qml.Z(0) @ qml.Y(1))],
}


@pytest.mark.parametrize("use_estimator", [None, True])
@pytest.mark.parametrize("shots", [SHOTS, (SHOTS, 20)])
@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("name", CIRCUITS)
def test_estimate_records_and_tracker_agree(make_device, name, batch, shots, use_estimator):
    """The estimate is what the tracker counts afterwards, and the records say the same."""
    device = make_device(2, use_estimator=use_estimator)

    @qml.set_shots(shots)
    @qml.qnode(device)
    def circuit(x):
        qml.RX(x, 0)
        qml.CNOT([0, 1])
        return CIRCUITS[name]()

    x = 0.3 if batch is None else np.linspace(0, 1, batch)
    estimate = device.estimate(circuit, x)
    assert device.jobs == []
    with qml.Tracker(device) as tracker:
        circuit(x)
    assert estimate == recorded(device) == tracked(tracker)
    assert estimate.executions >= (batch or 1)


@pytest.mark.parametrize("method", ["best", "parameter-shift"])
def test_a_training_step(make_device, method):
    """Forward and backward pass are estimated together, whatever the gradient's method."""
    device = make_device(4)
    weights = torch.rand(2, 4, 3, dtype=torch.float64, requires_grad=True)
    inputs = torch.rand(4, 4, dtype=torch.float64)

    @qml.set_shots(SHOTS)
    @qml.qnode(device, interface="torch", diff_method=method)
    def circuit(x, w):
        qml.AngleEmbedding(x, range(4))
        qml.StronglyEntanglingLayers(w, range(4))
        return [qml.expval(qml.Z(wire)) for wire in range(4)]

    def step():
        torch.stack(list(circuit(inputs, weights))).sum().backward()

    estimate = device.estimate(step)
    assert device.jobs == []
    with qml.Tracker(device) as tracker:
        step()
    assert estimate == recorded(device) == tracked(tracker)
    assert estimate == Cost(2, 2, 4 + 2 * 24 * 4, SHOTS * (4 + 2 * 24 * 4))


def test_tapes(make_device):
    """Tapes can be estimated as they are."""
    device = make_device(2)
    tape = qml.tape.QuantumScript([qml.H(0)], [qml.expval(qml.Z(0)), qml.counts()], shots=SHOTS)
    assert device.estimate(tape) == Cost(1, 1, 1, SHOTS)
    assert device.estimate([tape, tape]) == Cost(1, 2, 2, 2 * SHOTS)
    exact = qml.tape.QuantumScript([qml.H(0)], [qml.expval(qml.Z(0)), qml.state()])
    assert device.estimate(exact) == Cost(1, 1, 1, 0)
    assert device.jobs == []


def test_another_thread_gets_no_zeros(make_device, run):
    """While a cost is estimated, other calls are refused rather than answered with zeros."""
    device = make_device(1)
    caught = []

    def other():
        try:
            run(device, [qml.H(0)], [qml.expval(qml.Z(0))], SHOTS)
        except DeviceError as error:
            caught.append(str(error))

    def both():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert device.estimate(both) == Cost()
    assert "estimating a cost in another thread" in caught[0]
    assert run(device, [qml.X(0)], [qml.expval(qml.Z(0))], SHOTS) == (-1,)
