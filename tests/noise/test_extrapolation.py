"""Extrapolation to zero noise, against polynomials and exponentials that are known."""

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.noise.extrapolation import exponential, richardson

SCALES = torch.tensor([1.0, 1.5, 2.5, 3.0], dtype=torch.float64)


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_richardson_is_the_polynomial_through_all_points(rng, shape):
    """It is what numpy's polynomial of the highest degree has at 0."""
    values = rng.normal(size=(len(SCALES), *shape))
    expected = [np.polyfit(SCALES, own, 3)[-1] for own in values.reshape(len(SCALES), -1).T]
    found = richardson(SCALES, torch.tensor(values))
    np.testing.assert_allclose(found, np.reshape(expected, shape), atol=1e-10)


@pytest.mark.parametrize("limit", [0.0, 0.25, torch.tensor([0.1, -0.2]).double()])
def test_exponentials_are_found(limit):
    """Of an exponential on either side of its limit the value at 0 is found."""
    heights = torch.tensor([0.8, -0.5], dtype=torch.float64)
    values = limit + heights * torch.exp(-0.3 * SCALES[:, None])
    np.testing.assert_allclose(exponential(SCALES, values, limit), limit + heights, atol=1e-12)


def test_exponentials_of_noisy_values(rng):
    """Several points are fitted by least squares of logarithms."""
    values = 0.9 * np.exp(-0.2 * SCALES.numpy()) * (1 + 0.01 * rng.normal(size=4))
    expected = np.exp(np.polyfit(SCALES, np.log(values), 1)[-1])
    np.testing.assert_allclose(exponential(SCALES, torch.tensor(values)), expected)


@pytest.mark.parametrize("function", [richardson, exponential])
def test_gradients(rng, function):
    """Derivatives by the values agree with differences."""
    values = torch.tensor(rng.uniform(0.5, 1, (4, 2)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda own: function(SCALES, own), values)


@pytest.mark.parametrize("function", [richardson, exponential])
@pytest.mark.parametrize(
    ("scales", "values", "message"),
    [
        (torch.ones(1), torch.ones(1), "two or more different"),
        (torch.ones(2), torch.ones(2), "two or more different"),
        ([[1.0, 2.0]], torch.ones(1), "two or more different"),
        (torch.tensor([1.0, 2.0]), torch.ones(3), r"each of the 2 scales; got the shape \(3,\)"),
        ([1, 2], 0.5, r"each of the 2 scales; got the shape \(\)"),
        ([1, 2j], torch.ones(2), "scales must be real"),
    ],
)
def test_bad_scales(function, scales, values, message):
    """Scales that say nothing about 0 are refused."""
    with pytest.raises(ValueError, match=message):
        function(scales, values)


POINTS = [1, 2, 4]
HEIGHTS = [0.5, 0.25, 0.0625]


@pytest.mark.parametrize("function", [richardson, exponential])
@pytest.mark.parametrize(
    "kind", [list, tuple, np.array, torch.tensor, lambda own: torch.tensor(own).double()]
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_kinds_of_numbers(function, kind, dtype):
    """Lists, arrays and whole numbers are taken as tensors; results have the dtype of values."""
    values = torch.tensor(HEIGHTS, dtype=dtype)
    found = function(kind(POINTS), values)
    assert found.dtype == dtype
    assert found == pytest.approx(function(torch.tensor(POINTS).double(), values))


@pytest.mark.parametrize("function", [richardson, exponential])
@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (HEIGHTS, torch.float64),
        (np.array(HEIGHTS), torch.float64),
        (np.array(HEIGHTS[::-1])[::-1], torch.float64),
        (np.array(HEIGHTS, np.float32), torch.float32),
        ([np.array(own) for own in HEIGHTS], torch.float64),
        ([8, 4, 1], torch.float64),
        (np.array([8, 4, 1]), torch.float64),
        (torch.tensor([8, 4, 1]), torch.float64),
    ],
)
def test_kinds_of_values(function, values, dtype):
    """Values may be lists, arrays and whole numbers as well."""
    found = function(POINTS, values)
    expected = function(POINTS, torch.tensor([float(own) for own in values]).double())
    assert found.dtype == dtype
    assert found == pytest.approx(expected)


def test_kinds_of_limits():
    """A limit may be a list or an array, with one number for each output."""
    values, limit = 0.1 + torch.tensor([HEIGHTS, HEIGHTS]).double().T, np.array([0.1, 0.0])
    expected = torch.stack(
        [exponential(POINTS, own, number) for own, number in zip(values.T, limit, strict=True)]
    )
    for own in (limit, limit.tolist(), torch.as_tensor(limit)):
        np.testing.assert_allclose(exponential(POINTS, values, own), expected)


