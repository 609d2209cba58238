r"""Gates as products of Pauli rotations.

:math:`e^{i\theta G}` with :math:`G = \sum_P g_P P` is :math:`\prod_P e^{i g_P \theta P}` if the
words P commute with one another. Each factor turns pairs of words by an angle: with
:math:`\phi = -2 g_P \theta` it maps

.. math:: Q \mapsto \cos\phi\, Q + \sin\phi\, R, \quad R \mapsto \cos\phi\, R - \sin\phi\, Q

for the words Q and :math:`R = -i P Q` that anticommute with P, and leaves the others alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product

import torch
from jaxtyping import Complex
from torch import Tensor

from ..maps.transfer import ClosedForm
from ..state.basis import I, num_wires_of, pauli_vector

NEGLIGIBLE = 1e-13
"""Coefficients of a generator below this share of the largest are rounding."""

Word = tuple[int, ...]


@dataclass(frozen=True)
class PauliRotation:
    r"""The rotation about a Pauli word by a multiple of a parameter.

    Args:
        word: the Pauli on each wire of the gate.
        scale: the angle :math:`\phi` in parameters.
        param: which parameter of the gate.
    """

    word: Word
    scale: float
    param: int


@lru_cache(maxsize=1024)
def pauli_rotations(form: ClosedForm) -> tuple[PauliRotation | ClosedForm, ...] | None:
    """A gate as rotations and constant gates on all of its wires, the first one first.

    Returns:
        The factors; None if the form is none of these.
    """
    if form.factors:
        found: list[PauliRotation | ClosedForm] = []
        start = 0
        for factor in form.factors:
            own = pauli_rotations(factor)
            if own is None:
                return None
            found += [_shifted(rotation, start) for rotation in own]
            start += factor.num_params
        return tuple(found)
    if not form.num_params:
        return (form,)
    return None if form.generator is None else _rotations_of(form.generator)


def _shifted(rotation: PauliRotation | ClosedForm, start: int) -> PauliRotation | ClosedForm:
    if isinstance(rotation, ClosedForm):
        return rotation
    return PauliRotation(rotation.word, rotation.scale, start + rotation.param)


def _rotations_of(generator: Complex[Tensor, "dim dim"]) -> tuple[PauliRotation, ...] | None:
    dim = len(generator)
    coefficients = (pauli_vector(generator.to(torch.complex128)) / dim).tolist()
    largest = max(map(abs, coefficients))
    words = product(range(4), repeat=num_wires_of(len(coefficients)))
    terms = [
        (word, coefficient)
        for word, coefficient in zip(words, coefficients, strict=True)
        if any(word) and abs(coefficient) > NEGLIGIBLE * largest
    ]
    if not all(_commute(a, b) for (a, _), (b, _) in combinations(terms, 2)):
        return None
    return tuple(PauliRotation(word, -2 * coefficient, 0) for word, coefficient in terms)


def _commute(first: Word, second: Word) -> bool:
    return sum(I not in (a, b) and a != b for a, b in zip(first, second, strict=True)) % 2 == 0


def rotated_pairs(word: Word) -> list[tuple[int, int, int]]:
    """The pairs of words that a rotation mixes, as numbers in base 4, and their signs.

    Returns:
        Q, R and s for each pair, so that ``Q -> cos Q + s sin R`` and ``R -> cos R - s sin Q``.
    """
    found = []
    for other in product(range(4), repeat=len(word)):
        if _commute(word, other):
            continue
        image, power = _times(word, other)
        first, second = _number(other), _number(image)
        if first < second:
            # -i P Q = -i i**power R, and power is odd.
            found.append((first, second, 1 if power % 4 == 1 else -1))
    return found


def _times(first: Word, second: Word) -> tuple[Word, int]:
    """The product of two words: a word, and the power of i in front of it."""
    word, power = [], 0
    for a, b in zip(first, second, strict=True):
        if I in (a, b) or a == b:
            word.append(a ^ b if I in (a, b) else I)
        else:
            word.append(6 - a - b)
            power += 1 if (b - a) % 3 == 1 else 3
    return tuple(word), power


def _number(word: Word) -> int:
    number = 0
    for pauli in word:
        number = 4 * number + pauli
    return number
