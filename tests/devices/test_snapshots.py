"""Snapshots inside QNodes, against default.mixed."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device


def compare(own, reference):
    assert list(own) == list(reference)
    for tag, value in reference.items():
        values = value if isinstance(value, tuple) else (value,)
        results = own[tag] if isinstance(own[tag], tuple) else (own[tag],)
        for result, expected in zip(results, values, strict=True):
            assert np.shape(result) == np.shape(expected), tag
            assert np.allclose(qml.math.toarray(result), qml.math.toarray(expected)), tag


def devices(wires):
    return mixed_device(wires), qml.device("default.mixed", wires=wires)


# Measurements in the middle of a circuit whose second wire is not touched yet.
MEASUREMENTS = {
    "state": lambda: None,
    "explicit state": lambda: qml.state(),
    "density matrix": lambda: qml.density_matrix(wires=[1, 0]),
    "expval": lambda: qml.expval(qml.Z(0)),
    "expval of an idle wire": lambda: qml.expval(qml.Z(2) @ qml.Y(0)),
    "var": lambda: qml.var(qml.Y(0)),
    "probs": lambda: qml.probs(wires=[1, 0]),
    "probs of all wires": lambda: qml.probs(),
    "purity": lambda: qml.purity(wires=[0]),
}


@pytest.mark.parametrize("wires", [3, None, (2, 0, 1)], ids=str)
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_one_snapshot(name, wires):
    """A snapshot agrees with default.mixed's."""

    def circuit(x):
        qml.RX(x, wires=0)
        qml.AmplitudeDamping(0.2, wires=0)
        qml.Snapshot(measurement=MEASUREMENTS[name]())
        qml.CNOT(wires=[0, 1])
        qml.RY(2 * x, wires=2)
        return qml.expval(qml.Z(1) @ qml.X(2))

    results = [
        qml.snapshots(qml.QNode(circuit, device, interface=None))(0.7) for device in devices(wires)
    ]
    compare(*results)


@pytest.mark.parametrize("interface", ["torch", "numpy", "auto"])
def test_several_with_tags(interface):
    """Several snapshots keep their tags and their order."""

    def circuit(x):
        qml.Snapshot("start")
        qml.Hadamard(0)
        qml.Snapshot()
        qml.BitFlip(0.1, wires=0)
        qml.Snapshot("mean", qml.expval(qml.X(0)))
        qml.Snapshot("distribution", qml.probs(wires=[0, 1]))
        qml.RX(x, wires=1)
        qml.Snapshot()
        return qml.expval(qml.Z(1)), qml.probs(wires=0)

    x = torch.tensor(0.4, dtype=torch.float64) if interface == "torch" else np.array(0.4)
    results = [
        qml.snapshots(qml.QNode(circuit, device, interface=interface))(x) for device in devices(2)
    ]
    compare(*results)
    assert {"start", "mean", "distribution", "execution_results"} <= set(results[0])


def test_batch():
    """Snapshots before and after the first batched gate have default.mixed's shapes."""

    def circuit(x):
        qml.Hadamard(0)
        qml.Snapshot("before", qml.expval(qml.X(0)))
        qml.RX(x, wires=1)
        qml.Snapshot("after", qml.probs(wires=[0, 1]))
        return qml.expval(qml.Z(1))

    results = [
        qml.snapshots(qml.QNode(circuit, device, interface=None))(np.array([0.1, 0.4, 2.0]))
        for device in devices(2)
    ]
    compare(*results)


def test_only_snapshots():
    """A snapshot beside a state that is measured agrees with default.mixed's."""

    def circuit():
        qml.Hadamard(0)
        qml.Snapshot("plus")
        return qml.state()

    results = [qml.snapshots(qml.QNode(circuit, device, interface=None))() for device in devices(1)]
    compare(*results)


