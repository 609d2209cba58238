"""What `fit_noise` minimises: how unlikely counts are, as a function of a vector of parameters."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from statistics import fmean
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Float
from pennylane.devices import Device
from pennylane.operation import Operator
from pennylane.ops import MidMeasure
from pennylane.tape import QuantumScript, make_qscript
from pennylane.wires import Wires
from torch import Tensor

from ..engines.config import SimulationConfig
from ..engines.simulation import simulate_all
from ..qiskit.convert.channels import is_channel
from ..qiskit.convert.circuit_builder import expand
from .fitted import FittedNoise
from .source import Instruction, Noise, title_of
from .twin import Twin

LEAST_PROBABILITY = 1e-12
"""Outcomes that the noise excludes count as if they had this probability."""

FIRST = 1e-3
"""Where the fit of a strength or a readout error begins that is smaller, such as none at all: its
logarithm is what is fitted. Likewise errors begin at most at 1 minus this."""

TIES: dict[str, Callable[[str, tuple[int, ...]], Hashable]] = {
    "instruction": lambda name, qubits: title_of((name, qubits)),
    "gate": lambda name, qubits: name,
    "qubits": lambda name, qubits: title_of(("qubits ", tuple(sorted(qubits)))),
    "all": lambda name, qubits: "all gates",
}
"""What `fit_noise` takes as ``tie``: equal values are one parameter, of that name."""


@dataclass(frozen=True)
class FittedParameter:
    """A parameter of a fit.

    Args:
        name: what it is, such as ``"cx(0, 1)"`` or ``"p(1|0) of qubit 2"``.
        start: its value before.
        value: its value now.
        error: its standard error; NaN where the circuits do not tell.
    """

    name: str
    start: float
    value: float
    error: float


@dataclass(frozen=True, eq=False)
class FitProblem:
    """Circuits, counts, and the parameters of a twin's noise.

    The vector of parameters has the logarithms of strengths first, then the logits of p(1|0) and
    p(0|1) of each qubit.

    Args:
        source: the noise that is fitted.
        model: a twin, whose noise is set for each evaluation.
        config: how circuits are simulated.
        tapes: the circuits, which measure probabilities.
        counts: how often each outcome of each circuit was seen.
        groups: the instructions of each strength, by the strength's name.
        readouts: the readout errors that are fitted, by qubit, as they are at first.
        excluded: the instructions whose noise is not fitted, and why.
    """

    source: Noise
    model: Twin
    config: SimulationConfig
    tapes: tuple[QuantumScript, ...]
    counts: tuple[Float[Tensor, " outcomes"], ...]
    groups: Mapping[Hashable, tuple[Instruction, ...]]
    readouts: Mapping[int, tuple[float, float]]
    excluded: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """The names of the parameters."""
        errors = [f"{p} of qubit {qubit}" for qubit in self.readouts for p in ("p(1|0)", "p(0|1)")]
        return [*map(str, self.groups), *errors]

    def start(self) -> Float[Tensor, " parameters"]:
        """The parameters of the twin's own noise; of strengths that are tied now, their mean."""
        known = self.source.strengths
        strengths = [fmean(known.get(key, 1.0) for key in own) for own in self.groups.values()]
        errors = torch.tensor(list(self.readouts.values()), dtype=torch.float64).flatten()
        logarithms = torch.tensor(strengths, dtype=torch.float64).clamp_min(FIRST).log()
        return torch.cat([logarithms, errors.logit()])

    def noise(self, theta: Float[Tensor, " parameters"]) -> FittedNoise:
        """The noise of some parameters, of tensors."""
        strengths = theta[: len(self.groups)].exp().unbind()
        errors = theta[len(self.groups) :].sigmoid().unflatten(0, (-1, 2))
        by_instruction = {
            key: strength
            for strength, own in zip(strengths, self.groups.values(), strict=True)
            for key in own
        }
        pairs = dict(zip(self.readouts, (tuple(own.unbind()) for own in errors), strict=True))
        return FittedNoise(self.source, by_instruction, pairs)

    def fitted(self, theta: Float[Tensor, " parameters"]) -> FittedNoise:
        """The noise of some parameters, of numbers."""
        noise = self.noise(theta)
        strengths = {key: float(value) for key, value in noise.strengths.items()}
        pairs = {q: (float(p10), float(p01)) for q, (p10, p01) in noise.readouts.items()}
        return FittedNoise(self.source, strengths, pairs)

    def probabilities(
        self, theta: Float[Tensor, " parameters"], numbers: Sequence[int]
    ) -> list[Float[Tensor, " outcomes"]]:
        """The probabilities of the outcomes of some circuits."""
        return self._probabilities(self.noise(theta), numbers)

    def _probabilities(
        self, noise: Noise, numbers: Sequence[int]
    ) -> list[Float[Tensor, " outcomes"]]:
        self.model.noise = noise
        tapes = [self.model.on_qubits(self.tapes[number]) for number in numbers]
        return list(simulate_all(tapes, self.config))

    def hellinger(self, noise: Noise, numbers: Sequence[int]) -> float:
        r"""The mean Hellinger distance of frequencies and probabilities with some noise.

        .. math:: H(p, q) = \sqrt{\tfrac12 \sum_b (\sqrt{p_b} - \sqrt{q_b})^2}
        """
        distances = []
        for number, p in zip(numbers, self._probabilities(noise, numbers), strict=True):
            frequencies = self.counts[number] / self.counts[number].sum()
            distances.append(
                ((frequencies.sqrt() - p.clamp_min(0).sqrt()).square().sum() / 2).sqrt()
            )
        return float(torch.stack(distances).mean())

    def parameters(
        self,
        start: Float[Tensor, " parameters"],
        theta: Float[Tensor, " parameters"],
        errors: Float[Tensor, " parameters"],
    ) -> tuple[FittedParameter, ...]:
        """Strengths and probabilities, before and now, with the standard errors of theta's."""
        is_strength = torch.arange(len(theta)) < len(self.groups)
        before, now = (torch.where(is_strength, own.exp(), own.sigmoid()) for own in (start, theta))
        slopes = torch.where(is_strength, now, now * (1 - now))
        columns = zip(
            self.names, before.tolist(), now.tolist(), (slopes * errors).tolist(), strict=True
        )
        return tuple(FittedParameter(*own) for own in columns)


