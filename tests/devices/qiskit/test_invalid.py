"""What cannot run is refused with its reason, before any job is sent."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from pennylane.exceptions import DeviceError
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.transpiler import PassManager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from pennylane_qizgloria.qiskit.backends import resolve as backends
from pennylane_qizgloria.qiskit.jobs.runner import JobError
from pennylane_qizgloria.qiskit.primitives import primitives


class Opaque(qml.operation.Operation):
    """An operation of which nothing is known."""

    num_wires = 1


@pytest.fixture
def fake(make_device):
    """A device on a fake backend of 5 qubits, to which nothing may be sent."""
    own = make_device(None, backend="fake_manila")
    yield own
    assert own.jobs == []


# --- options --------------------------------------------------------------------------------------


def test_more_wires_than_qubits(make_device):
    """The transpiler would fail on it, in its own terms."""
    with pytest.raises(ValueError, match=r"fake_manila has 5 qubits, fewer than the 6 wires"):
        make_device(6, backend="fake_manila")


def test_unknown_backend_names_near_ones(make_device):
    """A typing error would be hard to find among a hundred names."""
    with pytest.raises(ValueError, match=r"no backend 'fake_sherbroke'.*'fake_sherbrooke'"):
        make_device(2, backend="fake_sherbroke")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"backend": 3}, TypeError, r"BackendV2 object or one of the names"),
        ({"sampler": StatevectorEstimator()}, TypeError, r"sampler must be .*BaseSamplerV2"),
        ({"estimator": "aer"}, TypeError, r"estimator must be .*BaseEstimatorV2"),
        ({"options": {"nonsense": 1}}, ValueError, r"Unknown option 'nonsense'"),
        ({"backend": "fake_manila", "method": "statevector"}, ValueError, r"'method'.*'aer' only"),
        ({"nonsense": 1}, ValueError, r"has no option 'nonsense'. It has backend, sampler"),
        ({"nois_model": 1}, ValueError, r"no option 'nois_model'. Did you mean 'noise_model'"),
        ({"backed": "aer"}, ValueError, r"no option 'backed'. Did you mean 'backend'"),
        ({"readout_prob": 0.1}, ValueError, r"option of qizgloria.mixed; Aer takes readout"),
        ({"memory_budget": 1}, ValueError, r"'memory_budget'. It is an option of qizgloria.mixed"),
        ({"seed_simulator": 3}, ValueError, r"'seed_simulator'. It is seed= here"),
        ({"resilience_level": 1}, ValueError, r"give options=\{'resilience_level': ...\}"),
        ({"channel": "x"}, ValueError, r"'channel' can be given with an IBM backend"),
        ({"backend": "aer_simulator"}, ValueError, r"Did you mean 'aer'\?"),
        ({"backend": "aer_simulator", "method": "automatic"}, ValueError, r"Did you mean 'aer'\?"),
        (
            {"sampler": StatevectorSampler(), "noise_model": 1},
            ValueError,
            r"'noise_model' is an option of a backend, but only primitives",
        ),
        ({"timeout": "x"}, TypeError, r"timeout must be a number of seconds, got 'x' \(str\)"),
        ({"timeout": -1}, ValueError, r"timeout=-1 must be a positive number"),
        ({"options": 3}, TypeError, r"options must be a dict .*got 3 \(int\)"),
        (
            {"noise_model": 3},
            TypeError,
            r"qizgloria.qiskit: noise_model must be a NoiseModel .*got 3 \(int\)",
        ),
        ({"method": "exact"}, ValueError, r"method='exact': Aer has 'automatic'"),
        ({"pass_manager": 3}, TypeError, r"pass_manager must be a PassManager .*got 3 \(int\)"),
        ({"compile_backend": "aer"}, TypeError, r"compile_backend must be a BackendV2"),
        ({"use_estimator": "yes"}, TypeError, r"use_estimator must be True, False or None"),
        ({"progress": 1}, TypeError, r"progress must be True, False or None"),
        ({"optimization_level": 4}, ValueError, r"optimization_level must be 0, 1, 2 or 3, got 4"),
        ({"optimization_level": 1.0}, TypeError, r"optimization_level must be 0, 1, 2 or 3"),
        ({"seed_transpiler": "x"}, TypeError, r"seed_transpiler must be an integer"),
        ({"wires": -1}, ValueError, r"needs a number of wires or their labels, got -1"),
        ({"wires": np.int64(-2)}, ValueError, r"needs a number of wires .*got -2"),
        ({"seed": -1}, ValueError, r"seed must be an integer .*got -1"),
        ({"seed": 2**63}, ValueError, r"seed must be an integer from 0 to 2\*\*63 - 1"),
        ({"seed": True}, ValueError, r"seed must be an integer .*got True"),
    ],
)
def test_options(make_device, options, error, message):
    """A wrong option would be ignored, or fail when the first circuit runs."""
    with pytest.raises(error, match=message):
        make_device(**{"wires": 2, **options})


@pytest.mark.parametrize("shots", [True, [True, 10]])
def test_shots_that_are_a_truth_value(make_device, shots):
    """A flag in the wrong place would run once, or fail in Qiskit's terms."""
    device = make_device(1)
    with pytest.raises(DeviceError, match=r"shots must be a positive integer.*got True"):
        qml.set_shots(qml.QNode(lambda: qml.probs(wires=0), device), shots)()
    assert device.jobs == []


