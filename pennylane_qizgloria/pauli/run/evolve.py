"""Running a plan: from its arguments to the final Pauli vector."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..plan.plan import Plan
from ..program.program import Arguments
from .adjoint import run_steps
from .matrices import fused_matrices


def evolve(
    plan: Plan, arguments: Arguments, budget: int | None = None
) -> Float[Tensor, "batch words"]:
    """The final Pauli vector, on the wires of ``plan.order``; the batch is 1 if there is none.

    Differentiable by torch to any order, in reverse and forward mode, and under ``torch.func``.

    Args:
        plan: what to do, see `plan.plan`.
        arguments: the numbers.
        budget: how many bytes of states a reverse pass may keep, see `adjoint`.
    """
    scalars = arguments.scalars
    nothing = torch.ones(1, 1, dtype=scalars.dtype, device=scalars.device)
    return run_steps(plan.steps, nothing, tensors_of(plan, arguments, budget), budget)


def tensors_of(plan: Plan, arguments: Arguments, budget: int | None = None) -> tuple[Tensor, ...]:
    """The tensors that a plan's steps refer to."""
    subplans = (evolve(part, arguments, budget) for part in plan.subplans)
    return (*fused_matrices(plan, arguments), *arguments.operands, *subplans)
