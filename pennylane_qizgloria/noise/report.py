"""What noise a twin applies: a table to read, and a picture.

The numbers are those of the noise as it is simulated, with its scale, and not of the calibration:
the error of a gate is one minus the average gate fidelity of all of its channels together. What
cannot be scaled above 1 is NaN there. T1 and T2 are those of the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan
from statistics import median
from typing import Any

from pennylane.operation import Operator
from torch import Tensor

from .channel import NoiseChannel
from .composition import infidelity_of
from .pennylane_model import ModelTwin, channel_of
from .readout import confusion_matrix, has_generator
from .source import Instruction, Noise, title_of
from .twin import Twin, unknown_gates

MANY = 24
"""More instructions than so many are summed up, unless a circuit says which it uses."""

ALWAYS_IGNORED = (
    "Crosstalk, leakage and coherent errors are in no source but Kraus operators and learned maps.",
    "Rotations into another basis than that of one Pauli on each wire are ideal.",
)


@dataclass(frozen=True)
class InstructionRow:
    """The noise of an instruction.

    Args:
        name: of the instruction.
        qubits: that it acts on.
        error: one minus the average gate fidelity of all channels; for a delay, those of all
            delays of its qubit.
        parts: the same of the channels of each kind alone.
        strength: what the noise is multiplied by besides the scale.
    """

    name: str
    qubits: tuple[int, ...]
    error: float
    parts: Mapping[str, float]
    strength: float

    @property
    def title(self) -> str:
        """The name and the qubits."""
        return title_of((self.name, self.qubits))


@dataclass(frozen=True)
class QubitRow:
    """What is known of a qubit.

    Args:
        number: of the qubit.
        t1: T1 in seconds; None if it is not known.
        t2: T2 in seconds; None if it is not known.
        p10: the probability to read 1 where there is 0; None if there is no readout error.
        p01: the probability to read 0 where there is 1.
        start: the labels of the wires that begin there in the circuit that was run last.
        end: the labels of the wires that are measured there.
    """

    number: int
    t1: float | None
    t2: float | None
    p10: float | None
    p01: float | None
    start: tuple[Any, ...] = ()
    end: tuple[Any, ...] = ()


@dataclass(frozen=True)
class NoiseReport:
    """What noise a twin applies.

    Args:
        name: of what the noise is.
        date: when it was measured, in ISO 8601; None if that is not known.
        scale: what all noise is multiplied by.
        instructions: the noise of instructions; those of the circuit that was run last, if any was.
        qubits: the qubits; those of that circuit, if any was.
        layers: the layers that have noise of their own, by their gates, and their errors.
        ignored: what has no part in the noise, or is taken otherwise than it was given, and why.
        is_of_circuit: whether it is about the circuit that was run last.
    """

    name: str
    date: str | None
    scale: str
    instructions: tuple[InstructionRow, ...]
    qubits: tuple[QubitRow, ...]
    layers: tuple[tuple[str, float], ...]
    ignored: tuple[str, ...]
    is_of_circuit: bool

    @property
    def title(self) -> str:
        """What the noise is of, from when it is, and its scale."""
        date = "" if self.date is None else f", measured at {self.date}"
        return f"Noise of {self.name}{date}, scale {self.scale}"

    def __repr__(self) -> str:
        where = ", on all qubits" if self.qubits else ""
        where = ", on the circuit that was run last" if self.is_of_circuit else where
        parts = [self.title + where]
        parts += ["", *_instruction_table(self.instructions, self.is_of_circuit)]
        if self.layers:
            parts += ["", *_table(("layer", "error"), [(g, _error(e)) for g, e in self.layers])]
        if self.qubits:
            parts += ["", *_qubit_table(self.qubits, self.is_of_circuit)]
        if self.ignored:
            parts += ["", "Not simulated, or taken otherwise:"]
            parts += [f"  - {sentence}" for sentence in self.ignored]
        return "\n".join(parts)

    def plot(self, axes: Any = None) -> Any:
        """Draw the errors of instructions and of readout as bars.

        Args:
            axes: two of matplotlib's axes; None for new ones.

        Returns:
            matplotlib's figure.

        Raises:
            ImportError: if matplotlib is missing.
        """
        from .report_plot import draw

        return draw(self, axes)


def report_of(twin: Twin) -> NoiseReport:
    """What noise a twin applies; of the circuit that was run last, if any was."""
    noise, last = twin.noise, twin.last
    instructions = noise.instructions() if last is None else list(last.noisy.noisy)
    scale, title = _shown(twin.scale_now(is_trained=False))
    waiting = {} if last is None else last.noisy.waiting
    rows = [_instruction_row(noise, own, scale, waiting) for own in instructions]
    numbers: Sequence[int] = range(noise.num_qubits or 0)
    if last is not None:
        numbers = sorted({*last.noisy.qubits, *last.place.values()})
    return NoiseReport(
        noise.name,
        noise.date,
        title,
        tuple(row for row in rows if not row.error <= 0),
        tuple(_qubit_row(twin, number, scale) for number in numbers),
        tuple(_layer_row(own.gates, own.channels, scale) for own in noise.layers),
        (*noise.ignored, *_remarks(twin), *ALWAYS_IGNORED),
        last is not None,
    )


def report_of_model(twin: ModelTwin) -> NoiseReport:
    """What a `qml.NoiseModel` has put into the circuit that was run last."""
    scale, title = _shown(twin.scale_now(is_trained=False))
    rows = [_operator_row(op, scale) for op in twin.last or ()]
    different = {(row.title, row.error): row for row in rows}.values()
    is_of_circuit = twin.last is not None
    return NoiseReport("a qml.NoiseModel", None, title, tuple(different), (), (), (), is_of_circuit)


def _shown(scale: float | Tensor) -> tuple[float, str]:
    """The scale that numbers are reported at, and what is said of it."""
    if isinstance(scale, float) or scale.numel() == 1:
        return float(scale), f"{float(scale):g}"
    return 1.0, f"{scale.tolist()} (the numbers are those at 1)"


def _operator_row(op: Operator, scale: float) -> InstructionRow:
    """A channel, or a gate, that stands for noise."""
    channel = channel_of(op)
    error = infidelity_of([channel], channel.qubits, scale)
    return InstructionRow(op.name, tuple(op.wires), error, {}, 1.0)


def _instruction_row(
    noise: Noise, own: Instruction, scale: float, waiting: Mapping[int, float]
) -> InstructionRow:
    """The noise of an instruction; of all delays of a qubit together."""
    name, qubits = own
    channels = noise.after(name, qubits)
    if name == "delay":
        channels = (*channels, *noise.idle(qubits[0], waiting.get(qubits[0], 0.0)))
    kinds: dict[str, list[NoiseChannel]] = {}
    for channel in channels:
        kinds.setdefault(channel.kind, []).append(channel)
    strength = float(noise.strengths.get(own, 1.0))
    whole = scale * strength
    return InstructionRow(
        name,
        qubits,
        infidelity_of(channels, qubits, whole),
        {kind: infidelity_of(group, qubits, whole) for kind, group in kinds.items()},
        strength,
    )


def _layer_row(
    gates: Iterable[Instruction], channels: Sequence[NoiseChannel], scale: float
) -> tuple[str, float]:
    """The gates of a layer, and about its error: the sum of those of its channels."""
    listed = ", ".join(map(title_of, sorted(gates)))
    return listed, sum(infidelity_of([own], own.qubits, scale) for own in channels)


def _qubit_row(twin: Twin, number: int, scale: float) -> QubitRow:
    noise, last, labels = twin.noise, twin.last, twin.last_wires
    pair = noise.readout(number)
    p10, p01 = (None, None)
    if pair is not None:
        p10, p01 = _scaled_pair(float(pair[0]), float(pair[1]), scale)
    times = noise.times(number) or (inf, inf)
    t1, t2 = (time if isfinite(time) else None for time in times)
    if last is None:
        return QubitRow(number, t1, t2, p10, p01)
    layout = last.compiled.circuit.layout
    start: Sequence[int] = (
        [] if layout is None else layout.initial_index_layout(filter_ancillas=True)
    )
    return QubitRow(
        number,
        t1,
        t2,
        p10,
        p01,
        tuple(labels[wire] for wire, qubit in enumerate(start) if qubit == number),
        tuple(labels[wire] for wire, qubit in last.place.items() if qubit == number),
    )


def _scaled_pair(p10: float, p01: float, scale: float) -> tuple[float, float]:
    """A readout error, scaled; NaN where it cannot be."""
    if scale > 1 and not has_generator(p10, p01):
        return nan, nan
    matrix = confusion_matrix(p10, p01, scale)
    return float(matrix[0, 1]), float(matrix[1, 0])


def _remarks(twin: Twin) -> list[str]:
    """What of the twin's circuits has no noise where it could have some."""
    noise, last, found = twin.noise, twin.last, []
    if last is not None and last.noisy.unknown:
        found.append(unknown_gates(noise, last.noisy.unknown))
    is_written = last is not None and bool(last.noisy.waiting)
    if noise.num_qubits and noise.idle(0, 1e-6) and not is_written:
        found.append(
            "Qubits relax while they wait only where delays are written down, as "
            "scheduling_method='alap' or 'asap' does."
        )
    return found