@pytest.mark.parametrize(
    ("layout", "error", "message"),
    [
        ([0, 9], ValueError, r"has 9, which is no qubit of fake_manila: these are 0 to 4"),
        ([0, -1], ValueError, r"has -1, which is no qubit of fake_manila"),
        ([3], ValueError, r"names 1 of the backend's qubits for 2 wires"),
        ([0, 3, 2], ValueError, r"names 3 of the backend's qubits for 2 wires"),
        ([1, 1], ValueError, r"initial_layout=\[1, 1\] gives qubit 1 to more than one wire"),
        ([0, 1.0], TypeError, r"number of a qubit for each wire.*got \[0, 1.0\]"),
        ([True, False], TypeError, r"number of a qubit for each wire"),
        ("01", TypeError, r"number of a qubit for each wire"),
        (1, TypeError, r"number of a qubit for each wire.*got 1"),
        ({1, 0}, TypeError, r"in the order of the wires.*got \{0, 1\}"),
        (frozenset([1, 0]), TypeError, r"in the order of the wires"),
        ({0: 3, 1: 4}, TypeError, r"in the order of the wires.*got \{0: 3, 1: 4\}"),
    ],
)
def test_layouts(make_device, layout, error, message):
    """The first run would fail in the transpiler, in its own terms."""
    with pytest.raises(error, match=message):
        make_device(2, backend="fake_manila", initial_layout=layout)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pass_manager": PassManager()}, r"has no effect.*no pass_manager"),
        ({"backend": None, "sampler": StatevectorSampler()}, r"has no effect.*need a backend"),
        ({"wires": None}, r"needs to know the device's wires"),
    ],
    ids=["pass manager", "primitive", "no wires"],
)
def test_layouts_for_nobody(make_device, options, message):
    """A layout would be left out without a word, or not fit one of the circuits."""
    with pytest.raises(ValueError, match=message):
        make_device(**{"wires": 2, "initial_layout": [1, 0], **options})


@pytest.mark.parametrize(
    "option",
    [{"optimization_level": 0}, {"seed_transpiler": 1}, {"scheduling_method": "alap"}],
    ids=str,
)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"pass_manager": PassManager()}, r"pass_manager compiles in their place"),
        ({"backend": None, "sampler": StatevectorSampler()}, r"there is nothing to compile for"),
    ],
    ids=["pass manager", "primitive"],
)
def test_options_of_passes_that_do_not_run(make_device, option, given, message):
    """Options of Qiskit's preset passes are refused where these do not compile."""
    (name,) = option
    with pytest.raises(ValueError, match=rf"^qizgloria.qiskit: {name}=.*{message}"):
        make_device(2, **given, **option)


def test_a_compile_backend_beside_a_pass_manager(make_device):
    """Two answers to what compiles the circuits are refused."""
    options = {"pass_manager": PassManager(), "compile_backend": FakeManilaV2()}
    with pytest.raises(ValueError, match=r"compile_backend='fake_manila' has no effect"):
        make_device(2, **options)


@pytest.mark.parametrize("max_time", [-5, 0, True, "x", "", "h"])
def test_times_of_sessions(make_device, max_time):
    """What runs on Aer would fail on the machine, once the code gets there."""
    device = make_device(2)
    with (
        pytest.raises(ValueError, match=r"max_time must be a positive"),
        device.session(max_time=max_time),
    ):
        pass


@pytest.mark.parametrize("shots", [0, -1, 1.5, "many"])
def test_shots_that_are_none(make_device, shots):
    """A wrong number of shots would reach the backend."""
    with pytest.raises(ValueError, match=r"[Ss]hots"):
        qml.set_shots(qml.QNode(lambda: qml.probs(wires=0), make_device(1)), shots)()


