"""PennyLane's gradient transforms, with errors where derivatives would be zero without a word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import pennylane as qml
from pennylane.exceptions import QuantumFunctionError
from pennylane.gradients import hadamard_grad
from pennylane.operation import Operator
from pennylane.ops.op_math import Exp
from pennylane.tape import QuantumScript
from pennylane.transforms.core import Transform, transform
from pennylane.typing import PostprocessingFn

from ..lowering.closed_forms import innermost
from ..lowering.decompositions import decomposition, has_decomposition
from ..lowering.exponentials import as_evolution
from .first_order import differentiating
from .interfaces import hidden_numbers


@cache
def checked(original: Transform) -> Transform:
    """A gradient transform of PennyLane that refuses what it would take for constants."""
    expand = partial(_expand, original=original)
    return transform(original.tape_transform, expand_transform=expand, final_transform=True)


def _expand(
    tape: QuantumScript, *, original: Transform, **options: Any
) -> tuple[Sequence[QuantumScript], PostprocessingFn]:
    tapes, combine = original.expand_transform(_with_real_exponents(tape, original), **options)
    for own in tapes:
        _require_visible_numbers(own, original)
    return tapes, combine


def _with_real_exponents(tape: QuantumScript, original: Transform) -> QuantumScript:
    if not any(isinstance(innermost(op), Exp) for op in tape.operations):
        return tape
    operations = [own for op in tape.operations for own in _with_real_parameters(op, original)]
    changed = tape.copy(operations=operations)
    numbers = changed.get_parameters(trainable_only=False)
    changed.trainable_params = list(qml.math.get_trainable_indices(numbers))
    return changed


def _with_real_parameters(op: Operator, original: Transform) -> list[Operator]:
    """Operators that do the same, and whose exponents are real.

    PennyLane's exponentials have a complex one, of which its transforms take the real part's
    derivative: 0, where the operator is unitary.
    """
    if not isinstance(innermost(op), Exp):
        return [op]
    if original is hadamard_grad:
        return [as_evolution(op)]
    if not has_decomposition(op):
        return [op]
    return [final for own in decomposition(op) for final in _with_real_parameters(own, original)]


def _require_visible_numbers(tape: QuantumScript, original: Transform) -> None:
    """Refuse trainable numbers in operators that are none of their parameters.

    Raises:
        QuantumFunctionError: naming the operator and the methods that see such numbers.
    """
    for op in tape.operations:
        if any(differentiating(x) is not None for x in hidden_numbers(op)):
            raise QuantumFunctionError(
                f"{op}: the trainable coefficients in it are none of its parameters, and "
                f"{original.tape_transform.__name__} would take them for constants. "
                "diff_method='best' and 'parameter-shift' differentiate them; or take "
                "requires_grad=False for the coefficients."
            )
