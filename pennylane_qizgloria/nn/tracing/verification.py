"""Comparing a trace with the call that it is of, values and gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Function = Callable[[Sequence[Tensor]], Any]
"""From tensors to one tensor or several."""

DOUBLE, SINGLE = 1e-7, 1e-3
"""How far a trace may be from the call, in double precision and where anything is not."""


class TraceMismatchError(Exception):
    """A trace gives something else than the call does."""


def check(
    made: Function, call: Function, tensors: Sequence[Tensor], precision: torch.dtype
) -> None:
    """Compare a trace with the call itself, on other numbers where those are allowed.

    Args:
        made: the trace.
        call: the call.
        tensors: inputs and weights.
        precision: of the simulation.

    Raises:
        TraceMismatchError: if values or gradients differ.
    """
    for change in (_shrunk, _rolled, torch.clone):
        given = [change(tensor) for tensor in tensors]
        try:
            expected = _with_gradients(call, given)
            own = _with_gradients(made, given)
        except Exception:
            if change is torch.clone:
                raise
            continue  # these numbers are not in the circuit's domain
        if not _are_close(own, expected, precision):
            raise TraceMismatchError
        return


def _shrunk(tensor: Tensor) -> Tensor:
    """Numbers somewhat nearer to zero, so that they stay probabilities; zeros move away."""
    factors = torch.linspace(0.9, 0.95, tensor.numel(), device=tensor.device).view(tensor.shape)
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return tensor.clone()
    return torch.where(tensor == 0, 0.1 * (1 - factors), tensor * factors).to(tensor.dtype)


def _rolled(tensor: Tensor) -> Tensor:
    """The same numbers in another order, so that they keep their norm."""
    return tensor.roll(1, -1) if tensor.ndim else tensor.clone()


def _with_gradients(function: Function, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Results, and the gradients of a sum of theirs in which each counts differently."""
    leaves = [tensor.detach().clone() for tensor in tensors]
    wanted = [x.requires_grad_() for x in leaves if x.is_floating_point() or x.is_complex()]
    results = function(leaves)
    results = [results] if isinstance(results, Tensor) else list(results)
    ends = [result for result in results if result.requires_grad]
    if not ends:
        return [*results, *map(torch.zeros_like, wanted)]
    weights = [torch.linspace(0.5, 1.5, x.numel()).to(x).view(x.shape) for x in ends]
    found = torch.autograd.grad(ends, wanted, weights, materialize_grads=True, allow_unused=True)
    return [*results, *found]


def _are_close(own: Sequence[Tensor], expected: Sequence[Tensor], precision: torch.dtype) -> bool:
    """Whether tensors are the same up to rounding, in single precision if anything is."""
    dtypes = {precision, *(tensor.dtype for tensor in expected)}
    tolerance = DOUBLE if dtypes <= {torch.float64, torch.complex128} else SINGLE
    return len(own) == len(expected) and all(
        mine.shape == other.shape
        and mine.dtype == other.dtype
        and torch.allclose(mine, other, tolerance, tolerance, equal_nan=True)
        for mine, other in zip(own, expected, strict=True)
    )
