"""Classical shadows, from the bits of single shots in random bases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from pennylane.measurements import MeasurementProcess, ShadowExpvalMP
from pennylane.shadows import ClassicalShadow


def shadow_recipes(
    process: MeasurementProcess, shots: int, num_wires: int
) -> Int[np.ndarray, "shots wires"]:
    """The basis of each shot on each wire: 0, 1, 2 for X, Y, Z.

    PennyLane draws them so: equal seeds must give equal recipes on every device.
    """
    return np.random.RandomState(process.seed).randint(0, 3, size=(shots, num_wires))


def shadow_results(
    process: MeasurementProcess,
    bits: Iterable[Int[np.ndarray, "shots wires"]],
    recipes: Int[np.ndarray, "shots wires"],
    is_batched: bool,
) -> Any:
    """What a process makes of the outcomes: the shadow itself, or expectation values from it.

    Args:
        process: the measurement process.
        bits: the outcomes, for each element of a batch.
        recipes: the bases.
        is_batched: whether the result has a batch axis.
    """
    results: list[Any] = [np.stack([own, recipes]).astype(np.int8) for own in bits]
    if isinstance(process, ShadowExpvalMP):
        results = [_expectations(process, *shadow) for shadow in results]
    return np.stack(results) if is_batched else results[0]


def _expectations(
    process: ShadowExpvalMP, bits: np.ndarray, recipes: np.ndarray
) -> Float[np.ndarray, "*observables"]:
    shadow = ClassicalShadow(bits, recipes, wire_map=process.wires.tolist())
    return np.asarray(shadow.expval(process.H, process.k))
