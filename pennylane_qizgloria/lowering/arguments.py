"""The numbers of a tape as tensors, and whether they are in their domains.

Everything that depends on a tape's structure only is made once and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Float, Int
from pennylane.operation import Operator
from torch import Tensor

from ..pauli.transfer import ClosedForm
from .operations import Precision, holds

Forms = tuple[ClosedForm, ...]
"""The closed forms of operators, in the order of their scalars."""


def stacked(values: Sequence[Any], precision: Precision) -> Float[Tensor, " scalars"]:
    """Scalars of any interface as one tensor, through which torch can differentiate."""
    tensors = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
    together = _stack([values[i] for i in tensors], precision) if tensors else None
    if together is not None and len(tensors) == len(values):
        return together
    # Plain numbers become tensors all at once, which takes less time than one by one.
    plain = precision.real(
        np.array([0.0 if isinstance(value, Tensor) else float(value) for value in values])
    )
    if together is None:
        return plain
    return plain.index_copy(0, torch.tensor(tensors, device=plain.device), together)


def columns(values: Sequence[Any], precision: Precision) -> Float[Tensor, "batch scalars"]:
    """Scalars of which some are broadcast, as the columns of one tensor."""
    return torch.stack(torch.broadcast_tensors(*[precision.real(value) for value in values]), 1)


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
    values = scalars.detach()
    finite = torch.isfinite(values)
    table = _uses(forms) if holds(finite) else _uses(forms, every_form=True)
    for form, which, slots in table:
        valid = finite[..., slots].all(-1)
        if form.valid is not None:
            valid = valid & form.valid(values[..., slots])
        if not holds(valid):
            wrong = int((~valid).reshape(-1, len(which)).any(0).nonzero()[0])
            raise ValueError(_out_of_domain(ops[which[wrong]], form))


@lru_cache(maxsize=512)
def _uses(
    forms: Forms, every_form: bool = False
) -> tuple[tuple[ClosedForm, tuple[int, ...], Int[Tensor, "uses params"]], ...]:
    """For each form with a domain which operators use it, and where their scalars are."""
    uses: dict[ClosedForm, list[tuple[int, range]]] = {}
    start = 0
    for number, form in enumerate(forms):
        if form.num_params and (every_form or form.valid is not None):
            slots = range(start, start + form.num_params)
            uses.setdefault(form, []).append((number, slots))
        start += form.num_params
    return tuple(
        (form, tuple(number for number, _ in own), torch.tensor([list(slots) for _, slots in own]))
        for form, own in uses.items()
    )


def _stack(tensors: Sequence[Tensor], precision: Precision) -> Float[Tensor, " scalars"]:
    if len({(tensor.dtype, tensor.device) for tensor in tensors}) > 1:
        tensors = [precision.real(tensor) for tensor in tensors]
    return precision.real(torch.stack(list(tensors)))


def _out_of_domain(op: Operator, form: ClosedForm) -> str:
    given = ", ".join(str(qml.math.toarray(value)) for value in op.data)
    return f"{op.name}({given}) on wires {op.wires.tolist()}: {form.domain}."
