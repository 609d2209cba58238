"""Qiskit's ``ParameterExpression`` as a function on the tensors of any interface.

Qiskit evaluates an expression on plain numbers only, without derivatives. Here the operations that
an expression consists of are read once (from the list that Qiskit writes to QPY files) and run
on tensors through `qml.math`, so torch, JAX and autograd differentiate through them.

Importing this module also teaches `qml.math` the functions that Qiskit's parameters have, so
``qml.math.sin(Parameter("x"))`` in a quantum function gives a ``ParameterExpression``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any

import numpy as np
import pennylane as qml
from autoray import register_function
from qiskit.circuit import Parameter, ParameterExpression

from ..._compat.qiskit import operations_of
from ...tolerances import REAL_EXPRESSION

Values = Mapping[Parameter, Any]
"""A number, a tensor of any interface or a Qiskit expression for each parameter."""


def _swapped(function: Callable) -> Callable:
    return lambda left, right: function(right, left)


_BINARY: dict[str, Callable] = {
    "ADD": operator.add,
    "SUB": operator.sub,
    "MUL": operator.mul,
    "DIV": operator.truediv,
    "POW": operator.pow,
    "RSUB": _swapped(operator.sub),
    "RDIV": _swapped(operator.truediv),
    "RPOW": _swapped(operator.pow),
}

_UNARY: dict[str, Callable] = {
    "SIN": qml.math.sin,
    "COS": qml.math.cos,
    "TAN": qml.math.tan,
    "ASIN": qml.math.arcsin,
    "ACOS": qml.math.arccos,
    "ATAN": qml.math.arctan,
    "EXP": qml.math.exp,
    "LOG": qml.math.log,
    "SIGN": qml.math.sign,
    "CONJ": qml.math.conj,
    "ABS": qml.math.abs,
}


@dataclass(frozen=True)
class Expression:
    """What `compile_expression` makes: call it with values for the parameters."""

    source: ParameterExpression
    operations: tuple[tuple[str, tuple[Any, ...]], ...]

    def __call__(self, values: Values) -> Any:
        """The value of the expression: a number, a tensor, or an expression in other symbols."""
        given = {p: values[p] for p in self.source.parameters}
        if any(isinstance(value, ParameterExpression) for value in given.values()):
            return _substitute(self.source, given)
        return _real(self._run(_unify(given)), self.source)

    def _run(self, values: Values) -> Any:
        stack: list[Any] = []
        for name, operands in self.operations:
            stack += [values[x] if isinstance(x, Parameter) else x for x in operands]
            if name in _UNARY:
                stack.append(_UNARY[name](stack.pop()))
            elif name in _BINARY:
                right, left = stack.pop(), stack.pop()
                stack.append(_BINARY[name](left, right))
        return stack.pop()


def compile_expression(expression: ParameterExpression) -> Expression:
    """A parameter expression as a function that every interface can differentiate.

    Args:
        expression: any of Qiskit's, a bare ``Parameter`` included.

    Returns:
        A function of a mapping from each of the expression's parameters to a number, a tensor of
        any interface and shape (they broadcast against each other), or a Qiskit expression. With
        numbers and tensors it gives the value; with a Qiskit expression among them it gives the
        expression with the parameters substituted.

    Raises:
        ValueError: if the expression has an operation that is not known here, or, when called, if
            its value is not real.

    >>> from qiskit.circuit import Parameter
    >>> x = Parameter("x")
    >>> function = compile_expression((2 * x).sin())
    >>> value = torch.tensor(0.3, requires_grad=True)
    >>> function({x: value}).backward()
    >>> print(f"{value.grad:.4f}")
    1.6507
    """
    if isinstance(expression, Parameter):
        return Expression(expression, (("LOAD", (expression,)),))
    if not expression.parameters:
        return Expression(expression, (("LOAD", (expression.numeric(strict=False),)),))
    operations = []
    for entry in operations_of(expression):
        name = str(entry.op).rpartition(".")[2]
        if name not in _UNARY and name not in _BINARY:
            raise ValueError(
                f"The operation {name} in the parameter expression {expression} is not known. "
                "Bind the expression's parameters before converting the circuit."
            )
        operands = tuple(x for x in (entry.lhs, entry.rhs) if x is not None)
        operations.append((name, operands))
    return Expression(expression, tuple(operations))


def _substitute(expression: ParameterExpression, values: Values) -> ParameterExpression:
    """An expression with some of its parameters replaced by others."""
    symbols = {p: v for p, v in values.items() if isinstance(v, ParameterExpression)}
    # A parameter that stands for itself need not be touched.
    symbols = {p: v for p, v in symbols.items() if not (isinstance(v, Parameter) and v == p)}
    numbers = {p: v for p, v in values.items() if not isinstance(v, ParameterExpression)}
    if any(qml.math.ndim(value) for value in numbers.values()):
        raise ValueError(
            f"The parameter expression {expression} is given both symbols and arrays. "
            "Give symbols for all of its parameters, or numbers or arrays for all."
        )
    bound = expression.bind({p: float(v) for p, v in numbers.items()}) if numbers else expression
    return bound.subs(symbols) if symbols else bound


def _unify(values: Values) -> dict[Parameter, Any]:
    """Values in the one interface that they have besides numpy, integers as floats."""
    interface = qml.math.get_interface(*values.values())
    return {p: _as_float(value, interface) for p, value in values.items()}


def _as_float(value: Any, interface: str) -> Any:
    if isinstance(value, Number):
        return float(value)  # type: ignore[arg-type]
    if isinstance(value, Sequence):
        value = np.asarray(value)
    if interface not in ("numpy", "autograd") and qml.math.get_interface(value) == "numpy":
        value = qml.math.asarray(value, like=interface)
    if "int" in qml.math.get_dtype_name(value) or "bool" in qml.math.get_dtype_name(value):
        value = qml.math.cast(value, "float64")
    return value


def _real(value: Any, expression: ParameterExpression) -> Any:
    """The real part of a value that is real but for its dtype."""
    if isinstance(value, float) or "complex" not in qml.math.get_dtype_name(value):
        return value
    imaginary = qml.math.imag(value)
    if not qml.math.is_abstract(value) and not qml.math.allclose(
        imaginary, 0.0, atol=REAL_EXPRESSION
    ):
        raise ValueError(
            f"The parameter expression {expression} has the value {value}, but a gate's parameter "
            "must be real."
        )
    return qml.math.real(value)


def _teach_qml_math() -> None:
    methods = ["sin", "cos", "tan", "arcsin", "arccos", "arctan", "exp", "log", "abs", "sign"]
    for name in methods:
        register_function("qiskit", name, operator.methodcaller(name))
    register_function("qiskit", "conj", operator.methodcaller("conjugate"))
    register_function("qiskit", "sqrt", lambda x: x**0.5)
    # The parameters of gates are real.
    register_function("qiskit", "real", lambda x: x)


_teach_qml_math()
