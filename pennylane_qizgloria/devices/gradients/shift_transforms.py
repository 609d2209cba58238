"""Gradient transforms of PennyLane by the rules of `lowering.operations.shift_rules`.

First derivatives the devices compute themselves; PennyLane applies these transforms to each other
where it needs higher ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pennylane as qml
from pennylane.tape import QuantumScript
from pennylane.transforms.core import Transform, transform
from pennylane.typing import PostprocessingFn

from ...lowering.operations.shift_rules import Rule, difference_terms, shift_terms
from .shift_gradients import shifted

Batch = tuple[Sequence[QuantumScript], PostprocessingFn]


def _expand(tape: QuantumScript, expand: Callable[[QuantumScript], Batch]) -> Batch:
    """Decompose what has no rule, and take a batch apart."""
    tapes, combine = expand(tape)
    if all(own.batch_size is None for own in tapes):
        return tapes, combine
    parts, combine_elements = qml.transforms.broadcast_expand(tapes)
    return parts, lambda results: combine(combine_elements(results))


class _Rows(tuple):
    """The Jacobians of several measurements, which PennyLane is to multiply one by one.

    Where it can take all of them for one array it does, and loses autograd's record of them.
    """

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Jacobians of several measurements are not one array.")


def _shift(tape: QuantumScript, rule: Rule) -> Batch:
    circuits, combine = shifted(tape, rule)
    if len(tape.measurements) == 1:
        return circuits, combine
    if tape.shots.has_partitioned_shots:
        return circuits, lambda results: tuple(map(_Rows, combine(results)))
    return circuits, lambda results: _Rows(combine(results))


def _iterated(rule: Rule, original: Transform) -> Transform:
    """A transform by a rule, in place of one of PennyLane's."""
    expand = partial(_expand, expand=original.expand_transform)
    return transform(partial(_shift, rule=rule), expand_transform=expand, final_transform=True)


PARAMETER_SHIFT = _iterated(shift_terms, qml.gradients.param_shift)
"""Derivatives by exact rules."""

ITERATED = {
    qml.gradients.param_shift: PARAMETER_SHIFT,
    qml.gradients.finite_diff: _iterated(difference_terms, qml.gradients.finite_diff),
}
"""What takes higher derivatives in place of PennyLane's transforms."""
