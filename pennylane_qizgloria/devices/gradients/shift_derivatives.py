"""First derivatives of circuits by shifts, as the devices give them to PennyLane.

All shifted circuits of a call go out together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.devices import Device, ExecutionConfig
from pennylane.tape import QuantumScript

from ...engines.derivatives import as_array, matching
from ...lowering.operations.shift_rules import Rule
from ...results import unwrapped
from ..configuration.validation import naming, require_one_each
from .methods import by_convention
from .shift_gradients import Combine, shifted

Preprocess = Callable[[Sequence[QuantumScript]], tuple[Sequence[QuantumScript], Callable]]


@dataclass(frozen=True)
class ShiftDerivatives:
    """First derivatives of circuits by shifts: those of one call are one batch of circuits.

    Args:
        device: runs the circuits.
        rule: gives the circuits that a derivative by parameters of an operation needs.
        config: how the device runs them.
    """

    device: Device
    rule: Rule
    config: ExecutionConfig

    def jacobians(self, tapes: Sequence[QuantumScript]) -> tuple[Any, ...]:
        """The Jacobian of each tape in PennyLane's shapes: results' axes, then the parameter's.

        Args:
            tapes: the tapes, with their trainable parameters, as preprocessing has accepted them.

        Raises:
            ValueError: if a measurement has no derivative by shifts.
            NotImplementedError: if a parameter has none.
        """
        preprocess = self.device.preprocess_transforms(self.config)
        shifts = [_ready(tape, *shifted(tape, self.rule), preprocess) for tape in tapes]
        batch = [own for circuits, _ in shifts for own in circuits]
        results = iter(self.device.execute(batch, self.config) if batch else ())
        return tuple(combine([next(results) for _ in circuits]) for circuits, combine in shifts)

    def vjps(self, tapes: Sequence[QuantumScript], cotangents: Any) -> tuple[Any, ...]:
        """The vector-Jacobian products: for each tape an array for each trainable parameter."""
        require_one_each(
            self.device.name, tapes, cotangents, "cotangents", "what has the shape of its results"
        )
        jacobians = self.jacobians(tapes)
        with naming(self.device.name):
            found = list(map(products, tapes, jacobians, cotangents))
        return tuple(by_convention(own, self.config) for own in found)

    def jvps(self, tapes: Sequence[QuantumScript], tangents: Any) -> tuple[Any, ...]:
        """The Jacobian-vector products, in the shapes of the results."""
        require_one_each(
            self.device.name, tapes, tangents, "tangents", "one for each trainable parameter"
        )
        jacobians = self.jacobians(tapes)
        with naming(self.device.name):
            return tuple(map(images, tapes, jacobians, tangents))


def _ready(
    tape: QuantumScript, batch: Sequence[QuantumScript], jacobian: Combine, preprocess: Preprocess
) -> tuple[Sequence[QuantumScript], Combine]:
    """The shifted tapes of a tape, ready to run, and its Jacobian from their results."""
    # Mostly only parameters differ, and preprocessing would take as long as a simulation.
    if all(_measures_the_same(own, tape) for own in batch):
        return batch, jacobian
    ready, combine = preprocess(batch)
    return ready, lambda results: jacobian(combine(results))


def _measures_the_same(shifted: QuantumScript, tape: QuantumScript) -> bool:
    return len(shifted.measurements) == len(tape.measurements) and all(
        map(is_, shifted.measurements, tape.measurements)
    )


def products(tape: QuantumScript, jacobian: Any, cotangents: Any) -> tuple[Any, ...]:
    """The vector-Jacobian product: an array of its own shape for each trainable parameter."""
    total: list[Any] = [0.0] * len(tape.trainable_params)
    axes = [qml.math.ndim(parameter) for parameter in tape.get_parameters()]
    given: Sequence[Any] = [cotangents]
    if tape.shots.has_partitioned_shots:
        given = matching(cotangents, list(tape.shots), "numbers of shots")
    for rows, copy in zip(_blocks(tape, jacobian), given, strict=True):
        single = len(tape.measurements) == 1
        each = [copy] if single else matching(copy, tape.measurements, "results")
        for row, cotangent in zip(rows, each, strict=True):
            for j, block in enumerate(row):
                shape = block.shape[: block.ndim - axes[j]]
                vector = np.broadcast_to(as_array(cotangent, shape, "cotangent"), shape)
                total[j] = total[j] + np.tensordot(vector, block, axes=vector.ndim)
    return tuple(total)


def images(tape: QuantumScript, jacobian: Any, tangents: Any) -> Any:
    """The Jacobian-vector product, in the shape of the results."""
    parameters = tape.get_parameters()
    shapes = [tuple(qml.math.shape(parameter)) for parameter in parameters]
    given = matching(tangents, parameters, "trainable parameters")
    vectors = [
        np.broadcast_to(as_array(tangent, shape, "tangent"), shape)
        for tangent, shape in zip(given, shapes, strict=True)
    ]
    copies = [
        [
            sum(np.tensordot(block, v, v.ndim) for block, v in zip(row, vectors, strict=True))
            for row in rows
        ]
        for rows in _blocks(tape, jacobian)
    ]
    own = [unwrapped(rows) for rows in copies]
    return tuple(own) if tape.shots.has_partitioned_shots else own[0]


def _blocks(tape: QuantumScript, jacobian: Any) -> list[list[list[np.ndarray]]]:
    """A Jacobian's blocks for each number of shots, measurement and parameter."""
    copies = jacobian if tape.shots.has_partitioned_shots else [jacobian]
    return [
        [
            [np.asarray(block) for block in ([row] if len(tape.trainable_params) == 1 else row)]
            for row in ([rows] if len(tape.measurements) == 1 else rows)
        ]
        for rows in copies
    ]
