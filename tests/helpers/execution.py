"""Running one tape on a device, all of the device's preprocessing included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pennylane as qml
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator
from pennylane.tape import QuantumScript


def execute(
    device: qml.devices.Device,
    operations: Sequence[Operator],
    measurements: Sequence[MeasurementProcess],
    shots: Any = None,
) -> Any:
    """The result in PennyLane's shape: one measurement's result stands alone."""
    tape = QuantumScript(operations, measurements, shots=shots)
    (result,) = qml.execute([tape], device, diff_method=None)
    return result


def execute_tuple(
    device: qml.devices.Device,
    operations: Sequence[Operator],
    measurements: Sequence[MeasurementProcess],
    shots: Any = None,
) -> Any:
    """The results as a tuple, with one entry too: of each measurement, or each number of shots."""
    result = execute(device, operations, measurements, shots)
    several = len(measurements) > 1 or qml.measurements.Shots(shots).has_partitioned_shots
    return result if several else (result,)
