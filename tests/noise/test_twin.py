"""Devices with the noise of a backend, against Aer."""

import warnings

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from helpers.twins import (
    FIVE,
    TOLERANCE,
    aer_probabilities,
    measured_pairs,
    noise_of_fake,
    probabilities,
    random_function,
    twin,
)
from pennylane.exceptions import DeviceError
from qiskit.circuit import Measure, Parameter
from qiskit.circuit.library import CXGate, RZGate, SXGate
from qiskit.transpiler import InstructionProperties, Target
from qiskit_ibm_runtime import fake_provider

from pennylane_qizgloria.qiskit.backends.resolve import _fake_backends


def check_against_aer(name, num_wires, seed, **options):
    backend = _fake_backends()[name]()
    device = twin(backend, num_wires, **options)
    function, count = random_function(num_wires, seed)
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, count)
    found = probabilities(device, function)(angles)
    expected = aer_probabilities(device, angles, noise_of_fake(backend), measured_pairs(device))
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FIVE)
def test_probabilities_are_those_of_aer(name, seed):
    """Random circuits on fake backends have Aer's probabilities, readout error included."""
    backend = _fake_backends()[name]()
    check_against_aer(name, min(4, backend.num_qubits), seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(_fake_backends()))
def test_probabilities_on_every_fake_backend(name):
    """Random circuits on each fake backend have Aer's probabilities."""
    backend = _fake_backends()[name]()
    # Qiskit compiles no joining gates for this one: they go in one direction only.
    num_wires = 1 if name == "fake_cairo" else min(6, backend.num_qubits)
    for seed in range(3):
        check_against_aer(name, num_wires, seed)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_level_of_the_transpiler(level):
    """What the transpiler makes of parameters at each level is simulated as it is."""
    check_against_aer("fake_manila", 4, 7, optimization_level=level)


def test_a_layout():
    """Circuits run on the qubits that a layout says, with the noise of these."""
    check_against_aer("fake_lagos", 3, 2, initial_layout=[6, 5, 3])


@pytest.mark.parametrize("method", ["alap", "asap"])
def test_scheduled_circuits_relax_while_they_wait(method):
    """With scheduling, idle qubits relax as Aer's noise pass has it, and results differ."""
    check_against_aer("fake_manila", 4, 5, scheduling_method=method)
    check_against_aer("fake_manila", 2, 5, scheduling_method=method)
    function, count = random_function(4, 5)
    angles = np.linspace(0, 1, count)
    unscheduled = probabilities(twin(), function)(angles)
    scheduled = probabilities(twin(scheduling_method=method), function)(angles)
    assert np.abs(scheduled - unscheduled).max() > 1e-4


def test_the_backend_as_an_object_and_a_target():
    """A backend, its name and its class's object give the same; its target has no pair of p."""
    function, count = random_function(3, 1)
    angles = np.linspace(0, 1, count)
    backend = fake_provider.FakeManilaV2()
    by_name, by_object = (
        probabilities(twin(source, 3), function)(angles) for source in ("fake_manila", backend)
    )
    np.testing.assert_array_equal(by_name, by_object)
    target = probabilities(twin(backend.target, 3), function)(angles)
    assert 0 < np.abs(target - by_name).max() < 0.2


@pytest.mark.parametrize("diff_method", ["backprop", "adjoint", "parameter-shift"])
def test_gradients_are_differences_of_aer(diff_method):
    """Gradients agree with central differences of Aer's exact probabilities."""
    backend = fake_provider.FakeManilaV2()
    device = twin(backend, 3)
    function, count = random_function(3, 4)
    angles = np.random.default_rng(1).uniform(-np.pi, np.pi, count)
    qnode = qml.QNode(
        lambda x: [function(x), qml.probs(wires=device.wires)][1], device, diff_method=diff_method
    )
    x = torch.tensor(angles, requires_grad=True)
    weights = torch.linspace(-1, 1, 8, dtype=torch.float64)
    (weights @ qnode(x)).backward()
    noise, pairs = noise_of_fake(backend), measured_pairs(device)

    def expected(own):
        return weights.numpy() @ aer_probabilities(device, own, noise, pairs)

    difference = five_point_derivative(expected, angles)
    np.testing.assert_allclose(x.grad, difference, atol=1e-6)


