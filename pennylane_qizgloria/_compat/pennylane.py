"""What is used of PennyLane although it is not public, and faults of its that are mended.

Each function says why there is no public way; `tests/compat/test_pennylane.py` holds what it relies
on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from threading import Lock
from typing import Any

import pennylane as qml
from pennylane.measurements import MeasurementProcess, Shots
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


def dtype_of_samples(process: MeasurementProcess) -> Any | None:
    """The dtype that ``qml.sample(dtype=...)`` asks for, which its process has no property for."""
    return getattr(process, "_dtype", None)


def on_wires(process: MeasurementProcess, wires: qml.wires.Wires) -> MeasurementProcess:
    """A measurement process that names no wires, on all wires of a circuit.

    PennyLane can map wires to others, and has no way to name them where there are none.
    """
    named = copy(process)
    named._wires = wires
    return named


def give_shots(device: qml.devices.Device, shots: Shots) -> None:
    """Let a device have the shots of another.

    The argument of its ``__init__`` warns, and the property cannot be set.
    """
    device._shots = shots


Closeness = Callable[..., bool]

_original: Closeness = qml.math.allclose
_patched = 0
_lock = Lock()


@contextmanager
def closeness_by(compare: Callable[[Closeness], Closeness]) -> Iterator[None]:
    """Let PennyLane's operators compare numbers by another function for a while.

    State preparations look at norms through ``qml.math.allclose``, which takes tensors to NumPy, so
    that nothing is left of the comparison in a graph of torch's.

    Args:
        compare: makes the function from the original one. Calls of other threads, too, come to it.
    """
    global _patched, _original
    with _lock:
        if not _patched:
            _original = qml.math.allclose
            qml.math.allclose = compare(_original)
        _patched += 1
    try:
        yield
    finally:
        with _lock:
            _patched -= 1
            if not _patched:
                qml.math.allclose = _original