# --- text -----------------------------------------------------------------------------------------


def _instruction_table(rows: Sequence[InstructionRow], is_of_circuit: bool) -> list[str]:
    if not rows:
        return [
            "No instruction has noise."
            if is_of_circuit
            else "The noise depends on the circuit: run one to see that of its instructions."
        ]
    if len(rows) > MANY:
        return _summary(rows)
    kinds = list(dict.fromkeys(kind for row in rows for kind in row.parts))
    scaled = any(row.strength != 1 for row in rows)
    lines = [
        (
            row.title,
            _error(row.error),
            *(_error(row.parts[kind]) if kind in row.parts else "" for kind in kinds),
            *([f"{row.strength:.3g}"] if scaled else []),
        )
        for row in rows
    ]
    return _table(("instruction", "error", *kinds, *(["strength"] if scaled else [])), lines)


def _summary(rows: Sequence[InstructionRow]) -> list[str]:
    """The least, the median and the largest error of each kind of gate."""
    by_name: dict[str, list[InstructionRow]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    lines = []
    for name, own in by_name.items():
        own = sorted(own, key=lambda row: row.error)
        middle = median(row.error for row in own)
        lines.append(
            (
                name,
                str(len(own)),
                f"{_error(own[0].error)} {own[0].qubits}",
                _error(middle),
                f"{_error(own[-1].error)} {own[-1].qubits}",
            )
        )
    return _table(("instruction", "number", "least error", "median", "largest error"), lines)


def _qubit_table(rows: Sequence[QubitRow], with_wires: bool) -> list[str]:
    if len(rows) > MANY:
        errors = [
            (row.p10 + row.p01) / 2 for row in rows if row.p10 is not None and row.p01 is not None
        ]
        middle = f", median readout error {_error(median(errors))}" if errors else ""
        return [f"{len(rows)} qubits{middle}; report.qubits lists them"]
    head = ("qubit", "T1 (us)", "T2 (us)", "p(1|0)", "p(0|1)")
    lines = [
        (
            str(row.number),
            *("" if time is None else f"{time * 1e6:.1f}" for time in (row.t1, row.t2)),
            *("" if p is None else f"{p:.4f}" for p in (row.p10, row.p01)),
            *([_wires(row.start), _wires(row.end)] if with_wires else []),
        )
        for row in rows
    ]
    return _table((*head, *(("wire at start", "wire at end") if with_wires else ())), lines)


def _wires(wires: Sequence[Any]) -> str:
    return ", ".join(map(str, wires))


def _error(error: float) -> str:
    return f"{error:.2e}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns, the first one to the left, the others to the right."""
    widths = [max(len(str(own[i])) for own in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *others]).rstrip()

    return [line(head), "  ".join("-" * width for width in widths), *map(line, rows)]
