"""PennyLane's measurement processes as specifications, see `specs`."""

from __future__ import annotations

from functools import partial, singledispatch

import numpy as np
import pennylane as qml
import torch
from pennylane.measurements import (
    ClassicalShadowMP,
    DensityMatrixMP,
    ExpectationMP,
    MeasurementProcess,
    MutualInfoMP,
    NullMeasurement,
    ProbabilityMP,
    PurityMP,
    ShadowExpvalMP,
    StateMeasurement,
    StateMP,
    VarianceMP,
    VnEntropyMP,
)
from pennylane.operation import Operator
from torch import Tensor

from ...pauli.program.final_state import FinalState
from ...pauli.program.measured_basis import MeasuredBasis
from ...pauli.program.program import all_paulis
from ...pauli.state.basis import Z
from ...pauli.state.measure import PauliSum
from ...pauli.state.readout import is_affected, reported
from ..context import TapeContext
from ..operations.program import lower_operations
from .eigenbasis import Eigenbasis, eigenbasis, signs
from .observables import as_float, is_pauli_word, measured_terms, pauli_sum, real, squared
from .specs import (
    Expectation,
    MeasurementSpec,
    Probabilities,
    SampledMeasurement,
    SampledTerm,
    Spectrum,
    StateReading,
    Variance,
    WeightedSum,
    paulis_of_basis,
)


def measurement_spec(
    process: MeasurementProcess, context: TapeContext, is_sampled: bool
) -> MeasurementSpec:
    """A measurement process, lowered.

    Args:
        process: the measurement process.
        context: the wires and their readout error, dtype and device.
        is_sampled: whether it is sampled.

    Raises:
        ValueError: if its observable is none, whatever is measured of it.
    """
    words = None if process.obs is None else pauli_sum(process.obs, context)
    if is_sampled:
        return _sampled(process, context)
    return _exact(process, words, context)


def measured_wires(process: MeasurementProcess, context: TapeContext) -> tuple[int, ...]:
    """The integer wires of a measurement; all of them where it names none."""
    if not process.wires and process.obs is None:
        return tuple(context.wire_map.values())
    return context.wires(process.wires)


def measured_basis(basis: Eigenbasis, context: TapeContext) -> MeasuredBasis:
    """A basis on integer wires, its diagonalizing gates lowered."""
    wires = context.wires(basis.wires)
    if basis.paulis is not None:
        return MeasuredBasis(wires, tuple(basis.paulis[label] for label in basis.wires))
    local = {label: wire for wire, label in enumerate(basis.wires)}
    bits = frozenset((wire, Z) for wire in local.values())
    rotation = lower_operations(basis.gates, local, bits, context)
    return MeasuredBasis(wires, (Z,) * len(wires), rotation)


# --- exact results --------------------------------------------------------------------------------


@singledispatch
def _exact(
    process: MeasurementProcess, words: PauliSum | None, context: TapeContext
) -> MeasurementSpec:
    raise NotImplementedError(f"{process} has no exact result.")


@_exact.register
def _expectation(
    process: ExpectationMP, words: PauliSum | None, context: TapeContext
) -> MeasurementSpec:
    observable = process.obs
    if observable is None or words is None:
        return _spectrum(process, words, context, moment=1)
    if not is_affected(words.wires, context.confusion):
        return Expectation(words)
    # What is not made of words is read in its eigenbasis, if PennyLane knows one.
    if observable.pauli_rep is not None or not observable.has_diagonalizing_gates:
        return Expectation(reported(words, context.confusion))
    terms = measured_terms(observable)
    if len(terms) == 1 and terms[0][1] is observable:
        return _spectrum(process, words, context, moment=1)
    return WeightedSum(
        tuple(context.real(real(number)).reshape(()) for number, _ in terms),
        tuple(_term(term, context) for _, term in terms),
    )


def _term(term: Operator | None, context: TapeContext) -> MeasurementSpec:
    if term is None:
        return Expectation(_constant(context.real(1.0)))
    return measurement_spec(ExpectationMP(term), context, is_sampled=False)


def _constant(number: Tensor) -> PauliSum:
    return PauliSum((), torch.zeros(1, 0, dtype=torch.long), number.reshape(1))


@_exact.register
def _variance(process: VarianceMP, words: PauliSum | None, context: TapeContext) -> MeasurementSpec:
    observable = process.obs
    if observable is None or words is None:
        return _spectrum(process, words, context, moment=2)
    if is_pauli_word(observable):  # of two values, whatever is reported
        second = _constant(words.coefficients.square().sum())
    elif is_affected(words.wires, context.confusion):
        return _spectrum(process, words, context, moment=2)
    else:
        second = squared(observable, context)
    return Variance(reported(words, context.confusion), second)


