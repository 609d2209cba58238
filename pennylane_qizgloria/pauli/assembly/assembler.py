"""How the matrices of fused steps are made from those of operations.

A step is a product of alternating factors: the Kronecker product of one sequence of single-wire
operations on each of its wires, and an operation on several wires. Steps with the same factors form
a group, whatever their sequences are, so that all of a group is multiplied in a few calls. Where
wires come or go, a submatrix is enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..program.program import Operation, Program, argument_positions
from ..program.schedule import PauliSubset, ScheduledStep
from ..state.basis import I, X, Y, Z, zero_vector
from .parts import (
    KroneckerFactor,
    KroneckerProducts,
    MatrixBatch,
    MatrixGroup,
    MultiWireFactor,
    PaddedProducts,
    Submatrix,
)
from .sequences import Number, Sequences, Use

ALL_PAULIS = (I, X, Y, Z)

Flags = tuple[bool, ...]
"""One for each wire of a step."""

KroneckerKind = tuple[Flags, Flags]
"""Which sequences of a Kronecker product are batched, and which wires it reduces to one column."""

MultiWireKind = tuple[int, tuple[int, ...]]
"""The matrix batch of an operation on several wires, and its wires among the step's."""


@dataclass
class Assembler:
    """Collects the matrices of a program's steps, step by step.

    Args:
        program: the program that is planned.
        device: where the matrices will be made.
    """

    program: Program
    device: torch.device
    _kinds: dict[tuple, int] = field(default_factory=dict)
    _representatives: list[Operation] = field(default_factory=list)
    _slots: list[list[tuple[int, ...]]] = field(default_factory=list)
    _matrix_groups: dict[tuple, list[list]] = field(default_factory=dict)
    _submatrices: dict[tuple, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._positions = argument_positions(self.program)
        self.sequences = Sequences(self.device)

    def add(self, scheduled: ScheduledStep, wires: tuple[int, ...]) -> tuple[int, int]:
        """Add a step with its wires in order. Returns the submatrix and the row there."""
        members = scheduled.block.members
        entering = tuple(wire in scheduled.entering for wire in wires)
        # Reduced before they are multiplied, matrices are smaller, but fewer are alike: that
        # pays where there is one for each element of a batch.
        batched = any(self.program.operations[index].batched for index in members)
        early = entering if batched else (False,) * len(wires)
        group, row = self._add(members, wires, early)
        late = (False,) * len(wires) if batched else entering
        rows_needed = tuple(scheduled.leaving.get(wire, ALL_PAULIS) for wire in wires)
        rows = self._submatrices.setdefault((group, late, rows_needed), [])
        rows.append(row)
        return list(self._submatrices).index((group, late, rows_needed)), len(rows) - 1

    def _add(
        self, members: Sequence[int], wires: tuple[int, ...], entering: Flags
    ) -> tuple[int, int]:
        """The group of a step, and the row of its matrix there."""
        signature: list[KroneckerKind | MultiWireKind] = []
        rows: list[Any] = []
        for part in self._factors(members, wires):
            if isinstance(part, dict):
                flags, numbers = zip(*(self._sequence(part.get(w, [])) for w in wires), strict=True)
                reduced = (False,) * len(wires) if signature else entering
                signature.append((flags, reduced))
                rows.append(numbers)
            else:
                matrix_batch, row = self._use(part)
                operands = self.program.operations[part].wires
                signature.append((matrix_batch, tuple(wires.index(wire) for wire in operands)))
                rows.append(row)
        kind = (len(wires), entering, tuple(signature))
        group = self._matrix_groups.setdefault(kind, [])
        if signature or not group:  # one identity serves all steps that do nothing
            group.append(rows)
        return list(self._matrix_groups).index(kind), len(group) - 1

    def _factors(
        self, members: Sequence[int], wires: tuple[int, ...]
    ) -> Iterator[dict[int, list[int]] | int]:
        """The operations on several wires, and between them those on each single wire."""
        pending: dict[int, list[int]] = {}
        for index in members:
            operation = self.program.operations[index]
            if len(operation.wires) == 1:
                pending.setdefault(operation.wires[0], []).append(index)
                continue
            if pending:
                yield pending
            pending = {}
            yield index
        if pending:
            yield pending

    def _use(self, index: int) -> Use:
        """The batch and row of an operation's matrix."""
        operation = self.program.operations[index]
        key = (
            operation.form,
            len(operation.wires),
            operation.batched,
            operation.constant,
        )
        matrix_batch = self._kinds.setdefault(key, len(self._slots))
        if matrix_batch == len(self._slots):
            self._slots.append([])
            self._representatives.append(operation)
        slots, slot = self._slots[matrix_batch], self._positions[index]
        if slot or not slots:  # one matrix serves all uses of a constant
            slots.append(slot)
        return matrix_batch, len(slots) - 1

    def _sequence(self, indices: list[int]) -> tuple[bool, Number]:
        """Whether a sequence is batched, and its number."""
        operations = self.program.operations
        return self.sequences.add([(self._use(i), operations[i].batched) for i in indices])

    def matrix_batches(self) -> tuple[MatrixBatch, ...]:
        """The matrices of operations."""
        pairs = zip(self._representatives, self._slots, strict=True)
        return tuple(MatrixBatch(operation, self._numbers(rows)) for operation, rows in pairs)

    def padded_products(self) -> tuple[PaddedProducts, ...]:
        """The sequences on single wires without a batch."""
        return self.sequences.padded_products([len(slots) for slots in self._slots])

    def products_and_groups(self) -> tuple[tuple[KroneckerProducts, ...], tuple[MatrixGroup, ...]]:
        """The products of sequences, and the matrices of the steps."""
        kronecker_products = _KroneckerProductsOfGroups(
            self.sequences.places(), self.sequences.batched_places()
        )
        matrix_groups = []
        for (width, entering, signature), rows in self._matrix_groups.items():
            columns = zip(*rows, strict=True)
            factors = tuple(
                kronecker_products.add(kind, column)
                if isinstance(kind[0], tuple)
                else MultiWireFactor(kind[0], kind[1], self._numbers(column))
                for kind, column in zip(signature, columns, strict=True)
            )
            is_reduced = bool(factors) and isinstance(factors[0], KroneckerFactor)
            start = None if is_reduced else self._columns(entering)
            matrix_groups.append(MatrixGroup(width, factors, start))
        return kronecker_products.made(self.device), tuple(matrix_groups)

    def submatrices(self) -> tuple[Submatrix, ...]:
        """What the steps need of the matrices."""
        sizes = [len(rows) for rows in self._matrix_groups.values()]
        return tuple(
            Submatrix(
                group,
                None if len(rows) == sizes[group] else self._numbers(rows),
                self._columns(entering),
                None if set(paulis) == {ALL_PAULIS} else _positions(paulis).to(self.device),
            )
            for (group, entering, paulis), rows in self._submatrices.items()
        )

    def _numbers(self, values: Sequence) -> Int[Tensor, "..."]:
        return torch.tensor(values, dtype=torch.long, device=self.device)

    def _columns(self, entering: Flags) -> Float[Tensor, "size inputs"] | None:
        return _columns(entering).to(self.device) if any(entering) else None


@dataclass
class _KroneckerProductsOfGroups:
    """Collects the Kronecker products of all groups, those of a kind together.

    Args:
        plain: where each sequence without a batch stands.
        batched: where each batched sequence stands.
    """

    plain: list[int]
    batched: dict[tuple[int, int], int]
    _rows: dict[KroneckerKind, list[tuple[Number, ...]]] = field(default_factory=dict)
    _sizes: dict[KroneckerKind, list[int]] = field(default_factory=dict)

    def add(self, kind: KroneckerKind, rows: Sequence[tuple[Number, ...]]) -> KroneckerFactor:
        """Add what the steps of a group have in one place."""
        self._rows.setdefault(kind, []).extend(rows)
        sizes = self._sizes.setdefault(kind, [])
        sizes.append(len(rows))
        return KroneckerFactor(list(self._rows).index(kind), len(sizes) - 1)

    def made(self, device: torch.device) -> tuple[KroneckerProducts, ...]:
        """All of them."""
        return tuple(
            KroneckerProducts(flags, entering, self._places(flags, rows, device), tuple(sizes))
            for ((flags, entering), rows), sizes in zip(
                self._rows.items(), self._sizes.values(), strict=True
            )
        )

    def _places(
        self, flags: Flags, rows: Sequence[tuple[Number, ...]], device: torch.device
    ) -> tuple[Int[Tensor, " steps"], ...]:
        tables: list[Any] = [self.batched if flag else self.plain for flag in flags]
        columns = zip(*rows, strict=True)
        return tuple(
            torch.tensor([table[number] for number in column], dtype=torch.long, device=device)
            for table, column in zip(tables, columns, strict=True)
        )


def _columns(entering: Sequence[bool]) -> Float[Tensor, "size inputs"]:
    """Where a wire enters, the Pauli vector of ``|0>``; the identity on the others."""
    identity = torch.eye(4, dtype=torch.float64)
    zero = zero_vector(1, torch.float64, identity.device)[:, None]
    return reduce(torch.kron, [zero if new else identity for new in entering])


def _positions(paulis: Sequence[PauliSubset]) -> Int[Tensor, " words"]:
    """The positions, among all words on some wires, of those made of the given Paulis."""
    words = torch.zeros(1, dtype=torch.long)
    for choice in paulis:
        words = (4 * words[:, None] + torch.tensor(choice)).flatten()
    return words
