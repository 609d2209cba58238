"""Jobs that work, and jobs that fail in all the ways that services know."""

import itertools
import logging
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import (
    BackendEstimatorV2,
    BackendSamplerV2,
    BasePrimitiveJob,
    BaseSamplerV2,
    PrimitiveResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import JobStatus
from qiskit_ibm_runtime.api.exceptions import RequestsApiError
from qiskit_ibm_runtime.exceptions import (
    IBMInputValueError,
    IBMNotAuthorizedError,
    IBMRuntimeError,
    RuntimeJobFailureError,
    RuntimeJobNotFound,
)
from requests.exceptions import ConnectTimeout, HTTPError, ReadTimeout

from pennylane_qizgloria.qiskit import jobs
from pennylane_qizgloria.qiskit.jobs import JobError, JobRecord, Runner, fetch_job
from pennylane_qizgloria.qiskit.transient import is_transient, never_arrived

NAME = "qizgloria.qiskit"
CIRCUIT = QuantumCircuit(1)
CIRCUIT.measure_all()
UNBOUND = QuantumCircuit(1)
UNBOUND.rx(Parameter("t"), 0)
UNBOUND.measure_all()


def answers(script):
    """A function that gives, or raises, one entry of the script a call, and then its last one."""
    script = iter(script if isinstance(script, list) else [script])
    last = None

    def answer(*_args, **_kwargs):
        nonlocal last
        last = next(script, last)
        if isinstance(last, BaseException):
            raise last
        return last

    return answer


class RemoteJob(BasePrimitiveJob):
    """A job of a service, with scripts for its states and its result."""

    def __init__(self, status="DONE", result=None, job_id="job-1", **more):
        super().__init__(job_id)
        self._status = answers(status)
        self._outcome = answers(PrimitiveResult([None]) if result is None else result)
        vars(self).update(more)

    def status(self):
        return self._status()

    def result(self):
        return self._outcome()

    def in_final_state(self):
        return self.status() == "FINISHED"

    def done(self):
        raise NotImplementedError

    running = cancelled = cancel = done


class RemoteSampler(BaseSamplerV2):
    """A sampler of a service, with a script of the jobs it gives or errors it raises."""

    def __init__(self, *script, name="remote"):
        self._answer = answers(list(script))
        self.calls = []
        self.name = name

    def run(self, pubs, **options):
        self.calls.append((pubs, options))
        return self._answer()


@pytest.fixture
def make(clock):
    """A function that makes a runner on an artificial clock."""

    def make(**options):
        options = {"progress": False, **options}
        return Runner(NAME, sleep=clock.sleep, clock=clock, **options)

    return make


def submit(runner, *script, pubs=(CIRCUIT,), **options):
    return runner.submit(RemoteSampler(*script), pubs, kind="sampler", **options)


def http_error(status):
    return HTTPError(response=SimpleNamespace(status_code=status))


def ibm_error(cause, status=-1, kind=IBMRuntimeError):
    """An error as IBM's client raises it."""
    try:
        try:
            raise RequestsApiError("something", status) from cause
        except RequestsApiError as error:
            raise kind(f"Failed to run program: {error}") from None
    except kind as error:
        return error


TRANSIENT = {
    "reset": ConnectionResetError(),
    "timeout": TimeoutError(),
    "read": ReadTimeout(),
    "500": http_error(500),
    "504": http_error(504),
    "ibm-read": ibm_error(ReadTimeout()),
    "ibm-502": ibm_error(None, 502),
}
NOT_ARRIVED = {
    "refused": ConnectionRefusedError(),
    "connect": ConnectTimeout(),
    "429": http_error(429),
    "503": http_error(503),
    "ibm-429": ibm_error(http_error(429), 429),
    "ibm-connect": ibm_error(ConnectTimeout()),
}
PERMANENT = {
    "value": ValueError("bad"),
    "401": http_error(401),
    "404": http_error(404),
    "ibm-400": ibm_error(http_error(400), 400),
    "ibm-401": ibm_error(http_error(401), 401, IBMNotAuthorizedError),
    "ibm-input": ibm_error(ReadTimeout(), kind=IBMInputValueError),
    "ibm": IBMRuntimeError("The session is closed."),
    "file": FileNotFoundError(),
    "type": TypeError(),
}


def cases(errors):
    return pytest.mark.parametrize("error", list(errors.values()), ids=list(errors))


@cases(TRANSIENT)
def test_failures_of_the_network_and_the_service_are_transient(error):
    """A long program would end with the first hiccup of the network."""
    assert is_transient(error)
    assert not never_arrived(error)


@cases(NOT_ARRIVED)
def test_failures_before_arrival_are_known(error):
    """Users would be warned of jobs that run twice, and none does."""
    assert is_transient(error)
    assert never_arrived(error)


@cases(PERMANENT)
def test_errors_of_the_user_are_permanent(error):
    """A wrong circuit or a lacking right would be tried again and again."""
    assert not is_transient(error)
    assert not never_arrived(error)


def test_a_job_gives_its_result_and_its_record(make):
    """The tracker and dev.jobs would be empty."""
    records = []
    runner = make(on_job=records.append)
    pending = runner.submit(StatevectorSampler(), [CIRCUIT, CIRCUIT], kind="sampler", shots=7)
    assert records[0] == JobRecord(pending.job_id, "StatevectorSampler", "sampler", 2, 7)
    assert list(runner.unfinished) == [pending.job_id]
    result = pending.result()
    assert [r.data.meas.get_counts() for r in result] == [{"0": 7}, {"0": 7}]
    assert pending.result() is result
    assert records[-1].status == pending.record.status == "DONE"
    assert {record.job_id for record in records} == {pending.job_id}
    assert not runner.unfinished


@pytest.mark.parametrize(
    ("kind", "pubs", "options", "shots"),
    [
        ("sampler", [CIRCUIT], {"shots": 9}, 9),
        ("sampler", [(CIRCUIT, None, 3), (CIRCUIT, None, 5)], {"shots": 4}, 5),
        ("sampler", [CIRCUIT], {}, None),
        ("estimator", [(UNBOUND, "Z", [[0.1], [0.2]])], {"precision": 0.1}, 100),
        ("estimator", [(CIRCUIT, "Z", None, 0.05)], {}, 400),
        ("estimator", [(CIRCUIT, "Z")], {"precision": 0.0}, None),
    ],
)
def test_shots_are_counted(make, kind, pubs, options, shots):
    """The tracker would count wrongly."""
    primitive = RemoteSampler(RemoteJob())
    pending = make().submit(primitive, pubs, kind=kind, **options)
    assert (pending.record.kind, pending.record.pubs) == (kind, len(pubs))
    assert pending.record.shots == shots
    assert primitive.calls[0][1] == options


def test_the_record_names_the_backend(make, plain_backend):
    """A user of several backends could not tell the jobs apart."""
    pending = make().submit(BackendSamplerV2(backend=plain_backend()), [CIRCUIT], kind="sampler")
    assert pending.record.backend == "plain"
    pending.result()


def test_sending_and_ending_are_logged(make, caplog):
    """A log of a long run would not contain the ids of its jobs."""
    with caplog.at_level(logging.INFO, jobs.__name__):
        submit(make(), RemoteJob(), shots=12).result()
    sent, ended = caplog.messages
    for part in ("sent", "job-1", "RemoteSampler", "pubs=1", "shots=12"):
        assert part in sent
    assert "DONE" in ended


def test_a_submission_that_fails_twice_works(make, clock):
    """The network's hiccups would end a program."""
    runner = make()
    error = ConnectionResetError("hiccup")
    with pytest.warns(RuntimeWarning, match="unknown whether a job arrived") as warned:
        pending = submit(runner, error, error, RemoteJob())
    assert len(warned) == 2
    assert all("may run twice" in str(w.message) for w in warned)
    assert len(pending.result()) == 1
    assert clock.naps[0] < clock.naps[1]


@pytest.mark.filterwarnings("error")
def test_a_submission_that_did_not_arrive_is_repeated_without_a_warning(make):
    """The user would look for a second job in vain."""
    error = ConnectionRefusedError()
    assert len(submit(make(), error, error, error, RemoteJob()).result()) == 1


def test_a_backend_whose_run_fails_twice_works(make, plain_backend):
    """Qiskit's own primitives fail in their thread, after the submission has succeeded."""
    records = []
    error = ConnectionResetError("hiccup")
    backend = plain_backend(failures=[error, error])
    runner = make(on_job=records.append)
    pending = runner.submit(BackendSamplerV2(backend=backend), [CIRCUIT], kind="sampler", shots=3)
    first = pending.job_id
    with pytest.warns(RuntimeWarning, match=r"on plain broke off.*may run twice") as warned:
        result = pending.result()
    assert len(warned) == 2
    assert first in str(warned[0].message)
    assert result[0].data.meas.get_counts() == {"0": 3}
    assert len(backend.runs) == 1
    last = {record.job_id: record.status for record in records}
    assert list(last.values()) == ["ERROR", "ERROR", "DONE"]
    assert list(last) == [first, *list(last)[1:-1], pending.job_id]
    assert not runner.unfinished


def test_the_retries_end(make, plain_backend):
    """A service that is down would be asked for ever."""
    sampler = RemoteSampler(ConnectionRefusedError("down"))
    with pytest.raises(ConnectionRefusedError, match="down"):
        make(retries=2).submit(sampler, [CIRCUIT], kind="sampler")
    assert len(sampler.calls) == 3
    backend = plain_backend(failures=[ConnectionRefusedError("down")] * 9)
    runner = make(retries=2)
    pending = runner.submit(
        BackendEstimatorV2(backend=backend), [(QuantumCircuit(1), "Z")], kind="estimator"
    )
    with pytest.warns(RuntimeWarning, match="broke off"), pytest.raises(JobError, match="down"):
        pending.result()
    assert len(backend.failures) == 6
    assert not runner.unfinished


def test_a_users_error_is_not_repeated(make):
    """A circuit that the backend refuses would be sent four times."""
    sampler = RemoteSampler(ValueError("too many qubits"))
    with pytest.raises(ValueError, match="too many qubits"):
        make().submit(sampler, [CIRCUIT], kind="sampler")
    assert len(sampler.calls) == 1


@pytest.mark.parametrize(
    "job",
    [
        RemoteJob("ERROR", RuntimeJobFailureError("gate xyz is unknown")),
        RemoteJob(JobStatus.ERROR, error_message=lambda: "gate xyz is unknown"),
        RemoteJob(["QUEUED", "DONE"], ValueError("gate xyz is unknown")),
        RemoteJob(["QUEUED", ValueError("gate xyz is unknown")]),
    ],
    ids=["result", "message", "late", "status"],
)
def test_a_job_that_fails_says_which_where_and_why(make, job):
    """The user could not look the job up, or know what to change."""
    records = []
    runner = make(on_job=records.append)
    with pytest.raises(JobError, match=r"Job job-1 on RemoteSampler.*gate xyz is unknown"):
        submit(runner, job).result()
    assert issubclass(JobError, RuntimeError)
    assert records[-1].status == "ERROR"
    assert not runner.unfinished


def test_a_local_job_that_fails_says_why(make):
    """The simulators' complaints would be lost."""
    pending = make().submit(StatevectorEstimator(), [(CIRCUIT, "Z")], kind="estimator")
    with pytest.raises(JobError, match=r"Job .* on StatevectorEstimator failed: .*[Mm]easure"):
        pending.result()
    assert pending.record.status == "ERROR"


def test_a_cancelled_job_says_so(make):
    """A job cancelled on the website would look like a bug of ours."""
    pending = submit(make(), RemoteJob(["RUNNING", JobStatus.CANCELLED]))
    with pytest.raises(JobError, match="job-1 on RemoteSampler was cancelled"):
        pending.result()
    assert pending.record.status == "CANCELLED"


@pytest.mark.parametrize("given", [0, 1, 3])
def test_fewer_results_than_pubs_are_refused(make, given):
    """Results would be given to the wrong circuits."""
    job = RemoteJob(result=PrimitiveResult([None] * given))
    with pytest.raises(JobError, match=f"gave {given} results for 2 PUBs"):
        submit(make(), job, pubs=[CIRCUIT, CIRCUIT]).result()


def test_a_job_that_never_finishes_runs_into_the_timeout(make, clock):
    """A program would hang, or the job be lost."""
    runner = make(timeout=60)
    job = RemoteJob("RUNNING")
    pending = submit(runner, job)
    with pytest.raises(TimeoutError, match=r"timeout=60 s\. Job job-1 .*dev\.resume\('job-1'\)"):
        pending.result()
    np.testing.assert_allclose(clock.now, 60)
    assert runner.unfinished == {"job-1": pending}
    job._status = answers("DONE")
    assert len(runner.unfinished["job-1"].result()) == 1


def test_a_local_job_that_never_finishes_runs_into_the_timeout(make, monkeypatch):
    """Simulations that are too big could not be stopped."""
    runner = make(timeout=5)
    pending = runner.submit(StatevectorSampler(), [CIRCUIT], kind="sampler")
    pending._job.result()
    monkeypatch.setattr(jobs, "status_of", lambda job: "RUNNING")
    monkeypatch.setattr(jobs.futures, "wait", lambda _, timeout: runner.sleep(timeout))
    with pytest.raises(TimeoutError, match="timeout=5 s"):
        pending.result()


def test_polls_become_rarer(make, clock):
    """Short jobs would wait for their turn to be asked, long ones flood the service."""
    submit(make(), RemoteJob(["RUNNING"] * 60 + ["DONE"])).result()
    assert clock.naps[0] == 0.001
    assert clock.naps[-1] == 1.0
    assert all(b <= 1.26 * a for a, b in itertools.pairwise(clock.naps))


@cases(TRANSIENT | NOT_ARRIVED)
@pytest.mark.filterwarnings("error")
def test_a_poll_or_a_download_that_fails_is_repeated(make, error):
    """A job that has finished would be lost; a warning of a second job would be wrong."""
    job = RemoteJob(["RUNNING", error, "DONE"], [error, PrimitiveResult([None])])
    assert len(submit(make(), job).result()) == 1


def test_a_service_that_stays_away_leaves_the_id(make):
    """The user could not fetch the result once the network is back."""
    runner = make()
    pending = submit(runner, RemoteJob(["RUNNING", ConnectionError("gone")]))
    with pytest.raises(ConnectionError, match="gone") as caught:
        pending.result()
    assert "dev.resume('job-1')" in caught.value.__notes__[0]
    assert "job-1" in runner.unfinished


def test_words_of_other_services_are_understood(make):
    """A vendor with states of its own could not be used."""
    records = []
    job = RemoteJob(["COMPILING", "COMPILING", "FINISHED"])
    job.in_final_state = answers([False, True])
    assert len(submit(make(on_job=records.append), job).result()) == 1
    assert [record.status for record in records] == ["INITIALIZING", "COMPILING", "DONE"]


def test_places_in_the_queue_and_seconds_are_recorded(make):
    """dev.jobs would not say what the service says."""
    records = []
    metrics = answers(
        [{"position_in_queue": 4}, {"usage": {"quantum_seconds": 2.5}, "position_in_queue": 9}]
    )
    job = RemoteJob(["QUEUED"] * 3 + ["RUNNING", "DONE"], metrics=metrics)
    submit(make(on_job=records.append), job).result()
    assert [(r.status, r.queue_position, r.quantum_seconds) for r in records] == [
        ("INITIALIZING", None, None),
        ("QUEUED", 4, None),
        ("RUNNING", None, None),
        ("DONE", None, 2.5),
    ]


@pytest.mark.parametrize("position", [3, lambda: 3])
def test_a_queue_position_of_the_jobs_own_is_used(make, position):
    """Vendors other than IBM have it there."""
    records = []
    job = RemoteJob(["QUEUED", "DONE"], queue_position=position)
    submit(make(on_job=records.append), job).result()
    assert records[1].queue_position == 3


def test_side_issues_do_not_cost_the_job(make):
    """A result would be lost because the bill could not be read."""
    job = RemoteJob(["QUEUED", "DONE"], metrics=answers(RuntimeError("no metrics")))
    assert len(submit(make(), job).result()) == 1


def test_ctrl_c_leaves_the_ids_of_all_unfinished_jobs(make, caplog):
    """Paid jobs would be lost."""
    runner = make()
    submit(runner, RemoteJob("RUNNING", job_id="job-0"))
    submit(runner, RemoteJob("DONE", job_id="fetched")).result()
    pending = submit(runner, RemoteJob(["RUNNING", KeyboardInterrupt()]))
    with pytest.raises(KeyboardInterrupt) as caught:
        pending.result()
    for text in ("\n".join(caught.value.__notes__), caplog.text):
        assert "dev.resume('job-0')" in text
        assert "dev.resume('job-1')" in text
        assert "fetched" not in text


def test_ctrl_c_while_sending_says_that_a_job_may_be_under_way(make):
    """The user would not look for it."""
    with pytest.raises(KeyboardInterrupt) as caught:
        submit(make(), KeyboardInterrupt())
    assert caught.value.__notes__ == [
        f"{NAME}: A job was being sent to RemoteSampler, and may have arrived."
    ]


def test_the_line_of_progress_shows_long_jobs_only(make, capsys):
    """The user would not know what the program waits for; short jobs would flicker."""
    submit(make(progress=True), RemoteJob(["RUNNING"] * 3 + ["DONE"])).result()
    assert capsys.readouterr().err == ""
    job = RemoteJob(["QUEUED"] * 60 + ["DONE"], queue_position=17)
    submit(make(progress=True), job).result()
    shown = capsys.readouterr()
    assert "Job job-1 on RemoteSampler: queued, place 17 in the queue, 4 s" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals(make, capsys, monkeypatch, terminal):
    """Log files would be full of progress."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    job = ["RUNNING"] * 60 + ["DONE"]
    submit(make(progress=None), RemoteJob(job)).result()
    assert ("running" in capsys.readouterr().err) == terminal
    submit(make(progress=False), RemoteJob(job)).result()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1.0}, {"retries": -1}], ids=str)
def test_bad_limits_are_refused(make, options):
    """No job would ever come back."""
    with pytest.raises(ValueError, match=next(iter(options))):
        make(**options)


@pytest.fixture
def fetch(clock, plain_backend):
    """A function that fetches a job from a backend that keeps it."""

    def fetch(script):
        backend = plain_backend()
        backend.retrieve_job = answers(script)
        return fetch_job(backend, "job-1", sleep=clock.sleep)

    return fetch


def test_a_finished_job_is_fetched(fetch):
    """dev.resume would not work in another process."""
    result = PrimitiveResult([None, None])
    assert fetch([ConnectionResetError(), RemoteJob("DONE", result)]) is result


def test_a_job_of_ibms_is_fetched_from_its_service(monkeypatch, plain_backend):
    """IBM's backends keep no jobs themselves."""
    monkeypatch.setattr(jobs, "is_ibm", lambda _: True)
    result = PrimitiveResult([None])
    backend = plain_backend()
    kept = {"job-1": RemoteJob(result=result)}
    backend.service = SimpleNamespace(job=kept.__getitem__)
    assert fetch_job(backend, "job-1") is result


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (RemoteJob("RUNNING"), r"job-1 on plain has not finished, it is RUNNING"),
        (RemoteJob("ERROR", ValueError("broken")), r"job-1 on plain failed: .*broken"),
        (RemoteJob("CANCELLED"), r"was cancelled"),
        (RuntimeJobNotFound("no such job"), r"cannot be fetched: .*no such job"),
        (RemoteJob(result=object()), r"not the job of a sampler or an estimator"),
    ],
)
def test_a_job_without_a_result_says_why(fetch, script, message):
    """The user would not know whether to wait or to give up."""
    with pytest.raises(JobError, match=message):
        fetch(script)


