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
        shots: how many shots all rows of parameters have together.
        one_setting: whether all PUBs must have the same number of shots, or the same precision.
    """

    pubs: int | None = None
    shots: int | None = None
    one_setting: bool = False


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
