"""Where each wire's axis lies in the state.

A step needs its wires' axes side by side. Where they are not, one axis is moved, once, to the
place that serves the following steps best, and stays there.
"""

from __future__ import annotations

from collections.abc import Sequence

from .fusion import Block
from .plan import Move

LOOKAHEAD = 64
"""How many of the following steps a move of axes considers."""


def initial_order(
    active: list[int], prepared: list[tuple[int, ...]], blocks: list[Block]
) -> list[int]:
    """Prepared blocks first, as they come; the others so that pairs met first are neighbours."""
    fixed = [wire for wires in prepared for wire in wires]
    paths = {wire: [wire] for wire in active if wire not in fixed}
    for block in blocks:
        pair = sorted(block.wires)
        if len(pair) == 2 and all(wire in paths for wire in pair):
            _join(paths, *pair)
    ordered: dict[int, None] = dict.fromkeys(fixed)
    for wire in active:
        ordered.update(dict.fromkeys(paths.get(wire, ())))
    return list(ordered)


def _join(paths: dict[int, list[int]], a: int, b: int) -> None:
    """Join two paths at the ends a and b, where these are ends of different paths."""
    first, second = paths[a], paths[b]
    if first is second or a not in (first[0], first[-1]) or b not in (second[0], second[-1]):
        return
    left = first if first[-1] == a else first[::-1]
    right = second if second[0] == b else second[::-1]
    joined = left + right
    paths.update(dict.fromkeys(joined, joined))


def side_by_side(order: list[int], wires: set[int], following: Sequence[set[int]]) -> list[int]:
    """An order in which these wires are neighbours, the best of a few for the following steps."""
    if _adjacent(order, wires):
        return order
    members = [wire for wire in order if wire in wires]
    candidates = []
    for anchor in members:
        rest = [wire for wire in order if wire not in wires or wire == anchor]
        place = rest.index(anchor)
        candidates.append([*rest[:place], *members, *rest[place + 1 :]])

    def cost(candidate: list[int]) -> float:
        misses = [not _adjacent(candidate, block) for block in following[:LOOKAHEAD]]
        return sum((miss / (1 + distance) for distance, miss in enumerate(misses)), 0.0)

    return min(candidates, key=cost)


def _adjacent(order: list[int], wires: set[int]) -> bool:
    places = [order.index(wire) for wire in wires]
    return max(places) - min(places) == len(places) - 1


def move_between(old: list[int], new: list[int]) -> Move | None:
    """The rearrangement from one order of axes to another, with runs of axes kept together."""
    if old == new:
        return None
    place = {wire: i for i, wire in enumerate(old)}
    runs: list[list[int]] = []
    for wire in new:
        if runs and place[runs[-1][-1]] + 1 == place[wire]:
            runs[-1].append(wire)
        else:
            runs.append([wire])
    by_old = sorted(runs, key=lambda run: place[run[0]])
    shape = tuple(4 ** len(run) for run in by_old)
    return Move(shape, tuple(by_old.index(run) for run in runs))