@pytest.mark.parametrize(
    ("wires", "own", "asked"), [(3, {}, 3), (None, {}, None), (3, {"min_num_qubits": 9}, 9)]
)
def test_the_least_busy_machine_is_large_enough(make_device, monkeypatch, wires, own, asked):
    """A machine would be chosen that the device's wires do not fit on."""
    calls = []

    def resolve(spec, **options):
        calls.append((spec, options.get("min_num_qubits")))
        return AerSimulator()

    monkeypatch.setattr(backends, "resolve_backend", resolve)
    make_device(wires, backend="least_busy", **own)
    assert calls == [("least_busy", asked)]


# --- circuits -------------------------------------------------------------------------------------


def test_shots_missing(fake, run):
    """A device without exact results would take a number of shots that nobody asked for."""
    with pytest.raises(DeviceError, match=r"needs a number of shots.*qml.set_shots"):
        run(fake, [qml.X(0)], [qml.expval(qml.Z(0))])


def test_more_wires_in_a_circuit_than_qubits(fake, run):
    """The transpiler would fail on it, in its own terms."""
    with pytest.raises(DeviceError, match=r"circuit has 6 wires.*the backend 5 qubits"):
        run(fake, [qml.X(w) for w in range(6)], [qml.expval(qml.Z(0))], 10)


def test_deferred_measurements_do_not_fit(make_device, plain_backend):
    """A circuit would have more wires than the user can see, and the error would not say why."""
    device = make_device(2, backend=plain_backend())

    @qml.set_shots(10)
    @qml.qnode(device)
    def circuit():
        for wire in (0, 1, 0):
            qml.H(wire)
            qml.measure(wire)
        return qml.expval(qml.Z(0))

    with pytest.raises(DeviceError, match=r"4 wires, the backend 3 qubits.*deferred"):
        circuit()
    assert device.jobs == []


def test_deferred_measurements_have_no_place_in_a_layout(make_device, plain_backend):
    """The transpiler would speak of the length of a layout that fits the device's wires."""
    device = make_device(2, backend=plain_backend(), initial_layout=[0, 1])

    @qml.set_shots(10)
    @qml.qnode(device)
    def circuit():
        qml.H(0)
        outcome = qml.measure(0)
        qml.CNOT([0, 1])
        return qml.expval(outcome), qml.expval(qml.Z(0))

    with pytest.raises(DeviceError, match=r"deferred.*1 more.*initial_layout"):
        circuit()
    assert device.jobs == []


@pytest.mark.parametrize("backend", ["aer", "fake_manila"])
@pytest.mark.parametrize(
    "op",
    [
        qml.TShift(0),
        qml.Displacement(0.1, 0.2, wires=0),
        Opaque(wires=0),
    ],
    ids=lambda op: op.name,
)
def test_operations(make_device, run, backend, op):
    """An operation would be left out, or fail without its name."""
    device = make_device(2, backend=backend)
    with pytest.raises(DeviceError, match=op.name):
        run(device, [op], [qml.expval(qml.Z(0))], 10)
    assert device.jobs == []


@pytest.mark.parametrize(
    "measurement",
    [qml.state(), qml.density_matrix(0), qml.purity([0]), qml.vn_entropy([0])],
    ids=lambda measurement: type(measurement).__name__,
)
def test_states_from_shots(fake, run, measurement):
    """A state would be given as if shots could tell it."""
    with pytest.raises(DeviceError, match=r"not accepted with finite shots on qizgloria.qiskit"):
        run(fake, [qml.X(0)], [measurement], 10)


@pytest.mark.parametrize(
    "measurement",
    [qml.sample(), qml.counts(), qml.classical_shadow([0]), qml.shadow_expval(qml.Z(0))],
    ids=lambda measurement: type(measurement).__name__,
)
def test_samples_without_shots(make_device, run, measurement):
    """Samples would be drawn in a number that nobody asked for."""
    device = make_device(2)
    with pytest.raises(DeviceError, match=r"not accepted for analytic simulation"):
        run(device, [qml.X(0)], [measurement])
    assert device.jobs == []


@pytest.mark.parametrize(
    "measurement",
    [qml.probs(), qml.probs(wires=range(31)), qml.counts(all_outcomes=True)],
    ids=["all wires", "31 wires", "all outcomes"],
)
def test_results_longer_than_any_memory(make_device, fake_backend, run, measurement):
    """A job would run, be paid for, and its results not be returned."""
    device = make_device(40, backend=fake_backend("fake_sherbrooke"))
    with pytest.raises(DeviceError, match=r"2\*\*(31|40) entries, (1.7e\+10|8.8e\+12) bytes"):
        run(device, [qml.X(0)], [measurement], 10)
    assert device.jobs == []


