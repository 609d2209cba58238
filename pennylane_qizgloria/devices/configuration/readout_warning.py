"""A warning about readout errors that are used otherwise than they may be meant."""

from __future__ import annotations

from typing import Any

from ...lowering.measurements.readout import is_pair_on_two_wires
from ...user_warnings import warn


def warn_of_pair(given: Any, wires: Any, device: str) -> None:
    """Say how two numbers are read on a device of two wires."""
    if not is_pair_on_two_wires(given, wires):
        return
    first, second = (float(f"{number:.6g}") for number in map(float, given))
    if first == second:
        return  # either way the same
    by_wire = dict(zip(wires, (first, second), strict=True))
    pairs = dict.fromkeys(wires, (first, second))
    warn(
        f"{device} reads readout_prob={given!r} as the pair (p(1|0), p(0|1)) of each wire. If it "
        f"is one probability for each wire, give readout_prob={by_wire}; if it is the pair, "
        f"{pairs} says so without this warning."
    )
