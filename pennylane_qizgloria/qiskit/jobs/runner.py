"""Jobs: sending them, following them, and finding their results again.

A job is what one call of a primitive's ``run`` makes. It is either remote, known to a service by
its id, or local, run by a thread of this process; then its id means nothing to other processes.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from concurrent import futures
from dataclasses import replace
from typing import Any

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2, PrimitiveResult

from .costs import Kind, pub_cost
from .job_status import local_future, quantum_seconds, queue_position, status_of
from .polling import PollingPolicy
from .records import (
    JobError,
    JobRecord,
    JobTimeoutError,
    backend_name,
    describe_error,
    describe_job,
    how_to_resume,
    new_record,
    progress_of,
    result_of,
)
from .retries import Retries
from .retrieval import fetch_job
from .transient import is_transient

__all__ = ["JobError", "JobRecord", "JobTimeoutError", "PendingJob", "Runner", "fetch_job"]

logger = logging.getLogger(__name__)

_ASK_QUEUE_EVERY = 10.0
"""In seconds."""


class Runner:
    """Sends the jobs of a device.

    Args:
        name: of the device, for messages.
        progress: whether to write a line on stderr while a job takes over a second. None: if
            stderr is a terminal.
        timeout: the most seconds to wait for the result of a job; None for no limit.
        retries: how often to repeat a call to a service after a transient failure, at growing
            intervals.
        on_job: called with the record of a job when it is sent, and whenever the record changes.
        sleep: waits that many seconds.
        clock: seconds that never go back.

    Raises:
        ValueError: if ``timeout`` is not positive or ``retries`` is negative.

    >>> from qiskit.circuit import QuantumCircuit
    >>> from qiskit.primitives import StatevectorSampler
    >>> circuit = QuantumCircuit(1)
    >>> circuit.measure_all()
    >>> runner = Runner("qizgloria.qiskit", progress=False)
    >>> pending = runner.submit(StatevectorSampler(), [circuit], kind="sampler", shots=10)
    >>> pending.result()[0].data.meas.get_counts()
    {'0': 10}
    >>> pending.record.status
    'DONE'
    """

    def __init__(
        self,
        name: str,
        progress: bool | None = None,
        timeout: float | int | None = None,
        retries: int = 3,
        on_job: Callable[[JobRecord], None] | None = None,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.retries = Retries(name, retries, sleep)
        self.polling = PollingPolicy(name, timeout, progress, clock)
        self.on_job = on_job
        self.sleep = sleep

    def submit(
        self,
        primitive: BaseSamplerV2 | BaseEstimatorV2,
        pubs: Iterable[Any],
        *,
        kind: Kind,
        **run_options: Any,
    ) -> PendingJob:
        """Send one job, and do not wait for it.

        Transient failures are retried. If it is unknown whether the service took the job, a
        ``RuntimeWarning`` says that it may run twice.

        Args:
            primitive: that runs it.
            pubs: what it runs.
            kind: of the primitive.
            run_options: of its ``run``: ``shots`` or ``precision``, and what else it takes.
        """
        pubs = list(pubs)
        costs = [pub_cost(pub, kind, run_options) for pub in pubs]
        record = new_record(backend_name(primitive), kind, costs)

        def send() -> Any:
            return self.retries.send(lambda: primitive.run(pubs, **run_options))

        return PendingJob(self, send, record)


class PendingJob:
    """A job that was sent; made by :meth:`Runner.submit`.

    Args:
        runner: that sends it.
        send: sends it, and gives Qiskit's job.
        record: of the job, but for its id.
    """

    def __init__(self, runner: Runner, send: Callable[[], Any], record: JobRecord) -> None:
        self.record = record
        self._runner = runner
        self._send = send
        self._result: PrimitiveResult | None = None
        self._start()

    @property
    def job_id(self) -> str:
        """The id of the job; another one after a local job had to be sent again."""
        return self.record.job_id

    def result(self) -> PrimitiveResult:
        """Wait for the result.

        Raises:
            JobError: if the job failed, was cancelled, or gave more or fewer results than PUBs.
            TimeoutError: if it takes longer than the runner's timeout. The job goes on, and its
                result can be asked for again.
        """
        if self._result is None:
            self._result = self._settle(self._of_remote if self._local is None else self._of_local)
        return self._result

    def _start(self) -> None:
        self._job = self._send()
        self._local = local_future(self._job)
        self._broke_off = False
        self.record = replace(self.record, job_id=self._job.job_id(), status="INITIALIZING")
        logger.info("%s: sent %s", self._runner.name, self.record)
        self._tell()

    def _settle(self, outcome: Callable[[], PrimitiveResult]) -> PrimitiveResult:
        try:
            result = outcome()
        except JobTimeoutError as error:
            raise JobTimeoutError(f"{error} {how_to_resume([self.record])}") from None
        except JobError as error:
            self._close(error.status)
            raise
        except Exception as error:
            if self._local is None and is_transient(error):
                raise
            self._close("ERROR")
            raise JobError(
                f"{describe_job(self.record)} failed: {describe_error(error)}"
            ) from error
        self._close("DONE")
        return result

    def _of_remote(self) -> PrimitiveResult:
        ask = self._runner.retries.ask
        status = self._wait(lambda: ask(lambda: status_of(self._job)))
        return ask(lambda: result_of(self._job, status, self.record))

    def _of_local(self) -> PrimitiveResult:
        # Asking a second time gives the same error; to ask again is to send the job again.
        def attempt() -> PrimitiveResult:
            if self._broke_off:
                self._start()
            status = self._wait(lambda: status_of(self._job))
            return result_of(self._job, status, self.record)

        return self._runner.retries.restart(attempt, self._break_off)

    def _break_off(self, error: BaseException) -> None:
        self._note(status="ERROR")
        self._broke_off = True
        self._runner.retries.warn_of_two(f"{describe_job(self.record)} broke off", error)

    def _wait(self, poll: Callable[[], str]) -> str:
        self._asked_queue = -math.inf
        return self._runner.polling.until_final(poll, self._under_way, self._pause)

    def _under_way(self, status: str, elapsed: float) -> str:
        """Note how the job is, and describe it."""
        position = self.record.queue_position if status == "QUEUED" else None
        if status == "QUEUED" and elapsed - self._asked_queue >= _ASK_QUEUE_EVERY:
            self._asked_queue, position = elapsed, queue_position(self._job)
        self._note(status=status, queue_position=position)
        return progress_of(self.record, elapsed)

    def _pause(self, seconds: float) -> None:
        if self._local is None:
            self._runner.sleep(seconds)
        else:
            futures.wait([self._local], timeout=seconds)

    def _close(self, status: str) -> None:
        self._note(status=status, queue_position=None, quantum_seconds=quantum_seconds(self._job))
        logger.info("%s: ended %s", self._runner.name, self.record)

    def _note(self, **changes: Any) -> None:
        record = replace(self.record, **changes)
        if record != self.record:
            self.record = record
            self._tell()

    def _tell(self) -> None:
        if self._runner.on_job is not None:
            self._runner.on_job(self.record)
