"""The same circuits on backends of different size, gates and provider, and on given primitives."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.transpiler import PassManager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

SHOTS = 4_000
ANGLES = np.array([0.3, 1.2, 2.5])
NOISE = 0.2
"""How far the noise of a fake backend moves a value, at most."""

OPERATIONS = [
    qml.RY(ANGLES, 0),
    qml.CNOT([0, 1]),
    qml.CRX(0.9, wires=[0, 2]),
    qml.Rot(0.2, 0.4, 0.1, wires=2),
    qml.IsingXX(0.5, wires=[2, 1]),
]
MEASUREMENTS = [
    *(qml.expval(qml.Z(0)), qml.expval(qml.X(0) @ qml.X(1)), qml.var(qml.Z(2))),
    *(qml.probs(wires=[2, 0]), qml.expval(qml.Projector([1], [1]))),
]


@pytest.fixture
def exact(run):
    return run(qml.device("qizgloria.mixed", wires=3), OPERATIONS, MEASUREMENTS)


@pytest.mark.parametrize(
    ("name", "qubits", "gate"), [("fake_manila", 5, "cx"), ("fake_sherbrooke", 127, "ecr")]
)
@pytest.mark.parametrize("use_estimator", [True, False])
def test_fake_backends(make_device, run, exact, fake_backend, name, qubits, gate, use_estimator):
    """Circuits would be compiled for other gates or qubits than the backend's."""
    device = make_device(
        3, backend=fake_backend(name), use_estimator=use_estimator, seed_transpiler=1
    )
    assert device.backend.num_qubits == qubits
    assert gate in device.backend.target.operation_names
    found = run(device, OPERATIONS, MEASUREMENTS, SHOTS)
    for own, value in zip(found, exact, strict=True):
        assert np.shape(own) == np.shape(value)
        np.testing.assert_allclose(own, value, rtol=0, atol=NOISE + 5 * 3 / np.sqrt(SHOTS))
    assert [job.backend for job in device.jobs] == [name] * len(device.jobs)
    # Every job is done before a second one of its kind is needed.
    assert len(device.jobs) == (2 if use_estimator else 1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("by_name", [True, False])
def test_both_primitives_see_the_noise(make_device, run, by_name, seed):
    """The jobs of the two primitives run at once, and one of them would run without noise."""
    device = make_device(2, backend="fake_manila" if by_name else FakeManilaV2(), seed=seed)
    measurements = [qml.expval(qml.Z(0) @ qml.Z(1)), qml.probs(wires=[0, 1])]
    value, probs = run(device, [qml.H(0), qml.CNOT([0, 1])], measurements, SHOTS)
    sampled = probs @ np.array([1, -1, -1, 1])
    assert abs(value - sampled) < 5 * np.sqrt(2) / np.sqrt(SHOTS)
    assert value < 0.95


def test_initial_layout(make_device, run, exact):
    """Observables and bits would be read from the qubits where the wires are not."""
    device = make_device(
        3, backend=AerSimulator(seed_simulator=1), initial_layout=[7, 3, 5], seed_transpiler=1
    )
    found = run(device, OPERATIONS, MEASUREMENTS, SHOTS)
    for own, value in zip(found, exact, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=5 * 3 / np.sqrt(SHOTS))


@pytest.mark.parametrize("shots", [None, SHOTS])
def test_initial_layout_with_idle_wires(make_device, run, shots):
    """A circuit that leaves wires out would fail, or run on the qubits of other wires."""
    device = make_device(3, backend="aer", initial_layout=[4, 2, 0], compile_backend=FakeManilaV2())
    measurements = [qml.expval(qml.Z(1)), qml.probs(wires=[2, 1])]
    value, probs = run(device, [qml.X(1)], measurements, shots)
    assert value == pytest.approx(-1, abs=5 / np.sqrt(SHOTS))
    np.testing.assert_allclose(probs, [0, 1, 0, 0], rtol=0, atol=1e-12)


def test_exact_results_of_what_is_compiled_for_a_machine(make_device, run, exact):
    """A machine saves no states, and its qubits are not in the order of the wires."""
    device = make_device(
        3, compile_backend=FakeManilaV2(), initial_layout=[4, 0, 2], use_estimator=False
    )
    found = run(device, OPERATIONS, MEASUREMENTS)
    for own, value in zip(found, exact, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)


def test_compile_backend(make_device, run, exact):
    """A simulator would not run what would run on the machine that it stands for."""
    device = make_device(3, compile_backend=FakeManilaV2(), initial_layout=[2, 1, 3])
    found = run(device, OPERATIONS, MEASUREMENTS, SHOTS)
    for own, value in zip(found, exact, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=5 * 3 / np.sqrt(SHOTS))


@pytest.mark.parametrize("use_estimator", [True, False])
def test_a_backend_of_another_provider(make_device, run, exact, plain_backend, use_estimator):
    """The device would need what only IBM's and Aer's backends have."""
    backend = plain_backend()
    device = make_device(3, backend=backend, use_estimator=use_estimator)
    found = run(device, OPERATIONS, MEASUREMENTS, SHOTS)
    for own, value in zip(found, exact, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=5 * 3 / np.sqrt(SHOTS))
    assert backend.runs
    assert {job.backend for job in device.jobs} == {"plain"}


def test_given_primitives(make_device, run, exact):
    """Primitives of a vendor would not be used, or be given circuits for another backend."""
    device = make_device(
        3, sampler=StatevectorSampler(seed=1), estimator=StatevectorEstimator(seed=2)
    )
    found = run(device, OPERATIONS, MEASUREMENTS, SHOTS)
    for own, value in zip(found, exact, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=5 * 3 / np.sqrt(SHOTS))
    assert device.backend is None
    assert device.transpilations == 0
    names = {"sampler": "StatevectorSampler", "estimator": "StatevectorEstimator"}
    assert {job.kind: job.backend for job in device.jobs} == names


def test_a_sampler_alone_serves_everything(make_device, run, exact):
    """Expectation values would need an estimator."""
    device = make_device(3, sampler=StatevectorSampler(seed=1))
    found = run(device, OPERATIONS, MEASUREMENTS, SHOTS)
    for own, value in zip(found, exact, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=5 * 3 / np.sqrt(SHOTS))
    assert [job.kind for job in device.jobs] == ["sampler"]


def test_an_empty_pass_manager_leaves_circuits_as_they_are(make_device, run):
    """Qiskit's preset would be taken instead, against the user's wish."""
    device = make_device(1, pass_manager=PassManager())
    run(device, [qml.H(0)], [qml.probs(wires=0)], 10)
    (compiled,) = device._compiler._cache.values()
    assert compiled.circuit.num_qubits == 1
    assert compiled.circuit.count_ops()["h"] == 1
