"""PUBs shared out among jobs, where a job may not hold all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .pubs import Part


@dataclass(frozen=True)
class Limits:
    """What one job of a primitive may hold at most; None where nothing bounds it.

    Args:
        pubs: how many PUBs.
        executions: how often circuits run: for each row of parameters its number of shots.
    """

    pubs: int | None = None
    executions: int | None = None


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
    >>> [len(job) for job in shares(parts, Limits(executions=600))]
    [3, 2]
    """
    jobs: list[list[Part]] = []
    executions = 0
    for part in parts:
        executions += part.executions
        is_full = not jobs or (limits.pubs is not None and len(jobs[-1]) >= limits.pubs)
        if is_full or (limits.executions is not None and executions > limits.executions):
            jobs.append([])
            executions = part.executions
        jobs[-1].append(part)
    return jobs
