"""Which outcomes a Qiskit circuit has, and which entry of the result each one counts towards.

An outcome is Qiskit's integer: the bit with index 0 is the least significant one. In a circuit
without measurements the bits are those of all its qubits, otherwise its classical bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from numbers import Integral
from typing import TYPE_CHECKING, Any

import pennylane as qml
import torch
from jaxtyping import Int
from pennylane.measurements import ProbabilityMP
from torch import Tensor

if TYPE_CHECKING:
    from ...qiskit.convert.from_qiskit import Template

MOST_BITS = 24
"""Beyond this many bits not even a list of the outcomes would fit in memory."""


@dataclass(frozen=True)
class Ending:
    """How a circuit's measurements end it; see `read_ending`.

    Args:
        final: for each classical bit that is written at the end, the qubit that is measured.
        middle: the other classical bits that are written.
        steps: which steps of the template are measurements at the end, or delays behind them.
    """

    final: dict[int, int]
    middle: frozenset[int]
    steps: frozenset[int]


def read_ending(template: Any) -> Ending:
    """Find the measurements after which nothing happens to the qubit, and no one reads the bit."""
    from ...qiskit.convert.circuit_reader import Branch, Measured
    from ...qiskit.convert.marks import DelayMark

    final: dict[int, int] = {}
    middle: set[int] = set()
    steps: set[int] = set()
    used: set[int] = set()
    read: set[int] = set()
    delays: dict[int, set[int]] = {}
    for i, step in reversed(list(enumerate(template.instructions))):
        if isinstance(step, Measured) and step.qubit not in used and step.clbit not in read:
            # What a qubit waits behind its measurement would count before it, moved to the end.
            steps |= {i, *delays.get(step.qubit, ())}
            if step.clbit not in middle:
                final.setdefault(step.clbit, step.qubit)
        elif isinstance(step, Measured) and step.clbit not in final:
            middle.add(step.clbit)
        if isinstance(step, Branch):
            read.update(step.clbits)
        if isinstance(step, DelayMark):
            delays.setdefault(step.qubits[0], set()).add(i)
        used |= _qubits(step)
    return Ending(final, frozenset(middle), frozenset(steps))


def measures_midway(template: Any) -> bool:
    """Whether a circuit measures or resets qubits, for which a device may need more wires."""
    from ...qiskit.convert.circuit_reader import Measured, ResetToZero

    return any(isinstance(step, Measured | ResetToZero) for step in template.instructions)


def _qubits(step: Any) -> set[int]:
    """The qubits that a step acts on, which barriers and delays do not."""
    from ...qiskit.convert.marks import Mark

    if isinstance(step, Mark):
        return set()
    inner = set().union(*map(_qubits, getattr(step, "instructions", ())))
    alone = {step.qubit} if hasattr(step, "qubit") else set()
    return {*inner, *alone, *getattr(step, "qubits", ()), *getattr(step, "controls", ())}


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a circuit and how to measure them; see `read_outcomes`.

    Args:
        num_bits: how many bits an outcome has.
        measured_bits: the bits that are measured, the most significant first; the others are 0.
        qubits: the qubits that are read for them at the end; None if they are read from the
            classical bits.
    """

    num_bits: int
    measured_bits: tuple[int, ...]
    qubits: tuple[int, ...] | None

    def process(self, classical_bits: Sequence[Any]) -> ProbabilityMP:
        """The measurement, given what the template returned for each classical bit."""
        if self.qubits is not None:
            return qml.probs(wires=self.qubits)
        measured = [classical_bits[bit] for bit in self.measured_bits]
        return qml.probs(op=measured if len(measured) > 1 else measured[0])

    def integers(self) -> list[int]:
        """The outcome that each entry of the measured probabilities belongs to."""
        values = product((0, 1), repeat=len(self.measured_bits))
        return [sum(b << p for b, p in zip(v, self.measured_bits, strict=True)) for v in values]


