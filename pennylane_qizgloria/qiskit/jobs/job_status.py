"""What a service says of a job, in one form for all services.

Qiskit asks little of a job besides ``status`` and ``result``. What else there is, and in which
unit and place, each service decides; a service that does not say, or fails to, says None.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import Any

from qiskit.primitives import PrimitiveJob

from ..._compat.qiskit import future_of

logger = logging.getLogger(__name__)

FINAL = ("DONE", "ERROR", "CANCELLED")
_UNDER_WAY = ("INITIALIZING", "QUEUED", "VALIDATING", "RUNNING")


def local_future(job: Any) -> Future | None:
    """What computes a job in this process; None if something else does."""
    return future_of(job) if isinstance(job, PrimitiveJob) else None


def status_of(job: Any) -> str:
    """One of :data:`FINAL`, or another word while the job is under way.

    A local job that ended is ``"DONE"``, whether or not it failed: its result will say.
    """
    future = local_future(job)
    if future is not None:
        return "DONE" if future.done() else "RUNNING"
    status = job.status()
    word = str(getattr(status, "name", status)).upper()
    if word in FINAL or word in _UNDER_WAY:
        return word
    return "DONE" if job.in_final_state() else word


def queue_position(job: Any) -> int | None:
    """How many jobs the backend takes first."""
    own = getattr(job, "queue_position", None)
    if own is not None:
        return _quietly(own) if callable(own) else own
    return _metrics(job).get("position_in_queue")


def quantum_seconds(job: Any) -> float | None:
    """How long the backend was at work on the job."""
    usage = _metrics(job).get("usage") or {}
    seconds = usage.get("quantum_seconds", usage.get("qpu_charge_time_seconds"))
    return None if seconds is None else float(seconds)


def error_message(job: Any) -> str | None:
    """Why a job failed."""
    message = getattr(job, "error_message", None)
    return (_quietly(message) if callable(message) else message) or None


def _metrics(job: Any) -> dict[str, Any]:
    metrics = getattr(job, "metrics", None)
    return (_quietly(metrics) if callable(metrics) else None) or {}


def _quietly(question: Any) -> Any:
    # A side issue: a service that cannot answer must not cost the job.
    try:
        return question()
    except Exception as error:
        logger.debug("the service does not say: %r", error)
        return None