def test_a_failed_simulation_says_why(make_device, fake_backend):
    """Qiskit would complain of the shape of results that the simulator did not give."""
    device = make_device(60, backend=fake_backend("fake_sherbrooke"))

    @qml.set_shots(10)
    @qml.qnode(device)
    def circuit():
        qml.X(0)
        return qml.counts()

    with pytest.raises(JobError, match=r"fake_sherbrooke says: .*Insufficient memory"):
        circuit()


def test_observables(fake, run):
    """An observable would be replaced by another."""
    with pytest.raises(DeviceError, match=r"[Oo]bservable.*not supported"):
        run(fake, [qml.X(0)], [qml.expval(qml.X(0) + 1j * qml.S(0))], 10)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_no_numbers(fake, run, value):
    """A backend would be sent an angle that means nothing."""
    with pytest.raises(ValueError, match=r"RX"):
        run(fake, [qml.RX(value, 0)], [qml.expval(qml.Z(0))], 10)


def test_unknown_wires(make_device, run):
    """A wire would be added that the device does not have."""
    device = make_device(2)
    with pytest.raises(qml.wires.WireError, match=r"qizgloria.qiskit"):
        run(device, [qml.X(2)], [qml.expval(qml.Z(0))], 10)
    assert device.jobs == []


# --- primitives -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "measurement",
    [qml.counts(), qml.probs(wires=0), qml.expval(qml.Hermitian(np.diag([1.0, 2]), 0))],
    ids=["counts", "probs", "Hermitian"],
)
def test_an_estimator_alone(make_device, run, measurement):
    """A result would be made up, or fail on what is missing without a name."""
    device = make_device(2, estimator=StatevectorEstimator())
    with pytest.raises(DeviceError, match=r"was given an estimator only.*not serve"):
        run(device, [qml.X(0)], [qml.expval(qml.Z(0)), measurement], 10)
    assert device.jobs == []
    (value,) = run(device, [qml.X(0)], [qml.expval(qml.Z(0))], 10_000)
    assert value == pytest.approx(-1, abs=0.05)


@pytest.mark.parametrize("mode", ["session", "batch"])
def test_sessions_of_given_primitives(make_device, mode):
    """A session would be open that the given primitives do not use."""
    device = make_device(2, backend=None, sampler=StatevectorSampler())
    with pytest.raises(DeviceError, match=r"was given primitives"), getattr(device, mode)():
        pass


@pytest.mark.parametrize("mode", ["session", "batch"])
def test_calls_inside_and_after_a_session(make_device, run, mode, monkeypatch):
    """Primitives of a closed session would be used again, or the session stay open on an error."""
    opened = []

    def noted(open_mode):
        def noting(*args, **kwargs):
            opened.append(open_mode(*args, **kwargs))
            return opened[-1]

        return noting

    for name in ("open_session", "open_batch"):
        monkeypatch.setattr(primitives, name, noted(getattr(primitives, name)))
    device = make_device(2)
    tape = ([qml.X(0)], [qml.expval(qml.Z(0)), qml.probs(wires=0)], 10_000)

    def fail():
        run(device, *tape)
        kept.append(device._primitives.sampler)
        raise ArithmeticError

    kept = []
    with pytest.raises(ArithmeticError), getattr(device, mode)():
        fail()
    assert len(opened) == 1
    # What someone kept of it is closed; the device itself goes on without.
    with pytest.raises(RuntimeError, match=rf"{mode} on .* is closed"):
        kept[0].run([])
    value, _ = run(device, *tape)
    assert value == pytest.approx(-1, abs=0.05)
    assert len(device.jobs) == 2


def test_resuming_an_unknown_job(make_device, run):
    """A wrong id would give nothing, or the results of another call."""
    device = make_device(2)
    run(device, [qml.X(0)], [qml.probs(wires=0)], 10)
    for job_id in ("no-such-job", device.jobs[0].job_id):
        with pytest.raises(KeyError, match=rf"no unfinished call with the job.*{job_id}"):
            device.resume(job_id)


def test_native_measurements_that_the_backend_lacks(make_device, plain_backend):
    """Measurements would be deferred although the user asked for the backend's own."""
    for device, shots in ((make_device(2), None), (make_device(2, backend=plain_backend()), 10)):

        @qml.set_shots(shots)
        @qml.qnode(device, mcm_method="device")
        def circuit():
            return qml.expval(qml.measure(0))

        with pytest.raises(DeviceError, match=r"natively only with shots.*leave mcm_method out"):
            circuit()
        assert device.jobs == []
