"""What is used of Qiskit, and of what belongs to it, although it is not public.

Each function says why there is no public way; `tests/compat/test_qiskit.py` holds what it relies
on. Qiskit itself is not imported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any


def operations_of(expression: Any) -> Sequence[Any]:
    """The operations that a ``ParameterExpression`` is made by, each with ``op``, ``lhs``, ``rhs``.

    Since Qiskit 2 an expression is a tree in Rust. Its public methods give values, derivatives and
    a text; what writes circuits to QPY files reads this list.
    """
    return expression._qpy_replay


def quantum_error_of(instruction: Any) -> Any | None:
    """The error of an instruction that Aer makes of a ``QuantumError`` or ``PauliLindbladError``.

    Aer's own converters read it; the instruction has no public property for it.
    """
    return getattr(instruction, "_quantum_error", None)


def future_of(job: Any) -> Future | None:
    """What computes a ``PrimitiveJob`` of this process.

    Its public status says ERROR, and sticks to it, if it is asked before the thread has begun.
    """
    future = getattr(job, "_future", None)
    return future if isinstance(future, Future) else None


def hidden_backend_of(primitive: Any) -> Any | None:
    """The backend of one of Aer's primitives, which have no property for it."""
    return getattr(primitive, "_backend", None)
