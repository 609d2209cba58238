"""The numbers of a tape as tensors, and whether they are in their domains.

Everything that depends on a tape's structure only is made once and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from pennylane.operation import Operator
from torch import Tensor

from ...pauli.caching import cached
from ...pauli.conditions import are_finite, holds
from ...pauli.maps.transfer import ClosedForm
from ...pauli.program.program import Constants
from ..context import TapeContext
from ..parameters import described

Forms = tuple[ClosedForm, ...]
"""The closed forms of operators, in the order of their scalars."""


def stacked(values: Sequence[Any], context: TapeContext) -> Float[Tensor, " scalars"]:
    """Scalars of any interface as one tensor, through which torch can differentiate."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if len(tensors) == len(values) and tensors:
        return _stack(tensors, context)
    # Plain numbers become tensors all at once, which takes less time than one by one.
    numbers = [0.0 if isinstance(value, Tensor) else float(value) for value in values]
    plain = context.real(np.array(numbers))
    if not tensors:
        return plain
    where = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    places = torch.as_tensor(np.array(where), device=context.device)
    return plain.index_copy(0, places, _stack(tensors, context))


def constants(
    values: Sequence[Any], ops: Sequence[Operator], forms: Forms, context: TapeContext
) -> Constants:
    """Plain numbers, the same object for the same numbers as far as they are remembered.

    Args:
        values: numbers of any interface but torch.
        ops: the operators that they are the parameters of.
        forms: their closed forms.
        context: dtype and torch device.

    Raises:
        ValueError: if one is not finite or outside its domain, naming the operator.
    """
    found = _constants(tuple(map(float, values)), context.dtype, context.device)
    if not _known_valid(forms, found):
        validate(ops, forms, found.numbers)
    return found


@cached(maxsize=256)
def _constants(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Constants:
    return Constants(torch.tensor(values, dtype=torch.float64).to(device, dtype))


@cached(maxsize=256)
def _known_valid(forms: Forms, found: Constants) -> bool:
    return _all_valid(forms, found.numbers)


def columns(values: Sequence[Any], context: TapeContext) -> Float[Tensor, "batch scalars"]:
    """Scalars of which some are broadcast, as the columns of one tensor."""
    return torch.stack(torch.broadcast_tensors(*[context.real(value) for value in values]), 1)


def validate(
    ops: Sequence[Operator], forms: Forms, scalars: Float[Tensor, "*batch scalars"]
) -> None:
    """Refuse parameters that are not finite or outside their domain.

    Args:
        ops: the operators.
        forms: their closed forms.
        scalars: their parameters.

    Raises:
        ValueError: naming the operator.
    """
    if _all_valid(forms, scalars):
        return
    values = scalars.detach()
    finite = torch.isfinite(values)
    for form, which, slots in _uses(forms):
        valid = finite[..., slots].all(-1)
        if form.valid is not None:
            valid = valid & form.valid(values[..., slots])
        if not holds(valid):
            wrong = int((~valid).reshape(-1, len(which)).any(0).nonzero()[0])
            raise ValueError(_out_of_domain(ops[which[wrong]], form))


def _all_valid(forms: Forms, scalars: Float[Tensor, "*batch scalars"]) -> bool:
    values = scalars.detach()
    inside = (valid(values[..., slots]) for valid, slots in _domains(forms))
    return are_finite(scalars) and all(map(holds, inside))


@cached(maxsize=512)
def _domains(forms: Forms) -> tuple[tuple[Callable, Int[Tensor, "uses params"]], ...]:
    """For each domain of so many parameters where the scalars are that must be in it."""
    slots: dict[tuple[Callable, int], list[list[int]]] = {}
    start = 0
    for form in forms:
        if form.valid is not None:
            own = list(range(start, start + form.num_params))
            slots.setdefault((form.valid, form.num_params), []).append(own)
        start += form.num_params
    return tuple((valid, torch.tensor(own)) for (valid, _), own in slots.items())


@cached(maxsize=512)
def _uses(
    forms: Forms,
) -> tuple[tuple[ClosedForm, tuple[int, ...], Int[Tensor, "uses params"]], ...]:
    """For each form which operators use it, and where their scalars are."""
    uses: dict[ClosedForm, list[tuple[int, range]]] = {}
    start = 0
    for number, form in enumerate(forms):
        if form.num_params:
            slots = range(start, start + form.num_params)
            uses.setdefault(form, []).append((number, slots))
        start += form.num_params
    return tuple(
        (form, tuple(number for number, _ in own), torch.tensor([list(slots) for _, slots in own]))
        for form, own in uses.items()
    )


def _stack(tensors: Sequence[Tensor], context: TapeContext) -> Float[Tensor, " scalars"]:
    if len({tensor.device for tensor in tensors}) > 1:
        tensors = [context.real(tensor) for tensor in tensors]
    return context.real(torch.stack(list(tensors)))


def _out_of_domain(op: Operator, form: ClosedForm) -> str:
    return f"{described(op)}: {form.domain}."