def test_shots():
    """Snapshots of a circuit with shots are sampled."""

    @qml.snapshots
    @qml.set_shots(1000)
    @qml.qnode(mixed_device(2, seed=5))
    def circuit():
        qml.RY(1.0, wires=0)
        qml.Snapshot("workflow", qml.expval(qml.Z(0)))
        qml.Snapshot("own", qml.counts(wires=0), shots=300)
        qml.Snapshot("samples", qml.sample(wires=[0, 1]), shots=[10, 20])
        qml.Snapshot("exact", qml.probs(wires=0), shots=None)
        qml.Snapshot("state")
        return qml.expval(qml.Z(0))

    result = circuit()
    mean = np.cos(1.0)
    excited = np.sin(0.5) ** 2
    error = 5 * np.sqrt((1 - mean**2) / 1000)
    assert 0 < abs(result["workflow"] - mean) < error
    assert abs(result["execution_results"] - mean) < error
    assert sum(result["own"].values()) == 300
    assert abs(result["own"]["1"] / 300 - excited) < 5 * np.sqrt(excited * (1 - excited) / 300)
    assert [part.shape for part in result["samples"]] == [(10, 2), (20, 2)]
    assert np.allclose(result["exact"], [1 - excited, excited], rtol=0, atol=1e-12)
    assert np.allclose(result["state"][0, 0], 1 - excited, rtol=0, atol=1e-12)


def test_shots_of_a_snapshot_alone():
    """A snapshot can have shots in a circuit that is exact otherwise."""

    @qml.snapshots
    @qml.qnode(mixed_device(1, seed=6))
    def circuit():
        qml.Hadamard(0)
        qml.Snapshot("samples", qml.sample(wires=0), shots=50)
        return qml.expval(qml.X(0))

    result = circuit()
    assert set(np.ravel(result["samples"])) == {0, 1}
    assert np.size(result["samples"]) == 50
    assert abs(result["execution_results"] - 1) < 1e-12


def test_mid_circuit_measurements():
    """A snapshot between mid-circuit measurements sees the state at its place."""

    @qml.snapshots
    @qml.qnode(mixed_device(3))
    def circuit():
        qml.Hadamard(0)
        value = qml.measure(0)
        qml.cond(value, qml.X)(wires=1)
        qml.Snapshot("dephased", qml.expval(qml.X(0)))
        qml.Snapshot("correlated", qml.expval(qml.Z(0) @ qml.Z(1)))
        return qml.expval(value)

    result = circuit()
    assert abs(result["dephased"]) < 1e-12
    assert abs(result["correlated"] - 1) < 1e-12
    assert abs(result["execution_results"] - 0.5) < 1e-12


def test_readout_error():
    """A snapshot has the readout error of the final measurement."""

    @qml.snapshots
    @qml.qnode(mixed_device(1, readout_prob=0.1))
    def circuit():
        qml.Snapshot("reported", qml.expval(qml.Z(0)))
        qml.Snapshot("state")
        return qml.expval(qml.Z(0))

    result = circuit()
    assert abs(result["reported"] - 0.8) < 1e-12
    assert np.allclose(result["state"], [[1, 0], [0, 0]])
    assert abs(result["execution_results"] - 0.8) < 1e-12


def test_no_effect_without_debugger():
    """Without a debugger, snapshots leave the result and the work as they are."""
    device = mixed_device(1)

    @qml.qnode(device)
    def circuit():
        qml.Hadamard(0)
        qml.Snapshot("state")
        qml.Snapshot("sampled", qml.sample(wires=0), shots=5)
        return qml.expval(qml.X(0))

    with qml.Tracker(device) as tracker:
        value = circuit()
    assert abs(value - 1) < 1e-12
    assert tracker.totals["executions"] == 1


def test_device_is_free_again():
    """After a snapshot run the device runs without a debugger."""
    device = mixed_device(1)

    @qml.qnode(device)
    def circuit():
        qml.Hadamard(0)
        qml.Snapshot("plus")
        return qml.expval(qml.X(0))

    first = qml.snapshots(circuit)()
    assert abs(circuit() - 1) < 1e-12
    second = qml.snapshots(circuit)()
    assert list(first) == list(second) == ["plus", "execution_results"]


def test_gradient_through_a_circuit_with_snapshots():
    """Snapshots do not change the gradient of a circuit."""

    @qml.qnode(mixed_device(1), interface="torch")
    def circuit(x):
        qml.RX(x, wires=0)
        qml.Snapshot("mid")
        qml.RX(x, wires=0)
        return qml.expval(qml.Z(0))

    x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    circuit(x).backward()
    assert abs(x.grad + 2 * np.sin(0.6)) < 1e-10
