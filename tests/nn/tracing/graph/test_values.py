"""What is known of the values of a graph."""

import pytest
import torch
from torch import fx

from pennylane_qizgloria.nn.tracing.graph.values import (
    Known,
    Moved,
    are_alike,
    dtype_of,
    leaves_of,
    size_of,
)


@pytest.fixture
def node():
    """A node of six numbers."""
    node = fx.Graph().placeholder("a")
    node.meta.update(shape=(2, 3), dtype=torch.float64)
    return node


def test_sizes_are_numbers_of_elements(node):
    """Constants, moved numbers and nodes have as many numbers as their shapes say."""
    assert size_of(Known(torch.zeros(4, 2))) == 8
    assert size_of(Moved(node, torch.arange(5), detached=False)) == 5
    assert size_of(node) == 6
    node.meta["dtype"] = None
    assert size_of(node) == 0


def test_dtypes_are_those_of_tensors_and_nodes(node):
    """A node with several results has none."""
    assert dtype_of(torch.zeros(1, dtype=torch.int64)) == torch.int64
    assert dtype_of(node) == torch.float64
    assert dtype_of(fx.Graph().placeholder("b")) is None


def test_indices_are_alike_to_any_dtype(node):
    """Integer tensors index others; other dtypes differ."""
    indices = torch.tensor([1])
    assert are_alike([node, indices], torch.float64)
    assert not are_alike([node, torch.zeros(1)], torch.float64)


def test_leaves_come_in_order(node):
    """Arguments in nested lists and keywords are leaves, in the order in which they are given."""
    graph = node.graph
    call = graph.call_function(torch.stack, ([node, (1, node)], 2), {"dim": 3, "more": [4]})
    assert leaves_of(call) == [node, 1, node, 2, 3, 4]
