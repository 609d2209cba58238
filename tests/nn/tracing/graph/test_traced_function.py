"""Traced functions of tensors, run again."""

import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.nn.tracing.graph.traced_function import (
    BrokenConditionError,
    trace_function,
)


@pytest.fixture
def examples():
    generator = torch.Generator().manual_seed(1)
    shapes = [(3, 4), (2, 3)]
    return [torch.rand(s, generator=generator, dtype=torch.float64) for s in shapes]


def results_and_gradients(function, tensors, order=1):
    """Results and gradients of their weighted sum, to second order if asked for."""
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    results = function(*leaves)
    total = sum((r**2 * torch.arange(1.0, r.numel() + 1).view(r.shape)).sum() for r in results)
    found = torch.autograd.grad(total, leaves, create_graph=order > 1, allow_unused=True)
    if order > 1:
        second = sum((own**2).sum() for own in found if own is not None)
        found = (*found, *torch.autograd.grad(second, leaves, allow_unused=True))
    return [*results, *found]


FUNCTIONS = {
    "arithmetic": lambda x, w: (torch.sin(x) * 2 + w.sum(), x @ x.T),
    "rows": lambda x, w: (torch.stack([a * b for a, b in zip(x.T, w.flatten(), strict=False)]),),
    "chain": lambda x, w: (torch.stack([w[i // 3, i % 3] for i in (5, 0, 0, 3)]).cos(),),
    "mixed": lambda x, w: (torch.cat([x[0, :2], w[1], torch.ones(2).double()]).exp(),),
    "detached": lambda x, w: (x.detach()[:, 1] * w[0], torch.exp(w.detach()).sum() * x),
    "views": lambda x, w: (x.T.reshape(2, 6).flip(0).unsqueeze(1).expand(2, 3, 6) ** 2,),
    "norm": lambda x, w: (
        x / torch.linalg.norm(x, dim=1, keepdim=True),
        torch.linalg.eigh(w.T @ w)[0],
    ),
    "parts": lambda x, w: (x.split([1, 3], 1)[1].tanh(), w.unbind(1)[2] + w.unbind(1)[0]),
    "in place": lambda x, w: ((x * 2).add_(w.sum()).mul_(3),),
    "complex": lambda x, w: (torch.matrix_exp(1j * (w.T @ w)).abs(), torch.complex(x, x).real),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [1, 2])
def test_results_and_derivatives_on_other_numbers(name, order, examples):
    """Traces give the function's results and derivatives on other numbers."""
    function = FUNCTIONS[name]
    traced = trace_function(function, examples)
    others = [1 - 0.7 * example for example in examples]
    expected = results_and_gradients(function, others, order)
    for own, other in zip(results_and_gradients(traced, others, order), expected, strict=True):
        assert (own is None and other is None) or torch.allclose(own, other, atol=1e-10)
    with torch.no_grad():
        for own, other in zip(traced(*others), function(*others), strict=True):
            assert torch.allclose(own, other)
            assert not own.requires_grad


def test_conditions_of_libraries_are_kept(examples):
    """Numbers that do not fulfil a trace's conditions raise BrokenConditionError."""

    def function(x, w):
        return (x * 2 if qml.math.allclose(w, 1.0) else x + w.sum(),)

    traced = trace_function(function, examples)
    x, w = examples
    assert torch.allclose(traced(x, w + 1)[0], function(x, w + 1)[0])
    for own in (x, x.clone().requires_grad_()):
        with pytest.raises(BrokenConditionError):
            traced(own, torch.ones_like(w))


def test_trainable_tensors_from_elsewhere_stay_trainable(examples):
    """A parameter from a closure is read anew at each call, and gets gradients."""
    p = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    traced = trace_function(lambda x, w: (x * p,), examples)
    for value in (0.3, 2.0):
        with torch.no_grad():
            p.fill_(value)
        (result,) = traced(*examples)
        assert torch.allclose(result, examples[0] * value)
        (gradient,) = torch.autograd.grad(result.sum(), p)
        assert torch.allclose(gradient, examples[0].sum())


def test_writing_to_a_constant_outdates_a_trace(examples):
    """A trace is not current once one of its constants has been written to."""
    p = torch.tensor(0.3, dtype=torch.float64)
    traced = trace_function(lambda x, w: (x * p,), examples)
    assert traced.current
    p.add_(1)
    assert not traced.current


def test_results_do_not_share_memory_with_constants(examples):
    """Writing to a result does not change later ones."""
    traced = trace_function(lambda x, w: (torch.ones(3), x * 2), examples)
    with torch.no_grad():
        traced(*examples)[0].mul_(5)
        assert torch.equal(traced(*examples)[0], torch.ones(3))


def test_backwards_computes_only_what_is_asked_for(examples):
    """The reverse pass leaves out gradients of arguments that need none."""
    traced = trace_function(FUNCTIONS["arithmetic"], examples)
    x, w = examples[0], examples[1].clone().requires_grad_()
    sum(r.sum() for r in traced(x, w)).backward()
    assert torch.allclose(w.grad, torch.full_like(w, 12))
    (backward,) = traced.joint_graph._backwards.values()
    assert "mm" not in backward.func.__self__.code


def function(x, w):
    rows = torch.stack([x[..., 0] * w[0], x[..., 1] + w[1]])
    return torch.sin(rows).sum(0), (w * 2).detach(), rows @ x


@pytest.fixture
def tensors(rng):
    """Draws inputs and weights that require gradients."""

    def draw():
        shapes = ((3, 2), (2,))
        return [torch.tensor(rng.normal(size=shape)).requires_grad_() for shape in shapes]

    return draw


def gradients(call, given):
    results = [y for y in call(*given) if y.requires_grad]
    cotangents = [torch.linspace(1, 2, y.numel()).to(y).view(y.shape) for y in results]
    return torch.autograd.grad(results, given, cotangents)


def test_other_numbers_give_what_the_function_gives(tensors):
    """Batched functions have the same results and gradients on random numbers."""
    traced = trace_function(function, tensors())
    for _ in range(3):
        given = tensors()
        torch.testing.assert_close(traced(*given), function(*given))
        torch.testing.assert_close(gradients(traced, given), gradients(function, given))
    assert traced.current


def test_python_runs_once(tensors):
    """Calls of a trace do not run the function's Python."""
    calls = []

    def counted(x, w):
        calls.append(1)
        return function(x, w)

    traced = trace_function(counted, tensors())
    before = len(calls)
    for _ in range(3):
        gradients(traced, tensors())
    assert len(calls) == before


def test_a_call_is_one_node_of_the_graph(tensors):
    """A call is a single node of torch's graph."""
    result = trace_function(function, tensors())(*tensors())[0]
    assert type(result.grad_fn).__name__ == "_TracedFunctionNodeBackward"
    assert {edge[0] is None or edge[0].name() == "torch::autograd::AccumulateGrad"
            for edge in result.grad_fn.next_functions} == {True}  # fmt: skip


def test_gradients_that_are_not_needed_are_left_out(tensors):
    """Arguments without a gradient get none, and without gradients no graph is made."""
    traced = trace_function(function, tensors())
    x, w = tensors()
    w = w.detach()
    (by_x,) = torch.autograd.grad(traced(x, w)[0].sum(), x)
    torch.testing.assert_close(by_x, torch.autograd.grad(function(x, w)[0].sum(), x)[0])
    assert not traced(x.detach(), w)[0].requires_grad
    with torch.no_grad():
        assert not traced(*tensors())[0].requires_grad


def test_results_without_gradients_have_none(tensors):
    """A detached result does not require a gradient."""
    assert not trace_function(function, tensors())(*tensors())[1].requires_grad


def test_higher_derivatives(tensors):
    """Second derivatives agree with finite differences."""
    traced = trace_function(function, tensors())
    assert torch.autograd.gradgradcheck(lambda x, w: traced(x, w)[::2], tensors())
