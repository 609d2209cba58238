"""Plots of measured rows: time against the number of wires, steps, kernels on small states.

``python benchmarks/plots.py FOLDER RUN.json ...`` draws those of earlier runs. The pictures have
no background, and colours and greys that stand out from white and from black.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from lowered import PLANNED
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator
from peers import DEFAULT_MIXED, LOWERED, OURS

Rows = Sequence[Mapping[str, Any]]
"""Rows as they are in a run's JSON."""

INK = "#808080"
# Paul Tol's vibrant colours; each line also has a marker of its own.
STYLES: dict[str, dict[str, Any]] = {
    OURS: {"color": "#EE7733", "marker": "o", "linewidth": 2.5},
    LOWERED: {"color": "#EE7733", "marker": "o", "linestyle": "--", "markerfacecolor": "none"},
    DEFAULT_MIXED: {"color": "#0077BB", "marker": "s"},
    "Aer density_matrix": {"color": "#009988", "marker": "^"},
    "qulacs": {"color": "#EE3377", "marker": "D"},
    "TensorCircuit-NG": {"color": "#33BBEE", "marker": "v"},
}
PAIRS: dict[str, dict[str, Any]] = {
    "first": {"color": "#EE7733", "marker": "o"},
    "middle": {"color": "#0077BB", "marker": "s"},
    "last": {"color": "#009988", "marker": "^"},
    "first, left at the end": {"color": "#EE3377", "marker": "D", "linestyle": "--"},
    "last, left at the front": {"color": "#33BBEE", "marker": "v", "linestyle": "--"},
}
# One for each number of wires, from two on.
WIRES: tuple[dict[str, Any], ...] = (
    {"color": "#EE7733", "marker": "o"},
    {"color": "#0077BB", "marker": "s"},
    {"color": "#009988", "marker": "^"},
    {"color": "#EE3377", "marker": "D"},
    {"color": "#33BBEE", "marker": "v"},
    {"color": "#CC3311", "marker": "P"},
    {"color": "#999999", "marker": "X"},
)
SETTINGS: Any = {
    "svg.hashsalt": "qizgloria",  # the same picture from the same figures
    "font.size": 10,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.35,
    "legend.frameon": False,
    "legend.labelcolor": INK,
} | dict.fromkeys(
    ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "grid.color"),
    INK,
)


def draw(rows: Rows, folder: Path) -> list[Path]:
    """Draw what there are rows for; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    layered, steps, crossing = (_of(rows, workload) for workload in ("W1", "W4", "W13"))
    crossing = [row for row in crossing if row["ratios"]]
    found = []
    with plt.rc_context(SETTINGS):
        if layered:
            found.append(_saved(_layered(layered), folder / "benchmark-wires.svg"))
        if steps:
            found.append(_saved(_steps(steps), folder / "benchmark-steps.svg"))
        if crossing:
            found.append(_saved(_crossing(crossing), folder / "benchmark-crossing.svg"))
    return found


def _of(rows: Rows, workload: str) -> list[Mapping[str, Any]]:
    """The rows of a workload, by the first word of its titles."""
    return [row for row in rows if row["workload"].split()[0] == workload]


def _saved(figure: Any, path: Path) -> Path:
    figure.savefig(path, transparent=True, metadata={"Date": None})
    plt.close(figure)
    return path


def _layered(rows: Rows) -> Any:
    """Time against wires, for results and gradients side by side."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.3), sharey=True, layout="constrained")
    for panel, kind in zip(axes, ("forward", "gradient"), strict=True):
        own = [row for row in rows if row["workload"].endswith(kind)]
        for name, style in STYLES.items():
            points = {
                row["settings"]["wires"]: 1e3 * row["times"][name]["median"]
                for row in own
                if name in row["times"]
            }
            _line(panel, points, name, style)
        panel.set_title(kind)
        panel.set_yscale("log")
        panel.set_xlabel("number of wires\n(3 layers up to 6 wires, 2 beyond)")
        _finish(panel, sorted({row["settings"]["wires"] for row in own}))
    axes[0].set_ylabel("median time of a call (ms)")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure


def _steps(rows: Rows) -> Any:
    """The time of a step in copies of the state, against wires."""
    figure, panel = plt.subplots(figsize=(6, 4), layout="constrained")
    for pair, style in PAIRS.items():
        points = {
            row["settings"]["wires"]: row["ratios"]["step"]
            for row in rows
            if row["settings"]["pair of wires"] == pair
        }
        _line(panel, points, pair, style)
    panel.axhline(1, color=INK, linestyle=":", label="one copy of the state")
    panel.set_ylim(bottom=0)
    panel.set_xlabel("number of wires")
    panel.set_ylabel("time of one fused two-qubit step\n(copies of the state)")
    _finish(panel, sorted({row["settings"]["wires"] for row in rows}))
    panel.legend(title="pair of wires")
    return figure


def _crossing(rows: Rows) -> Any:
    """The time of planned steps in that of kernels, against the numbers in a batch of states."""
    figure, panel = plt.subplots(figsize=(6, 4), layout="constrained")
    for n in sorted({row["settings"]["wires"] for row in rows}):
        points = {
            row["settings"]["numbers"]: row["ratios"][PLANNED]
            for row in rows
            if row["settings"]["wires"] == n
        }
        _line(panel, points, str(n), WIRES[(n - 2) % len(WIRES)])
    panel.axhline(1, color=INK, linestyle=":")
    panel.set_xscale("log", base=2)
    panel.set_yscale("log", base=2)
    panel.set_xlabel("words of a state times elements of the batch")
    panel.set_ylabel("time of planned steps / time of kernels\n(value and gradient)")
    _finish(panel, sorted({row["settings"]["numbers"] for row in rows})[::2])
    panel.legend(title="wires", ncols=2)
    return figure


def _line(panel: Axes, points: Mapping[int, float], label: str, style: dict[str, Any]) -> None:
    if points:
        panel.plot(*zip(*sorted(points.items()), strict=True), label=label, **style)


def _finish(panel: Axes, ticks: list[int]) -> None:
    panel.set_xticks(ticks)
    if panel.get_yscale() == "log":
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_locator(NullLocator())
    panel.grid(axis="y")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("runs", type=Path, nargs="+")
    arguments = parser.parse_args()
    rows = [row for run in arguments.runs for row in json.loads(run.read_text())["rows"]]
    print(*draw(rows, arguments.folder), sep="\n")


if __name__ == "__main__":
    main()
