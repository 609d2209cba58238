"""A traced function as it was traced: torch's operations one after the other, for one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_aggregate

from .trace import Trace


class BrokenConditionError(Exception):
    """The numbers do not fulfil the conditions of a trace."""


@dataclass(frozen=True, eq=False)
class TracedFunction:
    """A traced function.

    Args:
        module: its operations.
        constants: the tensors that are always the same, which are the first arguments.
        live: tensors from elsewhere that may be trained, which are the last arguments.
        watched: tensors from elsewhere that must stay as they are, and their versions.
    """

    module: fx.GraphModule
    constants: tuple[Tensor, ...]
    live: tuple[Tensor, ...]
    watched: tuple[tuple[Tensor, int], ...]

    is_for_any_batch = False

    def __call__(self, tensors: Sequence[Tensor], batch: int) -> tuple[Tensor | None, list[Tensor]]:
        """Whether the conditions hold, a bool or None, and the results."""
        holds, *results = self.module.forward(*self.constants, *tensors, *self.live)
        return holds, results


def traced_function(traced: Trace) -> TracedFunction:
    """A traced function, to be called with tensors like those that it was traced with."""
    graph = fx.Graph()
    constants: dict[int, tuple[Tensor, fx.Node]] = {}
    for tensor in _constants(traced.graph):
        if id(tensor) not in constants:
            constants[id(tensor)] = tensor, graph.placeholder(f"c{len(constants)}")
    copies: dict[fx.Node, fx.Node] = {}

    def own(value: Any) -> Any:
        if isinstance(value, Tensor):
            return constants[id(value)][1]
        return copies[value] if isinstance(value, fx.Node) else value

    for node in traced.graph.nodes:
        if node.op == "placeholder":
            copies[node] = graph.placeholder(node.name)
        elif node.op == "call_function":
            args, kwargs = map_aggregate((node.args, node.kwargs), own)
            copies[node] = graph.call_function(node.target, args, kwargs)
    outputs: Any = traced.graph.output_node().args[0]
    holds, *results = outputs
    # A constant must not get into the hands of somebody who might write to it.
    ends = [graph.call_function(torch.clone, (own(x),)) for x in results]
    graph.output((own(holds), *ends))
    graph.eliminate_dead_code()
    tensors = tuple(tensor for tensor, _ in constants.values())
    return TracedFunction(fx.GraphModule({}, graph), tensors, traced.live, traced.watched)


def _constants(graph: fx.Graph) -> list[Tensor]:
    found: list[Tensor] = []
    for node in graph.nodes:
        map_aggregate(
            (node.args, node.kwargs),
            lambda value: found.append(value) if isinstance(value, Tensor) else None,
        )
    return found
