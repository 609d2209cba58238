"""Steps of training a layer, ours against PennyLane's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
import torch
from circuits import layered
from peers import DEFAULT_MIXED, OURS
from timing import first_call, measure, settle
from workloads import Row, check

from pennylane_qizgloria.nn.layer import TorchLayer

LAYERS = 3
TOLERANCE = 1e-5
"""How far losses and gradients may differ, in single precision."""

BATCH_SIZES = range(3, 63)
EPOCHS = 3
"""How often each of the batch sizes comes."""


def layers(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W8: a training step of the layered circuit as a torch module: forwards, backwards, Adam."""
    kinds = {
        "TorchLayer": (TorchLayer, OURS),
        "qml.qnn.TorchLayer, same device": (qml.qnn.TorchLayer, OURS),
        "qml.qnn.TorchLayer, default.mixed": (qml.qnn.TorchLayer, DEFAULT_MIXED),
    }
    for n in wires or (4,):
        for batch in (1, 64):
            modules = {name: layer_module(*own, n) for name, own in kinds.items()}
            calls = {
                name: partial(value_and_gradient, own, layer_inputs(batch, n))
                for name, own in modules.items()
            }
            firsts = {name: first_call(call) for name, call in calls.items()}
            for name in kinds:
                check(f"W8, batch {batch}", firsts, "TorchLayer", name, TOLERANCE)
            steps = {name: _step(own, layer_inputs(batch, n)) for name, own in modules.items()}
            for name, step in steps.items():
                step()
                settled = settle(step, lambda own=modules[name]: getattr(own, "is_traced", True))
                if name == "TorchLayer":
                    recording = settled
            yield Row(
                "W8 training step of a layer",
                {"wires": n, "layers": LAYERS, "batch": batch},
                measure(steps, budget, most=200),
                {name: "TorchLayer" for name in kinds if name != "TorchLayer"},
                {"recording, s": recording},
            )


def batch_sizes(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W12: 180 training steps of new layers over 60 batch sizes, first calls included."""
    kinds = {
        "TorchLayer": TorchLayer,
        "qml.qnn.TorchLayer, same device": qml.qnn.TorchLayer,
    }
    for n in wires or (4,):
        calls = {name: partial(_losses, kind, n) for name, kind in kinds.items()}
        firsts = {name: first_call(call) for name, call in calls.items()}
        for name in kinds:
            check("W12", firsts, "TorchLayer", name, TOLERANCE)
        yield Row(
            "W12 training over many batch sizes",
            {"wires": n, "layers": LAYERS, "sizes": len(BATCH_SIZES), "epochs": EPOCHS},
            measure(calls, budget / 2),
            {name: "TorchLayer" for name in kinds if name != "TorchLayer"},
            {f"{name} the first time, s": first.seconds for name, first in firsts.items()},
        )


def _losses(kind: Callable, num_wires: int) -> list[float]:
    """Train a new layer, each step with another batch size; the loss of each step."""
    module = layer_module(kind, OURS, num_wires)
    inputs = layer_inputs(max(BATCH_SIZES), num_wires)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
    order = np.random.default_rng(3).permutation(BATCH_SIZES).tolist()
    losses = []
    for size in order * EPOCHS:
        optimiser.zero_grad()
        loss = module(inputs[:size]).square().mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


# --- the layer ------------------------------------------------------------------------------------


def layer_module(kind: Callable, device: str, num_wires: int, **options: Any) -> torch.nn.Module:
    """The layered circuit behind embedded inputs, as a module with fixed weights.

    Args:
        kind: the class of the module.
        device: the name of PennyLane's device.
        num_wires: the number of wires.
        options: of the device.
    """
    dev = qml.device(device, wires=num_wires, **options)

    @qml.qnode(dev, interface="torch", diff_method="backprop")
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(num_wires))
        layered(weights, num_wires)
        return [qml.expval(qml.Z(wire)) for wire in range(num_wires)]

    shape = (LAYERS, num_wires, 3)
    angles = np.random.default_rng(1).uniform(0, 2 * np.pi, shape)
    return kind(circuit, {"weights": shape}, {"weights": torch.tensor(angles).float()})


def layer_inputs(batch: int, num_wires: int) -> torch.Tensor:
    """A batch of inputs in single precision."""
    features = np.random.default_rng(2).uniform(0, np.pi, (batch, num_wires))
    return torch.tensor(features).float()


def value_and_gradient(
    module: torch.nn.Module, inputs: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of the squares of a module's results, and its gradient by the weights."""
    loss = module(inputs).square().mean()
    (gradient,) = torch.autograd.grad(loss, list(module.parameters()))
    return loss, gradient


def _step(module: torch.nn.Module, inputs: torch.Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        module(inputs).square().mean().backward()
        optimiser.step()

    return step
