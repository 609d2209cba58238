"""What primitives return, checked: some give less than they were asked for, or no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from qiskit.primitives import BitArray, PubResult

from ..jobs.records import JobError


def require_bits(
    result: PubResult, name: str, rows: int, shots: int, size: int
) -> Bool[np.ndarray, "rows shots size"]:
    """The bits of a classical register in a sampler's result.

    Args:
        result: of one PUB.
        name: of the register.
        rows: how many rows of parameters the PUB has.
        shots: of each row.
        size: how many bits the register has.

    Raises:
        JobError: if they are not there, or there are more or fewer.
    """
    own = getattr(result.data, name, None)
    if not isinstance(own, BitArray):
        raise JobError(
            f"The sampler gave no bits for the register {name!r}, but {type(own).__name__}. "
            "It must return a BitArray for each classical register (BaseSamplerV2)."
        )
    found = (own.size, own.num_shots, own.num_bits)
    if found != (rows, shots, size):
        raise JobError(
            f"The sampler gave {found[0]} rows of {found[1]} shots of {found[2]} bits for the "
            f"register {name!r}, where {rows} rows of {shots} shots of {size} bits were asked "
            "for. None is used."
        )
    # The first byte has the bits that do not fill a byte.
    if size % 8 and (own.array[..., 0] >> size % 8).any():
        raise JobError(
            f"The sampler set bits beyond the {size} of the register {name!r}. None is used."
        )
    return own.to_bool_array(order="little").reshape(rows, shots, size)


def require_means(result: PubResult, shape: tuple[int, int]) -> Float[np.ndarray, "_ _"]:
    """The expectation values in an estimator's result.

    Args:
        result: of one PUB.
        shape: the numbers of observables and of rows of parameters.

    Raises:
        JobError: if they are not there, if there are more or fewer, or if one is no real number.
    """
    values: Any = np.asarray(getattr(result.data, "evs", None))
    if values.shape != shape:
        raise JobError(
            f"The estimator gave values of shape {values.shape}, where {shape} was asked for: "
            f"{shape[0]} observables and {shape[1]} rows of parameters. None is used."
        )
    if values.dtype.kind not in "iufc" or np.any(values.imag != 0):
        raise JobError(
            f"The estimator gave {values.ravel()[0]!r}, ...: expectation values must be real. "
            "None is used."
        )
    if not np.isfinite(values).all():
        number = np.count_nonzero(~np.isfinite(values))
        raise JobError(
            f"The estimator gave {number} of {values.size} expectation values that are not finite "
            "(NaN or infinite). None is used."
        )
    return values.real.astype(float)
