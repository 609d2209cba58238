"""How many jobs, PUBs and transpilations a program costs: the reason for this device."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

WIRES = range(4)
SHOTS = 100
STEPS = 10


@pytest.fixture
def inputs():
    """A batch of 4 inputs and the weights of 2 layers."""
    rng = np.random.default_rng(5)
    x, weights = rng.uniform(0, 3, (4, 4)), rng.uniform(0, 3, (2, 4, 3))
    return torch.tensor(x), torch.tensor(weights, requires_grad=True)


def layers(x, weights):
    qml.AngleEmbedding(x, WIRES)
    qml.StronglyEntanglingLayers(weights, WIRES)


def values(x, weights):
    layers(x, weights)
    return [qml.expval(qml.Z(i)) for i in WIRES]


def node(device, function, method="parameter-shift", shots=SHOTS):
    return qml.set_shots(qml.QNode(function, device, interface="torch", diff_method=method), shots)


def train(device, circuit, x, parameters, steps=STEPS):
    """The jobs of the forward and of the backward pass of each step of a training."""
    optimizer = torch.optim.Adam(parameters, lr=0.1)
    counts = []
    for _ in range(steps):
        optimizer.zero_grad()
        start = len(device.jobs)
        loss = torch.stack(list(circuit(x, parameters[0]))).sum()
        middle = len(device.jobs)
        loss.backward()
        counts.append((middle - start, len(device.jobs) - middle))
        optimizer.step()
    return counts


# PennyLane's parameter-shift does not take a batch of trainable inputs.
@pytest.mark.parametrize(
    ("use_estimator", "method", "trainable_inputs", "steps"),
    [
        (True, "parameter-shift", False, STEPS),
        (False, "parameter-shift", False, STEPS),
        (True, "best", True, STEPS),
        (False, "best", True, 2),
        (True, "best", False, 2),
    ],
)
def test_training_step_is_two_jobs_and_all_steps_one_transpilation(
    make_device, inputs, use_estimator, method, trainable_inputs, steps
):
    """A training would wait in the queue for each circuit, and transpile each of them."""
    device = make_device(use_estimator=use_estimator)
    x, weights = inputs
    x.requires_grad_(trainable_inputs)
    parameters = [weights, x] if trainable_inputs else [weights]
    counts = train(device, node(device, values, method), x, parameters, steps)
    assert counts == [(1, 1)] * steps
    assert device.transpilations == 1
    assert {(job.pubs, job.shots, job.status) for job in device.jobs} == {(1, SHOTS, "DONE")}
    kind = "estimator" if use_estimator else "sampler"
    assert {job.kind for job in device.jobs} == {kind}
    assert len({job.job_id for job in device.jobs}) == 2 * steps
    assert all((own.grad != 0).any(-1).all() for own in parameters)


def test_both_primitives_serve_a_mixture(make_device, inputs):
    """Circuits that mix measurements would need more than one job of each kind."""
    device = make_device(use_estimator=True)
    x, weights = inputs

    def mixture(x, weights):
        layers(x, weights)
        return (
            qml.expval(qml.Z(0)),
            qml.var(qml.X(1) @ qml.Y(2)),
            qml.probs(wires=[1, 3]),
            qml.expval(qml.Hermitian(np.array([[1, 0.2], [0.2, 0]]), 2)),
        )

    results = node(device, mixture)(x, weights)
    assert [job.kind for job in device.jobs] == ["sampler", "estimator"]
    loss = sum(result.sum() for result in results[:2]) + results[2][:, 0].sum()
    loss.backward()
    assert [job.kind for job in device.jobs] == ["sampler", "estimator"] * 2
    assert {job.shots for job in device.jobs} == {SHOTS}


def test_circuits_of_one_structure_are_one_pub(make_device):
    """Circuits that differ in their angles only would be transpiled one by one."""
    device = make_device(2)

    def tape(angle, gate=qml.RX, shots=100):
        operations = [gate(angle, 0), qml.CNOT([0, 1])]
        return qml.tape.QuantumScript(operations, [qml.probs(wires=[0, 1])], shots=shots)

    batch = [tape(0.1), tape(0.2), tape(0.3, qml.RY), tape(0.4), tape(0.5, qml.RY)]
    results = qml.execute(batch, device, diff_method=None)
    assert [(job.pubs, job.shots) for job in device.jobs] == [(2, 100)]
    assert device.transpilations == 2
    assert len(results) == 5
    # Other shots are another PUB of the same circuit.
    qml.execute([tape(0.1), tape(0.2, shots=300)], device, diff_method=None)
    assert [(job.pubs, job.shots) for job in device.jobs[1:]] == [(2, 300)]
    assert device.transpilations == 2


def test_commuting_words_share_shots(make_device):
    """Each observable would have circuits of its own when it comes from samples."""
    device = make_device(use_estimator=False)
    words = [qml.Z(0), qml.Z(0) @ qml.Z(1), qml.Z(3), qml.X(0), qml.X(0) @ qml.Y(2)]

    @qml.set_shots(50)
    @qml.qnode(device)
    def circuit(angle):
        qml.RX(angle, 0)
        qml.CNOT([0, 1])
        return [qml.expval(word) for word in words]

    circuit(0.3)
    assert [(job.kind, job.pubs, job.shots) for job in device.jobs] == [("sampler", 2, 50)]


@pytest.mark.parametrize("measurement", [qml.probs, qml.sample, qml.counts, qml.classical_shadow])
def test_broadcasting_is_one_pub(make_device, measurement):
    """A batch would be as many circuits as it has elements."""
    device = make_device(2)

    @qml.set_shots(20)
    @qml.qnode(device)
    def circuit(angles):
        qml.RX(angles, 0)
        qml.RY(angles, 1)
        return measurement(wires=[0, 1])

    if measurement is qml.classical_shadow:
        circuit(0.3)
    else:
        circuit(np.linspace(0, 1, 7))
    assert [job.pubs for job in device.jobs] == [1]


def test_shot_vectors_are_one_job(make_device):
    """Each entry of a shot vector would wait in the queue."""
    device = make_device(2, use_estimator=True)

    @qml.set_shots((100, 300, 300))
    @qml.qnode(device)
    def circuit(angle):
        qml.RX(angle, 0)
        return qml.probs(wires=0), qml.expval(qml.X(0))

    assert len(circuit(0.3)) == 3
    sampled, estimated = device.jobs
    assert (sampled.kind, sampled.pubs, sampled.shots) == ("sampler", 1, 700)
    # One PUB for each precision: the finest is what the record states.
    assert (estimated.kind, estimated.pubs, estimated.shots) == ("estimator", 2, 300)


def test_tracker_sees_jobs(make_device, inputs):
    """Users could not see what a program costs on hardware."""
    device = make_device()
    x, weights = inputs
    with qml.Tracker(device) as tracker:
        torch.stack(node(device, values)(x, weights)).sum().backward()
    assert tracker.totals["jobs"] == 2
    assert tracker.totals["pubs"] == 2
    assert tracker.history["job_id"] == [job.job_id for job in device.jobs]
    assert tracker.history["backend"] == [device.backend.name] * 2
    before = len(device.jobs)
    node(device, values)(x, weights)
    assert tracker.totals["jobs"] == before
