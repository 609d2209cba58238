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
from ..results import Result, unwrapped
from .config import SimulationConfig
from .simulation import as_numpy, simulate


@dataclass(frozen=True)
class DifferentiableRun:
    """A tape run on torch parameters.

    Args:
        parameters: the trainable parameters, as leaves of the graph.
        results: one tensor for each measurement.
    """

    parameters: tuple[Tensor, ...]
    results: tuple[Tensor, ...]

    @property
    def value(self) -> Result:
        """The results as the device returns them."""
        return unwrapped([as_numpy(result) for result in self.results])


def run_differentiably(tape: QuantumScript, config: SimulationConfig) -> DifferentiableRun:
    """Run a tape so that torch can differentiate its results in reverse.

    Recording is switched on, because PennyLane asks from within torch's own backward pass.
    """
    leaves = tuple(leaf.requires_grad_() for leaf in _leaves(tape, config))
    with torch.enable_grad():
        return _run(tape, leaves, config)


def vjp(run: DifferentiableRun, cotangents: Any) -> tuple[Any, ...]:
    """The vector-Jacobian product: an array of its own shape for each trainable parameter.

    Args:
        run: the tape's results.
        cotangents: numbers or arrays in the shape of the results.
    """
    given = (cotangents,) if len(run.results) == 1 else matching(cotangents, run.results, "results")
    every = [
        (result, _like(cotangent, result, "cotangent"))
        for result, cotangent in zip(run.results, given, strict=True)
    ]
    pairs = [(result, cotangent) for result, cotangent in every if result.requires_grad]
    gradients = _gradients(run, [r for r, _ in pairs], [c.conj() for _, c in pairs])
    return tuple(as_numpy(gradient.conj()) for gradient in gradients)


def jacobian(tape: QuantumScript, config: SimulationConfig) -> tuple[Result, Any]:
    """The results, and for each measurement and each trainable parameter the Jacobian.

    Its arrays have the axes of the result first, then those of the parameter. As PennyLane has it,
    the tuple over measurements is left out if there is one, and so is that over parameters.
    """
    leaves = _leaves(tape, config)
    run = run_differentiably(tape, config)
    outputs = sum(result.numel() for result in run.results)
    inputs = sum(leaf.numel() for leaf in leaves)
    real = not any(leaf.is_complex() for leaf in leaves)
    if inputs < outputs and real:
        blocks = _forward_blocks(tape, leaves, config)
    else:
        blocks = [_reverse_blocks(run, result) for result in run.results]
    by_measurement = [unwrapped([as_numpy(block) for block in row]) for row in blocks]
    return run.value, unwrapped(by_measurement)


def jvp(tape: QuantumScript, tangents: Any, config: SimulationConfig) -> tuple[Result, Any]:
    """The results and the Jacobian-vector product, which has their shapes.

    Parameters whose tangent is zero are not differentiated.
    """
    leaves = _leaves(tape, config)
    given = matching(tangents, leaves, "trainable parameters")
    pairs = zip(leaves, given, strict=True)
    directions = [_like(tangent, leaf, "tangent") for leaf, tangent in pairs]
    run, images = _push_forward(tape, leaves, directions, config)
    return run.value, unwrapped([as_numpy(image) for image in images])


# --- running on torch parameters ------------------------------------------------------------------


def _leaves(tape: QuantumScript, config: SimulationConfig) -> tuple[Tensor, ...]:
    """The trainable parameters as tensors of the simulation's precision."""
    leaves = []
    for parameter in tape.get_parameters():
        tensor = torch.as_tensor(qml.math.toarray(parameter))
        dtype = config.dtype
        leaves.append(tensor.to(complex_dtype(dtype) if tensor.is_complex() else dtype))
    return tuple(leaves)


def _run(
    tape: QuantumScript, leaves: Sequence[Tensor], config: SimulationConfig
) -> DifferentiableRun:
    bound = tape.bind_new_parameters(list(leaves), tape.trainable_params)
    results = simulate(bound, replace(config, as_torch=True))
    single = len(tape.measurements) == 1
    return DifferentiableRun(tuple(leaves), (results,) if single else results)


def _push_forward(
    tape: QuantumScript,
    leaves: Sequence[Tensor],
    directions: Sequence[Tensor],
    config: SimulationConfig,
) -> tuple[DifferentiableRun, tuple[Tensor, ...]]:
    """Run a tape on dual numbers: its results, and their derivative along a direction."""
    with torch.no_grad(), forward_ad.dual_level():
        duals = [
            forward_ad.make_dual(leaf, direction) if bool((direction != 0).any()) else leaf
            for leaf, direction in zip(leaves, directions, strict=True)
        ]
        run = _run(tape, duals, config)
        unpacked = [forward_ad.unpack_dual(result) for result in run.results]
        primals = tuple(dual.primal for dual in unpacked)
        images = tuple(
            torch.zeros_like(dual.primal) if dual.tangent is None else dual.tangent
            for dual in unpacked
        )
    return replace(run, results=primals), images


def _gradients(
    run: DifferentiableRun, results: Sequence[Tensor], cotangents: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    if not results or not run.parameters:
        return tuple(torch.zeros_like(leaf) for leaf in run.parameters)
    return torch.autograd.grad(
        results,
        run.parameters,
        cotangents,
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )


def _reverse_blocks(run: DifferentiableRun, result: Tensor) -> list[Tensor]:
    """The Jacobians of one result, one reverse pass for each of its entries."""
    with torch.enable_grad():
        parts = torch.view_as_real(result) if result.is_complex() else result
        entries = parts.flatten().unbind()
    rows = [_gradient_of_entry(run, entry) for entry in entries]
    blocks = []
    for number, leaf in enumerate(run.parameters):
        block = torch.stack([row[number] for row in rows])
        if result.is_complex():
            block = block[0::2] + 1j * block[1::2]
        blocks.append(block.reshape((*result.shape, *leaf.shape)))
    return blocks


def _gradient_of_entry(run: DifferentiableRun, entry: Tensor) -> tuple[Tensor, ...]:
    differentiable = [entry] if entry.requires_grad else []
    gradients = _gradients(run, differentiable, [torch.ones_like(x) for x in differentiable])
    return tuple(gradient.conj() for gradient in gradients)


def _forward_blocks(
    tape: QuantumScript, leaves: Sequence[Tensor], config: SimulationConfig
) -> list[list[Tensor]]:
    """The Jacobians of all results, one forward pass for each entry of a parameter."""
    by_parameter: list[list[tuple[Tensor, ...]]] = []
    for number, leaf in enumerate(leaves):
        units = torch.eye(leaf.numel(), dtype=leaf.dtype).reshape(-1, *leaf.shape)
        zeros = [torch.zeros_like(other) for other in leaves]
        directions = [[*zeros[:number], unit, *zeros[number + 1 :]] for unit in units]
        by_parameter.append([_push_forward(tape, leaves, d, config)[1] for d in directions])
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
