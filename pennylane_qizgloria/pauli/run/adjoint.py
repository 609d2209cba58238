"""The reverse pass through an evolution, in bounded memory.

Backwards through ``r_k = T_k r_{k-1}`` the cotangent obeys ``o_{k-1} = T_k^T o_k``, and the
gradient of each matrix is the outer product of ``o_k`` and ``r_{k-1}``: two more passes of the
kind that the step itself is. Torch differentiates the small maps from parameters to matrices. So
one mechanism serves every parameter, batch axis and observable, and torch records one node where
it would record every pass.

The states before each step are kept while they fit a budget, and otherwise recomputed from
checkpoints. With states of at most ``m`` bytes and a budget of ``b``, the peak is about
``b + 9 m``: the kept states; the first and the last one; the cotangent that torch brings; and while
a stretch is run again, the state and the cotangent before and after a step, with buffers to
rearrange axes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..._compat.torch import is_forward_mode, is_vmapped_or_differentiated
from ..memory import available_bytes, state_bytes
from ..plan.plan import Step
from ..program.program import Operand
from . import buffers
from .autocast import without_autocast
from .checkpoints import checkpoint_positions
from .higher_order import differentiable_gradients
from .steps import advance, permute_axes, pull_back

WORKING_STATES = 9
"""States that the reverse pass holds besides those that it keeps."""

DEFAULT_SHARE = 0.5
"""The share of the free memory that the kept states may take if no budget is given."""


def run_steps(
    steps: tuple[Step, ...],
    state: Float[Tensor, "#batch paulis"],
    tensors: tuple[Tensor, ...],
    budget: int | None,
) -> Float[Tensor, "batch words"]:
    """Apply steps to a state.

    Args:
        steps: what to apply.
        state: the initial Pauli vector.
        tensors: the operands that the steps refer to.
        budget: how many bytes of states the reverse pass may keep; None for a share of what is
            free.
    """
    if is_transformed():
        return _run_differentiably(steps, state, tensors)
    if torch.is_grad_enabled() and any(x.requires_grad for x in (state, *tensors)):
        return _Evolution.apply(steps, budget, state, *tensors)
    final, _ = _run(steps, state, _operands(steps, tensors), keep=())
    return final


_IS_TRACED: ContextVar[bool] = ContextVar("_IS_TRACED", default=False)


@contextmanager
def traced_steps() -> Iterator[None]:
    """Make every step an operation of torch's own, as what traces operations needs it."""
    token = _IS_TRACED.set(True)
    try:
        yield
    finally:
        _IS_TRACED.reset(token)


def is_transformed() -> bool:
    """Whether torch.func or forward-mode differentiation is at work, or steps are traced.

    Those need every pass as an operation of torch's own.
    """
    return is_forward_mode() or is_traced() or is_vmapped_or_differentiated()


def is_traced() -> bool:
    """Whether steps are traced."""
    return _IS_TRACED.get()


def _operands(steps: Sequence[Step], tensors: Sequence[Tensor]) -> list[Tensor]:
    """What each step applies; stacks are taken apart at once, not row by row."""
    stacks = {step.tensor for step in steps if step.row is not None}
    rows = {number: tensors[number].unbind() for number in stacks}
    return [
        tensors[step.tensor] if step.row is None else rows[step.tensor][step.row] for step in steps
    ]


def _batch(steps: Sequence[Step], state: Tensor, tensors: Sequence[Tensor]) -> int:
    """The length of the batch axis in the end."""
    axes = {Operand.TRANSFER: 2, Operand.KRAUS: 3, Operand.STATE: 1, Operand.COMPONENT: 1}
    used = {step.tensor: step for step in steps}
    shapes = [
        (step, tensors[number].shape[step.row is not None :]) for number, step in used.items()
    ]
    return max([len(state), *(own[0] for step, own in shapes if len(own) > axes[step.kind])])


def _run_differentiably(
    steps: tuple[Step, ...], state: Tensor, tensors: tuple[Tensor, ...]
) -> Float[Tensor, "batch words"]:
    """Apply steps by operations that torch records, and can differentiate to any order."""
    for step, operand in zip(steps, _operands(steps, tensors), strict=True):
        if step.permutation is not None:
            state = permute_axes(state, step.permutation)
        state = advance(step, operand, state)
    return state


def _run(
    steps: tuple[Step, ...],
    state: Tensor,
    operands: Sequence[Tensor],
    keep: Collection[int],
) -> tuple[Float[Tensor, "batch words"], dict[int, Tensor]]:
    """Apply steps without recording them; return the states before the positions to keep, too."""
    checkpoints: dict[int, Tensor] = {}
    given = state
    with torch.no_grad():
        for position, (step, operand) in enumerate(zip(steps, operands, strict=True)):
            if position in keep:
                checkpoints[position] = state
            before = state
            state = _step(step, operand, state)
            if before is not given and position not in keep:
                buffers.give(before)
    return state, checkpoints


def _step(step: Step, operand: Tensor, state: Tensor) -> Tensor:
    permuted = state
    if step.permutation is not None:
        permuted = permute_axes(state, step.permutation, buffers.take(state, *state.shape))
    out = None
    if step.fused:
        out = buffers.take_large(state, max(len(state), len(operand)), step.size)
    image = advance(step, operand, permuted, out)
    if permuted is not state:
        buffers.give(permuted)
    return image


