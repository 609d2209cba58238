"""Which primitives run, with what options and seeds, and for how long a session is open."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import qiskit_aer.primitives
import qiskit_ibm_runtime
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime import executor_estimator, executor_sampler
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeSherbrooke

from pennylane_qizgloria.qiskit.backends.resolve import backend_of
from pennylane_qizgloria.qiskit.backends.seeds import JobSeeds
from pennylane_qizgloria.qiskit.measurements.measurement_splitting import EstimatorUse
from pennylane_qizgloria.qiskit.primitives import job_limits, providers
from pennylane_qizgloria.qiskit.primitives import primitives as module
from pennylane_qizgloria.qiskit.primitives.job_limits import Limits, limits_of
from pennylane_qizgloria.qiskit.primitives.primitives import (
    choose_primitives,
    estimator_use,
    open_batch,
    open_session,
)

ANGLES = np.array([0.3, 1.1, 2.0])


@pytest.fixture
def backends(plain_backend):
    return {
        "aer": AerSimulator(),
        "manila": FakeManilaV2(),
        "sherbrooke": FakeSherbrooke(),
        "plain": plain_backend(),
    }


@pytest.fixture(params=["aer", "manila", "sherbrooke", "plain"])
def backend(request, backends):
    return backends[request.param]


def pubs_for(backend):
    """A sampler's and an estimator's PUB of a rotated Bell pair, for three angles."""
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("t"), 0)
    circuit.cx(0, 1)
    compiled = transpile(circuit, backend, optimization_level=1, seed_transpiler=1)
    observable = SparsePauliOp("ZI").apply_layout(compiled.layout, compiled.num_qubits)
    circuit.measure_all()
    measured = transpile(circuit, backend, optimization_level=1, seed_transpiler=1)
    return (measured, ANGLES[:, None]), (compiled, observable, ANGLES[:, None])


def run_once(primitives, pubs, shots=1000):
    shot_pub, value_pub = pubs
    data = primitives.sampler.run([shot_pub], shots=shots).result()[0].data.meas
    job = primitives.estimator.run([value_pub], precision=shots**-0.5)
    return data.array.copy(), job.result()[0].data.evs.copy()


def test_every_backend_has_primitives_that_work_without_warnings(backend):
    """A provider's primitives would be called in a way that they do not understand."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = choose_primitives(backend, seed=1)
        shots, values = run_once(found, pubs_for(backend), shots=4000)
    assert found.backend is backend
    ones = (shots[..., 0] & 1).mean(-1)
    # A few percent for the noise of the fake devices, the rest for the shots.
    np.testing.assert_allclose(ones, np.sin(ANGLES / 2) ** 2, atol=0.15)
    np.testing.assert_allclose(values, np.cos(ANGLES), atol=0.25)


def test_each_provider_has_its_own(backends, monkeypatch):
    """Aer would bind circuits one by one; IBM's machines would refuse the jobs."""
    aer = choose_primitives(backends["aer"])
    assert isinstance(aer.sampler, qiskit_aer.primitives.SamplerV2)
    assert isinstance(aer.estimator, qiskit_aer.primitives.EstimatorV2)
    for name in ("manila", "plain"):
        found = choose_primitives(backends[name])
        assert isinstance(found.sampler, BackendSamplerV2)
        assert isinstance(found.estimator, BackendEstimatorV2)


@pytest.fixture
def as_ibm(monkeypatch):
    """Fake backends pass for IBM's machines."""
    for part in (job_limits, module, providers):
        monkeypatch.setattr(part, "is_ibm", lambda backend: isinstance(backend, FakeManilaV2))
    return FakeManilaV2()


