"""Classical shadows: single shots in random bases of Pauli letters.

The bases are parameters of one circuit. Snapshots in the same basis are shots of the same row, so
that there are at most 3**wires rows for each element of a batch.
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
from .pubs import Pub, Reading

MAX_SURPLUS = 0.25
"""How many more shots may be taken than there are snapshots, so that there are fewer rows.

All rows of a PUB have the same number of shots, but not all bases are drawn equally often."""

_TURNS = np.array([[-np.pi / 2, 0, 0], [-np.pi / 2, 0, -np.pi / 2], [0, 0, 0]])
"""The angles of the U3 that turns X, Y and Z into Z."""


def read_shadow(
    tape: QuantumScript,
    order: list[Hashable],
    pub_of: Callable[..., tuple[Pub, Float[np.ndarray, "batch parameters"]]],
) -> Reading:
    """Add the one measurement of a tape, a shadow, to a PUB; return how its result follows.

    Args:
        tape: the tape.
        order: the wires in the order of the qubits.
        pub_of: gives the PUB of a tape, and the values of its parameters.
    """
    (process,) = tape.measurements
    wires = list(process.wires) or order
    turned = tape.copy(operations=[*tape.operations, *(qml.U3(0, 0, 0, wires=w) for w in wires)])
    copies = []
    for shots in tape.shots:
        recipes = shadow_recipes(process, shots, len(wires))
        placed = place_snapshots(recipes)
        pub, values = pub_of(turned, order, wires, placed.shots)
        copies.append((pub, pub.add(_with_bases(values, placed.bases)), placed, recipes))

    def read(bits: Sequence[Bool[np.ndarray, "_ _ _"]]) -> Any:
        results = []
        for pub, rows, placed, recipes in copies:
            found = placed.outcomes(bits[pub.number][rows])
            is_batched = tape.batch_size is not None
            results.append(shadow_results(process, found, recipes, is_batched))
        return unwrapped(results)

    rows = [own.stop - own.start for _, own, _, _ in copies]
    shots = sum(n * placed.shots for n, (_, _, placed, _) in zip(rows, copies, strict=True))
    return Reading(read, sum(rows), shots)


@dataclass(frozen=True)
class Placed:
    """Where the snapshots of a shadow are.

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


def place_snapshots(recipes: Int[np.ndarray, "snapshots wires"]) -> Placed:
    """Share out snapshots among rows, one basis each, all with the same number of shots.

    >>> placed = place_snapshots(np.array([[2], [0], [2], [2]]))
    >>> placed.bases.tolist(), placed.shots
    ([[0], [2], [2], [2]], 1)
    >>> placed.row.tolist(), placed.shot.tolist()
    ([1, 0, 2, 3], [0, 0, 0, 0])
    """
    bases, basis, counts = np.unique(recipes, axis=0, return_inverse=True, return_counts=True)
    basis = basis.reshape(-1)
    shots = _shots_a_row(counts)
    rows = -(-counts // shots)
    by_basis = np.argsort(basis, kind="stable")
    rank = np.empty_like(by_basis)
    rank[by_basis] = np.arange(len(basis)) - np.repeat(np.cumsum(counts) - counts, counts)
    first = np.cumsum(rows) - rows
    return Placed(np.repeat(bases, rows, axis=0), shots, first[basis] + rank // shots, rank % shots)


def _shots_a_row(counts: Int[np.ndarray, "bases"]) -> int:
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
    angles = _TURNS[bases].reshape(len(bases), -1)
    own = np.repeat(values, len(bases), axis=0)
    own[:, -angles.shape[1] :] = np.tile(angles, (len(values), 1))
    return own
