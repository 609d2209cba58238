"""Several jobs of one call: sent together, interrupted, and resumed."""

import logging

import pytest
from helpers.qiskit_services import RemoteJob, RemoteSampler
from qiskit.primitives import BackendSamplerV2, DataBin, PrimitiveResult, PubResult

from pennylane_qizgloria.qiskit.jobs.runner import JobError
from pennylane_qizgloria.qiskit.pubs.submission import JobSpec, Submission

NAME = "qizgloria.qiskit"


def names(results):
    return [result.metadata["name"] for result in results]


@pytest.fixture
def make_call(make_runner, circuit):
    """A function that makes a call of sampler jobs of one PUB, and the sampler it sends them to."""

    def make(*answers, shares=None, **options):
        sampler = RemoteSampler(*answers)
        number = len(answers) if shares is None else shares
        own = [JobSpec("sampler", sampler, (circuit,)) for _ in range(number)]
        return Submission(make_runner(**options), own, lambda sampled, _: names(sampled)), sampler

    return make


@pytest.fixture
def job():
    """A function that makes a job with a result of its own, which ends when it is asked thrice."""

    def make(number, status=("RUNNING", "RUNNING", "DONE")):
        result = PrimitiveResult([PubResult(DataBin(), {"name": f"result {number}"})])
        return RemoteJob(list(status), result, job_id=f"job-{number}")

    return make


def notes(error):
    return "\n".join(getattr(error, "__notes__", []))


def test_all_jobs_are_sent_before_the_first_is_waited_for(make_call, job):
    """Jobs would wait in the queue one after another."""
    order = []
    jobs = [job(i) for i in range(3)]
    call, sampler = make_call(*jobs)
    for own in jobs:
        status = own._status
        own._status = lambda status=status: (order.append(len(sampler.calls)), status())[1]
    assert call.results() == ["result 0", "result 1", "result 2"]
    assert set(order) == {3}
    assert call.job_ids == ["job-0", "job-1", "job-2"]
    assert not call.can_resume


def test_results_of_both_primitives_are_kept_apart(make_runner, circuit, job):
    """An estimator's values would be read as bits."""
    sampler = RemoteSampler(job(0), job(1))
    estimator = RemoteSampler(job(2))
    shares = [JobSpec("sampler", sampler, (circuit,))] * 2
    shares.append(JobSpec("estimator", estimator, ((circuit, "Z"),)))
    call = Submission(make_runner(), shares, lambda *found: tuple(map(names, found)))
    assert call.results() == (["result 0", "result 1"], ["result 2"])


def test_ctrl_c_names_all_jobs_and_resuming_gives_the_results(make_call, job, caplog):
    """Paid jobs would be lost."""
    jobs = [job(0), job(1, ["RUNNING", KeyboardInterrupt(), "RUNNING", "DONE"]), job(2)]
    call, sampler = make_call(*jobs)
    with pytest.raises(KeyboardInterrupt) as caught:
        call.results()
    expected = (
        "Jobs job-1, job-2 on RemoteSampler were not cancelled: dev.resume('job-1') waits for them "
        "and gives the results of the interrupted call."
    )
    assert caught.value.__notes__ == [f"{NAME}: {expected}"]
    assert expected in caplog.text
    assert call.can_resume
    assert call.results() == ["result 0", "result 1", "result 2"]
    assert len(sampler.calls) == 3
    assert not call.can_resume


def test_ctrl_c_while_sending(make_call, job):
    """The jobs sent before would be lost, and the others never be sent."""
    call, sampler = make_call(job(0), KeyboardInterrupt(), job(1), job(2), shares=3)
    with pytest.raises(KeyboardInterrupt) as caught:
        call.results()
    assert caught.value.__notes__ == [
        f"{NAME}: A job was being sent, and may have arrived.",
        f"{NAME}: Job job-0 on RemoteSampler was not cancelled: dev.resume('job-0') sends the jobs "
        "still to be sent (2), waits for all and gives the results of the interrupted call.",
    ]
    assert call.can_resume
    assert call.results() == ["result 0", "result 1", "result 2"]
    assert len(sampler.calls) == 4


def test_ctrl_c_before_the_first_job_leaves_nothing_to_resume(make_call):
    """The user would be told to resume a job without an id."""
    call, _ = make_call(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt) as caught:
        call.results()
    assert caught.value.__notes__ == [f"{NAME}: A job was being sent, and may have arrived."]
    assert not call.can_resume


def test_a_timeout_names_every_job_once(make_call, job):
    """The user would not know of the other jobs, or read the same twice."""
    call, _ = make_call(job(0, ["RUNNING"]), timeout=5)
    with pytest.raises(
        TimeoutError, match=r"timeout=5 s\. Job job-0 .*dev\.resume\('job-0'\)"
    ) as e:
        call.results()
    assert notes(e.value) == ""
    call, _ = make_call(job(0), job(1, ["RUNNING"]), job(2), timeout=5)
    with pytest.raises(TimeoutError, match=r"timeout=5 s\. Job job-1 ") as caught:
        call.results()
    assert notes(caught.value) == (
        f"{NAME}: dev.resume waits for the other unfinished jobs of the call, too: job-2."
    )
    assert call.can_resume


def test_a_service_that_stays_away_leaves_the_ids(make_call, job):
    """The user could not fetch the result once the network is back."""
    call, _ = make_call(job(0, ["RUNNING", *[ConnectionError("gone")] * 4, "DONE"]), job(1))
    with pytest.raises(ConnectionError, match="gone") as caught:
        call.results()
    assert "dev.resume('job-0')" in notes(caught.value)
    assert call.can_resume
    assert call.results() == ["result 0", "result 1"]


def test_a_failed_job_ends_the_call(make_call, job):
    """A call that can give no results would be kept for ever, and asked for in vain."""
    call, _ = make_call(RemoteJob("ERROR", ValueError("broken"), job_id="bad"), job(1))
    with pytest.raises(JobError, match=r"Job bad .*broken") as caught:
        call.results()
    assert caught.value.__notes__ == [
        f"{NAME}: Job job-1 on RemoteSampler goes on, but this call cannot use its results."
    ]
    assert not call.can_resume


def test_a_local_job_that_fails_for_a_transient_reason_ends_the_call(
    make_runner, circuit, plain_backend
):
    """Its retries are over, and there is nothing to ask again."""
    backend = plain_backend(failures=[ConnectionRefusedError("down")] * 4)
    share = JobSpec("sampler", BackendSamplerV2(backend=backend), (circuit,))
    call = Submission(make_runner(), [share], lambda sampled, _: sampled)
    with pytest.warns(RuntimeWarning), pytest.raises(JobError, match="down"):
        call.results()
    assert not call.can_resume


def test_a_refused_job_ends_the_call(make_call, job):
    """What the user did wrong would be sent again by resuming."""
    call, _ = make_call(job(0), ValueError("too many qubits"), shares=2)
    with pytest.raises(ValueError, match="too many qubits") as caught:
        call.results()
    assert "job-0" in notes(caught.value)
    assert "dev.resume" not in notes(caught.value)
    assert not call.can_resume


def test_nothing_to_run(make_call):
    """A batch of exact circuits would wait for a job that does not exist."""
    call, _ = make_call()
    assert call.results() == []


def test_interruptions_are_logged_by_the_package(make_call, job, caplog):
    """A program without a terminal would keep no trace of its jobs."""
    call, _ = make_call(job(0, [KeyboardInterrupt()]))
    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        call.results()
    (record,) = [own for own in caplog.records if "dev.resume" in own.message]
    assert record.name.startswith("pennylane_qizgloria")