def fit_problem(
    device: Device,
    circuits: Sequence[Any],
    counts: Sequence[Any],
    tie: Any,
    readout: bool,
) -> FitProblem:
    """The problem of a fit, see `fit_noise`."""
    twin = getattr(device, "_twin", None)
    if not isinstance(twin, Twin):
        raise TypeError(
            f"fit_noise takes a qizgloria.mixed with the noise_model of a backend, got {device!r}."
        )
    if len(circuits) != len(counts) or len(circuits) < 2:
        raise ValueError(
            f"fit_noise needs counts for each of at least two circuits, got {len(circuits)} "
            f"circuits and {len(counts)} counts."
        )
    tapes = tuple(_tape(*own, device) for own in enumerate(circuits))
    used, qubits = _used(twin, tapes)
    groups, excluded = _groups(twin.noise, used, tie)
    readouts = {qubit: _first_readout(twin.noise, qubit) for qubit in qubits} if readout else {}
    if not groups and not readouts:
        raise ValueError("fit_noise has nothing to fit: the circuits have no noise.")
    config = replace(device.simulation_config(None), as_torch=True)
    numbers = tuple(map(_counted, counts, tapes, range(len(tapes))))
    if not isinstance(twin.scale, float) or twin.scale == 0:
        raise ValueError(
            "fit_noise fits strengths at a fixed noise_scale, a number above 0; got "
            f"{twin.scale!r}."
        )
    model = twin.with_noise(twin.noise)
    model.scale = twin.scale
    return FitProblem(twin.noise, model, config, tapes, numbers, groups, readouts, excluded)


def _tape(number: int, circuit: Any, device: Device) -> QuantumScript:
    """A circuit that measures the probabilities of what it measures."""
    tape = _constructed(circuit)
    with qml.QueuingManager.stop_recording():
        operations = expand(tape, device.name).operations
    _require_gates(number, tape, operations)
    if len(tape.measurements) != 1 or tape.measurements[0].obs is not None:
        raise ValueError(
            "fit_noise: a circuit measures some wires in the computational basis, such as "
            f"qml.counts(wires=[0, 1]); got {tape.measurements}."
        )
    own = circuit.device if isinstance(circuit, qml.QNode) else device
    wires = tape.measurements[0].wires or own.wires or tape.wires
    unknown = [wire for wire in wires if device.wires is not None and wire not in device.wires]
    if unknown:
        raise ValueError(
            f"fit_noise: circuit {number} measures the wires {unknown}, and the device has "
            f"{device.wires.tolist()}."
        )
    with qml.QueuingManager.stop_recording():
        return QuantumScript(operations, [qml.probs(wires=wires)])


