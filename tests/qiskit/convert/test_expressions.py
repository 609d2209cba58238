"""Parameter expressions have Qiskit's values, and derivatives in every interface."""

import autograd
import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane import numpy as pnp
from qiskit.circuit import Parameter, ParameterVector

from pennylane_qizgloria.qiskit.convert.expressions import compile_expression

X, Y = Parameter("x"), Parameter("y")
POINT = {X: 0.37, Y: 0.61}

EXPRESSIONS = {
    "sin": X.sin(),
    "cos": X.cos(),
    "tan": X.tan(),
    "arcsin": X.arcsin(),
    "arccos": X.arccos(),
    "arctan": X.arctan(),
    "exp": X.exp(),
    "log": X.log(),
    "abs": (X - 1).abs(),
    "sign": X * (X - 1).sign(),
    "conjugate": X.conjugate(),
    "add": 1 + X + Y + 2,
    "subtract": 1 - X,
    "subtract two": (X - 1) - (Y - X),
    "multiply": -3 * X * Y,
    "divide": X / (2 * Y),
    "divide a number": 2 / X,
    "power": X**3,
    "power of a number": 2 ** (X + 1),
    "power of both": X**Y,
    "complex that is real": 1j * (1j * X),
    "substituted": (X + Y).subs({Y: X.sin()}),
    "one bound": (X * Y + Y).bind({Y: 0.5}),
    "bare": X,
    "nothing left": (X + 1).bind({X: 0.5}),
    "nested": ((X * Y).sin() - 2**X + (X / Y).arctan()).exp().conjugate().abs(),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_values(name):
    """An expression would give another angle than in Qiskit."""
    expression = EXPRESSIONS[name]
    point = {p: POINT[p] for p in expression.parameters}
    value = compile_expression(expression)(POINT)
    assert float(value) == pytest.approx(complex(expression.bind(point).numeric()).real, abs=1e-12)


@pytest.mark.parametrize(
    "name", [n for n, expression in EXPRESSIONS.items() if expression.parameters]
)
def test_torch_gradients(name):
    """Training through an expression would go the wrong way."""
    expression = EXPRESSIONS[name]
    x, y = (torch.tensor(POINT[p], dtype=torch.float64, requires_grad=True) for p in (X, Y))
    function = compile_expression(expression)
    assert torch.autograd.gradcheck(lambda x, y: function({X: x, Y: y}), (x, y))


def test_other_interfaces():
    """Only torch could train through a template."""
    function = compile_expression((X * 2).sin() ** 2)
    expected = 2 * np.sin(0.8)
    assert jax.grad(lambda x: function({X: x}))(0.2) == pytest.approx(expected, rel=1e-5)
    value = pnp.array(0.2, requires_grad=True)
    assert autograd.grad(lambda x: function({X: x}))(value) == pytest.approx(expected)


def test_arrays_and_mixed_interfaces():
    """A batch would not broadcast, or a numpy array would cut the gradient of a tensor."""
    function = compile_expression(X * Y.cos())
    batch = np.array([0.1, 0.2, 0.3])
    np.testing.assert_allclose(function({X: batch, Y: 0.5}), batch * np.cos(0.5))
    y = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    function({X: batch, Y: y}).sum().backward()
    assert y.grad.item() == pytest.approx(-batch.sum() * np.sin(0.5))


def test_integers_are_angles():
    """Powers of integers would fail or be rounded."""
    assert compile_expression(X**-1)({X: 2}) == 0.5
    assert compile_expression(X**-1)({X: np.int64(2)}) == 0.5
    assert compile_expression(X**-1)({X: torch.tensor(2)}).item() == 0.5


def leaves():
    numbers = st.floats(-2, 2, allow_nan=False).map(lambda x: round(x, 3))
    return st.one_of(st.sampled_from([X, Y]), numbers.map(lambda x: X + x))


def combined(inner):
    binary = st.tuples(st.sampled_from(["add", "sub", "mul"]), inner, inner)
    unary = st.tuples(st.sampled_from(["sin", "cos", "arctan", "abs", "conjugate"]), inner)
    operators = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b}
    return st.one_of(
        binary.map(lambda job: operators[job[0]](job[1], job[2])),
        unary.map(lambda job: getattr(job[1], job[0])()),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(expression=st.recursive(leaves(), combined, max_leaves=8))
def test_random_expressions(expression):
    """The order of operands would be lost somewhere in a long expression."""
    point = {p: POINT[p] for p in expression.parameters}
    value = compile_expression(expression)(POINT)
    assert float(value) == pytest.approx(float(expression.bind(point).numeric()), abs=1e-9)


def test_symbols():
    """A template given Qiskit's parameters would not stay symbolic."""
    a = Parameter("a")
    function = compile_expression(X.sin() + Y)
    assert function({X: a, Y: 0.5}) == a.sin() + 0.5
    assert function({X: X, Y: Y}) == X.sin() + Y
    # The two are exchanged at once, not one after the other.
    assert function({X: Y, Y: X}) == Y.sin() + X
    with pytest.raises(ValueError, match="symbols and arrays"):
        function({X: a, Y: np.array([0.1, 0.2])})


def test_complex_values_are_refused():
    """Half of a number would be dropped without a word."""
    with pytest.raises(ValueError, match="must be real"):
        compile_expression(1j * X)({X: 0.5})


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "exp", "log", "abs", "arcsin", "sqrt"])
def test_functions_of_qml_math(name):
    """A quantum function that computes with its arguments could not be called with symbols."""
    v = ParameterVector("v", 1)[0]
    expression = getattr(qml.math, name)(v)
    expected = getattr(np, name)(0.3)
    assert float(expression.bind({v: 0.3})) == pytest.approx(expected)
