"""Derivatives: by finite differences, and by the means of each interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
import pennylane as qml
import torch
from helpers.circuits import steep_circuit
from pennylane import numpy as pnp
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator


def five_point_derivative(
    function: Callable[[np.ndarray], Any], point: Any, step: float = 1e-3
) -> np.ndarray:
    """The Jacobian of a function of a real vector, its parameter's axis last."""
    columns = []
    for unit in step * np.eye(len(point)):
        a, b, c, d = (np.asarray(function(point + k * unit)) for k in (1, -1, 2, -2))
        columns.append((8 * (a - b) - (c - d)) / (12 * step))
    return np.stack(columns, -1)


def steep_circuit_derivative(x: float) -> np.ndarray:
    """The derivative of `steep_circuit` on default.mixed."""
    node = qml.QNode(steep_circuit, qml.device("default.mixed", wires=2))
    return five_point_derivative(lambda point: node(point[0]), np.array([x]))[0]


def gradient(node: Callable[[Any], Any], x: Any, interface: str) -> np.ndarray:
    """The gradient of a sum of results, by the interface's own means.

    Of a complex parameter it is d/dRe + i d/dIm, torch's convention, for all of them.
    """
    if interface == "torch":
        leaf = torch.tensor(np.asarray(x), requires_grad=True)
        (found,) = torch.autograd.grad(node(leaf).sum(), leaf)
        return found.numpy()
    if interface == "jax":
        return np.conj(jax.grad(lambda v: node(v).sum())(jax.numpy.array(x)))
    return np.conj(qml.grad(lambda v: qml.math.sum(node(v)))(pnp.array(x)))


def torch_gradient(
    device: str,
    operations: Callable[[torch.Tensor], Sequence[Operator]],
    measurement: MeasurementProcess,
    value: Any,
    num_wires: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """A measurement, and the gradient of its sum by backpropagation."""
    x = torch.tensor(value, dtype=torch.float64, requires_grad=True)

    @qml.qnode(qml.device(device, wires=num_wires), interface="torch", diff_method="backprop")
    def circuit(parameters):
        for operation in operations(parameters):
            qml.apply(operation)
        return qml.apply(measurement)

    result = circuit(x)
    result.sum().backward()
    return result.detach().numpy(), x.grad.numpy()
