"""Which entries of transfer matrices are zero, and which matrices are signed permutations."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from ..maps.transfer import ClosedForm
from ..program.program import Operand

DIAGONAL, UNITAL, AFFINE, GENERAL = range(4)
"""Shapes of 4x4 matrices: the first row is that of the identity in all but the last, and the
first column in all but the last two."""

ROUNDING = 1e-12
"""Entries of constant matrices are 0 or 1 up to this."""


def signed_permutation(
    matrix: np.ndarray,
) -> tuple[list[tuple[int, int]], list[tuple[float, float]]] | None:
    """A matrix with one entry 1 or -1 in each row and column as exchanges, one after the other.

    Returns:
        Pairs i, j and signs a, b, so that the new entries are ``x[i] = a x[j]``, ``x[j] = b x[i]``;
        None if the matrix is no such permutation.
    """
    rounded = np.rint(matrix)
    entries = np.abs(rounded)
    if np.abs(matrix - rounded).max() > ROUNDING or (entries.sum(0) != 1).any():
        return None
    if (entries.sum(1) != 1).any():
        return None
    origin = entries.argmax(1)
    sign = rounded[np.arange(len(origin)), origin]
    pairs: list[tuple[int, int]] = []
    signs: list[tuple[float, float]] = []
    done: set[int] = set()
    for start in range(len(origin)):
        i = start
        while i not in done:
            done.add(i)
            j = int(origin[i])
            if j == start:
                # The last entry of a cycle has been moved here by the exchanges before.
                if i != start:
                    signs[-1] = (signs[-1][0], float(sign[i]))
                elif sign[i] < 0:
                    pairs.append((i, i))
                    signs.append((-1.0, -1.0))
                break
            pairs.append((i, j))
            signs.append((float(sign[i]), 1.0))
            i = j
    return pairs, signs


def pattern_of(form: ClosedForm | Operand) -> np.ndarray:
    """Which entries of a 4x4 matrix may be other than zero."""
    if isinstance(form, Operand):
        return np.ones((4, 4), dtype=bool)
    return (form.coefficients.abs() > ROUNDING).any(0).numpy()


def is_diagonal(form: ClosedForm) -> bool:
    """Whether a map multiplies each word by a number, whatever its parameters are."""
    pattern = (form.coefficients != 0).any(0)
    return not (pattern & ~torch.eye(len(pattern), dtype=torch.bool)).any()


ROTATION_PATTERNS = {
    axis: np.eye(4, dtype=bool) | np.outer(other, other)
    for axis in (1, 2, 3)
    for other in [np.array([pauli not in (0, axis) for pauli in range(4)])]
}


def product_pattern(patterns: Iterable[np.ndarray]) -> np.ndarray:
    """The pattern of a product of 4x4 matrices, of which the first one acts first."""
    product = np.eye(4, dtype=bool)
    for pattern in patterns:
        product = pattern @ product
    return product


def shape_of(pattern: np.ndarray) -> int:
    """The shape of 4x4 matrices with these entries."""
    if pattern[0, 1:].any():
        return GENERAL
    if pattern[1:, 0].any():
        return AFFINE
    return DIAGONAL if not (pattern & ~np.eye(4, dtype=bool)).any() else UNITAL
