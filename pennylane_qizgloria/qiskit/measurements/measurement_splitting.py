r"""Splits a tape into tapes that one primitive serves in one basis.

The measurement processes of such a tape are read from the same shots. So that as many as possible
are, what has a Pauli form is taken word by word: an expectation value is a sum over words, and a
variance :math:`\langle O^2 \rangle - \langle O \rangle^2`, both from the same
shots where one basis serves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import (
    ClassicalShadowMP,
    ExpectationMP,
    MeasurementProcess,
    ShadowExpvalMP,
    VarianceMP,
)
from pennylane.operation import Operator
from pennylane.ops import LinearCombination, SProd, Sum
from pennylane.pauli import PauliSentence, PauliWord
from pennylane.tape import QuantumScript
from pennylane.transforms.core import transform

from ...results import unwrapped
from ..convert.circuit_builder import has_midcircuit
from ..convert.gates import has_equivalent
from ..convert.observables import Square, has_terms, pauli_form, real, require_hermitian, squared
from .bases import basis_of, commute_qubit_wise, group_bases, joint_basis, qubit_wise_words

Batch = tuple[Sequence[QuantumScript], Callable[[Sequence[Any]], Any]]

_IDENTITY = PauliWord({})

SHADOWS = (ClassicalShadowMP, ShadowExpvalMP)


# --- which primitive ------------------------------------------------------------------------------


@dataclass(frozen=True)
class EstimatorUse:
    """Which tapes an estimator serves, where it can.

    Args:
        exact: those without shots.
        sampled: those with shots.
    """

    exact: bool
    sampled: bool

    def wanted_for(self, tape: QuantumScript) -> bool:
        """Whether what an estimator can give of a tape comes from it."""
        return self.sampled if tape.shots else self.exact

    def serves(self, tape: QuantumScript) -> bool:
        """Whether all of a tape's measurements come from the estimator."""
        return self.wanted_for(tape) and goes_to_estimator(tape)


def is_estimated(process: MeasurementProcess) -> bool:
    """Whether an estimator can give the result of a measurement process."""
    if not isinstance(process, (ExpectationMP, VarianceMP)) or process.obs is None:
        return False
    return process.obs.pauli_rep is not None


def goes_to_estimator(tape: QuantumScript) -> bool:
    """Whether an estimator can give all results of a tape.

    Estimators run no circuits with measurements inside.
    """
    return not has_midcircuit(tape) and all(map(is_estimated, tape.measurements))


# --- splitting ------------------------------------------------------------------------------------


@transform
def split(tape: QuantumScript, use: EstimatorUse) -> Batch:
    """Separate what the estimator gives, each shadow, and the rest by bases.

    Raises:
        ValueError: if an observable is not Hermitian.
    """
    for process in tape.measurements:
        if process.obs is not None:
            require_hermitian(process.obs)
    kinds = set(map(type, tape.measurements))
    if kinds == {ExpectationMP} and use.serves(tape):
        return (tape,), _first
    estimable = use.wanted_for(tape) and not has_midcircuit(tape)
    estimates = [estimable and is_estimated(process) for process in tape.measurements]
    requests = [
        _estimated(process) if own else _sampled(process)
        for process, own in zip(tape.measurements, estimates, strict=True)
    ]
    units = [
        (unit, own)
        for request, own in zip(requests, estimates, strict=True)
        for unit in request.units
    ]
    unit_groups = list(_unit_groups(tape, units))
    tapes = tuple(
        tape.copy(measurements=[process for i in group for process in units[i][0]])
        for group in unit_groups
    )

    def merge(results: Any) -> Any:
        copies = zip(*results, strict=True) if tape.shots.has_partitioned_shots else [results]
        return unwrapped(
            [_merged(tape, requests, units, unit_groups, tapes, own) for own in copies]
        )

    return tapes, merge


Unit = tuple[MeasurementProcess, ...]
"""Measurement processes that are read from the same shots."""