@pytest.mark.usefixtures("as_ibm")
def test_ibm_gets_the_primitives_that_do_not_warn(as_ibm):
    """Every user of IBM's machines would see a deprecation warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        found = choose_primitives(as_ibm, seed=5, options={"default_shots": 7})
        shots, _ = run_once(found, pubs_for(as_ibm), shots=200)
    assert isinstance(found.sampler, executor_sampler.Sampler)
    assert isinstance(found.estimator, executor_estimator.Estimator)
    assert found.sampler.options.default_shots == 7
    assert shots.shape[1] == 200


def test_older_clients_of_ibm_work(as_ibm, monkeypatch):
    """Version 0.46, which we say we support, has no client-side primitives."""
    monkeypatch.setitem(__import__("sys").modules, "qiskit_ibm_runtime.executor_sampler", None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = choose_primitives(as_ibm, options={"resilience_level": 0, "default_shots": 9})
    assert isinstance(found.sampler, qiskit_ibm_runtime.SamplerV2)
    assert isinstance(found.estimator, qiskit_ibm_runtime.EstimatorV2)
    assert found.estimator.options.resilience_level == 0
    assert found.sampler.options.default_shots == 9


def test_options_reach_the_primitives_that_know_them(as_ibm):
    """Error mitigation would be off although it was asked for."""
    options = {
        "resilience_level": 2,
        "twirling": {"enable_gates": True},
        "dynamical_decoupling": {"enable": True},
    }
    found = choose_primitives(as_ibm, options=options)
    assert found.estimator.options.resilience_level == 2
    for primitive in (found.sampler, found.estimator):
        assert primitive.options.twirling.enable_gates
        assert primitive.options.dynamical_decoupling.enable


def test_options_of_qiskits_and_aers_primitives_arrive(backends):
    """Options would be dropped for simulators."""
    options = {"default_shots": 12, "default_precision": 0.5}
    for seed in (None, 3):
        for name in ("aer", "plain", "manila"):
            found = choose_primitives(backends[name], seed=seed, options=options)
            pubs = pubs_for(backends[name])
            assert found.sampler.run([pubs[0]]).result()[0].data.meas.num_shots == 12
            metadata = found.estimator.run([pubs[1]]).result()[0].metadata
            assert metadata["target_precision"] == 0.5


def test_unknown_options_are_named(backends, as_ibm):
    """A typing error in an option would go unnoticed, or end in an error far away."""
    for backend in (*backends.values(), as_ibm):
        with pytest.raises(ValueError, match=r"Unknown option 'nonsense'.*default_shots"):
            choose_primitives(backend, options={"nonsense": 1})
    # Aer would take this one and ignore it.
    with pytest.raises(ValueError, match="'backend_options'"):
        choose_primitives(backends["aer"], options={"backend_options": {}})
    with pytest.raises(ValueError, match="resilience_level"):
        choose_primitives(as_ibm, estimator=StatevectorEstimator(), options={"resilience_level": 1})
    with pytest.raises(ValueError, match="twirling"):
        choose_primitives(as_ibm, options={"twirling": {"nonsense": 1}})


def test_given_primitives_win(backends):
    """A user's own sampler would be replaced."""
    sampler, estimator = StatevectorSampler(), StatevectorEstimator()
    for backend in (None, backends["aer"]):
        found = choose_primitives(backend, sampler, estimator)
        assert (found.sampler, found.estimator, found.backend) == (sampler, estimator, backend)
    found = choose_primitives(backends["aer"], sampler)
    assert found.sampler is sampler
    assert isinstance(found.estimator, qiskit_aer.primitives.EstimatorV2)
    assert choose_primitives(sampler=sampler).estimator is None
    assert choose_primitives(estimator=estimator).sampler is None


def test_given_primitives_say_their_backend(backend):
    """Circuits would not be compiled for the backend that they run on."""
    found = choose_primitives(backend)
    assert backend_of(found.sampler) is backend
    assert choose_primitives(sampler=found.sampler).backend is backend
    assert choose_primitives(estimator=found.estimator).backend is backend


def test_bad_primitives_are_refused(backends):
    """A wrong object would fail when the first job is sent."""
    with pytest.raises(
        TypeError, match=r"sampler must be a qiskit\.primitives\.BaseSamplerV2, got"
    ):
        choose_primitives(sampler=StatevectorEstimator())
    with pytest.raises(TypeError, match=r"estimator must be .* got AerSimulator"):
        choose_primitives(estimator=backends["aer"])
    with pytest.raises(ValueError, match="Give a backend, or a sampler"):
        choose_primitives()
    with pytest.raises(ValueError, match="'default_shots' of given primitives"):
        choose_primitives(sampler=StatevectorSampler(), options={"default_shots": 1})


@pytest.mark.parametrize("backend", ["aer", "manila", "plain"], indirect=True)
def test_a_seed_fixes_a_sequence_of_different_jobs(backend):
    """Programs could not be repeated, or every job of a program would give the same shots."""
    pubs = pubs_for(backend)
    first, again, other = (choose_primitives(backend, seed=s) for s in (3, 3, 4))
    one, two = run_once(first, pubs, 200), run_once(first, pubs, 200)
    for result in (one, two):
        repeated = run_once(again, pubs, 200)
        np.testing.assert_array_equal(result[0], repeated[0])
        np.testing.assert_array_equal(result[1], repeated[1])
    for different in (two, run_once(other, pubs, 200)):
        assert not np.array_equal(one[0], different[0])
        assert not np.array_equal(one[1], different[1])