class _Evolution(torch.autograd.Function):
    """All steps as one node of torch's graph."""

    @staticmethod
    def forward(
        ctx: Any, steps: tuple[Step, ...], budget: int | None, state: Tensor, *tensors: Tensor
    ) -> Tensor:
        ctx.steps = steps
        ctx.slots = _slots(steps, budget, state, tensors)
        # The kept states are not saved the way inputs are, because the reverse pass has to let go
        # of each one as soon as it is done with it.
        keep = frozenset(checkpoint_positions(len(steps), ctx.slots))
        final, ctx.checkpoints = _run(steps, state, _operands(steps, tensors), keep)
        ctx.save_for_backward(state, *tensors)
        return final

    @staticmethod
    @without_autocast()
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        state, *tensors = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient is to be differentiated in turn
            return None, None, *_again(ctx, state, tensors, cotangent)
        # A graph that is walked a second time has no kept states left, and recomputes them.
        checkpoints, ctx.checkpoints = ctx.checkpoints, {}
        reversal = _Reversal(ctx.steps, _operands(ctx.steps, tensors), ctx.needs_input_grad[3:])
        before = reversal.run(state, checkpoints, cotangent.contiguous(), ctx.slots)
        return None, None, before, *reversal.gradients(tensors)


def _again(ctx: Any, state: Tensor, tensors: Sequence[Tensor], cotangent: Tensor) -> Any:
    """The gradients by operations of torch's own."""
    # Views, because one of the inputs may have been made from another: the matrix of a step from
    # the operand of an operation. Each is to get its own gradient only; torch adds the rest.
    inputs = [x.view_as(x) for x in (state, *tensors)]
    final = _run_differentiably(ctx.steps, inputs[0], tuple(inputs[1:]))
    return differentiable_gradients([final], inputs, ctx.needs_input_grad[2:], [cotangent])


def _slots(
    steps: tuple[Step, ...], budget: int | None, state: Tensor, tensors: tuple[Tensor, ...]
) -> int:
    """How many states may be kept."""
    largest = max((step.size for step in steps), default=1)
    size = state_bytes(largest, _batch(steps, state, tensors), state.dtype)
    if budget is None:
        if size * len(steps) < 2**24:  # asking what is free would take longer than the steps
            return len(steps)
        budget = int(DEFAULT_SHARE * available_bytes(state.device)) - WORKING_STATES * size
    return max(1, budget // size)


class _Reversal:
    """The reverse pass, and the gradients that it gathers.

    Args:
        steps: what was applied.
        operands: with what.
        needed: for each tensor that the operands are from, whether its gradient is asked for.
    """

    def __init__(
        self, steps: tuple[Step, ...], operands: list[Tensor], needed: tuple[bool, ...]
    ) -> None:
        self.steps = steps
        self.operands = operands
        self.needed = needed
        self.found: dict[tuple[int, int | None], Tensor] = {}

    def run(
        self, state: Tensor, checkpoints: dict[int, Tensor], cotangent: Tensor, slots: int
    ) -> Tensor:
        """Reverse all steps.

        Args:
            state: the state before the first step.
            checkpoints: the states before some of the later steps, in order; they are used up.
            cotangent: of the state after the last step.
            slots: how many states may be kept besides the first.
        """
        held = [(0, state), *checkpoints.items()]
        checkpoints.clear()  # the caller's references would keep every state until the end
        o, stop = cotangent, len(self.steps)
        while stop > 0:
            position, before = held[-1]
            if position + 1 < stop:
                held.extend(self._again(position, stop, before, slots - len(held) + 1))
                continue
            o = self._reverse_step(position, before, o, spare=o is not cotangent)
            held.pop()
            if position > 0:
                buffers.give(before)
            stop = position
        return o

    def gradients(self, tensors: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients of the tensors that the operands are from."""
        return [
            self._gradient(number, tensor) if needed else None
            for number, (tensor, needed) in enumerate(zip(tensors, self.needed, strict=True))
        ]

    def _gradient(self, number: int, tensor: Tensor) -> Tensor:
        if (number, None) in self.found:
            return self.found[number, None]
        rows = [self.found.get((number, row)) for row in range(len(tensor))]
        return torch.stack([torch.zeros_like(tensor[0]) if own is None else own for own in rows])

    def _again(
        self, first: int, stop: int, state: Tensor, slots: int
    ) -> Iterator[tuple[int, Tensor]]:
        """Run a range forward again, and keep the states that there is room for."""
        *positions, last = checkpoint_positions(stop - first, slots)
        again = slice(first, first + last)
        final, checkpoints = _run(
            self.steps[again], state, self.operands[again], frozenset(positions)
        )
        yield from ((first + position, before) for position, before in checkpoints.items())
        yield first + last, final

    def _reverse_step(self, position: int, state: Tensor, o: Tensor, spare: bool) -> Tensor:
        step, operand = self.steps[position], self.operands[position]
        permuted = state
        if step.permutation is not None:
            permuted = permute_axes(state, step.permutation, buffers.take(state, *state.shape))
        out = buffers.take_large(o, len(o), permuted.shape[1]) if step.fused else None
        needed = self.needed[step.tensor]
        before, gradient = pull_back(step, operand, permuted, o, needed, out)
        if spare:
            buffers.give(o)
        if needed and gradient is not None:
            self._keep((step.tensor, step.row), gradient)
        if step.permutation is None:
            return before
        buffers.give(permuted)
        back = permute_axes(before, step.permutation.inverse, buffers.take(before, *before.shape))
        buffers.give(before)
        return back

    def _keep(self, place: tuple[int, int | None], gradient: Tensor) -> None:
        known = self.found.get(place)
        self.found[place] = gradient if known is None else known + gradient
