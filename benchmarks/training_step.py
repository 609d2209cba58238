"""Measures a training step on Aer: qizgloria.qiskit against the devices of pennylane-qiskit.

pennylane-qiskit needs an older Qiskit, so each has an environment of its own. A run measures the
devices that its own environment has, writes what it found to a file, and compares it with what
another run wrote. ``make bench-pennylane-qiskit`` does all of it.

All devices run the same QNode with the same parameters, shots and method of differentiation, and
must give the exact gradient up to the noise of their shots, else the run stops.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pennylane as qml
import torch
from qiskit_aer import AerSimulator
from timing import First, Times, first_call, measure

WIRES, LAYERS, BATCH, SHOTS = 4, 2, 4, 1000
PARAMETERS = LAYERS * WIRES * 3
PACKAGES = (
    *("pennylane-qizgloria", "pennylane-qiskit", "pennylane", "torch"),
    *("qiskit", "qiskit-aer", "qiskit-ibm-runtime"),
)


@dataclass(frozen=True)
class Setup:
    """A device and how it is used.

    Args:
        device: its name in PennyLane.
        module: what has to be importable.
        options: what it is made with.
    """

    device: str
    module: str
    options: Callable[[], dict[str, Any]]


SETUPS = {
    "qizgloria.qiskit": Setup(
        "qizgloria.qiskit", "pennylane_qizgloria", lambda: {"backend": "aer"}
    ),
    "qizgloria.qiskit, use_estimator=True": Setup(
        "qizgloria.qiskit",
        "pennylane_qizgloria",
        lambda: {"backend": "aer", "use_estimator": True},
    ),
    "qiskit.aer": Setup("qiskit.aer", "pennylane_qiskit", dict),
    "qiskit.remote": Setup(
        "qiskit.remote", "pennylane_qiskit", lambda: {"backend": AerSimulator()}
    ),
}
"""Aer's estimator, which the second takes, adds noise to exact means; the others take samples."""

OURS = "qizgloria.qiskit"


# --- the training step ----------------------------------------------------------------------------


def values(inputs: torch.Tensor, weights: torch.Tensor) -> list:
    """A Z on each wire behind two layers."""
    qml.AngleEmbedding(inputs, range(WIRES))
    qml.StronglyEntanglingLayers(weights, range(WIRES))
    return [qml.expval(qml.Z(wire)) for wire in range(WIRES)]


def step_of(device: qml.devices.Device, method: str, shots: int | None) -> Callable[[], np.ndarray]:
    """A call that makes a forward and a backward pass and gives the gradient."""
    rng = np.random.default_rng(5)
    inputs = torch.tensor(rng.uniform(0, 3, (BATCH, WIRES)))
    weights = torch.tensor(rng.uniform(0, 3, (LAYERS, WIRES, 3)), requires_grad=True)
    node = qml.QNode(values, device, interface="torch", diff_method=method)
    circuit = qml.set_shots(node, shots)

    def step() -> np.ndarray:
        weights.grad = None
        torch.stack(list(circuit(inputs, weights))).sum().backward()
        assert weights.grad is not None
        return weights.grad.numpy()

    return step


# --- measuring ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What a device was found to need for a step.

    Args:
        name: of the setup.
        times: of a step.
        first: seconds that the first step took, which transpiles.
        jobs: runs of Aer for a step.
        circuits: how many circuits these had.
        error: root mean square of the deviation of a step's gradient from the exact one.
    """

    name: str
    times: Times
    first: float
    jobs: int
    circuits: int
    error: float


def measured(names: list[str], budget: float) -> list[Row]:
    """Measure some setups, taking turns."""
    exact = step_of(qml.device("default.qubit"), "backprop", None)()
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    firsts: dict[str, First] = {}
    counts: dict[str, tuple[int, int]] = {}
    calls: dict[str, Callable[[], Any]] = {}
    for name in names:
        setup = SETUPS[name]
        device = qml.device(setup.device, wires=WIRES, **setup.options())
        step = step_of(device, "parameter-shift", SHOTS)
        print(f"  {name}: first step", flush=True)
        firsts[name] = first_call(step)
        counts[name] = _counted(step)
        calls[name] = lambda own=found[name], step=step: own.append(step())
    print("  timing", flush=True)
    times = measure(calls, budget)
    rows = []
    for name in names:
        deviations = np.array(found[name]) - exact
        _check(name, deviations.mean(0), len(deviations))
        error = float(np.sqrt(np.mean(deviations**2)))
        rows.append(Row(name, times[name], firsts[name].seconds, *counts[name], error))
    return rows


def _counted(step: Callable[[], Any]) -> tuple[int, int]:
    """How often a step runs Aer, and with how many circuits in all."""
    jobs = []
    run = AerSimulator.run

    def noted(self: AerSimulator, *args: Any, **options: Any) -> Any:
        jobs.append(run(self, *args, **options))
        return jobs[-1]

    AerSimulator.run = noted
    try:
        step()
    finally:
        AerSimulator.run = run
    return len(jobs), sum(len(job.result().results) for job in jobs)


def _check(name: str, deviation: np.ndarray, steps: int) -> None:
    """Stop where a gradient is further from the exact one than its shots explain."""
    # An entry is a sum over the batch of half a difference of two means, each of a sum of WIRES
    # values in [-1, 1] over SHOTS shots.
    standard_error = WIRES * np.sqrt(BATCH / 2 / SHOTS / steps)
    if not np.abs(deviation).max() < 5 * standard_error:
        worst = np.abs(deviation).max()
        sys.exit(f"Stopped, for the times would mean nothing: {name}'s gradient is off by {worst}.")


# --- reporting ------------------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """What the figures depend on."""
    facts = {"cores": str(len(os.sched_getaffinity(0))), "python": platform.python_version()}
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    return facts


def table(rows: list[dict[str, Any]]) -> str:
    """All rows as Markdown, with their ratios to ours if that is among them."""
    reference = next((row["times"]["median"] for row in rows if row["name"] == OURS), None)
    lines = [
        "| device | step, median | quartiles | ratio | Aer jobs | circuits | first step | error |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        times = row["times"]
        ratio = "" if reference is None else f"{times['median'] / reference:.3g}"
        lines.append(
            f"| {row['name']} | {times['median']:.3g} s | {times['low']:.3g} to "
            f"{times['high']:.3g} s | {ratio} | {row['jobs']} | {row['circuits']} | "
            f"{row['first']:.3g} s | {row['error']:.2g} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", action="append", choices=SETUPS, help="instead of all")
    parser.add_argument("--budget", type=float, default=20, help="seconds to measure")
    parser.add_argument("--output", type=Path, help="where to write the figures")
    parser.add_argument("--against", type=Path, help="the figures of another environment")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    here = [name for name, setup in SETUPS.items() if find_spec(setup.module) is not None]
    names = arguments.device or here
    if absent := set(names) - set(here):
        parser.error(f"this environment does not have {', '.join(sorted(absent))}")
    facts = environment()
    print(", ".join(f"{name} {value}" for name, value in facts.items()), flush=True)
    print(
        f"{WIRES} wires, {LAYERS} layers of {PARAMETERS // LAYERS} parameters, {BATCH} inputs, "
        f"{SHOTS} shots, parameter-shift"
    )
    rows = [asdict(row) for row in measured(names, arguments.budget)]
    if arguments.output is not None:
        content = {"environment": facts, "rows": rows}
        arguments.output.write_text(json.dumps(content, indent=2) + "\n")
        print("written to", arguments.output)
    if arguments.against is not None:
        rows += json.loads(arguments.against.read_text())["rows"]
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
