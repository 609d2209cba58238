"""Conditions on numbers, and how a tracer collects them."""

import pytest
import torch

from pennylane_qizgloria.pauli.conditions import are_finite, collecting, holds, is_collected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (torch.tensor(True), True),
        (torch.tensor(False), False),
        (torch.tensor([True, False]), False),
        (torch.ones(2, 3, dtype=torch.bool), True),
        (torch.zeros(0, dtype=torch.bool), True),
    ],
)
def test_conditions_hold_everywhere(condition, expected):
    """A condition holds where all of its entries do, and an empty one always."""
    assert holds(condition) is expected


def test_collectors_see_each_condition():
    """A collector gets each test with its numbers and decides what it is taken for."""
    seen = []

    def collect(test, numbers):
        seen.append(test(numbers))
        return False

    with collecting(collect):
        assert holds(torch.tensor([True, True])) is False
        assert holds(torch.tensor([True, False])) is False
        assert are_finite(torch.tensor([1.0, torch.inf])) is False
        assert are_finite(torch.zeros(2)) is False
    assert [tuple(own.shape) for own in seen] == [()] * 4
    assert [own.item() for own in seen] == [True, False, False, True]


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf, -torch.inf, complex(0, torch.inf)])
def test_numbers_are_finite(wrong):
    """One number that is not finite is found among others, large ones too."""
    numbers = [0.0, 1e308, -1e308]
    assert are_finite(torch.tensor(numbers, dtype=torch.float64))
    assert not are_finite(torch.tensor([*numbers, wrong]))
    assert are_finite(torch.zeros(0))


def test_collectors_are_nested():
    """The innermost collector is asked, and after it the one around it again."""
    outer, inner = [], []
    assert not is_collected()
    with collecting(lambda test, numbers: outer.append(numbers) or True):
        assert is_collected()
        with collecting(lambda test, numbers: inner.append(numbers) or True):
            holds(torch.tensor(True))
        holds(torch.tensor(True))
    assert (len(outer), len(inner)) == (1, 1)
    assert not is_collected()


def test_collecting_ends_with_an_error():
    """An error inside a block leaves no collector behind."""
    with pytest.raises(RuntimeError), collecting(lambda test, numbers: True):
        raise RuntimeError
    assert not is_collected()


def test_conditions_inside_vmap_are_taken_for_granted():
    """Tensors without values that Python can see satisfy every condition, unseen by collectors."""
    seen = []

    def function(x):
        assert holds(x > 0)
        return x

    with collecting(lambda test, numbers: seen.append(numbers) or True):
        torch.func.vmap(function)(torch.tensor([1.0, -1.0]))
    assert seen == []


def test_conditions_inside_derivatives_have_values():
    """Tensors of torch.func.grad have values, and conditions on them are decided."""

    def function(x):
        return x if holds(x > 0) else -x

    assert torch.func.grad(function)(torch.tensor(2.0)) == 1
    assert torch.func.grad(function)(torch.tensor(-2.0)) == -1
