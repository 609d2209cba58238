"""The seeds of a device's jobs, all drawn from the one seed that a user gives."""

from __future__ import annotations

from typing import Literal

import numpy as np

Stream = Literal["sampler", "estimator"]


class JobSeeds:
    """Draws a seed for each job: two jobs of one seed would give the very same shots.

    The sampler and the estimator draw apart, so that they can run in any order. Copies and pickles
    go on where the original was.

    Args:
        seed: from 0 to 2**63 - 1.

    >>> seeds, again = JobSeeds(7), JobSeeds(7)
    >>> seeds.draw("sampler") == again.draw("sampler") != again.draw("sampler")
    True
    """

    def __init__(self, seed: int) -> None:
        self._streams: dict[Stream, np.random.Generator] = {
            "sampler": np.random.default_rng([0, seed]),
            "estimator": np.random.default_rng([1, seed]),
        }

    def draw(self, stream: Stream) -> int:
        """The seed of the next job of a primitive."""
        # Some simulators take 32 bits and no sign.
        return int(self._streams[stream].integers(2**31))

    def continue_from(self, other: JobSeeds) -> None:
        """Draw from now on what the other one would."""
        for name, stream in other._streams.items():
            self._streams[name].bit_generator.state = stream.bit_generator.state
