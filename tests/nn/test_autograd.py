"""The autograd bridge for evaluators and gradient functions that users bring along."""

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.primitives import StatevectorSampler
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
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
    """Gradients agree with finite differences."""
    x.requires_grad_()
    function = lambda a, b: QiskitFunction.apply(a, b, evaluator, both_jacobians)  # noqa: E731
    assert torch.autograd.gradcheck(function, (x, weights))


@pytest.mark.parametrize("leading", [(), (4,), (2, 3), (0,)], ids=str)
def test_leading_axes_come_through(weights, leading):
    """Any number of leading axes is handed through, in values and gradients."""
    x = torch.rand(*leading, 2, dtype=torch.float64, requires_grad=True)
    y = QiskitFunction.apply(x, weights, evaluator, both_jacobians)
    assert y.shape == (*leading, 2)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_without_a_jacobian_by_the_inputs_these_get_no_gradient(x, weights):
    """A gradient function may give the Jacobian by the weights alone."""
    x.requires_grad_()
    y = QiskitFunction.apply(x, weights, evaluator, weight_jacobian)
    y.sum().backward()
    assert x.grad is None
    expected = torch.tensor(weight_jacobian(x.detach().numpy(), weights.detach().numpy()))
    torch.testing.assert_close(weights.grad, expected.sum((0, 1)))


def test_without_a_jacobian_by_the_weights_these_get_no_gradient(x, weights):
    """None in the place of the Jacobian by the weights leaves them without a gradient."""
    x.requires_grad_()
    pair = lambda x, w: (both_jacobians(x, w)[0], None)  # noqa: E731
    QiskitFunction.apply(x, weights, evaluator, pair).sum().backward()
    assert weights.grad is None
    assert x.grad is not None


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_dtypes_and_precision(x, weights, dtype):
    """Evaluators get double precision; results and gradients have the dtype that was given."""
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
    """Evaluators may return tensors, also of another dtype."""
    tensors = lambda *a: torch.tensor(evaluator(*a), dtype=torch.float32)  # noqa: E731
    y = QiskitFunction.apply(x, weights, tensors, weight_jacobian)
    assert y.dtype == torch.float64


def test_the_gradient_function_runs_once_and_only_if_needed(x, weights):
    """The gradient function runs once in the reverse pass, and not without one."""
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
    """An EstimatorQNN as an evaluator gives TorchCircuit's values and gradients."""
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


def plane(x, weights):
    """Outputs of two axes, as a sampler with a tuple for output_shape gives them."""
    return evaluator(x, weights)[:, :, None] * np.array([1.0, 2.0, -1.0])


def plane_jacobians(x, weights):
    factors = np.array([1.0, 2.0, -1.0])[:, None]
    return tuple(own[:, :, None, :] * factors for own in both_jacobians(x, weights))


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)], ids=str)
def test_outputs_may_have_several_axes(weights, leading):
    """The axes come after those of the inputs, in values and derivatives."""
    x = torch.rand(*leading, 2, dtype=torch.float64, requires_grad=True)
    function = lambda a, b: QiskitFunction.apply(a, b, plane, plane_jacobians)  # noqa: E731
    assert function(x, weights).shape == (*leading, 2, 3)
    assert torch.autograd.gradcheck(function, (x, weights), check_forward_ad=True)


