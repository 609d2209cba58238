"""What is known of a job, how messages name it, and the result of one that has ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2, PrimitiveResult

from ..backends.resolve import backend_of
from .costs import Kind, PubCost
from .job_status import error_message
from .transient import is_transient


@dataclass(frozen=True)
class JobRecord:
    """What is known of a job.

    Args:
        job_id: under which its service, or this process, knows it.
        backend: its name.
        kind: the primitive that runs it.
        pubs: how many there are.
        shots: of each circuit, the largest number if PUBs differ; None for exact values, or
            where the primitive decides. For an estimator, ``1 / precision**2``.
        status: ``"INITIALIZING"``, ``"QUEUED"``, ``"RUNNING"``, ``"DONE"``, ``"ERROR"``,
            ``"CANCELLED"`` or another word of the service's.
        queue_position: None where the service does not say.
        quantum_seconds: that the backend spent on it; None where the service does not say.
        executions: how many circuits run: one for each row of parameters and, for an estimator,
            each basis that its observables need.
        total_shots: of all executions; None as for ``shots``.
    """

    job_id: str
    backend: str
    kind: Kind
    pubs: int
    shots: int | None
    status: str = "INITIALIZING"
    queue_position: int | None = None
    quantum_seconds: float | None = None
    executions: int = 0
    total_shots: int | None = None

    @property
    def results(self) -> Literal["samples", "estimates", "exact values"]:
        """What the job gives: an estimator asked for no shots gives exact values."""
        if self.kind == "sampler":
            return "samples"
        return "exact values" if self.shots is None else "estimates"


class JobError(RuntimeError):
    """A job that gave no result, or not the one that was asked for.

    Args:
        message: which job, where and why.
        status: of its record from now on.
    """

    def __init__(self, message: str, status: str = "ERROR") -> None:
        super().__init__(message)
        self.status = status


class JobTimeoutError(TimeoutError):
    """A job that takes longer than the user wants to wait."""


def result_of(job: Any, status: str, record: JobRecord, counted: bool = True) -> PrimitiveResult:
    """The result of a job in a final state; transient failures to get it are raised as such."""
    if status == "CANCELLED":
        raise JobError(f"{describe_job(record)} was cancelled.", status)
    if status == "ERROR":
        raise JobError(f"{describe_job(record)} failed: {error_message(job) or _failure(job)}")
    try:
        result = job.result()
    except Exception as error:
        if is_transient(error):
            raise
        raise JobError(f"{describe_job(record)} failed: {describe_error(error)}") from error
    if not isinstance(result, PrimitiveResult):
        raise JobError(f"{describe_job(record)} is not the job of a sampler or an estimator.")
    if counted and len(result) != record.pubs:
        raise JobError(
            f"{describe_job(record)} gave {len(result)} results for {record.pubs} PUBs. None is "
            "used, since it is unknown which are missing."
        )
    return result


def _failure(job: Any) -> str:
    """What a failed job without a message says when asked for its result."""
    try:
        job.result()
    except Exception as error:
        return describe_error(error)
    return "the service gives no reason."


def describe_error(error: BaseException) -> str:
    """An error in a message of ours."""
    return f"{type(error).__name__}: {error}"


def describe_job(record: JobRecord) -> str:
    """A job in a message."""
    return f"Job {record.job_id} on {record.backend}"


def how_to_resume(records: Sequence[JobRecord], unsent: int = 0) -> str:
    """What to do about the jobs of one call that were left alone.

    Args:
        records: of the jobs.
        unsent: how many more jobs the call has, which were not sent.
    """
    if len(records) == 1:
        what, them = f"{describe_job(records[0])} was", "it"
    else:
        names = ", ".join(own.job_id for own in records)
        backends = " and ".join(dict.fromkeys(own.backend for own in records))
        what, them = f"Jobs {names} on {backends} were", "them"
    sends, them = (f"sends the jobs still to be sent ({unsent}), ", "all") if unsent else ("", them)
    return (
        f"{what} not cancelled: dev.resume({records[0].job_id!r}) {sends}waits for {them} and "
        "gives the results of the interrupted call."
    )


def how_others_are(records: Sequence[JobRecord]) -> str:
    """What becomes of a call's other jobs, beside what :func:`how_to_resume` says of one."""
    names = ", ".join(own.job_id for own in records)
    return f"dev.resume waits for the other unfinished jobs of the call, too: {names}."


def progress_of(record: JobRecord, elapsed: float) -> str:
    """The line to show while waiting."""
    ahead = (
        "" if record.queue_position is None else f", position {record.queue_position} in the queue"
    )
    return f"{describe_job(record)}: {record.status.lower()}{ahead}, {elapsed:.0f} s"


def backend_name(primitive: BaseSamplerV2 | BaseEstimatorV2) -> str:
    """The name of what a primitive runs on, or its own if it does not say."""
    return getattr(backend_of(primitive), "name", None) or type(primitive).__name__


def new_record(backend: str, kind: Kind, costs: Sequence[PubCost]) -> JobRecord:
    """The record of a job that is not sent yet, from what its PUBs cost."""
    known = [(own.executions, own.shots) for own in costs if own.shots is not None]
    return JobRecord(
        "",
        backend,
        kind,
        len(costs),
        max((shots for _, shots in known), default=None),
        executions=sum(own.executions for own in costs),
        total_shots=sum(number * shots for number, shots in known) if known else None,
    )
