r"""Derivatives of one tape's results with respect to its trainable parameters.

With results y and parameters x these are the vector-Jacobian product
:math:`\sum_i \mathrm{d}y_i J_{ij}`, the Jacobian-vector product :math:`\sum_j J_{ij} \mathrm{d}x_j`
and the Jacobian J itself, in PennyLane's shapes and with its convention for complex numbers: no
conjugation. All of them are exact, and go through the reverse pass of `pauli.run.adjoint` or,
forwards, through dual numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.tape import QuantumScript
from torch import Tensor
from torch.autograd import forward_ad

from ..pauli.state.basis import complex_dtype
from .simulation import Conditions, Result, as_numpy, simulate


@dataclass(frozen=True)
class Recorded:
    """A tape run on torch parameters.

    Args:
        parameters: the trainable parameters, as leaves of the graph.
        results: one tensor for each measurement.
        single: whether the tape has one measurement, so that results are not in a tuple.
    """

    parameters: tuple[Tensor, ...]
    results: tuple[Tensor, ...]
    single: bool

    @property
    def value(self) -> Result:
        """The results as the device returns them."""
        values = tuple(as_numpy(result) for result in self.results)
        return values[0] if self.single else values


def record(tape: QuantumScript, conditions: Conditions) -> Recorded:
    """Run a tape so that torch can differentiate its results in reverse.

    Recording is switched on, because PennyLane asks from within torch's own backward pass.
    """
    leaves = tuple(leaf.requires_grad_() for leaf in _leaves(tape, conditions))
    with torch.enable_grad():
        return _run(tape, leaves, conditions)


def vjp(recorded: Recorded, cotangents: Any) -> tuple[Any, ...]:
    """The vector-Jacobian product: an array of its own shape for each trainable parameter.

    Args:
        recorded: the tape's results.
        cotangents: numbers or arrays in the shape of the results.
    """
    given = (cotangents,) if recorded.single else matching(cotangents, recorded.results, "results")
    every = [
        (result, _like(cotangent, result, "cotangent"))
        for result, cotangent in zip(recorded.results, given, strict=True)
    ]
    pairs = [(result, cotangent) for result, cotangent in every if result.requires_grad]
    gradients = _gradients(recorded, [r for r, _ in pairs], [c.conj() for _, c in pairs])
    return tuple(as_numpy(gradient.conj()) for gradient in gradients)


def jacobian(tape: QuantumScript, conditions: Conditions) -> tuple[Result, Any]:
    """The results, and for each measurement and each trainable parameter the Jacobian.

    Its arrays have the axes of the result first, then those of the parameter. As PennyLane has it,
    the tuple over measurements is left out if there is one, and so is that over parameters.
    """
    leaves = _leaves(tape, conditions)
    recorded = record(tape, conditions)
    outputs = sum(result.numel() for result in recorded.results)
    inputs = sum(leaf.numel() for leaf in leaves)
    real = not any(leaf.is_complex() for leaf in leaves)
    if inputs < outputs and real:
        blocks = _forward_blocks(tape, leaves, conditions)
    else:
        blocks = [_reverse_blocks(recorded, result) for result in recorded.results]
    by_measurement = tuple(
        as_numpy(row[0]) if len(row) == 1 else tuple(as_numpy(block) for block in row)
        for row in blocks
    )
    return recorded.value, by_measurement[0] if recorded.single else by_measurement


def jvp(tape: QuantumScript, tangents: Any, conditions: Conditions) -> tuple[Result, Any]:
    """The results and the Jacobian-vector product, which has their shapes.

    Parameters whose tangent is zero are not differentiated.
    """
    leaves = _leaves(tape, conditions)
    given = matching(tangents, leaves, "trainable parameters")
    pairs = zip(leaves, given, strict=True)
    directions = [_like(tangent, leaf, "tangent") for leaf, tangent in pairs]
    recorded, images = _push_forward(tape, leaves, directions, conditions)
    products = tuple(as_numpy(image) for image in images)
    return recorded.value, products[0] if recorded.single else products


# --- running on torch parameters ------------------------------------------------------------------


def _leaves(tape: QuantumScript, conditions: Conditions) -> tuple[Tensor, ...]:
    """The trainable parameters as tensors of the simulation's precision."""
    leaves = []
    for parameter in tape.get_parameters():
        tensor = torch.as_tensor(qml.math.toarray(parameter))
        dtype = conditions.dtype
        leaves.append(tensor.to(complex_dtype(dtype) if tensor.is_complex() else dtype))
    return tuple(leaves)


