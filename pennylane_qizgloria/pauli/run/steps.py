"""One pass over the state: a step applied, and its derivatives.

Each function takes the step's geometry from a `Step` and an optional buffer ``out`` to write to;
with a buffer it must not be recorded by autograd. The state is ``(batch, 4**n)``; a batch of 1
stands for every batch.
"""

from __future__ import annotations

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from ..plan.plan import AxisPermutation, Step
from ..program.program import Operand
from ..state.basis import density_matrix, pauli_vector
from . import buffers

FEW = 8
"""With fewer words than this behind a step's wires, each product is small ..."""

MANY = 1024
"""... and more of them than this take longer than a rearrangement of the state and one product."""


def advance(
    step: Step, operand: Tensor, state: Float[Tensor, "#batch paulis"], out: Tensor | None = None
) -> Float[Tensor, "batch words"]:
    """Apply a step, its axes in place already."""
    match step.kind:
        case Operand.TRANSFER:
            return apply_transfer(operand, state, step, out)
        case Operand.KRAUS:
            return apply_kraus(operand, state, step)
        case Operand.STATE | Operand.COMPONENT:
            return bring_in(operand, state, step)


def pull_back(
    step: Step,
    operand: Tensor,
    state: Float[Tensor, "#batch paulis"],
    cotangent: Float[Tensor, "batch words"],
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
    before = apply_transfer(operand.mT, cotangent, step.transposed, out)
    if len(state) < len(before):
        before = before.sum(0, keepdim=True)
    return before, gradient


def permute_axes(
    state: Float[Tensor, "batch paulis"], permutation: AxisPermutation, out: Tensor | None = None
) -> Float[Tensor, "batch paulis"]:
    """Rearrange the wires' axes: one copy of the state."""
    axes = (0, *(1 + axis for axis in permutation.permutation))
    view = state.unflatten(1, permutation.shape).permute(axes)
    if out is None:
        return view.flatten(1)
    out.view(view.shape).copy_(view)
    return out


def apply_transfer(
    matrix: Float[Tensor, "#batch outputs inputs"],
    state: Float[Tensor, "#batch paulis"],
    step: Step,
    out: Tensor | None = None,
) -> Float[Tensor, "batch words"]:
    """Multiply one transfer matrix, or one for each element of the batch, onto a step's wires.

    Written with explicit `torch.bmm` and `torch.mm`, because the broadcasting of `torch.matmul`
    copies the state.
    """
    if step.cyclic:
        return _apply_cyclic(matrix, state, step, out)
    if len(matrix) > 1:
        return _apply_batch(matrix, state.expand(len(matrix), -1), step, out)
    batch, inputs, outputs, right = len(state), step.inputs, step.outputs, step.right
    blocks = batch * step.left
    if right == 1:
        into = None if out is None else out.view(blocks, outputs)
        image = torch.mm(state.reshape(blocks, inputs), matrix[0].T, out=into)
    elif blocks == 1:
        into = None if out is None else out.view(outputs, right)
        image = torch.mm(matrix[0], state.reshape(inputs, right), out=into)
    elif right < FEW and blocks > MANY:
        return _apply_transposed(matrix[0], state, step, out)
    else:
        into = None if out is None else out.view(blocks, outputs, right)
        x = state.reshape(blocks, inputs, right)
        image = torch.bmm(matrix.expand(blocks, -1, -1), x, out=into)
    return image.view(batch, -1)


def _apply_cyclic(
    matrix: Float[Tensor, "#batch outputs inputs"],
    state: Float[Tensor, "#batch paulis"],
    step: Step,
    out: Tensor | None,
) -> Float[Tensor, "batch words"]:
    """The product with its axes at the other end, which it is as easily written to."""
    batch = max(len(matrix), len(state))
    if step.left == 1:
        first, second = state.reshape(-1, step.inputs, step.right).mT, matrix.mT
        shape = (batch, step.right, step.outputs)
    else:
        first, second = matrix, state.reshape(-1, step.left, step.inputs).mT
        shape = (batch, step.outputs, step.left)
    into = None if out is None else out.view(shape)
    if batch == 1:
        image = torch.mm(first[0], second[0], out=None if into is None else into[0])
    else:
        image = torch.bmm(first.expand(batch, -1, -1), second.expand(batch, -1, -1), out=into)
    return image.view(batch, -1)


def _apply_transposed(
    matrix: Float[Tensor, "outputs inputs"],
    state: Float[Tensor, "batch paulis"],
    step: Step,
    out: Tensor | None,
) -> Float[Tensor, "batch words"]:
    """One large product between two rearrangements of the state.

    With little behind the wires this takes less time than the many small products instead.
    """
    batch, inputs, outputs, right = len(state), step.inputs, step.outputs, step.right
    x = state.reshape(-1, inputs, right).transpose(1, 2)
    if out is None:
        image = torch.mm(x.reshape(-1, inputs), matrix.T).view(-1, right, outputs)
        return image.transpose(1, 2).reshape(batch, -1)
    source = buffers.take(state, batch, state.shape[1])
    target = buffers.take(state, batch, step.size)
    source.view(x.shape).copy_(x)
    torch.mm(source.view(-1, inputs), matrix.T, out=target.view(-1, outputs))
    _copy(target.view(-1, right, outputs).transpose(1, 2), out)
    buffers.give(source)
    buffers.give(target)
    return out


def _apply_batch(
    matrix: Float[Tensor, "batch outputs inputs"],
    state: Float[Tensor, "batch paulis"],
    step: Step,
    out: Tensor | None,
) -> Float[Tensor, "batch words"]:
    left, inputs, outputs, right = step.left, step.inputs, step.outputs, step.right
    batch = len(matrix)
    if right == 1:
        into = None if out is None else out.view(batch, left, outputs)
        x = state.reshape(batch, left, inputs)
        return torch.bmm(x, matrix.mT, out=into).view(batch, -1)
    if right < FEW and left > 1:
        # A copy of each matrix for every block would be larger than two copies of the state.
        x = state.reshape(batch, left, inputs, right).transpose(2, 3).reshape(batch, -1, inputs)
        image = torch.bmm(x, matrix.mT).view(batch, left, right, outputs).transpose(2, 3)
        return image.reshape(batch, -1) if out is None else _copy(image, out)
    into = None if out is None else out.view(batch * left, outputs, right)
    x = state.reshape(batch * left, inputs, right)
    return torch.bmm(matrix.repeat_interleave(left, 0), x, out=into).view(batch, -1)


def _copy(image: Tensor, out: Tensor) -> Tensor:
    out.view(image.shape).copy_(image)
    return out


def _outer(
    cotangent: Float[Tensor, "batch words"],
    state: Float[Tensor, "#batch paulis"],
    matrices: int,
    step: Step,
) -> Float[Tensor, "matrices outputs inputs"]:
    """The gradient of one matrix, or of one for each element of the batch."""
    inputs, outputs, right = step.inputs, step.outputs, step.right
    state = state.expand(len(cotangent), -1)
    blocks = len(cotangent) * step.left // matrices
    if step.cyclic:
        return _outer_cyclic(cotangent, state, matrices, step)
    if right == 1:
        o, r = (x.reshape(matrices, blocks, -1) for x in (cotangent, state))
        return torch.bmm(o.mT, r)
    if right >= FEW or blocks == 1 or (matrices == 1 and blocks <= MANY):
        o = cotangent.reshape(matrices * blocks, outputs, right)
        r = state.reshape(matrices * blocks, inputs, right)
        products = torch.bmm(o, r.mT)
        return products.view(matrices, blocks, outputs, inputs).sum(1)
    # With little behind the wires, a product for each block would be larger than the state.
    o, r = (
        x.reshape(matrices, blocks, size, right).transpose(1, 2).reshape(matrices, size, -1)
        for x, size in ((cotangent, outputs), (state, inputs))
    )
    return torch.bmm(o, r.mT)


def _outer_cyclic(
    cotangent: Tensor, state: Tensor, matrices: int, step: Step
) -> Float[Tensor, "matrices outputs inputs"]:
    batch = len(cotangent)
    if step.left == 1:
        o = cotangent.reshape(batch, step.right, step.outputs).mT
        r = state.reshape(batch, step.inputs, step.right)
    else:
        o = cotangent.reshape(batch, step.outputs, step.left)
        r = state.reshape(batch, step.left, step.inputs).mT
    products = torch.bmm(o, r.mT)
    return products if matrices == batch else products.sum(0, keepdim=True)


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
    units = density_matrix(state.reshape(len(state), step.left, step.inputs))
    images = torch.stack([k @ units @ k.mH for k in kraus.unbind(2)])
    return pauli_vector(images.sum(0)).reshape(batch, -1)


def bring_in(
    vector: Float[Tensor, "*batch outputs"], state: Float[Tensor, "#batch paulis"], step: Step
) -> Float[Tensor, "batch words"]:
    """Put new wires, in a state of their own, among those that are there."""
    rest = state.reshape(len(state), step.left, 1, step.right)
    return (rest * vector.reshape(-1, 1, step.outputs, 1)).flatten(1)


def _pull_back_by_autograd(
    step: Step, operand: Tensor, state: Tensor, cotangent: Tensor
) -> tuple[Tensor, Tensor]:
    """Both cotangents of a step that is rare enough to be run again under autograd."""
    with torch.enable_grad():
        operand, state = operand.detach().requires_grad_(), state.detach().requires_grad_()
        image = advance(step, operand, state)
    gradient, before = torch.autograd.grad(image, (operand, state), cotangent)
    return before.contiguous(), gradient
