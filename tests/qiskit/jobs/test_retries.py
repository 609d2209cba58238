"""What is tried again, how often, and what is said of it."""

import pytest
from helpers.qiskit_services import RemoteJob, RemoteSampler, http_error, submit
from qiskit import QuantumCircuit
from qiskit.primitives import BackendEstimatorV2, BackendSamplerV2, PrimitiveResult
from requests.exceptions import ReadTimeout

from pennylane_qizgloria.qiskit.jobs.runner import JobError


def test_a_submission_that_fails_twice_works(make_runner, clock):
    """The network's hiccups would end a program."""
    error = ConnectionResetError("hiccup")
    with pytest.warns(RuntimeWarning, match="unknown whether a job arrived") as warned:
        pending = submit(make_runner(), error, error, RemoteJob())
    assert len(warned) == 2
    assert all("may run twice" in str(w.message) for w in warned)
    assert len(pending.result()) == 1
    assert clock.naps[0] < clock.naps[1]


@pytest.mark.filterwarnings("error")
def test_a_submission_that_did_not_arrive_is_repeated_without_a_warning(make_runner):
    """The user would look for a second job in vain."""
    error = ConnectionRefusedError()
    pending = submit(make_runner(), error, error, error, RemoteJob())
    assert len(pending.result()) == 1


def test_a_backend_whose_run_fails_twice_works(make_runner, circuit, plain_backend):
    """Qiskit's own primitives fail in their thread, after the submission has succeeded."""
    records = []
    error = ConnectionResetError("hiccup")
    backend = plain_backend(failures=[error, error])
    sampler = BackendSamplerV2(backend=backend)
    pending = make_runner(on_job=records.append).submit(sampler, [circuit], kind="sampler", shots=3)
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


def test_the_retries_end(make_runner, circuit, plain_backend):
    """A service that is down would be asked for ever."""
    sampler = RemoteSampler(ConnectionRefusedError("down"))
    with pytest.raises(ConnectionRefusedError, match="down"):
        make_runner(retries=2).submit(sampler, [circuit], kind="sampler")
    assert len(sampler.calls) == 3
    backend = plain_backend(failures=[ConnectionRefusedError("down")] * 9)
    estimator = BackendEstimatorV2(backend=backend)
    pending = make_runner(retries=2).submit(estimator, [(QuantumCircuit(1), "Z")], kind="estimator")
    with pytest.warns(RuntimeWarning, match="broke off"), pytest.raises(JobError, match="down"):
        pending.result()
    assert len(backend.failures) == 6


def test_a_users_error_is_not_repeated(make_runner, circuit):
    """A circuit that the backend refuses would be sent four times."""
    sampler = RemoteSampler(ValueError("too many qubits"))
    with pytest.raises(ValueError, match="too many qubits"):
        make_runner().submit(sampler, [circuit], kind="sampler")
    assert len(sampler.calls) == 1


@pytest.mark.parametrize("error", [ConnectionResetError(), ReadTimeout(), 502, 429], ids=str)
@pytest.mark.filterwarnings("error")
def test_a_poll_or_a_download_that_fails_is_repeated(make_runner, error):
    """A job that has finished would be lost; a warning of a second job would be wrong."""
    error = http_error(error) if isinstance(error, int) else error
    job = RemoteJob(["RUNNING", error, "DONE"], [error, PrimitiveResult([None])])
    assert len(submit(make_runner(), job).result()) == 1


def test_a_negative_number_is_refused(make_runner):
    """No job would ever be sent."""
    with pytest.raises(ValueError, match="retries=-1"):
        make_runner(retries=-1)
