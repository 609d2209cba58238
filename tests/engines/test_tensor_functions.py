"""Circuits as functions of tensors, against finite differences and against one another."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.comparison import assert_close
from helpers.derivatives import five_point_derivative
from pennylane.tape import QuantumScript

from pennylane_qizgloria.engines.config import SimulationConfig
from pennylane_qizgloria.engines.simulation import simulate
from pennylane_qizgloria.engines.tensor_functions import (
    Circuits,
    Cotangents,
    Tangents,
    TensorFunction,
    WithGradient,
    result_specs,
)

CONFIG = SimulationConfig(torch.float64, None, np.random.default_rng(0), as_torch=False)
X = torch.tensor([0.4, -0.8, 0.15], dtype=torch.float64)
HERMITIAN = np.array([[0.3, 1 - 1j], [1 + 1j, -0.4]])

MEASUREMENTS = {
    "expval": lambda: qml.expval(qml.Z(0) @ qml.X(1)),
    "var": lambda: qml.var(qml.Y(1) + 0.5 * qml.Z(0)),
    "hermitian": lambda: qml.expval(qml.Hermitian(HERMITIAN, 1)),
    "probs": lambda: qml.probs(wires=[1, 0]),
    "all probs": qml.probs,
    "density matrix": lambda: qml.density_matrix([0]),
    "state": qml.state,
    "purity": lambda: qml.purity([0]),
    "entropy": lambda: qml.vn_entropy([0]),
    "mutual information": lambda: qml.mutual_info([0], [1]),
}


def tape_of(names, x=0.4, y=-0.8, p=0.15):
    operations = [qml.RX(x, 0), qml.RY(y, 1), qml.CNOT([0, 1]), qml.AmplitudeDamping(p, 0)]
    return QuantumScript([*operations, qml.RY(0.4, 0)], [MEASUREMENTS[name]() for name in names])


def circuits(*names, positions=(0, 1, 2)):
    """One tape with these measurements, as a function of its three numbers."""
    return Circuits((tape_of(names),), (positions,), CONFIG)


def jacobians(function, arguments):
    """The Jacobian of each result by differences, its parameter's axis last; complex as it is."""
    count = len(function(*arguments))
    return [
        five_point_derivative(
            lambda point, i=i: function(*map(torch.tensor, point))[i].detach().numpy(),
            np.array([float(x) for x in arguments]),
        )
        for i in range(count)
    ]


# --- circuits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_specs_without_running(name):
    """Shapes and dtypes are known beforehand, for either precision and a batch."""
    for dtype in (torch.float32, torch.float64):
        config = SimulationConfig(dtype, None, CONFIG.random, as_torch=True)
        for tape in (
            tape_of([name]),
            tape_of([name], x=np.array([0.1, 0.2, 0.3])),
            tape_of([name], p=np.array([0.1, 0.2])),
        ):
            found = simulate(tape, config)
            assert result_specs(tape, dtype) == [(tuple(found.shape), found.dtype)]


def test_results_of_several_tapes():
    """All measurements of the first tape come first, with the arguments shared out in order."""
    tapes = (tape_of(["expval", "probs"]), tape_of(["var"]))
    function = Circuits(tapes, ((0, 2), (1,)), CONFIG)
    assert isinstance(function, TensorFunction)
    arguments = torch.tensor([0.9, 0.3, -0.2], dtype=torch.float64).unbind()
    found = function(*arguments)
    first = simulate(tape_of(["expval", "probs"], x=0.9, p=0.3), CONFIG)
    expected = [*first, simulate(tape_of(["var"], y=-0.2), CONFIG)]
    for own, theirs in zip(found, expected, strict=True):
        assert_close(own, theirs, 1e-12)
    specs = [((), torch.float64), ((4,), torch.float64), ((), torch.float64)]
    assert list(function.specs([])) == specs


def test_rows():
    """Mapped circuits have an axis of sets of arguments in front, and another one when again."""
    function = circuits("expval", "probs")
    rows = torch.rand(2, 4, 3, dtype=torch.float64) * 0.9
    mapped = function.mapped(4).mapped(2)
    found = mapped(*rows.unbind(-1))
    assert [tuple(own.shape) for own in found] == [(2, 4), (2, 4, 4)]
    assert [shape for shape, _ in mapped.specs([])] == [(2, 4), (2, 4, 4)]
    for place in np.ndindex(2, 4):
        for own, single in zip(found, function(*rows[place]), strict=True):
            assert_close(own[place], single, 1e-12)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["expval"], True),
        (["purity"], True),
        (["probs"], False),
        (["density matrix"], False),
        (["expval", "var"], False),
    ],
)
def test_real_numbers(names, expected):
    """One real number is told from arrays and from several results, also when it is mapped."""
    assert circuits(*names).is_real_number is expected
    assert circuits(*names).mapped(3).is_real_number is expected


