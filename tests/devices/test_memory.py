"""Memory: the budget of the reverse pass, and circuits that do not fit are refused in time."""

from __future__ import annotations

import types

import numpy as np
import pennylane as qml
import psutil
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode


def layered(x):
    """Too many wires and layers to be fused into a step or two."""
    for row in x:
        for wire in range(5):
            qml.RY(row[wire], wire)
            qml.AmplitudeDamping(0.05, wire)
        for wire in range(5):
            qml.IsingXY(row[wire], [wire, (wire + 1) % 5])
    return qml.probs(wires=[0, 4])


def test_memory_budget(make_device, rng):
    """The budget would not reach the reverse pass, or change the gradient."""
    start = torch.tensor(rng.uniform(-3, 3, (4, 5)))
    weights = torch.arange(4.0, dtype=torch.float64)
    work, gradients = [], []
    for budget in (None, 1):
        x = start.clone().requires_grad_()
        device = make_device(5, memory_budget=budget)
        with FlopCounterMode(display=False) as counter:
            value = qml.QNode(layered, device, interface="torch")(x) @ weights
            gradients.append(torch.autograd.grad(value, x)[0])
        work.append(counter.get_total_flops())
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-13)
    assert gradients[0].abs().max() > 1e-2
    assert work[1] > 1.2 * work[0], "nothing was computed again"


def entangle(num_wires):
    return [qml.RX(0.1, wires=0), *(qml.CNOT(wires=[w, w + 1]) for w in range(num_wires - 1))]


def test_state_that_does_not_fit(make_device, run):
    """The process would be killed, with everything that its user has not saved."""
    device = make_device(40)
    with pytest.raises(MemoryError, match=r"40 wires in float64 needs .* GiB .* GiB are free on"):
        run(device, entangle(40), [qml.probs(wires=range(40))])
    assert run(device, entangle(3), [qml.expval(qml.Z(39))])[0] == 1


@pytest.fixture
def _little_memory(monkeypatch):
    memory = types.SimpleNamespace(available=2**23, total=2**35)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


@pytest.mark.usefixtures("_little_memory")
def test_state_that_does_not_fit_now(make_device, run):
    """Memory that others use would be counted as free."""
    device = make_device(12)
    with pytest.raises(MemoryError, match=r"12 wires in float64 needs 0.25 GiB"):
        run(device, [*entangle(12), qml.CNOT([11, 0]), *entangle(12)], [qml.probs(wires=range(12))])
    assert abs(run(device, entangle(6), [qml.expval(qml.Z(5))])[0] - np.cos(0.1)) < 1e-12


@pytest.mark.usefixtures("_little_memory")
def test_batch_that_does_not_fit(make_device, run):
    """The memory of a batch would be taken for that of one state."""
    operations = [qml.RX(np.linspace(0, 1, 1000), wires=0), *entangle(8), *entangle(8)]
    with pytest.raises(MemoryError, match="for each of 1000 states"):
        run(make_device(8), operations, [qml.probs()])


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize(
    ("make", "shots"),
    [
        (lambda: qml.probs(wires=range(21)), None),
        (lambda: qml.density_matrix(wires=range(10)), None),
        (lambda: qml.purity(wires=range(11)), None),
        (lambda: qml.vn_entropy(wires=range(10)), None),
        (lambda: qml.sample(wires=range(21)), 10),
        (lambda: qml.counts(wires=range(21)), 10),
    ],
    ids=["probs", "density matrix", "purity", "entropy", "sample", "counts"],
)
def test_result_that_does_not_fit(make, shots, make_device, run):
    """A small state with a large result would have the process killed: here all but one of the
    measured wires are idle, and cost nothing until they are measured together."""
    with pytest.raises(MemoryError, match="GiB are free on"):
        run(make_device(21), [qml.X(0)], [make()], shots)
