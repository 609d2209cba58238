"""Tapes of one structure as one batched evolution.

Gradient transforms and data sets bring many tapes that differ in their numbers only. Those run
together, as many at a time as stay within a fixed amount of memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..pauli.adjoint import is_transformed
from ..pauli.measure import State
from ..pauli.memory import state_bytes
from ..pauli.planner import plan
from ..pauli.program import Arguments, Constants, Operand, Operation
from ..pauli.recipes import positions_of_numbers
from .tapes import LoweredOperations, final_state

MERGED_BYTES = 2**26
"""Tapes are merged while their states together stay below this; beyond, nothing is gained."""


def final_states(lowered: Sequence[LoweredOperations], budget: int | None = None) -> list[State]:
    """Run lowered tapes, those of one structure together.

    Args:
        lowered: programs and arguments.
        budget: how many bytes of states a reverse pass may keep, see `pauli.adjoint`.
    """
    states: dict[int, State] = {}
    for indices in _mergeable(lowered):
        group = [lowered[index] for index in indices]
        if len(group) == 1:
            states[indices[0]] = final_state(group[0], budget)
            continue
        together = final_state(merged(group), budget)
        rows = together.vector.split(1)
        states.update(
            (i, replace(together, vector=row)) for i, row in zip(indices, rows, strict=True)
        )
    return [states[index] for index in range(len(lowered))]


def _mergeable(lowered: Sequence[LoweredOperations]) -> Iterator[list[int]]:
    """Indices of tapes that run together."""
    groups: dict[tuple, list[int]] = {}
    for index, own in enumerate(lowered):
        scalars = own.arguments.scalars
        alone = index if own.batch_size is not None else None
        groups.setdefault((own.program, scalars.device, scalars.dtype, alone), []).append(index)
    for (program, device, dtype, _), indices in groups.items():
        size = state_bytes(plan(program, device).peak, 1, dtype)
        count = max(1, MERGED_BYTES // size)
        yield from (indices[start : start + count] for start in range(0, len(indices), count))


def merged(group: Sequence[LoweredOperations]) -> LoweredOperations:
    """Tapes of one structure and without a batch, as one tape with a batch of them all.

    Only what differs between them is batched.
    """
    program = group[0].program
    tables = {False: torch.stack([own.arguments.scalars for own in group])}
    constants = [own.arguments.constants for own in group if own.arguments.constants is not None]
    if constants:
        tables[True] = torch.stack([own.numbers for own in constants])
    differs = {constant: _differs(table) for constant, table in tables.items()}
    alike: dict[bool, list[int]] = {False: [], True: []}
    batched: list[tuple[bool, int]] = []
    operations: list[Operation] = []
    for operation, own in zip(program.operations, positions_of_numbers(program), strict=True):
        if isinstance(operation.source, Operand):
            operations.append(replace(operation, batched=True))
            continue
        among = operation.constant
        if any(differs[among][column] for column in own):
            batched.extend((among, column) for column in own)
            operations.append(replace(operation, batched=True, constant=False))
        else:
            alike[among].extend(own)
            operations.append(operation)
    arguments = Arguments(
        tables[False][0, alike[False]],
        torch.stack([tables[among][:, column] for among, column in batched], 1)
        if batched
        else None,
        tuple(map(torch.stack, zip(*(own.arguments.operands for own in group), strict=True))),
        _restricted(constants[0], alike[True]) if constants else None,
    )
    return LoweredOperations(replace(program, operations=tuple(operations)), arguments, len(group))


def _restricted(constants: Constants, columns: list[int]) -> Constants:
    """Some of the constants; the same object if it is all of them."""
    if len(columns) == len(constants.numbers):
        return constants
    return Constants(constants.numbers[columns])


def _differs(scalars: Tensor) -> list[bool]:
    """For each column whether its entries may differ, or have gradients of their own."""
    # Equal numbers may have different tangents, and inside torch.func.vmap have no values at all.
    if scalars.requires_grad or is_transformed(scalars):
        return [True] * scalars.shape[1]
    return (scalars != scalars[0]).any(0).tolist()
