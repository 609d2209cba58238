"""How operators that are not applied as they are become others.

That is PennyLane's decomposition, save where it branches on a number, which loses the derivative
there, or where it cannot take every interface: controlled gates and exponentials.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import pennylane as qml
from pennylane.exceptions import DecompositionUndefinedError
from pennylane.operation import Operator
from pennylane.ops import Evolution
from pennylane.ops.op_math import Adjoint, Controlled, Exp, Pow

from .closed_forms import innermost
from .exponentials import pauli_exponential, time_of

_ANTICOMMUTING: dict[type[Operator], type[Operator]] = {
    qml.RX: qml.Z,
    qml.RY: qml.X,
    qml.RZ: qml.X,
}
"""For each rotation a Pauli operator that reverses its angle: ``P R(x) P = R(-x)``."""


def has_decomposition(op: Operator) -> bool:
    """Whether `decomposition` has one, whatever the numbers are."""
    if isinstance(op, Exp):
        return isinstance(op, Evolution) or pauli_exponential(op) is not None
    if isinstance(op, Controlled) and op.data:
        return type(op.base) in _ANTICOMMUTING or has_decomposition(op.base)
    if isinstance(innermost(op), Exp):
        return isinstance(op, Pow) or has_decomposition(op.base)
    return op.has_decomposition or _is_integer_power(op)


def decomposition(op: Operator) -> list[Operator]:
    """Operators that do the same one after the other.

    Raises:
        DecompositionUndefinedError: if there are none.
    """
    if isinstance(op, Exp):
        return [_exponential(op)]
    if isinstance(op, Controlled) and op.data:
        return _controlled(op)
    if isinstance(innermost(op), Exp):
        return _around_exponential(op)
    if _is_integer_power(op) and not op.has_decomposition:
        return _repeated(op)
    return op.decomposition()


def _is_integer_power(op: Operator) -> bool:
    return isinstance(op, Pow) and isinstance(op.z, Real) and float(op.z).is_integer()


def _repeated(op: Pow) -> list[Operator]:
    """An integer power, which PennyLane decomposes if it is positive and of type ``int``."""
    base = op.base if op.z > 0 else Adjoint(op.base)
    return [base] * abs(int(op.z)) or [qml.Identity(op.wires)]


# --- controlled gates -----------------------------------------------------------------------------


def _controlled(op: Controlled) -> list[Operator]:
    """The parts of the gate, controlled, whatever the angles are."""
    if type(op.base) in _ANTICOMMUTING:
        return _controlled_rotation(op)
    if isinstance(op.base, qml.GlobalPhase):
        return op.decomposition()
    return [_with_controls_of(op, part) for part in decomposition(op.base)]


def _with_controls_of(op: Controlled, part: Operator) -> Operator:
    return qml.ctrl(part, op.control_wires, op.control_values, op.work_wires, op.work_wire_type)


def _controlled_rotation(op: Controlled) -> list[Operator]:
    r"""A rotation behind controls, by Pauli operators behind one half of them each.

    With :math:`P R(x) P = R(-x)`, four quarters of the angle with P behind the first, the second,
    the first and the second half of the controls between them add up where both halves are on, and
    cancel elsewhere (Vale et al., arXiv:2302.06377).
    """
    rotation: Any = type(op.base)
    (angle,), wire = op.base.data, op.base.wires
    flip = _ANTICOMMUTING[rotation](wire)
    values, middle = list(op.control_values), len(op.control_wires) // 2
    halves = [
        qml.ctrl(flip, wires, own, op.work_wires, op.work_wire_type)
        for wires, own in (
            (op.control_wires[:middle], values[:middle]),
            (op.control_wires[middle:], values[middle:]),
        )
    ]
    forwards, backwards = rotation(angle / 4, wire), rotation(-angle / 4, wire)
    return 2 * [halves[0], backwards, halves[1], forwards]


# --- exponentials ---------------------------------------------------------------------------------


def as_evolution(op: Operator) -> Operator | None:
    """An exponential, or its adjoint, power or control, with the time as its only parameter.

    None for what is an evolution already, or has no time because its exponent is not imaginary.
    """
    if isinstance(op, Exp):
        time = None if isinstance(op, Evolution) else time_of(op)
        return None if time is None else Evolution(op.base, time)
    base = as_evolution(op.base) if isinstance(op, Adjoint | Pow | Controlled) else None
    if base is None:
        return None
    if isinstance(op, Controlled):
        return _with_controls_of(op, base)
    return Adjoint(base) if isinstance(op, Adjoint) else Pow(base, op.z)


def _exponential(op: Exp) -> Operator:
    found = pauli_exponential(op)
    if found is not None:
        return found
    if isinstance(op, Evolution):
        return Exp(op.base, op.coeff)
    raise DecompositionUndefinedError(f"{op} is not the evolution by a sum of Pauli words.")


def _around_exponential(op: Adjoint | Pow) -> list[Operator]:
    """The adjoint or the power of an exponential; PennyLane's powers of them fail."""
    base = op.base
    if isinstance(op, Adjoint):
        return [Adjoint(part) for part in reversed(decomposition(base))]
    if isinstance(base, Exp):
        return [base.pow(op.z)]
    if isinstance(base, Pow):
        return [Pow(base.base, base.z * op.z)]
    if isinstance(base, Adjoint):
        return [Adjoint(Pow(base.base, op.z))]
    return [_with_controls_of(base, Pow(base.base, op.z))]
