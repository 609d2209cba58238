"""The picture of a noise report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .report import InstructionRow, NoiseReport, QubitRow

LARGEST = 30
"""So many instructions at most are drawn: those of the largest errors."""


def draw(report: NoiseReport, axes: Any = None) -> Any:
    """Bars of the errors of instructions, by kind of noise, and of readout.

    Args:
        report: what is drawn.
        axes: two of matplotlib's axes; None for new ones.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ImportError(
            "A noise report is drawn by matplotlib: pip install 'pennylane-qizgloria[demo]'."
        ) from error
    rows = sorted(report.instructions, key=lambda row: row.error)[-LARGEST:]
    if axes is None:
        height = max(3.0, 0.3 * max(len(rows), len(report.qubits[:LARGEST])) + 1.5)
        figure, axes = plt.subplots(1, 2, figsize=(10, height), layout="constrained")
        figure.suptitle(report.title)
    _draw_instructions(axes[0], rows, len(report.instructions))
    _draw_readout(axes[1], report.qubits)
    return axes[0].figure


def _draw_instructions(axis: Any, rows: Sequence[InstructionRow], total: int) -> None:
    """Errors of two-qubit gates dwarf the others, so the axis is logarithmic: dots, not bars."""
    kinds = list(dict.fromkeys(kind for row in rows for kind in row.parts))
    places = range(len(rows))
    axis.hlines(places, [row.error / 50 for row in rows], [row.error for row in rows], color="0.85")
    for number, kind in enumerate(kinds):
        own = [
            (row.parts[kind], place)
            for place, row in zip(places, rows, strict=True)
            if row.parts.get(kind)
        ]
        axis.scatter(*zip(*own, strict=True), s=28, color=f"C{number}", label=kind, zorder=2)
    axis.scatter([row.error for row in rows], places, s=60, color="k", marker="|", label="together")
    axis.set_yticks(list(places), [row.title for row in rows])
    axis.set_xscale("log")
    axis.set_xlabel("error (1 - average gate fidelity)")
    axis.set_title(
        "Instructions" if len(rows) == total else f"The {len(rows)} worst of {total} instructions"
    )
    axis.legend(loc="best", fontsize="small")


def _draw_readout(axis: Any, qubits: Sequence[QubitRow]) -> None:
    known = [row for row in qubits if row.p10 is not None and row.p01 is not None]
    worst = sorted(known, key=lambda row: row.p10 + row.p01)[-LARGEST:]  # type: ignore[operator]
    chosen = sorted(worst, key=lambda row: -row.number)
    axis.set_title(
        "Readout errors" if len(chosen) == len(known) else f"The {len(chosen)} worst readout errors"
    )
    if not chosen:
        axis.text(0.5, 0.5, "none", ha="center", va="center", transform=axis.transAxes)
        axis.set_axis_off()
        return
    places = list(range(len(chosen)))
    axis.barh([p + 0.2 for p in places], [row.p10 for row in chosen], 0.38, label="p(1|0)")
    axis.barh([p - 0.2 for p in places], [row.p01 for row in chosen], 0.38, label="p(0|1)")
    axis.set_yticks(places, [f"qubit {row.number}" for row in chosen])
    axis.set_xlabel("probability")
    axis.legend(loc="best", fontsize="small")
