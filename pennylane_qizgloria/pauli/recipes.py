"""How the matrices of fused steps are made from those of operations.

A step is a product of alternating factors: a layer with one sequence of single-wire operations on
each of its wires, and an operation on several wires. Steps with the same factors form a group,
whatever their sequences are, so that all of a group is multiplied in a few calls. Where wires come
or go, a part of the matrix is cut out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .basis import I, X, Y, Z, zero_vector
from .plan import Chains, Cut, Group, Layer, Layers, Source, Wide
from .program import Operand, Operation, Program
from .schedule import Letters, Stage
from .sequences import Number, Sequences, Use

EVERY_LETTER = (I, X, Y, Z)

Flags = tuple[bool, ...]
"""One for each wire of a step."""

LayerKind = tuple[Flags, Flags]
"""Which sequences of a layer are batched, and which wires are cut to one column by it."""

WideKind = tuple[int, tuple[int, ...]]
"""The source of an operation on several wires, and its wires among the step's."""


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
    _groups: dict[tuple, list[list]] = field(default_factory=dict)
    _cuts: dict[tuple, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._positions = positions_of_numbers(self.program)
        self.sequences = Sequences(self.device)

    def add(self, stage: Stage, wires: tuple[int, ...]) -> tuple[int, int]:
        """Add a step with its wires in order. Returns the cut and the row of its matrix."""
        members = stage.block.members
        entering = tuple(wire in stage.entering for wire in wires)
        # Cut before they are multiplied, matrices are smaller, but fewer of them are alike: that
        # pays where there is one for each element of a batch.
        batched = any(self.program.operations[index].batched for index in members)
        early = entering if batched else (False,) * len(wires)
        group, row = self._add(members, wires, early)
        late = (False,) * len(wires) if batched else entering
        kept = tuple(stage.leaving.get(wire, EVERY_LETTER) for wire in wires)
        rows = self._cuts.setdefault((group, late, kept), [])
        rows.append(row)
        return list(self._cuts).index((group, late, kept)), len(rows) - 1

    def _add(
        self, members: Sequence[int], wires: tuple[int, ...], entering: Flags
    ) -> tuple[int, int]:
        """The group of a step, and the row of its matrix there."""
        signature: list[LayerKind | WideKind] = []
        rows: list[Any] = []
        for part in self._factors(members, wires):
            if isinstance(part, dict):
                flags, numbers = zip(*(self._sequence(part.get(w, [])) for w in wires), strict=True)
                cut = (False,) * len(wires) if signature else entering
                signature.append((flags, cut))
                rows.append(numbers)
            else:
                source, row = self._use(part)
                operands = self.program.operations[part].wires
                signature.append((source, tuple(wires.index(wire) for wire in operands)))
                rows.append(row)
        kind = (len(wires), entering, tuple(signature))
        group = self._groups.setdefault(kind, [])
        if signature or not group:  # one identity serves all steps that do nothing
            group.append(rows)
        return list(self._groups).index(kind), len(group) - 1

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
        """The source and row of an operation's matrix."""
        operation = self.program.operations[index]
        key = (
            operation.source,
            len(operation.wires),
            operation.batched,
            operation.constant,
        )
        source = self._kinds.setdefault(key, len(self._slots))
        if source == len(self._slots):
            self._slots.append([])
            self._representatives.append(operation)
        slots, slot = self._slots[source], self._positions[index]
        if slot or not slots:  # one matrix serves all uses of a constant
            slots.append(slot)
        return source, len(slots) - 1

    def _sequence(self, indices: list[int]) -> tuple[bool, Number]:
        """Whether a sequence is batched, and its number."""
        operations = self.program.operations
        return self.sequences.add([(self._use(i), operations[i].batched) for i in indices])

    def sources(self) -> tuple[Source, ...]:
        """The matrices of operations."""
        pairs = zip(self._representatives, self._slots, strict=True)
        return tuple(Source(operation, self._numbers(rows)) for operation, rows in pairs)

    def chains(self) -> tuple[Chains, ...]:
        """The sequences on single wires without a batch."""
        return self.sequences.chains([len(slots) for slots in self._slots])

    def layers_and_groups(self) -> tuple[tuple[Layers, ...], tuple[Group, ...]]:
        """The products of sequences, and the matrices of the steps."""
        layers = _LayersOfGroups(self.sequences.places(), self.sequences.batched_places())
        groups = []
        for (width, entering, signature), rows in self._groups.items():
            columns = zip(*rows, strict=True)
            factors = tuple(
                layers.add(kind, column)
                if isinstance(kind[0], tuple)
                else Wide(kind[0], kind[1], self._numbers(column))
                for kind, column in zip(signature, columns, strict=True)
            )
            cut_by_layer = bool(factors) and isinstance(factors[0], Layer)
            start = None if cut_by_layer else self._columns(entering)
            groups.append(Group(width, factors, start))
        return layers.made(self.device), tuple(groups)

    def cuts(self) -> tuple[Cut, ...]:
        """The parts of the steps' matrices that are needed."""
        sizes = [len(rows) for rows in self._groups.values()]
        return tuple(
            Cut(
                group,
                None if len(rows) == sizes[group] else self._numbers(rows),
                self._columns(entering),
                None if set(letters) == {EVERY_LETTER} else _positions(letters).to(self.device),
            )
            for (group, entering, letters), rows in self._cuts.items()
        )

    def _numbers(self, values: Sequence) -> Int[Tensor, "..."]:
        return torch.tensor(values, dtype=torch.long, device=self.device)

    def _columns(self, entering: Flags) -> Float[Tensor, "size inputs"] | None:
        return _columns(entering).to(self.device) if any(entering) else None


@dataclass
class _LayersOfGroups:
    """Collects the layers of all groups, those of a kind together.

    Args:
        plain: where each sequence without a batch stands.
        batched: where each batched sequence stands.
    """

    plain: list[int]
    batched: dict[tuple[int, int], int]
    _rows: dict[LayerKind, list[tuple[Number, ...]]] = field(default_factory=dict)
    _sizes: dict[LayerKind, list[int]] = field(default_factory=dict)

    def add(self, kind: LayerKind, rows: Sequence[tuple[Number, ...]]) -> Layer:
        """Add what the steps of a group have in one place."""
        self._rows.setdefault(kind, []).extend(rows)
        sizes = self._sizes.setdefault(kind, [])
        sizes.append(len(rows))
        return Layer(list(self._rows).index(kind), len(sizes) - 1)

    def made(self, device: torch.device) -> tuple[Layers, ...]:
        """All layers."""
        return tuple(
            Layers(flags, entering, self._places(flags, rows, device), tuple(sizes))
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


def _positions(letters: Sequence[Letters]) -> Int[Tensor, " words"]:
    """The positions, among all words on some wires, of those made of the given letters."""
    words = torch.zeros(1, dtype=torch.long)
    for choice in letters:
        words = (4 * words[:, None] + torch.tensor(choice)).flatten()
    return words


def positions_of_numbers(program: Program) -> list[tuple[int, ...]]:
    """For each operation, where its scalars or its operand stand among the arguments."""
    positions: list[tuple[int, ...]] = []
    operands, scalars = 0, Counter[tuple[bool, bool]]()
    for operation in program.operations:
        if isinstance(operation.source, Operand):
            positions.append((operands,))
            operands += 1
        else:
            among = (operation.batched, operation.constant)
            start = scalars[among]
            scalars[among] += operation.source.num_params
            positions.append(tuple(range(start, scalars[among])))
    return positions
