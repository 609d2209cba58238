"""What is written about a run: the machine, tables in Markdown, JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from peers import PEERS
from workloads import Row

PACKAGES = (
    "pennylane-qizgloria",
    "pennylane",
    "torch",
    "numpy",
    "qiskit",
    "qiskit-aer",
    "qulacs",
    "tensorcircuit-ng",
    "jax",
)


def environment() -> dict[str, str]:
    """What the figures depend on."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "torch threads": str(torch.get_num_threads()),
        "python": platform.python_version(),
    } | {name: _version(name) for name in PACKAGES}


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def absent_peers() -> str:
    """A line that names the peers that are missing, empty if none is."""
    names = ", ".join(peer.name for peer in PEERS if not peer.installed)
    what = f"Not measured, because not installed: {names}. `make bench-peers` installs them."
    return what if names else ""


def line(row: Row) -> str:
    """A row in short, to show progress."""
    size = ", ".join(f"{name} {value}" for name, value in row.settings.items())
    times = "  ".join(f"{name} {1e3 * own.median:.3g}" for name, own in row.times.items())
    return f"{row.workload} ({size}): {times}"


def tables(rows: Sequence[Row]) -> str:
    """All rows as Markdown, one table for each title."""
    ordered = sorted(rows, key=lambda row: row.workload)
    groups = groupby(ordered, key=lambda row: row.workload)
    return "\n\n".join(_table(title, list(own)) for title, own in groups)


def _table(title: str, rows: list[Row]) -> str:
    settings = _names(row.settings for row in rows)
    times = _names(row.times for row in rows)
    others = _names(row.others for row in rows)
    cells = [[*settings, *times, *others]]
    for row in rows:
        timed = [_time(row, name) for name in times]
        figures = [f"{row.others[name]:.3g}" if name in row.others else "" for name in others]
        cells.append([*(str(row.settings[name]) for name in settings), *timed, *figures])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(own, widths, strict=True)) + " |"
        for own in cells
    ]
    return "\n".join([f"{title}: median times in ms", "", *lines, "", *_legend(rows)])


def _names(columns: Any) -> list[str]:
    """All keys of several mappings, each once, in their order."""
    return list(dict.fromkeys(name for own in columns for name in own))


def _time(row: Row, name: str) -> str:
    if name not in row.times:
        return ""
    own = f"{1e3 * row.times[name].median:.3g}"
    return f"{own} ({row.ratios[name]:.2g}x)" if name in row.ratios else own


def _legend(rows: list[Row]) -> Iterator[str]:
    by_reference: dict[str, list[str]] = {}
    for name, reference in {k: v for row in rows for k, v in row.references.items()}.items():
        by_reference.setdefault(reference, []).append(name)
    for reference, names in by_reference.items():
        yield f"In brackets: time of {', '.join(names)} / time of {reference}."


def as_json(facts: dict[str, str], rows: Sequence[Row]) -> dict[str, Any]:
    """A run as JSON; times in seconds."""
    return {
        "environment": facts,
        "rows": [asdict(row) | {"ratios": row.ratios} for row in rows],
    }
