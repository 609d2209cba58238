"""Sending jobs and waiting for them: retries, time limits, progress, and finding results again.

A job is what one call of a primitive's ``run`` makes. It is either remote, known to a service by
its id, or local, run by a thread of this process; then its id means nothing to other processes.
"""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar
from warnings import warn

from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2, PrimitiveResult
from qiskit.providers import BackendV2
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
)

from .backends import is_ibm
from .progress import ProgressLine
from .records import (
    JobError,
    JobRecord,
    JobTimeoutError,
    Kind,
    backend_name,
    how_to_fetch,
    named,
    progress_of,
    result_of,
    said,
    shots_of,
)
from .services import FINAL, local_future, quantum_seconds, queue_position, status_of
from .transient import is_transient, never_arrived

__all__ = ["JobError", "JobRecord", "JobTimeoutError", "Pending", "Runner", "fetch_job"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

# All in seconds.
_LONGEST_BACK_OFF = 60.0
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 1.0
_ASK_QUEUE_EVERY = 10.0


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
        if timeout is not None and not timeout > 0:
            raise ValueError(f"timeout={timeout} must be a positive number of seconds, or None.")
        if retries < 0:
            raise ValueError(f"retries={retries} must be 0 or more.")
        self.name = name
        self.progress = progress
        self.timeout = timeout
        self.retries = retries
        self.on_job = on_job
        self.sleep = sleep
        self.clock = clock
        self.unfinished: dict[str, Pending] = {}
        """Jobs whose result was not fetched, by id; after a timeout or Ctrl-C they are here."""

    def submit(
        self,
        primitive: BaseSamplerV2 | BaseEstimatorV2,
        pubs: Iterable[Any],
        *,
        kind: Kind,
        **run_options: Any,
    ) -> Pending:
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

        def send() -> Any:
            again = self._retrying(is_transient, self._before_sending_again)
            return again(lambda: primitive.run(pubs, **run_options))

        name = backend_name(primitive)
        record = JobRecord("", name, kind, len(pubs), shots_of(pubs, kind, run_options))
        with self.interruptible(f"A job was being sent to {name}, and may have arrived."):
            return Pending(self, send, record)

    def ask(self, question: Callable[[], T]) -> T:
        """What a service answers, asked again after transient failures."""
        return self._retrying(is_transient, self._log_retry)(question)

    def restart(self, job: Callable[[], T], before: Callable[[BaseException], None]) -> T:
        """What a local job gives, run again after transient failures.

        Args:
            job: runs it.
            before: called with the failure before the job runs again.
        """

        def failed(error: BaseException) -> bool:
            return is_transient(error) and not isinstance(error, JobTimeoutError)

        return self._retrying(failed, lambda state: before(_error_of(state)))(job)

    def _retrying(
        self, when: Callable[[BaseException], bool], before: Callable[[RetryCallState], None]
    ) -> Retrying:
        # Without jitter, which would draw from the user's random numbers.
        return Retrying(
            stop=stop_after_attempt(self.retries + 1),
            wait=wait_exponential(multiplier=1, max=_LONGEST_BACK_OFF),
            retry=retry_if_exception(when),
            before_sleep=before,
            sleep=self.sleep,
            reraise=True,
        )

    def _log_retry(self, state: RetryCallState) -> None:
        logger.info("%s: asked in vain and asks again: %r", self.name, _error_of(state))

    def _before_sending_again(self, state: RetryCallState) -> None:
        error = _error_of(state)
        logger.warning(
            "%s: sending a job failed, attempt %d of %d: %r",
            self.name,
            state.attempt_number,
            self.retries + 1,
            error,
        )
        if not never_arrived(error):
            self.warn_of_two("It is unknown whether a job arrived", error)

    def warn_of_two(self, what: str, error: BaseException) -> None:
        """Say that a job is sent again although it may have run."""
        warn(
            f"{self.name}: {what}: {error!r}. The job is sent again, and may run twice.",
            RuntimeWarning,
            stacklevel=2,
        )

    @contextmanager
    def interruptible(self, doing: str | None = None) -> Iterator[None]:
        """A context that says how to fetch what is unfinished when Ctrl-C ends it.

        Args:
            doing: what else there is to say then.
        """
        try:
            yield
        except KeyboardInterrupt as interrupt:
            lines = [doing] if doing else []
            lines += [how_to_fetch(pending.record) for pending in self.unfinished.values()]
            for line in lines:
                logger.warning("%s: interrupted. %s", self.name, line)
                interrupt.add_note(f"{self.name}: {line}")
            raise


class Pending:
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
            with self._runner.interruptible():
                remote = self._local is None
                self._result = self._settle(self._of_remote if remote else self._of_local)
        return self._result

    def _start(self) -> None:
        self._job = self._send()
        self._local = local_future(self._job)
        self._broke_off = False
        self.record = replace(self.record, job_id=self._job.job_id(), status="INITIALIZING")
        self._runner.unfinished[self.job_id] = self
        logger.info("%s: sent %s", self._runner.name, self.record)
        self._tell()

    def _settle(self, outcome: Callable[[], PrimitiveResult]) -> PrimitiveResult:
        try:
            result = outcome()
        except JobTimeoutError:
            raise
        except JobError as error:
            self._close(error.status)
            raise
        except Exception as error:
            if self._local is None and is_transient(error):
                error.add_note(f"{self._runner.name}: {how_to_fetch(self.record)}")
                raise
            self._close("ERROR")
            raise JobError(f"{named(self.record)} failed: {said(error)}") from error
        self._close("DONE")
        return result

    def _of_remote(self) -> PrimitiveResult:
        ask = self._runner.ask
        status = self._wait(lambda: ask(lambda: status_of(self._job)))
        return ask(lambda: result_of(self._job, status, self.record))

    def _of_local(self) -> PrimitiveResult:
        # Asking a second time gives the same error; to ask again is to send the job again.
        def attempt() -> PrimitiveResult:
            if self._broke_off:
                self._start()
            status = self._wait(lambda: status_of(self._job))
            return result_of(self._job, status, self.record)

        return self._runner.restart(attempt, self._break_off)

    def _break_off(self, error: BaseException) -> None:
        self._runner.unfinished.pop(self.job_id, None)
        self._note(status="ERROR")
        self._broke_off = True
        self._runner.warn_of_two(f"{named(self.record)} broke off", error)

    def _close(self, status: str) -> None:
        self._runner.unfinished.pop(self.job_id, None)
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

    def _wait(self, poll: Callable[[], str]) -> str:
        """Wait until the job is in a final state, and give that."""
        runner = self._runner
        start = runner.clock()
        asked = -math.inf
        with ProgressLine(runner.progress) as line:
            for pause in _pauses():
                status = poll()
                if status in FINAL:
                    return status
                now = runner.clock()
                position = self.record.queue_position if status == "QUEUED" else None
                if status == "QUEUED" and now - asked >= _ASK_QUEUE_EVERY:
                    asked, position = now, queue_position(self._job)
                self._note(status=status, queue_position=position)
                line.show(progress_of(self.record, now - start), now - start)
                self._pause(pause, now - start)
        raise AssertionError("the pauses never end")

    def _pause(self, seconds: float, elapsed: float) -> None:
        timeout = self._runner.timeout
        if timeout is not None and elapsed >= timeout:
            raise JobTimeoutError(
                f"{self._runner.name}: no result within timeout={timeout} s. "
                f"{how_to_fetch(self.record)}"
            )
        if timeout is not None:
            seconds = min(seconds, timeout - elapsed)
        if self._local is None:
            self._runner.sleep(seconds)
        else:
            futures.wait([self._local], timeout=seconds)


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
        retries: as in :class:`Runner`.
        sleep: as in :class:`Runner`.

    Raises:
        JobError: if the backend keeps no jobs, does not know this one, or if the job failed or
            has not finished.
    """
    runner = Runner("fetch_job", progress=False, retries=retries, sleep=sleep)
    name = getattr(backend, "name", None) or "no backend"
    record = JobRecord(job_id, name, "sampler", 0, None)
    keeper: Any = getattr(backend, "service", None) if is_ibm(backend) else backend
    find = getattr(keeper, "job" if is_ibm(backend) else "retrieve_job", None)
    if not callable(find):
        raise JobError(
            f"{named(record)} cannot be fetched: this backend keeps no jobs. Jobs of local "
            "simulators end with the process that sent them."
        )
    try:
        job = runner.ask(lambda: find(job_id))
        status = runner.ask(lambda: status_of(job))
    except Exception as error:
        raise JobError(f"{named(record)} cannot be fetched: {said(error)}") from error
    if status not in FINAL:
        raise JobError(f"{named(record)} has not finished, it is {status}. Fetch it later.")
    return runner.ask(lambda: result_of(job, status, record, counted=False))


def _error_of(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome is not None else None
    assert error is not None  # This is asked after failures only.
    return error


def _pauses() -> Iterator[float]:
    """Seconds between polls: they grow with the time waited, so that short jobs stay short."""
    for power in itertools.count():
        yield min(_FIRST_PAUSE * 1.25 ** min(power, 100), _LONGEST_PAUSE)
