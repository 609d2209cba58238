"""Results kept for later calls, whatever mode torch was in when they were made."""

import torch

from pennylane_qizgloria.pauli.caching import cached


def test_equal_arguments_are_computed_once():
    """Equal arguments are computed once."""
    calls = []

    @cached(maxsize=2)
    def double(x):
        """Twice x."""
        calls.append(x)
        return 2 * x

    assert [double(1), double(1), double(2), double(3), double(1)] == [2, 2, 4, 6, 2]
    assert calls == [1, 2, 3, 1]
    assert double.__doc__ == "Twice x."


def test_what_is_made_in_inference_mode_serves_derivatives():
    """What is cached in inference mode serves derivatives later."""

    @cached(maxsize=None)
    def ones(size):
        return torch.ones(size)

    with torch.inference_mode():
        assert not ones(3).is_inference()
    x = torch.tensor(2.0, requires_grad=True)
    (x * ones(3)).sum().backward()
    assert x.grad == 3


def test_what_is_made_has_no_history():
    """Cached values have no autograd history."""
    x = torch.tensor(2.0, requires_grad=True)

    @cached(maxsize=None)
    def product(factor):
        return factor * x

    assert not product(3).requires_grad


def test_what_is_made_inside_a_transform_serves_outside():
    """What is cached while torch.func differentiates serves later calls, transformed or not."""

    @cached(maxsize=None)
    def numbers(size):
        return torch.arange(size)

    def total(x):
        return x.index_select(0, numbers(3)).square().sum()

    x = torch.arange(4.0)
    assert torch.equal(torch.func.grad(total)(x), torch.tensor([0.0, 2, 4, 0]))
    assert torch.equal(torch.func.hessian(total)(x), torch.diag(torch.tensor([2.0, 2, 2, 0])))
    assert total(x) == 5