@_exact.register
def _probabilities(
    process: ProbabilityMP, words: PauliSum | None, context: TapeContext
) -> MeasurementSpec:
    return _reported(eigenbasis(process, context.wire_map), context)


def _reported(basis: Eigenbasis, context: TapeContext) -> Probabilities:
    order = basis.order()
    return Probabilities(
        measured_basis(basis, context),
        context.confusion,
        None if order is None else torch.as_tensor(order, device=context.device),
    )


def _spectrum(
    process: MeasurementProcess, words: PauliSum | None, context: TapeContext, moment: int
) -> Spectrum:
    basis, observable = eigenbasis(process, context.wire_map), process.obs
    if words is None or observable.pauli_rep is None or basis.paulis is None:
        values = context.real(qml.math.real(process.eigvals()))
    else:
        values = words.coefficients @ context.real(signs(observable, basis))
    return Spectrum(_reported(basis, context), values, moment)


@_exact.register(StateMP)
@_exact.register(DensityMatrixMP)
def _state(
    process: StateMP | DensityMatrixMP, words: PauliSum | None, context: TapeContext
) -> MeasurementSpec:
    wires = measured_wires(process, context)
    return StateReading(wires, lambda state: state.density_matrix(wires))


@_exact.register
def _purity(process: PurityMP, words: PauliSum | None, context: TapeContext) -> MeasurementSpec:
    wires = measured_wires(process, context)
    return StateReading(wires, lambda state: state.purity(wires))


@_exact.register
def _vn_entropy(
    process: VnEntropyMP, words: PauliSum | None, context: TapeContext
) -> MeasurementSpec:
    wires = measured_wires(process, context)
    return StateReading(wires, partial(_entropy, wires=wires, base=process.log_base))


@_exact.register
def _mutual_information(
    process: MutualInfoMP, words: PauliSum | None, context: TapeContext
) -> MeasurementSpec:
    first, second = map(context.wires, process.raw_wires)
    base = process.log_base

    def information(state: FinalState) -> Tensor:
        apart = _entropy(state, first, base) + _entropy(state, second, base)
        return apart - _entropy(state, first + second, base)

    return StateReading(first + second, information)


def _entropy(state: FinalState, wires: tuple[int, ...], base: float | int | None) -> Tensor:
    own = [wire for wire in wires if wire in state.wires]  # the others are pure
    matrix = state.density_matrix(own)
    indices = list(range(len(own)))
    return qml.math.vn_entropy(matrix, indices=indices, base=base, c_dtype=matrix.dtype)


@_exact.register
def _of_the_user(
    process: StateMeasurement, words: PauliSum | None, context: TapeContext
) -> MeasurementSpec:
    """A measurement process of the user's own computes from the density matrix."""
    wires, labels = tuple(context.wire_map.values()), qml.wires.Wires(list(context.wire_map))

    def processed(state: FinalState) -> Tensor:
        matrices = state.density_matrix(wires)
        results = [process.process_density_matrix(matrix, labels) for matrix in matrices]
        return torch.stack([torch.as_tensor(result) for result in results])

    return StateReading(wires, processed)


@_exact.register
def _nothing(
    process: NullMeasurement, words: PauliSum | None, context: TapeContext
) -> MeasurementSpec:
    return Expectation(_constant(context.real(np.nan)))


# --- samples --------------------------------------------------------------------------------------


def _sampled(process: MeasurementProcess, context: TapeContext) -> SampledMeasurement:
    if isinstance(process, (ClassicalShadowMP, ShadowExpvalMP)):
        needed = all_paulis(measured_wires(process, context))
        return SampledMeasurement((SampledTerm(None, None, None),), needed)
    if process.obs is None or not isinstance(process, ExpectationMP) or _is_word(process.obs):
        terms = [_sampled_term(None, process, context)]
    else:
        terms = [
            SampledTerm(as_float(weight), None, None)
            if term is None
            else _sampled_term(as_float(weight), ExpectationMP(term), context)
            for weight, term in measured_terms(process.obs)
        ]
    found = [paulis_of_basis(own.measured) for own in terms if own.measured is not None]
    return SampledMeasurement(tuple(terms), frozenset().union(*found))


def _sampled_term(
    weight: float | None, process: MeasurementProcess, context: TapeContext
) -> SampledTerm:
    basis = eigenbasis(process, context.wire_map)
    observable = None if weight is None else process.obs
    return SampledTerm(weight, observable, basis, measured_basis(basis, context))


def _is_word(observable: Operator) -> bool:
    """Whether an observable is one Pauli word as it is."""
    sentence = observable.pauli_rep
    if sentence is None or len(sentence) != 1:
        return False
    ((word, number),) = sentence.items()
    return bool(word) and isinstance(number, int | float) and bool(number == 1)
