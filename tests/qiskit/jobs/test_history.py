"""The records of a device's jobs: order, number, and use from several threads."""

import threading
from dataclasses import replace

import pytest

from pennylane_qizgloria.qiskit.jobs.history import JobHistory
from pennylane_qizgloria.qiskit.jobs.records import JobRecord


def record(job_id, status="INITIALIZING"):
    return JobRecord(str(job_id), "backend", "sampler", 1, 10, status=status)


def ids(history):
    return [own.job_id for own in history.records()]


def test_records_come_in_the_order_of_sending():
    """A change of state, the end included, leaves a record where it is."""
    history = JobHistory()
    assert [history.update(record(i)) for i in range(4)] == [True] * 4
    for i in (2, 0, 3):
        assert not history.update(record(i, "RUNNING"))
        assert not history.update(record(i, "DONE"))
    assert ids(history) == ["0", "1", "2", "3"]
    assert [own.status for own in history.records()] == ["DONE", "INITIALIZING", "DONE", "DONE"]


@pytest.mark.parametrize("status", ["DONE", "ERROR", "CANCELLED"])
def test_jobs_that_ended_first_are_dropped_first(status):
    """Of those that have ended only the latest are kept, whenever they were sent."""
    history = JobHistory(max_ended=2)
    for i in range(5):
        history.update(record(i))
    for i in (4, 1, 3):
        history.update(record(i, status))
    assert ids(history) == ["0", "1", "2", "3"]


def test_jobs_under_way_are_kept_in_any_number():
    """The bound is on jobs that have ended."""
    history = JobHistory(max_ended=1)
    for i in range(50):
        history.update(record(i))
    assert len(ids(history)) == 50


def test_a_dropped_job_is_not_taken_for_a_new_one():
    """A late word of a job whose record is gone adds none."""
    history = JobHistory(max_ended=0)
    history.update(record(0))
    history.update(record(0, "DONE"))
    assert not history.update(replace(record(0, "DONE"), quantum_seconds=1.0))
    assert ids(history) == []


def test_a_change_takes_as_long_with_many_jobs_as_with_few():
    """A change looks at one record: no comparison with the ids of the others is made."""

    class Id(str):
        compared = 0

        def __eq__(self, other):
            Id.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    history = JobHistory(max_ended=5000)
    own = [Id(i) for i in range(2000)]
    for job_id in own:
        history.update(replace(record(0), job_id=job_id))
    for job_id in own:
        history.update(replace(record(0, "DONE"), job_id=job_id))
    # Python's dictionaries compare only where hashes collide; the same object is not compared.
    assert Id.compared < len(own)


def test_threads_share_a_history():
    """Jobs of several threads are all there, each with its last state, and the bound holds."""
    history = JobHistory(max_ended=100)
    new = []

    def work(thread):
        for i in range(500):
            job_id = f"{thread}-{i}"
            new.append(history.update(record(job_id)))
            history.records()
            history.update(record(job_id, "DONE"))
        history.update(record(f"{thread}-open"))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(new) == 2000
    statuses = [own.status for own in history.records()]
    assert (statuses.count("DONE"), statuses.count("INITIALIZING")) == (100, 4)