def test_integers_are_parameters():
    """Integer arguments, which have no derivatives, are given to the tape as arrays."""
    tape = QuantumScript([qml.BasisState(np.array([0, 0]), [0, 1])], [qml.probs(wires=[0, 1])])
    (found,) = Circuits((tape,), ((0,),), CONFIG)(torch.tensor([1, 0]))
    assert found.tolist() == [0, 0, 1, 0]


# --- derivatives ----------------------------------------------------------------------------------


SETS = [["expval"], ["probs"], ["expval", "density matrix", "purity"], ["var", "state"]]


@pytest.mark.parametrize("names", SETS, ids="-".join)
@pytest.mark.parametrize("recorded", [False, True])
def test_tangents(names, recorded):
    """The image of tangents is the Jacobian times them, forwards and by two reverse passes."""
    function, dx = circuits(*names), torch.tensor([0.7, -1.1], dtype=torch.float64)
    tangents = Tangents(function, (0, 2))
    arguments = (*X.unbind(), *dx.unbind())
    if recorded:
        arguments = tuple(x.clone().requires_grad_() for x in arguments)
    found = tangents(*arguments)
    for own, jacobian in zip(found, jacobians(function, X), strict=True):
        assert_close(own, jacobian[..., [0, 2]] @ dx.numpy(), 1e-8)
    specs = [(tuple(x.shape), x.dtype) for x in arguments]
    assert list(tangents.specs(specs)) == [(tuple(y.shape), y.dtype) for y in found]


@pytest.mark.parametrize("names", SETS, ids="-".join)
def test_cotangents(names):
    """The image of cotangents is the sum of their products with the rows, without conjugation."""
    function, rng = circuits(*names), np.random.default_rng(1)
    results = function(*X)
    cotangents = []
    for y in results:
        own = torch.tensor(rng.normal(size=y.shape))
        own = own + 1j * torch.tensor(rng.normal(size=y.shape)) if y.is_complex() else own
        cotangents.append(own)
    found = Cotangents(function, (1, 0))(*X, *cotangents)
    expected = sum(
        np.tensordot(dy.numpy(), jacobian, dy.ndim)
        for dy, jacobian in zip(cotangents, jacobians(function, X), strict=True)
    )
    assert_close(torch.stack(found), np.real(expected)[[1, 0]], 1e-8)


def test_transposes():
    """Tangents and cotangents are transposes: dy (J dx) is (dy J) dx."""
    function = circuits("expval", "probs")
    tangents = Tangents(function, (0, 1, 2))
    for own, kind in [
        (tangents.transposed, Cotangents),
        (tangents.transposed.transposed, Tangents),
    ]:
        assert type(own) is kind
        assert own.function is function
        assert own.positions == tangents.positions
    rng = np.random.default_rng(2)
    dx = torch.tensor(rng.normal(size=3))
    dy = [torch.tensor(rng.normal(size=shape)) for shape in ((), (4,))]
    forwards = sum((a * b).sum() for a, b in zip(dy, tangents(*X, *dx), strict=True))
    backwards = (torch.stack(tangents.transposed(*X, *dy)) * dx).sum()
    assert abs(forwards - backwards) < 1e-12


def test_zero_tangents():
    """Tangents of zero have images of zero."""
    found = Tangents(circuits("expval", "probs"), (0, 1))(*X, *torch.zeros(2).double())
    assert [own.abs().max().item() for own in found] == [0, 0]


def test_results_without_parameters_have_zero_derivatives():
    """Where no result depends on an argument, both images are zero."""
    tape = QuantumScript([qml.RX(0.3, 0), qml.RX(0.4, 1)], [qml.expval(qml.Z(1))])
    function = Circuits((tape,), ((0,),), CONFIG)
    x, one = torch.tensor(0.3).double(), torch.ones(()).double()
    assert Tangents(function, (0,))(x, one)[0] == 0
    assert Cotangents(function, (0,))(x, one)[0] == 0


@pytest.mark.parametrize("outer", [Tangents, Cotangents])
@pytest.mark.parametrize("inner", [Tangents, Cotangents])
def test_derivatives_of_derivatives(inner, outer):
    """Each derivative has derivatives of the same kinds: all give the second derivatives."""
    function, x = circuits("expval", positions=(0, 1)), X[:2]
    one = torch.ones((), dtype=torch.float64)
    hessian = five_point_derivative(
        lambda a: five_point_derivative(
            lambda b: function(*map(torch.tensor, b))[0].numpy(), a, 1e-2
        ),
        x.numpy(),
        1e-2,
    )
    for i in range(2):
        first = inner(function, (i,))  # of the arguments and of a tangent or a cotangent
        for j in range(2):
            (found,) = outer(first, (j,))(*x, one, one)
            assert abs(float(found) - hessian[i, j]) < 1e-6


