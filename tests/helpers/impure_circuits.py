"""Layers of circuits that depend on more than their arguments, beside PennyLane's layer.

A case is a function without arguments. It returns a quantum function of ``inputs`` and ``weights``,
and a function that changes what the quantum function depends on.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pennylane as qml
import torch
from torch import Tensor

from pennylane_qizgloria import TorchLayer

Case = Callable[[], tuple[Callable, Callable[[], Any]]]

NUM_CALLS = 8

CHANGES_AFTER = (3, 5)
"""After which calls there is a change."""

DEVICE = qml.device("qizgloria.mixed", wires=2)


def collector(cases: list[Case]) -> Callable[[Case], Case]:
    """A decorator that adds cases to a list."""

    def collect(case: Case) -> Case:
        cases.append(case)
        return case

    return collect


def double(value: Any, **options: Any) -> Tensor:
    """A tensor in double precision."""
    return torch.tensor(value, dtype=torch.float64, **options)


def unchanged() -> None:
    """The change of a case in which nothing changes."""


def measured(angle: Tensor, weights: Tensor) -> list:
    """A circuit with its measurements."""
    qml.RX(angle, wires=0)
    qml.Rot(*weights, wires=0)
    qml.CNOT([0, 1])
    return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]


def layer_of(kind: type, function: Callable) -> Any:
    """A layer of a quantum function: `TorchLayer`, or PennyLane's."""
    qnode = qml.QNode(function, DEVICE)
    return kind(qnode, {"weights": (3,)}, {"weights": double([0.4, -1.1, 2.3])})


def assert_follows(case: Case, is_traced: bool) -> None:
    """Assert that values and gradients are PennyLane's after each change, traced or not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, _ = _values_and_gradients(qml.qnn.TorchLayer, case)
        found, traced = _values_and_gradients(TorchLayer, case)
    for own, other in zip(found, expected, strict=True):
        for mine, theirs in zip(own, other, strict=True):
            torch.testing.assert_close(mine, theirs)
    assert traced[CHANGES_AFTER[0]] == is_traced


def _values_and_gradients(kind: type, case: Case) -> tuple[list[list[Tensor]], list[bool | None]]:
    """Those of several calls with changes between, and whether each call was traced."""
    random.seed(7)
    np.random.seed(7)  # noqa: NPY002
    torch.manual_seed(7)
    function, change = case()
    layer = layer_of(kind, function)
    found, traced = [], []
    for number in range(NUM_CALLS):
        inputs = double([[0.3, 0.2], [0.5, 0.9]]).mul_(1 + number / 9).requires_grad_()
        result = layer(inputs)
        traced.append(getattr(layer, "is_traced", None))
        gradients = torch.autograd.grad(result.sum(), [inputs, *layer.parameters()])
        found.append([result.detach(), *gradients])
        if number in CHANGES_AFTER:
            change()
    return found, traced


def assert_warns_once(case: Case) -> None:
    """Assert that one warning says why there is no trace, at the line that calls the layer."""
    function, _ = case()
    layer = layer_of(TorchLayer, function)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(NUM_CALLS):
            layer(torch.full((2, 2), 0.4, dtype=torch.float64))
    own = [warning for warning in caught if "TorchLayer" in str(warning.message)]
    assert len(own) == 1
    assert own[0].filename == __file__
    assert not layer.is_traced
    assert layer.untraced_reason in str(own[0].message)
