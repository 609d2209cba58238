"""Recording functions of tensors: what is written down, what is refused, and what is shortened."""

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.nn.replay import BrokenConditionError, record
from pennylane_qizgloria.nn.simplification import simplified
from pennylane_qizgloria.nn.tracing import Unrecordable, trace


@pytest.fixture
def examples():
    generator = torch.Generator().manual_seed(1)
    shapes = [(3, 4), (2, 3)]
    return [torch.rand(s, generator=generator, dtype=torch.float64) for s in shapes]


def operations(graph):
    return [str(node.target) for node in graph.nodes if node.op == "call_function"]


def gradients(function, tensors, order=1):
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
def test_replays_give_the_same_on_other_numbers(name, order, examples):
    """A recording would hold numbers that it should compute."""
    function = FUNCTIONS[name]
    replay = record(function, examples)
    others = [1 - 0.7 * example for example in examples]
    expected = gradients(function, others, order)
    for own, other in zip(gradients(replay, others, order), expected, strict=True):
        assert (own is None and other is None) or torch.allclose(own, other, atol=1e-10)
    with torch.no_grad():
        for own, other in zip(replay(*others), function(*others), strict=True):
            assert torch.allclose(own, other)
            assert not own.requires_grad


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x, w: (x if x.sum() > 0 else w,), "takes the value"),
        (lambda x, w: (x * float(w[0, 0]),), "takes the value"),
        (lambda x, w: (x * w[0, 0].item(),), "takes the value"),
        (lambda x, w: (x[int(w[0, 0])],), "takes the value"),
        (lambda x, w: (x * torch.tensor(np.asarray(w.detach()).sum()),), "values .* NumPy|numpy"),
        (lambda x, w: (x * w.detach().numpy()[0, 0],), "numpy"),
        (lambda x, w: (x * w.tolist()[0][0],), "tolist"),
        (lambda x, w: (x[x > 0.5],), "shape of a result"),
        (lambda x, w: (torch.nn.functional.dropout(x),), "random"),
        (lambda x, w: (torch.zeros(3).double().copy_(x[:, 0]),), "in place"),
        (lambda x, w: ((x + 1)[0].mul_(2),), "in place"),
    ],
)
def test_what_no_graph_can_repeat_is_refused(function, reason, examples):
    """Numbers of the first call would come back in all later ones."""
    with pytest.raises(Unrecordable, match=reason):
        trace(function, examples)


def test_a_refusal_that_the_function_catches_still_counts(examples):
    """Libraries catch whatever a look at the numbers raises, and go on with something else."""

    def function(x, w):
        try:
            return (x * float(w[0, 0]),)
        except Exception:
            return (x,)

    with pytest.raises(Unrecordable):
        trace(function, examples)


def test_conditions_of_libraries_are_kept(examples):
    """A recording would go the first way on numbers that need the other."""

    def function(x, w):
        return (x * 2 if qml.math.allclose(w, 1.0) else x + w.sum(),)

    replay = record(function, examples)
    x, w = examples
    assert torch.allclose(replay(x, w + 1)[0], function(x, w + 1)[0])
    for own in (x, x.clone().requires_grad_()):
        with pytest.raises(BrokenConditionError):
            replay(own, torch.ones_like(w))


def test_trainable_tensors_from_elsewhere_stay_trainable(examples):
    """A parameter in a closure would be frozen."""
    p = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    replay = record(lambda x, w: (x * p,), examples)
    for value in (0.3, 2.0):
        with torch.no_grad():
            p.fill_(value)
        (result,) = replay(*examples)
        assert torch.allclose(result, examples[0] * value)
        (gradient,) = torch.autograd.grad(result.sum(), p)
        assert torch.allclose(gradient, examples[0].sum())


def test_writing_to_a_constant_makes_a_recording_outdated(examples):
    """A change of a tensor in a closure would be overlooked."""
    p = torch.tensor(0.3, dtype=torch.float64)
    replay = record(lambda x, w: (x * p,), examples)
    assert replay.current
    p.add_(1)
    assert not replay.current


def test_chains_of_selections_become_nothing_or_one_gather(examples):
    """A call would take each weight out of its tensor by itself, forwards and backwards."""

    def same(x, w):
        return (torch.stack([w[i, j] for i in range(2) for j in range(3)]).view(2, 3).sin(),)

    def other(x, w):
        return (torch.stack([w[j % 2, j % 3] for j in range(5)]).sin(),)

    _, w = examples
    assert len(operations(trace(same, [w, w]).graph)) > 8
    assert operations(simplified(trace(same, [w, w]).graph, True)) == ["aten.sin.default"]
    names = operations(simplified(trace(other, [w, w]).graph, True))
    assert names == ["aten.reshape.default", "aten.index_select.default", "aten.sin.default"]


def test_what_follows_from_constants_is_computed_once(examples):
    """Every call would compute it anew."""
    graph = trace(lambda x, w: (x + torch.arange(4.0).sin().sum() * 2,), examples).graph
    assert operations(simplified(graph, True)) == ["aten.add.Tensor"]
    fixed = trace(
        lambda x, w: (torch.cat([w[0], torch.ones(2).double()])[3:].exp() * x[0, 0],), examples
    )
    assert operations(simplified(fixed.graph, True)).count("aten.exp.default") == 0


def test_the_same_is_done_once(examples):
    """Every call would do it twice."""
    graph = trace(lambda x, w: (x.sin() + 1, x.sin() + 2), examples).graph
    assert operations(simplified(graph, True)).count("aten.sin.default") == 1


def test_results_do_not_share_memory_with_constants(examples):
    """Somebody who writes to a result would change all later ones."""
    replay = record(lambda x, w: (torch.ones(3), x * 2), examples)
    with torch.no_grad():
        replay(*examples)[0].mul_(5)
        assert torch.equal(replay(*examples)[0], torch.ones(3))


def test_backwards_computes_only_what_is_asked_for(examples):
    """Gradients of the inputs of a first layer would cost time for nothing."""
    replay = record(FUNCTIONS["arithmetic"], examples)
    x, w = examples[0], examples[1].clone().requires_grad_()
    sum(r.sum() for r in replay(x, w)).backward()
    assert torch.allclose(w.grad, torch.full_like(w, 12))
    (backward,) = replay.joint._backwards.values()
    assert "mm" not in backward.func.__self__.code
