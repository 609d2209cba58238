"""The circuits that are measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pennylane as qml
import torch

DEPOLARIZING = 0.01
DAMPING = 0.02


def layered(weights: Any, num_wires: int) -> None:
    """Rotations and a ring of CNOTs in layers, with noise after every gate.

    Each layer has a Rot and depolarizing on each wire, a ring of CNOTs, each followed by
    depolarizing on both wires, and amplitude damping on each wire.
    """
    for layer in weights:
        for wire in range(num_wires):
            qml.Rot(*layer[wire], wires=wire)
            qml.DepolarizingChannel(DEPOLARIZING, wires=wire)
        for wire in range(num_wires):
            pair = [wire, (wire + 1) % num_wires]
            qml.CNOT(pair)
            for end in pair:
                qml.DepolarizingChannel(DEPOLARIZING, wires=end)
        for wire in range(num_wires):
            qml.AmplitudeDamping(DAMPING, wires=wire)


def layered_qnode(device: str, num_wires: int, diff_method: str | None = "backprop") -> Callable:
    """The layered circuit with one Z on each wire, as a QNode of its weights."""

    @qml.qnode(qml.device(device, wires=num_wires), interface="torch", diff_method=diff_method)
    def circuit(weights: Any) -> Any:
        layered(weights, num_wires)
        return [qml.expval(qml.Z(wire)) for wire in range(num_wires)]

    return circuit


def random_weights(layers: int, num_wires: int, requires_grad: bool = False) -> torch.Tensor:
    """Angles of the layered circuit, the same ones every time."""
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(layers, num_wires, 3, dtype=torch.float64, generator=generator)
    return weights.requires_grad_(requires_grad)


def gradient_of(circuit: Callable, weights: torch.Tensor) -> Callable[[], torch.Tensor]:
    """A call that differentiates the sum of a circuit's results."""

    def gradient() -> torch.Tensor:
        (found,) = torch.autograd.grad(sum(circuit(weights)), weights)
        return found

    return gradient
