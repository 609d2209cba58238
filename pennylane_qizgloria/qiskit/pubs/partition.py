"""Chunks of PUBs divided among jobs, where one job may not hold all of them."""

from __future__ import annotations

from collections.abc import Iterable

from ..primitives.job_limits import Limits
from .pubs import PubChunk


def partition(chunks: Iterable[PubChunk], limits: Limits) -> list[list[PubChunk]]:
    """The chunks of each job, in order; a new job begins where the last one is full.

    Args:
        chunks: none of them larger than a job may be, see `PubBuilder.chunks`.
        limits: of each job.

    >>> chunks = [PubChunk(i, (), rows=2, shots=100) for i in range(5)]
    >>> [len(job) for job in partition(chunks, Limits())]
    [5]
    >>> [len(job) for job in partition(chunks, Limits(pubs=2))]
    [2, 2, 1]
    >>> [len(job) for job in partition(chunks, Limits(shots=600))]
    [3, 2]
    """
    jobs: list[list[PubChunk]] = []
    shots = 0
    for chunk in chunks:
        shots += chunk.total_shots
        is_full = not jobs or (limits.pubs is not None and len(jobs[-1]) >= limits.pubs)
        is_other = (
            limits.same_shots_or_precision
            and jobs
            and jobs[-1][0].shots_or_precision != chunk.shots_or_precision
        )
        if is_full or is_other or (limits.shots is not None and shots > limits.shots):
            jobs.append([])
            shots = chunk.total_shots
        jobs[-1].append(chunk)
    return jobs
