"""Results of the right shape without numbers, for calls whose cost alone is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from pennylane.measurements import CountsMP, MeasurementProcess, StateMP
from pennylane.tape import QuantumScript
from pennylane.wires import Wires

from ...results import unwrapped


def blank_result(tape: QuantumScript, wires: Wires | None) -> Any:
    """Zeros in the shape of a tape's result; counts are empty.

    Args:
        tape: as preprocessing has split it.
        wires: the device's; None for the tape's own.
    """
    number = len(tape.wires if wires is None else wires)
    copies = list(tape.shots) if tape.shots else [None]
    results = []
    for shots in copies:
        own = [_blank(process, shots, number, tape.batch_size) for process in tape.measurements]
        results.append(unwrapped(own))
    return unwrapped(results)


def _blank(process: MeasurementProcess, shots: int | None, number: int, batch: int | None) -> Any:
    if isinstance(process, CountsMP):
        return {} if batch is None else [{} for _ in range(batch)]
    shape = process.shape(shots, number)
    if type(process) is StateMP:
        # A mixed state is a density matrix.
        shape = shape * 2
    return np.zeros(shape if batch is None else (batch, *shape))[()]
