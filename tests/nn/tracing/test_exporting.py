"""Layers inside programs that torch writes down."""

import warnings

import pennylane as qml
import pytest
import torch
from helpers.layers import rotated

from pennylane_qizgloria.nn.layer import TorchLayer

N = 2


def deep(inputs, weights):
    for _ in range(8):
        qml.AngleEmbedding(inputs, wires=range(N))
        qml.StronglyEntanglingLayers(weights, wires=range(N))
    return [qml.expval(qml.Z(0)), qml.probs(wires=1)]


@pytest.fixture(params=["rotated", "deep"])
def model(request):
    """A layer between two others."""
    circuit = rotated if request.param == "rotated" else deep
    layer = TorchLayer(
        qml.QNode(circuit, qml.device("qizgloria.mixed", wires=N)), {"weights": (1, N, 3)}
    )
    width = 2 if circuit is rotated else 3
    return torch.nn.Sequential(torch.nn.Linear(2, N), layer, torch.nn.Linear(width, 1))


@pytest.mark.parametrize("calls", [0, 2])
@pytest.mark.parametrize("model", ["rotated", "deep"], indirect=True)
def test_jit_traces_a_model(model, calls):
    """The traced program gives the model's results and gradients, without a warning."""
    for _ in range(calls):
        model(torch.rand(3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.jit.trace(model, torch.rand(3, 2))
    x = torch.rand(3, 2)
    torch.testing.assert_close(program(x), model(x))
    found = torch.autograd.grad(program(x).sum(), list(program.parameters()))
    torch.testing.assert_close(found, torch.autograd.grad(model(x).sum(), list(model.parameters())))


@pytest.mark.parametrize("calls", [0, 2])
def test_a_model_is_exported(model, calls):
    """The exported program gives the model's results, also if the layer was never called."""
    for _ in range(calls):
        model(torch.rand(3, 2))
    program = torch.export.export(model, (torch.rand(3, 2),)).module()
    x = torch.rand(3, 2)
    torch.testing.assert_close(program(x), model(x))


def test_one_shape_is_exported(model):
    """What holds for any batch size is refused with a sentence."""
    shapes = ({0: torch.export.Dim("batch")},)
    with pytest.raises(Exception, match="leave out dynamic_shapes"):
        torch.export.export(model, (torch.rand(3, 2),), dynamic_shapes=shapes)
