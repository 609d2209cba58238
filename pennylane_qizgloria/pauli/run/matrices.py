"""The transfer matrices of a plan's steps, made from its arguments.

Work is done for all operations of a kind at once, and for all steps that are built alike at once:
the number of torch calls depends on how many kinds there are, not on how deep the circuit is.
`assembly` says which matrices these are.
"""

from __future__ import annotations

from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from ..assembly.parts import (
    BatchedProducts,
    KroneckerFactor,
    KroneckerProducts,
    MatrixBatch,
    MatrixGroup,
    Submatrix,
)
from ..caching import cached
from ..maps.transfer import ClosedForm
from ..plan.plan import Plan
from ..program.program import Arguments, Constants, Operand


def fused_matrices(
    plan: Plan, arguments: Arguments
) -> tuple[Float[Tensor, "rows batch outputs inputs"], ...]:
    """The transfer matrices of the fused steps, one stack for each submatrix of the plan."""
    stacks = [batch_matrices(matrix_batch, arguments) for matrix_batch in plan.matrix_batches]
    identity = _identity(1, arguments.scalars.dtype, arguments.scalars.device)
    plain = _padded_matrices(plan, stacks, identity)
    batched = (
        _batched_matrices(plan.batched_products, stacks, plain) if plan.batched_products else plain
    )
    products = [_kronecker_matrices(own, plain, batched) for own in plan.kronecker_products]
    whole = [_group_matrices(group, stacks, products, identity) for group in plan.matrix_groups]
    return tuple(_submatrix(own, whole[own.group]) for own in plan.submatrices)


def batch_matrices(
    matrix_batch: MatrixBatch, arguments: Arguments
) -> Float[Tensor, "rows batch paulis paulis"]:
    """All transfer matrices of one kind, in one call; the batch axis is 1 where there is none."""
    form, batched = matrix_batch.operation.form, matrix_batch.operation.batched
    if not isinstance(form, Operand) and not form.num_params:
        return form(arguments.scalars.new_empty(1, 1, 0))
    if matrix_batch.operation.constant:
        assert arguments.constants is not None
        return _constant_matrices(matrix_batch, arguments.constants)
    if isinstance(form, Operand):
        stack = torch.stack(
            [arguments.operands[slot] for slot in matrix_batch.slots[:, 0].tolist()]
        )
        return stack if batched else stack[:, None]
    if arguments.batched_scalars is not None and batched:
        chosen = arguments.batched_scalars.index_select(1, matrix_batch.slots.flatten())
        return form(chosen.unflatten(1, matrix_batch.slots.shape).transpose(0, 1))
    return _plain_matrices(matrix_batch, form, arguments.scalars)


def _plain_matrices(
    matrix_batch: MatrixBatch, form: ClosedForm, numbers: Float[Tensor, " numbers"]
) -> Float[Tensor, "rows 1 paulis paulis"]:
    """All transfer matrices of one kind whose parameters are the same in every batch."""
    chosen = numbers.index_select(0, matrix_batch.slots.flatten())
    return form(chosen.view(len(matrix_batch.slots), 1, -1))


@cached(maxsize=256)
def _constant_matrices(
    matrix_batch: MatrixBatch, constants: Constants
) -> Float[Tensor, "rows 1 paulis paulis"]:
    """All transfer matrices of one kind whose parameters are constants."""
    form = matrix_batch.operation.form
    assert not isinstance(form, Operand)
    return _plain_matrices(matrix_batch, form, constants.numbers)


@cached(maxsize=None)
def _identity(
    width: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "1 1 size size"]:
    return torch.eye(4**width, dtype=dtype, device=device)[None, None]


def _padded_matrices(
    plan: Plan, stacks: list[Tensor], identity: Float[Tensor, "1 1 4 4"]
) -> Float[Tensor, "sequences 1 4 4"]:
    """The matrices of all sequences without a batch, multiplied by halving."""
    if not plan.singles:
        return identity
    table = torch.cat([identity, *(stacks[matrix_batch] for matrix_batch in plan.singles)])[:, 0]
    products = []
    for own in plan.padded_products:
        product = table.index_select(0, own.rows)
        for _ in range(own.length.bit_length() - 1):
            first, second = product.chunk(2)
            product = torch.bmm(second, first)
        products.append(product)
    return (torch.cat(products) if len(products) > 1 else products[0])[:, None]


