"""What the tests of the device share: circuits, operations, how to run and differentiate them.

The helpers come as fixtures, because test modules cannot import one another
(``--import-mode=importlib``).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp
from pennylane.measurements import MeasurementProcess
from pennylane.operation import Operator
from pennylane.tape import QuantumScript

jax.config.update("jax_enable_x64", True)

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
        tape = QuantumScript(operations, measurements, shots=shots)
        (result,) = qml.execute([tape], device, diff_method=None)
        several = len(measurements) > 1 or tape.shots.has_partitioned_shots
        return result if several else (result,)

    return execute


@pytest.fixture
def make_device() -> Callable[..., qml.devices.Device]:
    def make(wires: Any = 4, **options: Any) -> qml.devices.Device:
        return qml.device("qizgloria.mixed", wires=wires, **options)

    return make


@pytest.fixture
def device(make_device: Callable[..., qml.devices.Device]) -> Iterator[qml.devices.Device]:
    """A device that must give the right result after whatever a test has done to it."""
    own = make_device(3, seed=1)
    yield own
    tape = QuantumScript([qml.RX(0.5, 0), qml.BitFlip(0.1, 0)], [qml.expval(qml.Z(0))])
    (value,) = qml.execute([tape], own, diff_method=None)
    assert abs(value - 0.8 * np.cos(0.5)) < 1e-12


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Every test starts from the same state of the global generators."""
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)


# --- operations -----------------------------------------------------------------------------------

GATES = [
    (kind, num_wires, num_angles)
    for (num_wires, num_angles), kinds in {
        (1, 1): (qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.U1),
        (1, 2): (qml.U2,),
        (1, 3): (qml.Rot, qml.U3),
        (2, 1): (
            *(qml.CRX, qml.CRY, qml.CRZ, qml.ControlledPhaseShift, qml.CPhaseShift00),
            *(qml.CPhaseShift01, qml.CPhaseShift10, qml.IsingXX, qml.IsingXY, qml.IsingYY),
            *(qml.IsingZZ, qml.PSWAP, qml.SingleExcitation, qml.SingleExcitationPlus),
            *(qml.SingleExcitationMinus, qml.FermionicSWAP, qml.MultiRZ),
        ),
        (2, 3): (qml.CRot,),
        (3, 1): (qml.MultiRZ,),
        (4, 1): (
            *(qml.DoubleExcitation, qml.DoubleExcitationPlus, qml.DoubleExcitationMinus),
            *(qml.OrbitalRotation, qml.MultiRZ),
        ),
    }.items()
    for kind in kinds
]
CHANNELS = [
    (qml.AmplitudeDamping, 1),
    (qml.PhaseDamping, 1),
    (qml.DepolarizingChannel, 1),
    (qml.BitFlip, 1),
    (qml.PhaseFlip, 1),
    (qml.GeneralizedAmplitudeDamping, 2),
    (qml.ResetError, 2),
]


@pytest.fixture(scope="session")
def gates() -> list[tuple[Callable[..., Operator], int, int]]:
    """The gates that have angles: what makes them, how many wires, how many angles."""
    return GATES


@pytest.fixture(scope="session")
def channels() -> list[tuple[Callable[..., Operator], int]]:
    """The channels on one wire: what makes them, how many strengths."""
    return CHANNELS


@pytest.fixture(params=GATES, ids=lambda gate: f"{gate[0].__name__} on {gate[1]}")
def gate(request: pytest.FixtureRequest) -> tuple[Callable[..., Operator], int, int]:
    """Each of `gates` in turn."""
    return request.param


@pytest.fixture(params=CHANNELS, ids=lambda channel: channel[0].__name__)
def channel(request: pytest.FixtureRequest) -> tuple[Callable[..., Operator], int]:
    """Each of `channels` in turn."""
    return request.param


# --- derivatives ----------------------------------------------------------------------------------


def differences(function: Callable[[np.ndarray], Any], point: Any, step: float = 1e-3) -> Any:
    """The Jacobian of a function of a real vector, its parameter's axis last."""
    columns = []
    for unit in step * np.eye(len(point)):
        a, b, c, d = (np.asarray(function(point + k * unit)) for k in (1, -1, 2, -2))
        columns.append((8 * (a - b) - (c - d)) / (12 * step))
    return np.stack(columns, -1)


@pytest.fixture(scope="session")
def five_point() -> Callable[..., np.ndarray]:
    """A function that differentiates by the five-point formula."""
    return differences


@pytest.fixture(scope="session")
def tape_of() -> Callable[..., QuantumScript]:
    """A function that makes a noisy circuit of two wires and three numbers."""

    def make(
        numbers: Sequence[Any] = (0.3, -0.8, 0.15),
        measurements: Sequence[MeasurementProcess] | None = None,
        trainable: Sequence[int] = (0, 1, 2),
    ) -> QuantumScript:
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

    return make


def noisy_slope(x: Any) -> MeasurementProcess:
    qml.RX(x, 0)
    qml.CNOT([0, 1])
    qml.RY(1.2, 1)
    qml.AmplitudeDamping(0.2, 1)
    return qml.expval(qml.X(1))


@pytest.fixture(scope="session")
def sloped() -> Callable[[Any], MeasurementProcess]:
    """A circuit of one angle that every diff_method can differentiate, and that is steep at 0.7."""
    return noisy_slope


@pytest.fixture(scope="session")
def slope() -> Callable[[float], float]:
    """The derivative of ``sloped`` on default.mixed."""
    node = qml.QNode(noisy_slope, qml.device("default.mixed", wires=2))
    return lambda x: differences(lambda point: node(point[0]), np.array([x]))[0]


@pytest.fixture(params=["torch", "autograd", "jax"])
def interface(request: pytest.FixtureRequest) -> str:
    """Each interface that differentiates."""
    return request.param


@pytest.fixture
def differentiate(interface: str) -> Callable[[Callable[[Any], Any], Any], np.ndarray]:
    """A function that gives the gradient of a sum of results, by the interface's own means.

    Of a complex parameter it is d/dRe + i d/dIm, torch's convention, for all of them.
    """

    def run(node: Callable[[Any], Any], x: Any) -> np.ndarray:
        if interface == "torch":
            leaf = torch.tensor(np.asarray(x), requires_grad=True)
            (found,) = torch.autograd.grad(node(leaf).sum(), leaf)
            return found.numpy()
        if interface == "jax":
            return np.conj(jax.grad(lambda v: node(v).sum())(jax.numpy.array(x)))
        return np.conj(qml.grad(lambda v: qml.math.sum(node(v)))(pnp.array(x)))

    return run
