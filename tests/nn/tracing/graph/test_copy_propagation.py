"""Where the numbers of views, selections and stacks come from."""

import pytest
import torch
from torch import fx

from pennylane_qizgloria.nn.tracing.graph.copy_propagation import Positions, follow
from pennylane_qizgloria.nn.tracing.graph.values import Known, Moved

aten = torch.ops.aten


@pytest.fixture
def roots():
    """Two nodes of six and two numbers, and a constant of three."""
    graph = fx.Graph()
    nodes = []
    for name, shape in (("a", (2, 3)), ("b", (2,))):
        node = graph.placeholder(name)
        node.meta.update(shape=shape, dtype=torch.float64)
        nodes.append(node)
    return *nodes, Known(torch.zeros(3, dtype=torch.float64))


def test_every_number_has_its_own_position(roots):
    """Numbers of different tensors have different positions, the same at each look."""
    positions = Positions()
    first, second, third = (positions.of(root) for root in roots)
    assert first.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert second.tolist() == [6, 7]
    assert third.tolist() == [8, 9, 10]
    assert positions.of(roots[1]).tolist() == [6, 7]
    assert positions.of(Known(roots[2].tensor)).tolist() == [8, 9, 10]


def test_sources_are_those_that_are_used(roots):
    """Only tensors that positions point to are sources, and positions count within these."""
    positions = Positions()
    for root in roots:
        positions.of(root)
    used, own = positions.sources(torch.tensor([[9, 0], [5, 10]]))
    assert used == [roots[0], roots[2]]
    assert own.tolist() == [[7, 0], [5, 8]]


def test_movements_are_done_on_positions(roots):
    """A selection from a transposed tensor is followed to the numbers of that tensor."""
    positions, first = Positions(), roots[0]
    moved = Moved(first, positions.of(first).T, False)
    node = first.graph.call_function(aten.select.int, (first, 0, 1))
    found = follow(node, torch.float64, lambda _: moved, positions)
    assert found.tolist() == [1, 4]


def test_movements_that_are_refused_or_too_large_are_not_followed(roots, monkeypatch):
    """Views that strides forbid and results above the limit are not followed."""
    positions, first = Positions(), roots[0]
    moved = Moved(first, positions.of(first).T, False)
    view = first.graph.call_function(aten.view.default, (first, [6]))
    assert follow(view, torch.float64, lambda _: moved, positions) is None
    repeat = first.graph.call_function(aten.repeat.default, (first, [2, 1]))
    assert follow(repeat, torch.float64, lambda _: moved, positions).shape == (6, 2)
    monkeypatch.setattr("pennylane_qizgloria.nn.tracing.graph.copy_propagation.MAX_FOLLOWED", 11)
    assert follow(repeat, torch.float64, lambda _: moved, positions) is None
