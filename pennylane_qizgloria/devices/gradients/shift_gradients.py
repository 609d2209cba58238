r"""Jacobians by shift rules: the circuits that they need, and how their results combine.

A derivative is a weighted sum over circuits in which one operation has other parameters, see
`lowering.operations.shift_rules`. A batch stays one axis of all of these circuits. Its elements do
not depend on each other's parameters, :math:`J_{b, b'} = 0`, so a broadcast parameter takes as
many circuits as a single number.

As :math:`\mathrm{var}(A) = \langle A^2\rangle - \langle A\rangle^2`, the derivative of a variance
follows from those of two expectation values. Circuits give them as their mean and their variance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.measurements import (
    ExpectationMP,
    MeasurementProcess,
    ProbabilityMP,
    ShadowExpvalMP,
    VarianceMP,
)
from pennylane.operation import Operator
from pennylane.ops import Conditional, MidMeasure
from pennylane.ops.functions import bind_new_parameters
from pennylane.tape import QuantumScript

from ...lowering.operations.shift_rules import Rule
from ...results import unwrapped

Combine = Callable[[Any], Any]

LINEAR = (ExpectationMP, ProbabilityMP, ShadowExpvalMP)
"""Measurements that are linear in the state."""

EXACT_NOISE = 1e-12
"""The standard deviation that results without shots are taken to have."""


@dataclass
class Slope:
    """The derivative by one parameter.

    Args:
        shape: of the parameter: that of a number, or of a batch of numbers.
        terms: the position of each circuit, and its weight.
    """

    shape: tuple[int, ...]
    terms: list[tuple[int, Any]] = field(default_factory=list)


def shifted(tape: QuantumScript, rule: Rule) -> tuple[list[QuantumScript], Combine]:
    """The circuits that the Jacobian of a tape needs, and how it follows from their results.

    Args:
        tape: the tape, with its trainable parameters.
        rule: gives the circuits that a derivative by parameters of an operation needs.

    Raises:
        ValueError: if a measurement has no derivative by shifts.
        NotImplementedError: if a parameter has none.
    """
    measurements, moments = _moments(tape)
    circuits: list[QuantumScript] = []
    if any(own.is_variance for own in moments):
        circuits.append(QuantumScript(tape.operations, measurements, shots=tape.shots))
    slopes = [Slope(qml.math.shape(parameter)) for parameter in tape.get_parameters()]
    for place, numbers in _visible_parameters(tape).items():
        op = tape.operations[place]
        for term in rule(op, list(numbers), _noise(tape)):
            for index, weight in term.weights.items():
                slopes[numbers[index]].terms.append((len(circuits), weight))
            operations = list(tape.operations)
            operations[place] = bind_new_parameters(op, term.data)
            circuits.append(QuantumScript(operations, measurements, shots=tape.shots))

    def combine(results: Any) -> Any:
        own = [result if len(measurements) > 1 else (result,) for result in results]
        return _jacobian(tape, moments, slopes, own)

    if not tape.shots.has_partitioned_shots:
        return circuits, combine
    copies = range(tape.shots.num_copies)
    return circuits, lambda results: tuple(combine([own[i] for own in results]) for i in copies)


def _noise(tape: QuantumScript) -> float:
    """About the standard deviation of the results of a tape."""
    if not tape.shots:
        return EXACT_NOISE
    return (tape.shots.num_copies / tape.shots.total_shots) ** 0.5


def _visible_parameters(tape: QuantumScript) -> dict[int, dict[int, int]]:
    """For operations that measurements see, which of their parameters are which trainable ones.

    Raises:
        NotImplementedError: if a parameter belongs to an observable.
    """
    visible = _visible(tape)
    found: dict[int, dict[int, int]] = {}
    for number, position in enumerate(tape.trainable_params):
        info = tape.par_info[position]
        if info["op_idx"] >= len(tape.operations):
            raise NotImplementedError(
                f"There is no shift rule for parameters of the observable {info['op']}. "
                "Coefficients of sums: qml.transforms.split_to_single_terms."
            )
        if info["op_idx"] in visible:
            found.setdefault(info["op_idx"], {})[info["p_idx"]] = number
    return found


def _visible(tape: QuantumScript) -> set[int]:
    """The positions of the operations in the causal cone of the measurements."""
    every = set(range(len(tape.operations)))
    if any(isinstance(op, (MidMeasure, Conditional)) for op in tape.operations):
        return every  # what is measured acts on wires elsewhere
    if not all(process.wires for process in tape.measurements):
        return every
    wires = {wire for process in tape.measurements for wire in process.wires}
    seen = set()
    for position in reversed(range(len(tape.operations))):
        own = tape.operations[position].wires
        if not wires.isdisjoint(own):
            wires.update(own)
            seen.add(position)
    return seen


# --- measurements ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moments:
    """Where the moments of a measurement stand among the results of a circuit.

    Args:
        mean: the position of its expectation value or probabilities.
        is_variance: whether its variance is asked for.
        variance: the position of that; None if the observable's square is 1 in any state.
    """

    mean: int
    is_variance: bool = False
    variance: int | None = None


def _moments(tape: QuantumScript) -> tuple[list[MeasurementProcess], list[Moments]]:
    """What the shifted circuits measure, and where the moments of each measurement are.

    Raises:
        ValueError: if a measurement has no derivative by shifts.
    """
    measurements: list[MeasurementProcess] = []
    moments = []
    for process in tape.measurements:
        mean = len(measurements)
        if isinstance(process, LINEAR):
            measurements.append(process)
            moments.append(Moments(mean))
        elif isinstance(process, VarianceMP):
            involutory = _is_involutory(process.obs)
            measurements.extend([_mean_of(process)] if involutory else [_mean_of(process), process])
            moments.append(Moments(mean, True, None if involutory else mean + 1))
        else:
            raise ValueError(
                f"{process} has no derivative by shifts or differences of circuits; expectation "
                "values, variances and probabilities have."
            )
    return measurements, moments


def _mean_of(process: VarianceMP) -> ExpectationMP:
    if process.obs is None and process.mv is None:
        return ExpectationMP(wires=process.wires, eigvals=process.eigvals())
    return ExpectationMP(process.mv if process.obs is None else process.obs)


def _is_involutory(obs: Operator | None) -> bool:
    """Whether an observable is a word of Pauli operators."""
    sentence = None if obs is None else obs.pauli_rep
    if sentence is None or len(sentence) != 1:
        return False
    (coefficient,) = sentence.values()
    return not qml.math.is_abstract(coefficient) and bool(abs(coefficient) == 1)


# --- Jacobians ------------------------------------------------------------------------------------


def _jacobian(
    tape: QuantumScript,
    moments: Sequence[Moments],
    slopes: Sequence[Slope],
    results: list[Any],
) -> Any:
    """The Jacobian for one number of shots, from the results of the circuits of `shifted`."""
    batch = () if tape.batch_size is None else (tape.batch_size,)
    rows = []
    for moment, process in zip(moments, tape.measurements, strict=True):
        blocks = []
        for slope in slopes:
            if not slope.terms:
                own = batch + process.shape(None, len(tape.wires))
                outputs = qml.math.shape(results[0][moment.mean]) if results else own
                blocks.append(np.zeros(outputs + slope.shape))
                continue
            block = _derivative(moment, slope, results)
            blocks.append(_diagonal(np.asarray(block)) if slope.shape else block)
        rows.append(unwrapped(blocks))
    return unwrapped(rows)


def _derivative(moment: Moments, slope: Slope, results: list[Any]) -> Any:
    """The derivative of one measurement by one parameter, the axis of a batch first."""
    change = _total(slope, [own[moment.mean] for own in results])
    if not moment.is_variance:
        return change
    # The first circuit is the one that is not shifted.
    decline = 2 * results[0][moment.mean] * change
    if moment.variance is None:
        return -decline
    return (
        _total(slope, [own[moment.variance] + own[moment.mean] ** 2 for own in results]) - decline
    )


def _total(slope: Slope, values: Sequence[Any]) -> Any:
    return sum(_weighted(weight, values[position]) for position, weight in slope.terms)


def _weighted(weight: Any, value: Any) -> Any:
    if isinstance(weight, float):
        return weight * value
    interface = qml.math.get_interface(weight)
    if interface == "numpy":
        return weight.reshape(-1, *(1,) * (np.ndim(value) - 1)) * value
    if interface == "torch":
        return weight * torch.as_tensor(value)
    if interface == "autograd" and qml.math.get_interface(value) != "autograd":
        (weight,) = qml.math.unwrap([weight])
    return weight * value


def _diagonal(column: np.ndarray) -> np.ndarray:
    """Put what each element's own parameter does on the diagonal of the two batch axes."""
    batch = len(column)
    block = np.zeros((*column.shape, batch), dtype=column.dtype)
    block[range(batch), ..., range(batch)] = column
    return block
