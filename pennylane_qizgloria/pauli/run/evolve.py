"""Running a program: from its numbers to the final Pauli vector."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..memory import check_memory
from ..plan.plan import Plan
from ..plan.planner import plan
from ..program.program import Arguments, BoundProgram
from ..state.measure import State
from .adjoint import run_steps
from .matrices import fused_matrices


def final_state(bound: BoundProgram, budget: int | None = None) -> State:
    """Run a program.

    Args:
        bound: the program and its numbers.
        budget: how many bytes of states a reverse pass may keep, see `adjoint`.

    Raises:
        MemoryError: if its state does not fit into memory.
    """
    scalars, batch = bound.arguments.scalars, bound.batch_size or 1
    ready = plan(bound.program, scalars.device)
    check_memory(bound.program.num_wires, ready.peak, batch, scalars.dtype, scalars.device)
    vector = evolve(ready, bound.arguments, budget)
    return State(vector.expand(batch, -1), ready.order, ready.paulis)


def evolve(
    ready: Plan, arguments: Arguments, budget: int | None = None
) -> Float[Tensor, "batch words"]:
    """The final Pauli vector, on the wires of ``ready.order``; the batch is 1 if there is none.

    Differentiable by torch to any order, in reverse and forward mode, and under ``torch.func``.

    Args:
        ready: what to do.
        arguments: the numbers.
        budget: how many bytes of states a reverse pass may keep, see `adjoint`.
    """
    scalars = arguments.scalars
    nothing = torch.ones(1, 1, dtype=scalars.dtype, device=scalars.device)
    return run_steps(ready.steps, nothing, tensors_of(ready, arguments, budget), budget)


def tensors_of(ready: Plan, arguments: Arguments, budget: int | None = None) -> tuple[Tensor, ...]:
    """The tensors that a plan's steps refer to."""
    subplans = (evolve(part, arguments, budget) for part in ready.subplans)
    return (*fused_matrices(ready, arguments), *arguments.operands, *subplans)