def _run(tape: QuantumScript, leaves: Sequence[Tensor], conditions: Conditions) -> Recorded:
    bound = tape.bind_new_parameters(list(leaves), tape.trainable_params)
    results = simulate(bound, replace(conditions, as_torch=True))
    single = len(tape.measurements) == 1
    return Recorded(tuple(leaves), (results,) if single else results, single)


def _push_forward(
    tape: QuantumScript,
    leaves: Sequence[Tensor],
    directions: Sequence[Tensor],
    conditions: Conditions,
) -> tuple[Recorded, tuple[Tensor, ...]]:
    """Run a tape on dual numbers: its results, and their derivative along a direction."""
    with torch.no_grad(), forward_ad.dual_level():
        duals = [
            forward_ad.make_dual(leaf, direction) if bool((direction != 0).any()) else leaf
            for leaf, direction in zip(leaves, directions, strict=True)
        ]
        recorded = _run(tape, duals, conditions)
        unpacked = [forward_ad.unpack_dual(result) for result in recorded.results]
        primals = tuple(dual.primal for dual in unpacked)
        images = tuple(
            torch.zeros_like(dual.primal) if dual.tangent is None else dual.tangent
            for dual in unpacked
        )
    return replace(recorded, results=primals), images


def _gradients(
    recorded: Recorded, results: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    if not results or not recorded.parameters:
        return tuple(torch.zeros_like(leaf) for leaf in recorded.parameters)
    return torch.autograd.grad(
        results,
        recorded.parameters,
        cotangents,
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )


def _reverse_blocks(recorded: Recorded, result: Tensor) -> list[Tensor]:
    """The Jacobians of one result, one reverse pass for each of its entries."""
    with torch.enable_grad():
        parts = torch.view_as_real(result) if result.is_complex() else result
        entries = parts.flatten().unbind()
    rows = [_gradient_of_entry(recorded, entry) for entry in entries]
    blocks = []
    for number, leaf in enumerate(recorded.parameters):
        block = torch.stack([row[number] for row in rows])
        if result.is_complex():
            block = block[0::2] + 1j * block[1::2]
        blocks.append(block.reshape((*result.shape, *leaf.shape)))
    return blocks


def _gradient_of_entry(recorded: Recorded, entry: Tensor) -> tuple[Tensor, ...]:
    differentiable = [entry] if entry.requires_grad else []
    gradients = _gradients(recorded, differentiable, [torch.ones_like(x) for x in differentiable])
    return tuple(gradient.conj() for gradient in gradients)


def _forward_blocks(
    tape: QuantumScript, leaves: Sequence[Tensor], conditions: Conditions
) -> list[list[Tensor]]:
    """The Jacobians of all results, one forward pass for each entry of a parameter."""
    by_parameter: list[list[tuple[Tensor, ...]]] = []
    for number, leaf in enumerate(leaves):
        units = torch.eye(leaf.numel(), dtype=leaf.dtype).reshape(-1, *leaf.shape)
        zeros = [torch.zeros_like(other) for other in leaves]
        directions = [[*zeros[:number], unit, *zeros[number + 1 :]] for unit in units]
        by_parameter.append([_push_forward(tape, leaves, d, conditions)[1] for d in directions])
    return [
        [
            torch.stack([image[i] for image in images], -1).reshape(
                (*images[0][i].shape, *leaf.shape)
            )
            for images, leaf in zip(by_parameter, leaves, strict=True)
        ]
        for i in range(len(tape.measurements))
    ]


def _like(value: Any, tensor: Tensor, what: str) -> Tensor:
    """A cotangent or a tangent, of the dtype of what it belongs to."""
    return torch.as_tensor(as_array(value, tuple(tensor.shape), what)).to(tensor).expand_as(tensor)


def as_array(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    """A cotangent or a tangent as an array of a shape; zero may have any that broadcasts to it.

    Args:
        value: as it is given.
        shape: of what it belongs to.
        what: ``"cotangent"`` or ``"tangent"``.

    Raises:
        TypeError: if it is no number and no array of numbers.
        ValueError: if it has another shape.
    """
    array = None if isinstance(value, str) else np.asarray(qml.math.toarray(value))
    if array is None or array.dtype.kind not in "biufc":
        raise TypeError(f"A {what} is a number or an array of numbers, got {value!r}.")
    if array.shape != shape and array.any():
        raise ValueError(
            f"A {what} has the shape {shape} of what it belongs to, got {array.shape}."
        )
    return array


def matching(given: Any, expected: Sequence[Any], what: str) -> Sequence[Any]:
    """One for each.

    Raises:
        ValueError: if there are more or fewer.
    """
    if not hasattr(given, "__len__") or len(given) != len(expected):
        number = len(given) if hasattr(given, "__len__") else repr(given)
        raise ValueError(f"The circuit has {len(expected)} {what}, got {number}.")
    return given
