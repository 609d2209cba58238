"""When each step runs, and when each wire's axis is there.

A wire is in ``|0>`` until the first step on it, and after the last one only the Paulis matter that
measurements look at: I and Z where a wire is sampled, I alone where nobody looks. So a wire's axis
need not be there before its first step, and shrinks with its last one. Steps are ordered, as far as
their wires allow, so that wires come late and go early: the state is as small as can be at each
step. A ring of gates on n wires costs about 2 steps on the whole state at either end of a circuit,
not n.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import log2

from ..state.basis import I
from .fusion import Block
from .program import ObservedPaulis, Operand

PauliSubset = tuple[int, ...]
"""The Paulis of a wire's axis, in ascending order; I is always the first."""


@dataclass(frozen=True, eq=False)
class ScheduledStep:
    """A step in its place.

    Args:
        block: what is done.
        entering: its wires that are new, in ``|0>`` or about to be given a state.
        leaving: for those of its wires that are finished, the Paulis that are needed of them;
            wires of which all are needed are left out.
    """

    block: Block
    entering: frozenset[int]
    leaving: Mapping[int, PauliSubset]

    @property
    def growth(self) -> float:
        """The binary logarithm of how many times larger it makes the state."""
        return 2.0 * len(self.entering) + sum(log2(len(x)) - 2 for x in self.leaving.values())


def schedule(
    blocks: Sequence[Block],
    observed: ObservedPaulis,
    incoming: Mapping[int, PauliSubset] | None = None,
) -> list[ScheduledStep]:
    """The steps of a program in order, each as soon as it makes the state the least larger.

    Args:
        blocks: the steps in an order in which they could run.
        observed: what measurements look at in the end.
        incoming: the Paulis of wires that components bring in.
    """
    lifetimes = _lifetimes(blocks, observed, incoming or {})
    steps_in_order = [
        ScheduledStep(block, entering, leaving) for block, entering, leaving in lifetimes
    ]
    followers, waiting = _dependencies(blocks)
    ready: list[tuple[float, int]] = []
    for number, scheduled in enumerate(steps_in_order):
        if not waiting[number]:
            heappush(ready, (scheduled.growth, number))
    ordered = []
    while ready:
        _, number = heappop(ready)
        ordered.append(steps_in_order[number])
        for follower in followers[number]:
            waiting[follower] -= 1
            if not waiting[follower]:
                heappush(ready, (steps_in_order[follower].growth, follower))
    return ordered


def observed_subsets(observed: ObservedPaulis) -> dict[int, PauliSubset]:
    """The Paulis that are needed of each wire in the end; of wires left out, I alone."""
    paulis: dict[int, set[int]] = {}
    for wire, pauli in observed:
        paulis.setdefault(wire, {I}).add(pauli)
    return {wire: tuple(sorted(own)) for wire, own in paulis.items()}


def _lifetimes(
    blocks: Sequence[Block], observed: ObservedPaulis, incoming: Mapping[int, PauliSubset]
) -> Iterator[tuple[Block, frozenset[int], dict[int, PauliSubset]]]:
    """Each block with the wires that come with it, and those that go."""
    final = observed_subsets(observed)
    following = _following(blocks)
    seen: set[int] = set()
    for block, after in zip(blocks, following, strict=True):
        replaces = block.kind in (Operand.STATE, Operand.COMPONENT)
        entering = frozenset(block.wires if replaces else block.wires - seen)
        seen |= block.wires
        leaving = {}
        for wire in block.wires:
            follower = after.get(wire)
            if block.kind is Operand.COMPONENT:
                paulis = incoming[wire]
            elif not block.fused:
                continue
            elif follower is None:
                paulis = final.get(wire, (I,))
            elif follower.kind is Operand.STATE:
                paulis = (I,)
            else:
                continue
            if len(paulis) < 4:
                leaving[wire] = paulis
        yield block, entering, leaving


def _following(blocks: Sequence[Block]) -> list[dict[int, Block]]:
    """For each block the next one on each of its wires, where there is one."""
    next_on: dict[int, Block] = {}
    following = []
    for block in reversed(blocks):
        following.append({wire: next_on[wire] for wire in block.wires if wire in next_on})
        next_on.update(dict.fromkeys(block.wires, block))
    return following[::-1]


def _dependencies(blocks: Sequence[Block]) -> tuple[list[list[int]], list[int]]:
    """For each block the numbers of those that wait for it, and for how many it waits itself."""
    followers: list[list[int]] = [[] for _ in blocks]
    waiting = []
    last: dict[int, int] = {}
    for number, block in enumerate(blocks):
        before = {last[wire] for wire in block.wires if wire in last}
        for other in before:
            followers[other].append(number)
        waiting.append(len(before))
        last.update(dict.fromkeys(block.wires, number))
    return followers, waiting
