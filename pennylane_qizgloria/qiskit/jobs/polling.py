"""Waiting for a job: how often it is asked for its state, for how long, and what is shown."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .job_status import FINAL
from .progress import ProgressLine
from .records import JobTimeoutError

# In seconds.
_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 1.0


@dataclass(frozen=True)
class PollingPolicy:
    """How to wait for jobs.

    Args:
        name: of the device, for messages.
        timeout: the most seconds to wait for a job; None for no limit.
        progress: whether to write a line on stderr while a job takes over a second. None: if
            stderr is a terminal.
        clock: seconds that never go back.

    Raises:
        ValueError: if ``timeout`` is not positive.
    """

    name: str
    timeout: float | int | None
    progress: bool | None
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout > 0:
            raise ValueError(
                f"timeout={self.timeout} must be a positive number of seconds, or None."
            )

    def until_final(
        self,
        poll: Callable[[], str],
        under_way: Callable[[str, float], str],
        pause: Callable[[float], None],
    ) -> str:
        """Wait until a job is in a final state, and give that.

        Args:
            poll: gives the state.
            under_way: what to show, from the state and the seconds waited.
            pause: waits that many seconds, or until the job ends if that is known here.

        Raises:
            JobTimeoutError: if it takes longer than the timeout.
        """
        start = self.clock()
        with ProgressLine(self.progress) as line:
            for seconds in _pauses():
                status = poll()
                if status in FINAL:
                    return status
                elapsed = self.clock() - start
                line.show(under_way(status, elapsed), elapsed)
                pause(self._bounded(seconds, elapsed))
        raise AssertionError("the pauses never end")

    def _bounded(self, seconds: float, elapsed: float) -> float:
        if self.timeout is None:
            return seconds
        if elapsed >= self.timeout:
            raise JobTimeoutError(f"{self.name}: no result within timeout={self.timeout} s.")
        return min(seconds, self.timeout - elapsed)


def _pauses() -> Iterator[float]:
    """Seconds between polls: they grow with the time waited, so that short jobs stay short."""
    for power in itertools.count():
        yield min(_FIRST_PAUSE * 1.25 ** min(power, 100), _LONGEST_PAUSE)
