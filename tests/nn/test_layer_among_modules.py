"""TorchLayer with the tools that torch copies, saves, compiles and trains modules with."""

import copy
import io
import pickle

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.layers import layer_pair, random_inputs, rotated, trace_counts
from torch.nn.utils import parametrize

from pennylane_qizgloria.nn.layer import TorchLayer

N = 2


def test_copies_are_independent(layer):
    """A copy has its own weights, and no traces."""
    inputs = random_inputs(3, N)
    before = layer(inputs)
    other = copy.deepcopy(layer)
    assert trace_counts(other) == []
    assert other.qnode_weights["weights"] is other.weights
    with torch.no_grad():
        other.weights.add_(1)
    assert not torch.allclose(other(inputs), before)
    assert torch.equal(layer(inputs), before)


def test_layers_are_pickled_and_saved(layer):
    """Pickled and saved layers give the same results."""
    inputs = random_inputs(3, N)
    before = layer(inputs)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(inputs), before)
    file = io.BytesIO()
    torch.save(torch.nn.Sequential(layer), file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(inputs), before)


class Evaluated(torch.utils.data.Dataset):
    """Rows of inputs, through a layer."""

    def __init__(self, layer, inputs):
        self.layer, self.inputs = layer, inputs

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        return self.layer(self.inputs[index]).detach()


def test_workers_of_a_data_loader(layer):
    """A layer in a data set runs in the workers of a DataLoader."""
    expected = layer(random_inputs(4, N))
    loader = torch.utils.data.DataLoader(
        Evaluated(layer, random_inputs(4, N)), batch_size=2, num_workers=2
    )
    assert torch.allclose(torch.cat(list(loader)), expected)


def test_autocast_with_scaled_gradients(layer):
    """Under autocast circuits run in single precision, and scaled gradients train."""
    layer = layer.float()
    model = torch.nn.Sequential(torch.nn.Linear(N, N), layer, torch.nn.Linear(N, 3))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    inputs = random_inputs(5, N, dtype=torch.float32)
    before = [parameter.clone() for parameter in model.parameters()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = inputs.bfloat16()
        assert layer(low).dtype == torch.bfloat16
        assert torch.equal(layer(low), layer(low.float()).bfloat16())
        loss = model(inputs).float().square().mean()
    exact = layer(inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(inputs), exact)
    scaler.scale(loss).backward()
    scaler.step(optimiser)
    assert all((a != b).any() for a, b in zip(before, model.parameters(), strict=True))


def test_parametrised_weights(layer):
    """Parametrised weights are used, and the original ones get gradients."""
    inputs = random_inputs(3, N)
    with torch.no_grad():
        plain = copy.deepcopy(layer)
        plain.weights.tanh_()
    parametrize.register_parametrization(layer, "weights", torch.nn.Tanh())
    result = layer(inputs)
    assert torch.allclose(result, plain(inputs))
    result.sum().backward()
    assert layer.parametrizations.weights.original.grad.abs().max() > 0


def test_lbfgs_with_a_closure(layer):
    """LBFGS, which calls the model by a closure, lowers the loss."""
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=5)
    inputs = random_inputs(3, N)

    def closure():
        optimiser.zero_grad()
        loss = layer(inputs).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        return loss

    before = closure().item()
    optimiser.step(closure)
    assert closure().item() < before


def test_higher_derivatives(layer):
    """First and second derivatives agree with finite differences."""
    inputs = random_inputs(2, N).requires_grad_()
    layer(inputs)

    def call(inputs, weights):
        return torch.func.functional_call(layer, {"weights": weights}, (inputs,))

    weights = layer.weights.detach().requires_grad_()
    assert torch.autograd.gradcheck(call, (inputs, weights))
    assert torch.autograd.gradgradcheck(call, (inputs, weights))


def test_function_transforms(layer):
    """vmap, grad and jvp agree with the layer's own results and gradients."""
    inputs = random_inputs(3, N)
    expected = layer(inputs)
    parameters = {"weights": layer.weights.detach()}

    def total(parameters, x):
        return torch.func.functional_call(layer, parameters, (x,)).sum()

    assert torch.allclose(torch.func.vmap(layer)(inputs), expected)
    each = torch.func.vmap(torch.func.grad(total), (None, 0))(parameters, inputs)["weights"]
    (together,) = torch.autograd.grad(expected.sum(), layer.weights)
    assert torch.allclose(each.sum(0), together)
    _, tangent = torch.func.jvp(layer, (inputs,), (torch.ones_like(inputs),))
    (gradient,) = torch.autograd.grad(layer(inputs.requires_grad_()).sum(), inputs)
    assert torch.allclose(tangent.sum(), gradient.sum())


def test_inference_mode_does_not_spoil_training(layer):
    """Tensors made in inference mode cannot be saved for a gradient."""
    inputs = random_inputs(3, N)
    with torch.inference_mode():
        first = layer(inputs)
        assert torch.equal(layer(inputs.clone()), first)
    result = layer(inputs)
    result.sum().backward()
    assert torch.equal(result.detach(), first)
    assert layer.weights.grad.abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.bool])
@pytest.mark.parametrize("shape", [(N,), (4, N)])
def test_integer_inputs_give_results_of_the_weights_dtype(layer, dtype, shape):
    """Results are not cut down to integers, and are those of the same numbers as floats."""
    bits = torch.ones(shape).to(dtype)
    result = layer(bits)
    assert result.dtype == layer.weights.dtype
    torch.testing.assert_close(result, layer(bits.to(layer.weights.dtype)))
    result.sum().backward()
    assert layer.weights.grad.abs().sum() > 0


def test_integers_reach_embeddings_of_bits():
    """A basis embedding gets the integers themselves."""

    def circuit(inputs, angles, strength):
        qml.BasisEmbedding(inputs, wires=range(N))
        qml.Rot(*angles, wires=0)
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

    layer, _ = layer_pair(circuit)
    np.testing.assert_allclose(layer(torch.tensor([1, 0])).detach(), [-np.cos(1.1), 1])


def test_arrays_are_inputs(layer):
    """NumPy arrays are taken as tensors of the same numbers."""
    torch.testing.assert_close(layer(random_inputs(3, N).numpy()), layer(random_inputs(3, N)))


@pytest.mark.parametrize("method", ["kernels", "planned"])
def test_autocast_around_the_reverse_pass(method):
    """Gradients are the same whether the reverse pass is called under autocast or not."""
    device = qml.device("qizgloria.mixed", wires=N, method=method)
    layer = TorchLayer(qml.QNode(rotated, device), {"weights": (1, N, 3)}).float()
    inputs = random_inputs(3, N, dtype=torch.float32)
    for _ in range(2):
        found = []
        for enabled in (False, True):
            layer.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                layer(inputs).sum().backward()
            found.append(layer.weights.grad.clone())
        torch.testing.assert_close(*found, rtol=1e-6, atol=1e-6)
    assert layer.is_traced
