"""Jobs of other processes, and what is said of those that give nothing."""

from types import SimpleNamespace

import pytest
from helpers.qiskit_services import RemoteJob, scripted
from qiskit.primitives import PrimitiveResult
from qiskit_ibm_runtime.exceptions import RuntimeJobNotFound

from pennylane_qizgloria.qiskit.jobs import retrieval as fetching
from pennylane_qizgloria.qiskit.jobs.runner import JobError, fetch_job


@pytest.fixture
def fetch(clock, plain_backend):
    """A function that fetches a job from a backend that keeps it."""

    def fetch(answers):
        backend = plain_backend()
        backend.retrieve_job = scripted(answers)
        return fetch_job(backend, "job-1", sleep=clock.sleep)

    return fetch


def test_a_finished_job_is_fetched(fetch):
    """Results would end with the process that sent their job."""
    result = PrimitiveResult([None, None])
    assert fetch([ConnectionResetError(), RemoteJob("DONE", result)]) is result


def test_a_job_of_ibms_is_fetched_from_its_service(monkeypatch, plain_backend):
    """IBM's backends keep no jobs themselves."""
    monkeypatch.setattr(fetching, "is_ibm", lambda _: True)
    result = PrimitiveResult([None])
    backend = plain_backend()
    kept = {"job-1": RemoteJob(result=result)}
    backend.service = SimpleNamespace(job=kept.__getitem__)
    assert fetch_job(backend, "job-1") is result


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (("RUNNING",), r"job-1 on plain has not finished, it is RUNNING"),
        (("ERROR", ValueError("broken")), r"job-1 on plain failed: .*broken"),
        (("CANCELLED",), r"was cancelled"),
        (("DONE", object()), r"not the job of a sampler or an estimator"),
    ],
)
def test_a_job_without_a_result_says_why(fetch, job, message):
    """The user would not know whether to wait or to give up."""
    with pytest.raises(JobError, match=message):
        fetch(RemoteJob(*job))


def test_an_unknown_job_says_so(fetch):
    """The user would see the service's own error, without a word of what was wanted."""
    with pytest.raises(JobError, match=r"cannot be fetched: .*no such job"):
        fetch(RuntimeJobNotFound("no such job"))


def test_backends_that_keep_no_jobs_say_so(plain_backend):
    """The user would see an AttributeError."""
    for backend, name in ((plain_backend(), "plain"), (None, "no backend")):
        with pytest.raises(JobError, match=f"job-1 on {name} cannot be fetched: .*keeps no jobs"):
            fetch_job(backend, "job-1")
