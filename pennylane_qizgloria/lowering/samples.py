"""Results of PennyLane's measurement processes from shots.

Measurements that one basis serves share their shots: those of the computational basis, and Pauli
words that commute wire by wire. Outcomes are drawn from the distribution of the measured wires
alone, after the diagonalizing gates and with readout error. PennyLane's own measurement processes
turn the samples into results.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Float, Int
from pennylane.measurements import (
    ClassicalShadowMP,
    ExpectationMP,
    MeasurementProcess,
    ShadowExpvalMP,
    Shots,
)
from pennylane.shadows import ClassicalShadow
from pennylane.wires import Wires

from ..pauli import measure as pauli
from ..pauli.basis import Z
from ..pauli.measure import State
from ..pauli.readout import confuse
from ..pauli.sample import Uniform, draw, sample_shadow, to_bits
from .measurements import distribution
from .observables import is_pauli_word, pauli_sum, word_letters
from .setting import Setting


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

    def samples(self, reported: Any, num_wires: int) -> Int[np.ndarray, "*batch shots wires"]:
        """All shots of a distribution, as bits."""
        outcomes = draw(_numpy(reported), self.shots.total_shots, self.random)
        bits = to_bits(outcomes, num_wires)
        return bits if self.batched else bits[0]


def measure_with_shots(processes: Sequence[MeasurementProcess], sampler: Sampler) -> list[tuple]:
    """For each part of the shot vector, the results of all measurements."""
    results: dict[int, list] = {}
    for group in _groups(processes):
        parts = _measure_group([processes[index] for index in group], sampler)
        results.update(zip(group, parts, strict=True))
    by_process = [results[index] for index in range(len(processes))]
    return list(zip(*by_process, strict=True))


def _groups(processes: Sequence[MeasurementProcess]) -> Iterator[list[int]]:
    """Indices of measurements that share their shots."""
    plain = [i for i, p in enumerate(processes) if _reads_bits(p)]
    words = [i for i, p in enumerate(processes) if p.obs is not None and is_pauli_word(p.obs)]
    if plain:
        yield plain
    if words:
        observables = [qml.simplify(processes[index].obs) for index in words]
        for part in qml.pauli.compute_partition_indices(observables):
            yield [words[index] for index in part]
    yield from ([i] for i in range(len(processes)) if i not in plain and i not in words)


def _reads_bits(process: MeasurementProcess) -> bool:
    return process.obs is None and not isinstance(process, (ClassicalShadowMP, ShadowExpvalMP))


def _measure_group(group: list[MeasurementProcess], sampler: Sampler) -> list[list]:
    """For each measurement of a group, its result in each part of the shot vector."""
    first = group[0]
    if isinstance(first, (ClassicalShadowMP, ShadowExpvalMP)):
        return [_measure_shadow(first, sampler)]
    for process in group:
        if process.obs is not None:
            # What has complex eigenvalues is refused here, before PennyLane averages them.
            pauli_sum(process.obs, sampler.setting.place, sampler.setting.precision)
    if isinstance(first, ExpectationMP) and _is_sum(first.obs):
        return [_measure_sum(first, sampler)]
    labels, samples = _draw_group(group, sampler)
    parts = [samples[..., low:high, :] for low, high in sampler.shots.bins()]
    return [[result_of(process, part, labels) for part in parts] for process in group]


def result_of(process: MeasurementProcess, samples: np.ndarray, labels: Wires) -> Any:
    """A result from samples. PennyLane loses a batch axis of length 1, so that is put back."""
    if samples.ndim == 3 and len(samples) == 1:
        result = process.process_samples(samples[0], labels)
        return [result] if isinstance(result, dict) else np.asarray(result)[None]
    return process.process_samples(samples, labels)


def _draw_group(group: list[MeasurementProcess], sampler: Sampler) -> tuple[Wires, np.ndarray]:
    setting = sampler.setting
    place = setting.place
    label_of = {number: label for label, number in place.items()}
    numbers = list(dict.fromkeys(wire for process in group for wire in setting.wires(process)))
    labels = Wires([label_of[number] for number in numbers])
    if all(p.obs is not None and is_pauli_word(p.obs) for p in group):
        letters = {place[w]: x for p in group for w, x in word_letters(p.obs).items()}
        basis = [letters.get(number, Z) for number in numbers]
        exact = pauli.probabilities(sampler.state, numbers, basis)
        reported = confuse(exact, numbers, setting.readout)
    elif group[0].obs is not None:
        reported = distribution(group[0], sampler.state, setting)
    else:
        reported = confuse(pauli.probabilities(sampler.state, numbers), numbers, setting.readout)
    return labels, sampler.samples(reported, len(numbers))


# --- sums -----------------------------------------------------------------------------------------


def _is_sum(observable: Any) -> bool:
    """Whether an observable is measured term by term."""
    if observable is None or is_pauli_word(observable):
        return False
    if isinstance(observable, qml.ops.SProd):
        return _is_sum(observable.base)
    return isinstance(observable, qml.ops.Sum)


def _measure_sum(process: ExpectationMP, sampler: Sampler) -> list:
    coefficients, terms = process.obs.terms()
    by_part = measure_with_shots([ExpectationMP(term) for term in terms], sampler)
    values = [float(qml.math.toarray(c).real) for c in coefficients]
    return [sum(c * r for c, r in zip(values, part, strict=True)) for part in by_part]


# --- shadows --------------------------------------------------------------------------------------


def _measure_shadow(process: MeasurementProcess, sampler: Sampler) -> list:
    wires = sampler.setting.wires(process)
    results = []
    for shots in sampler.shots:
        # PennyLane draws the recipes so: equal seeds must give equal recipes on every device.
        recipes = np.random.RandomState(process.seed).randint(0, 3, size=(shots, len(wires)))
        bits = sample_shadow(sampler.state, wires, recipes, sampler.setting.readout, sampler.random)
        shadows = [np.stack([b, recipes.astype(b.dtype)]) for b in bits]
        if isinstance(process, ShadowExpvalMP):
            shadows = [shadow_expectation(process, *shadow) for shadow in shadows]
        results.append(np.stack(shadows) if sampler.batched else shadows[0])
    return results


def shadow_expectation(
    process: ShadowExpvalMP, bits: np.ndarray, recipes: np.ndarray
) -> Float[np.ndarray, "*observables"]:
    """The expectation values of a process from the outcomes and bases of a classical shadow."""
    shadow = ClassicalShadow(bits, recipes, wire_map=process.wires.tolist())
    return np.asarray(shadow.expval(process.H, process.k))


def _numpy(tensor: Any) -> np.ndarray:
    return tensor.detach().cpu().numpy()
