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
from jaxtyping import Float, Int, Int8
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
from pennylane.shadows import ClassicalShadow
from pennylane.wires import Wires

from ..lowering.context import Setting
from ..lowering.measurements.eigenbasis import Eigenbasis, eigenbasis, paulis_read, signs
from ..lowering.measurements.measurements import reported_outcomes
from ..lowering.measurements.observables import is_pauli_word, measured_terms
from ..pauli.memory import check_result
from ..pauli.state.basis import PAULI_LABELS, Z
from ..pauli.state.measure import State
from ..pauli.state.sample import Uniform, sample, sample_shadow

CPU = torch.device("cpu")
"""Where shots are counted."""


@dataclass(frozen=True)
class Sampler:
    """Where shots come from.

    Args:
        state: the final state.
        setting: wires, readout error and precision.
        shots: how many, in which parts.
        random: the source of randomness.
        batched: whether results have a batch axis.
    """

    state: State
    setting: Setting
    shots: Shots
    random: Uniform
    batched: bool


def measure_with_shots(processes: Sequence[MeasurementProcess], sampler: Sampler) -> list[tuple]:
    """For each part of the shot vector, the results of all measurements."""
    terms = [_terms(process) for process in processes]
    measured = [process for own in terms for _, process in own if process is not None]
    parts: dict[int, list] = {}
    for group, own in _groups(measured, sampler.setting):
        parts.update(zip(own, _measure_group(group, sampler), strict=True))
    found = iter([parts[index] for index in range(len(measured))])
    by_process = [_combined(own, found, sampler) for own in terms]
    return [
        tuple(_rounded(p, own[i], sampler) for p, own in zip(processes, by_process, strict=True))
        for i in range(sampler.shots.num_copies)
    ]


Terms = list[tuple[float | None, MeasurementProcess | None]]
"""What is measured for a result, with coefficients if it is a sum; None is the constant 1."""


def _terms(process: MeasurementProcess) -> Terms:
    if process.obs is None or not isinstance(process, ExpectationMP) or _is_letters(process.obs):
        return [(None, process)]
    return [
        (_float(number), None if term is None else ExpectationMP(term))
        for number, term in measured_terms(process.obs)
    ]


def _is_letters(observable: Operator) -> bool:
    """Whether an observable is one Pauli word as it is."""
    sentence = observable.pauli_rep
    if sentence is None or len(sentence) != 1:
        return False
    ((word, number),) = sentence.items()
    return bool(word) and isinstance(number, int | float) and bool(number == 1)


def _float(number: Any) -> float:
    return float(qml.math.toarray(number).real)


def _combined(terms: Terms, found: Iterator[list], sampler: Sampler) -> list:
    """A result in each part of the shot vector, from those of its terms in turn."""
    if terms and terms[0][0] is None:
        return next(found)
    total = np.zeros(len(sampler.state.vector) if sampler.batched else ())
    parts = [total] * sampler.shots.num_copies
    for number, process in terms:
        values = [1.0] * len(parts) if process is None else next(found)
        parts = [part + number * value for part, value in zip(parts, values, strict=True)]
    return parts


def _rounded(process: MeasurementProcess, result: Any, sampler: Sampler) -> Any:
    """A result in the precision of the simulation, unless the process has a dtype of its own."""
    own = isinstance(process, SampleMP) and process._dtype is not None
    if own or not isinstance(result, (np.ndarray, np.floating)) or result.dtype.kind != "f":
        return result
    name = str(sampler.setting.precision.dtype).removeprefix("torch.")
    return result.astype(name, copy=False)


Group = list[tuple[MeasurementProcess, Eigenbasis]]
"""Measurements that share their shots, and the basis of each."""


