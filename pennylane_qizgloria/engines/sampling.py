"""Results of PennyLane's measurement processes from shots.

Measurements that one basis serves share their shots: those of the computational basis, and Pauli
words that commute wire by wire. Outcomes are drawn from the distribution of the measured wires
alone, after the diagonalizing gates and with readout error. PennyLane's own measurement processes
turn the samples into results.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Float, Int
from pennylane.measurements import (
    ClassicalShadowMP,
    CountsMP,
    ExpectationMP,
    MeasurementProcess,
    ProbabilityMP,
    SampleMP,
    ShadowExpvalMP,
    Shots,
    VarianceMP,
)
from pennylane.operation import Operator
from pennylane.pauli import PauliWord
from pennylane.wires import Wires

from .._compat.pennylane import dtype_of_samples
from ..lowering.circuit import LoweredCircuit
from ..lowering.context import TapeContext
from ..lowering.measurements.eigenbasis import Eigenbasis, paulis_read, signs
from ..lowering.measurements.measurements import measured_basis, measured_wires
from ..lowering.measurements.observables import as_float, is_pauli_word
from ..lowering.measurements.specs import MeasurementSpec, SampledMeasurement, SampledTerm
from ..pauli.memory import check_result
from ..pauli.program.final_state import FinalState
from ..pauli.program.measured_basis import MeasuredBasis
from ..pauli.state.basis import PAULI_LABELS, Z
from ..pauli.state.distribution import Distribution
from ..pauli.state.readout import confused
from ..pauli.state.sample import Uniform, sample, sample_shadow
from ..results import unwrapped
from ..tolerances import OUTCOME_DECIMALS
from .shadows import shadow_recipes, shadow_results

CPU = torch.device("cpu")
"""Where shots are counted."""


@dataclass(frozen=True)
class _Sampler:
    """Where the shots of a circuit come from.

    Args:
        circuit: the circuit.
        state: its final state.
        random: the source of randomness.
    """

    circuit: LoweredCircuit
    state: FinalState
    random: Uniform

    @property
    def context(self) -> TapeContext:
        """Wires, readout error and dtype."""
        return self.circuit.context

    @property
    def shots(self) -> Shots:
        """How many shots, in which parts."""
        return self.circuit.tape.shots

    def reported(self, measured: MeasuredBasis) -> Distribution:
        """The distribution of what a detector reports."""
        return confused(self.state.distribution(measured), self.context.confusion)


def sampled_results(circuit: LoweredCircuit, state: FinalState, random: Uniform) -> Any:
    """The results of a circuit from shots, in PennyLane's shapes.

    Args:
        circuit: the circuit, with a number of shots.
        state: its final state.
        random: where shots come from.
    """
    if not circuit.measurements.specs:
        return ()  # for a shot vector, too, as PennyLane has it
    sampler = _Sampler(circuit, state, random)
    parts = [unwrapped(part) for part in _parts(sampler)]
    return tuple(parts) if sampler.shots.has_partitioned_shots else parts[0]


def _parts(sampler: _Sampler) -> list[tuple]:
    """For each part of the shot vector, the results of all measurements."""
    processes = sampler.circuit.tape.measurements
    terms = [_terms_of(spec) for spec in sampler.circuit.measurements.specs]
    measured = [
        (process if term.weight is None else ExpectationMP(term.observable), term)
        for process, own in zip(processes, terms, strict=True)
        for term in own
        if not _is_constant(term)
    ]
    parts: dict[int, list] = {}
    for group, own in _groups(measured):
        parts.update(zip(own, _measure_group(group, sampler), strict=True))
    found = iter([parts[index] for index in range(len(measured))])
    by_process = [_combined(own, found, sampler) for own in terms]
    return [
        tuple(_rounded(p, own[i], sampler) for p, own in zip(processes, by_process, strict=True))
        for i in range(sampler.shots.num_copies)
    ]


def _terms_of(spec: MeasurementSpec) -> tuple[SampledTerm, ...]:
    assert isinstance(spec, SampledMeasurement)
    return spec.terms


def _is_constant(term: SampledTerm) -> bool:
    return term.weight is not None and term.observable is None


def _combined(terms: Sequence[SampledTerm], found: Iterator[list], sampler: _Sampler) -> list:
    """A result in each part of the shot vector, from those of its terms in turn."""
    if terms and terms[0].weight is None:
        return next(found)
    batch = sampler.circuit.program.batch_size
    total = np.zeros(() if batch is None else batch)
    parts = [total] * sampler.shots.num_copies
    for term in terms:
        values = [1.0] * len(parts) if _is_constant(term) else next(found)
        parts = [part + term.weight * value for part, value in zip(parts, values, strict=True)]
    return parts


def _rounded(process: MeasurementProcess, result: Any, sampler: _Sampler) -> Any:
    """A result in the precision of the simulation, unless the process has a dtype of its own."""
    own = isinstance(process, SampleMP) and dtype_of_samples(process) is not None
    if own or not isinstance(result, (np.ndarray, np.floating)) or result.dtype.kind != "f":
        return result
    name = str(sampler.context.dtype).removeprefix("torch.")
    return result.astype(name, copy=False)


Measured = tuple[MeasurementProcess, SampledTerm]
"""What is sampled, and how."""


def _groups(every: Sequence[Measured]) -> Iterator[tuple[list[Measured], list[int]]]:
    """Groups of measurements that share their shots, and their indices."""
    plain: list[int] = []
    words: list[int] = []
    alone: list[list[int]] = []
    for index, (process, term) in enumerate(every):
        if term.basis is None or term.basis.paulis is None:
            alone.append([index])
        else:
            (plain if process.obs is None else words).append(index)
    together = [plain] if plain else []
    if words:
        read = [paulis_read(process, _basis(term)) for process, term in (every[i] for i in words)]
        together += [[words[index] for index in part] for part in _partition(read)]
    for indices in together + alone:
        yield [every[index] for index in indices], indices


def _basis(term: SampledTerm) -> Eigenbasis:
    assert term.basis is not None
    return term.basis


def _partition(read: Sequence[Mapping[Any, int]]) -> Iterable[Sequence[int]]:
    """Indices of measurements that read no wire in different Paulis."""
    together = {pair for own in read for pair in own.items()}
    if len(together) == len({wire for wire, _ in together}):
        return [range(len(read))]
    observables = [
        PauliWord({wire: PAULI_LABELS[pauli] for wire, pauli in own.items()}).operation()
        for own in read
    ]
    return qml.pauli.compute_partition_indices(observables)


def _measure_group(group: Sequence[Measured], sampler: _Sampler) -> list[list]:
    """For each measurement of a group, its result in each part of the shot vector."""
    first, term = group[0]
    if isinstance(first, (ClassicalShadowMP, ShadowExpvalMP)):
        return [_measure_shadow(first, sampler)]
    common = _common_basis(group)
    measured = term.measured if len(group) == 1 else measured_basis(common, sampler.context)
    assert measured is not None
    bits = sample(sampler.reported(measured), sampler.shots.total_shots, sampler.random)
    samples = bits if sampler.circuit.is_batched else bits[0]
    parts = [samples[..., low:high, :] for low, high in sampler.shots.bins()]
    return [
        [result_of(process, _basis(own), part, common.wires) for part in parts]
        for process, own in group
    ]


def _common_basis(group: Sequence[Measured]) -> Eigenbasis:
    """The basis that serves all measurements of a group."""
    if len(group) == 1:
        return _basis(group[0][1])
    paulis = {label: Z for _, term in group for label in _basis(term).wires}
    for process, term in group:
        if process.obs is not None:
            paulis |= paulis_read(process, _basis(term))
    return Eigenbasis(Wires(list(paulis)), paulis)


def result_of(
    process: MeasurementProcess,
    basis: Eigenbasis,
    samples: Int[np.ndarray, "*batch shots wires"],
    labels: Wires,
) -> Any:
    """A result from samples, which PennyLane loses the batch axis of if its length is 1.

    Of complex eigenvalues, which PennyLane finds for products on equal wires, the real part is
    kept.

    Args:
        process: what is measured.
        basis: its eigenbasis.
        samples: the bits that are read in it.
        labels: the wires of their columns.

    Raises:
        MemoryError: if there are more outcomes than fit into memory.
    """
    if isinstance(process, ProbabilityMP) or getattr(process, "all_outcomes", False):
        check_result(2 ** len(basis.wires), samples[..., 0, 0].size, torch.float64, CPU)
    samples = basis.outcomes(samples, labels)
    if _has_values(process, basis):
        if is_pauli_word(process.obs):
            process, samples, labels = _by_parity(process, samples, labels)
        else:
            process = _with_eigenvalues(process, basis)
    lonely = samples.ndim == 3 and len(samples) == 1
    result = process.process_samples(samples[0] if lonely else samples, labels)
    if isinstance(result, list):
        return [_with_real_keys(counts) for counts in result]
    if isinstance(result, dict):
        return [_with_real_keys(result)] if lonely else _with_real_keys(result)
    result = result.real if np.iscomplexobj(result) else result
    return np.asarray(result)[None] if lonely else result


def _has_values(process: MeasurementProcess, basis: Eigenbasis) -> bool:
    """Whether this is about the eigenvalues of words that are read wire by wire."""
    if type(process) not in (ExpectationMP, VarianceMP, SampleMP, CountsMP) or process.obs is None:
        return False
    return basis.paulis is not None and process.obs.pauli_rep is not None


class _Valued(Operator):
    """An observable with given eigenvalues."""

    def __init__(self, values: Float[np.ndarray, " outcomes"], wires: Wires) -> None:
        self.values = values
        with qml.QueuingManager.stop_recording():
            super().__init__(wires=wires)

    def eigvals(self) -> Float[np.ndarray, " outcomes"]:
        return self.values


def _with_eigenvalues(process: MeasurementProcess, basis: Eigenbasis) -> MeasurementProcess:
    """A process on a sum of words with the eigenvalues in the order of the Paulis."""
    coefficients = np.array([as_float(number) for number in process.obs.pauli_rep.values()])
    # Equal sums may differ in their last digits, and would be counted apart.
    digits = OUTCOME_DECIMALS - int(np.log10(max(abs(coefficients).sum(), 1e-100)))
    values = np.round(coefficients @ signs(process.obs, basis), digits)
    valued = copy(process)
    valued.obs = _Valued(values, basis.wires)
    return valued


def _by_parity(
    process: MeasurementProcess, samples: Int[np.ndarray, "*batch shots wires"], labels: Wires
) -> tuple[MeasurementProcess, Int[np.ndarray, "*batch shots 1"], Wires]:
    """A Pauli word of any length as the Z of one wire, that of the parity of the word's bits.

    PennyLane takes the eigenvalues of all outcomes, which are too many for long words.
    """
    ((word, number),) = process.obs.pauli_rep.items()
    parity = samples[..., labels.indices(Wires(list(word)))].sum(-1, keepdims=True) % 2
    single = copy(process)
    with qml.QueuingManager.stop_recording():
        single.obs = qml.s_prod(as_float(number), qml.Z(0))
    return single, parity, Wires(0)


def _with_real_keys(counts: dict) -> dict:
    return {key.real if np.iscomplexobj(key) else key: count for key, count in counts.items()}


# --- shadows --------------------------------------------------------------------------------------


def _measure_shadow(process: MeasurementProcess, sampler: _Sampler) -> list:
    wires = measured_wires(process, sampler.context)

    def measured(paulis: Sequence[int]) -> Distribution:
        return sampler.reported(MeasuredBasis(wires, tuple(paulis)))

    results = []
    for shots in sampler.shots:
        recipes = shadow_recipes(process, shots, len(wires))
        bits = sample_shadow(measured, recipes, sampler.random)
        results.append(shadow_results(process, bits, recipes, sampler.circuit.is_batched))
    return results
