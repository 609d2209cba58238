"""Measures the device against its peers and prints medians and ratios.

Run with ``make bench``, or a part of it with ``python benchmarks/run.py layered --wires 4 8``.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from circuits import gradient_of, layered_qnode, random_weights
from timing import environment, medians

from pennylane_qizgloria.pauli.basis import zero_vector
from pennylane_qizgloria.pauli.passes import apply_transfer
from pennylane_qizgloria.pauli.plan import Step
from pennylane_qizgloria.pauli.program import Operand

OURS = "qizgloria.mixed"
LAYERS = {4: 3, 6: 3, 8: 2, 10: 2, 12: 2}
SLOW_FROM = 11
"""From so many wires on default.mixed needs more memory and time than it is worth."""

Row = dict[str, str | float]


def layered(wires: list[int], budget: float) -> Iterator[Row]:
    """W1: the layered circuit through a QNode, forward and gradient."""
    for n in wires:
        layers = LAYERS.get(n, 2)
        weights = random_weights(layers, n)
        trainable = random_weights(layers, n, requires_grad=True)
        devices = [OURS] if n >= SLOW_FROM else [OURS, "default.mixed"]
        forward, gradient = {}, {}
        for device in devices:
            circuit = layered_qnode(device, n)
            forward[device] = lambda circuit=circuit, weights=weights: circuit(weights)
            gradient[device] = gradient_of(circuit, trainable)
        times = medians(forward, budget)
        yield _row(f"W1 forward n={n}", times)
        slopes = medians(gradient, budget)
        yield _row(f"W1 gradient n={n}", slopes)
        yield {"workload": f"W1 gradient / forward n={n}", "ratio": slopes[OURS] / times[OURS]}


def steps(wires: list[int], budget: float) -> Iterator[Row]:
    """W4: one fused step on two wires against a copy of the state."""
    for n in wires:
        state = zero_vector(n, torch.float64, torch.device("cpu"))[None]
        out = torch.empty_like(state)
        matrix = torch.eye(16, dtype=torch.float64)[None]
        for first in sorted({0, n // 2 - 1, n - 2}):
            left, right = 4**first, 4 ** (n - first - 2)
            step = Step(Operand.TRANSFER, 0, 0, left, 16, right, None)
            calls: dict[str, Callable] = {
                "step": lambda m=matrix, s=state, p=step, o=out: apply_transfer(m, s, p, o),
                "copy": lambda s=state, o=out: o.copy_(s),
            }
            times = medians(calls, budget, most=200)
            name = f"W4 step on wires {first}, {first + 1} of {n}"
            yield {
                "workload": name,
                "ms": 1e3 * times["step"],
                "copies": times["step"] / times["copy"],
            }


def overhead(wires: list[int], budget: float) -> Iterator[Row]:
    """W5: a call of a QNode against the same call on a device that computes nothing."""
    for n in [n for n in wires if n <= 4] or [2, 4]:
        weights = random_weights(LAYERS.get(n, 3), n)
        calls = {}
        for device in (OURS, "null.qubit"):
            circuit = layered_qnode(device, n, diff_method="best")
            calls[device] = lambda circuit=circuit, weights=weights: circuit(weights)
        yield _row(f"W5 call n={n}", medians(calls, budget))


WORKLOADS = {"layered": layered, "steps": steps, "overhead": overhead}


def _row(workload: str, times: dict[str, float]) -> Row:
    row: Row = {"workload": workload} | {name: 1e3 * value for name, value in times.items()}
    peers = [name for name in times if name != OURS]
    return row | {f"{peer} / ours": times[peer] / times[OURS] for peer in peers}


def _print(row: Row) -> None:
    figures = [f"{name} {value:.3g}" for name, value in row.items() if name != "workload"]
    print(f"{row['workload']:<34}", "   ".join(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", help=f"any of {', '.join(WORKLOADS)}; or all")
    parser.add_argument("--wires", type=int, nargs="+", default=[4, 6, 8, 10])
    parser.add_argument("--budget", type=float, default=10, help="seconds for each row")
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"))
    arguments = parser.parse_args()
    unknown = set(arguments.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"unknown workloads {sorted(unknown)}; there are {', '.join(WORKLOADS)}")
    warnings.filterwarnings("ignore")
    facts = environment()
    print("times in ms;", ", ".join(f"{name} {value}" for name, value in facts.items()))
    rows = []
    for name in arguments.workloads or WORKLOADS:
        for row in WORKLOADS[name](arguments.wires, arguments.budget):
            _print(row)
            rows.append(row)
    arguments.output.write_text(json.dumps({"environment": facts, "rows": rows}, indent=2))
    print("written to", arguments.output)


if __name__ == "__main__":
    main()
