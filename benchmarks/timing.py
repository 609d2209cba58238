"""Timing calls against one another on a machine that others use too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

LONGEST_TURN = 0.2
"""How many seconds a fast call is repeated for in its turn at most."""


PAUSE = 0.25
"""Seconds before a turn in which the threads of the one before go to sleep."""


@dataclass(frozen=True)
class Repeats:
    """How often a fast call is repeated in its turn.

    Args:
        seconds: for so long at least, if it may.
        calls: so often at most.
    """

    seconds: float
    calls: int


AS_THE_SLOWEST = Repeats(0.0, 20)
"""For as long as the slowest one takes once."""


@dataclass(frozen=True)
class Times:
    """How long a call took, in seconds.

    Args:
        median: the median of all calls.
        low: the first quartile.
        high: the third quartile.
        calls: how many there were.
    """

    median: float
    low: float
    high: float
    calls: int


@dataclass(frozen=True)
class First:
    """What a call gave the first time, and how many seconds it took then."""

    value: Any
    seconds: float

    def as_arrays(self) -> First:
        """The same with numpy arrays, which every process understands."""
        return First(_arrays(self.value), self.seconds)


def _arrays(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_arrays(part) for part in value]
    return np.asarray(value)


class Remote(Protocol):
    """A call that another process makes and times."""

    def first(self) -> First:
        """What `first_call` gives."""

    def times(self, share: float, most: int) -> list[float]:
        """What `run` gives."""


Call = Callable[[], Any] | Remote


def first_call(call: Call) -> First:
    """Make plans and caches, compile what is to be compiled."""
    if not callable(call):
        return call.first()
    start = time.perf_counter()
    value = call()
    return First(value, time.perf_counter() - start)


def settle(call: Callable[[], Any], is_settled: Callable[[], bool], most: int = 30) -> float:
    """Repeat a call until it has made what it goes on with.

    Returns:
        How many seconds the longest of these calls took.
    """
    longest = 0.0
    for _ in range(most):
        longest = max(longest, first_call(call).seconds)
        if is_settled():
            break
    return longest


def measure(
    calls: Mapping[str, Call], budget: float, most: int = 50, repeats: Repeats = AS_THE_SLOWEST
) -> dict[str, Times]:
    """Time calls that have been made once before.

    The calls take turns, so that whatever else the machine does falls on all of them alike. In
    its turn a call is repeated for as long as the slowest takes once: a circuit that is trained
    runs again and again, and does not find the caches full of another simulator's state.

    Args:
        calls: what to time.
        budget: about how many seconds to spend in all.
        most: how many turns each gets at most; at least three it gets anyway.
        repeats: how often a fast call is repeated, where the slowest one is fast itself. The first
            calls after another simulator's are no typical ones.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + budget
    share = repeats.seconds
    crowded = not all(map(callable, calls.values()))
    for turn in range(most):
        for name, call in calls.items():
            if crowded:
                time.sleep(PAUSE)
            times[name] += run(call, share, repeats.calls)
        slowest = max(own[-1] for own in times.values())
        share = min(LONGEST_TURN, max(repeats.seconds, slowest))
        if turn >= 2 and time.perf_counter() > end:
            break
    return {name: _summary(own) for name, own in times.items()}


def run(call: Call, share: float, most: int) -> list[float]:
    """The times of one call, or of several that together take less than a share of time."""
    if not callable(call):
        return call.times(share, most)
    found: list[float] = []
    while not found or (sum(found) < share and len(found) < most):
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


def _summary(values: list[float]) -> Times:
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Times(median, low, high, len(values))
