"""What the tests of torch modules share: a circuit, and TorchLayer beside PennyLane's."""

import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.nn.layer import TorchLayer
from pennylane_qizgloria.nn.tracing.trace_cache import TracingAccount

N = 2


def _rotated(inputs, weights):
    qml.AngleEmbedding(inputs, wires=range(N))
    qml.StronglyEntanglingLayers(weights, wires=range(N))
    qml.DepolarizingChannel(0.05, wires=0)
    return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]


@pytest.fixture(scope="session")
def rotated():
    """A quantum function of inputs ``(..., 2)`` and weights ``(layers, 2, 3)``."""
    return _rotated


@pytest.fixture(scope="session")
def qnode():
    """A function that makes a QNode of that function."""

    def make():
        return qml.QNode(_rotated, qml.device("qizgloria.mixed", wires=N))

    return make


@pytest.fixture
def layer(qnode):
    """A TorchLayer of that QNode, in double precision."""
    torch.manual_seed(5)
    return TorchLayer(qnode(), {"weights": (1, N, 3)}).double()


@pytest.fixture(scope="session")
def pair():
    """A function that makes our layer and PennyLane's of a quantum function, or of a QNode."""

    def make(circuit, shapes=None, init=None, device=None, **options):
        if shapes is None:
            shapes, init = {"angles": (3,), "strength": 1}, init or _initial()
        if not isinstance(circuit, qml.QNode):
            device = device or qml.device("qizgloria.mixed", wires=N)
            circuit = qml.QNode(circuit, device, **options)
        ours = TorchLayer(circuit, shapes, init)
        theirs = qml.qnn.TorchLayer(circuit, shapes, init)
        theirs.load_state_dict(ours.state_dict())
        return ours, theirs

    return make


def _initial():
    angles = torch.tensor([0.4, -1.1, 2.3], dtype=torch.float64)
    return {"angles": angles, "strength": torch.tensor(0.07, dtype=torch.float64)}


@pytest.fixture(scope="session")
def weakened():
    """A function that changes the weights of several layers alike."""

    def change(layers):
        with torch.no_grad():
            for layer in layers:
                for parameter in layer.parameters():
                    parameter.mul_(0.8)

    return change


@pytest.fixture(scope="session")
def drawn():
    """A function that draws inputs, the same ones for the same shape."""

    def draw(*shape, dtype=torch.float64):
        generator = torch.Generator().manual_seed(3)
        return 0.1 + torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype)

    return draw


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Record each call at once, although that does not pay."""
    monkeypatch.setattr(TracingAccount, "pays", lambda self, structure: True)


@pytest.fixture(scope="session")
def traces_of():
    """A function that counts the traces of each structure; None where it is run as it is."""

    def numbers(module):
        made = [history.traces for history in module._trace_cache.histories.values()]
        return [None if any(x.traced is None for x in own) else len(own) for own in made]

    return numbers


@pytest.fixture(scope="session")
def assert_same():
    """A function that compares results and gradients of two layers for some inputs."""

    def compare(ours, theirs, inputs, atol=1e-9):
        pairs = zip(
            _results_and_gradients(ours, inputs),
            _results_and_gradients(theirs, inputs),
            strict=True,
        )
        for own, other in pairs:
            assert own.shape == other.shape
            assert own.dtype == other.dtype
            assert torch.allclose(own, other, atol=atol)

    return compare


def _results_and_gradients(layer, inputs):
    layer.zero_grad()
    inputs = inputs.clone().requires_grad_()
    result = layer(inputs)
    found = [torch.zeros(())]
    if result.requires_grad:
        weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype).view(result.shape)
        parameters = [inputs, *layer.parameters()]
        found = torch.autograd.grad(
            (result * weights).sum(), parameters, materialize_grads=True, allow_unused=True
        )
    return [result, *found]
