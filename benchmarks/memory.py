"""Measures by how much the gradient of the layered circuit lets this process grow at its peak.

A run measures one case, since the peak of a process never falls: see doc/performance.md for the
cases that are written down there.
"""

from __future__ import annotations

import argparse
import resource
import time

import pennylane as qml
import torch
from circuits import Problem, gradient_of, quantum_function

KIB_PER_GIB = 2**20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--wires", type=int, default=12)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--memory-budget", type=float, help="of the device, in MB")
    given = parser.parse_args()
    _gradient(2, 1, None)()  # what is imported and compiled at the first call is not measured
    gradient = _gradient(given.wires, given.layers, given.memory_budget)
    before, start = _peak(), time.perf_counter()
    gradient()
    seconds = time.perf_counter() - start
    print(f"{_peak() - before:.2f} GiB, {seconds:.1f} s, {torch.get_num_threads()} threads")


def _gradient(wires: int, layers: int, megabytes: float | None):
    problem = Problem(wires, layers)
    budget = None if megabytes is None else int(megabytes * 1e6)
    dev = qml.device("qizgloria.mixed", wires=wires, memory_budget=budget)
    return gradient_of(qml.QNode(quantum_function(problem), dev, interface="torch"), problem)


def _peak() -> float:
    """The most that the process has held so far, in GiB (Linux counts in KiB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_PER_GIB


if __name__ == "__main__":
    main()