@dataclass(frozen=True)
class _Request:
    """What is measured for a measurement process.

    Args:
        units: what is measured; empty ones are left out.
        combine: gives the process's result from those of all processes of all units, in order.
    """

    units: tuple[Unit, ...]
    combine: Callable[[Any], Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", tuple(filter(None, self.units)))


def _unit_groups(tape: QuantumScript, units: Sequence[tuple[Unit, bool]]) -> Iterator[list[int]]:
    """The numbers of the units that one tape measures."""
    estimated = [i for i, (_, is_estimated) in enumerate(units) if is_estimated]
    if estimated:
        yield estimated
    shadows = [i for i, (unit, _) in enumerate(units) if isinstance(unit[0], SHADOWS)]
    yield from ([i] for i in shadows)
    rest = [i for i in range(len(units)) if i not in {*estimated, *shadows}]
    bases = [joint_basis(basis_of(process, tape) for process in units[i][0]) for i in rest]
    yield from ([rest[i] for i in group] for group in group_bases(bases))


def _merged(
    tape: QuantumScript,
    requests: Sequence[_Request],
    units: Sequence[tuple[Unit, bool]],
    unit_groups: Sequence[list[int]],
    tapes: Sequence[QuantumScript],
    results: Any,
) -> Any:
    """The results of the tape's measurements from those of the tapes."""
    by_unit: dict[int, list[Any]] = {}
    for group, own_tape, result in zip(unit_groups, tapes, results, strict=True):
        remaining = iter([result] if len(own_tape.measurements) == 1 else result)
        by_unit.update((i, [next(remaining) for _ in units[i][0]]) for i in group)
    remaining = iter(range(len(units)))
    merged = []
    for request in requests:
        own = [value for _ in request.units for value in by_unit[next(remaining)]]
        value = request.combine(own)
        if not own and tape.batch_size is not None:
            value = np.full(tape.batch_size, value)
        merged.append(value)
    return unwrapped(merged)


# --- what is measured -----------------------------------------------------------------------------


def _first(results: Any) -> Any:
    return results[0]


def _estimated(process: MeasurementProcess) -> _Request:
    """What an estimator is asked for; it takes sums as they are."""
    if isinstance(process, ExpectationMP):
        return _Request(((process,),), _first)
    sentence = real(process.obs.pauli_rep)
    square, mean = _of_sum(squared(sentence)), _of_sum(sentence)
    return _Request((square.measured + mean.measured,), _moments(square, mean))


def _sampled(process: MeasurementProcess) -> _Request:
    if process.obs is None or isinstance(process, ShadowExpvalMP):
        return _Request(((process,),), _first)
    if isinstance(process, ExpectationMP):
        return _mean(_linear(process.obs))
    if isinstance(process, VarianceMP):
        return _variance(process.obs)
    if isinstance(process.obs, LinearCombination) and qubit_wise_words(process) is None:
        # PennyLane finds the eigenvalues of sums only.
        process = copy(process)
        process.obs = qml.sum(*process.obs.operands)
    return _Request(((process,),), _first)


@dataclass(frozen=True)
class _Linear:
    """An expectation value as a linear combination of expectation values of what is measured."""

    offset: Any
    terms: tuple[tuple[Any, MeasurementProcess], ...]

    def value(self, results: Iterable[Any]) -> Any:
        own = zip(self.terms, results, strict=True)
        return sum((factor * result for (factor, _), result in own), start=self.offset)

    @property
    def measured(self) -> Unit:
        return tuple(process for _, process in self.terms)


def _linear(observable: Operator) -> _Linear:
    if observable.pauli_rep is not None:
        return _of_words(real(observable.pauli_rep))
    if isinstance(observable, SProd):
        own = [(observable.scalar, _linear(observable.base))]
    elif isinstance(observable, Sum):
        own = [(1.0, _linear(term)) for term in observable.operands]
    else:
        return _Linear(0.0, ((1.0, ExpectationMP(observable)),))
    offset = sum(factor * linear.offset for factor, linear in own)
    terms = tuple((factor * c, process) for factor, linear in own for c, process in linear.terms)
    return _Linear(offset, terms)


def _of_words(sentence: PauliSentence) -> _Linear:
    terms = tuple((c, _expval(word)) for word, c in sentence.items() if word != _IDENTITY)
    return _Linear(sentence.get(_IDENTITY, 0.0), terms)


def _of_sum(sentence: PauliSentence) -> _Linear:
    rest = PauliSentence({word: c for word, c in sentence.items() if word != _IDENTITY})
    terms = ((1.0, ExpectationMP(rest.operation())),) if rest else ()
    return _Linear(sentence.get(_IDENTITY, 0.0), terms)


@lru_cache(maxsize=4096)
def _expval(word: PauliWord) -> ExpectationMP:
    with qml.QueuingManager.stop_recording():
        return ExpectationMP(word.operation())


def _mean(linear: _Linear) -> _Request:
    return _Request(tuple((process,) for process in linear.measured), linear.value)


def _variance(observable: Operator) -> _Request:
    if observable.pauli_rep is None and not has_terms(observable):
        both = (ExpectationMP(Square(observable)), ExpectationMP(observable))
        return _Request((both,), lambda both: _nonnegative(both[0] - both[1] ** 2))
    sentence = real(pauli_form(observable))
    square, mean = _of_words(squared(sentence)), _of_words(sentence)
    measured, moments = square.measured + mean.measured, _moments(square, mean)
    units = (
        (measured,) if commute_qubit_wise(sentence) else tuple((process,) for process in measured)
    )
    return _Request(units, lambda results: _nonnegative(moments(results)))


def _moments(square: _Linear, mean: _Linear) -> Callable[[Sequence[Any]], Any]:
    """A variance from the results of what is measured for the square, and then for the mean."""
    first = len(square.terms)
    return lambda results: square.value(results[:first]) - mean.value(results[first:]) ** 2


def _nonnegative(variance: Any) -> Any:
    """A variance without the part below 0 that words of different shots may leave.

    Its derivative stays that of the unbiased estimate.
    """
    excess = qml.math.minimum(variance, qml.math.zeros_like(variance))
    return variance - qml.math.detach(excess)


# --- batches --------------------------------------------------------------------------------------


@transform
def expand_operands(tape: QuantumScript) -> Batch:
    """Turn a batch of matrices or states into a batch of tapes; angles go out as one array."""
    if any(map(_has_batched_constants, tape.operations)):
        return qml.transforms.broadcast_expand(tape)
    return (tape,), _first


def _has_batched_constants(op: Operator) -> bool:
    """Whether an operation has a batch of what no parameter of a circuit can stand for."""
    return op.batch_size is not None and (any(op.ndim_params) or not has_equivalent(op))
