"""TorchCircuit inside of models, with the tools that torch trains models with."""

import copy

import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from torch import nn
from torch.nn.utils import clip_grad_norm_, parametrize
from torch.utils.data import DataLoader, TensorDataset

from pennylane_qizgloria import TorchCircuit

X = ParameterVector("x", 2)
W = ParameterVector("w", 2)


def quantum_layer(**options):
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.ry(X[qubit], qubit)
        circuit.rx(W[qubit], qubit)
    circuit.cx(0, 1)
    return TorchCircuit(circuit, X, W, observables=["ZI", "IZ"], seed=0, **options)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.Tanh(), quantum_layer(), nn.Linear(2, 2))


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(24, 3, generator=generator)
    return x, (x[:, 0] * x[:, 1] > 0).long()


def loss_of(model, data):
    x, labels = data
    return nn.functional.cross_entropy(model(x), labels)


def quantum(model):
    return model[2].weight.detach().clone()


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.Adam(p, 0.05),
        lambda p: torch.optim.AdamW(p, 0.05),
        lambda p: torch.optim.RMSprop(p, 0.01),
        lambda p: torch.optim.Rprop(p, 0.01),
        lambda p: torch.optim.LBFGS(p, max_iter=3, line_search_fn="strong_wolfe"),
    ],
    ids=["SGD", "Adam", "AdamW", "RMSprop", "Rprop", "LBFGS"],
)
def test_every_optimiser_trains(model, data, make):
    """The loss falls and the circuit's weights change under each optimiser."""
    optimiser = make(model.parameters())
    before, start = loss_of(model, data).item(), quantum(model)

    def closure():
        optimiser.zero_grad()
        loss = loss_of(model, data)
        loss.backward()
        return loss

    for _ in range(8):
        optimiser.step(closure)
    assert loss_of(model, data).item() < before
    assert not torch.equal(quantum(model), start)


@pytest.mark.parametrize("start", [None, "fork", "spawn"])
def test_loaders_can_have_workers(start):
    """Modules run in forked and spawned workers of a DataLoader."""
    layer = quantum_layer().requires_grad_(False)
    batches = list(torch.rand(2, 3, 2))
    loader = DataLoader(
        batches,
        batch_size=None,
        collate_fn=layer,
        num_workers=0 if start is None else 1,
        multiprocessing_context=start,
    )
    torch.testing.assert_close(list(loader), [layer(x) for x in batches])


def test_an_uneven_last_batch_trains(model, data):
    """An epoch whose last batch is smaller trains."""
    optimiser = torch.optim.Adam(model.parameters(), 0.05)
    sizes = []
    for x, labels in DataLoader(TensorDataset(*data), batch_size=7):
        optimiser.zero_grad()
        loss_of(model, (x, labels)).backward()
        optimiser.step()
        sizes.append(len(x))
    assert sizes == [7, 7, 7, 3]


def test_compiled_models_give_the_same(model, data, unchecked_types):
    """torch.compile gives the model's results and gradients."""
    compiled = torch.compile(copy.deepcopy(model), backend="aot_eager")
    ours, expected = loss_of(compiled, data), loss_of(model, data)
    torch.testing.assert_close(ours, expected)
    ours.backward()
    expected.backward()
    for a, b in zip(compiled.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_autocast_and_gradient_scaling(model, data, dtype):
    """Models train under autocast with a GradScaler."""
    expected = loss_of(model, data).item()
    optimiser = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu")
    seen = []
    model[2].register_forward_hook(lambda _, x, y: seen.append((x[0].dtype, y.dtype)))
    start = quantum(model)
    for _ in range(3):
        optimiser.zero_grad()
        with torch.autocast("cpu", dtype=dtype):
            loss = loss_of(model, data)
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
    assert set(seen) == {(dtype, dtype)}
    assert model[2].weight.grad.dtype == torch.float32
    assert not torch.equal(quantum(model), start)
    assert loss_of(model, data).item() < expected


def test_autocast_does_not_reach_the_simulation():
    """Under autocast expectation values keep their precision."""
    layer = quantum_layer()
    x = torch.rand(4, 2)
    expected = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(layer(x), expected, atol=1e-7, rtol=0)


class Bounded(nn.Module):
    def forward(self, free):
        return torch.pi * torch.tanh(free)


def test_weights_can_be_parametrised(data):
    """Parametrised weights are used and trained."""
    layer, plain = quantum_layer(), quantum_layer()
    parametrize.register_parametrization(layer, "weight", Bounded())
    with torch.no_grad():
        plain.weight.copy_(layer.weight)
    x = data[0][:, :2]
    torch.testing.assert_close(layer(x), plain(x))
    layer(x).sum().backward()
    plain(x).sum().backward()
    free = layer.parametrizations.weight.original
    slope = torch.pi * (1 - torch.tanh(free.detach()) ** 2)
    torch.testing.assert_close(free.grad, plain.weight.grad * slope)


def test_gradients_can_be_clipped(model, data):
    """The circuit's gradient counts in the clipped norm."""
    loss_of(model, data).backward()
    norm = clip_grad_norm_(model.parameters(), 1e-3)
    clipped = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    assert norm > 1e-3
    torch.testing.assert_close(clipped, torch.tensor(1e-3), atol=1e-6, rtol=0)
    assert model[2].weight.grad.norm() > 0


def test_frozen_weights_stay(model, data):
    """Weights without a gradient are not changed by training."""
    model[2].requires_grad_(False)
    loss_of(model, data).backward()
    assert model[2].weight.grad is None
    assert model[0].weight.grad.abs().max() > 0


def test_a_loaded_state_predicts_the_same(model, data, tmp_path):
    """A saved and loaded state gives the same predictions."""
    torch.save(model.state_dict(), tmp_path / "model.pt")
    other = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), quantum_layer(), nn.Linear(2, 2))
    other.load_state_dict(torch.load(tmp_path / "model.pt"))
    torch.testing.assert_close(other(data[0]), model(data[0]))
