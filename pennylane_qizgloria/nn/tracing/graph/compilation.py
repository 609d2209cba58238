"""Parts of a traced graph as Python functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from .values import leaves_of

aten = torch.ops.aten

Function = Callable[..., tuple]
"""A function of tensors that is nothing but operations on them."""

PLAIN = {
    aten.add.Tensor: torch.add,
    aten.bmm.default: torch.bmm,
    aten.cat.default: torch.cat,
    aten.cos.default: torch.cos,
    aten.div.Tensor: torch.div,
    aten.expand.default: torch.Tensor.expand,
    aten.index_select.default: torch.index_select,
    aten.mm.default: torch.mm,
    aten.mul.Tensor: torch.mul,
    aten.neg.default: torch.neg,
    aten.permute.default: torch.permute,
    aten.reshape.default: torch.reshape,
    aten.select.int: torch.select,
    aten.sin.default: torch.sin,
    aten.stack.default: torch.stack,
    aten.t.default: torch.t,
    aten.transpose.int: torch.transpose,
    aten.unbind.int: torch.unbind,
    aten.unsqueeze.default: torch.unsqueeze,
    aten.view.default: torch.Tensor.view,
}
"""Frequent operations by the names under which calling them takes the least time."""


def compiled_whole(graph: fx.Graph) -> Function:
    """A graph as a function of its arguments."""
    (results,) = graph.output_node().args
    return compiled(graph, graph.find_nodes(op="placeholder"), results)  # type: ignore[arg-type]


def compiled(graph: fx.Graph, given: Sequence[fx.Node], wanted: Sequence[Any]) -> Function:
    """The part of a graph that leads from some nodes to others, as a function.

    Args:
        graph: the graph.
        given: the nodes whose tensors the function takes.
        wanted: the nodes and constants that it returns; None stays None.
    """
    needed = ancestors(wanted, set(given))
    part = fx.Graph()
    constants: dict[int, fx.Node] = {}
    tensors: list[Tensor] = []
    for tensor in _constants(needed - set(given), wanted):
        if id(tensor) not in constants:
            constants[id(tensor)] = part.placeholder(f"c{len(tensors)}")
            tensors.append(tensor)
    copies = {node: part.placeholder(f"g{i}") for i, node in enumerate(given)}

    def own(value: Any) -> Any:
        if isinstance(value, Tensor):
            return constants[id(value)]
        return copies[value] if isinstance(value, fx.Node) else value

    for node in graph.nodes:
        if node in needed and node not in copies:
            args, kwargs = map_aggregate((node.args, node.kwargs), own)
            copies[node] = part.call_function(PLAIN.get(node.target, node.target), args, kwargs)
    # A constant must not get into the hands of somebody who might write to it.
    part.output(
        tuple(
            part.call_function(torch.clone, (own(value),))
            if isinstance(value, Tensor)
            else own(value)
            for value in wanted
        )
    )
    return partial(fx.GraphModule({}, part).forward, *tensors)


def ancestors(nodes: Sequence[Any], ends: set[fx.Node]) -> set[fx.Node]:
    """Nodes and all that they follow from, up to and with some ends.

    Args:
        nodes: where to start; what is no node is passed over.
        ends: nodes beyond which not to go.
    """
    found: set[fx.Node] = set()
    waiting = [node for node in nodes if isinstance(node, fx.Node)]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [] if node in ends else node.all_input_nodes
    return found


def _constants(nodes: Iterable[fx.Node], wanted: Sequence[Any]) -> Iterator[Tensor]:
    for value in (*(leaf for node in nodes for leaf in leaves_of(node)), *wanted):
        if isinstance(value, Tensor):
            yield value
