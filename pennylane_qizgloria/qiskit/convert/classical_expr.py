"""Conditions on measurement outcomes, from PennyLane to Qiskit's classical expressions and back.

PennyLane's condition is any function of outcomes (a ``MeasurementValue``), so it is converted by
its truth table. Qiskit's is an expression on classical bits, or an older pair of a bit or register
and a value. Registers are little-endian: their first bit is the least significant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

from pennylane.ops import MeasurementValue
from qiskit.circuit import ClassicalRegister, Clbit
from qiskit.circuit.classical import expr, types

Condition: TypeAlias = tuple[Clbit | ClassicalRegister, int] | expr.Expr
"""What Qiskit's control flow tests."""

Table = tuple[bool, ...]
"""Truth values of all outcomes in order, the first measurement being the most significant."""

MAX_BITS = 10
"""A truth table is made for no more bits than this."""


# --- from PennyLane to Qiskit ---------------------------------------------------------------------


def truth_table(
    value: MeasurementValue, position: Mapping[str, int]
) -> tuple[tuple[int, ...], Table]:
    """The truth values of a condition for all outcomes of the measurements that it depends on.

    Args:
        value: the condition.
        position: of each measurement, by its unique name.

    Returns:
        The positions of the measurements, sorted, and the table in that order. (PennyLane orders
        them by their names, which are random.)

    Raises:
        ValueError: if the condition depends on more than `MAX_BITS` measurements, or on one that
            has no position.
    """
    if len(value.measurements) > MAX_BITS:
        raise ValueError(
            f"A condition on {len(value.measurements)} measurements cannot be converted to "
            f"Qiskit: at most {MAX_BITS} are allowed. Split it into conditions on fewer."
        )
    unknown = [m for m in value.measurements if m.meas_uid not in position]
    if unknown:
        raise ValueError(f"A condition looks at {unknown[0]}, which is not in the circuit.")
    given = [position[m.meas_uid] for m in value.measurements]
    in_order = sorted(given)
    table = []
    for outcomes in product((0, 1), repeat=len(in_order)):
        outcome = dict(zip(in_order, outcomes, strict=True))
        table.append(bool(value.processing_fn(*(outcome[i] for i in given))))
    return tuple(in_order), tuple(table)


def to_expr(table: Table, bits: Sequence[Clbit]) -> expr.Expr | bool:
    """A truth table as one of Qiskit's expressions on bits, or as a constant.

    Args:
        table: ``2**len(bits)`` truth values.
        bits: the bits, the most significant first.

    >>> from qiskit.circuit import Clbit
    >>> bits = [Clbit(), Clbit()]
    >>> to_expr((False, True, True, False), bits).op.name
    'BIT_XOR'
    >>> to_expr((True, True, True, True), bits)
    True
    """
    if all(table) or not any(table):
        return table[0]
    # Split the table by its first bit (Shannon's expansion).
    half = len(table) // 2
    low, high = table[:half], table[half:]
    if low == high:
        return to_expr(low, bits[1:])
    bit = expr.lift(bits[0])
    if not any(low):
        return _and(bit, to_expr(high, bits[1:]))
    if not any(high):
        return _and(expr.logic_not(bit), to_expr(low, bits[1:]))
    if all(high):
        return expr.logic_or(bit, to_expr(low, bits[1:]))
    if all(low):
        return expr.logic_or(expr.logic_not(bit), to_expr(high, bits[1:]))
    if all(a != b for a, b in zip(low, high, strict=True)):
        return expr.bit_xor(bit, to_expr(low, bits[1:]))
    return expr.logic_or(
        _and(bit, to_expr(high, bits[1:])), _and(expr.logic_not(bit), to_expr(low, bits[1:]))
    )


def _and(bit: expr.Expr, rest: expr.Expr | bool) -> expr.Expr:
    return bit if rest is True else expr.logic_and(bit, rest)


# --- from Qiskit to PennyLane ---------------------------------------------------------------------


def bits_of(condition: Condition | Clbit | ClassicalRegister) -> list[Clbit]:
    """The classical bits that a condition, or the target of a switch, looks at.

    Raises:
        ValueError: if it looks at a classical variable.
    """
    if isinstance(condition, tuple):
        condition = condition[0]
    if isinstance(condition, Clbit):
        return [condition]
    if isinstance(condition, ClassicalRegister):
        return list(condition)
    found: dict[Clbit, None] = {}
    for var in expr.iter_vars(condition):
        if not isinstance(var.var, Clbit | ClassicalRegister):
            raise ValueError(
                f"The classical variable {var.name!r} in a condition cannot be converted to "
                "PennyLane: only classical bits and registers can."
            )
        found |= dict.fromkeys(bits_of(var.var))
    return list(found)


