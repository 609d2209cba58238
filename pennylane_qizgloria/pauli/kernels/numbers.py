"""What a table's kernels take: its arrays, and three vectors of numbers from the arguments."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..assembly.parts import MatrixBatch
from ..caching import cached
from ..maps.transfer import ClosedForm
from ..program.program import Arguments, Constants, Operand
from ..run.matrices import batch_matrices
from .table import KernelTable, entries_of


@cached(maxsize=512)
def arrays_of(table: KernelTable, dtype: torch.dtype) -> tuple[np.ndarray, ...]:
    """The arrays of a table, those of real numbers in some precision."""
    real = np.float32 if dtype == torch.float32 else np.float64
    return (
        *(table.steps, table.bases, table.offsets, table.items, table.pairs),
        *(table.signs.astype(real), table.rotations, table.scales.astype(real)),
    )


def plain_numbers(table: KernelTable, arguments: Arguments) -> Float[Tensor, " numbers"]:
    """The numbers that all elements of a batch share: scalars, then matrices."""
    if not table.plain:
        return arguments.scalars
    return torch.cat([arguments.scalars, _matrices(table.plain, arguments)[0]])


def batched_numbers(
    table: KernelTable, arguments: Arguments, batch: int
) -> Float[Tensor, "batch numbers"]:
    """The numbers of each element: scalars, then matrices."""
    columns = arguments.batched_scalars
    if not table.batched:
        return arguments.scalars.new_empty(batch, 0) if columns is None else columns
    given = [] if columns is None else [columns]
    return torch.cat([*given, _matrices(table.batched, arguments)], 1)


def _matrices(
    batches: tuple[MatrixBatch, ...], arguments: Arguments
) -> Float[Tensor, "#batch numbers"]:
    """The entries of matrices, one matrix after the other."""
    kinds, order = _by_kind(batches)
    numbers = torch.cat([_flat(own, arguments) for own in kinds], 1)
    return numbers if order is None else numbers.index_select(1, order)


@cached(maxsize=512)
def _by_kind(
    batches: tuple[MatrixBatch, ...],
) -> tuple[tuple[MatrixBatch, ...], Int[Tensor, " numbers"] | None]:
    """Matrices of one kind made together, and where their entries stand; None for in order."""
    kinds: dict[object, list[int]] = {}
    for number, own in enumerate(batches):
        form = own.operation.form
        # Operands are states or matrices of any width, which do not make one tensor.
        kinds.setdefault(number if isinstance(form, Operand) else form, []).append(number)
    if len(kinds) == len(batches):
        return batches, None
    joined = tuple(
        MatrixBatch(batches[own[0]].operation, torch.cat([batches[i].slots for i in own]))
        for own in kinds.values()
    )
    order = [number for own in kinds.values() for number in own]
    sizes = np.array([entries_of(own.operation) for own in batches])
    starts = np.empty(len(batches), dtype=np.int64)
    starts[order] = np.cumsum([0, *sizes[order]])[:-1]
    pairs = zip(starts, sizes, strict=True)
    return joined, torch.as_tensor(
        np.concatenate([start + np.arange(size) for start, size in pairs])
    )


def _flat(own: MatrixBatch, arguments: Arguments) -> Float[Tensor, "#batch numbers"]:
    if own.operation.form is Operand.STATE:
        vector = arguments.operands[int(own.slots)]
        return vector if own.operation.batched else vector[None]
    return batch_matrices(own, arguments).transpose(0, 1).flatten(1)


def constant_numbers(table: KernelTable, arguments: Arguments) -> Float[Tensor, " numbers"]:
    """The numbers that are never differentiated: constants, then products of matrices."""
    return _constant_numbers(table, arguments.constants, arguments.scalars.dtype)


@cached(maxsize=256)
def _constant_numbers(
    table: KernelTable, constants: Constants | None, dtype: torch.dtype
) -> Float[Tensor, " numbers"]:
    numbers = torch.zeros(0) if constants is None else constants.numbers
    double = numbers.double()
    parts = [double]
    for product in table.products:
        matrix = _matrix(product.members[0], double)
        for member in product.members[1:]:
            matrix = _matrix(member, double) @ matrix
        parts.append(matrix.flatten())
    return torch.cat(parts).to(dtype)


def _matrix(
    member: tuple[ClosedForm, tuple[int, ...]], numbers: Float[Tensor, " constants"]
) -> Float[Tensor, "paulis paulis"]:
    form, slots = member
    return form(numbers[list(slots)])