def read_outcomes(template: Any) -> tuple[Outcomes, Template]:
    """The outcomes of a circuit, and the circuit without the measurements that only end it.

    Raises:
        ValueError: if there are more than `MOST_BITS` bits.
    """
    ending = read_ending(template)
    measured_bits = tuple(sorted({*ending.final, *ending.middle}, reverse=True))
    num_bits = template.num_clbits if measured_bits else template.num_wires
    if num_bits > MOST_BITS:
        raise ValueError(
            f"The circuit has 2**{num_bits} outcomes, too many for their probabilities. Measure "
            "fewer qubits into fewer classical bits, or give observables."
        )
    if not measured_bits:
        every = tuple(reversed(range(num_bits)))
        return Outcomes(num_bits, every, every), template
    if ending.middle:
        return Outcomes(num_bits, measured_bits, None), template
    remaining = [step for i, step in enumerate(template.instructions) if i not in ending.steps]
    qubits = tuple(ending.final[bit] for bit in measured_bits)
    return Outcomes(num_bits, measured_bits, qubits), replace(
        template, instructions=tuple(remaining)
    )


@dataclass(frozen=True)
class Interpretation:
    """What `interpret_outcomes` makes: the shape of a result, and where each probability goes.

    Args:
        shape: of the result, without batch axes.
        index: the entry of the flattened result for each measured probability; None if the
            probabilities are the result.
    """

    shape: tuple[int, ...]
    index: Int[Tensor, "outcomes"] | None


def interpret_outcomes(
    outcomes: Outcomes,
    interpret: Any,
    output_shape: int | Iterable[int] | None,
) -> Interpretation:
    """Ask the user's function about every outcome.

    Args:
        outcomes: of the circuit.
        interpret: from an outcome to an index, or a tuple of indices, into the result. None for
            the outcome itself.
        output_shape: the shape of the result; needed with ``interpret``.

    Raises:
        ValueError: if ``output_shape`` is missing or does not fit, or an index is out of range.
        TypeError: if ``interpret`` is no function, or returns something else.
    """
    integers = outcomes.integers()
    natural = (2**outcomes.num_bits,)
    shape = _shape(output_shape)
    if interpret is None:
        if shape not in (None, natural):
            raise ValueError(
                f"Without interpret= the result has the shape {natural}, not {output_shape}."
            )
        complete = len(integers) == natural[0]
        return Interpretation(natural, None if complete else torch.tensor(integers))
    if not callable(interpret):
        raise TypeError(f"interpret must be a function of an outcome, got {interpret!r}.")
    if shape is None:
        raise ValueError("interpret= needs output_shape=, the number of values it can return.")
    flat = [_flat_index(interpret(outcome), shape, outcome) for outcome in integers]
    return Interpretation(shape, torch.tensor(flat))


def _shape(output_shape: int | Iterable[int] | None) -> tuple[int, ...] | None:
    if output_shape is None:
        return None
    shape = list(output_shape) if isinstance(output_shape, Iterable) else [output_shape]
    if not shape or not all(isinstance(size, Integral) and int(size) > 0 for size in shape):
        raise ValueError(f"output_shape must be positive integers, got {output_shape!r}.")
    return tuple(map(int, shape))


def _flat_index(value: Any, shape: tuple[int, ...], outcome: int) -> int:
    """The position in a flattened array of this shape."""
    index = (value,) if isinstance(value, Integral) else value
    if not isinstance(index, Iterable) or isinstance(index, str):
        raise TypeError(
            f"interpret must return an integer or a tuple of integers; for the outcome {outcome} "
            f"it returned {value!r}."
        )
    index = tuple(index)
    if not all(isinstance(i, Integral) for i in index):
        raise TypeError(f"interpret returned {value!r} for the outcome {outcome}, not integers.")
    if len(index) != len(shape) or not all(0 <= i < n for i, n in zip(index, shape, strict=True)):
        raise ValueError(
            f"interpret returned {value!r} for the outcome {outcome}, which is no index into a "
            f"result of the shape {shape}."
        )
    return sum(int(i) * prod(shape[axis + 1 :]) for axis, i in enumerate(index))
