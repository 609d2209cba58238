"""Parameters of operators: real numbers, or batches of them in one axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from pennylane.operation import Operator
from torch import Tensor

from ..pauli.conditions import holds

NUMERIC = "biufc"
"""The kinds of NumPy's dtypes that are numbers."""


def without_imaginary_part(value: Any) -> Any:
    """A number or array of any interface as it is if it is real, else its real part.

    Raises:
        ValueError: if its imaginary part is not zero.
    """
    if isinstance(value, Tensor):
        if not value.is_complex():
            return value
        real = holds(value.imag == 0)
    else:
        if not np.iscomplexobj(value):
            return value
        value = np.asarray(value)
        real = bool((value.imag == 0).all())
    if not real:
        raise ValueError(f"a real number is needed, got {_shown(value)}.")
    return value.real


def real_scalar(op: Operator, value: Any) -> Any:
    """A parameter of an operator as a float, or as a real array or tensor with at most one axis.

    Raises:
        ValueError: if it is something else, naming the operator.
    """
    if not isinstance(value, Tensor):
        value = np.asarray(value)
        if value.dtype.kind not in NUMERIC:
            raise ValueError(f"{described(op)}: a real number is needed, got {value[()]!r}.")
    if value.ndim > 1 or 0 in value.shape:
        raise ValueError(
            f"{described(op)}: each parameter must be a number, or a batch of numbers in one axis; "
            f"got the shape {tuple(value.shape)}."
        )
    try:
        value = without_imaginary_part(value)
    except ValueError as error:
        raise ValueError(f"{described(op)}: {error}") from error
    return value if isinstance(value, Tensor) or value.ndim else float(value)


def joint_size(op: Operator, size: int | None, value: Any) -> int | None:
    """The batch size of operators' parameters, among them another one.

    Args:
        op: the operator, for the message.
        size: that of the parameters before; None if none of them is broadcast.
        value: a float, or an array or tensor with at most one axis.

    Raises:
        ValueError: if there would be two sizes, naming the operator.
    """
    own = None if isinstance(value, float) or not value.ndim else len(value)
    if own is None or size is None or own == size:
        return size if own is None else own
    raise ValueError(
        f"{described(op)}: batches of parameters must have one size, got {sorted([size, own])}."
    )


def described(op: Operator) -> str:
    """An operator for error messages, with its parameters as they were given."""
    return f"{op.name}({', '.join(map(_shown, op.data))}) on wires {op.wires.tolist()}"


def _shown(value: Any) -> str:
    return str(value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value))
