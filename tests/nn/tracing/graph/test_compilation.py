"""Parts of graphs as functions."""

import pytest
import torch

from pennylane_qizgloria.nn.tracing.graph.compilation import ancestors, compiled, compiled_whole
from pennylane_qizgloria.nn.tracing.graph.trace import trace

CONSTANT = torch.tensor([2.0, 3.0])


@pytest.fixture
def graph():
    """Of ``sin(x) * c`` and ``cos(y)``."""
    x, y = torch.ones(2), torch.ones(2)
    return trace(lambda x, y: [x.sin() * CONSTANT, y.cos()], [x, y]).graph


def node(graph, name):
    return next(node for node in graph.nodes if name in str(node.target))


def test_a_whole_graph_is_its_function(graph):
    """A compiled graph gives what the traced function gives."""
    x, y = torch.tensor([0.1, 0.2]), torch.tensor([0.3, 0.4])
    holds, first, second = compiled_whole(graph)(x, y)
    assert holds is None
    torch.testing.assert_close(first, x.sin() * CONSTANT)
    torch.testing.assert_close(second, y.cos())


def test_parts_start_anywhere(graph):
    """A part of a graph starts at any nodes, and hands these through."""
    sine, product = node(graph, "sin"), node(graph, "mul")
    function = compiled(graph, [sine], [product, None, sine])
    value = torch.tensor([5.0, 7.0])
    first, nothing, same = function(value)
    assert first.tolist() == [10.0, 21.0]
    assert nothing is None
    assert same is value


def test_constants_are_not_handed_out(graph):
    """A constant result is a copy."""
    (result,) = compiled(graph, [], [CONSTANT])()
    assert torch.equal(result, CONSTANT)
    assert result.data_ptr() != CONSTANT.data_ptr()


def test_ancestors_stop_at_the_ends(graph):
    """Ancestors include the ends and nothing before them."""
    sine, product, cosine = (node(graph, name) for name in ("sin", "mul", "cos"))
    assert ancestors([product], {sine}) == {product, sine}
    assert ancestors([product, None, 3], set()) == {product, sine, sine.args[0]}
    assert cosine not in ancestors([product], set())
