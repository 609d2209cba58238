"""What the measurements of a tape read off the final state.

Expectation values are sums of Pauli words. Which letters each wire is needed in follows from the
measurements, and so does where the words stand in the state. Both are made once for measurements
whose observables hold nothing but plain numbers.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from pennylane.measurements import ExpectationMP, MeasurementProcess
from torch import Tensor

from ...pauli.caching import cached
from ...pauli.program.program import ObservedPaulis
from ...pauli.state.measure import Gather, PauliSum, State, expectations, gather
from ...pauli.state.readout import Readout, reported
from ..context import Setting
from ..operations.operations import Precision
from .observables import pauli_sum
from .observed_paulis import observed_subsets, paulis_of_sum


@dataclass(frozen=True, eq=False)
class Readings:
    """What a tape's measurements need of the final state.

    Args:
        sums: by its number, the sum of Pauli words that an expectation value is.
        observed: the letters that all measurements together look at.
    """

    sums: Mapping[int, PauliSum]
    observed: ObservedPaulis
    _gathers: dict[Hashable, Gather] = field(default_factory=dict)

    def expectations(self, state: State) -> dict[int, Tensor]:
        """The values of the sums, by their number."""
        if not self.sums:
            return {}
        axes = (state.wires, state.paulis)
        if axes not in self._gathers:
            with torch.inference_mode(False):  # it is kept, see `pauli.caching`
                self._gathers[axes] = gather(state, list(self.sums.values()))
        return dict(zip(self.sums, expectations(state, self._gathers[axes]), strict=True))


def readings(
    processes: Sequence[MeasurementProcess], setting: Setting, with_shots: bool
) -> Readings:
    """What measurements read.

    Args:
        processes: the measurement processes of a tape.
        setting: its wires, readout error and precision.
        with_shots: whether they are sampled.
    """
    keys = tuple(map(_key, processes))
    if setting.readout.by_wire or None in keys:
        return _readings(processes, setting, with_shots)
    place = tuple(setting.place.items())
    return _kept(_Request(keys, place, setting.precision, with_shots, tuple(processes)))


def sum_of_words(process: MeasurementProcess, terms: PauliSum, setting: Setting) -> PauliSum | None:
    """The sum of Pauli words whose expectation value is a process's result, if there is one.

    Args:
        process: the measurement process.
        terms: its observable.
        setting: the wires, readout error and precision.
    """
    if not isinstance(process, ExpectationMP):
        return None
    observable = process.obs
    if not setting.readout.affects([setting.place[wire] for wire in observable.wires]):
        return terms
    # What is not made of words is read in its eigenbasis, if PennyLane knows one.
    if observable.pauli_rep is None and observable.has_diagonalizing_gates:
        return None
    return reported(terms, setting.readout)


def _readings(
    processes: Sequence[MeasurementProcess], setting: Setting, with_shots: bool
) -> Readings:
    # Whatever is measured of an observable, and however, what is none is refused here.
    terms = {
        i: pauli_sum(process.obs, setting.place, setting.precision)
        for i, process in enumerate(processes)
        if process.obs is not None
    }
    found = {} if with_shots else {i: sum_of_words(processes[i], terms[i], setting) for i in terms}
    sums = {i: own for i, own in found.items() if own is not None}
    paulis = [
        paulis_of_sum(sums[i]) if i in sums else observed_subsets(process, setting)
        for i, process in enumerate(processes)
    ]
    return Readings(sums, frozenset().union(*paulis))


# --- keeping them ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Request:
    """What readings depend on; the processes themselves are only there to make them from."""

    keys: tuple[Hashable, ...]
    place: tuple[tuple[Any, int], ...]
    precision: Precision
    with_shots: bool
    processes: tuple[MeasurementProcess, ...] = field(compare=False)


@cached(maxsize=256)
def _kept(request: _Request) -> Readings:
    setting = Setting(dict(request.place), Readout({}), request.precision)
    return _readings(request.processes, setting, request.with_shots)


def _key(process: MeasurementProcess) -> Hashable | None:
    """What readings of a process depend on; None if that is more than its words and numbers."""
    if process.obs is None:
        return (type(process), process.wires.labels)
    sentence = process.obs.pauli_rep
    if sentence is None or not all(isinstance(x, (int, float)) for x in sentence.values()):
        return None
    words = tuple((tuple(word.items()), number) for word, number in sentence.items())
    return (type(process), process.obs.wires.labels, words)
