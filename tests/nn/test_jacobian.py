"""Jacobians of batched functions, and of QNodes by shifted circuits."""

import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.nn.jacobian import batched_jacobian, linearised
from pennylane_qizgloria.nn.tracing.invocation import CircuitInvocation


def function(x, w):
    return torch.stack([(x * w[:, :2]).sin().sum(1), w[:, 2] ** 3 * x[:, 0], x.new_ones(len(x))], 1)


@pytest.fixture
def arguments(rng):
    return torch.tensor(rng.normal(size=(4, 2))), torch.tensor(rng.normal(size=3))


def test_jacobians_are_those_of_each_sample(arguments):
    """There is a Jacobian for each sample, equal to jacrev's."""
    x, w = arguments
    by_x, by_w = batched_jacobian(function, x, w, input_gradients=True)
    assert by_x.shape == (4, 3, 2)
    assert by_w.shape == (4, 3, 3)
    for sample, own_x, own_w in zip(x, by_x, by_w, strict=True):
        expected = torch.func.jacrev(lambda x, w: function(x[None], w[None])[0], (0, 1))(sample, w)
        torch.testing.assert_close((own_x, own_w), expected)


def test_input_gradients_are_left_out_if_not_wanted(arguments):
    """Without input gradients there is only the Jacobian by the weights."""
    none, by_w = batched_jacobian(function, *arguments, input_gradients=False)
    assert none is None
    torch.testing.assert_close(by_w, batched_jacobian(function, *arguments, True)[1])


def test_functions_without_outputs_or_gradients_have_empty_or_zero_jacobians(arguments):
    """Constant outputs have zero Jacobians, and no outputs empty ones."""
    x, w = arguments
    by_x, by_w = batched_jacobian(lambda x, w: x.new_ones(4, 2), x, w, True)
    assert torch.equal(by_x, torch.zeros(4, 2, 2))
    assert torch.equal(by_w, torch.zeros(4, 2, 3))
    by_x, by_w = batched_jacobian(lambda x, w: x[:, :0] + w[:, :0].sum(), x, w, True)
    assert by_x.shape == (4, 0, 2)
    assert by_w.shape == (4, 0, 3)


@pytest.mark.parametrize("probabilities", [False, True])
def test_linearised_qnodes_have_the_jacobian_of_the_qnode(rng, probabilities):
    """Jacobians by shifted circuits are those by backpropagation."""

    def circuit(x, w):
        qml.RX(x[..., 0] * w[..., 1], wires=0)
        qml.Rot(w[..., 0], x[..., 1], 0.3, wires=1)
        qml.CNOT([0, 1])
        if probabilities:
            return qml.probs(wires=[1, 0])
        return [qml.expval(qml.Z(1)), qml.expval(qml.X(0) @ qml.Y(1))]

    device = qml.device("qizgloria.mixed", wires=2)
    exact = qml.QNode(circuit, device, interface="torch", diff_method="backprop")
    qnode = qml.QNode(circuit, device, interface="torch", diff_method="parameter-shift")
    shifted = qml.transforms.broadcast_expand(qnode)
    linear = linearised(shifted, qml.gradients.param_shift, {})
    x, w = (torch.tensor(rng.normal(size=shape)) for shape in ((3, 2), (2,)))
    found, expected = (
        batched_jacobian(lambda x, w, own=own: CircuitInvocation(own)((x, w)), x, w, True)
        for own in (linear, exact)
    )
    for ours, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, reference, atol=1e-10, rtol=0)
