"""The results of jobs that another process has sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from qiskit.primitives import PrimitiveResult
from qiskit.providers import BackendV2

from ..backends.resolve import is_ibm
from .job_status import FINAL, status_of
from .records import JobError, JobRecord, describe_error, describe_job, result_of
from .retries import Retries


def fetch_job(
    backend: BackendV2 | None,
    job_id: str,
    *,
    retries: int = 3,
    sleep: Callable[[float], None] = time.sleep,
) -> PrimitiveResult:
    """The result of a finished job, from the service of its backend, in any process.

    Args:
        backend: that the job ran on. IBM's service finds it; others need a ``retrieve_job``.
        job_id: of a job of a primitive.
        retries: as in :class:`~.jobs.Runner`.
        sleep: as in :class:`~.jobs.Runner`.

    Raises:
        JobError: if the backend keeps no jobs, does not know this one, or if the job failed or
            has not finished.
    """
    ask = Retries("fetch_job", retries, sleep).ask
    name = getattr(backend, "name", None) or "no backend"
    record = JobRecord(job_id, name, "sampler", 0, None)
    keeper: Any = getattr(backend, "service", None) if is_ibm(backend) else backend
    find = getattr(keeper, "job" if is_ibm(backend) else "retrieve_job", None)
    if not callable(find):
        raise JobError(
            f"{describe_job(record)} cannot be fetched: this backend keeps no jobs. Jobs of local "
            "simulators end with the process that sent them."
        )
    try:
        job = ask(lambda: find(job_id))
        status = ask(lambda: status_of(job))
    except Exception as error:
        raise JobError(
            f"{describe_job(record)} cannot be fetched: {describe_error(error)}"
        ) from error
    if status not in FINAL:
        raise JobError(f"{describe_job(record)} has not finished, it is {status}. Fetch it later.")
    return ask(lambda: result_of(job, status, record, counted=False))
