"""How moved numbers are written down: as the tensor itself, a gather, or as they were moved."""

import pytest
import torch

from pennylane_qizgloria.nn.tracing.graph.compilation import compiled_whole
from pennylane_qizgloria.nn.tracing.graph.simplification import simplified
from pennylane_qizgloria.nn.tracing.graph.trace import trace

X = torch.linspace(-1, 1, 12, dtype=torch.float64).view(3, 4)
OTHER = torch.linspace(3, 4, 12, dtype=torch.float64).view(3, 4)


def written(function, *tensors):
    """The names of the operations that a function becomes; it must give the same still."""
    given = [tensor.clone().requires_grad_() for tensor in tensors]
    graph = simplified(trace(function, given).graph, differentiable=True)
    _, *results = compiled_whole(graph)(*given)
    for ours, expected in zip(results, function(*given), strict=True):
        torch.testing.assert_close(ours, expected, atol=0, rtol=0)
        weights = torch.linspace(1, 2, ours.numel(), dtype=ours.dtype).view(ours.shape)
        mine, theirs = (
            torch.autograd.grad((y * weights).sum(), given, allow_unused=True)
            for y in (ours, expected)
        )
        torch.testing.assert_close(mine, theirs, atol=1e-15, rtol=0)
    targets = [node.target for node in graph.nodes if node.op == "call_function"]
    names = [str(target).split(".") for target in targets]
    return [name[1] if name[0] == "aten" else "part" for name in names]


@pytest.mark.parametrize(
    ("function", "operations"),
    [
        (lambda x: [x.reshape(-1).view(3, 4).sin()], ["sin"]),
        (lambda x: [x.T.T.reshape(4, 3).sin()], ["reshape", "sin"]),
        (lambda x: [x.T.sin()], ["permute", "sin"]),
        (lambda x: [x.flip(0).T.flip(1)[:2].T.clone().sin()],
         ["reshape", "index_select", "reshape", "sin"]),
        (lambda x: [x[0].sin(), x[1].cos(), x[2].exp()],
         ["unbind", "part", "sin", "part", "cos", "part", "exp"]),
        (lambda x: [x[1].sin()], ["select", "sin"]),
    ],
    ids=["itself", "a view", "one movement", "a gather", "all rows", "one row"],
)  # fmt: skip
def test_the_fewest_operations_are_chosen(function, operations):
    """Movements become the tensor itself, a view, one movement, a gather or rows."""
    assert written(function, X) == operations


def test_numbers_of_several_tensors_are_joined_once():
    """Two selections from the same tensors share one concatenation."""

    def function(x, y):
        rows = [x[0, 1], y[2, 3], x[1, 1], y[0, 0], x[2, 2]]
        return [torch.stack(rows).sin(), torch.stack(rows[::-1]).sin()]

    found = written(function, X, OTHER)
    assert found.count("cat") == 1
    assert found.count("index_select") == 2
    assert "select" not in found


def test_no_gradient_goes_through_what_was_detached():
    """Detached numbers stay detached among others."""

    def function(x):
        return [x.detach().flip(0).flip(1).T.flip(0).reshape(-1)[::2] * x.reshape(-1)[::2]]

    assert "detach" in written(function, X)