def test_backends_that_keep_no_jobs_say_so(plain_backend):
    """The user would see an AttributeError."""
    for backend, name in ((plain_backend(), "plain"), (None, "no backend")):
        with pytest.raises(JobError, match=f"job-1 on {name} cannot be fetched: .*keeps no jobs"):
            fetch_job(backend, "job-1")


def test_the_modules_do_not_import_providers():
    """Everyone would wait for Aer and IBM's client, and need them."""
    code = (
        "import sys\n"
        "from pennylane_qizgloria.qiskit import backends, primitives, jobs\n"
        "print({'qiskit_aer', 'qiskit_ibm_runtime'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_jobs_of_a_transpiled_circuit_run_to_the_end(make, plain_backend):
    """The parts would not fit together on a backend that is not ours."""
    backend = plain_backend(max_circuits=2)
    compiled = transpile(UNBOUND, backend, optimization_level=0)
    pub = (compiled, np.array([[0.0], [np.pi], [0.0]]))
    pending = make().submit(BackendSamplerV2(backend=backend), [pub], kind="sampler", shots=6)
    found = [bits.get_counts() for bits in pending.result()[0].data.meas]
    assert found == [{"0": 6}, {"1": 6}, {"0": 6}]
    assert [options["shots"] for options in backend.runs] == [6, 6]
