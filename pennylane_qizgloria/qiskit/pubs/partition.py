"""PUBs shared out among jobs, where a job may not hold all of them."""

from __future__ import annotations

from collections.abc import Iterable

from ..primitives.job_limits import Limits
from .pubs import Part


def shares(parts: Iterable[Part], limits: Limits) -> list[list[Part]]:
    """The parts of each job, in order; a new job begins where the last one is full.

    Args:
        parts: none of them larger than a job may be, see `Pub.parts`.
        limits: of each job.

    >>> parts = [Part(i, (), rows=2, shots=100) for i in range(5)]
    >>> [len(job) for job in shares(parts, Limits())]
    [5]
    >>> [len(job) for job in shares(parts, Limits(pubs=2))]
    [2, 2, 1]
    >>> [len(job) for job in shares(parts, Limits(shots=600))]
    [3, 2]
    """
    jobs: list[list[Part]] = []
    shots = 0
    for part in parts:
        shots += part.total_shots
        is_full = not jobs or (limits.pubs is not None and len(jobs[-1]) >= limits.pubs)
        is_other = limits.one_setting and jobs and jobs[-1][0].setting != part.setting
        if is_full or is_other or (limits.shots is not None and shots > limits.shots):
            jobs.append([])
            shots = part.total_shots
        jobs[-1].append(part)
    return jobs
