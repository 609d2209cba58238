"""The measurements of a tape together: what they read, and what they need of the final state.

Expectation values are all read at once. A plan is made once for measurements that are the same but
for the numbers of the circuit.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from pennylane.measurements import (
    CountsMP,
    DensityMatrixMP,
    ExpectationMP,
    MeasurementProcess,
    ProbabilityMP,
    SampleMP,
    StateMP,
    VarianceMP,
)
from torch import Tensor

from ...pauli.caching import cached
from ...pauli.program.final_state import FinalState
from ...pauli.program.program import ObservedPaulis
from ...pauli.state.measure import PauliSums
from ...pauli.state.readout import Confusion
from ..context import TapeContext
from .eigenbasis import overlaps
from .measurements import measurement_spec
from .specs import MeasurementSpec, exact_of_each


@dataclass(frozen=True, eq=False)
class MeasurementPlan:
    """The measurements of a tape.

    Args:
        specs: one for each of them.
        sums: the sums of Pauli words that all of them read.
        observed: the Paulis that all of them need of each wire.
    """

    specs: tuple[MeasurementSpec, ...]
    sums: PauliSums
    observed: ObservedPaulis

    def exact(self, state: FinalState) -> list[Tensor]:
        """The exact results, each with the batch axis in front."""
        means = list(state.expectations(self.sums)) if self.sums.sums else []
        return exact_of_each(self.specs, state, means)


def measurement_plan(
    processes: Sequence[MeasurementProcess], context: TapeContext, is_sampled: bool
) -> MeasurementPlan:
    """Lower measurements.

    Args:
        processes: the measurement processes of a tape.
        context: its wires and their readout error, dtype and device.
        is_sampled: whether they are sampled.

    Raises:
        ValueError: if an observable is none.
    """
    keys = tuple(map(_key, processes))
    is_trained = bool(context.confusion) and context.readout_key is None
    if is_trained or None in keys:
        return _made(processes, context, is_sampled)
    wire_map, readout = tuple(context.wire_map.items()), context.readout_key
    own = (keys, wire_map, readout, context.dtype, context.device, is_sampled)
    return _cached(_Request(*own, tuple(processes), context.confusion))


def _made(
    processes: Sequence[MeasurementProcess], context: TapeContext, is_sampled: bool
) -> MeasurementPlan:
    specs = tuple(measurement_spec(process, context, is_sampled) for process in processes)
    sums = PauliSums(tuple(own for spec in specs for own in spec.sums))
    return MeasurementPlan(specs, sums, frozenset().union(*(spec.observed for spec in specs)))


# --- caching --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Request:
    """What a plan depends on; processes and matrices themselves are only there to make it from."""

    keys: tuple[Hashable, ...]
    wire_map: tuple[tuple[Any, int], ...]
    readout_key: Hashable | None
    dtype: torch.dtype
    device: torch.device
    is_sampled: bool
    processes: tuple[MeasurementProcess, ...] = field(compare=False)
    confusion: Confusion = field(compare=False)


@cached(maxsize=256)
def _cached(request: _Request) -> MeasurementPlan:
    context = TapeContext(
        dict(request.wire_map), request.confusion, None, request.dtype, request.device
    )
    return _made(request.processes, context, request.is_sampled)


_OF_WIRES = (CountsMP, DensityMatrixMP, ProbabilityMP, SampleMP, StateMP)
"""Processes that depend on their wires alone where they have no observable."""

_OF_WORDS = (CountsMP, ExpectationMP, ProbabilityMP, SampleMP, VarianceMP)
"""Processes that depend on the words of their observable alone where it has any."""


def _key(process: MeasurementProcess) -> Hashable | None:
    """What the specification of a process depends on; None if that is not known."""
    kind = type(process)
    if process.obs is None:
        return (kind, process.wires.labels) if kind in _OF_WIRES else None
    sentence = process.obs.pauli_rep
    if kind not in _OF_WORDS or sentence is None:
        return None
    if not all(isinstance(x, (int, float)) for x in sentence.values()):
        return None
    # Probabilities number the outcomes as PennyLane does, which depends on how words are written.
    if kind is ProbabilityMP and overlaps(process.obs):
        return None
    words = tuple((tuple(word.items()), number) for word, number in sentence.items())
    return (kind, process.obs.wires.labels, words)
