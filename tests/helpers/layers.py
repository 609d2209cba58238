"""TorchLayer beside PennyLane's layer: a circuit, layers of it, inputs, and their comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from pennylane_qizgloria.nn.layer import TorchLayer

NUM_WIRES = 2


def rotated(inputs: Tensor, weights: Tensor) -> list:
    """A quantum function of inputs ``(..., 2)`` and weights ``(layers, 2, 3)``."""
    qml.AngleEmbedding(inputs, wires=range(NUM_WIRES))
    qml.StronglyEntanglingLayers(weights, wires=range(NUM_WIRES))
    qml.DepolarizingChannel(0.05, wires=0)
    return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]


def rotated_qnode() -> qml.QNode:
    """A QNode of `rotated`."""
    return qml.QNode(rotated, qml.device("qizgloria.mixed", wires=NUM_WIRES))


def layer_pair(
    circuit: Callable,
    shapes: dict[str, Any] | None = None,
    init: dict[str, Tensor] | None = None,
    device: Any = None,
    **options: Any,
) -> tuple[TorchLayer, qml.qnn.TorchLayer]:
    """Our layer and PennyLane's of a quantum function or a QNode, with the same weights.

    Without shapes the weights are ``angles``, ``(3,)``, and a ``strength``.
    """
    if shapes is None:
        shapes, init = {"angles": (3,), "strength": 1}, init or _initial_weights()
    if not isinstance(circuit, qml.QNode):
        device = device or qml.device("qizgloria.mixed", wires=NUM_WIRES)
        circuit = qml.QNode(circuit, device, **options)
    ours = TorchLayer(circuit, shapes, init)
    theirs = qml.qnn.TorchLayer(circuit, shapes, init)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def _initial_weights() -> dict[str, Tensor]:
    angles = torch.tensor([0.4, -1.1, 2.3], dtype=torch.float64)
    return {"angles": angles, "strength": torch.tensor(0.07, dtype=torch.float64)}


def shrink_weights(layers: Iterable[torch.nn.Module]) -> None:
    """Change the weights of several layers alike."""
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters():
                parameter.mul_(0.8)


def random_inputs(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Inputs from 0.1 to 1.1, the same ones for the same shape."""
    generator = torch.Generator().manual_seed(3)
    return 0.1 + torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype)


def trace_counts(module: torch.nn.Module) -> list[int | None]:
    """The number of traces of each structure; None where calls run as they are."""
    histories = module._trace_cache.histories.values()
    made = [[own.traced for own in history.traces] for history in histories]
    return [None if None in traces else len(traces) for traces in made]


def assert_layers_agree(
    ours: torch.nn.Module, theirs: torch.nn.Module, inputs: Tensor, atol: float = 1e-9
) -> None:
    """Assert that two layers give the same results and gradients."""
    pairs = zip(
        _results_and_gradients(ours, inputs), _results_and_gradients(theirs, inputs), strict=True
    )
    for own, other in pairs:
        assert own.shape == other.shape
        assert own.dtype == other.dtype
        assert torch.allclose(own, other, atol=atol)


def _results_and_gradients(layer: torch.nn.Module, inputs: Tensor) -> list[Tensor]:
    layer.zero_grad()
    inputs = inputs.clone().requires_grad_()
    result = layer(inputs)
    found: Any = [torch.zeros(())]
    if result.requires_grad:
        weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype).view(result.shape)
        parameters = [inputs, *layer.parameters()]
        found = torch.autograd.grad(
            (result * weights).sum(), parameters, materialize_grads=True, allow_unused=True
        )
    return [result, *found]
