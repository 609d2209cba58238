"""Where each wire's axis lies in the state.

A step needs its wires' axes side by side. A new axis comes in wherever it serves best, at no cost.
A step at one end of the state can leave its axes at the other end, because the product is as easily
written transposed: so a ring of wires turns round and round without being moved. Only where neither
helps, one axis is moved, once, to the place that serves the following steps best.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from ..program.program import Operand
from ..program.schedule import ScheduledStep
from .plan import AxisPermutation

LOOKAHEAD = 64
"""How many of the following steps a choice of places considers."""

Order = tuple[int, ...]
"""Wires in the order of their axes."""


@dataclass(frozen=True)
class Placement:
    """Where a step finds the axes of its wires, and where it leaves them.

    Args:
        found: the axes before the step, moved to where it needs them.
        wires: the wires of the step in the order of their axes, new ones among them.
        first: how many axes lie before them.
        cyclic: whether the step leaves its axes at the other end of the state.
    """

    found: Order
    wires: Order
    first: int
    cyclic: bool = False

    def after(self, scheduled: ScheduledStep) -> Order:
        """The axes after the step, without those that are gone."""
        before = self.found[: self.first]
        behind = self.found[self.first + len(self.wires) - len(scheduled.entering) :]
        own = tuple(wire for wire in self.wires if len(scheduled.leaving.get(wire, "IXYZ")) > 1)
        return (*behind, *own, *before) if self.cyclic else (*before, *own, *behind)


def place(
    order: Order, scheduled: ScheduledStep, following: Sequence[set[int]], wires: Order
) -> Placement:
    """The best place for a step.

    Args:
        order: the axes as they are.
        scheduled: the step.
        following: the wires of the steps behind it.
        wires: its wires in the order in which its operand has them.
    """
    if scheduled.block.kind is Operand.KRAUS:
        rest = tuple(wire for wire in order if wire not in wires)
        return Placement((*rest, *wires), wires, len(rest))
    if scheduled.block.kind in (Operand.STATE, Operand.COMPONENT):
        candidates = [Placement(order, wires, len(order)), Placement(order, wires, 0)]
    else:
        candidates = list(_candidates(order, scheduled))
    if len(candidates) == 1:
        return candidates[0]
    return min(candidates, key=lambda placement: _misses(placement.after(scheduled), following))


def permutation_between(old: Order, new: Order, sizes: Mapping[int, int]) -> AxisPermutation | None:
    """The rearrangement from one order of axes to another, with runs of axes kept together.

    Args:
        old: the order that is there.
        new: the order that is wanted.
        sizes: the length of each wire's axis.
    """
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
    shape = tuple(prod(sizes[wire] for wire in run) for run in by_old)
    return AxisPermutation(shape, tuple(by_old.index(run) for run in runs))


def _candidates(order: Order, scheduled: ScheduledStep) -> Iterator[Placement]:
    """Places for a step with a transfer matrix, those that cost the least first."""
    new = tuple(sorted(scheduled.entering))
    present = scheduled.block.wires - scheduled.entering
    for found in _side_by_side(order, present):
        own = tuple(wire for wire in found if wire in present)
        starts = [found.index(own[0])] if own else sorted({0, len(found)}, reverse=True)
        arrangements = dict.fromkeys(((*own, *new), (*own, *new[::-1]), (*new, *own)))
        for first in starts:
            for wires in arrangements:
                yield Placement(found, wires, first)
                at_an_end = first == 0 or first + len(own) == len(found)
                if at_an_end and 0 < len(own) < len(found):
                    yield Placement(found, wires, first, cyclic=True)


def _side_by_side(order: Order, wires: set[int]) -> list[Order]:
    """Orders in which some wires are neighbours: as it is, or with them at one of their places."""
    if _adjacent({wire: i for i, wire in enumerate(order)}, wires):
        return [order]
    members = [wire for wire in order if wire in wires]
    found = []
    for anchor in members:
        rest = [wire for wire in order if wire not in wires or wire == anchor]
        start = rest.index(anchor)
        found.append((*rest[:start], *members, *rest[start + 1 :]))
    return found


def _misses(order: Order, following: Sequence[set[int]]) -> float:
    """How many of the following steps find their wires apart, the next ones counting most."""
    place = {wire: i for i, wire in enumerate(order)}
    misses = 0.0
    for distance, wires in enumerate(following[:LOOKAHEAD]):
        if not _adjacent(place, wires):
            misses += 1 / (1 + distance)
    return misses


def _adjacent(place: Mapping[int, int], wires: Iterable[int]) -> bool:
    """Whether those of some wires that have an axis are neighbours."""
    places = [place[wire] for wire in wires if wire in place]
    return not places or max(places) - min(places) == len(places) - 1