def evaluate(condition: Condition | Clbit | ClassicalRegister, bits: Mapping[Clbit, int]) -> int:
    """The value of a condition, or of the target of a switch, for given bits.

    Raises:
        ValueError: if the expression has a part that is not on bits, integers and booleans.
    """
    if isinstance(condition, tuple):
        return int(evaluate(condition[0], bits) == condition[1])
    if isinstance(condition, Clbit):
        return bits[condition]
    if isinstance(condition, ClassicalRegister):
        return sum(bits[bit] << i for i, bit in enumerate(condition))
    if isinstance(condition, expr.Var):
        return evaluate(condition.var, bits)
    if isinstance(condition, expr.Value):
        return condition.value
    if isinstance(condition, expr.Cast):
        return _wrap(evaluate(condition.operand, bits), condition.type)
    if isinstance(condition, expr.Index):
        return evaluate(condition.target, bits) >> evaluate(condition.index, bits) & 1
    if isinstance(condition, expr.Unary):
        value = evaluate(condition.operand, bits)
        return _wrap(_UNARY[condition.op](value), condition.type)
    if isinstance(condition, expr.Binary):
        left, right = evaluate(condition.left, bits), evaluate(condition.right, bits)
        return _wrap(_BINARY[condition.op](left, right), condition.type)
    raise ValueError(f"The classical expression {condition} cannot be converted to PennyLane.")


def _wrap(value: Any, kind: types.Type) -> Any:
    """A value in the range of its type: integers are unsigned and overflow."""
    if isinstance(kind, types.Bool):
        return int(bool(value))
    if isinstance(kind, types.Uint):
        return int(value) % 2**kind.width
    return value


_UNARY: dict[Any, Callable] = {
    expr.Unary.Op.BIT_NOT: lambda x: ~x,
    expr.Unary.Op.LOGIC_NOT: lambda x: not x,
    expr.Unary.Op.NEGATE: lambda x: -x,
}

_BINARY: dict[Any, Callable] = {
    expr.Binary.Op.BIT_AND: lambda a, b: a & b,
    expr.Binary.Op.BIT_OR: lambda a, b: a | b,
    expr.Binary.Op.BIT_XOR: lambda a, b: a ^ b,
    expr.Binary.Op.LOGIC_AND: lambda a, b: a and b,
    expr.Binary.Op.LOGIC_OR: lambda a, b: a or b,
    expr.Binary.Op.EQUAL: lambda a, b: a == b,
    expr.Binary.Op.NOT_EQUAL: lambda a, b: a != b,
    expr.Binary.Op.LESS: lambda a, b: a < b,
    expr.Binary.Op.LESS_EQUAL: lambda a, b: a <= b,
    expr.Binary.Op.GREATER: lambda a, b: a > b,
    expr.Binary.Op.GREATER_EQUAL: lambda a, b: a >= b,
    expr.Binary.Op.SHIFT_LEFT: lambda a, b: a << b,
    expr.Binary.Op.SHIFT_RIGHT: lambda a, b: a >> b,
    expr.Binary.Op.ADD: lambda a, b: a + b,
    expr.Binary.Op.SUB: lambda a, b: a - b,
    expr.Binary.Op.MUL: lambda a, b: a * b,
    expr.Binary.Op.DIV: lambda a, b: a // b if isinstance(a, int) else a / b,
}


def measurement_value(
    function: Callable[[Mapping[Any, int]], int],
    outcomes: Mapping[Any, MeasurementValue | None],
) -> MeasurementValue | bool:
    """A truth function of classical bits as PennyLane's condition, or as a constant.

    Args:
        function: of the bits' values.
        outcomes: for each bit that the function looks at, what `qml.measure` gave for the last
            measurement into it, or None for the bit's initial value of 0.

    Raises:
        ValueError: if it looks at more than `MAX_BITS` measured bits.
    """
    measured = {bit: value for bit, value in outcomes.items() if value is not None}
    if len(measured) > MAX_BITS:
        raise ValueError(
            f"A condition on {len(measured)} measured bits cannot be converted to PennyLane: "
            f"at most {MAX_BITS} are allowed. Split it into conditions on fewer."
        )
    rows = list(product((0, 1), repeat=len(measured)))
    zeros = dict.fromkeys(outcomes, 0)
    true = [row for row in rows if function({**zeros, **dict(zip(measured, row, strict=True))})]
    if len(true) in (0, len(rows)):
        return bool(true)

    def condition(*values: Any) -> Any:
        # Products and sums only, so that arrays of outcomes and traced values pass.
        literals = [(1 - value * 1, value * 1) for value in values]
        return sum(
            math.prod(pair[bit] for pair, bit in zip(literals, row, strict=True)) for row in true
        )

    return MeasurementValue([value.measurements[0] for value in measured.values()], condition)
