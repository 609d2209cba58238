"""Classical shadows: single shots, each wire of which is measured in a random Pauli basis.

The bases are parameters of one circuit. Snapshots in the same basis are shots of the same row, so
that there are at most 3**wires rows for each element of a batch. A recipe is PennyLane's: for each
wire 0, 1 or 2 for X, Y or Z. The engine draws the recipes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Bool, Float, Int, Int8
from pennylane.tape import QuantumScript

from ...engines.shadows import shadow_recipes, shadow_results
from ...results import unwrapped
from .pubs import PubBuilder, TapePlan

MAX_SURPLUS = 0.25
"""How many more shots may be taken than there are snapshots, so that there are fewer rows.

All rows of a PUB have the same number of shots, but not all bases are drawn equally often."""

_DIAGONALIZING_ANGLES = np.array([[-np.pi / 2, 0, 0], [-np.pi / 2, 0, -np.pi / 2], [0, 0, 0]])
"""The angles of the U3 that diagonalizes X, Y and Z."""


def add_shadow(
    tape: QuantumScript,
    order: list[Hashable],
    pub_of: Callable[..., tuple[PubBuilder, Float[np.ndarray, "batch parameters"]]],
) -> TapePlan:
    """Add a tape whose one measurement is a shadow to a PUB.

    Args:
        tape: the tape.
        order: the wires in the order of the qubits.
        pub_of: gives the PUB of a tape, and the values of its parameters.
    """
    (process,) = tape.measurements
    wires = list(process.wires) or order
    rotated = tape.copy(operations=[*tape.operations, *(qml.U3(0, 0, 0, wires=w) for w in wires)])
    copies = []
    for shots in tape.shots:
        recipes = shadow_recipes(process, shots, len(wires))
        layout = arrange_snapshots(recipes)
        pub, values = pub_of(rotated, order, wires, layout.shots)
        copies.append((pub, pub.add(_with_bases(values, layout.bases)), layout, recipes))

    def postprocess(bits: Sequence[Bool[np.ndarray, "_ _ _"]]) -> Any:
        results = []
        for pub, rows, layout, recipes in copies:
            found = layout.outcomes(bits[pub.number][rows])
            is_batched = tape.batch_size is not None
            results.append(shadow_results(process, found, recipes, is_batched))
        return unwrapped(results)

    rows = [own.stop - own.start for _, own, _, _ in copies]
    shots = sum(n * layout.shots for n, (_, _, layout, _) in zip(rows, copies, strict=True))
    return TapePlan(postprocess, sum(rows), shots)


@dataclass(frozen=True)
class SnapshotLayout:
    """In which row and shot each snapshot of a shadow is taken.

    Args:
        bases: of each row.
        shots: of each row.
        row: of each snapshot.
        shot: of each snapshot, among those of its row.
    """

    bases: Int[np.ndarray, "rows wires"]
    shots: int
    row: Int[np.ndarray, "snapshots"]
    shot: Int[np.ndarray, "snapshots"]

    def outcomes(
        self, bits: Bool[np.ndarray, "batch_and_rows shots wires"]
    ) -> Int8[np.ndarray, "batch snapshots wires"]:
        """The outcomes of the snapshots in order, for each element of a batch."""
        by_element = bits.reshape(-1, len(self.bases), *bits.shape[1:])
        return by_element[:, self.row, self.shot].astype(np.int8)


def arrange_snapshots(recipes: Int[np.ndarray, "snapshots wires"]) -> SnapshotLayout:
    """Distribute snapshots over rows, one basis each, all with the same number of shots.

    >>> layout = arrange_snapshots(np.array([[2], [0], [2], [2]]))
    >>> layout.bases.tolist(), layout.shots
    ([[0], [2], [2], [2]], 1)
    >>> layout.row.tolist(), layout.shot.tolist()
    ([1, 0, 2, 3], [0, 0, 0, 0])
    """
    bases, basis, counts = np.unique(recipes, axis=0, return_inverse=True, return_counts=True)
    basis = basis.reshape(-1)
    shots = _shots_per_row(counts)
    rows = -(-counts // shots)
    by_basis = np.argsort(basis, kind="stable")
    rank = np.empty_like(by_basis)
    rank[by_basis] = np.arange(len(basis)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = np.cumsum(rows) - rows
    return SnapshotLayout(
        np.repeat(bases, rows, axis=0), shots, first[basis] + rank // shots, rank % shots
    )


def _shots_per_row(counts: Int[np.ndarray, "bases"]) -> int:
    """The most shots a row that take no more than the surplus."""
    most, total = int(counts.max()), int(counts.sum())
    for rows in range(1, most + 1):
        shots = -(-most // rows)
        if int((-(-counts // shots)).sum()) * shots <= (1 + MAX_SURPLUS) * total:
            return shots
    return 1


def _with_bases(
    values: Float[np.ndarray, "batch parameters"], bases: Int[np.ndarray, "rows wires"]
) -> Float[np.ndarray, "batch_times_rows parameters"]:
    """Each element of a batch in each basis, whose angles are the last parameters."""
    angles = _DIAGONALIZING_ANGLES[bases].reshape(len(bases), -1)
    own = np.repeat(values, len(bases), axis=0)
    own[:, -angles.shape[1] :] = np.tile(angles, (len(values), 1))
    return own
