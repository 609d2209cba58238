"""Measures the devices against other simulators and prints medians and ratios.

Run with ``make bench``, or a part of it with ``python benchmarks/run.py layered --wires 4 8``.
All simulators must give the same results, else the run stops.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from pathlib import Path

import plots
from alternatives import alternatives
from connector import connector
from layers import batch_sizes, layers
from peers import LEFT_OUT
from report import absent_peers, as_json, environment, line, tables
from small import crossing, small, small_layers
from twins import twins
from workloads import WORKLOADS, DisagreementError, Row

WORKLOADS |= {
    "small": small,
    "layers": layers,
    "small-layers": small_layers,
    "batch-sizes": batch_sizes,
    "connector": connector,
    "alternatives": alternatives,
    "crossing": crossing,
    "twins": twins,
}

PLOTS = Path("doc/_static")
"""Where the plots of a whole run go."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workloads", nargs="*", help=f"any of {', '.join(WORKLOADS)}; or all")
    parser.add_argument("--wires", type=int, nargs="+", help="instead of each workload's own")
    parser.add_argument("--budget", type=float, default=8, help="seconds for each row")
    parser.add_argument("--without", nargs="+", default=[], help="peers to leave out, by name")
    parser.add_argument("--output", type=Path, default=Path("benchmarks.json"))
    parser.add_argument(
        "--plots", type=Path, help=f"folder for the plots; {PLOTS} if everything is measured"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"unknown workloads {sorted(unknown)}; there are {', '.join(WORKLOADS)}")
    LEFT_OUT.update(arguments.without)
    warnings.filterwarnings("ignore")
    facts = environment()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    if absent := absent_peers():
        print(absent)
    rows = _measured(arguments.workloads or list(WORKLOADS), arguments.wires, arguments.budget)
    print(f"\n{tables(rows)}\n")
    content = as_json(facts, rows)
    arguments.output.write_text(json.dumps(content, indent=2) + "\n")
    print("written to", arguments.output)
    complete = not arguments.workloads and not arguments.wires
    folder = arguments.plots or (PLOTS if complete else None)
    if folder is not None:
        print("plotted in", *plots.draw(content["rows"], folder))


def _measured(names: list[str], wires: list[int] | None, budget: float) -> list[Row]:
    """Run workloads, telling how far it is."""
    rows = []
    start = time.perf_counter()
    for number, name in enumerate(names, 1):
        print(f"[{number}/{len(names)}] {WORKLOADS[name].__doc__}", flush=True)
        try:
            for row in WORKLOADS[name](wires, budget):
                print(f"  {time.perf_counter() - start:4.0f} s  {line(row)}", flush=True)
                rows.append(row)
        except DisagreementError as error:
            sys.exit(f"Stopped, for the times would mean nothing. {error}")
    return rows


if __name__ == "__main__":
    main()
