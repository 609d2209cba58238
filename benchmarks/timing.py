"""Timing calls against one another on a machine that others use too."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import torch

PACKAGES = ("pennylane", "torch", "numpy", "qiskit-aer")


def medians(calls: dict[str, Callable], budget: float, most: int = 50) -> dict[str, float]:
    """The median time of each call in seconds.

    The calls take turns, so that whatever else the machine does falls on all of them alike. Each
    is called once before, so that plans and caches are made.

    Args:
        calls: what to time.
        budget: about how many seconds to spend in all.
        most: how many times to call each at most; at least three times it is called anyway.
    """
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + budget
    while len(next(iter(times.values()))) < most:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
        if time.perf_counter() > end and len(next(iter(times.values()))) >= 3:
            break
    return {name: statistics.median(values) for name, values in times.items()}


def environment() -> dict[str, str]:
    """What the figures depend on."""
    versions = {name: version(name) for name in PACKAGES}
    cores = str(len(os.sched_getaffinity(0)))
    return {
        "python": platform.python_version(),
        "cores": cores,
        "threads": str(torch.get_num_threads()),
    } | versions