def test_seeds_go_on_from_one_set_of_primitives_to_the_next(backends):
    """A session would repeat the shots that came before it."""
    pubs = pubs_for(backends["aer"])
    source = JobSeeds(1)
    results = [run_once(choose_primitives(backends["aer"], seed=source), pubs) for _ in range(2)]
    assert not np.array_equal(results[0][0], results[1][0])
    repeated = run_once(choose_primitives(backends["aer"], seed=JobSeeds(1)), pubs)
    np.testing.assert_array_equal(results[0][0], repeated[0])


@pytest.mark.parametrize("seed", [None, 2])
def test_the_noise_of_aers_estimator_differs_between_pubs(backends, seed):
    """Differences of circuits, and so gradients, would have no noise at all."""
    _, pub = pubs_for(backends["aer"])
    estimator = choose_primitives(backends["aer"], seed=seed).estimator
    values = [r.data.evs for r in estimator.run([pub, pub], precision=0.1).result()]
    assert np.all(values[0] != values[1])


@pytest.mark.parametrize("num_qubits", [3, 11])
def test_aers_estimator_is_exact_without_precision(num_qubits):
    """Aer averages over random trajectories for more than ten noisy qubits."""
    noise = NoiseModel()
    noise.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), "x")
    circuit = QuantumCircuit(num_qubits)
    circuit.x(range(num_qubits))
    estimator = choose_primitives(AerSimulator(noise_model=noise)).estimator
    value = estimator.run([(circuit, "Z" * num_qubits)], precision=0.0).result()[0].data.evs
    np.testing.assert_allclose(value, (-0.9) ** num_qubits, atol=1e-12)


class Mode:
    """An IBM session or batch that counts how often it was closed."""

    session_id = "session-1"

    def __init__(self, backend, max_time, fails=False):
        self.backend, self.max_time, self.fails, self.closed = backend, max_time, fails, 0

    def close(self):
        self.closed += 1
        if self.fails:
            raise ConnectionError("no network")


@pytest.fixture
def ibm_modes(as_ibm, monkeypatch):
    """IBM sessions whose primitives run on a statevector; the sessions that were opened."""
    opened = []
    settings = SimpleNamespace(opened=opened, backend=as_ibm, fails=False)

    def make(backend, max_time):
        opened.append(Mode(backend, max_time, settings.fails))
        return opened[-1]

    for name in ("Session", "Batch"):
        monkeypatch.setattr(qiskit_ibm_runtime, name, make)
    monkeypatch.setattr(
        providers,
        "_ibm",
        lambda mode: providers.Provider(
            providers.Factory(
                lambda _, options: StatevectorSampler(**options), frozenset({"default_shots"})
            ),
            providers.Factory(
                lambda _, options: StatevectorEstimator(**options),
                frozenset({"default_precision"}),
            ),
            is_seeded=False,
        ),
    )
    return settings


def ask(primitives):
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    return primitives.sampler.run([circuit], shots=5).result()[0].data.meas.get_counts()


def test_a_session_is_open_inside_and_closed_after(ibm_modes):
    """A session left open costs the user time on the machine."""
    with open_session(ibm_modes.backend, "1h", options={"default_shots": 3}) as primitives:
        assert ask(primitives) == {"0": 5}
        (session,) = ibm_modes.opened
        assert (session.backend, session.max_time, session.closed) == (ibm_modes.backend, "1h", 0)
    assert session.closed == 1
    with open_batch(ibm_modes.backend) as primitives:
        assert ask(primitives) == {"0": 5}
    assert ibm_modes.opened[1].closed == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_session_is_closed_on_any_exit(ibm_modes, error):
    """Ctrl-C would leave the session open."""
    with pytest.raises(error), open_session(ibm_modes.backend, None):
        raise error
    assert ibm_modes.opened[0].closed == 1


def test_a_session_that_does_not_close_is_told_and_hides_no_error(ibm_modes):
    """The user would not learn that a session goes on, or why the block ended."""
    ibm_modes.fails = True
    with (
        pytest.warns(RuntimeWarning, match="could not be closed.*'session-1'"),
        pytest.raises(KeyboardInterrupt),
        open_session(ibm_modes.backend, None),
    ):
        raise KeyboardInterrupt


