"""How modules call their QNodes: what is given, and what is made of the results.

A call can be made with something else in the place of the QNode, which is how it is traced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol, runtime_checkable

import pennylane as qml
import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Invocation(Protocol):
    """A call of a QNode; calls are equal if they do the same."""

    @property
    def qnode(self) -> Any:
        """The QNode."""

    def roots(self) -> list[tuple[str, Any]]:
        """From where all can be reached that the call depends on besides its tensors, by name."""

    def keywords(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """What the QNode is called with."""

    def batched(self, tensors: Sequence[Tensor]) -> tuple[bool, ...]:
        """For each tensor whether its first axis is that of a batch of any size."""

    def __call__(self, tensors: Sequence[Tensor], circuit: Callable | None = None) -> Any:
        """What the module makes of the QNode's results: a tensor, or a tuple of several.

        Args:
            tensors: inputs and weights.
            circuit: what to call instead of the QNode.
        """


@dataclass(frozen=True)
class LayerInvocation:
    """How `qml.qnn.TorchLayer` calls a QNode.

    Args:
        qnode: the QNode.
        argument: the name of its argument for inputs.
        names: the names of its weights.
    """

    qnode: Any
    argument: str
    names: tuple[str, ...]

    def roots(self) -> list[tuple[str, Any]]:
        """The QNode, whose function may be anything."""
        return [("the QNode", self.qnode)]

    def keywords(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """The inputs and weights by name, the weights in the dtype of the computation."""
        inputs, *weights = tensors
        like = _computed_in(inputs, weights)
        pairs = zip(self.names, weights, strict=True)
        return {self.argument: inputs, **{name: weight.to(like) for name, weight in pairs}}

    def batched(self, tensors: Sequence[Tensor]) -> tuple[bool, ...]:
        """Inputs of two axes."""
        return tensors[0].ndim == 2, *(False for _ in self.names)

    def __call__(self, tensors: Sequence[Tensor], circuit: Callable | None = None) -> Any:
        """The results, in the layer's shape and the dtype of the computation."""
        inputs, *weights = tensors
        qnode = circuit or without_memory(self.qnode)

        def on_given(**keywords: Tensor) -> Any:
            return qnode(**{**keywords, self.argument: inputs})

        layer = SimpleNamespace(
            input_arg=self.argument,
            qnode_weights=dict(zip(self.names, weights, strict=True)),
            qnode=qnode if inputs.is_floating_point() else on_given,
        )
        return qml.qnn.TorchLayer._evaluate_qnode(layer, _computed_in(inputs, weights))


def _computed_in(inputs: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The inputs in the dtype of the computation.

    That is their own; with integers and bits, which embeddings need as they are, the weights'.
    """
    if inputs.is_floating_point() or inputs.is_complex():
        return inputs
    return inputs.to(weights[0].dtype if weights else torch.get_default_dtype())


@dataclass(frozen=True)
class CircuitInvocation:
    """How `TorchCircuit` calls a QNode: with all samples at once.

    Args:
        qnode: takes inputs ``x`` and weights ``w``, each with a batch axis or not.
    """

    qnode: Any

    def roots(self) -> list[tuple[str, Any]]:
        """The device; the circuit is the module's own."""
        return [("the device", self.qnode.device)]

    def keywords(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """The arguments, a batch of one sample without its axis."""
        x, w = tensors
        if len(x) == 1:
            x, w = x[0], w[0] if w.ndim == 2 else w
        return {"x": x, "w": w}

    def batched(self, tensors: Sequence[Tensor]) -> tuple[bool, ...]:
        """Both, if the weights have rows; one sample is no batch."""
        x, w = tensors
        return len(x) > 1, len(x) > 1 and w.ndim == 2

    def __call__(
        self, tensors: Sequence[Tensor], circuit: Callable | None = None
    ) -> Float[Tensor, "batch measured"]:
        """All that is measured for each sample.

        Args:
            tensors: at least one sample of inputs, ``(batch, inputs)``; weights that all samples
                share, ``(weights,)``, or a row for each, ``(batch, weights)``.
            circuit: what to call instead of the QNode.
        """
        x = tensors[0]
        results = (circuit or self.qnode)(**self.keywords(tensors))
        several = isinstance(results, tuple | list)
        columns = [torch.as_tensor(r, device=x.device) for r in (results if several else [results])]
        if several:
            # What no batched parameter has an effect on comes without a batch axis.
            return torch.stack([column.expand(len(x)) for column in columns], dim=-1)
        return columns[0].expand(len(x), -1)


def without_memory(qnode: Any) -> Any:
    """A copy of a QNode, because a QNode remembers its last tape.

    With tensors of torch's graph in its tape, a module that holds it could not be copied.
    """
    return copy(qnode) if type(qnode) is qml.QNode else qnode
