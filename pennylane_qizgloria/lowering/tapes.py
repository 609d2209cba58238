"""A PennyLane tape as a program and its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Float
from pennylane.operation import Operator
from torch import Tensor

from ..pauli.evolve import evolve
from ..pauli.measure import State
from ..pauli.memory import check_memory
from ..pauli.planner import plan
from ..pauli.program import Arguments, Operand, Operation, Program
from ..pauli.transfer import ClosedForm
from .operations import (
    NO_EFFECT,
    Given,
    Lowered,
    Parametrised,
    Precision,
    holds,
    lower_operation,
)


@dataclass(frozen=True)
class LoweredOperations:
    """A program, its arguments, and the length of the batch axis (None if there is none)."""

    program: Program
    arguments: Arguments
    batch_size: int | None


def lower_operations(
    operations: Sequence[Operator],
    place: Mapping[Any, int],
    observed: frozenset[int],
    precision: Precision,
) -> LoweredOperations:
    """Operators on labelled wires as a program on the integers that ``place`` gives them.

    Raises:
        ValueError: if a parameter is not finite or outside its range, naming the operator.
    """
    kept = [op for op in operations if op.name not in NO_EFFECT]
    lowered = [lower_operation(op, precision) for op in kept]
    sizes = [_batch_size(low) for low in lowered]
    # Operators without effect count too: a broadcast GlobalPhase has a batch of equal results.
    idle = [op.batch_size for op in operations if op.name in NO_EFFECT]
    program = Program(
        len(place),
        tuple(
            Operation(low.source, tuple(place[wire] for wire in op.wires), size is not None)
            for op, low, size in zip(kept, lowered, sizes, strict=True)
        ),
        observed,
    )
    batch_size = _common_batch_size([*sizes, *idle])
    arguments = _arguments(kept, lowered, sizes, precision)
    return LoweredOperations(program, arguments, batch_size)


def final_state(lowered: LoweredOperations, budget: int | None = None) -> State:
    """Run a lowered tape.

    Args:
        lowered: the program and its arguments.
        budget: how many bytes of states a reverse pass may keep, see `pauli.adjoint`.

    Raises:
        MemoryError: if its state does not fit into memory.
    """
    ready = plan(lowered.program)
    batch = lowered.batch_size or 1
    scalars = lowered.arguments.scalars
    check_memory(len(ready.order), batch, scalars.dtype, scalars.device)
    vector = evolve(ready, lowered.arguments, budget)
    return State(vector.expand(batch, -1), ready.order)


def _batch_size(low: Lowered) -> int | None:
    """The length of the batch axis of an operator's parameters or operand.

    Taken from what is there, not from PennyLane, which gives channels no batch size although their
    strengths can be broadcast all the same.
    """
    if isinstance(low, Parametrised):
        return next((len(x) for x in low.scalars if not isinstance(x, float) and _axes(x)), None)
    axes = {Operand.STATE: 1, Operand.TRANSFER: 2, Operand.KRAUS: 3}[low.source]
    return low.operand.shape[0] if low.operand.ndim > axes else None


def _axes(value: Any) -> int:
    return value.ndim if hasattr(value, "ndim") else np.ndim(value)


def _common_batch_size(sizes: Iterable[int | None]) -> int | None:
    found = {size for size in sizes if size is not None}
    if len(found) > 1:
        raise ValueError(f"Broadcast parameters must have one batch size, got {sorted(found)}.")
    return found.pop() if found else None


Parameters = list[tuple[Operator, Parametrised]]
"""Operators with scalar parameters, in the order of their scalars."""


def _arguments(
    ops: Sequence[Operator],
    lowered: Sequence[Lowered],
    sizes: Sequence[int | None],
    precision: Precision,
) -> Arguments:
    operands = tuple(low.operand for low in lowered if isinstance(low, Given))
    plain: Parameters = []
    batched: Parameters = []
    for op, low, size in zip(ops, lowered, sizes, strict=True):
        if isinstance(low, Parametrised):
            (plain if size is None else batched).append((op, low))
    scalars = _stack([value for _, low in plain for value in low.scalars], precision)
    _validate(plain, scalars)
    if not batched:
        return Arguments(scalars, None, operands)
    columns = [precision.real(value) for _, low in batched for value in low.scalars]
    batched_scalars = torch.stack(torch.broadcast_tensors(*columns), 1)
    _validate(batched, batched_scalars)
    return Arguments(scalars, batched_scalars, operands)


def _stack(values: Sequence[Any], precision: Precision) -> Float[Tensor, " scalars"]:
    """Scalars of any interface as one tensor, through which torch can differentiate."""
    tensors = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    if not tensors:
        return precision.real(np.array([float(value) for value in values]))
    stacked = torch.stack([precision.real(values[i]).reshape(()) for i in tensors])
    if len(tensors) == len(values):
        return stacked
    # Plain numbers become tensors all at once, which takes less time than one by one.
    numbers = [i for i, value in enumerate(values) if not isinstance(value, Tensor)]
    plain = precision.real(np.array([float(values[i]) for i in numbers]))
    order = torch.tensor(tensors + numbers, device=plain.device).argsort()
    return torch.cat([stacked, plain]).index_select(0, order)


def _validate(parameters: Parameters, scalars: Tensor) -> None:
    """Refuse parameters that are not finite or outside their domain, naming the operator."""
    values = scalars.detach()
    finite = torch.isfinite(values)
    all_finite = holds(finite)
    by_form: dict[ClosedForm, list[tuple[int, Operator, Parametrised]]] = {}
    start = 0
    for op, low in parameters:
        if low.source.valid is not None or not all_finite:
            by_form.setdefault(low.source, []).append((start, op, low))
        start += low.source.num_params
    for form, uses in by_form.items():
        index = [list(range(start, start + form.num_params)) for start, _, _ in uses]
        valid = finite[..., index].all(-1)
        if form.valid is not None:
            valid = valid & form.valid(values[..., index])
        if not holds(valid):
            wrong = int((~valid).reshape(-1, len(uses)).any(0).nonzero()[0])
            raise ValueError(_out_of_domain(*uses[wrong][1:]))


def _out_of_domain(op: Operator, low: Parametrised) -> str:
    given = ", ".join(str(qml.math.toarray(value)) for value in op.data)
    return f"{op.name}({given}) on wires {op.wires.tolist()}: {low.source.domain}."
