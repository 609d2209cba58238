"""Sequences of operations on a single wire, and how their matrices are multiplied.

Without a batch all sequences are multiplied together, by halving: of ``2**k`` matrices each, padded
with identities, neighbours are multiplied in k calls. With a batch, where padding would cost
as much as multiplying, those of one kind are multiplied one factor after the other, and what
stands between batched operations is a sequence without a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby

import torch
from jaxtyping import Int
from torch import Tensor

from .parts import BatchedProducts, PaddedProducts

Use = tuple[int, int]
"""A matrix: its batch and row."""

Number = int | tuple[int, int]
"""A sequence: its number or, where it is batched, its kind and its number among those."""

SHORT = 4
"""Sequences up to this length are multiplied together: padding costs less than a call."""


@dataclass
class Sequences:
    """Collects sequences; number 0 of those without a batch is empty, the identity.

    Args:
        device: where their matrices will be made.
    """

    device: torch.device
    _plain: list[list[Use]] = field(default_factory=lambda: [[]])
    _batched: dict[tuple[int | None, ...], list[list[int]]] = field(default_factory=dict)

    def add(self, uses: Sequence[tuple[Use, bool]]) -> tuple[bool, Number]:
        """Add a sequence.

        Args:
            uses: its matrices, the first one first, and whether each is batched.

        Returns:
            Whether the sequence is batched, and its number.
        """
        if not any(batched for _, batched in uses):
            return False, self._add_plain([use for use, _ in uses])
        kind: list[int | None] = []
        rows: list[int] = []
        for batched, own in groupby(uses, key=lambda pair: pair[1]):
            part = [use for use, _ in own]
            if batched:
                kind.extend(matrix_batch for matrix_batch, _ in part)
                rows.extend(row for _, row in part)
            else:
                kind.append(None)
                rows.append(self._add_plain(part))
        alike = self._batched.setdefault(tuple(kind), [])
        alike.append(rows)
        return True, (list(self._batched).index(tuple(kind)), len(alike) - 1)

    def _add_plain(self, uses: list[Use]) -> int:
        if not uses:
            return 0
        self._plain.append(uses)
        return len(self._plain) - 1

    @property
    def singles(self) -> tuple[int, ...]:
        """The batches that the table of single matrices is made of, after the identity."""
        return tuple(sorted({matrix_batch for uses in self._plain for matrix_batch, _ in uses}))

    def padded_products(self, sizes: Sequence[int]) -> tuple[PaddedProducts, ...]:
        """How the sequences without a batch are multiplied.

        Args:
            sizes: how many matrices each batch has.
        """
        singles = self.singles
        ends = accumulate((sizes[matrix_batch] for matrix_batch in singles), initial=1)
        starts = dict(zip(singles, ends, strict=False))
        found = []
        for length, numbers in self._by_length().items():
            rows = torch.zeros(len(numbers), length, dtype=torch.long)
            for row, number in zip(rows, numbers, strict=True):
                for position, (matrix_batch, own) in enumerate(self._plain[number]):
                    row[position] = starts[matrix_batch] + own
            found.append(PaddedProducts(length, _halved(rows).to(self.device)))
        return tuple(found)

    def batched_products(self) -> tuple[BatchedProducts, ...]:
        """How the batched sequences are multiplied."""
        places = self.places()
        found = []
        for kind, rows in self._batched.items():
            pairs = zip(kind, zip(*rows, strict=True), strict=True)
            found.append(
                BatchedProducts(kind, tuple(self._column(*pair, places) for pair in pairs))
            )
        return tuple(found)

    def places(self) -> list[int]:
        """Where each sequence without a batch stands among all padded products."""
        ordered = [number for numbers in self._by_length().values() for number in numbers]
        places = [0] * len(ordered)
        for place, number in enumerate(ordered):
            places[number] = place
        return places

    def batched_places(self) -> dict[tuple[int, int], int]:
        """Where each batched sequence stands, by its number: after the identity."""
        starts = accumulate((len(rows) for rows in self._batched.values()), initial=1)
        return {
            (kind, row): start + row
            for (kind, rows), start in zip(enumerate(self._batched.values()), starts, strict=False)
            for row in range(len(rows))
        }

    def _column(
        self, matrix_batch: int | None, rows: Sequence[int], places: list[int]
    ) -> Int[Tensor, " sequences"]:
        found = [places[row] for row in rows] if matrix_batch is None else list(rows)
        return torch.tensor(found, dtype=torch.long, device=self.device)

    def _by_length(self) -> dict[int, list[int]]:
        """The numbers of the plain sequences by the length that they are padded to."""
        lengths = [1 << max(0, len(uses) - 1).bit_length() for uses in self._plain]
        least = min(SHORT, max(lengths))
        found: dict[int, list[int]] = {}
        for number, length in enumerate(lengths):
            found.setdefault(max(least, length), []).append(number)
        return dict(sorted(found.items()))


def _halved(rows: Int[Tensor, "sequences length"]) -> Int[Tensor, " rows"]:
    """Order matrices so that the second half is to be multiplied onto the first, again and again.

    The first half holds those at even positions of the sequences; in the same order follow those
    that come after each of them. The same holds for the products of the two halves.
    """
    digits = rows.shape[1].bit_length() - 1
    axes = rows.reshape(len(rows), *(2,) * digits)
    return axes.permute(*reversed(range(axes.ndim))).flatten()
