"""What a user says about readout error, as confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pennylane.wires import Wires
from torch import Tensor

from ..pauli.readout import Readout

FORMS = (
    "a float p, a pair (p(1|0), p(0|1)), a dict from wires to either, or an array of 2x2 confusion "
    "matrices [[p(0|0), p(1|0)], [p(0|1), p(1|1)]], one for each wire"
)


@dataclass(frozen=True)
class MeasuredCopy:
    """The label of a wire that holds what a mid-circuit measurement found on another one.

    Args:
        source: the wire that was measured, with whose error the outcome is read.
        number: tells the measurements of a circuit apart.
    """

    source: Any
    number: int


@dataclass(frozen=True)
class ReadoutModel:
    """Confusion matrices by wire label.

    Args:
        everywhere: the matrix of wires that ``by_label`` does not name; None for no error there.
        by_label: matrices of single wires.
    """

    everywhere: Float[Tensor, "2 2"] | None
    by_label: Mapping[Any, Float[Tensor, "2 2"]]

    def on(self, place: Mapping[Any, int]) -> Readout:
        """The matrices by integer wire."""
        matrices = {i: self._of(label) for label, i in place.items()}
        return Readout({i: matrix for i, matrix in matrices.items() if matrix is not None})

    def _of(self, label: Any) -> Float[Tensor, "2 2"] | None:
        source = label.source if isinstance(label, MeasuredCopy) else label
        return self.by_label.get(source, self.everywhere)


def readout_model(readout_prob: Any, wires: Wires | None) -> ReadoutModel | None:
    """Validate what the user gave; None where there is no readout error.

    Raises:
        TypeError: if it is none of the accepted forms.
        ValueError: if a probability is outside [0, 1], or shapes or wires do not fit.
    """
    if readout_prob is None:
        return None
    if isinstance(readout_prob, Mapping):
        unknown = [wire for wire in readout_prob if wires is not None and wire not in wires]
        if unknown:
            raise ValueError(
                f"readout_prob names the wires {unknown}, but the device has {list(wires or ())}."
            )
        return ReadoutModel(None, {w: _confusion(v, f"wire {w}") for w, v in readout_prob.items()})
    if np.ndim(_plain(readout_prob)) == 3:
        return _by_position(readout_prob, wires)
    matrix = _confusion(readout_prob, "all wires")
    if not matrix.requires_grad and torch.equal(matrix, torch.eye(2, dtype=matrix.dtype)):
        return None
    return ReadoutModel(matrix, {})


def _by_position(readout_prob: Any, wires: Wires | None) -> ReadoutModel:
    if wires is None:
        raise ValueError(
            "readout_prob as an array of confusion matrices needs a device with wires; "
            "give a dict by wire instead, or say wires=..."
        )
    if len(readout_prob) != len(wires):
        raise ValueError(
            f"readout_prob has {len(readout_prob)} confusion matrices for {len(wires)} wires."
        )
    pairs = zip(wires, readout_prob, strict=True)
    return ReadoutModel(None, {w: _confusion(matrix, f"wire {w}") for w, matrix in pairs})


def _confusion(value: Any, where: str) -> Float[Tensor, "2 2"]:
    """A probability, a pair or a matrix as a confusion matrix."""
    given = _tensor(value, where)
    if given.ndim == 0:
        given = torch.stack([given, given])
    if given.shape == (2,):
        _check_range(given, value, where)
        p10, p01 = given.unbind()
        return torch.stack([torch.stack([1 - p10, p10]), torch.stack([p01, 1 - p01])])
    if given.shape == (2, 2):
        _check_range(given, value, where)
        if not torch.allclose(given.sum(1), torch.ones(2, dtype=given.dtype), atol=1e-6):
            raise ValueError(
                f"The rows of the confusion matrix of {where} must each sum to 1 "
                f"(rows are true outcomes, columns reported ones), got {value!r}."
            )
        return given
    raise ValueError(
        f"readout_prob of {where} has the shape {tuple(given.shape)}; it must be {FORMS}."
    )


def _tensor(value: Any, where: str) -> Tensor:
    if isinstance(value, Tensor) and value.is_floating_point():
        return value.double()
    plain = _plain(value)
    numeric = isinstance(plain, np.ndarray) and plain.dtype.kind in "fiu"
    if isinstance(value, (str, bytes, bool)) or not (numeric or isinstance(plain, Real)):
        raise TypeError(
            f"readout_prob of {where} is {value!r} of type {type(value).__name__}; "
            f"it must be {FORMS}."
        )
    return torch.as_tensor(np.asarray(plain, dtype=np.float64))


def _plain(value: Any) -> Any:
    """A tensor or a number as it is, a sequence as an array if it makes one."""
    if isinstance(value, (Tensor, Real, str, bytes)):
        return value
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"readout_prob is {value!r}; it must be {FORMS}.") from error


def _check_range(given: Tensor, value: Any, where: str) -> None:
    if not bool(((given >= 0) & (given <= 1)).all()):
        raise ValueError(
            f"The readout error probabilities of {where} must be in the range [0,1], got {value!r}."
        )
