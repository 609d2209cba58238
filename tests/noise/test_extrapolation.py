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
        (torch.tensor([1.0, 2.0]), torch.ones(3), r"each of the 2 scales; got the shape \(3,\)"),
    ],
)
def test_bad_scales(function, scales, values, message):
    """Scales that say nothing about 0 are refused."""
    with pytest.raises(ValueError, match=message):
        function(scales, values)


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
