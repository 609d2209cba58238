"""The transfer matrices of a plan's steps, made from its arguments.

Work is done for all operations of a kind at once, and for all steps that are built alike at once:
the number of torch calls depends on how many kinds there are, not on how deep the circuit is.
"""

from __future__ import annotations

from functools import reduce

import torch
from jaxtyping import Float
from torch import Tensor

from .plan import Group, Layer, Plan, Runs, Source
from .program import Arguments, Operand


def fused_matrices(
    plan: Plan, arguments: Arguments
) -> tuple[Float[Tensor, "rows batch size size"], ...]:
    """The transfer matrices of the fused steps, one stack for each group of the plan."""
    stacks = [source_matrices(source, arguments) for source in plan.sources]
    identity = torch.eye(4).to(arguments.scalars).expand(1, 1, -1, -1)
    plain, batched = (_run_matrices(runs, stacks, identity) for runs in plan.runs)
    return tuple(_group_matrices(group, stacks, plain, batched) for group in plan.groups)


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
    product = None
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
        product = torch.eye(4**width).to(matrices).expand(1, 1, -1, -1)
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