@pytest.mark.parametrize("outer", [Tangents, Cotangents])
def test_derivatives_of_complex_tangents(outer):
    """Tangents of complex results have derivatives without a conjugation."""
    function, x = circuits("density matrix", positions=(0, 1)), X[:2]
    one = torch.ones((), dtype=torch.float64)
    first = Tangents(function, (0,))
    second = five_point_derivative(
        lambda point: first(*map(torch.tensor, point), one)[0].numpy(), x.numpy()
    )[..., 1]
    assert np.abs(second.imag).max() > 1e-2
    if outer is Tangents:
        assert_close(outer(first, (1,))(*x, one, one)[0], second, 1e-8)
        return
    cotangent = torch.tensor([[0.3, 0.5 - 1j], [0.2 + 0.7j, 1j]], dtype=torch.complex128)
    (found,) = outer(first, (1,))(*x, one, cotangent)
    assert_close(found, np.sum(cotangent.numpy() * second).real, 1e-8)


def test_third_derivatives_of_complex_results():
    """Tangents of tangents of tangents agree with differences of the second ones."""
    function, one = circuits("density matrix", positions=(0,)), torch.ones((), dtype=torch.float64)
    second = Tangents(Tangents(function, (0,)), (0,))
    expected = five_point_derivative(
        lambda point: second(torch.tensor(point[0]), one, one)[0].numpy(), [0.4]
    )[..., 0]
    third = Tangents(second, (0,))
    (found,) = third(X[0], one, one, one)
    assert np.abs(expected.imag).max() > 1e-2
    assert_close(found, expected, 1e-8)


def test_rows_of_derivatives():
    """Mapped derivatives are those of each row alone."""
    function = circuits("expval")
    rows = torch.tensor([[0.4, -0.8, 0.15], [1.4, 0.3, 0.6]], dtype=torch.float64)
    ones = torch.ones(2, dtype=torch.float64)
    columns = rows.unbind(-1)
    (forwards,) = Tangents(function, (1,)).mapped(2)(*columns, ones)
    (backwards,) = Cotangents(function, (1,)).mapped(2)(*columns, ones)
    single = [Tangents(function, (1,))(*row, ones[0])[0] for row in rows]
    assert_close(forwards, torch.stack(single), 1e-12)
    assert_close(backwards, torch.stack(single), 1e-12)


@pytest.mark.parametrize("rows", [None, 2])
def test_value_and_gradient(rows):
    """A number comes with its gradient from one run, row by row."""
    function = circuits("expval")
    points = X[None] if rows is None else torch.stack([X, X + 0.3])
    both = WithGradient(function, (0, 2))
    mapped = both if rows is None else both.mapped(rows)
    arguments = X.unbind() if rows is None else points.unbind(-1)
    value, *gradient = mapped(*arguments)
    for i, point in enumerate(points):
        (jacobian,) = jacobians(function, point)
        found = [own if rows is None else own[i] for own in (value, *gradient)]
        assert_close(found[0], function(*point)[0], 1e-12)
        assert_close(torch.stack(found[1:]), jacobian[[0, 2]], 1e-8)
    specs = mapped.specs([(tuple(x.shape), x.dtype) for x in arguments])
    assert [shape for shape, _ in specs] == [tuple(own.shape) for own in (value, *gradient)]


def test_gradients_of_complex_arguments_are_not_conjugated():
    """Cotangents of complex arguments are the plain products, as JAX and autograd have them."""
    ket = torch.tensor([0.6, 0.8j], dtype=torch.complex128)
    tape = QuantumScript([qml.StatePrep(ket.numpy(), 0)], [qml.expval(qml.Y(0))])
    function = Circuits((tape,), ((0,),), CONFIG)
    direction = torch.tensor([0.3 - 0.2j, 0.1 + 0.5j], dtype=torch.complex128)
    (image,) = Tangents(function, (0,))(ket, direction)
    (gradient,) = Cotangents(function, (0,))(ket, torch.ones((), dtype=torch.float64))
    assert abs(float(image) - float((gradient * direction).sum().real)) < 1e-12
    matrix = np.array([[0, -1j], [1j, 0]])
    expected = 2 * (direction.numpy().conj() @ matrix @ ket.numpy()).real
    assert abs(float(image) - expected) < 1e-10
