"""Memory: the budget of the reverse pass, and circuits that do not fit are refused in time."""

from __future__ import annotations

import types
import warnings

import numpy as np
import pennylane as qml
import psutil
import pytest
import torch
from helpers.devices import mixed_device
from helpers.execution import execute_tuple
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


def test_memory_budget(rng):
    """The memory budget reaches the reverse pass and does not change the gradient."""
    start = torch.tensor(rng.uniform(-3, 3, (4, 5)))
    weights = torch.arange(4.0, dtype=torch.float64)
    work, gradients = [], []
    for budget in (None, 1):
        x = start.clone().requires_grad_()
        device = mixed_device(5, memory_budget=budget)
        with FlopCounterMode(display=False) as counter:
            value = qml.QNode(layered, device, interface="torch")(x) @ weights
            gradients.append(torch.autograd.grad(value, x)[0])
        work.append(counter.get_total_flops())
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-13)
    assert gradients[0].abs().max() > 1e-2
    assert work[1] > 1.2 * work[0], "nothing was computed again"


def entangle(num_wires):
    return [qml.RX(0.1, wires=0), *(qml.CNOT(wires=[w, w + 1]) for w in range(num_wires - 1))]


def test_state_that_does_not_fit():
    """A state that cannot fit is refused before it is allocated."""
    device = mixed_device(40)
    with pytest.raises(MemoryError, match=r"40 wires in float64 needs .* GiB .* GiB are free on"):
        execute_tuple(device, entangle(40), [qml.probs(wires=range(40))])
    assert execute_tuple(device, entangle(3), [qml.expval(qml.Z(39))])[0] == 1


@pytest.fixture
def _little_memory(monkeypatch):
    memory = types.SimpleNamespace(available=2**23, total=2**35)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


@pytest.mark.usefixtures("_little_memory")
def test_state_that_does_not_fit_now():
    """Only memory that is free at present counts."""
    device = mixed_device(12)
    with pytest.raises(MemoryError, match=r"12 wires in float64 needs 0.25 GiB"):
        execute_tuple(
            device, [*entangle(12), qml.CNOT([11, 0]), *entangle(12)], [qml.probs(wires=range(12))]
        )
    assert abs(execute_tuple(device, entangle(6), [qml.expval(qml.Z(5))])[0] - np.cos(0.1)) < 1e-12


@pytest.mark.usefixtures("_little_memory")
def test_batch_that_does_not_fit():
    """The memory of a batch counts all its elements."""
    operations = [qml.RX(np.linspace(0, 1, 1000), wires=0), *entangle(8), *entangle(8)]
    with pytest.raises(MemoryError, match="for each of 1000 states"):
        execute_tuple(mixed_device(8), operations, [qml.probs()])


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize(
    ("make", "shots"),
    [
        (lambda: qml.probs(wires=range(21)), None),
        (lambda: qml.density_matrix(wires=range(10)), None),
        (lambda: qml.state(), None),
        (lambda: qml.probs(wires=range(21)), 10),
        (lambda: qml.counts(wires=range(21), all_outcomes=True), 10),
    ],
    ids=["probs", "density matrix", "state", "sampled probs", "all counts"],
)
def test_result_that_does_not_fit(make, shots):
    """A large result of a small state is refused with its size: all but one of the measured wires
    are idle here."""
    with pytest.raises(MemoryError, match=r"qizgloria.mixed: .* GiB are free on"):
        execute_tuple(mixed_device(21), [qml.X(0)], [make()], shots)


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize("readout_prob", [None, 0.2])
def test_idle_wires_cost_nothing(readout_prob):
    """Idle wires are independent factors: entropies, samples and words of many are cheap."""
    device = mixed_device(70, seed=2, readout_prob=readout_prob)
    every = range(70)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # entropies are not affected by readout error
        purity, entropy, information = execute_tuple(
            device,
            [qml.DepolarizingChannel(0.3, 5), qml.X(9)],
            [qml.purity(every), qml.vn_entropy(every), qml.mutual_info(every[:30], every[30:])],
        )
    values = np.array([0.8, 0.2])
    assert abs(purity - (values**2).sum()) < 1e-12
    assert abs(entropy + (values * np.log(values)).sum()) < 1e-12
    assert abs(information) < 1e-12
    word = qml.prod(*map(qml.Z, every[10:]))
    operations = [qml.X(9)]
    mean, exact_variance = execute_tuple(device, operations, [qml.expval(word), qml.var(word)])
    processes = [qml.sample(), qml.counts(), qml.expval(word), qml.var(word)]
    samples, counts, sampled, variance = execute_tuple(device, operations, processes, shots=2000)
    (shadow,) = execute_tuple(device, operations, [qml.classical_shadow(every)], shots=20)
    error = readout_prob or 0
    expected = np.full(70, error)
    expected[9] = 1 - error
    spread = 5 * np.sqrt(expected * (1 - expected) / 2000)
    assert samples.shape == (2000, 70)
    assert (abs(samples.mean(0) - expected) <= spread).all()
    assert sum(counts.values()) == 2000
    assert abs(mean - (1 - 2 * error) ** 60) < 1e-12
    assert abs(exact_variance - (1 - mean**2)) < 1e-12
    assert abs(sampled - mean) <= 5 * np.sqrt(exact_variance / 2000)
    assert abs(variance - (1 - sampled**2)) < 1e-12
    assert shadow.shape == (2, 20, 70)


@pytest.mark.usefixtures("_little_memory")
def test_long_words_with_asymmetric_readout_error():
    """A word of which each letter is read with an offset is refused when it is too long."""
    device = mixed_device(70, readout_prob=(0.1, 0.2))
    word = qml.prod(*map(qml.Z, range(3)))
    assert abs(execute_tuple(device, [], [qml.expval(word)])[0] - 0.8**3) < 1e-12
    with pytest.raises(
        MemoryError, match=r"word on 60 wires with p\(1\|0\) and p\(0\|1\) that differ"
    ):
        execute_tuple(device, [], [qml.expval(qml.prod(*map(qml.Z, range(60))))])


@pytest.mark.parametrize("readout_prob", [None, (0.2, 0.3)])
def test_results_of_idle_wires(readout_prob):
    """States and probabilities of idle wires, among others and in any order, are products."""
    device = mixed_device(4, readout_prob=readout_prob)
    measurements = [qml.probs(wires=[3, 1, 0, 2]), qml.probs(op=qml.X(0) @ qml.Y(2) @ qml.Z(3))]
    probabilities, of_letters = execute_tuple(device, [qml.RY(0.7, 2)], measurements)
    p10, p01 = readout_prob or (0, 0)
    confusion = np.array([[1 - p10, p10], [p01, 1 - p01]])
    zero, own = np.array([1, 0]) @ confusion, np.array([np.cos(0.35) ** 2, np.sin(0.35) ** 2])
    own, even = own @ confusion, np.array([0.5, 0.5]) @ confusion
    product = np.kron(np.kron(np.kron(zero, zero), zero), own)
    assert np.allclose(probabilities, product, rtol=0, atol=1e-12)
    assert np.allclose(of_letters, np.kron(np.kron(even, even), zero), rtol=0, atol=1e-12)
