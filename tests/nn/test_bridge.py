"""The autograd bridge for evaluators and gradient functions that users bring along."""

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.neural_networks import EstimatorQNN
from qiskit_machine_learning.primitives import QMLEstimator

from pennylane_qizgloria import QiskitFunction, TorchCircuit


def evaluator(x, weights):
    return np.stack([np.sin(x @ weights), x.sum(1) * weights.prod()], axis=1)


def both_jacobians(x, weights):
    slope = np.cos(x @ weights)[:, None]
    others = np.array([np.delete(weights, j).prod() for j in range(len(weights))])
    by_inputs = np.stack([slope * weights, np.full_like(x, weights.prod())], axis=1)
    by_weights = np.stack([slope * x, x.sum(1, keepdims=True) * others], axis=1)
    return by_inputs, by_weights


def weight_jacobian(x, weights):
    return both_jacobians(x, weights)[1]


@pytest.fixture
def x():
    return torch.tensor([[0.1, 0.2], [0.3, -0.4], [0.5, 0.6]], dtype=torch.float64)


@pytest.fixture
def weights():
    return torch.tensor([0.7, -0.3], dtype=torch.float64, requires_grad=True)


def test_gradients_are_those_of_the_function(x, weights):
    """A model would not train, or train towards something else."""
    x.requires_grad_()
    function = lambda a, b: QiskitFunction.apply(a, b, evaluator, both_jacobians)  # noqa: E731
    assert torch.autograd.gradcheck(function, (x, weights))


@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (0,)], ids=str)
def test_leading_axes_come_through(weights, leading):
    """Only batches of one axis could be given."""
    x = torch.rand(*leading, 2, dtype=torch.float64, requires_grad=True)
    y = QiskitFunction.apply(x, weights, evaluator, both_jacobians)
    assert y.shape == (*leading, 2)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_without_a_jacobian_by_the_inputs_these_get_no_gradient(x, weights):
    """A gradient function of weights alone could not be used."""
    x.requires_grad_()
    y = QiskitFunction.apply(x, weights, evaluator, weight_jacobian)
    y.sum().backward()
    assert x.grad is None
    expected = torch.tensor(weight_jacobian(x.detach().numpy(), weights.detach().numpy()))
    torch.testing.assert_close(weights.grad, expected.sum((0, 1)))


def test_without_a_jacobian_by_the_weights_these_get_no_gradient(x, weights):
    """None would be taken for a matrix."""
    x.requires_grad_()
    pair = lambda x, w: (both_jacobians(x, w)[0], None)  # noqa: E731
    QiskitFunction.apply(x, weights, evaluator, pair).sum().backward()
    assert weights.grad is None
    assert x.grad is not None


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_dtypes_and_precision(x, weights, dtype):
    """Double precision would be lost, or single not be handed back."""
    seen = []

    def spy(x, weights):
        seen.extend((x.dtype, weights.dtype))
        return evaluator(x, weights)

    single = weights.detach().to(dtype).requires_grad_()
    y = QiskitFunction.apply(x.to(dtype), single, spy, both_jacobians)
    assert seen == [np.float64, np.float64]
    assert y.dtype == dtype
    y.sum().backward()
    assert single.grad.dtype == dtype


def test_tensors_may_be_returned(x, weights):
    """An evaluator written in torch could not be used."""
    tensors = lambda *a: torch.tensor(evaluator(*a), dtype=torch.float32)  # noqa: E731
    y = QiskitFunction.apply(x, weights, tensors, weight_jacobian)
    assert y.dtype == torch.float64


def test_the_gradient_function_runs_once_and_only_if_needed(x, weights):
    """Circuits would be run for nothing."""
    calls = []

    def counted(x, weights):
        calls.append(len(x))
        return both_jacobians(x, weights)

    y = QiskitFunction.apply(x, weights, evaluator, counted)
    assert calls == []
    y.sum().backward()
    assert calls == [3]
    frozen = QiskitFunction.apply(x, weights.detach(), evaluator, counted)
    assert not frozen.requires_grad


def test_a_network_of_qiskit_can_be_used():
    """What users have at hand would not fit."""
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    circuit = QuantumCircuit(2)
    circuit.ry(x[0] + w[0], 0)
    circuit.rx(x[1] * w[1], 1)
    circuit.cx(0, 1)
    observables = [SparsePauliOp("ZZ"), SparsePauliOp("YX")]
    network = EstimatorQNN(
        circuit=circuit,
        observables=observables,
        input_params=x,
        weight_params=w,
        estimator=QMLEstimator(default_precision=0.0),
        default_precision=0.0,
        input_gradients=True,
    )
    layer = TorchCircuit(circuit, x, w, observables, seed=0, dtype=torch.float64)
    values = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    y = QiskitFunction.apply(values, layer.weight, network.forward, network.backward)
    expected = layer(values)
    torch.testing.assert_close(y, expected)
    arguments = (values, layer.weight)
    for ours, theirs in zip(
        torch.autograd.grad(y.square().sum(), arguments),
        torch.autograd.grad(expected.square().sum(), arguments),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_outputs_of_the_wrong_shape_are_refused(x, weights):
    """Samples and outputs would be mixed up."""
    with pytest.raises(ValueError, match=r"of the shape \(3, outputs\) for 3 samples"):
        QiskitFunction.apply(x, weights, lambda x, w: x[0], both_jacobians)


def test_jacobians_of_the_wrong_shape_are_refused(x, weights):
    """They would be broadcast to a wrong gradient."""
    y = QiskitFunction.apply(x, weights, evaluator, lambda x, w: np.zeros((3, 2, 1)))
    with pytest.raises(ValueError, match=r"shape \(3, 2, 2\), got \(3, 2, 1\)"):
        y.sum().backward()
