"""Graphs before and after simplification: the same numbers and gradients, fewer operations."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.nn.tracing.graph.compilation import compiled_whole
from pennylane_qizgloria.nn.tracing.graph.simplification import simplified
from pennylane_qizgloria.nn.tracing.graph.trace import trace

CONSTANT = torch.arange(12.0, dtype=torch.float64).reshape(3, 4) / 7

MOVES = [
    lambda x: x.T.reshape(3, 4),
    lambda x: x.flip(0),
    lambda x: torch.stack([x[2], x[0], x[1]]),
    lambda x: torch.stack([x[0, 0], *x.reshape(-1)[1:]]).view(3, 4),
    lambda x: torch.cat([x[:, 2:], x[:, :2]], dim=1),
    lambda x: torch.cat([x[1:], CONSTANT[:1]]),
    lambda x: x.unsqueeze(1).expand(3, 2, 4)[:, 1],
    lambda x: torch.stack(x.split([1, 3], dim=1)[1].unbind(1), 1).repeat(1, 2)[:, :4],
    lambda x: x[torch.tensor([2, 2, 0])],
    lambda x: x.index_select(1, torch.tensor([3, 1, 1, 0])),
    lambda x: x.index_copy(0, torch.tensor([1]), x[:1]),
    lambda x: x.clone().squeeze(),
]
ARITHMETIC = [
    lambda x: x * CONSTANT,
    lambda x: x.sin() + CONSTANT.cos(),
    lambda x: x @ (CONSTANT.T @ CONSTANT) / 5,
    lambda x: x - x.detach() / 2,
    lambda x: x.detach().T.reshape(3, 4) * x,
    lambda x: x + x.sum(0, keepdim=True) ** 2 / 10,
]


def example():
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(3, 4, generator=generator, dtype=torch.float64)
    return x.requires_grad_()


def graphs(function, differentiable):
    """A function's graph, as traced and simplified."""
    graph = trace(function, [example()]).graph
    return graph, simplified(graph, differentiable)


def operations(graph):
    return [str(node.target) for node in graph.nodes if node.op == "call_function"]


@settings(deadline=None, max_examples=40, derandomize=True, database=None)
@given(parts=st.lists(st.sampled_from([*MOVES, *ARITHMETIC]), min_size=1, max_size=6))
def test_numbers_and_gradients_stay(parts):
    """Random functions have the same values and gradients after simplification."""

    def function(x):
        results = [x]
        for part in parts:
            results.append(part(results[-1]))
        return [results[-1] * 1.5, results[len(results) // 2].sum()]

    x = example()
    expected = function(x)
    _, graph = graphs(function, differentiable=True)
    _, *found = compiled_whole(graph)(x)
    with torch.no_grad():
        _, *values = compiled_whole(simplified(graph, differentiable=False))(x)
    for ours, again, reference in zip(found, values, expected, strict=True):
        torch.testing.assert_close(ours, reference, atol=1e-12, rtol=0)
        torch.testing.assert_close(again, reference.detach(), atol=1e-12, rtol=0)
        if reference.requires_grad:
            # What has become a constant has no graph any more; its gradient is zero.
            ours, reference = (
                torch.autograd.grad(y.sum() + 0 * x.sum(), x, retain_graph=True)[0]
                for y in (ours, reference)
            )
            torch.testing.assert_close(ours, reference, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("function", "left"),
    [
        (lambda x: [x.T.T.reshape(-1).view(3, 4) * 2], ["aten.mul.Tensor"]),
        (lambda x: [torch.cat([CONSTANT, x])[:3].sin().exp() * x], ["aten.mul.Tensor"]),
        (lambda x: [torch.cat([CONSTANT, x])[:3] + x], ["aten.add.Tensor"]),
    ],
    ids=["there and back", "constants", "beside the point"],
)  # fmt: skip
def test_what_is_left(function, left):
    """Movements there and back, and operations on constants, are removed."""
    before, after = graphs(function, differentiable=True)
    assert operations(after) == left
    assert len(operations(before)) > len(left)


def test_numbers_of_large_tensors_are_not_followed(monkeypatch):
    """Above the limit a graph keeps its operations."""
    for module in ("simplification", "copy_propagation"):
        monkeypatch.setattr(f"pennylane_qizgloria.nn.tracing.graph.{module}.MAX_FOLLOWED", 11)
    before, after = graphs(lambda x: [x.T.T * 2], differentiable=True)
    assert operations(after) == operations(before)


def test_detaching_counts_only_where_there_are_gradients():
    """Detachments stay in differentiable graphs and are dropped from others."""
    function = lambda x: [x.detach() * x]  # noqa: E731
    _, kept = graphs(function, differentiable=True)
    _, dropped = graphs(function, differentiable=False)
    assert operations(kept) == ["aten.detach.default", "aten.mul.Tensor"]
    assert operations(dropped) == ["aten.mul.Tensor"]


def test_numbers_of_another_type_are_other_numbers():
    """Divisions by 2 and 2.0 are different operations, equal ones are done once."""
    _, graph = graphs(lambda x: [x.div(2), x.div(2.0), x.div(2)], differentiable=True)
    assert len(operations(graph)) == 2


@pytest.fixture
def examples():
    generator = torch.Generator().manual_seed(1)
    shapes = [(3, 4), (2, 3)]
    return [torch.rand(s, generator=generator, dtype=torch.float64) for s in shapes]


def test_chains_of_selections_become_nothing_or_one_gather(examples):
    """Selected and stacked numbers become the tensor itself or one gather."""

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
    """Operations on constants alone leave the graph."""
    graph = trace(lambda x, w: (x + torch.arange(4.0).sin().sum() * 2,), examples).graph
    assert operations(simplified(graph, True)) == ["aten.add.Tensor"]
    fixed = trace(
        lambda x, w: (torch.cat([w[0], torch.ones(2).double()])[3:].exp() * x[0, 0],), examples
    )
    assert operations(simplified(fixed.graph, True)).count("aten.exp.default") == 0


def test_the_same_is_done_once(examples):
    """Equal operations are done once."""
    graph = trace(lambda x, w: (x.sin() + 1, x.sin() + 2), examples).graph
    assert operations(simplified(graph, True)).count("aten.sin.default") == 1
