"""Gradients with respect to what has no effect on a result."""

import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.nn.layer import TorchLayer
from pennylane_qizgloria.nn.tracing.unreached import with_zero_gradients


@pytest.mark.parametrize("device", ["qizgloria.mixed", "default.mixed"])
@pytest.mark.parametrize("calls", [1, 3])
def test_what_no_weight_reaches_has_a_gradient_of_zero(device, calls):
    """Backward of a layer whose measurement nothing reaches gives zeros, not an error or None."""

    @qml.qnode(qml.device(device, wires=2))
    def circuit(inputs, weights):
        qml.RX(inputs[0] * weights[0], wires=0)
        return qml.expval(qml.Z(1))

    layer = TorchLayer(circuit, {"weights": (1,)})
    for _ in range(calls):
        layer.zero_grad()
        layer(torch.ones(1)).backward()
    assert layer.weights.grad.tolist() == [0.0]


def test_results_that_are_reached_stay_as_they_are():
    """Only what has no gradient gets one of zero; nothing does where none is asked for."""
    x = torch.ones(2, requires_grad=True)
    reached, constant, counts = x.sum(), torch.tensor(3.0), torch.tensor(3)
    found = with_zero_gradients((reached, constant, counts), [x])
    assert found[0] is reached
    assert found[2] is counts
    assert found[1].item() == 3
    assert torch.autograd.grad(found[1], x)[0].tolist() == [0, 0]
    with torch.no_grad():
        assert with_zero_gradients(constant, [x]) is constant
    assert with_zero_gradients(constant, [x.detach()]) is constant
