"""Running a plan: from ``|0...0>`` to the final Pauli vector.

All functions are made of torch operations that torch differentiates to any order. The state is
``(batch, 4**n)``; its batch axis has length 1 until the first batched operation.
"""

from __future__ import annotations

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from .basis import density_matrix, num_wires_of, pauli_vector, zero_vector
from .plan import Group, Move, Plan, Source, Step
from .program import Arguments, Operand


def evolve(plan: Plan, arguments: Arguments) -> Float[Tensor, "batch paulis"]:
    """The final Pauli vector, on the wires of ``plan.order``; the batch is 1 if there is none."""
    matrices = fused_matrices(plan, arguments)
    state = initial_state(plan, arguments)
    for step in plan.steps:
        if step.move is not None:
            state = move_axes(state, step.move)
        first, second = step.index
        match step.kind:
            case Operand.TRANSFER:
                state = apply_transfer(matrices[first][second], state, step)
            case Operand.KRAUS:
                state = apply_kraus(arguments.operands[first], state, step)
            case Operand.STATE:
                state = replace_state(arguments.operands[first], state, step)
    return state


def initial_state(plan: Plan, arguments: Arguments) -> Float[Tensor, "batch paulis"]:
    """The product of the prepared states and of ``|0>`` on the other wires."""
    scalars = arguments.scalars
    state = scalars.new_ones(1, 1)
    for num_wires, operand in plan.initial:
        if operand is None:
            block = zero_vector(num_wires, scalars.dtype, scalars.device)[None]
        else:
            block = arguments.operands[operand].reshape(-1, 4**num_wires)
        state = (state[:, :, None] * block[:, None, :]).flatten(1)
    return state


# --- matrices -------------------------------------------------------------------------------------


def fused_matrices(
    plan: Plan, arguments: Arguments
) -> list[tuple[Float[Tensor, "batch size size"], ...]]:
    """The transfer matrix of every fused step, by group and row."""
    stacks = [source_matrices(source, arguments) for source in plan.sources]
    return [_group_matrices(group, stacks).unbind(0) for group in plan.groups]


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


# --- passes over the state ------------------------------------------------------------------------


def move_axes(state: Float[Tensor, "batch paulis"], move: Move) -> Float[Tensor, "batch paulis"]:
    """Rearrange the wires' axes: one copy of the state."""
    permutation = (0, *(1 + axis for axis in move.permutation))
    return state.unflatten(1, move.shape).permute(permutation).flatten(1)


def apply_transfer(
    matrix: Float[Tensor, "#batch size size"], state: Float[Tensor, "#batch paulis"], step: Step
) -> Float[Tensor, "batch paulis"]:
    """Multiply one transfer matrix, or one for each element of the batch, onto a step's wires.

    Written with explicit `torch.bmm` and `torch.mm`, because the broadcasting of `torch.matmul`
    copies the state.
    """
    left, size, right = step.left, step.size, step.right
    if len(matrix) == 1:
        batch, blocks = len(state), len(state) * left
        if right == 1:
            return torch.mm(state.reshape(blocks, size), matrix[0].T).reshape(batch, -1)
        if blocks == 1:
            return torch.mm(matrix[0], state.reshape(size, right)).reshape(batch, -1)
        x = state.reshape(blocks, size, right)
        return torch.bmm(matrix.expand(blocks, size, size), x).reshape(batch, -1)
    batch = len(matrix)
    state = state.expand(batch, -1)
    if right == 1:
        return torch.bmm(state.reshape(batch, left, size), matrix.mT).reshape(batch, -1)
    x = state.reshape(batch * left, size, right)
    return torch.bmm(matrix.repeat_interleave(left, 0), x).reshape(batch, -1)


def apply_kraus(
    kraus: Complex[Tensor, "*batch kraus dim dim"],
    state: Float[Tensor, "#batch paulis"],
    step: Step,
) -> Float[Tensor, "batch paulis"]:
    r"""Apply :math:`\sum_m K_m \rho K_m^\dagger` to the trailing wires, in matrix units there.

    A dense transfer matrix on k wires has 16**k entries; this way costs 2**k passes instead.
    """
    kraus = kraus.reshape(-1, 1, *kraus.shape[-3:])
    batch = max(len(state), len(kraus))
    units = density_matrix(state.reshape(len(state), step.left, step.size))
    images = torch.stack([k @ units @ k.mH for k in kraus.unbind(2)])
    return pauli_vector(images.sum(0)).reshape(batch, -1)


def replace_state(
    vector: Float[Tensor, "*batch size"], state: Float[Tensor, "#batch paulis"], step: Step
) -> Float[Tensor, "batch paulis"]:
    """Trace the trailing wires out and put them into a new state."""
    rest = state.reshape(len(state), step.left, step.size)[:, :, :1]
    return (rest * vector.reshape(-1, 1, step.size)).flatten(1)
