"""How long and how often a job is asked for, and what is shown meanwhile."""

import itertools
import sys

import numpy as np
import pytest
from helpers.qiskit_services import RemoteJob, scripted, submit
from qiskit.primitives import StatevectorSampler

from pennylane_qizgloria.qiskit.jobs import runner as jobs


def test_a_job_that_never_finishes_runs_into_the_timeout(make_runner, clock):
    """A program would hang, or the job be lost."""
    job = RemoteJob("RUNNING")
    pending = submit(make_runner(timeout=60), job)
    with pytest.raises(TimeoutError, match=r"timeout=60 s\. Job job-1 .*dev\.resume\('job-1'\)"):
        pending.result()
    np.testing.assert_allclose(clock.now, 60)
    job._status = scripted("DONE")
    assert len(pending.result()) == 1


def test_a_local_job_that_never_finishes_runs_into_the_timeout(make_runner, circuit, monkeypatch):
    """Simulations that are too big could not be stopped."""
    runner = make_runner(timeout=5)
    pending = runner.submit(StatevectorSampler(), [circuit], kind="sampler")
    pending._job.result()
    monkeypatch.setattr(jobs, "status_of", lambda job: "RUNNING")
    monkeypatch.setattr(jobs.futures, "wait", lambda _, timeout: runner.sleep(timeout))
    with pytest.raises(TimeoutError, match="timeout=5 s"):
        pending.result()


def test_polls_become_rarer(make_runner, clock):
    """Short jobs would wait for their turn to be asked, long ones flood the service."""
    submit(make_runner(), RemoteJob(["RUNNING"] * 60 + ["DONE"])).result()
    assert clock.naps[0] == 0.001
    assert clock.naps[-1] == 1.0
    assert all(b <= 1.26 * a for a, b in itertools.pairwise(clock.naps))


def test_the_queue_is_asked_for_the_place_now_and_then(make_runner, clock):
    """The place would be that of the beginning, or each poll be two questions."""
    asked = []
    place = scripted([3, 2, 1])

    def queue_position():
        asked.append(clock.now)
        return place()

    job = RemoteJob(["QUEUED"] * 60 + ["DONE"], queue_position=queue_position)
    records = []
    submit(make_runner(on_job=records.append), job).result()
    assert [record.queue_position for record in records] == [None, 3, 2, 1, None]
    assert len(asked) == 4
    assert all(b - a >= 10 for a, b in itertools.pairwise(asked))


def test_the_line_of_progress_shows_long_jobs_only(make_runner, capsys):
    """The user would not know what the program waits for; short jobs would flicker."""
    submit(make_runner(progress=True), RemoteJob(["RUNNING"] * 3 + ["DONE"])).result()
    assert capsys.readouterr().err == ""
    job = RemoteJob(["QUEUED"] * 60 + ["DONE"], queue_position=17)
    submit(make_runner(progress=True), job).result()
    shown = capsys.readouterr()
    assert "Job job-1 on RemoteSampler: queued, position 17 in the queue, 4 s" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals(make_runner, capsys, monkeypatch, terminal):
    """Log files would be full of progress."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    states = ["RUNNING"] * 60 + ["DONE"]
    submit(make_runner(progress=None), RemoteJob(states)).result()
    assert ("running" in capsys.readouterr().err) == terminal
    submit(make_runner(progress=False), RemoteJob(states)).result()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("timeout", [0, -1.0])
def test_a_timeout_that_is_none_is_refused(make_runner, timeout):
    """No job would ever come back."""
    with pytest.raises(ValueError, match=f"timeout={timeout}"):
        make_runner(timeout=timeout)
