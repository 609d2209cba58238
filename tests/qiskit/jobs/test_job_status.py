"""What services say of jobs, in one form."""

import threading
from enum import Enum
from types import SimpleNamespace

import pytest
from qiskit.primitives import PrimitiveJob
from qiskit.providers import JobStatus

from pennylane_qizgloria.qiskit.jobs.job_status import (
    error_message,
    local_future,
    quantum_seconds,
    queue_position,
    status_of,
)


class Mood(Enum):
    """Of a service with words of its own."""

    HAPPY = 1


def job(status, is_final=False, **more):
    return SimpleNamespace(status=lambda: status, in_final_state=lambda: is_final, **more)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (job("DONE"), "DONE"),
        (job("queued"), "QUEUED"),
        (job(JobStatus.CANCELLED), "CANCELLED"),
        (job(JobStatus.ERROR), "ERROR"),
        (job(Mood.HAPPY), "HAPPY"),
        (job(Mood.HAPPY, is_final=True), "DONE"),
    ],
)
def test_status(given, expected):
    """Words and enumerations mean the same; unknown ones are under way unless they are final."""
    assert status_of(given) == expected


@pytest.mark.parametrize("fails", [False, True])
def test_a_job_of_this_process(fails):
    """It runs until its thread has ended, whether that fails or not."""
    gate = threading.Event()

    def work():
        gate.wait(10)
        if fails:
            raise ValueError
        return 1

    own = PrimitiveJob(work)
    own._submit()
    assert local_future(own) is not None
    assert status_of(own) == "RUNNING"
    gate.set()
    local_future(own).exception(10)
    assert status_of(own) == "DONE"


def raising():
    raise ConnectionError("gone")


@pytest.mark.parametrize(
    ("more", "position", "seconds", "message"),
    [
        ({}, None, None, None),
        ({"queue_position": lambda: 4, "error_message": lambda: "bad"}, 4, None, "bad"),
        ({"queue_position": 0, "error_message": "worse"}, 0, None, "worse"),
        (
            {"metrics": lambda: {"position_in_queue": 7, "usage": {"quantum_seconds": 2.5}}},
            7,
            2.5,
            None,
        ),
        ({"metrics": lambda: {"usage": {"qpu_charge_time_seconds": 3}}}, None, 3, None),
        ({"metrics": raising, "queue_position": raising, "error_message": raising}, *(None,) * 3),
    ],
)
def test_what_services_say_besides(more, position, seconds, message):
    """Methods and attributes are read alike; a service that fails to answer says nothing."""
    given = job("RUNNING", **more)
    assert queue_position(given) == position
    assert quantum_seconds(given) == seconds
    assert error_message(given) == message
