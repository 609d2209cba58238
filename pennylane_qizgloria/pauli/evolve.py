"""Running a plan: from its arguments to the final Pauli vector."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from . import buffers
from .adjoint import is_transformed, run_steps
from .basis import zero_vector
from .matrices import fused_matrices
from .plan import Plan
from .program import Arguments


def evolve(
    plan: Plan, arguments: Arguments, budget: int | None = None
) -> Float[Tensor, "batch paulis"]:
    """The final Pauli vector, on the wires of ``plan.order``; the batch is 1 if there is none.

    Differentiable by torch to any order, in reverse and forward mode, and under ``torch.func``.

    Args:
        plan: what to do, see `plan.plan`.
        arguments: the numbers.
        budget: how many bytes of states a reverse pass may keep, see `adjoint`.
    """
    tensors = (*fused_matrices(plan, arguments), *arguments.operands)
    initial = initial_state(plan, arguments)
    final = run_steps(plan.steps, initial, tensors, budget)
    if final is not initial:
        recycle(initial, final)
    return final


def recycle(state: Tensor, result: Tensor) -> None:
    """Hand over a state's memory once a result is computed, unless a derivative may need it."""
    if not (result.requires_grad or is_transformed(state, result)):
        buffers.give(state)


def initial_state(plan: Plan, arguments: Arguments) -> Float[Tensor, "batch paulis"]:
    """The product of the prepared states and of ``|0>`` on the other wires."""
    scalars = arguments.scalars
    if plan.initial and plan.initial[0][1] is None:  # nothing is prepared
        return zero_vector(plan.initial[0][0], scalars.dtype, scalars.device)[None]
    state = scalars.new_ones(1, 1)
    for num_wires, operand in plan.initial:
        if operand is None:
            block = zero_vector(num_wires, scalars.dtype, scalars.device)[None]
        else:
            block = arguments.operands[operand].reshape(-1, 4**num_wires)
        state = (state[:, :, None] * block[:, None, :]).flatten(1)
    return state
