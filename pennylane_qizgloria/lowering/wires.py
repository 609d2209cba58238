"""Wire labels as integers."""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import Any

from pennylane.operation import Operator
from pennylane.ops.op_math import ControlledOp
from pennylane.tape import QuantumScript

Labels = tuple[Any, ...]
"""Wires by their labels."""


def wire_map(tape: QuantumScript) -> dict[Any, int]:
    """The integer wire of each label: operations' wires first, then those that are only measured.

    Where the labels are ``0 .. n-1`` and those of operations come first, they stay as they are, so
    that the state of a device without wires is the same whichever wire the circuit touches first.
    (PennyLane's standard wire order.)
    """
    acted_on = tuple(map(labels_of, tape.operations))
    measured = tuple(process.wires.labels for process in tape.measurements)
    return dict(_numbered(acted_on, measured))


def labels_of(op: Operator) -> Labels:
    """The wires of an operator by their labels."""
    if isinstance(op, ControlledOp):
        # PennyLane puts these together anew each time they are asked for, which takes longer than
        # all else that is done with a gate.
        return op.control_wires.labels + op.target_wires.labels
    return op.wires.labels


@lru_cache(maxsize=512)
def _numbered(
    acted_on: tuple[Labels, ...], measured: tuple[Labels, ...]
) -> tuple[tuple[Any, int], ...]:
    first = dict.fromkeys(chain.from_iterable(acted_on))
    labels = list(first | dict.fromkeys(chain.from_iterable(measured)))
    integers = list(range(len(labels)))
    count = len(first)
    if set(labels[:count]) == set(integers[:count]) and set(labels) == set(integers):
        labels = integers
    return tuple((label, number) for number, label in enumerate(labels))
