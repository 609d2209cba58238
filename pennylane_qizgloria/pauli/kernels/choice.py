"""Which programs the kernels run, and which the planned evolution does.

A call of the kernels costs a few microseconds where the planned evolution makes a hundred calls of
torch's; but they multiply nothing together on two wires, so they do more for each word of the
state, and most of all where a map on several wires is given by its matrix. The limits are where
both take as long (``make bench BENCH_ARGS=crossing``).
"""

from __future__ import annotations

import torch

from ..._compat.torch import is_forward_mode, is_vmapped_or_differentiated
from ..program.program import BoundProgram, Program
from ..run import evolve
from ..run.adjoint import is_traced
from ..state.measure import State
from . import run
from .table import is_supported, kernel_table, num_words

MAX_WORDS = 4**7
"""Larger states are planned."""

FEW_WORDS = 4**4
"""States of so many words at most are small whatever the batch is, nearly."""

MAX_NUMBERS, MAX_NUMBERS_OF_FEW_WORDS = 2**15, 2**17
"""How many numbers all elements of a batch have together at most."""

MAX_PRODUCTS = 2**16
"""How many products of numbers with entries of a matrix on several wires there are at most."""

MAX_KEPT_BYTES = 2**28
"""A reverse pass of the kernels holds the states of one tile at least, and these take no more."""


def why_not(program: Program, device: torch.device) -> str | None:
    """Why the kernels cannot run a program, as a sentence; None if they can."""
    if device.type != "cpu":
        return f"The kernels run on the CPU, and the parameters are on {device}."
    if not is_supported(program):
        return "The kernels have no operations by Kraus operators on more than three wires."
    return None


def final_state(bound: BoundProgram, budget: int | None = None) -> State:
    """Run a program by what is faster.

    Args:
        bound: the program and its numbers.
        budget: how many bytes of states a reverse pass may keep.
    """
    if _is_small(bound):
        return by_kernels(bound, budget)
    return evolve.final_state(bound, budget)


def _is_small(bound: BoundProgram) -> bool:
    words = num_words(bound.program)
    most = MAX_NUMBERS_OF_FEW_WORDS if words <= FEW_WORDS else MAX_NUMBERS
    count = words * (bound.batch_size or 1)
    if words > MAX_WORDS or count > most:
        return False
    if why_not(bound.program, bound.arguments.scalars.device):
        return True  # it has no table, and is planned by whatever name
    largest = kernel_table(bound.program).largest_matrix
    return largest == 1 or count * largest <= MAX_PRODUCTS


def by_kernels(bound: BoundProgram, budget: int | None = None) -> State:
    """Run a program by kernels, unless torch is to transform it or memory does not allow it.

    Args:
        bound: the program and its numbers.
        budget: how many bytes of states a reverse pass may keep.
    """
    device = bound.arguments.scalars.device
    if why_not(bound.program, device) or _is_transformed(bound) or not _fits(bound, budget):
        return evolve.final_state(bound, budget)
    return run.final_state(bound, budget)


def _is_transformed(bound: BoundProgram) -> bool:
    """Whether torch has to see operations of its own."""
    if is_traced() or torch.jit.is_tracing() or is_vmapped_or_differentiated():
        return True
    return is_forward_mode() and torch.is_grad_enabled() and _is_recorded(bound)


def _is_recorded(bound: BoundProgram) -> bool:
    return any(tensor.requires_grad for tensor in bound.arguments.tensors)


def _fits(bound: BoundProgram, budget: int | None) -> bool:
    """Whether the saved states of one tile fit, which nothing is recomputed within."""
    if not (torch.is_grad_enabled() and _is_recorded(bound)):
        return True
    table = kernel_table(bound.program)
    tile = run.tile_of(table, bound.batch_size or 1)
    limit = run.bounded(budget, MAX_KEPT_BYTES)
    return run.kept_bytes(table, tile, bound.arguments.scalars.dtype) <= limit
