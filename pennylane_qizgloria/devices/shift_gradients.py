"""Jacobians by parameter shifts, also of broadcast parameters.

PennyLane's parameter-shift transform refuses circuits whose broadcast parameters are trainable.
Here a batch of circuits is expanded first, and its Jacobian put together again:
:math:`J_{b, b'} = 0` for different elements of the batch. All shifted circuits of all elements go
out together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.tape import QuantumScript

Execute = Callable[[Sequence[QuantumScript]], Sequence[Any]]

Preprocess = Callable[[Sequence[QuantumScript]], tuple[Sequence[QuantumScript], Callable]]


def jacobians(
    tapes: Sequence[QuantumScript], preprocess: Preprocess, execute: Execute
) -> tuple[Any, ...]:
    """The Jacobian of each tape in PennyLane's shapes: results' axes, then the parameter's.

    Args:
        tapes: the tapes, with their trainable parameters, as preprocessing has accepted them.
        preprocess: makes tapes that can run of others; gives how their results combine, too.
        execute: runs tapes, all in one call.
    """
    elements = [_elements(tape) for tape in tapes]
    shifts = [_shifts(tape, preprocess) for own in elements for tape in own]
    results = iter(execute([shifted for batch, _ in shifts for shifted in batch]))
    combined = iter([combine([next(results) for _ in batch]) for batch, combine in shifts])
    return tuple(
        _assembled(tape, [next(combined) for _ in own])
        for tape, own in zip(tapes, elements, strict=True)
    )


def _shifts(
    tape: QuantumScript, preprocess: Preprocess
) -> tuple[Sequence[QuantumScript], Callable[[Sequence[Any]], Any]]:
    """The shifted tapes of a tape, ready to run, and its Jacobian from their results."""
    shifted, jacobian = qml.gradients.param_shift(tape)
    # Mostly only parameters differ, and preprocessing would take as long as a simulation.
    if all(_is_alike(own, tape) for own in shifted):
        return shifted, jacobian
    batch, combine = preprocess(shifted)
    return batch, lambda results: jacobian(combine(results))


def _is_alike(shifted: QuantumScript, tape: QuantumScript) -> bool:
    """Whether a tape differs from another one in the parameters of its operations only."""
    return (
        len(shifted.operations) == len(tape.operations)
        and len(shifted.measurements) == len(tape.measurements)
        and all(map(is_, shifted.measurements, tape.measurements))
        and all(
            own is other or (type(own) is type(other) and own.wires == other.wires)
            for own, other in zip(shifted.operations, tape.operations, strict=True)
        )
    )


def products(tape: QuantumScript, jacobian: Any, cotangents: Any) -> tuple[Any, ...]:
    """The vector-Jacobian product: an array of its own shape for each trainable parameter."""
    copies = tape.shots.num_copies if tape.shots.has_partitioned_shots else None
    if copies is None:
        jacobian, cotangents = [jacobian], [cotangents]
    total: list[Any] = [0.0] * len(tape.trainable_params)
    for own, dy in zip(jacobian, cotangents, strict=True):
        rows, given = ([own], [dy]) if len(tape.measurements) == 1 else (own, dy)
        for row, cotangent in zip(rows, given, strict=True):
            blocks = [row] if len(total) == 1 else row
            vector = np.asarray(qml.math.toarray(cotangent))
            for j, block in enumerate(blocks):
                total[j] = total[j] + np.tensordot(vector, np.asarray(block), axes=vector.ndim)
    return tuple(total)


def _elements(tape: QuantumScript) -> list[QuantumScript]:
    """The tapes of a batch, each with the trainable parameters of the whole."""
    if tape.batch_size is None:
        return [tape]
    expanded, _ = qml.transforms.broadcast_expand(tape)
    for own in expanded:
        own.trainable_params = tape.trainable_params
    return list(expanded)


def _assembled(tape: QuantumScript, parts: list[Any]) -> Any:
    """One Jacobian of a broadcast tape from those of its elements."""
    if tape.batch_size is None:
        return parts[0]
    single = (len(tape.measurements) == 1, len(tape.trainable_params) == 1)
    copies = tape.shots.num_copies if tape.shots.has_partitioned_shots else None
    if copies is None:
        return _stacked(tape, parts, *single)
    return tuple(_stacked(tape, [part[copy] for part in parts], *single) for copy in range(copies))


def _stacked(
    tape: QuantumScript, parts: list[Any], one_measurement: bool, one_parameter: bool
) -> Any:
    rows = []
    for i in range(len(tape.measurements)):
        own = [part if one_measurement else part[i] for part in parts]
        blocks = []
        for j, parameter in enumerate(tape.get_parameters()):
            column = np.stack([np.asarray(x if one_parameter else x[j]) for x in own])
            blocks.append(_diagonal(column) if qml.math.ndim(parameter) else column)
        rows.append(blocks[0] if one_parameter else tuple(blocks))
    return rows[0] if one_measurement else tuple(rows)


def _diagonal(column: np.ndarray) -> np.ndarray:
    """Put what each element's own parameter does on the diagonal of the two batch axes."""
    batch = len(column)
    block = np.zeros((*column.shape, batch), dtype=column.dtype)
    block[range(batch), ..., range(batch)] = column
    return block