def test_a_bad_option_opens_no_session(ibm_modes):
    """A typing error would cost a session."""
    with (
        pytest.raises(ValueError, match="nonsense"),
        open_session(ibm_modes.backend, options={"nonsense": 1}),
    ):
        pass
    assert not ibm_modes.opened


@pytest.mark.parametrize("opener", [open_session, open_batch])
def test_sessions_of_other_backends_do_nothing_but_end(backends, opener):
    """Code with a session would run on IBM's machines only, or a closed one would go on."""
    pubs = pubs_for(backends["plain"])
    with opener(backends["plain"], seed=1) as primitives:
        inside = run_once(primitives, pubs)
    assert primitives.backend is backends["plain"]
    expected = run_once(choose_primitives(backends["plain"], seed=1), pubs)
    np.testing.assert_array_equal(inside[0], expected[0])
    for primitive, pub in zip((primitives.sampler, primitives.estimator), pubs, strict=True):
        with pytest.raises(RuntimeError, match=r"on plain is closed\. Open another one"):
            primitive.run([pub])


class OwnSampler(StatevectorSampler):
    """A vendor's sampler."""

    def __init__(self, backend):
        super().__init__()
        self.backend = backend


class OwnEstimator(StatevectorEstimator):
    """A vendor's estimator."""

    def __init__(self, backend):
        super().__init__()
        self.backend = backend


@pytest.mark.parametrize("kind", ["sampler", "estimator"])
def test_primitives_that_share_out_circuits_take_any_number(plain_backend, kind):
    """Jobs would be split twice: by us, and again by the primitive."""
    backend = plain_backend(max_circuits=4)
    for seed in (None, 1):
        made = getattr(choose_primitives(backend, seed=seed), kind)
        assert limits_of(made) == Limits()
    with open_session(backend) as primitives:
        assert limits_of(getattr(primitives, kind)) == Limits()
    # Aer keeps the limit of the machine that it imitates, and ignores it.
    aer = AerSimulator(coupling_map=[[0, 1]])
    aer._configuration.max_experiments = 4
    assert aer.max_circuits == 4
    assert limits_of(getattr(choose_primitives(aer), kind)) == Limits()


def test_a_vendors_primitive_takes_as_many_pubs_as_its_backend_circuits(plain_backend):
    """The backend would refuse the job."""
    backend = plain_backend(max_circuits=4)
    assert limits_of(OwnSampler(backend)) == limits_of(OwnEstimator(backend)) == Limits(pubs=4)
    assert limits_of(OwnSampler(plain_backend())) == Limits()
    assert limits_of(StatevectorSampler()) == Limits()
    assert limits_of(StatevectorSampler(), backend) == Limits(pubs=4)


def test_jobs_of_ibms_machines_have_limits(as_ibm):
    """A job holds 10 million shots, and PUBs of one number of shots or one precision."""
    for found in (choose_primitives(as_ibm), choose_primitives(as_ibm, seed=1)):
        assert limits_of(found.sampler) == Limits(shots=10_000_000, same_shots_or_precision=True)
        assert limits_of(found.estimator) == Limits(same_shots_or_precision=True)


# --- which tapes the estimator serves -------------------------------------------------------------


def test_the_estimator_serves_shots_only_where_it_is_asked_for(backends, as_ibm):
    """Samples are the default; a given estimator, the flag, or an option of its own asks for it."""
    found = choose_primitives(backends["aer"])
    assert estimator_use(None, False, found) == EstimatorUse(exact=True, sampled=False)
    assert estimator_use(None, True, found) == EstimatorUse(exact=True, sampled=True)
    assert estimator_use(True, False, found) == EstimatorUse(exact=True, sampled=True)
    assert estimator_use(False, True, found) == EstimatorUse(exact=False, sampled=False)
    without = choose_primitives(sampler=StatevectorSampler())
    assert estimator_use(True, False, without) == EstimatorUse(exact=False, sampled=False)
    machine = choose_primitives(as_ibm)
    assert estimator_use(None, False, machine, {"resilience_level": 1}).sampled
    assert estimator_use(None, False, machine, {"resilience": {"zne_mitigation": True}}).sampled
    assert not estimator_use(None, False, machine, {"twirling": {"enable_gates": True}}).sampled
    assert not estimator_use(False, False, machine, {"resilience_level": 1}).sampled
