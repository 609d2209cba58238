"""Which states the reverse pass keeps, when not all of them fit into memory.

With room for ``s`` states besides the first, and each step run forward at most ``t`` times, a
sequence of ``C(s + t, t)`` steps can be reversed, and no schedule does better (Griewank, Achieving
logarithmic growth of temporal and spatial complexity in reverse automatic differentiation,
Optimization Methods and Software 1, 35, 1992).
"""

from __future__ import annotations

from math import comb


def checkpoint_positions(length: int, slots: int) -> list[int]:
    """The positions, in a sequence of steps, before which the state is saved on the way forward.

    Position 0, the state that the sequence starts from, is kept elsewhere.

    Args:
        length: the number of steps.
        slots: how many states may be kept, at least 1 if ``length`` is 2 or more.

    **Example**

    >>> checkpoint_positions(5, slots=4)
    [1, 2, 3, 4]
    >>> checkpoint_positions(10, slots=3)
    [4, 7, 9]
    """
    if slots >= length - 1:
        return list(range(1, length))
    positions: list[int] = []
    start = 0
    while length - start > 1 and slots > 0:
        start += _first_stretch(length - start, slots)
        positions.append(start)
        slots -= 1
    return positions


def _first_stretch(length: int, slots: int) -> int:
    """How far to go before keeping the first state."""
    repeats = 1
    while comb(slots + repeats, repeats) < length:
        repeats += 1
    # What lies before the kept state is run forward once more often than what lies behind it; both
    # must be neither longer nor shorter than pays for as many repeats.
    longest = comb(slots + repeats - 1, repeats - 1)
    return min(longest, length - comb(slots + repeats - 2, repeats - 1))
