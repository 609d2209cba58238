"""Jacobians of batched functions, and of QNodes whose derivatives take further circuits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pennylane as qml
import torch
from jaxtyping import Float
from pennylane.tape import QuantumScript
from pennylane.transforms.core import Transform
from pennylane.workflow import QNode
from torch import Tensor

from ..results import unwrapped

Function = Callable[[Tensor, Tensor], Tensor]
"""From inputs ``(batch, inputs)`` and weights ``(batch, weights)`` to ``(batch, outputs)``."""


def batched_jacobian(
    function: Function,
    x: Float[Tensor, "batch inputs"],
    w: Float[Tensor, "weights"],
    input_gradients: bool,
) -> tuple[Float[Tensor, "batch outputs inputs"] | None, Float[Tensor, "batch outputs weights"]]:
    """The Jacobians of each sample's outputs by its inputs (None if not wanted) and the weights."""
    with torch.enable_grad():
        x = x.detach().clone().requires_grad_(input_gradients)
        w = w.detach().expand(len(x), -1).clone().requires_grad_()
        y = function(x, w)
        arguments = (x, w) if input_gradients else (w,)
        rows = [_row(y[:, k].sum(), arguments) for k in range(y.shape[1])]
    jacobians = [
        torch.stack([row[axis] for row in rows], dim=1) if rows else argument.new_zeros(shape)
        for axis, argument in enumerate(arguments)
        for shape in [(len(x), 0, argument.shape[1])]
    ]
    return (jacobians[0] if input_gradients else None), jacobians[-1]


def _row(output: Float[Tensor, ""], arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if not output.requires_grad:
        return tuple(map(torch.zeros_like, arguments))
    return torch.autograd.grad(
        output, arguments, retain_graph=True, allow_unused=True, materialize_grads=True
    )


def linearised(qnode: QNode, transform: Transform, options: dict[str, Any]) -> Callable:
    r"""A function with the Jacobian of a QNode, but not with its values.

    Every vector-Jacobian product of such a QNode runs all shifted circuits again. Here they are run
    once, all tapes' together, and the result of each tape is replaced by :math:`\sum_j J_{ij} p_j`
    of its parameters :math:`p_j`, which torch differentiates as often as is needed.

    Args:
        qnode: any; a batch is taken apart.
        transform: the gradient transform, such as ``qml.gradients.param_shift``.
        options: for it.
    """
    qnode = qml.transforms.broadcast_expand(qnode)

    def linear(**arguments: Tensor) -> Any:
        user_tapes, collect = qml.workflow.construct_batch(qnode, level="user")(**arguments)
        tapes, unexpand = _expanded(user_tapes, transform, options)
        jobs = [transform(_detached(tape), **options) for tape in tapes]
        shifted = [tape for batch, _ in jobs for tape in batch]
        done = iter(qml.execute(shifted, qnode.device, diff_method=None) if shifted else ())
        results = []
        for tape, (batch, read) in zip(tapes, jobs, strict=True):
            jacobian = read(tuple(next(done) for _ in batch))
            results.append(_linear_result(tape, jacobian))
        (result,) = collect(unexpand(results))
        return result

    return linear


def _expanded(
    tapes: Sequence[QuantumScript], transform: Transform, options: dict[str, Any]
) -> tuple[list[QuantumScript], Callable]:
    """Tapes of operations that the transform can differentiate."""
    if transform.expand_transform is None:
        return list(tapes), tuple
    pairs = [transform.expand_transform(tape, **options) for tape in tapes]

    def unexpand(results: Sequence[Any]) -> tuple[Any, ...]:
        remaining = iter(results)
        return tuple(read(tuple(next(remaining) for _ in batch)) for batch, read in pairs)

    return [tape for batch, _ in pairs for tape in batch], unexpand


def _trainable(tape: QuantumScript) -> list[int]:
    parameters = tape.get_parameters(trainable_only=False)
    return [i for i, p in enumerate(parameters) if isinstance(p, Tensor) and p.requires_grad]


def _detached(tape: QuantumScript) -> QuantumScript:
    """The same tape with numbers for parameters, still marked as trainable."""
    trainable = _trainable(tape)
    parameters = tape.get_parameters(trainable_only=False)
    numbers = [qml.math.to_numpy(parameters[i].detach()) for i in trainable]
    tape = tape.bind_new_parameters(numbers, trainable)
    tape.trainable_params = trainable
    return tape


def _linear_result(tape: QuantumScript, jacobian: Any) -> Any:
    """A result for each measurement of a tape; tuples of one are left out, as in PennyLane."""
    all_parameters = tape.get_parameters(trainable_only=False)
    parameters = [all_parameters[i] for i in _trainable(tape)]
    by_measurement = [jacobian] if len(tape.measurements) == 1 else list(jacobian)
    values = []
    for process, row in zip(tape.measurements, by_measurement, strict=True):
        value = torch.zeros(process.shape(num_device_wires=len(tape.wires)), dtype=torch.float64)
        for part, parameter in zip([row] if len(parameters) == 1 else row, parameters, strict=True):
            part = torch.as_tensor(part, dtype=torch.float64, device=parameter.device)
            value = value.to(parameter.device) + part * parameter
        values.append(value)
    return unwrapped(values)
