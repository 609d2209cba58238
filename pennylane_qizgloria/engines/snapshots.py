"""The measurements of snapshots in the middle of circuits."""

from __future__ import annotations

import pennylane as qml
from pennylane.operation import Operator
from pennylane.tape import QuantumScript

from .._compat.pennylane import on_wires
from ..lowering.wires import wire_map
from ..results import Result
from .config import SimulationConfig
from .simulation import simulate


def take_snapshots(tape: QuantumScript, config: SimulationConfig) -> dict[int | str, Result]:
    """The measurements of the tape's snapshots, by tag or else by number.

    Each is the result of the operations before it, run from the start: snapshots are for looking
    into small circuits, so their number is small.
    """
    everything = qml.wires.Wires(list(wire_map(tape)))
    snapshots: dict[int | str, Result] = {}
    for index, op in enumerate(tape.operations):
        if not isinstance(op, qml.Snapshot):
            continue
        before = [o for o in tape.operations[:index] if not isinstance(o, qml.Snapshot)]
        part = _snapshot_tape(op, before, tape, everything)
        key = op.tag if op.tag else len(snapshots)
        snapshots[key] = simulate(part, config)
    return snapshots


def _snapshot_tape(
    op: qml.Snapshot, before: list[Operator], tape: QuantumScript, wires: qml.wires.Wires
) -> QuantumScript:
    process = op.hyperparameters["measurement"]
    shots = op.hyperparameters["shots"]
    shots = tape.shots if shots == "workflow" else shots
    if not process.wires and process.obs is None:
        process = on_wires(process, wires)
    exact = isinstance(process, qml.measurements.StateMP)
    return QuantumScript(before, [process], shots=None if exact else shots)
