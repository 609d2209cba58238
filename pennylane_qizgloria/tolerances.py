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

OPERAND = {"double": 5e-7, "single": 1e-4, "half": 1e-2}
"""How far the matrix of a simulated operation may be from unitary, positive or trace preserving,
for each of its rows, by the precision of the data or of the simulation, whichever is lower.
Numbers in double precision may have been single ones before, in the user's model or in PennyLane's
derivatives."""

NORM = {"double": 1e-4, "single": 1e-4, "half": 2e-2}
"""How far the trace of a simulated state may be from 1. It is rescaled, so nothing is lost.
(PennyLane takes a norm that is off by 1e-5 for normalised.)"""

HERMITIAN_SIMULATED = {"float64": 1e-6, "float32": 1e-4}
"""As `HERMITIAN`, by the dtype of a simulation."""

REAL_COEFFICIENT = 1e-8
"""How large the imaginary part of a coefficient may be, relative to its modulus."""

REAL_TIME = 100 * float(np.finfo(float).eps)
"""How large the imaginary part of an evolution's time may be, relative to its modulus."""

CONFUSION_ROW = 1e-6
"""How far the sum of a confusion matrix's row may be from 1."""

LOGARITHM = 1e-9
"""How far the exponential of a channel's logarithm may be from its transfer matrix."""

TRACE_OF_ERROR = 1e-7
"""How much of the trace a quantum error of Aer's may lose. Aer drops Kraus operators whose weight
is below 1e-8."""

OUTCOME_DECIMALS = 12
"""To how many decimals the values of an observable are told apart, relative to the largest."""


def data_tolerance(arrays: Sequence[np.ndarray]) -> float:
    """What is allowed for data, by the least precise of its arrays.

    >>> data_tolerance([np.zeros(2), np.zeros(2, np.float32)])
    0.0001
    """
    single = any(own.dtype in (np.complex64, np.float32, np.float16) for own in arrays)
    return DATA["single" if single else "double"]