def test_other_measurements_are_those_of_the_same_state():
    """Means, variances, states and samples follow from the density matrix and the readout error."""
    device = twin(wires=2)
    function, count = random_function(2, 9)
    angles = np.linspace(0, 2, count)

    def measured(*processes):
        return qml.QNode(lambda x: [function(x), [qml.apply(p) for p in processes]][1], device)

    p = probabilities(device, function)(angles)
    signs = np.array([1, 1, -1, -1]), np.array([1, -1, 1, -1])
    mean, variance = measured(qml.expval(qml.Z(0)), qml.var(qml.Z(0) @ qml.Z(1)))(angles)
    assert mean == pytest.approx(signs[0] @ p)
    assert variance == pytest.approx(1 - ((signs[0] * signs[1]) @ p) ** 2)
    with pytest.warns(UserWarning, match=r"wires=\[0, 1\]\) is not affected by readout error"):
        (rho,) = measured(qml.density_matrix(wires=[0, 1]))(angles)
    assert np.trace(rho) == pytest.approx(1)
    exact = np.real(np.diag(rho))
    pairs = [device._twin.noise.readout(device._twin.last.place[i]) for i in range(2)]
    matrices = [np.array([[1 - a, a], [b, 1 - b]]) for a, b in pairs]
    np.testing.assert_allclose(exact @ np.kron(*matrices), p, atol=1e-12)
    counts = qml.set_shots(measured(qml.counts(wires=[0, 1])), 20000)(angles)[0]
    for outcome, times in counts.items():
        expected = p[int(outcome, 2)]
        assert abs(times / 20000 - expected) < 5 * np.sqrt(expected / 20000) + 1e-3


def test_rotations_into_the_measured_basis_have_noise():
    """X is measured by compiled gates, as in a circuit that turns its basis by hand."""
    device = twin(wires=2)
    function, count = random_function(2, 3)
    angles = np.linspace(0, 2, count)

    def by_hand(x):
        function(x)
        qml.Hadamard(0)
        qml.adjoint(qml.S)(1)
        qml.Hadamard(1)
        return qml.expval(qml.Z(0) @ qml.Z(1))

    found = qml.QNode(lambda x: [function(x), qml.expval(qml.X(0) @ qml.Y(1))][1], device)(angles)
    expected = qml.QNode(by_hand, device)(angles)
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("others", [[qml.X(0)], [qml.I(0)]], ids=["X", "I"])
@pytest.mark.parametrize("backend", ["fake_nighthawk", "damped"])
def test_errors_of_measurements_act_in_every_basis(backend, others):
    """An observable beside others has the errors that it has alone, those of measure included."""
    if backend == "damped":
        from qiskit_aer.noise import NoiseModel, amplitude_damping_error

        backend = NoiseModel()
        backend.add_all_qubit_quantum_error(amplitude_damping_error(0.2), ["measure"])

    def value(*observables, scale=1.0):
        device = twin(backend, 1, noise_scale=scale, **own)
        return qml.QNode(lambda: [qml.X(0), [qml.expval(o) for o in observables]][1], device)()[0]

    own = {} if not isinstance(backend, str) else {"initial_layout": [0]}
    for scale in (0.5, 1.0, 2.0):
        alone = value(qml.Z(0), scale=scale)
        assert value(qml.Z(0), *others, scale=scale) == pytest.approx(alone, abs=1e-12)
    if not isinstance(backend, str):
        assert value(qml.Z(0)) == pytest.approx(-0.6)


def test_an_error_of_measurements_in_one_basis_only():
    """What turns X into Z before a measurement is no readout error: several bases are refused."""
    from qiskit_aer.noise import NoiseModel, coherent_unitary_error

    turn = qml.matrix(qml.RY(0.4, 0))
    model = NoiseModel()
    model.add_all_qubit_quantum_error(coherent_unitary_error(turn), ["measure"])
    device = qml.device("qizgloria.mixed", wires=1, noise_model=model)
    alone = qml.QNode(lambda: [qml.X(0), qml.expval(qml.Z(0))][1], device)
    assert alone() == pytest.approx(-np.cos(0.4))
    both = qml.QNode(lambda: [qml.X(0), (qml.expval(qml.Z(0)), qml.expval(qml.X(0)))][1], device)
    with pytest.raises(ValueError, match="in circuits of their own"):
        both()


def test_an_identity_beside_an_observable_changes_nothing():
    """The rotation into the basis of X has the noise that it has without the identity."""
    function, count = random_function(2, 3)
    angles, device = np.linspace(0, 2, count), twin(wires=2, initial_layout=[0, 1])
    alone, beside = (
        qml.QNode(lambda x: [function(x), [qml.expval(o) for o in own]][1], device)(angles)  # noqa: B023
        for own in ([qml.X(0)], [qml.X(0), qml.I(0)])
    )
    assert beside[0] == pytest.approx(alone[0], abs=1e-12)


def test_batches_of_scales_and_of_angles():
    """A batch of scales and one of angles must be as many; it is said in these words."""
    device = twin(wires=1, noise_scale=torch.tensor([1.0, 2.0]))
    qnode = qml.QNode(lambda x: [qml.RX(x, 0), qml.expval(qml.Z(0))][1], device)
    with pytest.raises(ValueError, match=r"noise_scale has 2 elements, .* a batch of 3"):
        qnode(np.array([0.1, 0.2, 0.3]))


