"""Programs of one structure as one batched evolution.

Gradient transforms and data sets bring many circuits that differ in their numbers only. Those run
together, batches too, as many at a time as stay within a fixed amount of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..caching import cached
from ..memory import state_bytes
from ..program.program import (
    Arguments,
    BoundProgram,
    Constants,
    Operand,
    Operation,
    Program,
    argument_positions,
)
from ..state.measure import State
from .adjoint import is_transformed

BATCHED_BYTES = 2**26
"""Programs are batched while their states together stay below this; beyond, nothing is gained."""


def final_states(
    programs: Sequence[BoundProgram],
    run: Callable[[BoundProgram], State],
    num_words: Callable[[Program, torch.device], int],
) -> list[State]:
    """Run programs, those of one structure together.

    Args:
        programs: the programs and their numbers.
        run: gives the final state of one.
        num_words: the size of the largest state of a program on a torch device.
    """
    states: dict[int, State] = {}
    for indices in _batches(programs, num_words):
        group = [programs[index] for index in indices]
        if len(group) == 1:
            states[indices[0]] = run(group[0])
            continue
        together = run(batched_together(group))
        rows = together.vector.split(group[0].batch_size or 1)
        states.update(
            (i, replace(together, vector=row)) for i, row in zip(indices, rows, strict=True)
        )
    return [states[index] for index in range(len(programs))]


def _batches(
    programs: Sequence[BoundProgram], num_words: Callable[[Program, torch.device], int]
) -> Iterator[list[int]]:
    """Indices of programs that run together."""
    groups: dict[tuple, list[int]] = {}
    for index, own in enumerate(programs):
        scalars = own.arguments.scalars
        key = (own.program, scalars.device, scalars.dtype, own.batch_size)
        groups.setdefault(key, []).append(index)
    for (program, device, dtype, batch), indices in groups.items():
        if len(indices) == 1:
            yield indices
            continue
        size = state_bytes(num_words(program, device), batch or 1, dtype)
        count = max(1, BATCHED_BYTES // size)
        yield from (indices[start : start + count] for start in range(0, len(indices), count))


Columns = tuple[bool, bool]
"""Among which numbers an operation's are: whether they are batched, and whether constant."""


def batched_together(group: Sequence[BoundProgram]) -> BoundProgram:
    """Programs of one structure and one batch size, as one with a batch of them all.

    The elements of the first program's batch come first. Only what differs is batched.
    """
    program, size = group[0].program, group[0].batch_size or 1
    tables = _tables(group)
    differs = {among: _differs(tables[among]) for among in tables if not among[0]}
    alike: dict[Columns, list[int]] = {(False, False): [], (False, True): []}
    batched: list[Tensor] = []
    operands: list[Tensor] = []
    operations: list[Operation] = []
    for operation, own in zip(program.operations, argument_positions(program), strict=True):
        among = (operation.batched, operation.constant)
        if isinstance(operation.form, Operand):
            every = [one.arguments.operands[own[0]] for one in group]
            operand, operation = _batched_operand(operation, every, size)
            operands.append(operand)
        elif operation.batched:
            batched.extend(tables[among][:, :, column].flatten() for column in own)
        elif any(differs[among][column] for column in own):
            batched.extend(tables[among][:, column].repeat_interleave(size) for column in own)
            operation = replace(operation, batched=True, constant=False)
        else:
            alike[among].extend(own)
        operations.append(operation)
    constants = group[0].arguments.constants
    arguments = Arguments(
        tables[False, False][0, alike[False, False]],
        torch.stack(batched, 1) if batched else None,
        tuple(operands),
        None if constants is None else _restricted(constants, tuple(alike[False, True])),
    )
    return BoundProgram(
        replace(program, operations=tuple(operations)), arguments, len(group) * size
    )


def _tables(group: Sequence[BoundProgram]) -> dict[Columns, Tensor]:
    """The numbers of all programs, along the first axis."""
    every = [own.arguments for own in group]
    tables = {(False, False): torch.stack([own.scalars for own in every])}
    if every[0].constants is not None:
        tables[False, True] = torch.stack(
            [own.constants.numbers for own in every if own.constants is not None]
        )
    if every[0].batched_scalars is not None:
        tables[True, False] = torch.stack(
            [own.batched_scalars for own in every if own.batched_scalars is not None]
        )
    return tables


def _batched_operand(
    operation: Operation, operands: Sequence[Tensor], size: int
) -> tuple[Tensor, Operation]:
    """One operand for all programs, and the operation that takes it."""
    if operation.batched:
        return torch.cat(tuple(operands)), operation
    together = torch.stack(tuple(operands))
    if not any(_differs(together.flatten(1))):
        return operands[0], operation
    return together.repeat_interleave(size, 0), replace(operation, batched=True)


@cached(maxsize=256)
def _restricted(constants: Constants, columns: tuple[int, ...]) -> Constants:
    """Some of the constants; the same object if it is all of them."""
    if len(columns) == len(constants.numbers):
        return constants
    return Constants(constants.numbers[list(columns)])


def _differs(scalars: Tensor) -> list[bool]:
    """For each column whether its entries may differ, or have gradients of their own."""
    # Equal numbers may have different tangents, and inside torch.func.vmap have no values at all.
    if scalars.requires_grad or is_transformed():
        return [True] * scalars.shape[1]
    return (scalars != scalars[0]).any(0).tolist()
