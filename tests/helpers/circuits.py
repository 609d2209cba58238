"""Noisy circuits for the tests of devices, and their parameters."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator
from pennylane.tape import QuantumScript

NUM_PARAMS = 7


def noisy_circuit(x: Sequence[Any], w: Sequence[Hashable] = (0, 1, 2, 3)) -> list[Operator]:
    """Mixed, entangled, complex and without symmetries on the wires w[0..2]; w[3] stays alone."""
    return [
        qml.RX(x[0], wires=w[0]),
        qml.RY(x[1], wires=w[1]),
        qml.CNOT(wires=[w[0], w[1]]),
        qml.AmplitudeDamping(0.12, wires=w[1]),
        qml.Rot(x[2], x[3], x[4], wires=w[2]),
        qml.IsingXY(x[5], wires=[w[2], w[0]]),
        qml.DepolarizingChannel(0.07, wires=w[0]),
        qml.CRZ(x[6], wires=[w[1], w[2]]),
        qml.RX(x[1], wires=w[2]),
        qml.CNOT(wires=[w[2], w[1]]),
        qml.PhaseDamping(0.2, wires=w[2]),
        qml.RY(x[0], wires=w[0]),
    ]


def circuit_angles(batch: int | None = None) -> np.ndarray:
    """Parameters of `noisy_circuit`: ``(7,)``, or ``(7, batch)`` with a circuit in each column."""
    columns = np.random.default_rng(20).uniform(-3, 3, (NUM_PARAMS, batch or 1))
    return columns[:, 0] if batch is None else columns


def example_circuit(
    batch: int | None = None, w: Sequence[Hashable] = (0, 1, 2, 3)
) -> list[Operator]:
    """`noisy_circuit` with the parameters of `circuit_angles`."""
    return noisy_circuit(circuit_angles(batch), w)


def noisy_tape(
    numbers: Sequence[Any] = (0.3, -0.8, 0.15),
    measurements: Sequence[MeasurementProcess] | None = None,
    trainable: Sequence[int] = (0, 1, 2),
) -> QuantumScript:
    """A noisy circuit of two wires and three numbers: two angles and a damping probability."""
    x, y, p = numbers
    operations = [
        qml.RX(x, 0),
        qml.RY(y, 1),
        qml.CNOT([0, 1]),
        qml.AmplitudeDamping(p, 0),
        qml.RY(0.4, 0),
    ]
    measurements = measurements or [qml.expval(qml.Z(0) @ qml.X(1))]
    return QuantumScript(operations, measurements, trainable_params=list(trainable))


def steep_circuit(x: Any) -> MeasurementProcess:
    """One angle that every diff_method can differentiate; the derivative at 0.7 is not small."""
    qml.RX(x, 0)
    qml.CNOT([0, 1])
    qml.RY(1.2, 1)
    qml.AmplitudeDamping(0.2, 1)
    return qml.expval(qml.X(1))
