"""Tapes split into parts that one primitive serves in one basis.

Expectation values and variances of what has a Pauli form go to the estimator, everything else to
the sampler, in as few bases as qubit-wise commutation allows (`pennylane.transforms`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from operator import add, matmul
from typing import Any

import pennylane as qml
from pennylane.measurements import (
    ClassicalShadowMP,
    ExpectationMP,
    MeasurementProcess,
    ShadowExpvalMP,
    VarianceMP,
)
from pennylane.operation import Operator
from pennylane.ops import Prod, SProd, Sum
from pennylane.pauli import PauliSentence
from pennylane.tape import QuantumScript
from pennylane.transforms.core import transform

from .gates import has_twin
from .writing import has_midcircuit

Batch = tuple[Sequence[QuantumScript], Callable[[Sequence[Any]], Any]]


def is_estimated(process: MeasurementProcess) -> bool:
    """Whether an estimator can give the result of a measurement process."""
    if not isinstance(process, (ExpectationMP, VarianceMP)) or process.obs is None:
        return False
    return process.obs.pauli_rep is not None


def goes_to_estimator(tape: QuantumScript) -> bool:
    """Whether all of a tape's measurements are for an estimator, as `split` has separated them.

    Estimators run no circuits with measurements inside.
    """
    return not has_midcircuit(tape) and all(map(is_estimated, tape.measurements))


@transform
def split(tape: QuantumScript, use_estimator: bool) -> Batch:
    """Separate what the estimator gives, each shadow, and the rest by bases."""
    if use_estimator and goes_to_estimator(tape):
        return (tape,), _only
    shares = list(_shares(tape, use_estimator))
    parts = [tape.copy(measurements=[tape.measurements[i] for i in own]) for own in shares]
    batches = [_by_basis(part, use_estimator) for part in parts]

    def merge(results: Any) -> Any:
        remaining = iter(results)
        own = [combine([next(remaining) for _ in tapes]) for tapes, combine in batches]
        if not tape.shots.has_partitioned_shots:
            return _in_order(shares, own)
        copies = range(tape.shots.num_copies)
        return tuple(_in_order(shares, [result[copy] for result in own]) for copy in copies)

    return tuple(part for tapes, _ in batches for part in tapes), merge


def _shares(tape: QuantumScript, use_estimator: bool) -> Iterator[list[int]]:
    """The numbers of the measurements that stay together for now."""
    dynamic = has_midcircuit(tape)
    estimated, sampled = [], []
    for i, process in enumerate(tape.measurements):
        if isinstance(process, (ClassicalShadowMP, ShadowExpvalMP)):
            yield [i]
        elif use_estimator and not dynamic and is_estimated(process):
            estimated.append(i)
        elif _is_spread(process):
            yield [i]
        else:
            sampled.append(i)
    yield from (own for own in (estimated, sampled) if own)


def _by_basis(tape: QuantumScript, use_estimator: bool) -> Batch:
    alone = isinstance(tape.measurements[0], (ClassicalShadowMP, ShadowExpvalMP))
    if alone or (use_estimator and goes_to_estimator(tape)):
        return (tape,), _only
    if _is_spread(tape.measurements[0]):
        return _moments(tape)
    return qml.transforms.split_non_commuting(tape, grouping_strategy="qwc")


def _is_spread(process: MeasurementProcess) -> bool:
    """Whether this is the variance of a sum, whose terms may have no common basis."""
    if not isinstance(process, VarianceMP) or process.obs is None:
        return False
    if process.obs.pauli_rep is None:
        return _has_terms(process.obs)
    return len(process.obs.pauli_rep) > 1


def _has_terms(observable: Operator) -> bool:
    if isinstance(observable, SProd):
        return _has_terms(observable.base)
    if isinstance(observable, Prod):
        return any(map(_has_terms, observable.operands))
    return isinstance(observable, Sum)


def _moments(tape: QuantumScript) -> Batch:
    r"""The variance as :math:`\langle O^2 \rangle - \langle O \rangle^2`."""
    (process,) = tape.measurements
    sentence = _pauli_form(process.obs)
    both = [_real(sentence), _real(sentence @ sentence)]
    moments = tape.copy(measurements=[qml.expval(own.operation()) for own in both])
    tapes, merge = qml.transforms.split_non_commuting(moments, grouping_strategy="qwc")

    def combine(results: Any) -> Any:
        merged = merge(results)
        if tape.shots.has_partitioned_shots:
            return tuple(second - first**2 for first, second in merged)
        first, second = merged
        return second - first**2

    return tapes, combine


def _pauli_form(observable: Operator) -> PauliSentence:
    """An observable as a sum of words; the matrices in it are taken apart one by one."""
    if observable.pauli_rep is not None:
        return observable.pauli_rep
    if isinstance(observable, Sum):
        return reduce(add, map(_pauli_form, observable.operands))
    if isinstance(observable, Prod):
        return reduce(matmul, map(_pauli_form, observable.operands))
    if isinstance(observable, SProd):
        return observable.scalar * _pauli_form(observable.base)
    matrix = qml.matrix(observable)
    return qml.pauli_decompose(matrix, wire_order=observable.wires, pauli=True)


def _real(sentence: PauliSentence) -> PauliSentence:
    """A Hermitian sum of words, whose numbers are complex but for their values."""
    return PauliSentence({word: qml.math.real(number) for word, number in sentence.items()})


def _in_order(shares: Sequence[list[int]], results: Any) -> Any:
    """The results of all measurements in the tape's order, from those of each share."""
    found: dict[int, Any] = {}
    for own, result in zip(shares, results, strict=True):
        found.update(zip(own, [result] if len(own) == 1 else result, strict=True))
    return found[0] if len(found) == 1 else tuple(found[i] for i in range(len(found)))


@transform
def expand_operands(tape: QuantumScript) -> Batch:
    """Turn a batch of matrices or states into a batch of tapes; angles go out as one array."""
    if any(map(_is_written_by_value, tape.operations)):
        return qml.transforms.broadcast_expand(tape)
    return (tape,), _only


def _is_written_by_value(op: Operator) -> bool:
    """Whether an operation has a batch of what no parameter of a circuit can stand for."""
    return op.batch_size is not None and (any(op.ndim_params) or not has_twin(op))


def _only(results: Any) -> Any:
    return results[0]
