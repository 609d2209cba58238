"""Readout errors along their generators, against powers of matrices."""

from copy import deepcopy

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.ops.functions import bind_new_parameters
from scipy.linalg import fractional_matrix_power

from pennylane_qizgloria.noise.readout import confusion_matrix


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 2.0, 3.7])
def test_scaled_matrices_are_powers(scale):
    """Scale x is the matrix to the power of x."""
    matrix = np.array([[0.97, 0.03], [0.08, 0.92]])
    expected = fractional_matrix_power(matrix, scale)
    np.testing.assert_allclose(confusion_matrix(0.03, 0.08, scale), expected, atol=1e-12)


def test_batches_and_gradients():
    """A tensor of scales gives a matrix for each, with the right derivatives at no error, too."""
    scales = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    found = confusion_matrix(0.03, 0.08, scales)
    for one, scale in zip(found, scales, strict=True):
        np.testing.assert_allclose(one.detach(), confusion_matrix(0.03, 0.08, scale.item()))
    assert torch.autograd.gradcheck(lambda x: confusion_matrix(0.03, 0.08, x), scales)
    zeros = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    found = confusion_matrix(zeros[0], zeros[1], 1.5)
    np.testing.assert_array_equal(found.detach(), np.eye(2))
    (slope,) = torch.autograd.grad(found[0, 1], zeros)
    np.testing.assert_allclose(slope, [1.5, 0])


def test_errors_without_a_generator():
    """An error that turns bits around can be made smaller, not larger."""
    np.testing.assert_allclose(confusion_matrix(0.8, 0.8, 0.5), [[0.6, 0.4], [0.4, 0.6]])
    with pytest.raises(ValueError, match="too large to have a generator"):
        confusion_matrix(0.8, 0.8, 1.5)


@pytest.mark.parametrize("diff_method", ["backprop", "device", "adjoint", "parameter-shift"])
def test_a_circuit_keeps_the_noise_that_it_was_run_with(diff_method):
    """A scale that is set before the backward pass changes nothing of its gradients."""
    device = qml.device("qizgloria.mixed", wires=2, noise_model="fake_manila", seed_transpiler=1)
    x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    @qml.qnode(device, diff_method=diff_method)
    def circuit(x):
        qml.RX(x, 0)
        qml.CNOT([0, 1])
        return qml.expval(qml.Z(1))

    def gradient(later):
        device.noise_scale = 1.0
        value = circuit(x)
        device.noise_scale = later
        return torch.autograd.grad(value, x)[0].item()

    def gradient_of_tensor(later):
        device.noise_scale = scale = torch.tensor(1.0, dtype=torch.float64)
        value = circuit(x)
        scale.fill_(later)
        return torch.autograd.grad(value, x)[0].item()

    expected = gradient(1.0)
    assert gradient(30.0) == pytest.approx(expected, abs=1e-12)
    assert gradient_of_tensor(30.0) == pytest.approx(expected, abs=1e-12)


def test_copies_keep_the_readout_error():
    """New parameters and copies of a compiled circuit keep what does not depend on numbers."""
    device = qml.device("qizgloria.mixed", wires=1, noise_model="fake_manila")
    qnode = qml.QNode(lambda x: [qml.RX(x, 0), qml.expval(qml.Z(0))][1], device)
    (tape,), _ = qml.workflow.construct_batch(qnode, level="device")(0.3)
    (op,) = tape.operations
    for other in (deepcopy(op), bind_new_parameters(op, [0.4, 1.0])):
        assert other.template is op.template
        assert other.readout is op.readout