def _constructed(circuit: Any) -> QuantumScript:
    if isinstance(circuit, QuantumScript):
        return circuit
    if not callable(circuit):
        raise TypeError(
            f"fit_noise takes QNodes, quantum functions and tapes as circuits, got {circuit!r}."
        )
    if isinstance(circuit, qml.QNode):
        return qml.workflow.construct_tape(circuit, level="user")()
    return make_qscript(circuit)()


def _require_gates(number: int, tape: QuantumScript, operations: Sequence[Operator]) -> None:
    """Refuse circuits that are not of gates alone, or several at once."""
    if tape.batch_size is not None:
        raise ValueError(
            f"fit_noise: circuit {number} is a batch of {tape.batch_size}; give each as a circuit "
            "of its own."
        )
    for op in operations:
        if is_channel(op):
            raise ValueError(
                f"fit_noise: circuit {number} has the channel {op}; its noise is fitted."
            )
        if isinstance(op, MidMeasure):
            raise ValueError(
                f"fit_noise: circuit {number} measures wire {op.wires[0]} before its end, which a "
                "twin does not simulate."
            )


def _used(twin: Twin, tapes: Sequence[QuantumScript]) -> tuple[list[Instruction], list[int]]:
    """The instructions with noise that circuits use, and the qubits that they measure."""
    instructions: dict[Instruction, None] = {}
    qubits: dict[int, None] = {}
    for tape in tapes:
        placed, _ = twin.placed(tape)
        # The errors of measurements are told from readout errors by nothing: those are fitted.
        instructions |= {own: None for own in placed.noisy.noisy if own[0] != "measure"}
        qubits |= dict.fromkeys(placed.noisy.readings.values())
    return list(instructions), sorted(qubits)


def _groups(
    noise: Noise,
    used: Sequence[Instruction],
    tie: Any,
) -> tuple[dict[Hashable, tuple[Instruction, ...]], tuple[str, ...]]:
    """The instructions of each strength, and those that have none."""
    if tie not in TIES if isinstance(tie, str) else not callable(tie):
        raise ValueError(f"tie must be a function or one of {', '.join(TIES)}; got {tie!r}.")
    key = TIES[tie] if isinstance(tie, str) else tie
    groups: dict[Hashable, tuple[Instruction, ...]] = {}
    excluded = []
    for name, qubits in used:
        if any(channel.largest < float("inf") for channel in noise.after(name, qubits)):
            excluded.append(
                f"{title_of((name, qubits))}: its noise has no logarithm to be scaled by."
            )
            continue
        own = _tied(key, name, qubits)
        groups[own] = (*groups.get(own, ()), (name, qubits))
    return groups, tuple(excluded)


def _tied(key: Callable[[str, tuple[int, ...]], Hashable], name: str, qubits: Any) -> Hashable:
    """What the user's function says of an instruction."""
    try:
        own = key(name, qubits)
        hash(own)
    except TypeError as error:
        raise TypeError(
            "fit_noise: tie takes the name and the qubits of an instruction, and returns something "
            f"hashable; for {name!r} and {qubits}: {error}."
        ) from error
    return own


def _first_readout(noise: Noise, qubit: int) -> tuple[float, float]:
    first, second = noise.readout(qubit) or (0.0, 0.0)
    return tuple(min(max(float(p), FIRST), 1 - FIRST) for p in (first, second))  # type: ignore[return-value]


def _is_count(times: Any) -> bool:
    is_number = isinstance(times, Real) and not isinstance(times, bool)
    return is_number and times >= 0 and float(times).is_integer()


def _counted(counts: Any, tape: QuantumScript, number: int) -> Float[Tensor, " outcomes"]:
    if not isinstance(counts, Mapping):
        raise TypeError(
            f"fit_noise: the counts of circuit {number} are no dict from outcomes to numbers, as "
            f"qml.counts gives them, but a {type(counts).__name__}."
        )
    wires: Wires = tape.measurements[0].wires
    found = np.zeros(2 ** len(wires))
    for outcome, times in counts.items():
        bits = str(outcome)
        if len(bits) != len(wires) or set(bits) - {"0", "1"} or not _is_count(times):
            raise ValueError(
                f"fit_noise: the counts of circuit {number} have {outcome!r}: {times!r}; outcomes "
                f"are strings of {len(wires)} bits, one for each of the wires {wires.tolist()}, "
                "and counts are whole numbers of shots."
            )
        found[int(bits, 2)] += times
    if not found.any():
        raise ValueError(f"fit_noise: the counts of circuit {number} are empty.")
    return torch.as_tensor(found)
