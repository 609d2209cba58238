"""Faults of PennyLane that are mended for as long as it has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pennylane as qml
from pennylane.ops import Evolution
from pennylane.ops.functions import bind_new_parameters
from pennylane.ops.op_math.symbolicop import ScalarSymbolicOp


def _bind_evolution(op: Evolution, params: Sequence[Any]) -> Evolution:
    """An evolution with another time.

    Raises:
        ValueError: if coefficients of its generator are differentiated: they are none of its data,
            so that their derivatives would be zero.
    """
    if any(map(qml.math.requires_grad, op.base.data)):
        raise ValueError(
            f"{op}: its time can be shifted, the trainable coefficients of its generator cannot. "
            "diff_method='backprop' and 'device' differentiate both; or take "
            "requires_grad=False for the coefficients."
        )
    return Evolution(op.base, *params)


def mend_binding_of_evolution() -> None:
    """Let parameters be bound to an `Evolution` of a sum.

    PennyLane 0.45 takes it for an operator whose data holds the coefficients too, and raises an
    IndexError, in parameter shifts for example.
    """
    if bind_new_parameters.dispatch(Evolution) is bind_new_parameters.dispatch(ScalarSymbolicOp):
        bind_new_parameters.register(Evolution, _bind_evolution)