def test_batches_are_their_elements():
    """A batch of angles gives what its elements give, in one compiled circuit."""
    device = twin(wires=3)
    function, count = random_function(3, 6)
    qnode = probabilities(device, function)
    batch = np.random.default_rng(0).uniform(-3, 3, (count, 5))
    found = qnode(batch)
    np.testing.assert_allclose(found, [qnode(own) for own in batch.T], atol=1e-12)
    assert device._twin._compiler.transpilations == 1


def test_a_structure_is_compiled_once():
    """Other angles take the compiled circuit; other gates, measurements and wires do not."""
    device = twin(wires=2)

    def circuit(x, gate, measured):
        gate(x, wires=0)
        qml.CNOT([0, 1])
        return qml.probs(wires=measured)

    qnode = qml.QNode(circuit, device)
    compiled = []
    for arguments in [
        (0.1, qml.RX, [0]),
        (0.2, qml.RX, [0]),
        (0.2, qml.RY, [0]),
        (0.2, qml.RX, [1]),
        (0.2, qml.RX, [0, 1]),
    ]:
        qnode(*arguments)
        compiled.append(device._twin._compiler.transpilations)
    assert compiled == [1, 1, 2, 3, 4]


@pytest.mark.parametrize("several", [False, True])
def test_shadows_are_of_the_wires(several):
    """The observables of shadow_expval are those of the user's wires, not of qubits."""
    device = qml.device("qizgloria.mixed", wires=[5, 6], noise_model="fake_manila", seed=2)
    observables = [qml.Z(5) @ qml.Z(6), qml.Z(6)]

    @qml.qnode(device)
    def circuit(measure):
        qml.X(5)
        return [measure(own) for own in observables]

    @qml.set_shots(40_000)
    @qml.qnode(device)
    def shadow(observable):
        qml.X(5)
        return qml.shadow_expval(observable)

    found = shadow(observables) if several else [shadow(own) for own in observables]
    np.testing.assert_allclose(found, circuit(qml.expval), atol=5 * np.sqrt(9 / 40_000))


def test_gates_that_the_noise_does_not_know():
    """A gate without a calibration is named in a warning and in the report; others are not."""
    target = Target(num_qubits=2)
    known = InstructionProperties(3e-8, 1e-3)
    target.add_instruction(SXGate(), {(0,): known, (1,): None})
    target.add_instruction(RZGate(Parameter("a")), {(0,): None, (1,): None})
    target.add_instruction(CXGate(), {(0, 1): InstructionProperties()})
    target.add_instruction(Measure(), {(0,): InstructionProperties(error=0.1), (1,): None})
    device = qml.device("qizgloria.mixed", wires=2, noise_model=target, initial_layout=[0, 1])

    def circuit(x, *wires):
        for wire in wires:
            qml.RX(x, wire)
        if len(wires) == 2:
            qml.CNOT([0, 1])
        return qml.expval(qml.Z(0))

    qnode = qml.QNode(circuit, device)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        qnode(0.3, 0)
    assert "says nothing" not in repr(device.noise_report())
    with pytest.warns(UserWarning, match=r"nothing about the errors of sx\(1\), cx\(0, 1\): they"):
        qnode(0.3, 0, 1)
    assert "errors of sx(1), cx(0, 1)" in repr(device.noise_report())


def test_qubits_that_the_noise_is_not_of():
    """A circuit that is compiled onto qubits beyond those of the noise is refused."""
    options = {"compile_backend": fake_provider.FakeSherbrooke(), "initial_layout": [10, 11]}
    qnode = qml.QNode(lambda: [qml.CNOT([0, 1]), qml.expval(qml.Z(0))][1], twin(wires=2, **options))
    with pytest.raises(DeviceError, match=r"qubits \[10, 11\], and fake_manila .* 0 to 4 only"):
        qnode()


def test_only_qubits_that_are_used_are_scheduled():
    """Delays that a schedule writes on all other qubits of a backend are left out."""
    device = twin("fake_torino", 2, scheduling_method="alap", initial_layout=[5, 6])
    qml.QNode(lambda: [qml.X(0), qml.CZ([0, 1]), qml.probs(wires=[0, 1])][2], device)()
    assert set(device._twin.last.noisy.qubits) == {5, 6}
    assert {row.number for row in device.noise_report().qubits} == {5, 6}


def test_only_qubits_that_are_used_are_simulated():
    """A circuit on a large backend has the state of its own qubits."""
    device = twin("fake_sherbrooke", 3)
    function, count = random_function(3, 2)
    (tape,), _ = qml.workflow.construct_batch(probabilities(device, function), level="device")(
        np.zeros(count)
    )
    assert len(tape.wires) <= 4


# --- bad input ------------------------------------------------------------------------------------