def _batched_matrices(
    batched_products: tuple[BatchedProducts, ...],
    stacks: list[Tensor],
    plain: Float[Tensor, "plain 1 4 4"],
) -> Float[Tensor, "sequences batch 4 4"]:
    """The matrices of all batched sequences, after the identity."""
    products = []
    for own in batched_products:
        matrices = [
            (plain if matrix_batch is None else stacks[matrix_batch]).index_select(0, rows)
            for matrix_batch, rows in zip(own.matrix_batches, own.rows, strict=True)
        ]
        products.append(reduce(lambda product, matrix: matrix @ product, matrices))
    batch = max(product.shape[1] for product in products)
    return torch.cat([x.expand(-1, batch, -1, -1) for x in (plain[:1], *products)])


def _kronecker_matrices(
    products: KroneckerProducts, plain: Tensor, batched: Tensor
) -> tuple[Float[Tensor, "steps batch size inputs"], ...]:
    """The products of sequences on all wires of some steps, in parts for each of the groups."""
    own = [
        (batched if flag else plain).index_select(0, rows)
        for flag, rows in zip(products.batched, products.rows, strict=True)
    ]
    # Of |0> the words I and Z are there.
    reduced = [
        matrices[..., :1] + matrices[..., 3:] if entering else matrices
        for matrices, entering in zip(own, products.entering, strict=True)
    ]
    return reduce(_kron, reduced).split(products.sizes)


def _group_matrices(
    group: MatrixGroup,
    stacks: list[Tensor],
    products: list[tuple[Tensor, ...]],
    identity: Float[Tensor, "1 1 4 4"],
) -> Float[Tensor, "rows batch size inputs"]:
    """Multiply the factors of all steps of a group together, one factor of all steps at a time."""
    product = None if group.start is None else group.start.to(identity)[None, None]
    for factor in group.factors:
        if isinstance(factor, KroneckerFactor):
            own = products[factor.products][factor.part]
            product = own if product is None else own @ product
        else:
            matrices = stacks[factor.matrix_batch].index_select(0, factor.rows)
            product = _multiply(matrices, factor.positions, product, group.width)
    if product is None:
        return _identity(group.width, identity.dtype, identity.device)
    return product


def _submatrix(
    needed: Submatrix, matrices: Float[Tensor, "rows batch size columns"]
) -> Float[Tensor, "steps batch outputs inputs"]:
    """The rows and columns of some matrices that are needed."""
    if needed.steps is not None:
        matrices = matrices.index_select(0, needed.steps)
    if needed.rows is not None:
        matrices = matrices.index_select(2, needed.rows)
    return matrices if needed.columns is None else matrices @ needed.columns.to(matrices)


def _kron(
    first: Float[Tensor, "rows #batch m n"], second: Float[Tensor, "rows #batch k l"]
) -> Float[Tensor, "rows batch size inputs"]:
    product = first[:, :, :, None, :, None] * second[:, :, None, :, None, :]
    return product.flatten(-2).flatten(2, 3)


def _multiply(
    matrices: Float[Tensor, "rows #batch paulis paulis"],
    positions: tuple[int, ...],
    product: Float[Tensor, "#rows #batch size inputs"] | None,
    width: int,
) -> Float[Tensor, "rows batch size inputs"]:
    """Apply transfer matrices to some of the wires of wider ones, or of nothing yet."""
    if len(positions) == width:
        matrices = _reordered(matrices, positions)
        return matrices if product is None else matrices @ product
    if product is None:
        product = _identity(width, matrices.dtype, matrices.device)
    inputs = product.shape[-1]
    axes = tuple(2 + position for position in positions)
    fronts = tuple(range(2, 2 + len(positions)))
    wires = product.unflatten(-2, (4,) * width).movedim(axes, fronts)
    image = matrices @ wires.flatten(2, 1 + len(positions)).flatten(3)
    return (
        image.reshape(*image.shape[:2], *(4,) * width, inputs).movedim(fronts, axes).flatten(2, -2)
    )


def _reordered(
    matrices: Float[Tensor, "rows batch size size"], positions: tuple[int, ...]
) -> Float[Tensor, "rows batch size size"]:
    """The same maps with their wires in ascending order of the positions."""
    width = len(positions)
    order = [positions.index(wire) for wire in range(width)]
    if order == list(range(width)):
        return matrices
    axes = [2 + axis for axis in order] + [2 + width + axis for axis in order]
    wires = matrices.unflatten(-1, (4,) * width).unflatten(2, (4,) * width)
    return wires.permute(0, 1, *axes).reshape(matrices.shape)
