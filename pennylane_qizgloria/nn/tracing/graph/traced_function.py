"""Running a traced function again, forwards and backwards.

Both directions are traced, so that a call is one node of torch's graph and neither direction
pays for automatic differentiation, operation by operation. Higher derivatives go through the
traced function itself, which torch differentiates as it does any other.
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
from .joint_graph import JointGraph, joint_graph, leaf
from .simplification import simplified
from .trace import trace


class BrokenConditionError(Exception):
    """The numbers do not fulfil the conditions of a graph."""


@dataclass(frozen=True, eq=False)
class TracedFunction:
    """A traced function.

    Args:
        function: whether the conditions hold, and the results; for torch to differentiate.
        value: the same, where no derivative is needed.
        joint_graph: both directions; None where only `function` can be differentiated.
        live: tensors from elsewhere, which are the last arguments.
        watched: tensors from elsewhere that must stay as they are, and their versions.
    """

    function: Function
    value: Function
    joint_graph: JointGraph | None
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
        if self.joint_graph is None:
            return _checked(self.function(*arguments))
        return _TracedFunctionNode.apply(self, *arguments)

    def as_operations(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """The results by operations of torch's alone, whether the conditions hold or not."""
        _, *results = self.function(*tensors, *self.live)
        return tuple(results)


class _TracedFunctionNode(torch.autograd.Function):
    """A traced function as one node of torch's graph."""

    @staticmethod
    def forward(ctx: Any, traced_function: TracedFunction, *tensors: Tensor) -> Any:
        assert traced_function.joint_graph is not None
        holds, *rest = traced_function.joint_graph.forward(*tensors)
        if holds is not None and not holds:
            raise BrokenConditionError
        count = traced_function.joint_graph.results
        ctx.traced_function, ctx.count = traced_function, len(tensors)
        ctx.save_for_backward(*tensors, *rest[count:])
        flat = [rest[i] for i in range(count) if i not in traced_function.joint_graph.through]
        ctx.mark_non_differentiable(*flat)
        return tuple(rest[:count])

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:
        needed, both = ctx.needs_input_grad[1:], ctx.traced_function.joint_graph
        cotangents = tuple(cotangents[i] for i in both.through)
        if torch.is_grad_enabled():  # the gradient is to be differentiated in turn
            tensors = ctx.saved_tensors[: ctx.count]
            _, *everything = ctx.traced_function.function(*tensors)
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


def trace_function(
    function: Callable[..., Sequence[Tensor]],
    examples: Sequence[Tensor],
    watched: Collection[int] | None = None,
) -> TracedFunction:
    """Trace a function.

    Args:
        function: takes tensors and returns several, of which none is an argument itself.
        examples: what to call it with; it will serve other tensors of the same shapes and dtypes,
            if they are contiguous.
        watched: the ids of the tensors from elsewhere that are watched, and may be differentiated;
            None for any.

    Raises:
        UntraceableError: if it does what no graph can do again.
    """
    given = [leaf(example) for example in examples]
    traced = trace(function, given, watched)
    graph = simplified(traced.graph, differentiable=True)
    again = compiled_whole(graph)
    value = compiled_whole(simplified(graph, differentiable=False))
    everything = [*given, *(leaf(tensor) for tensor in traced.live)]
    return TracedFunction(again, value, joint_graph(again, everything), traced.live, traced.watched)
