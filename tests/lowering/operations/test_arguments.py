"""The numbers of a tape as tensors, and their domains."""

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.lowering.context import TapeContext
from pennylane_qizgloria.lowering.operations import arguments
from pennylane_qizgloria.lowering.operations.closed_forms import family_of_kind

CONTEXT = TapeContext()
SINGLE = TapeContext(dtype=torch.float32)


def forms(*ops):
    return tuple(family_of_kind(type(op)).form for op in ops)


@pytest.mark.parametrize("context", [CONTEXT, SINGLE])
def test_numbers_of_all_kinds_are_one_tensor(context):
    """Floats, integers, arrays and tensors come in order, in the dtype of the simulation."""
    values = [0.5, 2, np.float32(0.25), torch.tensor(3.0), torch.tensor(4), np.array(5.0)]
    found = arguments.stacked(values, context)
    assert found.dtype == context.dtype
    assert found.tolist() == [0.5, 2.0, 0.25, 3.0, 4.0, 5.0]
    assert arguments.stacked([], context).shape == (0,)


def test_gradients_go_through():
    """Each tensor among plain numbers has its own gradient."""
    x, y = (torch.tensor(v, dtype=torch.float32, requires_grad=True) for v in (1.0, 2.0))
    (arguments.stacked([x, 0.5, y], CONTEXT) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert (x.grad, y.grad) == (torch.tensor(1.0), torch.tensor(3.0))


def test_broadcast_numbers_are_columns():
    """What is not broadcast is repeated along the batch."""
    found = arguments.columns([0.5, np.array([1.0, 2.0]), torch.tensor(3.0)], CONTEXT)
    assert found.tolist() == [[0.5, 1.0, 3.0], [0.5, 2.0, 3.0]]


def test_constants_come_again():
    """Equal numbers in one dtype are one object, whatever interface they have."""
    op = qml.BitFlip(0.1, 0)
    first = arguments.constants([0.1], [op], forms(op), CONTEXT)
    assert arguments.constants([np.float64(0.1)], [op], forms(op), CONTEXT) is first
    assert arguments.constants([0.1], [op], forms(op), SINGLE) is not first
    assert arguments.constants([0.2], [op], forms(op), CONTEXT) is not first


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_constants_outside_the_domain_are_refused_again(value):
    """Having been accepted for a gate, a number is refused for a channel, each time."""
    rotation, flip = qml.RX(value, 0), qml.BitFlip(value, "wire")
    if np.isfinite(value):
        arguments.constants([value], [rotation], forms(rotation), CONTEXT)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"BitFlip\(.*\) on wires \['wire'\]"):
            arguments.constants([value], [flip], forms(flip), CONTEXT)


def test_the_wrong_operator_is_named():
    """Of several uses of one form, and in a batch, the first wrong one is named."""
    ops = [qml.BitFlip(0.1, 0), qml.RX(0.2, 1), qml.BitFlip(1.5, 2)]
    table = torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.2, 1.5]], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"BitFlip\(1.5\) on wires \[2\]"):
        arguments.validate(ops, forms(*ops), table)
    arguments.validate(ops, forms(*ops), table[:1])


def test_batches_in_vmap_are_not_looked_at():
    """Inside torch.func.vmap numbers have no values, and nothing is refused."""
    op = qml.BitFlip(0.1, 0)

    def function(p):
        arguments.validate([op], forms(op), p[None])
        return p

    assert torch.func.vmap(function)(torch.tensor([0.1, 7.0])).tolist() == pytest.approx([0.1, 7])
