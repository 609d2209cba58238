"""The transfer matrices of a plan's steps, made from its arguments.

Work is done for all operations of a kind at once, and for all steps that are built alike at once:
the number of torch calls depends on how many kinds there are, not on how deep the circuit is.
"""

from __future__ import annotations

from functools import cache, reduce

import torch
from jaxtyping import Float
from torch import Tensor

from .plan import Cut, Group, Layer, Plan, Runs, Source
from .program import Arguments, Operand


def fused_matrices(
    plan: Plan, arguments: Arguments
) -> tuple[Float[Tensor, "rows batch outputs inputs"], ...]:
    """The transfer matrices of the fused steps, one stack for each cut of the plan."""
    stacks = [source_matrices(source, arguments) for source in plan.sources]
    identity = _identity(1, arguments.scalars.dtype, arguments.scalars.device)
    plain, batched = (_run_matrices(runs, stacks, identity) for runs in plan.runs)
    whole = [_group_matrices(group, stacks, plain, batched) for group in plan.groups]
    return tuple(_cut_matrices(cut, whole[cut.group]) for cut in plan.cuts)


def source_matrices(
    source: Source, arguments: Arguments
) -> Float[Tensor, "rows batch paulis paulis"]:
    """All transfer matrices of one kind, in one call; the batch axis is 1 where there is none."""
    form, batched = source.operation.source, source.operation.batched
    if isinstance(form, Operand):
        stack = torch.stack([arguments.operands[slot] for slot in source.slots[:, 0].tolist()])
        return stack if batched else stack[:, None]
    if arguments.batched_scalars is not None and batched:
        chosen = arguments.batched_scalars.index_select(1, source.slots.flatten())
        return form(chosen.unflatten(1, source.slots.shape).transpose(0, 1))
    chosen = arguments.scalars.index_select(0, source.slots.flatten())
    return form(chosen.view(len(source.slots), 1, -1))


@cache
def _identity(
    width: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "1 1 size size"]:
    return torch.eye(4**width, dtype=dtype, device=device)[None, None]


def _run_matrices(
    runs: tuple[Runs, ...], stacks: list[Tensor], identity: Float[Tensor, "1 1 4 4"]
) -> Float[Tensor, "sequences batch 4 4"]:
    """The matrices of all sequences on single wires, after the identity."""
    products = []
    for run in runs:
        matrices = [
            stacks[s].index_select(0, r) for s, r in zip(run.sources, run.rows, strict=True)
        ]
        products.append(reduce(lambda product, matrix: matrix @ product, matrices))
    batch = max((len(p[0]) for p in products), default=1)
    return torch.cat([x.expand(-1, batch, -1, -1) for x in (identity, *products)])


def _group_matrices(
    group: Group, stacks: list[Tensor], plain: Tensor, batched: Tensor
) -> Float[Tensor, "rows batch size size"]:
    """Multiply the factors of all steps of a group together, one factor of all steps at a time."""
    product = None if group.factors else _identity(group.width, plain.dtype, plain.device)
    for factor in group.factors:
        if isinstance(factor, Layer):
            wires = zip(factor.batched, factor.rows, strict=True)
            own = [(batched if flag else plain).index_select(0, rows) for flag, rows in wires]
            layer = reduce(_kron, own)
            product = layer if product is None else layer @ product
        else:
            matrices = stacks[factor.source].index_select(0, factor.rows)
            product = _multiply(matrices, factor.positions, product, group.width)
    assert product is not None
    return product


def _cut_matrices(
    cut: Cut, matrices: Float[Tensor, "rows batch size size"]
) -> Float[Tensor, "steps batch outputs inputs"]:
    """The rows and columns of some matrices that are needed."""
    if cut.rows is not None:
        matrices = matrices.index_select(0, cut.rows)
    if cut.kept is not None:
        matrices = matrices.index_select(2, cut.kept)
    return matrices if cut.columns is None else matrices @ cut.columns.to(matrices)


def _kron(
    first: Float[Tensor, "rows #batch m m"], second: Float[Tensor, "rows #batch k k"]
) -> Float[Tensor, "rows batch size size"]:
    product = first[:, :, :, None, :, None] * second[:, :, None, :, None, :]
    return product.flatten(-2).flatten(2, 3)


def _multiply(
    matrices: Float[Tensor, "rows #batch paulis paulis"],
    positions: tuple[int, ...],
    product: Float[Tensor, "rows #batch size size"] | None,
    width: int,
) -> Float[Tensor, "rows batch size size"]:
    """Apply transfer matrices to some of the wires of wider ones, or of nothing yet."""
    if len(positions) == width:
        matrices = _reordered(matrices, positions)
        return matrices if product is None else matrices @ product
    if product is None:
        product = _identity(width, matrices.dtype, matrices.device)
    size = 4**width
    axes = tuple(2 + position for position in positions)
    fronts = tuple(range(2, 2 + len(positions)))
    wires = product.unflatten(-2, (4,) * width).movedim(axes, fronts)
    image = matrices @ wires.flatten(2, 1 + len(positions)).flatten(3)
    return image.reshape(*image.shape[:2], *(4,) * width, size).movedim(fronts, axes).flatten(2, -2)


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
