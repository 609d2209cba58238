"""Traced functions of tensors, run again."""

import pennylane as qml
import pytest
import torch
from helpers.traced import results_and_gradients

from pennylane_qizgloria.nn.tracing.graph.trace import leaf, trace
from pennylane_qizgloria.nn.tracing.graph.traced_function import traced_function


@pytest.fixture
def examples():
    generator = torch.Generator().manual_seed(1)
    shapes = [(3, 4), (2, 3)]
    return [torch.rand(s, generator=generator, dtype=torch.float64) for s in shapes]


def traced(function, examples):
    return traced_function(trace(function, [leaf(example) for example in examples]))


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
    own = traced(function, examples)
    others = [1 - 0.7 * example for example in examples]
    expected = results_and_gradients(function, others, order)
    found = results_and_gradients(lambda *x: own(x, batch=1)[1], others, order)
    for mine, other in zip(found, expected, strict=True):
        assert (mine is None and other is None) or torch.allclose(mine, other, atol=1e-10)


def test_conditions_of_libraries_are_kept(examples):
    """A trace tells whether the numbers fulfil its conditions."""

    def function(x, w):
        return (x * 2 if qml.math.allclose(w, 1.0) else x + w.sum(),)

    own = traced(function, examples)
    x, w = examples
    holds, results = own([x, w + 1], batch=1)
    assert holds
    assert torch.allclose(results[0], function(x, w + 1)[0])
    assert not own([x, torch.ones_like(w)], batch=1)[0]


def test_trainable_tensors_from_elsewhere_stay_trainable(examples):
    """A parameter from a closure is read anew at each call, and gets gradients."""
    p = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    own = traced(lambda x, w: (x * p,), examples)
    for value in (0.3, 2.0):
        with torch.no_grad():
            p.fill_(value)
        (result,) = own(examples, batch=1)[1]
        assert torch.allclose(result, examples[0] * value)
        (gradient,) = torch.autograd.grad(result.sum(), p)
        assert torch.allclose(gradient, examples[0].sum())


def test_results_do_not_share_memory_with_constants(examples):
    """Writing to a result does not change later ones."""
    own = traced(lambda x, w: (torch.ones(3), x * 2), examples)
    with torch.no_grad():
        own(examples, batch=1)[1][0].mul_(5)
        assert torch.equal(own(examples, batch=1)[1][0], torch.ones(3))
