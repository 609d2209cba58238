"""Barriers and delays on twins of backends and on backends."""

import numpy as np
import pennylane as qml
import pytest
from helpers.twins import aer_probabilities, noise_of_fake
from pennylane.exceptions import DeviceError
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from pennylane_qizgloria import from_qiskit
from pennylane_qizgloria.lowering.operations.delay import Delay

MANILA = FakeManilaV2()


def on_twin(function, wires=1, **options):
    device = qml.device(
        "qizgloria.mixed", wires=wires, noise_model=MANILA, seed_transpiler=1, **options
    )
    return device, qml.QNode(function, device)


def compiled(device):
    """The circuits that a device has compiled."""
    compiler = device._twin._compiler if hasattr(device, "_twin") else device._compiler
    return [own.circuit for own in compiler._cache.values()]


@pytest.mark.parametrize(
    ("duration", "unit", "method"),
    [
        (100_000, "dt", None),
        (0.02, "ms", None),
        # No whole number of the backend's pulses: Qiskit takes it where it schedules.
        (30, "us", "alap"),
    ],
)
def test_qubits_of_twins_relax(duration, unit, method):
    """A delay of a Qiskit circuit lets a qubit relax as it does on Aer."""
    angle = Parameter("x")
    circuit = QuantumCircuit(1)
    circuit.ry(angle, 0)
    circuit.delay(duration, 0, unit)
    template = from_qiskit(circuit)

    def function(x):
        template([x])
        return qml.probs(wires=0)

    device, qnode = on_twin(function, scheduling_method=method)
    found = qnode(2.0)
    pairs = [device._twin.noise.readout(qubit) for qubit in range(5)]
    expected = aer_probabilities(device, [2.0], noise_of_fake(MANILA), pairs)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    _, without = on_twin(lambda x: [qml.RY(x, 0), qml.probs(wires=0)][1])
    assert found[0] > without(2.0)[0] + 0.05


@pytest.mark.parametrize("name", ["qizgloria.mixed", "qizgloria.qiskit"])
def test_delays_that_do_not_fit(name):
    """A delay that the backend's pulses do not allow is refused, naming the device and a way."""
    options = {"noise_model": MANILA} if name.endswith("mixed") else {"backend": MANILA}

    @qml.set_shots(None if name.endswith("mixed") else 100)
    @qml.qnode(qml.device(name, wires=1, **options))
    def qnode():
        qml.X(0)
        Delay(7, wires=0)
        return qml.expval(qml.Z(0))

    message = rf"^{name}: The circuit on 1 qubits with 1 x, 1 delay, .*scheduling_method='alap'"
    with pytest.raises(DeviceError, match=message):
        qnode()


@pytest.mark.parametrize("name", ["qizgloria.mixed", "qizgloria.qiskit"])
def test_barriers_keep_gates_apart(name):
    """Gates on either side of a barrier of a Qiskit circuit do not cancel."""
    circuit = QuantumCircuit(2)
    for _ in range(2):
        circuit.cx(0, 1)
        circuit.barrier()
    template = from_qiskit(circuit)
    options = {"noise_model": MANILA} if name.endswith("mixed") else {"backend": MANILA}
    device = qml.device(name, wires=2, optimization_level=3, seed_transpiler=1, **options)

    @qml.set_shots(None if name.endswith("mixed") else 100)
    @qml.qnode(device)
    def qnode():
        template()
        return qml.probs(wires=[0, 1])

    qnode()
    (found,) = compiled(device)
    assert found.count_ops()["cx"] == 2


@pytest.mark.parametrize("name", ["qizgloria.mixed", "qizgloria.qiskit"])
def test_delays_of_other_lengths_are_compiled_apart(name):
    """A circuit never runs with the delay of another one that differs in its length only."""
    options = {"noise_model": MANILA} if name.endswith("mixed") else {"backend": MANILA, "seed": 1}
    device = qml.device(name, wires=1, seed_transpiler=1, **options)

    @qml.set_shots(None if name.endswith("mixed") else 2000)
    @qml.qnode(device)
    def qnode(duration, unit):
        qml.X(0)
        Delay(duration, unit, wires=0)
        return qml.expval(qml.Z(0))

    times = [(16, "dt"), (160_000, "dt"), (160_000, "ns"), (160, "dt")]
    values = [qnode(*time) for time in times]
    assert len(compiled(device)) == 4
    assert values[0] < values[1] - 0.3
    assert values[1] < values[2] - 0.3
    assert values[3] < values[1] - 0.3
    assert [qnode(*time) for time in times] == pytest.approx(values, abs=0.1)
    assert len(compiled(device)) == 4
