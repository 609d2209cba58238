"""What a user says about readout error, as confusion matrices.

Plain numbers are validated when they are given, and again when they have been changed. Tensors, and
what a function returns, are read and validated at each call: they may be trained.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pennylane.wires import Wires
from torch import Tensor

from ..._compat.torch import outside_transforms
from ...pauli.conditions import holds
from ...pauli.run.adjoint import is_transformed
from ...tolerances import CONFUSION_ROW

FORMS = (
    "a float p, a pair (p(1|0), p(0|1)), a dict from wires to either, or an array of 2x2 confusion "
    "matrices [[p(0|0), p(1|0)], [p(0|1), p(1|1)]], one for each wire, or a function that returns "
    "one of these"
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
class ConfusionModel:
    """Confusion matrices by wire label.

    Args:
        everywhere: the matrix of wires that ``by_label`` does not name; None for no error there.
        by_label: matrices of single wires.
        key: see `context.Readout`.
    """

    everywhere: Float[Tensor, "2 2"] | None
    by_label: Mapping[Any, Float[Tensor, "2 2"]]
    key: Hashable | None = None

    @property
    def requires_grad(self) -> bool:
        """Whether torch records what becomes of the probabilities."""
        matrices = [*self.by_label.values(), self.everywhere]
        return any(matrix is not None and matrix.requires_grad for matrix in matrices)

    def on(self, wire_map: Mapping[Any, int]) -> dict[int, Float[Tensor, "2 2"]]:
        """The matrices by integer wire."""
        matrices = {wire: self._of(label) for label, wire in wire_map.items()}
        return {wire: matrix for wire, matrix in matrices.items() if matrix is not None}

    def _of(self, label: Any) -> Float[Tensor, "2 2"] | None:
        source = label.source if isinstance(label, MeasuredCopy) else label
        return self.by_label.get(source, self.everywhere)


class ReadoutSource:
    """Where a device's readout error comes from; what is there is read at each call.

    Args:
        given: one of `FORMS`, or None for no error. A function without arguments is called.
        wires: the device's wires.

    Raises:
        TypeError: if it is none of the accepted forms.
        ValueError: if a probability is outside [0, 1], or shapes or wires do not fit.
    """

    def __init__(self, given: Any, wires: Wires | None) -> None:
        self.given = given
        self.wires = wires
        self._known: tuple[Hashable, ConfusionModel | None] | None = None
        self._used_up = False
        if not callable(given):
            self.model()
            for tensor in _tensors(given):
                if tensor.grad_fn is not None and not is_transformed():
                    tensor.register_hook(self._use_up)

    @property
    def may_err(self) -> bool:
        """Whether there can be a readout error at the next call."""
        return _numbers(self.given) is None or self.model() is not None

    def requires_grad(self) -> bool:
        """Whether torch is to differentiate with respect to the error."""
        if _numbers(self.given) is not None:
            return False
        model = self.model()
        return model is not None and model.requires_grad

    def model(self) -> ConfusionModel | None:
        """The confusion matrices as they are now; None where there is no readout error.

        Raises:
            TypeError: if what is there now is none of the accepted forms.
            ValueError: if a probability is outside [0, 1] now, or a tensor was computed from
                others that have had their gradients since.
        """
        given = self.given() if callable(self.given) else self.given
        key = _numbers(given)
        if key is None:
            self._check_fresh()
            return confusion_model(given, self.wires)
        if self._known is None or self._known[0] != key:
            with outside_transforms(), torch.inference_mode(False):  # it is for calls in any mode
                made = confusion_model(given, self.wires)
                self._known = key, made and replace(made, key=key)
        return self._known[1]

    def _use_up(self, _: Tensor) -> None:
        self._used_up = True

    def _check_fresh(self) -> None:
        if self._used_up and torch.is_grad_enabled():
            raise ValueError(
                "readout_prob is a tensor that was computed once: it does not follow the "
                "parameters that it was computed from, and one backward pass has used up its "
                "graph. Give the function that computes it, which is called anew for each call: "
                "readout_prob=lambda: torch.sigmoid(logit), say."
            )


def is_pair_on_two_wires(given: Any, wires: Wires | None) -> bool:
    """Whether a pair (p(1|0), p(0|1)) for all wires could be meant as one probability for each."""
    if callable(given) or isinstance(given, (Mapping, Real)) or given is None:
        return False
    return wires is not None and len(wires) == 2 and np.shape(_plain(given)) == (2,)


def _numbers(given: Any) -> Hashable | None:
    """Plain numbers as a key that is equal for equal numbers only; None for anything else."""
    if given is None or isinstance(given, (int, float, np.number, str)):
        return (type(given), given)
    if isinstance(given, np.ndarray):
        return (given.shape, given.dtype.str, given.tobytes())
    if isinstance(given, Mapping):
        parts = [*given, *given.values()]  # of which the labels are numbers or names, too
    elif isinstance(given, (list, tuple)):
        parts = list(given)
    else:
        return None
    keys = tuple(map(_numbers, parts))
    return None if None in keys else (type(given), keys)


def _tensors(given: Any) -> Iterator[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, Mapping):
        yield from _tensors(list(given.values()))
    elif isinstance(given, (list, tuple)):
        for part in given:
            yield from _tensors(part)


def confusion_model(readout_prob: Any, wires: Wires | None) -> ConfusionModel | None:
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
        return ConfusionModel(
            None, {w: _confusion(v, f"wire {w}") for w, v in readout_prob.items()}
        )
    if np.ndim(_plain(readout_prob)) == 3:
        return _by_position(readout_prob, wires)
    matrix = _confusion(readout_prob, "all wires")
    if (
        not matrix.requires_grad
        and not is_transformed()
        and torch.equal(matrix, torch.eye(2).to(matrix))
    ):
        return None
    return ConfusionModel(matrix, {})


def _by_position(readout_prob: Any, wires: Wires | None) -> ConfusionModel:
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
    return ConfusionModel(None, {w: _confusion(matrix, f"wire {w}") for w, matrix in pairs})


def _confusion(value: Any, where: str) -> Float[Tensor, "2 2"]:
    """A probability, a pair or a matrix as a confusion matrix."""
    given = _tensor(value, where)
    if given.ndim == 0:
        given = torch.stack([given, given])
    if given.shape == (2,):
        _check_range(given, value, where)
        p10, p01 = given.unbind()
        return torch.stack([1 - p10, p10, p01, 1 - p01]).reshape(2, 2)
    if given.shape == (2, 2):
        _check_range(given, value, where)
        if not holds((given.sum(1) - 1).abs() <= CONFUSION_ROW):
            raise ValueError(
                f"The rows of the confusion matrix of {where} must each sum to 1 "
                f"(rows are true outcomes, columns reported ones), got {value!r}."
            )
        return given
    raise ValueError(
        f"readout_prob of {where} has the shape {tuple(given.shape)}; it must be {FORMS}."
    )


def _tensor(value: Any, where: str) -> Tensor:
    plain = _plain(value)
    if isinstance(plain, Tensor):
        numeric = not plain.is_complex() and plain.dtype != torch.bool
    else:
        is_array = isinstance(plain, np.ndarray) and plain.dtype.kind in "fiu"
        numeric = is_array or (isinstance(plain, Real) and not isinstance(plain, bool))
    if not numeric:
        raise TypeError(
            f"readout_prob of {where} is {value!r} of type {type(value).__name__}; "
            f"it must be {FORMS}."
        )
    return (
        plain.double()
        if isinstance(plain, Tensor)
        else torch.tensor(np.asarray(plain, dtype=np.float64))
    )


def _plain(value: Any) -> Any:
    """A tensor or a number as it is, a sequence as a tensor or an array if it makes one."""
    if isinstance(value, (Tensor, Real, str, bytes)):
        return value
    try:
        return _stacked(value) if any(True for _ in _tensors(value)) else np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"readout_prob is {value!r}; it must be {FORMS}.") from error


def _stacked(value: Any) -> Tensor:
    """Tensors and numbers in sequences, as one tensor that torch can differentiate through."""
    if isinstance(value, (list, tuple)):
        return torch.stack([_stacked(part) for part in value])
    return value.double() if isinstance(value, Tensor) else torch.as_tensor(value).double()


def _check_range(given: Tensor, value: Any, where: str) -> None:
    if not holds((given >= 0) & (given <= 1)):
        raise ValueError(
            f"The readout error probabilities of {where} must be in the range [0,1], got {value!r}."
        )
