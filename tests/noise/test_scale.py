"""Noise that is scaled: against Aer with scaled noise, and as it is differentiated and batched."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from helpers.twins import (
    FIVE,
    TOLERANCE,
    aer_probabilities,
    measured_pairs,
    probabilities,
    random_function,
    scaled_noise,
    scaled_pair,
    twin,
)

from pennylane_qizgloria.qiskit.backends.resolve import _fake_backends

FLIPPED = qml.NoiseModel({qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.BitFlip, 0.1)})


def test_no_noise_at_scale_zero():
    """At scale 0 the results are those of an ideal device."""
    function, count = random_function(3, 8)
    angles = np.linspace(0, 2, count)
    found = probabilities(twin(wires=3, noise_scale=0), function)(angles)
    ideal = probabilities(qml.device("default.qubit", wires=3), function)(angles)
    np.testing.assert_allclose(found, ideal, atol=1e-10)


def test_scales_of_a_batch():
    """A tensor of scales gives what its elements give, gates and readout included."""
    function, count = random_function(3, 8)
    angles, device = np.linspace(0, 2, count), twin(wires=3)
    qnode = qml.QNode(lambda x: [function(x), qml.probs(wires=[0, 2])][1], device)
    scales = [0.0, 0.5, 1.0, 2.5]
    expected = []
    for scale in scales:
        device.noise_scale = scale
        expected.append(qnode(angles))
    device.noise_scale = torch.tensor(scales, dtype=torch.float64)
    np.testing.assert_allclose(qnode(angles), expected, atol=1e-12)
    mean = qml.QNode(lambda x: [function(x), qml.expval(qml.Z(0) @ qml.Z(2))][1], device)
    signs = np.array([1, -1, -1, 1])
    np.testing.assert_allclose(mean(angles), np.array(expected) @ signs, atol=1e-12)


@pytest.mark.parametrize("name", FIVE)
def test_the_gradient_by_the_scale(name):
    """Values and gradients by the scale agree with Aer, whose noise is scaled, and differences."""
    backend = _fake_backends()[name]()
    device = twin(backend, 3, noise_scale=torch.tensor(1.3, dtype=torch.float64).requires_grad_())
    function, count = random_function(3, 8)
    angles = np.random.default_rng(8).uniform(-np.pi, np.pi, count)
    weights = np.linspace(-1, 1, 8)
    value = torch.as_tensor(weights) @ probabilities(device, function)(torch.as_tensor(angles))
    value.backward()

    def expected(scales):
        model = scaled_noise(backend, device._twin.last.noisy.noisy, scales[0])
        pairs = [pair and scaled_pair(pair, scales[0]) for pair in measured_pairs(device)]
        return weights @ aer_probabilities(device, angles, model, pairs)

    assert value.item() == pytest.approx(expected([1.3]), abs=TOLERANCE)
    (difference,) = five_point_derivative(expected, [1.3], step=1e-2)
    assert abs(difference) > 1e-3
    assert device.noise_scale.grad.item() == pytest.approx(difference, abs=1e-6)


@pytest.mark.parametrize("source", ["fake_manila", FLIPPED], ids=["backend", "model"])
@pytest.mark.parametrize("diff_method", ["adjoint", "parameter-shift", "finite-diff"])
def test_methods_that_do_not_train_the_scale(diff_method, source):
    """The scale has no gradient then, not part of one, and a warning says so."""
    scale = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    device = qml.device("qizgloria.mixed", wires=1, noise_model=source, noise_scale=scale)
    circuit = qml.QNode(
        lambda x: [qml.RX(x, 0), qml.expval(qml.Z(0))][1], device, diff_method=diff_method
    )
    x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    with pytest.warns(UserWarning, match="noise_scale requires a gradient, which .* does not"):
        circuit(x).backward()
    assert scale.grad is None
    (by_angle,) = torch.autograd.grad(circuit.update(diff_method="backprop")(x), x)
    assert x.grad.item() == pytest.approx(by_angle.item(), abs=1e-6)


def test_scales_of_a_vmap():
    """Under torch.func.vmap a scale gives what it gives alone, and has its derivative."""
    device = twin(wires=2)
    function, count = random_function(2, 8)
    angles = np.linspace(0, 2, count)
    qnode = qml.QNode(lambda: [function(angles), qml.expval(qml.Z(0))][1], device)

    def value(scale):
        device.noise_scale = scale
        return qnode()

    scales = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    alone = [value(own) for own in scales]
    found = torch.func.vmap(value)(scales)
    np.testing.assert_allclose(found, alone, atol=1e-12)


@pytest.mark.parametrize("number", [-0.5, float("nan"), float("inf")])
@pytest.mark.parametrize("source", ["fake_manila", FLIPPED], ids=["backend", "model"])
def test_a_scale_that_is_written_to(source, number):
    """A tensor is checked again at each call, and named."""
    scale = torch.tensor(1.0, dtype=torch.float64)
    device = qml.device("qizgloria.mixed", wires=1, noise_model=source, noise_scale=scale)
    qnode = qml.QNode(lambda x: [qml.RX(x, 0), qml.expval(qml.Z(0))][1], device)
    qnode(0.3)
    scale.fill_(number)
    with pytest.raises(ValueError, match=r"qizgloria\.mixed: noise_scale must be at least 0, and"):
        qnode(0.3)


def test_twice_the_scale_is_the_noise_twice():
    """A depolarizing probability p becomes 1 - (1 - p)^2 at scale 2."""
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 1), ["x"])
    device = qml.device("qizgloria.mixed", wires=1, noise_model=model, noise_scale=2.0)

    @qml.qnode(device)
    def circuit():
        qml.X(0)
        return qml.expval(qml.Z(0))

    assert circuit() == pytest.approx(-(0.9**2))
