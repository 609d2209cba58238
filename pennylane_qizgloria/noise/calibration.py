r"""Noise from the calibration of a backend: relaxation and depolarizing noise behind each gate.

Each qubit relaxes with its :math:`T_1` and :math:`T_2` for as long as a gate on it lasts. What is
missing from the gate's error is depolarizing noise before that: its probability p is such that the
average gate fidelity of both together is :math:`F = 1 - \text{error}`. With the fidelity
:math:`F_r` of the relaxation and :math:`d = 2^n`,

.. math:: F = F_r - p\,(d F_r - 1) / d.

This is what Aer's ``NoiseModel.from_backend`` does. Times are in seconds. A :math:`T_2` that is not
known is taken as twice :math:`T_1`, and a qubit of which neither is known does not relax.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, inf, isinf, prod

from .channel import (
    NoiseChannel,
    depolarizing_channel,
    infidelity_of_trace,
    relaxation_channel,
)
from .source import Instruction, Noise, Readout, some_of, title_of

FAULTY = 0.5
"""The error from which on a gate is out of order; services write 1."""

WITHOUT_ERROR = {"barrier", "delay", "measure", "reset", "rz"}
"""Instructions that need no gate error: a turn about Z is a change of the frame."""


@dataclass(frozen=True)
class QubitCalibration:
    """What is known of a qubit.

    Args:
        t1: the relaxation time in seconds, above 0; infinite if it is not known.
        t2: the dephasing time in seconds, the same.
        readout: the probabilities p(1|0) and p(0|1), from 0 to 1; None if they are not known.
    """

    t1: float = inf
    t2: float = inf
    readout: Readout | None = None


@dataclass(frozen=True)
class GateCalibration:
    """What is known of an instruction on some qubits.

    Args:
        duration: in seconds, at least 0; None if it is not known.
        error: one minus the average gate fidelity, from 0 to 1; None if it is not known, or if what
            the instruction does is no unitary. Services write 1 for gates that are out of order.
    """

    duration: float | None = None
    error: float | None = None


@dataclass(frozen=True)
class Calibration:
    """The calibration of a backend.

    Args:
        name: the backend's.
        qubits: its qubits.
        gates: its instructions but measurements.
        date: when it was calibrated, in ISO 8601; None if that is not known.

    Raises:
        ValueError: if a number is out of its range, or a gate acts on a qubit that there is not, or
            on one twice.

    **Example**

    >>> Calibration("mine", (QubitCalibration(t1=-1e-4),))
    Traceback (most recent call last):
    ...
    ValueError: T1 of qubit 0 of mine is -0.0001 s; it must be above 0, infinite if it is not known.
    """

    name: str
    qubits: tuple[QubitCalibration, ...]
    gates: Mapping[Instruction, GateCalibration] = field(default_factory=dict)
    date: str | None = None

    def __post_init__(self) -> None:
        for number, qubit in enumerate(self.qubits):
            _require_qubit(f"qubit {number} of {self.name}", qubit)
        for instruction, gate in self.gates.items():
            _require_qubits(self, instruction)
            _require_gate(f"{title_of(instruction)} of {self.name}", gate)


class CalibratedNoise(Noise):
    """The noise that a calibration says.

    Args:
        calibration: the calibration.
    """

    def __init__(self, calibration: Calibration) -> None:
        super().__init__(calibration.name, len(calibration.qubits))
        self.date = calibration.date
        self.calibration = calibration
        self._known: dict[Instruction, tuple[NoiseChannel, ...]] = {}
        self.ignored += _remarks(calibration)

    def instructions(self) -> list[Instruction]:
        """Those of the calibration."""
        return list(self.calibration.gates)

    def after(self, name: str, qubits: tuple[int, ...]) -> tuple[NoiseChannel, ...]:
        """Depolarizing noise, then relaxation."""
        if (name, qubits) not in self._known:
            gate = self.calibration.gates.get((name, qubits))
            self._known[name, qubits] = () if gate is None else self._channels(gate, qubits)
        return self._known[name, qubits]

    def knows(self, name: str, qubits: tuple[int, ...]) -> bool:
        """Whether the calibration has the error or the duration of a gate."""
        gate = self.calibration.gates.get((name, qubits), GateCalibration())
        return gate != GateCalibration() or name in WITHOUT_ERROR

    def readout(self, qubit: int) -> Readout | None:
        """The readout error of a qubit."""
        return self._qubit(qubit).readout

    def idle(self, qubit: int, seconds: float) -> tuple[NoiseChannel, ...]:
        """Relaxation."""
        channel = self._relaxation(qubit, seconds)
        return () if channel is None else (channel,)

    def times(self, qubit: int) -> tuple[float, float]:
        """T1 and T2 as they are in the calibration."""
        own = self._qubit(qubit)
        return own.t1, own.t2

    def _channels(self, gate: GateCalibration, qubits: tuple[int, ...]) -> tuple[NoiseChannel, ...]:
        probability = depolarizing_probability(gate, [self._times(qubit) for qubit in qubits])
        relaxation = [self._relaxation(qubit, gate.duration or 0.0) for qubit in qubits]
        present = tuple(channel for channel in relaxation if channel is not None)
        if probability > 0:
            return (depolarizing_channel(probability, qubits), *present)
        return present

    def _relaxation(self, qubit: int, seconds: float) -> NoiseChannel | None:
        return relaxation_channel(*self._times(qubit), seconds, qubit)

    def _times(self, qubit: int) -> tuple[float, float]:
        return _physical_times(self._qubit(qubit))

    def _qubit(self, number: int) -> QubitCalibration:
        qubits = self.calibration.qubits
        if number not in range(len(qubits)):
            raise ValueError(
                f"The calibration of {self.name} has no qubit {number}; its qubits are 0 to "
                f"{len(qubits) - 1}."
            )
        return qubits[number]


def depolarizing_probability(gate: GateCalibration, times: Sequence[tuple[float, float]]) -> float:
    """The probability of the depolarizing noise that is missing from a gate's error.

    Args:
        gate: what is known of the gate.
        times: T1 and T2 of each of its qubits.

    Returns:
        0 if relaxation alone has as large an error or a larger one; at most that of the largest
        error that there is.
    """
    dim = 2 ** len(times)
    fidelity = 1 - relaxation_error(gate, times)
    missing = min(gate.error or 0.0, dim / (dim + 1)) - (1 - fidelity)
    if missing <= 0:
        return 0.0
    return min(dim * missing / (dim * fidelity - 1), dim**2 / (dim**2 - 1))


def relaxation_error(gate: GateCalibration, times: Sequence[tuple[float, float]]) -> float:
    """One minus the average fidelity of the relaxation while a gate lasts.

    Args:
        gate: what is known of the gate.
        times: T1 and T2 of each of its qubits.
    """
    time = gate.duration or 0.0
    trace = prod(1 + 2 * exp(-time / t2) + exp(-time / t1) for t1, t2 in times)
    return infidelity_of_trace(trace, len(times))


def _physical_times(qubit: QubitCalibration) -> tuple[float, float]:
    """T1 and T2, which is twice as long at most; what is longer is the calibration's accuracy."""
    return qubit.t1, min(qubit.t2, 2 * qubit.t1)


