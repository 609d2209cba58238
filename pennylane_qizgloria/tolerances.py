"""How far numbers may be from what they have to be, in one place for all modules.

A deviation within a tolerance is taken for rounding. Each name says what the number is compared
with, each docstring what it is relative to.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DATA = {"double": 1e-8, "single": 1e-4}
"""How far a matrix may be from unitary, a state from norm 1, or a channel from preserving the
trace, by the precision of the data. Absolute."""

HERMITIAN = 1e-6
"""How far an observable's matrix may be from Hermitian, relative to its largest entry, and the
number of a Pauli word from real, relative to its modulus."""

REAL_EXPRESSION = 1e-10
"""How large the imaginary part of a parameter expression's value may be. Absolute."""

OUTCOME_DECIMALS = 12
"""To how many decimals the values of an observable are told apart, relative to the largest."""


def data_tolerance(arrays: Sequence[np.ndarray]) -> float:
    """What is allowed for data, by the least precise of its arrays.

    >>> data_tolerance([np.zeros(2), np.zeros(2, np.float32)])
    0.0001
    """
    single = any(own.dtype in (np.complex64, np.float32, np.float16) for own in arrays)
    return DATA["single" if single else "double"]
