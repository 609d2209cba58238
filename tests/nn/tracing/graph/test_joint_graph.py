"""Traced functions cut into a part that goes forwards and one that goes backwards."""

import itertools

import pytest
import torch

from pennylane_qizgloria.nn.tracing.graph.joint_graph import joint_graph, leaf


def function(x, y, n):
    return None, torch.sin(x * y) @ y, n + 1, (x * 2).detach(), y.exp()


@pytest.fixture
def examples(rng):
    x, y = (leaf(torch.tensor(rng.normal(size=3))) for _ in range(2))
    return [x, y, torch.tensor([1, 2])]


def test_results_come_first_and_then_what_is_saved(examples):
    """The forward pass gives the function's results, then the saved tensors."""
    both = joint_graph(function, examples)
    assert both.through == (0, 3)
    holds, *rest = both.forward(*examples)
    assert holds is None
    assert len(rest) == both.results + len(both.saved)
    for ours, expected in zip(rest[: both.results], function(*examples)[1:], strict=True):
        torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize("needed", list(itertools.product([True, False], repeat=2)))
def test_gradients_are_those_that_are_needed(examples, needed):
    """Each choice of arguments gives their gradients, and None for the others."""
    both = joint_graph(function, examples)
    _, *rest = both.forward(*examples)
    cotangents = [torch.tensor(0.7, dtype=torch.float64), torch.arange(3.0, dtype=torch.float64)]
    found = both.backward((*needed, False))(*rest[both.results :], *cotangents)
    _, first, _, _, last = function(*examples)
    expected = torch.autograd.grad([first, last], examples[:2], cotangents)
    for need, ours, reference in zip((*needed, False), found, [*expected, None], strict=True):
        if need:
            torch.testing.assert_close(ours, reference)
        else:
            assert ours is None


def test_backwards_does_not_go_forwards_again(examples):
    """The reverse pass uses saved results of the forward pass."""
    both = joint_graph(lambda x, y, n: (None, (x.sin() * y).exp().sum()), examples)
    _, *rest = both.forward(*examples)
    backward = both.backward((True, True, False))
    code = backward.func.__self__.code
    assert "sin(" not in code.replace("cos(", "")
    assert "exp(" not in code
    assert backward(*rest[1:], torch.ones((), dtype=torch.float64))[0].shape == (3,)


def test_functions_without_gradients_have_no_joint_graph(examples):
    """Functions of which no result has a gradient have no joint graph."""
    assert joint_graph(lambda x, y, n: (None, n + 1, x.detach()), examples) is None


def test_gradients_that_draw_are_not_traced(examples):
    """A gradient that draws random numbers has no joint graph."""

    class Strange(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, cotangent):
            return cotangent * torch.rand_like(cotangent)

    assert joint_graph(lambda x, y, n: (None, Strange.apply(x)), examples) is None


def test_leaves_have_their_own_numbers():
    """Leaves are contiguous copies, with a gradient if their dtype has one."""
    given = torch.arange(6.0).view(2, 3).T
    own = leaf(given)
    assert own.requires_grad
    assert own.is_contiguous()
    assert own.data_ptr() != given.data_ptr()
    assert not leaf(torch.tensor([1])).requires_grad