def _remarks(calibration: Calibration) -> list[str]:
    """What of a calibration is not taken as it is."""
    found = _remarks_on_times(calibration)
    times = [_physical_times(qubit) for qubit in calibration.qubits]
    larger = [
        own
        for own, gate in calibration.gates.items()
        if gate.error is not None
        and relaxation_error(gate, [times[qubit] for qubit in own[1]]) > gate.error
    ]
    if larger:
        found.append(
            "Relaxation alone has a larger error than is reported of "
            f"{some_of(larger)}: relaxation is taken, so the error is larger than reported."
        )
    faulty = [
        own
        for own, gate in calibration.gates.items()
        if gate.error is not None and gate.error >= FAULTY
    ]
    if faulty:
        found.append(f"Out of order, so that nothing of a state is left: {some_of(faulty)}.")
    without = [i for i, own in enumerate(calibration.qubits) if own.readout is None]
    if without:
        found.append(f"The calibration has no readout error of the qubits {without}.")
    return found


def _remarks_on_times(calibration: Calibration) -> list[str]:
    """Of which qubits T1 and T2 are not taken as they are."""
    qubits = list(enumerate(calibration.qubits))
    sentences = {
        "T2 of the qubits {} is longer than twice T1, and taken as that.": [
            i for i, own in qubits if 2 * own.t1 < own.t2 < inf
        ],
        "The calibration has no T2 of the qubits {}: it is taken as twice T1.": [
            i for i, own in qubits if isinf(own.t2) and not isinf(own.t1)
        ],
        "The calibration has no T1 of the qubits {}: they dephase, and do not decay.": [
            i for i, own in qubits if isinf(own.t1) and not isinf(own.t2)
        ],
        "The calibration has neither T1 nor T2 of the qubits {}: they do not relax.": [
            i for i, own in qubits if isinf(own.t1) and isinf(own.t2)
        ],
    }
    return [sentence.format(numbers) for sentence, numbers in sentences.items() if numbers]


# --- ranges ---------------------------------------------------------------------------------------


def _require_qubit(title: str, qubit: QubitCalibration) -> None:
    for name, time in (("T1", qubit.t1), ("T2", qubit.t2)):
        if not time > 0:
            raise ValueError(
                f"{name} of {title} is {time!r} s; it must be above 0, infinite if it is not known."
            )
    for name, p in zip(("p(1|0)", "p(0|1)"), qubit.readout or (), strict=False):
        if not 0 <= p <= 1:
            raise ValueError(f"{name} of {title} is {p!r}; it must be from 0 to 1.")


def _require_gate(title: str, gate: GateCalibration) -> None:
    if gate.error is not None and not 0 <= gate.error <= 1:
        raise ValueError(f"The error of {title} is {gate.error!r}; it must be from 0 to 1.")
    if gate.duration is not None and not 0 <= gate.duration < inf:
        raise ValueError(
            f"The duration of {title} is {gate.duration!r} s; it must be at least 0, and finite."
        )


def _require_qubits(calibration: Calibration, instruction: Instruction) -> None:
    _, qubits = instruction
    count = len(calibration.qubits)
    if not all(qubit in range(count) for qubit in qubits):
        raise ValueError(
            f"{calibration.name} has {title_of(instruction)}, but its qubits are 0 to {count - 1}."
        )
    if len(set(qubits)) < len(qubits):
        raise ValueError(f"{calibration.name} has {title_of(instruction)}, on a qubit twice.")
