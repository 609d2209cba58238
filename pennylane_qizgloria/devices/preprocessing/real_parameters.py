"""Angles and strengths of a circuit, checked before it is converted.

Qiskit takes a parameter for whatever ``float`` makes of it, and names neither operation nor value
where that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.operation import Operator
from pennylane.ops.op_math import Conditional
from pennylane.tape import QuantumScript
from pennylane.transforms.core import transform
from pennylane.typing import PostprocessingFn
from torch import Tensor

from ...lowering.operations.closed_forms import CHANNELS, innermost
from ...lowering.parameters import joint_size, real_scalar
from ..configuration.validation import naming

REAL = "biuf"
"""The kinds of NumPy's dtypes that are real numbers."""


@transform
def require_real_parameters(
    tape: QuantumScript, name: str
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    """Take real numbers of complex dtypes for what they are, and refuse what is no real number.

    Args:
        tape: any.
        name: the device's, for error messages.

    Raises:
        ValueError: naming the operation, the value and what is expected.
    """
    with naming(name):
        operations, _ = _checked(tape.operations)
    if any(new is not old for new, old in zip(operations, tape.operations, strict=True)):
        tape = tape.copy(operations=operations, trainable_params=tape.trainable_params)
    return (tape,), _first


def _first(results: Any) -> Any:
    return results[0]


def _checked(operations: Sequence[Operator]) -> tuple[list[Operator], int | None]:
    """Operations with real parameters, and the batch size that these have in common."""
    valid: list[Operator] = []
    size: int | None = None
    for op in operations:
        own = op
        if op.data:
            kind: Any = type(innermost(op.base if isinstance(op, Conditional) else op))
            for slot in _scalar_slots(kind):
                value = op.data[slot]
                if type(value) is float:
                    continue
                if not _is_real(value):
                    own = _with_real(own, slot)
                    value = own.data[slot]
                if getattr(value, "ndim", 0):
                    size = joint_size(op, size, value)
        valid.append(own)
    return valid, size


@cache
def _scalar_slots(kind: Any) -> tuple[int, ...]:
    """Which parameters of a kind of PennyLane's operators are scalars."""
    if kind in CHANNELS or kind is qml.PauliError:
        # PennyLane does not say it of channels.
        return tuple(range(CHANNELS[kind].num_params if kind in CHANNELS else 1))
    axes = kind.ndim_params
    known = kind.__module__.startswith("pennylane.") and isinstance(axes, tuple)
    return tuple(i for i, own in enumerate(axes) if own == 0) if known else ()


def _is_real(value: Any) -> bool:
    """Whether a parameter is known to be a real number, or a batch of them in one axis."""
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        return type(value) is int
    real = not value.is_complex() if isinstance(value, Tensor) else np.dtype(dtype).kind in REAL
    return real and len(value.shape) < 2 and 0 not in value.shape


def _with_real(op: Operator, slot: int) -> Operator:
    """An operation with one of its parameters as a real number.

    Raises:
        ValueError: if it is none.
    """
    value = op.data[slot]
    if qml.math.is_abstract(value):
        # It is known, and looked at again, when the circuit runs.
        return op
    real_scalar(op, qml.math.unwrap([value])[0])
    data = [*op.data[:slot], qml.math.real(value), *op.data[slot + 1 :]]
    return qml.ops.functions.bind_new_parameters(op, data)
