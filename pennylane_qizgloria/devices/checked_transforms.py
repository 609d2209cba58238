"""PennyLane's gradient transforms, with errors where derivatives would be zero without a word."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from pennylane.exceptions import QuantumFunctionError
from pennylane.tape import QuantumScript
from pennylane.transforms.core import Transform, transform
from pennylane.typing import PostprocessingFn

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
    tapes, combine = original.expand_transform(tape, **options)
    for own in tapes:
        _require_visible_numbers(own, original)
    return tapes, combine


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
