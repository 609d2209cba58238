"""One pass over the state: a step applied, and its derivatives.

Each function takes the step's geometry from a `Step` and an optional buffer ``out`` to write to;
with a buffer it must not be recorded by autograd. The state is ``(batch, 4**n)``; a batch of 1
stands for every batch.
"""

from __future__ import annotations

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from . import buffers
from .basis import density_matrix, pauli_vector
from .plan import Move, Step
from .program import Operand


def advance(
    step: Step, operand: Tensor, state: Float[Tensor, "#batch paulis"], out: Tensor | None = None
) -> Float[Tensor, "batch paulis"]:
    """Apply a step, its axes in place already."""
    match step.kind:
        case Operand.TRANSFER:
            return apply_transfer(operand, state, step, out)
        case Operand.KRAUS:
            return apply_kraus(operand, state, step)
        case Operand.STATE:
            return replace_state(operand, state, step)


def pull_back(
    step: Step,
    operand: Tensor,
    state: Float[Tensor, "#batch paulis"],
    cotangent: Float[Tensor, "batch paulis"],
    needs_operand: bool,
    out: Tensor | None = None,
) -> tuple[Float[Tensor, "#batch paulis"], Tensor | None]:
    r"""The cotangents of a step's input state and, if asked for, of its operand.

    For a transfer matrix these are :math:`T^\top o` and the outer product :math:`o\, r^\top`
    summed over everything that the matrix does not act on.
    """
    if step.kind is not Operand.TRANSFER:
        return _pull_back_by_autograd(step, operand, state, cotangent)
    gradient = _outer(cotangent, state, len(operand), step) if needs_operand else None
    before = apply_transfer(operand.mT, cotangent, step, out)
    if len(state) < len(before):
        before = before.sum(0, keepdim=True)
    return before, gradient


def move_axes(
    state: Float[Tensor, "batch paulis"], move: Move, out: Tensor | None = None
) -> Float[Tensor, "batch paulis"]:
    """Rearrange the wires' axes: one copy of the state."""
    permutation = (0, *(1 + axis for axis in move.permutation))
    view = state.unflatten(1, move.shape).permute(permutation)
    if out is None:
        return view.flatten(1)
    out.view(view.shape).copy_(view)
    return out


def apply_transfer(
    matrix: Float[Tensor, "#batch size size"],
    state: Float[Tensor, "#batch paulis"],
    step: Step,
    out: Tensor | None = None,
) -> Float[Tensor, "batch paulis"]:
    """Multiply one transfer matrix, or one for each element of the batch, onto a step's wires.

    Written with explicit `torch.bmm` and `torch.mm`, because the broadcasting of `torch.matmul`
    copies the state.
    """
    left, size, right = step.left, step.size, step.right
    if len(matrix) > 1:
        return _apply_batch(matrix, state.expand(len(matrix), -1), step, out)
    batch, blocks = len(state), len(state) * left
    if right == 1:
        into = None if out is None else out.view(blocks, size)
        image = torch.mm(state.reshape(blocks, size), matrix[0].T, out=into)
    elif blocks == 1:
        into = None if out is None else out.view(size, right)
        image = torch.mm(matrix[0], state.reshape(size, right), out=into)
    elif 2 * right < size:
        return _apply_transposed(matrix[0], state, step, out)
    else:
        into = None if out is None else out.view(blocks, size, right)
        x = state.reshape(blocks, size, right)
        image = torch.bmm(matrix.expand(blocks, size, size), x, out=into)
    return image.view(batch, -1)


def _apply_transposed(
    matrix: Float[Tensor, "size size"],
    state: Float[Tensor, "batch paulis"],
    step: Step,
    out: Tensor | None,
) -> Float[Tensor, "batch paulis"]:
    """One large product between two rearrangements of the state.

    With little behind the wires this takes less time than the many small products instead.
    """
    size, right = step.size, step.right
    x = state.reshape(-1, size, right).transpose(1, 2)
    if out is None:
        image = torch.mm(x.reshape(-1, size), matrix.T).view(-1, right, size).transpose(1, 2)
        return image.reshape(state.shape)
    source, target = buffers.take(state, len(state)), buffers.take(state, len(state))
    source.view(x.shape).copy_(x)
    torch.mm(source.view(-1, size), matrix.T, out=target.view(-1, size))
    _copy(target.view(-1, right, size).transpose(1, 2), out)
    buffers.give(source)
    buffers.give(target)
    return out


def _apply_batch(
    matrix: Float[Tensor, "batch size size"],
    state: Float[Tensor, "batch paulis"],
    step: Step,
    out: Tensor | None,
) -> Float[Tensor, "batch paulis"]:
    left, size, right = step.left, step.size, step.right
    batch = len(matrix)
    if right == 1:
        into = None if out is None else out.view(batch, left, size)
        return torch.bmm(state.reshape(batch, left, size), matrix.mT, out=into).view(batch, -1)
    if right < size and left > 1:
        # A copy of each matrix for every block would be larger than two copies of the state.
        x = state.reshape(batch, left, size, right).transpose(2, 3).reshape(batch, -1, size)
        image = torch.bmm(x, matrix.mT).view(batch, left, right, size).transpose(2, 3)
        return image.reshape(batch, -1) if out is None else _copy(image, out)
    into = None if out is None else out.view(batch * left, size, right)
    x = state.reshape(batch * left, size, right)
    return torch.bmm(matrix.repeat_interleave(left, 0), x, out=into).view(batch, -1)


def _copy(image: Tensor, out: Tensor) -> Tensor:
    out.view(image.shape).copy_(image)
    return out


def _outer(
    cotangent: Float[Tensor, "batch paulis"],
    state: Float[Tensor, "#batch paulis"],
    matrices: int,
    step: Step,
) -> Float[Tensor, "matrices size size"]:
    """The gradient of one matrix, or of one for each element of the batch."""
    size, right = step.size, step.right
    state = state.expand(len(cotangent), -1)
    blocks = len(cotangent) * step.left // matrices
    if right == 1:
        shape = (matrices, blocks, size)
        return torch.bmm(cotangent.reshape(shape).mT, state.reshape(shape))
    if size <= 2 * right or blocks == 1:
        flat = (matrices * blocks, size, right)
        products = torch.bmm(cotangent.reshape(flat), state.reshape(flat).mT)
        return products.view(matrices, blocks, size, size).sum(1)
    # With little behind the wires, a product for each block would be larger than the state.
    o, r = (
        x.reshape(matrices, blocks, size, right).transpose(1, 2).reshape(matrices, size, -1)
        for x in (cotangent, state)
    )
    return torch.bmm(o, r.mT)


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


def _pull_back_by_autograd(
    step: Step, operand: Tensor, state: Tensor, cotangent: Tensor
) -> tuple[Tensor, Tensor]:
    """Both cotangents of a step that is rare enough to be run again under autograd."""
    with torch.enable_grad():
        operand, state = operand.detach().requires_grad_(), state.detach().requires_grad_()
        image = advance(step, operand, state)
    gradient, before = torch.autograd.grad(image, (operand, state), cotangent)
    return before.contiguous(), gradient
