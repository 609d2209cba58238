"""Exact results of PennyLane's measurement processes.

Each function takes a final state and gives a tensor with the batch axis in front. Readout error
acts on everything that a detector reports, so not on states and entropies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch

import pennylane as qml
import torch
from jaxtyping import Float
from pennylane.measurements import (
    DensityMatrixMP,
    ExpectationMP,
    MeasurementProcess,
    MutualInfoMP,
    NullMeasurement,
    ProbabilityMP,
    PurityMP,
    StateMeasurement,
    StateMP,
    VarianceMP,
    VnEntropyMP,
)
from pennylane.operation import Operator
from torch import Tensor

from ...pauli.program.program import Operand, Operation, Program
from ...pauli.state import measure as pauli
from ...pauli.state.basis import Z
from ...pauli.state.distribution import Distribution, distribution
from ...pauli.state.measure import State
from ...pauli.state.readout import confused, reported
from ..circuit import LoweredOperations, final_state, lower_operations
from ..context import Setting
from .eigenbasis import Eigenbasis, eigenbasis, signs
from .expectation_plan import Readings, sum_of_words
from .observables import is_pauli_word, measured_terms, pauli_sum, real, squared


def measure_all(
    processes: Sequence[MeasurementProcess], own: Readings, state: State, setting: Setting
) -> list[Tensor]:
    """The exact results of several measurement processes, expectation values all at once.

    Args:
        processes: the measurement processes.
        own: what they read.
        state: the final state.
        setting: the wires and the readout error.
    """
    expectations = own.expectations(state)
    return [
        expectations[i] if i in expectations else measure(process, state, setting)
        for i, process in enumerate(processes)
    ]


@singledispatch
def measure(process: MeasurementProcess, state: State, setting: Setting) -> Tensor:
    """The exact result of a measurement process, ``(batch, *shape)``."""
    raise NotImplementedError(f"{process} has no exact result.")


@measure.register
def _of_the_user(process: StateMeasurement, state: State, setting: Setting) -> Tensor:
    """A measurement process of the user's own computes from the density matrix."""
    matrices = pauli.reduced_density_matrix(state, list(setting.place.values()))
    labels = qml.wires.Wires(list(setting.place))
    results = [process.process_density_matrix(matrix, labels) for matrix in matrices]
    return torch.stack([torch.as_tensor(result) for result in results])


@measure.register
def _expectation(process: ExpectationMP, state: State, setting: Setting) -> Float[Tensor, " batch"]:
    if process.obs is None:
        return _mean(process, state, setting)
    # The terms of a sum are read out one by one, each in its own basis, as hardware does it.
    parts = [
        setting.precision.real(real(number)) * _of_term(term, state, setting)
        for number, term in measured_terms(process.obs)
    ]
    return torch.stack(parts).sum(0)


def _of_term(term: Operator | None, state: State, setting: Setting) -> Float[Tensor, " batch"]:
    if term is None:
        return state.vector.new_ones(len(state.vector))
    process = ExpectationMP(term)
    words = sum_of_words(process, pauli_sum(term, setting.place, setting.precision), setting)
    if words is None:
        return _mean(process, state, setting)
    return pauli.expectation(state, words)


def _mean(process: ExpectationMP, state: State, setting: Setting) -> Float[Tensor, " batch"]:
    probabilities, values = _spectrum(process, state, setting)
    return probabilities @ values


@measure.register
def _variance(process: VarianceMP, state: State, setting: Setting) -> Float[Tensor, " batch"]:
    observable = process.obs
    affected = setting.readout.affects(setting.wires(process))
    if observable is None or (affected and not is_pauli_word(observable)):
        probabilities, values = _spectrum(process, state, setting)
        return probabilities @ values**2 - (probabilities @ values) ** 2
    terms = pauli_sum(observable, setting.place, setting.precision)
    mean = pauli.expectation(state, reported(terms, setting.readout))
    if is_pauli_word(observable):  # of two values, whatever is reported
        return terms.coefficients.square().sum() - mean.square()
    second = squared(observable, setting.place, setting.precision)
    return pauli.expectation(state, second) - mean.square()


@measure.register
def _probabilities(
    process: ProbabilityMP, state: State, setting: Setting
) -> Float[Tensor, "batch outcomes"]:
    return _probabilities_of(eigenbasis(process, setting.place), state, setting)


