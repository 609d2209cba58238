"""The jobs of one call of a device: all are sent before any is waited for.

A call that was interrupted can be resumed, as its jobs go on. How jobs are sent and polled is the
runner's concern, how PUBs are distributed over them that of `partition`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2, PubResult

from ..jobs.costs import Cost, Kind, pub_cost
from ..jobs.job_status import FINAL
from ..jobs.records import JobError, JobTimeoutError, describe_job, how_others_are, how_to_resume
from ..jobs.runner import PendingJob, Runner
from ..jobs.transient import is_transient
from ..primitives.job_limits import Limits
from .partition import partition
from .pubs import PubChunk

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class JobSpec:
    """What one job runs.

    Args:
        kind: of the primitive.
        primitive: that runs it.
        pubs: what it runs.
    """

    kind: Kind
    primitive: BaseSamplerV2 | BaseEstimatorV2
    pubs: tuple[Any, ...]


def job_specs(
    kind: Kind, primitive: Any, chunks: Sequence[PubChunk], limits: Limits
) -> list[JobSpec]:
    """What each job of a primitive runs.

    Args:
        kind: of the primitive.
        primitive: that runs the jobs; None if there are no chunks.
        chunks: what it runs.
        limits: of each job.
    """
    jobs = partition(chunks, limits)
    return [JobSpec(kind, primitive, tuple(chunk.pub for chunk in job)) for job in jobs]


def cost_of(specs: Sequence[JobSpec]) -> Cost:
    """What jobs cost, before any is sent."""
    costs = [pub_cost(pub, spec.kind, {}) for spec in specs for pub in spec.pubs]
    return Cost(
        len(specs),
        len(costs),
        sum(own.executions for own in costs),
        sum(own.executions * (own.shots or 0) for own in costs),
    )


class Submission(Generic[T]):
    """The jobs of one call, and how its results follow from theirs.

    Args:
        runner: sends the jobs.
        specs: what each job runs, in the order in which they are sent.
        postprocess: gives the results of the call, from those of all PUBs of the sampler and of
            the estimator, in order.
    """

    def __init__(
        self,
        runner: Runner,
        specs: Sequence[JobSpec],
        postprocess: Callable[[Sequence[PubResult], Sequence[PubResult]], T],
    ) -> None:
        self._runner = runner
        self._specs = tuple(specs)
        self._postprocess = postprocess
        self._sent: list[PendingJob] = []
        self._is_over = False

    @property
    def job_ids(self) -> list[str]:
        """The ids that the jobs have now; a local job that is sent again gets a new one."""
        return [pending.job_id for pending in self._sent]

    @property
    def can_resume(self) -> bool:
        """Whether asking for the results again may give them without sending all jobs again."""
        return bool(self._sent) and not self._is_over

    def results(self) -> T:
        """Send what has not been sent, and wait for all jobs.

        Raises:
            JobError: if a job failed.
            TimeoutError: if a job takes longer than the runner's timeout; the call can be resumed.

        Other errors are those of the service. A note says how to resume the call where that is
        possible, and otherwise which jobs go on in vain.
        """
        try:
            found = self._pub_results()
        except BaseException as error:
            # Once a job has failed the others are of no use to the call.
            self._is_over = isinstance(error, JobError) or (
                isinstance(error, Exception) and not is_transient(error)
            )
            self._explain(error)
            raise
        self._is_over = True
        return self._postprocess(found["sampler"], found["estimator"])

    def _pub_results(self) -> dict[Kind, list[PubResult]]:
        while len(self._sent) < len(self._specs):
            spec = self._specs[len(self._sent)]
            self._sent.append(self._runner.submit(spec.primitive, spec.pubs, kind=spec.kind))
        found: dict[Kind, list[PubResult]] = {"sampler": [], "estimator": []}
        for spec, pending in zip(self._specs, self._sent, strict=True):
            found[spec.kind].extend(pending.result())
        return found

    def _explain(self, error: BaseException) -> None:
        """Note what becomes of the jobs that are under way."""
        unsent = len(self._specs) - len(self._sent)
        if unsent and isinstance(error, KeyboardInterrupt):
            self._tell(error, "A job was being sent, and may have arrived.")
        under_way = [own.record for own in self._sent if own.record.status not in FINAL]
        if self.can_resume and isinstance(error, JobTimeoutError):
            # Its message says how to resume, with the job that took too long.
            others = [own for own in under_way if own.job_id not in str(error)]
            if others:
                self._tell(error, how_others_are(others))
        elif self.can_resume:
            known = under_way or [own.record for own in self._sent]
            self._tell(error, how_to_resume(known, unsent))
        else:
            for record in under_way:
                self._tell(
                    error, f"{describe_job(record)} goes on, but this call cannot use its results."
                )

    def _tell(self, error: BaseException, text: str) -> None:
        logger.warning("%s: interrupted. %s", self._runner.name, text)
        error.add_note(f"{self._runner.name}: {text}")