def _groups(
    processes: Sequence[MeasurementProcess], setting: Setting
) -> Iterator[tuple[Group, list[int]]]:
    """Groups of measurements, and their indices."""
    every = [(process, eigenbasis(process, setting.place)) for process in processes]
    plain: list[int] = []
    words: list[int] = []
    alone: list[list[int]] = []
    for index, (process, basis) in enumerate(every):
        if isinstance(process, (ClassicalShadowMP, ShadowExpvalMP)) or basis.paulis is None:
            alone.append([index])
        else:
            (plain if process.obs is None else words).append(index)
    together = [plain] if plain else []
    if words:
        read = [paulis_read(*every[index]) for index in words]
        together += [[words[index] for index in part] for part in _partition(read)]
    for indices in together + alone:
        yield [every[index] for index in indices], indices


def _partition(read: Sequence[Mapping[Any, int]]) -> Iterable[Sequence[int]]:
    """Indices of measurements that read no wire in different letters."""
    together = {pair for own in read for pair in own.items()}
    if len(together) == len({wire for wire, _ in together}):
        return [range(len(read))]
    observables = [
        PauliWord({w: PAULI_LABELS[x] for w, x in own.items()}).operation() for own in read
    ]
    return qml.pauli.compute_partition_indices(observables)


def _measure_group(group: Group, sampler: Sampler) -> list[list]:
    """For each measurement of a group, its result in each part of the shot vector."""
    first, _ = group[0]
    if isinstance(first, (ClassicalShadowMP, ShadowExpvalMP)):
        return [_measure_shadow(first, sampler)]
    common = _common_basis(group, sampler.setting)
    reported = reported_outcomes(common, sampler.state, sampler.setting)
    bits = sample(reported, sampler.shots.total_shots, sampler.random)
    samples = bits if sampler.batched else bits[0]
    parts = [samples[..., low:high, :] for low, high in sampler.shots.bins()]
    return [[result_of(*own, part, common.wires) for part in parts] for own in group]


def _common_basis(group: Group, setting: Setting) -> Eigenbasis:
    """The basis that serves all measurements of a group."""
    if len(group) == 1:
        return group[0][1]
    paulis = {label: Z for _, basis in group for label in basis.wires}
    for process, basis in group:
        if process.obs is not None:
            paulis |= paulis_read(process, basis)
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
    """Whether this is about the eigenvalues of words that are read letter by letter."""
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
    """A process on a sum of words with the eigenvalues in the order of the letters."""
    coefficients = np.array([_float(number) for number in process.obs.pauli_rep.values()])
    # Equal sums may differ in their last digits, and would be counted apart.
    digits = 12 - int(np.log10(max(abs(coefficients).sum(), 1e-100)))
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
        single.obs = qml.s_prod(_float(number), qml.Z(0))
    return single, parity, Wires(0)


def _with_real_keys(counts: dict) -> dict:
    return {key.real if np.iscomplexobj(key) else key: count for key, count in counts.items()}


# --- shadows --------------------------------------------------------------------------------------


def _measure_shadow(process: MeasurementProcess, sampler: Sampler) -> list:
    wires = sampler.setting.wires(process)
    results = []
    for shots in sampler.shots:
        # PennyLane draws the recipes so: equal seeds must give equal recipes on every device.
        recipes = np.random.RandomState(process.seed).randint(0, 3, size=(shots, len(wires)))
        bits = sample_shadow(sampler.state, wires, recipes, sampler.setting.readout, sampler.random)
        shadows = [as_shadow(b, recipes) for b in bits]
        if isinstance(process, ShadowExpvalMP):
            shadows = [shadow_expectation(process, *shadow) for shadow in shadows]
        results.append(np.stack(shadows) if sampler.batched else shadows[0])
    return results


def as_shadow(
    bits: Int[np.ndarray, "shots wires"], recipes: Int[np.ndarray, "shots wires"]
) -> Int8[np.ndarray, "2 shots wires"]:
    """The outcomes and bases of a classical shadow, as PennyLane has them."""
    return np.stack([bits, recipes]).astype(np.int8)


def shadow_expectation(
    process: ShadowExpvalMP, bits: np.ndarray, recipes: np.ndarray
) -> Float[np.ndarray, "*observables"]:
    """The expectation values of a process from the outcomes and bases of a classical shadow."""
    shadow = ClassicalShadow(bits, recipes, wire_map=process.wires.tolist())
    return np.asarray(shadow.expval(process.H, process.k))
