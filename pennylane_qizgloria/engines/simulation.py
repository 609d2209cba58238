"""Running tapes: lower them, evolve, measure, and give results in PennyLane's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import pennylane as qml
import torch
from pennylane.operation import Operator
from pennylane.tape import QuantumScript
from torch import Tensor

from ..lowering.batching import final_states
from ..lowering.circuit import LoweredOperations, lower_operations, wire_places
from ..lowering.context import Setting
from ..lowering.measurements.expectation_plan import Readings, readings
from ..lowering.measurements.measurements import measure_all
from ..lowering.measurements.readout import ReadoutModel
from ..lowering.operations.operations import Precision
from ..pauli.state.measure import State
from ..pauli.state.readout import Readout
from ..pauli.state.sample import Uniform
from .sampling import Sampler, measure_with_shots

Result = Any
"""One array for each measurement, in tuples where there are several (PennyLane's return types)."""


@dataclass(frozen=True)
class Conditions:
    """What holds for all tapes of a call.

    Args:
        dtype: real dtype of the simulation.
        readout: the readout error, if any.
        random: where shots come from.
        as_torch: whether results are torch tensors even where no parameter is one.
        budget: how many bytes of states a reverse pass may keep; None for a share of what is free.
    """

    dtype: torch.dtype
    readout: ReadoutModel | None
    random: Uniform
    as_torch: bool
    budget: int | None = None


@dataclass(frozen=True)
class Prepared:
    """A tape that is ready to run.

    Args:
        tape: the tape.
        setting: wires, readout error and precision.
        lowered: its operations.
        readings: what its measurements read off the final state.
        as_torch: whether its exact results are torch tensors.
        phases: its global phases, which no measurement sees, as far as they are torch's.
    """

    tape: QuantumScript
    setting: Setting
    lowered: LoweredOperations
    readings: Readings
    as_torch: bool
    phases: Sequence[Tensor]


def simulate_all(tapes: Sequence[QuantumScript], conditions: Conditions) -> tuple[Result, ...]:
    """Run tapes that preprocessing has accepted, those of one structure together."""
    prepared = [prepare(tape, conditions) for tape in tapes]
    states = final_states([own.lowered for own in prepared], conditions.budget)
    pairs = zip(prepared, states, strict=True)
    return tuple(_results(own, state, conditions) for own, state in pairs)


def simulate(tape: QuantumScript, conditions: Conditions) -> Result:
    """Run one tape that preprocessing has accepted."""
    return simulate_all([tape], conditions)[0]


def prepare(tape: QuantumScript, conditions: Conditions) -> Prepared:
    """Lower a tape."""
    place = wire_places(tape)
    tensors = [x for op in tape.operations for x in op.data if isinstance(x, Tensor)]
    device = next((x.device for x in tensors if x.is_cuda), torch.device("cpu"))
    precision = Precision(conditions.dtype, device)
    readout = conditions.readout.on(place) if conditions.readout else Readout({})
    setting = Setting(place, readout, precision)
    own = readings(tape.measurements, setting, with_shots=bool(tape.shots))
    lowered = lower_operations(tape.operations, place, own.observed, precision)
    phases = [op.data[0] for op in tape.operations if isinstance(op, qml.GlobalPhase)]
    phases = [phase for phase in phases if isinstance(phase, Tensor)]
    return Prepared(tape, setting, lowered, own, conditions.as_torch or bool(tensors), phases)


def _results(own: Prepared, state: State, conditions: Conditions) -> Result:
    """The results of a tape from its final state."""
    batched = own.lowered.batch_size is not None
    if own.tape.shots:
        sampler = Sampler(state, own.setting, own.tape.shots, conditions.random, batched)
        return _with_shots(own.tape, sampler)
    exact = measure_all(own.tape.measurements, own.readings, state, own.setting)
    nothing = _unseen(own) if torch.is_grad_enabled() else None
    if nothing is not None:
        exact = [result + nothing for result in exact]
    return _unwrap([_finish(result, batched, own.as_torch) for result in exact])


def _unseen(own: Prepared) -> Tensor | None:
    """Zero, as a function of the parameters, so that those that nothing sees have a gradient."""
    scalars, columns = own.lowered.arguments.scalars, own.lowered.arguments.batched_scalars
    parts = [x for x in (scalars, columns, *own.phases) if x is not None and x.requires_grad]
    return torch.cat([x.flatten()[:0] for x in parts]).sum() if parts else None


def _with_shots(tape: QuantumScript, sampler: Sampler) -> Result:
    if not tape.measurements:
        return ()  # for a shot vector, too, as PennyLane has it
    parts = [_unwrap(list(part)) for part in measure_with_shots(tape.measurements, sampler)]
    return tuple(parts) if tape.shots.has_partitioned_shots else parts[0]


def _finish(result: Tensor, batched: bool, as_torch: bool) -> Any:
    own = result if batched else result[0]
    return own if as_torch else as_numpy(own)


def as_numpy(tensor: Tensor) -> Any:
    """An array, or a numpy scalar if it has no axes."""
    return tensor.detach().cpu().resolve_conj().numpy()[()]


def _unwrap(results: list[Any]) -> Result:
    return results[0] if len(results) == 1 else tuple(results)


def take_snapshots(tape: QuantumScript, conditions: Conditions) -> dict[int | str, Result]:
    """The measurements of the tape's snapshots, by tag or else by number.

    Each is the result of the operations before it, run from the start: snapshots are for looking
    into small circuits, so their number is small.
    """
    everything = qml.wires.Wires(list(wire_places(tape)))
    snapshots: dict[int | str, Result] = {}
    for index, op in enumerate(tape.operations):
        if not isinstance(op, qml.Snapshot):
            continue
        before = [o for o in tape.operations[:index] if not isinstance(o, qml.Snapshot)]
        part = _snapshot_tape(op, before, tape, everything)
        key = op.tag if op.tag else len(snapshots)
        snapshots[key] = simulate(part, conditions)
    return snapshots


def _snapshot_tape(
    op: qml.Snapshot, before: list[Operator], tape: QuantumScript, wires: qml.wires.Wires
) -> QuantumScript:
    process = op.hyperparameters["measurement"]
    shots = op.hyperparameters["shots"]
    shots = tape.shots if shots == "workflow" else shots
    if not process.wires and process.obs is None:
        # PennyLane has no other way to name the wires of a measurement that names none.
        process = copy(process)
        process._wires = wires
    exact = isinstance(process, qml.measurements.StateMP)
    return QuantumScript(before, [process], shots=None if exact else shots)
