"""Running a recorded function again, forwards and backwards.

Both directions are recorded, so that a call is one node of torch's graph and neither direction
pays for automatic differentiation, operation by operation. Higher derivatives go through the
recorded function itself, which torch differentiates as it does any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...._compat.torch import version_of
from ....pauli.run.autocast import without_autocast
from ....pauli.run.higher_order import differentiable_gradients
from .compilation import Function, compiled_whole
from .joint_graph import Joint, joint, leaf
from .simplification import simplified
from .trace import trace


class BrokenConditionError(Exception):
    """The numbers do not fulfil the conditions of a graph."""


@dataclass(frozen=True, eq=False)
class Replay:
    """A recorded function.

    Args:
        function: whether the conditions hold, and the results; for torch to differentiate.
        value: the same, where no derivative is needed.
        joint: both directions; None where only `function` can be differentiated.
        live: tensors from elsewhere, which are the last arguments.
        watched: tensors from elsewhere that must stay as they are, and their versions.
    """

    function: Function
    value: Function
    joint: Joint | None
    live: tuple[Tensor, ...]
    watched: tuple[tuple[Tensor, int], ...]

    @property
    def current(self) -> bool:
        """Whether the constants are what they were."""
        return all(version_of(tensor) == version for tensor, version in self.watched)

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The results.

        Raises:
            BrokenConditionError: if the graph is not for these numbers.
        """
        arguments = (*tensors, *self.live)
        if not torch.is_grad_enabled() or not any(x.requires_grad for x in arguments):
            with torch.no_grad():
                return _checked(self.value(*arguments))
        if self.joint is None:
            return _checked(self.function(*arguments))
        return _Replayed.apply(self, *arguments)

    def as_operations(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The results by operations of torch's alone, whether the conditions hold or not."""
        _, *results = self.function(*tensors, *self.live)
        return tuple(results)


class _Replayed(torch.autograd.Function):
    """A recorded function as one node of torch's graph."""

    @staticmethod
    def forward(ctx: Any, replay: Replay, *tensors: Tensor) -> Any:
        assert replay.joint is not None
        holds, *rest = replay.joint.forward(*tensors)
        if holds is not None and not holds:
            raise BrokenConditionError
        count = replay.joint.results
        ctx.replay, ctx.count = replay, len(tensors)
        ctx.save_for_backward(*tensors, *rest[count:])
        flat = [rest[i] for i in range(count) if i not in replay.joint.through]
        ctx.mark_non_differentiable(*flat)
        return tuple(rest[:count])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        needed, both = ctx.needs_input_grad[1:], ctx.replay.joint
        cotangents = tuple(cotangents[i] for i in both.through)
        if torch.is_grad_enabled():  # the gradient is to be differentiated in turn
            tensors = ctx.saved_tensors[: ctx.count]
            _, *everything = ctx.replay.function(*tensors)
            results = [everything[i] for i in both.through]
            return None, *differentiable_gradients(results, tensors, needed, cotangents)
        own = (cotangent.contiguous() for cotangent in cotangents)
        with without_autocast():
            return None, *both.backward(needed)(*ctx.saved_tensors[ctx.count :], *own)


def _checked(results: tuple) -> tuple[Tensor, ...]:
    holds, *rest = results
    if holds is not None and not holds:
        raise BrokenConditionError
    return tuple(rest)


def record(
    function: Callable[..., Sequence[Tensor]],
    examples: Sequence[Tensor],
    watched: Collection[int] | None = None,
) -> Replay:
    """Record a function.

    Args:
        function: takes tensors and returns several, of which none is an argument itself.
        examples: what to call it with; it will serve other tensors of the same shapes and dtypes,
            if they are contiguous.
        watched: the ids of the tensors from elsewhere that are watched, and may be differentiated;
            None for any.

    Raises:
        Unrecordable: if it does what no graph can do again.
    """
    given = [leaf(example) for example in examples]
    traced = trace(function, given, watched)
    graph = simplified(traced.graph, differentiable=True)
    again = compiled_whole(graph)
    value = compiled_whole(simplified(graph, differentiable=False))
    everything = [*given, *(leaf(tensor) for tensor in traced.live)]
    return Replay(again, value, joint(again, everything), traced.live, traced.watched)
