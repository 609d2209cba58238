"""A PennyLane tape as a program and its arguments.

What a tape is apart from its numbers is a short key; the program made for it is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from pennylane.operation import Operator
from pennylane.ops.op_math import ControlledOp
from pennylane.tape import QuantumScript
from torch import Tensor

from ..pauli.maps.transfer import ClosedForm
from ..pauli.memory import check_memory
from ..pauli.plan.planner import plan
from ..pauli.program.program import Arguments, ObservedPaulis, Operand, Operation, Program
from ..pauli.run.evolve import evolve
from ..pauli.state.measure import State
from .operations import arguments
from .operations.closed_forms import family_of_kind
from .operations.operations import (
    Given,
    Precision,
    has_no_effect,
    joint_size,
    lower_operation,
    real_scalar,
)

Labels = tuple[Any, ...]
"""Wires by their labels."""

Kind = tuple[ClosedForm | Operand, Labels, bool, bool]
"""An operation on labelled wires: its source, its wires, whether it is batched or constant."""


@dataclass(frozen=True)
class LoweredOperations:
    """A program, its arguments, and the length of the batch axis (None if there is none)."""

    program: Program
    arguments: Arguments
    batch_size: int | None


def wire_places(tape: QuantumScript) -> dict[Any, int]:
    """The integer wire of each label: operations' wires first, then those that are only measured.

    Labels ``0 .. n-1`` keep their own order, so that the state of a device without wires is the
    same whichever wire the circuit touches first. (PennyLane's standard wire order.)
    """
    acted_on = tuple(map(labels_of, tape.operations))
    measured = tuple(process.wires.labels for process in tape.measurements)
    return dict(_places(acted_on, measured))


def labels_of(op: Operator) -> Labels:
    """The wires of an operator by their labels."""
    if isinstance(op, ControlledOp):
        # PennyLane puts these together anew each time they are asked for, which takes longer than
        # all else that is done with a gate.
        return op.control_wires.labels + op.target_wires.labels
    return op.wires.labels


def lower_operations(
    operations: Sequence[Operator],
    place: Mapping[Any, int],
    observed: ObservedPaulis,
    precision: Precision,
) -> LoweredOperations:
    """Operators on labelled wires as a program on the integers that ``place`` gives them.

    Args:
        operations: the operators.
        place: the integer wire of each label.
        observed: what measurements look at.
        precision: dtype and torch device.

    Raises:
        ValueError: if a parameter is not finite or outside its range, naming the operator.
    """
    collected = _Collected()
    for op in operations:
        collected.add(op, precision)
    program = _program(tuple(collected.kinds), tuple(place.items()), observed)
    return LoweredOperations(program, collected.arguments(precision), collected.batch_size)


def final_state(lowered: LoweredOperations, budget: int | None = None) -> State:
    """Run a lowered tape.

    Args:
        lowered: the program and its arguments.
        budget: how many bytes of states a reverse pass may keep, see `pauli.run.adjoint`.

    Raises:
        MemoryError: if its state does not fit into memory.
    """
    scalars = lowered.arguments.scalars
    ready = plan(lowered.program, scalars.device)
    batch = lowered.batch_size or 1
    check_memory(lowered.program.num_wires, ready.peak, batch, scalars.dtype, scalars.device)
    vector = evolve(ready, lowered.arguments, budget)
    return State(vector.expand(batch, -1), ready.order, ready.paulis)


@lru_cache(maxsize=512)
def _program(
    kinds: tuple[Kind, ...], place: tuple[tuple[Any, int], ...], observed: ObservedPaulis
) -> Program:
    places = dict(place)
    operations = [
        Operation(source, tuple(places[label] for label in labels), batched, constant)
        for source, labels, batched, constant in kinds
    ]
    return Program(len(places), tuple(operations), observed)


@lru_cache(maxsize=512)
def _places(
    acted_on: tuple[Labels, ...], measured: tuple[Labels, ...]
) -> tuple[tuple[Any, int], ...]:
    first = dict.fromkeys(chain.from_iterable(acted_on))
    second = [label for label in chain.from_iterable(measured) if label not in first]
    labels = _sorted(first, 0) + _sorted(second, len(first))
    return tuple((label, number) for number, label in enumerate(labels))


def _sorted(labels: Iterable[Any], start: int) -> list[Any]:
    unique = list(dict.fromkeys(labels))
    numbers = list(range(start, start + len(unique)))
    return numbers if set(unique) == set(numbers) else unique


class _Collected:
    """The operators of a tape, taken apart into structure and numbers."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.operands: list[Tensor] = []
        self.constants = _Scalars()
        self.plain = _Scalars()
        self.batched = _Scalars()
        self.batch_size: int | None = None

    def add(self, op: Operator, precision: Precision) -> None:
        """Add an operator."""
        kind: Any = type(op)
        family = family_of_kind(kind)
        if family is not None:
            self._add_form(op, family.form, family.scalars(op))
        elif has_no_effect(op):
            # It counts all the same: a broadcast GlobalPhase has a batch of equal results.
            self._has_batch(op.batch_size)
        else:
            lowered = lower_operation(op, precision)
            if isinstance(lowered, Given):
                self._add_operand(op, lowered)
            else:
                self._add_form(op, lowered.source, lowered.scalars)

    def arguments(self, precision: Precision) -> Arguments:
        """The numbers as tensors, validated."""
        constants, plain, batched = self.constants, self.plain, self.batched
        kept = columns = None
        if constants.ops:
            forms = tuple(constants.forms)
            kept = arguments.constants(constants.values, constants.ops, forms, precision)
        scalars = arguments.stacked(plain.values, precision)
        arguments.validate(plain.ops, tuple(plain.forms), scalars)
        if batched.ops:
            columns = arguments.columns(batched.values, precision)
            arguments.validate(batched.ops, tuple(batched.forms), columns)
        return Arguments(scalars, columns, tuple(self.operands), kept)

    def _add_form(self, op: Operator, form: ClosedForm, scalars: Sequence[Any]) -> None:
        size = None
        constant = True
        values = []
        for value in scalars:
            if not isinstance(value, float):
                # Asked in this order because most are tensors without axes.
                if not isinstance(value, Tensor) or value.ndim or value.is_complex():
                    value = real_scalar(op, value)
                    size = joint_size(op, size, value)
                constant = constant and not isinstance(value, Tensor)
            values.append(value)
        # Taken from what is there, not from PennyLane, which gives channels no batch size although
        # their strengths can be broadcast all the same.
        self._has_batch(size)
        constant = constant and size is None
        self.kinds.append((form, labels_of(op), size is not None, constant))
        if values:
            own = self.constants if constant else self.plain if size is None else self.batched
            own.ops.append(op)
            own.forms.append(form)
            own.values.extend(values)

    def _add_operand(self, op: Operator, given: Given) -> None:
        axes = {Operand.STATE: 1, Operand.TRANSFER: 2, Operand.KRAUS: 3}[given.source]
        size = given.operand.shape[0] if given.operand.ndim > axes else None
        self._has_batch(size)
        self.kinds.append((given.source, labels_of(op), size is not None, False))
        self.operands.append(given.operand)

    def _has_batch(self, size: int | None) -> None:
        if size is None or size == self.batch_size:
            return
        if self.batch_size is not None:
            sizes = sorted([size, self.batch_size])
            raise ValueError(f"Broadcast parameters must have one batch size, got {sizes}.")
        self.batch_size = size


class _Scalars:
    """Operators with closed forms, and their parameters one after the other."""

    def __init__(self) -> None:
        self.ops: list[Operator] = []
        self.forms: list[ClosedForm] = []
        self.values: list[Any] = []
