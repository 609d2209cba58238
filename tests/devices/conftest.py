"""What the tests of the device share: one noisy circuit, and how to run it.

The helpers come as fixtures, because test modules cannot import one another
(``--import-mode=importlib``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator

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


@pytest.fixture(scope="session")
def noisy() -> Callable[..., list[Operator]]:
    return noisy_circuit


@pytest.fixture(scope="session")
def angles() -> Callable[[int | None], np.ndarray]:
    """Parameters of `noisy`: ``(7,)``, or ``(7, batch)`` with another circuit in each column."""

    def make(batch: int | None = None) -> np.ndarray:
        columns = np.random.default_rng(20).uniform(-3, 3, (NUM_PARAMS, batch or 1))
        return columns[:, 0] if batch is None else columns

    return make


@pytest.fixture(scope="session")
def run() -> Callable[..., tuple]:
    """Results of a few measurements after a few operations, always as a tuple."""

    def execute(
        device: qml.devices.Device,
        operations: Sequence[Operator],
        measurements: Sequence[MeasurementProcess],
        shots: Any = None,
    ) -> Any:
        tape = qml.tape.QuantumScript(operations, measurements, shots=shots)
        (result,) = qml.execute([tape], device, diff_method=None)
        several = len(measurements) > 1 or tape.shots.has_partitioned_shots
        return result if several else (result,)

    return execute


@pytest.fixture
def make_device() -> Callable[..., qml.devices.Device]:
    def make(wires: Any = 4, **options: Any) -> qml.devices.Device:
        return qml.device("qizgloria.mixed", wires=wires, **options)

    return make


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Every test starts from the same state of the global generators."""
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
