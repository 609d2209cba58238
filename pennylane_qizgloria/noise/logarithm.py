"""The real logarithm of a transfer matrix."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import expm, logm
from torch import Tensor

from ..tolerances import LOGARITHM


def real_logarithm(
    transfer: Float[Tensor, "paulis paulis"],
) -> Float[Tensor, "paulis paulis"] | None:
    """The real logarithm of a transfer matrix; None if it has none.

    Args:
        transfer: in double precision.

    >>> real_logarithm(torch.tensor([1, 0.5, 0.5, 1]).double().diag()).diagonal()
    tensor([ 0.0000, -0.6931, -0.6931,  0.0000], dtype=torch.float64)
    >>> real_logarithm(torch.tensor([1, 1, -1, -1]).double().diag()) is None
    True
    """
    matrix = transfer.numpy()
    diagonal = matrix.diagonal()
    if np.array_equal(matrix, np.diag(diagonal)):
        return torch.diag(transfer.diagonal().log()) if (diagonal > 0).all() else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of singular matrices, which have none
        logarithm = np.asarray(logm(matrix))
    if not np.isfinite(logarithm).all() or np.abs(logarithm.imag).max() > LOGARITHM:
        return None
    if np.abs(expm(logarithm.real) - matrix).max() > LOGARITHM:
        return None
    return torch.as_tensor(np.ascontiguousarray(logarithm.real))
