r"""Running a table: one node of torch's graph, whose derivatives are kernels too.

The reverse pass needs the state before every operation with a parameter. Where those of a whole
batch take too much memory, each tile of the batch runs forward a second time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..._compat.torch import is_forward_mode, is_vmapped_or_differentiated
from ..caching import cached
from ..memory import check_memory, state_bytes
from ..plan.plan import Plan
from ..plan.planner import plan
from ..program.program import Arguments, BoundProgram, Program
from ..run.autocast import without_autocast
from ..run.evolve import evolve
from ..run.higher_order import differentiable_gradients
from ..state.measure import State
from .compilation import kernels
from .numbers import arrays_of, batched_numbers, constant_numbers, plain_numbers
from .table import KernelTable, kernel_table

Result = TypeVar("Result")

Numbers = tuple[np.ndarray, np.ndarray, np.ndarray]
"""The plain, the batched and the constant numbers of a table."""

TILE_NUMBERS = 2**12
"""About so many numbers are in the states of a tile: they fit the first cache."""

LEAST_ELEMENTS = 8
"""A tile of a batch has at least so many elements, because fewer are not worth a vector."""

KEPT_BYTES = 2**26
"""So much memory at most is kept between the forward and the reverse pass."""

THREAD_NUMBERS = 2**20
"""A thread of its own pays for so many numbers, all steps together."""


def final_state(bound: BoundProgram, budget: int | None = None) -> State:
    """Run a program that the kernels support, see `choice`.

    Args:
        bound: the program and its numbers.
        budget: how many bytes of states a reverse pass may keep.

    Raises:
        MemoryError: if its state does not fit into memory.
    """
    table, arguments, batch = kernel_table(bound.program), bound.arguments, bound.batch_size or 1
    scalars = arguments.scalars
    check_memory(len(table.wires), table.words, batch, scalars.dtype, scalars.device)
    plain = plain_numbers(table, arguments).contiguous()
    batched = batched_numbers(table, arguments, batch).contiguous()
    constant = constant_numbers(table, arguments)
    pass_ = _Pass(bound.program, table, batch, budget)
    recorded = torch.is_grad_enabled() and (plain.requires_grad or batched.requires_grad)
    if recorded or is_forward_mode():
        given = (arguments.scalars, arguments.batched_scalars, *arguments.operands)
        vector = _Evolution.apply(pass_, plain, batched, constant, arguments, *given)
    else:
        vector, _ = pass_.forward(_arrays(plain, batched, constant), keep=False)
    return State(vector, table.wires)


def kept_bytes(table: KernelTable, elements: int, dtype: torch.dtype) -> int:
    """The size of the states that a reverse pass keeps."""
    return state_bytes((table.saved_states + 1) * table.words, elements, dtype)


def bounded(budget: int | None, most: int) -> int:
    """How many bytes may be kept: a budget up to a limit, which holds where there is none."""
    return most if budget is None else min(most, budget)


def tile_of(table: KernelTable, batch: int) -> int:
    """How many elements of a batch run together."""
    return min(batch, max(LEAST_ELEMENTS, TILE_NUMBERS // table.words))


@dataclass(frozen=True)
class _Pass:
    """A table with what does not depend on its numbers.

    Args:
        program: what the table is of.
        table: the table.
        batch: the number of elements.
        budget: how many bytes of states a reverse pass may keep.
    """

    program: Program
    table: KernelTable
    batch: int
    budget: int | None

    @cached_property
    def tile(self) -> int:
        return tile_of(self.table, self.batch)

    def forward(
        self, numbers: Numbers, keep: bool
    ) -> tuple[Float[Tensor, "batch words"], np.ndarray]:
        """The final states, and what is saved of those on the way."""
        table, dtype = self.table, _dtype(numbers)
        count = table.saved_states + 1
        limit = bounded(self.budget, KEPT_BYTES)
        keep = keep and kept_bytes(table, self.batch, dtype) <= limit
        # NumPy's arrays are faster to make than torch's tensors, and a small state takes no longer.
        out = np.empty((table.words, self.batch), numbers[0].dtype)
        saved = np.empty(count * table.words * self.batch if keep else 0, out.dtype)

        def part(start: int, stop: int) -> None:
            states = saved if keep else np.empty(table.words * self.tile, out.dtype)
            kernels().forward(
                *(arrays_of(table, dtype), numbers, start, stop, self.tile),
                *(table.words, table.longest_run, count, keep, states, out),
            )

        self._in_parts(part)
        return torch.from_numpy(out).T, saved

    def reverse(
        self, numbers: Numbers, saved: np.ndarray, cotangent: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        """The gradients of the plain and the batched numbers."""
        table, dtype = self.table, _dtype(numbers)
        of_batched = np.zeros(numbers[1].shape, numbers[1].dtype)

        def part(start: int, stop: int) -> np.ndarray:
            of_plain = np.zeros(numbers[0].shape, numbers[0].dtype)
            kernels().reverse(
                *(arrays_of(table, dtype), numbers, start, stop, self.tile),
                *(table.words, table.longest_run, table.saved_states + 1, saved, cotangent),
                (of_plain, of_batched),
            )
            return of_plain

        # In this order, whichever thread was first: equal calls have equal gradients.
        first, *others = self._in_parts(part)
        return torch.from_numpy(sum(others, first)), torch.from_numpy(of_batched)

    def tangent(
        self, numbers: Numbers, plain: Tensor | None, batched: Tensor | None
    ) -> Float[Tensor, "batch words"]:
        """The tangents of the final states."""
        table = self.table
        dtype, out = _dtype(numbers), np.empty((table.words, self.batch), numbers[0].dtype)
        given = zip((plain, batched), numbers, strict=False)
        changes = [np.zeros_like(x) if dx is None else _array(dx) for dx, x in given]
        tangents = (*changes, np.zeros_like(numbers[2]))

        def part(start: int, stop: int) -> None:
            kernels().tangent(
                *(arrays_of(table, dtype), numbers, tangents, start, stop, self.tile),
                *(table.words, table.longest_run, out),
            )

        self._in_parts(part)
        return torch.from_numpy(out).T

    def _in_parts(self, part: Callable[[int, int], Result]) -> list[Result]:
        """Work on ranges of elements, by as many threads as pay; the results in their order."""
        tiles = -(-self.batch // self.tile)
        work = len(self.table.steps) * self.table.words * self.batch
        threads = min(torch.get_num_threads(), tiles, work // THREAD_NUMBERS)
        if threads < 2:
            return [part(0, self.batch)]
        edges = [min(self.batch, tiles * k // threads * self.tile) for k in range(threads + 1)]
        return list(_pool(threads, os.getpid()).map(part, edges, edges[1:]))


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads of a process: one that is forked has none of its parent's."""
    return ThreadPoolExecutor(threads, thread_name_prefix="qizgloria-kernels")


