"""Steps of training a layer, ours against PennyLane's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import pennylane as qml
import torch
from circuits import layered
from peers import DEFAULT_MIXED, OURS
from timing import First, first_call, measure, settle
from workloads import DisagreementError, Row

from pennylane_qizgloria.nn.layer import TorchLayer

LAYERS = 3
TOLERANCE = 1e-5
"""How far gradients may differ, in single precision."""


def layers(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W8: a training step of the layered circuit as a torch module: forwards, backwards, Adam."""
    kinds = {
        "TorchLayer": (TorchLayer, OURS),
        "qml.qnn.TorchLayer, same device": (qml.qnn.TorchLayer, OURS),
        "qml.qnn.TorchLayer, default.mixed": (qml.qnn.TorchLayer, DEFAULT_MIXED),
    }
    for n in wires or (4,):
        for batch in (1, 64):
            modules = {name: _module(kind, device, n) for name, (kind, device) in kinds.items()}
            calls = {
                name: partial(_gradient, own, _inputs(batch, n)) for name, own in modules.items()
            }
            firsts = {name: first_call(call) for name, call in calls.items()}
            _check(firsts)
            steps = {name: _step(own, _inputs(batch, n)) for name, own in modules.items()}
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


def _module(kind: Callable, device: str, num_wires: int) -> torch.nn.Module:
    dev = qml.device(device, wires=num_wires)

    @qml.qnode(dev, interface="torch", diff_method="backprop")
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(num_wires))
        layered(weights, num_wires)
        return [qml.expval(qml.Z(wire)) for wire in range(num_wires)]

    shape = (LAYERS, num_wires, 3)
    angles = np.random.default_rng(1).uniform(0, 2 * np.pi, shape)
    return kind(circuit, {"weights": shape}, {"weights": torch.tensor(angles).float()})


def _inputs(batch: int, num_wires: int) -> torch.Tensor:
    features = np.random.default_rng(2).uniform(0, np.pi, (batch, num_wires))
    return torch.tensor(features).float()


def _gradient(module: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    (gradient,) = torch.autograd.grad(module(inputs).square().mean(), list(module.parameters()))
    return gradient


def _step(module: torch.nn.Module, inputs: torch.Tensor) -> Callable[[], None]:
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        module(inputs).square().mean().backward()
        optimiser.step()

    return step


def _check(firsts: dict[str, First]) -> None:
    """See that all layers have the same gradient."""
    ours = firsts["TorchLayer"].value
    for name, first in firsts.items():
        difference = float((first.value - ours).abs().max())
        if not difference <= TOLERANCE:
            raise DisagreementError(
                f"W8: {name} and TorchLayer differ by {difference:.3g}, "
                f"allowed are {TOLERANCE:.0e}."
            )
