"""Refusing second derivatives in autograd, see `first_order`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autograd.builtins import tuple as tuple_of
from autograd.extend import defvjp, primitive
from autograd.tracer import trace_stack

from .first_order import MESSAGE


def first_order_only(*arrays: Any) -> Sequence[Any]:
    """The same arrays; differentiating their gradients raises a `NotImplementedError`."""
    # Second derivatives are a trace inside of another one.
    return [*_guarded(tuple_of(arrays))] if trace_stack.top > 0 else arrays


@primitive
def _guarded(arrays: Any) -> Any:
    return arrays


@primitive
def _final(gradients: Any, arrays: Any) -> Any:
    """Gradients that depend on all of the arrays, but not in a way that is known."""
    return gradients


def _unknown(ans: Any, gradients: Any, arrays: Any) -> Callable[[Any], Any]:
    def refuse(cotangents: Any) -> Any:
        raise NotImplementedError(MESSAGE)

    return refuse


defvjp(_guarded, lambda ans, arrays: lambda cotangents: _final(cotangents, arrays))
defvjp(_final, lambda ans, gradients, arrays: lambda cotangents: cotangents, _unknown)
