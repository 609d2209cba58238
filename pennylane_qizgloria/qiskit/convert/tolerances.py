"""How exact matrices and states must be that are written into a circuit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TOLERANCE = {"double": 1e-8, "single": 1e-4}
"""How far a matrix may be from unitary, a state from norm 1, or a channel from preserving the
trace, by the precision of the data."""


def tolerance_of(arrays: Sequence[np.ndarray]) -> float:
    """What is allowed for data, by the least precise of its arrays."""
    single = any(own.dtype in (np.complex64, np.float32, np.float16) for own in arrays)
    return TOLERANCE["single" if single else "double"]
