"""A sequence of PennyLane operators as a program and its numbers.

What operators are apart from their numbers is a short key; the program made for it is cached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from pennylane.operation import Operator
from torch import Tensor

from ...pauli.maps.transfer import ClosedForm
from ...pauli.program.program import (
    Arguments,
    BoundProgram,
    ObservedPaulis,
    Operand,
    Operation,
    Program,
)
from ..context import TapeContext
from ..parameters import joint_size, real_scalar
from ..wires import Labels, labels_of
from . import arguments
from .closed_forms import family_of_kind
from .compiled_circuit import (
    BATCHED,
    CONSTANT,
    CompiledCircuit,
    Template,
    kind_of,
    kinds_of_steps,
    shares,
)
from .operations import Given, has_no_effect, lower_operation

Kind = tuple[ClosedForm | Operand, Labels, bool, bool]
"""An operation on labelled wires: its form, its wires, whether it is batched or constant."""


def lower_operations(
    operations: Sequence[Operator],
    wire_map: Mapping[Any, int],
    observed: ObservedPaulis,
    context: TapeContext,
) -> BoundProgram:
    """Operators on labelled wires as a program, and its numbers.

    Args:
        operations: the operators.
        wire_map: the integer wire of each label.
        observed: what measurements look at.
        context: dtype and torch device.

    Raises:
        ValueError: if a parameter is not finite or outside its range, naming the operator.
    """
    collected = _Collected()
    for op in operations:
        collected.add(op, context)
    program = _program(tuple(collected.kinds), tuple(wire_map.items()), observed)
    return BoundProgram(program, collected.arguments(context), collected.batch_size)


@lru_cache(maxsize=512)
def _program(
    kinds: tuple[Kind, ...], wire_map: tuple[tuple[Any, int], ...], observed: ObservedPaulis
) -> Program:
    wires = dict(wire_map)
    operations = [
        Operation(form, tuple(wires[label] for label in labels), batched, constant)
        for form, labels, batched, constant in kinds
    ]
    return Program(len(wires), tuple(operations), observed)


class _Collected:
    """The operators of a tape, taken apart into structure and numbers."""

    def __init__(self) -> None:
        self.kinds: list[Kind] = []
        self.operands: list[Tensor] = []
        self.constants = _Scalars()
        self.plain = _Scalars()
        self.batched = _Scalars()
        self.batch_size: int | None = None

    def add(self, op: Operator, context: TapeContext) -> None:
        """Add an operator."""
        kind: Any = type(op)
        family = family_of_kind(kind)
        if family is not None:
            self._add_form(op, family.form, family.scalars(op))
        elif isinstance(op, CompiledCircuit):
            self._add_compiled(op, context)
        elif has_no_effect(op):
            # It counts all the same: a broadcast GlobalPhase has a batch of equal results.
            self._has_batch(op.batch_size)
        else:
            lowered = lower_operation(op, context)
            if isinstance(lowered, Given):
                self._add_operand(op, lowered)
            else:
                self._add_form(op, lowered.form, lowered.scalars)

    def arguments(self, context: TapeContext) -> Arguments:
        """The numbers as tensors, validated."""
        constants, plain, batched = self.constants, self.plain, self.batched
        known = columns = None
        if constants.ops:
            forms = tuple(constants.forms)
            known = arguments.constants(constants.values, constants.ops, forms, context)
        scalars = arguments.stacked(plain.values, context)
        arguments.validate(plain.ops, tuple(plain.forms), scalars)
        if batched.ops:
            columns = arguments.columns(batched.values, context)
            arguments.validate(batched.ops, tuple(batched.forms), columns)
        return Arguments(scalars, columns, tuple(self.operands), known)

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

    def _add_compiled(self, op: CompiledCircuit, context: TapeContext) -> None:
        template, size = op.template, None
        values = [real_scalar(op, value) for value in op.data]
        values += [function(values) for function in template.functions]
        for value in values:
            size = joint_size(op, size, value)
        self._has_batch(size)
        kinds = tuple(map(kind_of, values))
        self.kinds.extend(_compiled_kinds(template, kinds, labels_of(op)))
        constant, plain, batched = shares(template, kinds)
        pairs = list(zip(values, kinds, strict=True))
        numbers = [value if kind == CONSTANT else 0.0 for value, kind in pairs]
        known = constant(torch.tensor(numbers, dtype=torch.float64))
        self.constants.extend(op, constant.forms, known.tolist())
        if plain.forms:
            shared = [0.0 if kind == BATCHED else value for value, kind in pairs]
            self.plain.extend(op, plain.forms, plain(arguments.stacked(shared, context)).unbind())
        if batched.forms:
            columns = arguments.columns(values, context)
            self.batched.extend(op, batched.forms, batched(columns).unbind(-1))

    def _add_operand(self, op: Operator, given: Given) -> None:
        axes = {Operand.STATE: 1, Operand.TRANSFER: 2, Operand.KRAUS: 3}[given.form]
        size = given.operand.shape[0] if given.operand.ndim > axes else None
        self._has_batch(size)
        self.kinds.append((given.form, labels_of(op), size is not None, False))
        self.operands.append(given.operand)

    def _has_batch(self, size: int | None) -> None:
        if size is None or size == self.batch_size:
            return
        if self.batch_size is not None:
            sizes = sorted([size, self.batch_size])
            raise ValueError(f"Broadcast parameters must have one batch size, got {sizes}.")
        self.batch_size = size


@lru_cache(maxsize=256)
def _compiled_kinds(template: Template, kinds: tuple[int, ...], labels: Labels) -> tuple[Kind, ...]:
    """The operations of a compiled circuit, from the kinds of its parameters."""
    pairs = zip(template.steps, kinds_of_steps(template, kinds), strict=True)
    return tuple(
        (step.form, tuple(labels[w] for w in step.wires), own == BATCHED, own == CONSTANT)
        for step, own in pairs
    )


class _Scalars:
    """Operators with closed forms, and their parameters one after the other."""

    def __init__(self) -> None:
        self.ops: list[Operator] = []
        self.forms: list[ClosedForm] = []
        self.values: list[Any] = []

    def extend(self, op: Operator, forms: Sequence[ClosedForm], values: Sequence[Any]) -> None:
        """Add several that one operator stands for."""
        self.ops.extend([op] * len(forms))
        self.forms.extend(forms)
        self.values.extend(values)