def test_channels_in_the_circuit():
    """A circuit with channels is refused, and what to do is said."""
    device = twin(wires=1)

    @qml.qnode(device)
    def circuit():
        qml.BitFlip(0.1, 0)
        return qml.expval(qml.Z(0))

    with pytest.raises(DeviceError, match="drop_channels"):
        circuit()


@pytest.mark.parametrize("diff_method", ["backprop", "adjoint"])
@pytest.mark.parametrize(
    "prepare",
    [
        lambda x: qml.StatePrep(x, wires=[0], normalize=True),
        lambda x: qml.DiagonalQubitUnitary(torch.exp(1j * x), wires=[0]),
    ],
    ids=["state", "unitary"],
)
def test_numbers_that_are_compiled_have_no_derivative(prepare, diff_method):
    """What is compiled by its value is refused where it is to be trained, and runs otherwise."""
    device, x = twin(wires=1), torch.tensor([0.6, 0.8], dtype=torch.float64, requires_grad=True)
    qnode = qml.QNode(
        lambda own: [prepare(own), qml.expval(qml.Z(0))][1], device, diff_method=diff_method
    )
    with pytest.raises(ValueError, match=r"qizgloria.mixed: .* compiled by its numbers"):
        qnode(x)
    assert torch.isfinite(torch.as_tensor(qnode(x.detach())))


@pytest.mark.parametrize("transform", ["grad", "jit"])
def test_jax_gets_no_derivative_of_what_is_compiled(transform):
    """JAX's tracers are refused where their derivative would be lost, those of angles are not."""
    jax = pytest.importorskip("jax")

    def circuit(x):
        cos, sin = jax.numpy.cos(x), jax.numpy.sin(x)
        qml.QubitUnitary(jax.numpy.array([[cos, -sin], [sin, cos]]), 0)
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    qnode = qml.QNode(circuit, twin(wires=1))
    with pytest.raises(ValueError, match="compiled by its numbers"):
        getattr(jax, transform)(qnode)(0.7)


def test_measurements_inside():
    """A measurement before the end is refused."""

    @qml.qnode(twin(wires=1))
    def circuit():
        qml.measure(0)
        return qml.expval(qml.Z(0))

    with pytest.raises(DeviceError, match="before its end"):
        circuit()


def test_snapshots():
    """A snapshot has no place in a compiled circuit."""

    @qml.qnode(twin(wires=1))
    def circuit():
        qml.Snapshot("here")
        return qml.expval(qml.Z(0))

    with pytest.raises(DeviceError, match="Snapshot"):
        circuit()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"noise_model": "fake_manila", "readout_prob": 0.1}, ValueError, "Leave readout_prob out"),
        ({"noise_model": 3}, TypeError, "noise_model must be"),
        ({"noise_model": "fake_manilla"}, ValueError, "fake_manila"),
        ({"noise_model": "aer"}, ValueError, "no calibration data"),
        ({"noise_model": "fake_manila", "wires": 6}, ValueError, "5 qubits, fewer than the 6"),
        ({"noise_model": "fake_manila", "noise_scale": -1}, ValueError, "at least 0"),
        ({"noise_model": "fake_manila", "noise_scale": "2"}, TypeError, "a number or a torch"),
        ({"noise_model": "fake_manila", "noise_scale": np.ones(2)}, TypeError, "as_tensor"),
        (
            {"noise_model": "fake_manila", "noise_scale": torch.ones(2, 2)},
            ValueError,
            r"shape \(\) or",
        ),
        ({"noise_scale": 2.0}, ValueError, "noise_model, which is not given"),
        ({"optimization_level": 2}, ValueError, "noise_model, which is not given"),
        ({"noise_model": "fake_manila", "optimization_level": 7}, ValueError, "0, 1, 2 or 3"),
        ({"noise_model": "fake_manila", "initial_layout": [0]}, ValueError, "initial_layout"),
        ({"noise_model": "fake_manila", "initial_layout": {0, 1}}, TypeError, "order of the wires"),
        ({"noise_model": "fake_manila", "scheduling_method": "now"}, TypeError, "'alap' or 'asap'"),
    ],
    ids=str,
)
def test_options_that_do_not_fit(options, error, message):
    """Options that contradict each other or have no effect are refused with what to do."""
    with pytest.raises(error, match=message) as raised:
        qml.device("qizgloria.mixed", **{"wires": 2, **options})
    assert str(raised.value).count("qizgloria.mixed: ") == 1


def test_a_device_without_noise_has_no_report():
    """What belongs to twins says so on other devices."""
    device = qml.device("qizgloria.mixed", wires=1)
    with pytest.raises(ValueError, match="without noise_model"):
        device.noise_report()
    with pytest.raises(ValueError, match="without noise_model"):
        device.noise_scale = 2
