"""What passes for the same function, and what does not."""

import pytest
import torch

from pennylane_qizgloria.nn.tracing.verification import TraceMismatchError, check


def call(tensors):
    x, w = tensors
    return (x * w).sin(), x.sum()


TENSORS = [torch.tensor([0.3, 0.0, 0.8]).double(), torch.tensor([1.0, 2.0, 3.0]).double()]


def test_the_same_function_passes():
    """A function passes for itself."""
    check(lambda tensors: call(tensors), call, TENSORS, torch.float64)


@pytest.mark.parametrize(
    "other",
    [
        lambda t: ((t[0] * t[1]).sin() + 1e-5, t[0].sum()),
        lambda t: ((t[0] * t[1].detach()).sin(), t[0].sum()),
        lambda t: ((t[0] * TENSORS[1]).sin(), t[0].sum()),
        lambda t: ((t[0] * t[1]).sin().float(), t[0].sum()),
        lambda t: ((t[0] * t[1]).sin()[None], t[0].sum()),
        lambda t: ((t[0] * (TENSORS[0] != 0) * t[1]).sin(), t[0].sum()),
    ],
    ids=["values", "gradients", "frozen numbers", "dtype", "shape", "zeros"],
)
def test_another_function_is_found_out(other):
    """Other values, gradients, dtypes or shapes do not pass."""
    with pytest.raises(TraceMismatchError):
        check(other, call, TENSORS, torch.float64)


def test_single_precision_may_differ_more():
    """Differences of rounding pass in single precision, not in double."""

    def rounded(tensors):
        first, second = call(tensors)
        return first * (1 + 1e-5), second

    check(rounded, call, TENSORS, torch.float32)
    with pytest.raises(TraceMismatchError):
        check(rounded, call, TENSORS, torch.float64)


def test_other_numbers_are_tried_where_some_are_out_of_the_domain():
    """Functions of normalised inputs are compared on numbers of the same norm."""

    def normalised(tensors):
        if abs(tensors[0].norm().item() - 1) > 1e-9:
            raise ValueError("not normalised")
        return (tensors[0] * 2,)

    given = [torch.tensor([0.6, 0.8], dtype=torch.float64)]
    check(lambda t: (t[0] * 2,), normalised, given, torch.float64)
    with pytest.raises(TraceMismatchError):
        check(lambda t: (t[0] * 3,), normalised, given, torch.float64)


def test_what_is_wrong_with_the_numbers_themselves_is_said():
    """A call that fails on the given numbers raises its own error."""

    def never(tensors):
        raise ValueError("out of range")

    with pytest.raises(ValueError, match="out of range"):
        check(call, never, TENSORS, torch.float64)
