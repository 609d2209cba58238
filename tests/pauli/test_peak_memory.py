"""The peak of a process that differentiates, against the states that its budget allows."""

import subprocess
import sys
from itertools import pairwise

from pennylane_qizgloria.pauli.run.adjoint import WORKING_STATES

PEAK = """
import resource
import sys
from pathlib import Path

import psutil
import torch

from pennylane_qizgloria.pauli.run.adjoint import run_steps
from pennylane_qizgloria.pauli.plan.plan import AxisPermutation, Step
from pennylane_qizgloria.pauli.program.program import Operand


def peak():
    # The kernel's figure for this program alone; getrusage begins with that of the parent process.
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


torch.set_num_threads(1)
wires, length = 9, 60
state = torch.rand(1, 4**wires, dtype=torch.float64)
matrices = torch.eye(16, dtype=torch.float64).expand(length, 1, 16, 16).clone().requires_grad_()
steps = []
for i in range(length):
    place = 3 * i % (wires - 1)
    permutation = AxisPermutation((4, 4, 4 ** (wires - 2)), (1, 0, 2)) if i % 3 == 0 else None
    left, right = 4**place, 4 ** (wires - 2 - place)
    steps.append(Step(Operand.TRANSFER, 0, i, left, 16, 16, right, permutation=permutation))
run_steps(tuple(steps[:8]), state[:, : 4**wires], (matrices,), 1).sum().backward()
start = psutil.Process().memory_info().rss
for slots in [int(word) for word in sys.argv[1:]]:
    final = run_steps(tuple(steps), state, (matrices,), slots * 8 * 4**wires)
    final.square().sum().backward()
    del final
    print((peak() - start) / (8 * 4**wires))
"""
"""Prints the growth of the peak, in states, after gradients with one budget after the other."""


def test_peak_memory(monkeypatch):
    """The peak memory of a gradient stays within its budget."""
    # Freed memory is to go back to the system at once, as that of larger states does.
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    slots = [1, 4, 16, 59]
    words = [str(number) for number in slots]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *words], capture_output=True, text=True, check=True
    )
    found = [float(line) for line in done.stdout.split()]
    for kept, states in zip(slots, found, strict=True):
        # Half a MiB for what is not a state: a quarter of one.
        assert kept <= states <= kept + WORKING_STATES + 0.25
    # Each further state that may be kept is taken, and no other.
    for (before, after), (low, high) in zip(pairwise(slots), pairwise(found), strict=True):
        assert abs((high - low) - (after - before)) <= 3
