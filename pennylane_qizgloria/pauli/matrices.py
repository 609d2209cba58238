"""The transfer matrices of a plan's steps, made from its arguments.

Work is done for all operations of a kind at once, and for all steps that are built alike at once:
the number of torch calls depends on how many kinds there are, not on how deep the circuit is.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .basis import num_wires_of
from .plan import Group, Plan, Source
from .program import Arguments, Operand


def fused_matrices(
    plan: Plan, arguments: Arguments
) -> tuple[Float[Tensor, "rows batch size size"], ...]:
    """The transfer matrices of the fused steps, one stack for each group of the plan."""
    stacks = [source_matrices(source, arguments) for source in plan.sources]
    return tuple(_group_matrices(group, stacks) for group in plan.groups)


def source_matrices(
    source: Source, arguments: Arguments
) -> Float[Tensor, "rows batch paulis paulis"]:
    """All transfer matrices of one kind, in one call; the batch axis is 1 where there is none."""
    form, batched = source.operation.source, source.operation.batched
    if isinstance(form, Operand):
        stack = torch.stack([arguments.operands[slot] for slot in source.slots[:, 0].tolist()])
        return stack if batched else stack[:, None]
    if arguments.batched_scalars is not None and batched:
        return form(arguments.batched_scalars[:, source.slots].transpose(0, 1))
    return form(arguments.scalars[source.slots][:, None])


def _group_matrices(group: Group, stacks: list[Tensor]) -> Float[Tensor, "rows batch size size"]:
    """Multiply the members of all steps of a group together, one member of all steps at a time."""
    product = torch.eye(4**group.width).to(stacks[0]).expand(1, 1, -1, -1)
    for (source, positions), rows in zip(group.members, group.rows, strict=True):
        product = _multiply(stacks[source][rows], positions, product)
    return product


def _multiply(
    matrices: Float[Tensor, "#rows #batch paulis paulis"],
    positions: tuple[int, ...],
    product: Float[Tensor, "#rows #batch size size"],
) -> Float[Tensor, "rows batch size size"]:
    """Apply transfer matrices to some of the wires of wider ones."""
    size = product.shape[-1]
    width, first = num_wires_of(size), positions[0]
    if positions == tuple(range(first, first + len(positions))):
        view = product.unflatten(-2, (4**first, matrices.shape[-1], -1)).flatten(-2)
        return (matrices[:, :, None] @ view).unflatten(-1, (-1, size)).flatten(2, 4)
    axes = tuple(2 + position for position in positions)
    fronts = tuple(range(2, 2 + len(positions)))
    wires = product.unflatten(-2, (4,) * width).movedim(axes, fronts)
    image = matrices @ wires.flatten(2, 1 + len(positions)).flatten(3)
    return image.reshape(*image.shape[:2], *(4,) * width, size).movedim(fronts, axes).flatten(2, -2)
