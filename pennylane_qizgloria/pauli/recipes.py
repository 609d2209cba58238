"""How the matrices of fused steps are made from those of operations.

A step is a product of alternating factors: a layer with one sequence of single-wire operations on
each of its wires, and an operation on several wires. Steps with the same factors form a group,
whatever their sequences are, so that all of a group is multiplied in a few calls. Where wires come
or go, a part of the matrix is cut out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .basis import I, X, Y, Z, zero_vector
from .plan import Cut, Group, Layer, Runs, Source, Wide
from .program import Operand, Operation, Program
from .schedule import Letters, Stage

EVERY_LETTER = (I, X, Y, Z)

Use = tuple[int, int]
"""A matrix: its source and row."""

Sequenced = tuple[int, int]
"""A sequence on one wire: its kind, and its row among those of its kind."""


@dataclass
class Recipes:
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
    _runs: tuple[dict, dict] = field(default_factory=lambda: ({}, {}))
    _groups: dict[tuple, list[list]] = field(default_factory=dict)
    _cuts: dict[tuple, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._positions = positions_of_numbers(self.program)

    def add(self, stage: Stage, wires: tuple[int, ...]) -> tuple[int, int]:
        """Add a step with its wires in order. Returns the cut and the row of its matrix."""
        group, row = self._add(stage.block.members, wires)
        entering = tuple(wire in stage.entering for wire in wires)
        kept = tuple(stage.leaving.get(wire, EVERY_LETTER) for wire in wires)
        key = (group, entering, kept)
        rows = self._cuts.setdefault(key, [])
        rows.append(row)
        return list(self._cuts).index(key), len(rows) - 1

    def _add(self, members: Sequence[int], wires: tuple[int, ...]) -> tuple[int, int]:
        """The group and the row of a step's whole matrix."""
        signature: list[tuple] = []
        rows: list[int | Sequenced | None] = []
        pending: dict[int, list[int]] = {}
        for index in members:
            operation = self.program.operations[index]
            if len(operation.wires) == 1:
                pending.setdefault(wires.index(operation.wires[0]), []).append(index)
                continue
            self._close_layer(pending, len(wires), signature, rows)
            source, row = self._use(index)
            signature.append((source, tuple(wires.index(wire) for wire in operation.wires)))
            rows.append(row)
        self._close_layer(pending, len(wires), signature, rows)
        kind = (len(wires), tuple(signature))
        group = self._groups.setdefault(kind, [])
        if signature or not group:  # one identity serves all steps that do nothing
            group.append(rows)
        return list(self._groups).index(kind), len(group) - 1

    def _close_layer(
        self, pending: dict[int, list[int]], width: int, signature: list[tuple], rows: list
    ) -> None:
        """Gather what has come on single wires into a layer, if anything has."""
        if not pending:
            return
        flags = []
        for position in range(width):
            batched, row = self._run(pending.pop(position, []))
            flags.append(batched)
            rows.append(row)
        signature.append(tuple(flags))

    def _use(self, index: int) -> Use:
        """The source and row of an operation's matrix."""
        operation = self.program.operations[index]
        key = (operation.source, len(operation.wires), operation.batched)
        source = self._kinds.setdefault(key, len(self._slots))
        if source == len(self._slots):
            self._slots.append([])
            self._representatives.append(operation)
        slots, slot = self._slots[source], self._positions[index]
        if slot or not slots:  # one matrix serves all uses of a constant
            slots.append(slot)
        return source, len(slots) - 1

    def _run(self, indices: list[int]) -> tuple[bool, Sequenced | None]:
        """Whether a sequence is batched, and its kind and its row among those of its kind."""
        if not indices:
            return False, None
        batched = any(self.program.operations[index].batched for index in indices)
        uses = [self._use(index) for index in indices]
        kinds, kind = self._runs[batched], tuple(source for source, _ in uses)
        rows = kinds.setdefault(kind, [])
        rows.append(tuple(row for _, row in uses))
        return batched, (list(kinds).index(kind), len(rows) - 1)

    def sources(self) -> tuple[Source, ...]:
        """The matrices of operations."""
        pairs = zip(self._representatives, self._slots, strict=True)
        return tuple(Source(operation, self._numbers(rows)) for operation, rows in pairs)

    def runs(self) -> tuple[tuple[Runs, ...], tuple[Runs, ...]]:
        """The sequences on single wires, without and with a batch."""
        plain, batched = (
            tuple(
                Runs(sources, tuple(self._numbers(column) for column in zip(*rows, strict=True)))
                for sources, rows in kinds.items()
            )
            for kinds in self._runs
        )
        return plain, batched

    def groups(self) -> tuple[Group, ...]:
        """The steps."""
        return tuple(
            Group(width, tuple(self._factors(signature, list(zip(*rows, strict=True)))))
            for (width, signature), rows in self._groups.items()
        )

    def cuts(self) -> tuple[Cut, ...]:
        """The parts of the steps' matrices that are needed."""
        sizes = [len(rows) for rows in self._groups.values()]
        return tuple(
            Cut(
                group,
                None if len(rows) == sizes[group] else self._numbers(rows),
                _columns(entering).to(self.device) if any(entering) else None,
                None if set(letters) == {EVERY_LETTER} else _positions(letters).to(self.device),
            )
            for (group, entering, letters), rows in self._cuts.items()
        )

    def _numbers(self, values: Sequence) -> Int[Tensor, "..."]:
        return torch.tensor(values, dtype=torch.long, device=self.device)

    def _factors(self, signature: tuple, columns: list[tuple]) -> Iterator[Layer | Wide]:
        # Row 0 of the stacks of sequences is the identity; those of each kind follow each other.
        starts = [
            list(accumulate([len(rows) for rows in kinds.values()], initial=1))
            for kinds in self._runs
        ]
        remaining = iter(columns)
        for kind in signature:
            if isinstance(kind, tuple) and isinstance(kind[0], bool):
                rows = []
                for batched in kind:
                    column = next(remaining)
                    absolute = [0 if x is None else starts[batched][x[0]] + x[1] for x in column]
                    rows.append(self._numbers(absolute))
                yield Layer(kind, tuple(rows))
            else:
                source, positions = kind
                yield Wide(source, positions, self._numbers(next(remaining)))


def _columns(entering: Sequence[bool]) -> Float[Tensor, "size inputs"]:
    """Where a wire enters, the Pauli vector of ``|0>``; the identity on the others."""
    identity = torch.eye(4, dtype=torch.float64)
    zero = zero_vector(1, torch.float64, identity.device)[:, None]
    return reduce(torch.kron, [zero if new else identity for new in entering])


def _positions(letters: Sequence[Letters]) -> Int[Tensor, " words"]:
    """The positions, among all words on some wires, of those made of the given letters."""
    words = torch.zeros(1, dtype=torch.long)
    for choice in letters:
        words = (4 * words[:, None] + torch.tensor(choice)).flatten()
    return words


def positions_of_numbers(program: Program) -> list[tuple[int, ...]]:
    """For each operation, where its scalars or its operand stand among the arguments."""
    positions: list[tuple[int, ...]] = []
    operands, scalars = 0, {False: 0, True: 0}
    for operation in program.operations:
        if isinstance(operation.source, Operand):
            positions.append((operands,))
            operands += 1
        else:
            start = scalars[operation.batched]
            scalars[operation.batched] += operation.source.num_params
            positions.append(tuple(range(start, scalars[operation.batched])))
    return positions