def test_a_sampler_with_a_shape_of_two_axes_can_be_used():
    """A SamplerQNN whose interpretation gives pairs of indices is an evaluator."""
    x, w = ParameterVector("x", 2), ParameterVector("w", 1)
    circuit = QuantumCircuit(2)
    circuit.ry(x[0] + w[0], 0)
    circuit.rx(x[1], 1)
    pairs = {"interpret": lambda k: (k % 2, k // 2), "output_shape": (2, 2)}
    network = SamplerQNN(
        circuit=circuit,
        input_params=x,
        weight_params=w,
        sampler=StatevectorSampler(default_shots=20_000, seed=1),
        input_gradients=True,
        **pairs,
    )
    layer = TorchCircuit(circuit, x, w, seed=0, dtype=torch.float64, **pairs)
    values = torch.rand(3, 2, dtype=torch.float64, requires_grad=True)
    results = []
    y = QiskitFunction.apply(values, layer.weight, network.forward, network.backward)
    for outputs in (y, layer(values)):
        gradients = torch.autograd.grad(outputs.square().sum(), (values, layer.weight))
        results.append((outputs, *gradients))
    torch.testing.assert_close(*results, atol=0.05, rtol=0)


INTEGERS = [
    torch.tensor([[1, 2], [0, 1]]),
    torch.tensor([[True, False], [True, True]]),
    np.array([[1, 2], [0, 1]]),
    [[1, 2], [0, 1]],
]


@pytest.mark.parametrize("given", INTEGERS, ids=["integers", "booleans", "array", "list"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_integer_inputs_give_results_of_the_weights_dtype(given, dtype):
    """With integer inputs results have the dtype of the weights, and are not rounded."""
    weights = torch.tensor([0.7, -0.3], dtype=dtype, requires_grad=True)
    y = QiskitFunction.apply(given, weights, evaluator, both_jacobians)
    assert y.dtype == dtype
    right = evaluator(np.asarray(given, dtype=float), weights.detach().double().numpy())
    np.testing.assert_allclose(y.detach(), right, atol=1e-6)
    y.sum().backward()
    assert weights.grad.abs().min() > 0


def test_integer_weights_are_taken_too(x):
    """The results have the dtype of the inputs, or torch's default."""
    whole = torch.tensor([1, 2])
    assert QiskitFunction.apply(x, whole, evaluator, both_jacobians).dtype == torch.float64
    result = QiskitFunction.apply(whole, whole, evaluator, both_jacobians)
    assert result.dtype == torch.get_default_dtype()
    np.testing.assert_allclose(result, evaluator(np.array([[1.0, 2]]), np.array([1.0, 2]))[0], 1e-6)


# --- torch.func -----------------------------------------------------------------------------------


def reference(x, weights):
    """The evaluator's function in torch's own operations."""
    return torch.stack([torch.sin(x @ weights), x.sum(-1) * weights.prod()], dim=-1)


def ours(x, weights):
    return QiskitFunction.apply(x, weights, evaluator, both_jacobians)


TRANSFORMS = {
    "grad": lambda f: torch.func.grad(lambda x, w: f(x, w).sum(), argnums=(0, 1)),
    "jacrev": lambda f: torch.func.jacrev(f, argnums=(0, 1)),
    "jacfwd": lambda f: torch.func.jacfwd(f, argnums=(0, 1)),
    "vjp": lambda f: lambda x, w: torch.func.vjp(f, x, w)[1](torch.ones(3, 2).double()),
    "jvp": lambda f: lambda x, w: torch.func.jvp(f, (x, w), (x.cos(), w.sin())),
    "jvp by weights": lambda f: lambda x, w: torch.func.jvp(lambda v: f(x, v), (w,), (w.sin(),)),
    "vmap": lambda f: torch.func.vmap(f, in_dims=(0, None)),
    "vmap of another axis": lambda f: torch.func.vmap(f, in_dims=(1, None)),
    "vmap of weights": lambda f: lambda x, w: torch.func.vmap(f, (None, 0))(x, w.outer(w)),
    "vmap of both": lambda f: lambda x, w: torch.func.vmap(f)(x, torch.stack([w, -w, w * w])),
    "gradients of samples": lambda f: torch.func.vmap(
        torch.func.grad(lambda x, w: f(x, w).sum(), argnums=1), in_dims=(0, None)
    ),
    "jacobians of samples": lambda f: torch.func.vmap(torch.func.jacrev(f), in_dims=(0, None)),
    "jacobians forwards of samples": lambda f: torch.func.vmap(
        torch.func.jacfwd(f, argnums=1), in_dims=(0, None)
    ),
    "gradients of many weights": lambda f: (
        lambda x, w: torch.func.vmap(torch.func.grad(lambda v: f(x, v).sum()))(torch.stack([w, -w]))
    ),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms_of_torch_func_work(x, weights, name):
    """They need a setup_context, and a rule for vmap."""
    if "another axis" in name:
        x = torch.stack([x, x.cos()], dim=1)
    weights = weights.detach()
    torch.testing.assert_close(
        TRANSFORMS[name](ours)(x, weights), TRANSFORMS[name](reference)(x, weights)
    )


def test_vmap_over_inputs_is_one_call(x, weights):
    """vmap over the inputs calls the evaluator once, with all samples."""
    calls = []

    def counted(x, weights):
        calls.append(len(x))
        return evaluator(x, weights)

    function = lambda a: QiskitFunction.apply(a, weights, counted, both_jacobians)  # noqa: E731
    torch.func.vmap(function)(x)
    assert calls == [3]


@pytest.mark.parametrize("by", ["autograd", "hessian", "forward"])
def test_second_derivatives_are_refused(x, weights, by):
    """Second derivatives raise an error in every mode."""
    if by == "autograd":
        (first,) = torch.autograd.grad(ours(x, weights).sum(), weights, create_graph=True)
        second = lambda: torch.autograd.grad(first.sum(), weights)  # noqa: E731
    else:
        transform = torch.func.jacrev if by == "hessian" else torch.func.jacfwd
        function = lambda w: ours(x, w).sum()  # noqa: E731
        second = lambda: transform(torch.func.jacrev(function))(weights.detach())  # noqa: E731
    with pytest.raises(NotImplementedError, match="QiskitFunction gives first derivatives"):
        second()


@pytest.mark.parametrize(
    ("x", "w", "error", "message"),
    [
        (torch.tensor(0.3), [0.1], ValueError, r"inputs have the shape .* but \(\) was given"),
        (0.3, [0.1], ValueError, r"inputs .* Give a single number as x.reshape\(1\)"),
        ([0.3], torch.tensor(0.1), ValueError, r"weights have the shape .* but \(\) was given"),
        ([0.3], [[0.1]], ValueError, r"weights have the shape \(weights,\), but \(1, 1\)"),
        ("x", [0.1], TypeError, "inputs are a torch tensor or an array of numbers, got 'x'"),
        ([0.3], None, TypeError, "weights are a torch tensor or an array of numbers, got None"),
        (torch.ones(1) * 1j, [0.1], ValueError, "inputs of a circuit are real"),
    ],
)
def test_one_sentence_says_what_to_give(x, w, error, message):
    """Wrong arguments are refused before the evaluator runs."""
    with pytest.raises(error, match=message):
        QiskitFunction.apply(x, w, evaluator, both_jacobians)


# --- what evaluators return -----------------------------------------------------------------------


def test_outputs_of_the_wrong_shape_are_refused(x, weights):
    """The error gives the shape that is expected of the outputs."""
    with pytest.raises(ValueError, match=r"of the shape \(3, outputs\) for 3 samples"):
        QiskitFunction.apply(x, weights, lambda x, w: x[0], both_jacobians)


def test_jacobians_of_the_wrong_shape_are_refused(x, weights):
    """The error gives the expected and the given shape of the Jacobian."""
    y = QiskitFunction.apply(x, weights, evaluator, lambda x, w: np.zeros((3, 2, 1)))
    with pytest.raises(ValueError, match=r"shape \(3, 2, 2\), got \(3, 2, 1\)"):
        y.sum().backward()
