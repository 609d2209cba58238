"""PennyLane's gradient transforms, with errors where derivatives would be zero without a word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from pennylane.exceptions import QuantumFunctionError
from pennylane.gradients import hadamard_grad
from pennylane.operation import Operator
from pennylane.tape import QuantumScript
from pennylane.transforms.core import Transform, transform
from pennylane.typing import PostprocessingFn

from ...lowering.operations.decompositions import as_evolution
from ..interfaces.bridge import hidden_numbers
from ..interfaces.first_order import differentiating


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
    """Exponentials whose exponent is differentiated, with its imaginary part as the parameter.

    PennyLane's transforms differentiate by the real part, which gives 0 where the operator is
    unitary, or leave the unitary operators. Hadamard tests take coefficients for the exponent, too;
    in an evolution they are hidden, and refused.
    """
    trainable = set(tape.trainable_params)
    operations: list[Operator] = []
    numbers: list[int] = []  # which of the tape's parameters each one of the new tape comes from
    place = 0
    for op in tape.operations:
        own = list(range(place, place + len(op.data)))
        place += len(op.data)
        wrong = own if original is hadamard_grad else own[:1]
        new = None if trainable.isdisjoint(wrong) else as_evolution(op)
        operations.append(op if new is None else new)
        numbers.extend(own if new is None else own[:1])
    if all(new is op for new, op in zip(operations, tape.operations, strict=True)):
        return tape
    numbers.extend(range(place, len(tape.get_parameters(trainable_only=False))))
    changed = tape.copy(operations=operations)
    changed.trainable_params = [at for at, number in enumerate(numbers) if number in trainable]
    return changed


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
