"""Outcomes of mid-circuit measurements: their bits, and what measurement processes make of them.

Their bits follow those of the measured wires, under wire labels of their own, so that PennyLane's
processes read them as they read terminal measurements. Deferred measurements need none of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Bool
from pennylane.measurements import MeasurementProcess
from pennylane.ops import MidMeasure
from pennylane.tape import QuantumScript
from pennylane.wires import Wires

from ..convert.circuit_builder import midcircuit_measurements


def midcircuit_labels(number: int) -> list[str]:
    """The labels under which the bits of mid-circuit measurements are read."""
    return [f"mid-circuit measurement {i}" for i in range(number)]


def on_midcircuit_labels(tape: QuantumScript) -> list[MeasurementProcess]:
    """The measurement processes, those of mid-circuit outcomes on wire labels of their own."""
    measured = midcircuit_measurements(tape.operations)
    labels = zip(measured, midcircuit_labels(len(measured)), strict=True)
    label = {op.meas_uid: name for op, name in labels}

    def relabelled(value: qml.ops.MeasurementValue) -> qml.ops.MeasurementValue:
        measurements = [
            MidMeasure(Wires([label[m.meas_uid]]), meas_uid=m.meas_uid) for m in value.measurements
        ]
        return qml.ops.MeasurementValue(measurements, value.processing_fn)

    processes = []
    for process in tape.measurements:
        if process.mv is None or not measured:
            processes.append(process)
            continue
        value = process.mv
        is_sequence = isinstance(value, (list, tuple))
        own = [relabelled(v) for v in value] if is_sequence else relabelled(value)
        extra = {"all_outcomes": process.all_outcomes} if hasattr(process, "all_outcomes") else {}
        kind: Any = type(process)
        processes.append(kind(obs=own, **extra))
    return processes


def postselected(
    bits: Bool[np.ndarray, "rows shots bits"], postselect: Sequence[int | None]
) -> list[Bool[np.ndarray, "_ bits"]]:
    """For each row the shots in which the mid-circuit measurements gave what was asked for.

    Args:
        bits: the last ones are the mid-circuit measurements'.
        postselect: what each of these must give; None for either.
    """
    start = bits.shape[-1] - len(postselect)
    keep = np.ones(bits.shape[:-1], dtype=bool)
    for i, outcome in enumerate(postselect):
        if outcome is not None:
            keep &= bits[..., start + i] == bool(outcome)
    return [row[own] for row, own in zip(bits, keep, strict=True)]