@measure.register
def _state(process: StateMP, state: State, setting: Setting) -> Tensor:
    return pauli.reduced_density_matrix(state, setting.wires(process))


@measure.register
def _density_matrix(process: DensityMatrixMP, state: State, setting: Setting) -> Tensor:
    return pauli.reduced_density_matrix(state, setting.wires(process))


@measure.register
def _purity(process: PurityMP, state: State, setting: Setting) -> Float[Tensor, " batch"]:
    return pauli.purity(state, setting.wires(process))


@measure.register
def _entropy(process: VnEntropyMP, state: State, setting: Setting) -> Float[Tensor, " batch"]:
    return _entropy_of(state, setting.wires(process), process.log_base)


@measure.register
def _mutual_information(
    process: MutualInfoMP, state: State, setting: Setting
) -> Float[Tensor, " batch"]:
    first, second = ([setting.place[wire] for wire in part] for part in process.raw_wires)
    base = process.log_base
    apart = _entropy_of(state, first, base) + _entropy_of(state, second, base)
    return apart - _entropy_of(state, first + second, base)


@measure.register
def _nothing(process: NullMeasurement, state: State, setting: Setting) -> Float[Tensor, " batch"]:
    return state.vector.new_full((len(state.vector),), torch.nan)


def _entropy_of(
    state: State, wires: Sequence[int], base: float | int | None
) -> Float[Tensor, " batch"]:
    own = pauli.active(state, wires)  # the others are pure
    matrix = pauli.reduced_density_matrix(state, own)
    return qml.math.vn_entropy(
        matrix, indices=list(range(len(own))), base=base, c_dtype=matrix.dtype
    )


# --- distributions over outcomes ------------------------------------------------------------------


def reported_outcomes(basis: Eigenbasis, state: State, setting: Setting) -> Distribution:
    """The distribution of what a detector reports: of the letters' bits if there are letters."""
    wires = [setting.place[label] for label in basis.wires]
    if basis.paulis is None:
        exact = distribution(_rotate(state, basis.gates, wires, setting), wires)
    else:
        exact = distribution(state, wires, [basis.paulis[label] for label in basis.wires])
    return confused(exact, setting.readout)


def _probabilities_of(
    basis: Eigenbasis, state: State, setting: Setting
) -> Float[Tensor, "batch outcomes"]:
    """The probabilities of PennyLane's outcomes."""
    probabilities = reported_outcomes(basis, state, setting).probabilities()
    order = basis.order()
    if order is None:
        return probabilities
    return probabilities.index_select(1, torch.as_tensor(order, device=probabilities.device))


def _spectrum(
    process: MeasurementProcess, state: State, setting: Setting
) -> tuple[Float[Tensor, "batch outcomes"], Float[Tensor, " outcomes"]]:
    """The distribution of the reported eigenvalues, and the eigenvalues."""
    basis, observable = eigenbasis(process, setting.place), process.obs
    probabilities = _probabilities_of(basis, state, setting)
    if observable is None or observable.pauli_rep is None or basis.paulis is None:
        return probabilities, setting.precision.real(qml.math.real(process.eigvals()))
    terms = pauli_sum(observable, setting.place, setting.precision)
    return probabilities, terms.coefficients @ setting.precision.real(signs(observable, basis))


def _rotate(state: State, gates: Sequence[Operator], wires: list[int], setting: Setting) -> State:
    """Apply diagonalizing gates to the measured wires, the others traced out first."""
    every = tuple(range(len(wires)))
    bits = frozenset((wire, Z) for wire in every)
    local = {label: wires.index(setting.place[label]) for gate in gates for label in gate.wires}
    lowered = lower_operations(gates, local, bits, setting.precision)
    start = pauli.reduced_vector(state, wires)
    prepare = Operation(Operand.STATE, every, batched=True)
    program = Program(len(wires), (prepare, *lowered.program.operations), bits)
    arguments = replace(lowered.arguments, operands=(start, *lowered.arguments.operands))
    rotated = final_state(LoweredOperations(program, arguments, len(start)))
    return replace(rotated, wires=tuple(wires[axis] for axis in rotated.wires))
