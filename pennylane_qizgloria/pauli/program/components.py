"""Wires that have not met yet, simulated apart.

Until an operation joins two groups of wires, each can be evolved by itself, on ``4**k`` numbers
instead of their product. That pays for groups of some size in which more happens than their wires
meeting each other; smaller ones come in when they are needed, see `schedule`, and would only cost
calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .program import Program

LEAST_WIRES = 5
"""Smaller groups of wires gain less from being simulated apart than the calls for it cost."""


@dataclass(frozen=True)
class Component:
    """Wires that are simulated apart from others.

    Args:
        wires: the wires.
        members: what happens on them, in an order in which it can: numbers of operations, and
            registers that come in with what has happened to them.
    """

    wires: frozenset[int]
    members: tuple[int | Component, ...]


@dataclass
class _Group:
    """Wires that have met."""

    wires: set[int] = field(default_factory=set)
    members: list[int | Component] = field(default_factory=list)
    meetings: int = 0

    @property
    def apart(self) -> bool:
        """Whether it pays to have been apart from the others so far."""
        return len(self.wires) >= LEAST_WIRES and self.meetings >= len(self.wires)


def components(program: Program, indices: Iterable[int]) -> tuple[int | Component, ...]:
    """The operations to run, in an order in which they can, with those of registers as one.

    Args:
        program: the program.
        indices: the operations that matter, in order.
    """
    groups: dict[int, _Group] = {}
    for index in indices:
        wires = program.operations[index].wires
        met = {id(groups[wire]): groups[wire] for wire in wires if wire in groups}
        group = _joined(list(met.values()))
        group.wires.update(wires)
        group.members.append(index)
        group.meetings += len(wires) > 1
        groups.update(dict.fromkeys(group.wires if len(met) > 1 else wires, group))
    return tuple(_joined(list({id(own): own for own in groups.values()}.values())).members)


def _joined(groups: Sequence[_Group]) -> _Group:
    """One group of several: the largest one, which takes in those that were apart as registers."""
    if not groups:
        return _Group()
    together, *others = sorted(groups, key=lambda own: len(own.wires), reverse=True)
    for group in others:
        if group.apart:
            together.members.append(Component(frozenset(group.wires), tuple(group.members)))
        else:
            together.members.extend(group.members)
        together.wires |= group.wires
        together.meetings += group.meetings
    return together