def _arrays(plain: Tensor, batched: Tensor, constant: Tensor) -> Numbers:
    """The numbers of tensors that are contiguous."""
    return plain.detach().numpy(), batched.detach().numpy(), constant.numpy()


def _dtype(numbers: Numbers) -> torch.dtype:
    return torch.float32 if numbers[0].dtype == np.float32 else torch.float64


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


class _Evolution(torch.autograd.Function):
    """A table as one node of torch's graph.

    It takes the numbers, to which first derivatives go, and the arguments that these are made of:
    for higher derivatives torch differentiates the planned evolution of the same arguments.
    """

    @staticmethod
    def forward(
        ctx: Any,
        pass_: _Pass,
        plain: Tensor,
        batched: Tensor,
        constant: Tensor,
        arguments: Arguments,
        *given: Tensor | None,
    ) -> Tensor:
        # Saved as tensors, too, because torch then sees whether somebody has written to them since.
        ctx.numbers = _arrays(plain, batched, constant)
        vector, ctx.saved = pass_.forward(ctx.numbers, any(ctx.needs_input_grad))
        ctx.pass_, ctx.constants = pass_, arguments.constants
        ctx.save_for_backward(plain, batched, *given)
        return vector

    @staticmethod
    @without_autocast()
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        _, _, *given = ctx.saved_tensors
        if torch.is_grad_enabled() or is_forward_mode() or is_vmapped_or_differentiated():
            return None, None, None, None, None, *_gradients_again(ctx, given, cotangent)
        # A graph that is walked a second time has no saved states left, and runs forward again.
        saved, ctx.saved = ctx.saved, np.empty(0, ctx.saved.dtype)
        found = ctx.pass_.reverse(ctx.numbers, saved, _array(cotangent))
        return None, *found, None, None, *(None for _ in given)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        return ctx.pass_.tangent(ctx.numbers, tangents[1], tangents[2])


@torch.enable_grad()
def _gradients_again(
    ctx: Any, given: list[Tensor | None], cotangent: Tensor
) -> tuple[Tensor | None, ...]:
    """The gradients of the arguments, for torch to differentiate."""
    # Views, because torch is to give each argument its own part of the gradient only.
    inputs = [None if x is None else x.view_as(x) for x in given]
    scalars, columns, *operands = inputs
    assert scalars is not None
    known = tuple(x for x in operands if x is not None)
    ready = plan(ctx.pass_.program, scalars.device)
    vector = evolve(ready, Arguments(scalars, columns, known, ctx.constants), ctx.pass_.budget)
    # The planned state has the words that measurements read only.
    own = cotangent.index_select(1, _places(ready, ctx.pass_.table))
    results = [vector.expand(len(own), -1)]
    return differentiable_gradients(results, inputs, ctx.needs_input_grad[5:], [own])


@cached(maxsize=64)
def _places(ready: Plan, table: KernelTable) -> Int[Tensor, " words"]:
    """Where the words of a planned state stand in that of a table."""
    places = torch.zeros(1, dtype=torch.long)
    for wire, paulis in zip(ready.order, ready.paulis, strict=True):
        stride = 4 ** (len(table.wires) - 1 - table.wires.index(wire))
        places = (places[:, None] + stride * torch.tensor(paulis)).flatten()
    return places