@pytest.mark.parametrize("function", [richardson, exponential])
def test_gradients_by_scales_and_limits(function):
    """Derivatives flow through tensors of scales and of limits, too."""
    scales = SCALES.clone().requires_grad_()
    values = torch.tensor([0.9, 0.8, 0.7, 0.6], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda own: function(own, values), scales)
    limit = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda own: exponential(SCALES, values, own), limit)


@pytest.mark.parametrize("function", [richardson, exponential])
def test_vmap(rng, function):
    """Under torch.func.vmap values give what they give alone."""
    values = torch.tensor(rng.uniform(0.5, 1, (3, 4)))
    found = torch.func.vmap(lambda own: function(SCALES, own))(values)
    np.testing.assert_allclose(found, [function(SCALES, own) for own in values], atol=1e-12)


def test_complex_values(rng):
    """A polynomial may be complex, such as an element of a density matrix; a decay may not."""
    real, imaginary = (torch.tensor(rng.normal(size=(4, 2))) for _ in range(2))
    found = richardson(SCALES, torch.complex(real, imaginary))
    expected = torch.complex(richardson(SCALES, real), richardson(SCALES, imaginary))
    np.testing.assert_allclose(found, expected)
    with pytest.raises(ValueError, match=r"values must be real, got torch\.complex128"):
        exponential(SCALES, torch.complex(real, imaginary))


@pytest.mark.parametrize("function", [richardson, exponential])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite(function, wrong):
    """What is not finite is named, with the outputs that have it."""
    with pytest.raises(ValueError, match="scales must be finite"):
        function([1.0, wrong], [0.5, 0.4])
    with pytest.raises(ValueError, match=r"values of the outputs \[\(1,\)\] are not finite"):
        function([1.0, 2.0], [[0.5, 0.5], [0.4, wrong]])
    with pytest.raises(ValueError, match="limit must be finite"):
        exponential([1.0, 2.0], [0.5, 0.4], wrong)


@pytest.mark.parametrize("function", [richardson, exponential])
def test_lists_of_tensors(function):
    """A list of tensors is refused, as its derivatives would be lost, and what to do is said."""
    x = torch.tensor(0.5, requires_grad=True)
    for values in ([x, x / 2], (x, x / 2), [[x, x], [x, x]]):
        with pytest.raises(TypeError, match=r"values must be one tensor.* torch\.stack"):
            function([1, 2], values)
    with pytest.raises(TypeError, match=r"scales must be one tensor.* torch\.stack"):
        function([x, 2 * x], torch.ones(2))
    assert torch.isfinite(function([1, 2], torch.stack([x, x / 2])))


@pytest.mark.parametrize("function", [richardson, exponential])
@pytest.mark.parametrize("values", ["ab", [[1, 2], [3]], None, [object(), 1]])
def test_what_is_no_number(function, values):
    """What is no array of numbers is refused by name."""
    with pytest.raises(TypeError, match="values must be a tensor, an array or a list of numbers"):
        function([1, 2], values)


@pytest.mark.parametrize("limit", [torch.zeros(2), torch.zeros(3, 1)])
def test_limits_of_another_shape(limit):
    """A limit has one number, or one for each output."""
    with pytest.raises(ValueError, match=r"limit .* shape \(3,\) of the outputs"):
        exponential([1, 2], torch.ones(2, 3), limit)


def test_scales_that_are_equal_in_single_precision():
    """Weights are computed in double precision, whatever the values have."""
    scales = torch.tensor([1.0, 1.0 + 1e-9], dtype=torch.float64)
    assert torch.isfinite(richardson(scales, torch.ones(2)))


def test_the_weights_of_many_scales():
    """The docstring's figures of how errors are multiplied."""
    for count, expected in ((3, 7), (5, 130), (21, 1.6e13)):
        scales = torch.linspace(1, 3, count, dtype=torch.float64)
        weights = richardson(scales, torch.eye(count, dtype=torch.float64))
        assert float(weights.abs().sum()) == pytest.approx(expected, rel=0.05)


def test_values_on_both_sides():
    """Values that no exponential has are refused, naming the output."""
    values = torch.tensor([[0.5, 0.5], [0.4, -0.1]])
    with pytest.raises(ValueError, match=r"outputs \[\(1,\)\] lie on both sides"):
        exponential(torch.tensor([1.0, 2.0]), values)


def test_one_call_of_a_twin():
    """A batch of scales, extrapolated, is nearer to the ideal result, and so is the gradient."""
    scales = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    device = qml.device("qizgloria.mixed", wires=2, noise_model="fake_manila", noise_scale=scales)

    def circuit(x):
        qml.RX(x, 0)
        for _ in range(5):
            qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    x = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    values = qml.QNode(circuit, device)(x)
    assert values.shape == (3,)
    found = richardson(scales, values)
    assert abs(found - np.cos(0.4)) < 0.1 * abs(values[0] - np.cos(0.4))
    found.backward()
    assert x.grad.item() == pytest.approx(-np.sin(0.4), abs=0.02)
