"""Calls to services, made again after failures that pass by themselves.

Sending a job differs from asking about one: a job that may have arrived may run twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from warnings import warn

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
)

from .records import JobTimeoutError
from .transient import is_transient, never_arrived

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_BACK_OFF = 60.0
"""In seconds."""


@dataclass(frozen=True)
class Retries:
    """How calls to a service are repeated, at growing intervals.

    Args:
        name: of the device, for messages.
        number: how often a call is repeated at most.
        sleep: waits that many seconds.

    Raises:
        ValueError: if ``number`` is negative.
    """

    name: str
    number: int
    sleep: Callable[[float], None]

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(f"retries={self.number} must be 0 or more.")

    def ask(self, question: Callable[[], T]) -> T:
        """What a service answers, asked again after transient failures."""
        return self._retrying(is_transient, self._log_retry)(question)

    def send(self, run: Callable[[], T]) -> T:
        """What sending a job gives, sent again after transient failures.

        If it is unknown whether the service took the job, a ``RuntimeWarning`` says that it may
        run twice.
        """
        return self._retrying(is_transient, self._before_sending_again)(run)

    def restart(self, job: Callable[[], T], before: Callable[[BaseException], None]) -> T:
        """What a local job gives, run again after transient failures.

        Args:
            job: runs it.
            before: called with the failure before the job runs again.
        """

        def failed(error: BaseException) -> bool:
            return is_transient(error) and not isinstance(error, JobTimeoutError)

        return self._retrying(failed, lambda state: before(_error_of(state)))(job)

    def warn_of_two(self, what: str, error: BaseException) -> None:
        """Say that a job is sent again although it may have run."""
        warn(
            f"{self.name}: {what}: {error!r}. The job is sent again, and may run twice.",
            RuntimeWarning,
            stacklevel=2,
        )

    def _retrying(
        self, when: Callable[[BaseException], bool], before: Callable[[RetryCallState], None]
    ) -> Retrying:
        # Without jitter, which would draw from the user's random numbers.
        return Retrying(
            stop=stop_after_attempt(self.number + 1),
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
            self.number + 1,
            error,
        )
        if not never_arrived(error):
            self.warn_of_two("It is unknown whether a job arrived", error)


def _error_of(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome is not None else None
    assert error is not None  # This is asked after failures only.
    return error
