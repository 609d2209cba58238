"""How a program is run: which operations are fused, and where each wire's axis lies.

Planning sees the structure only, so one plan serves every set of parameters and is cached.

* Operations that no measurement can see are dropped: walking backwards, a trace-preserving
  operation that touches no wire of the measurements' causal cone has no effect.
* An operation joins the latest step on its wires where that step is wide enough; pending narrow
  steps join the first wider one. A step on two wires costs about one pass over the state, whatever
  is fused into it.
* A step needs its wires' axes side by side. Where they are not, one axis is moved, once, to the
  place that serves the following steps best, and stays there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import torch
from jaxtyping import Int
from torch import Tensor

from .program import Operand, Operation, Program

FUSED_WIRES = 2
"""Steps up to this width are built by fusion; wider operations keep their own width."""

LOOKAHEAD = 64
"""How many of the following steps a move of axes considers."""


@dataclass(frozen=True, eq=False)
class Source:
    """All transfer matrices of one kind, made in one call.

    Args:
        operation: a representative: its closed form or operand kind, and whether it is batched.
        slots: for each matrix, the positions of its scalars among all scalars, or of its operand.
    """

    operation: Operation
    slots: Int[Tensor, "rows params"]


@dataclass(frozen=True)
class Member:
    """One operation of a fused step: which matrix of which source, on which of the step's wires."""

    source: int
    row: int
    positions: tuple[int, ...]


Members = tuple[tuple[int, tuple[int, ...]], ...]
"""For each member of a step, its source and its positions among the step's wires."""


@dataclass(frozen=True, eq=False)
class Group:
    """Steps that are built alike: the same members on the same positions, from different rows.

    Args:
        width: the number of wires of each step.
        members: source and positions of each member, in order of application.
        rows: for each member, the row of its source in each of the group's steps.
    """

    width: int
    members: Members
    rows: tuple[Int[Tensor, " steps"], ...]


@dataclass(frozen=True)
class Move:
    """A rearrangement of the wires' axes, as few axes as can be: view as ``shape``, permute."""

    shape: tuple[int, ...]
    permutation: tuple[int, ...]

    @property
    def inverse(self) -> Move:
        """The rearrangement that undoes this one."""
        shape = tuple(self.shape[axis] for axis in self.permutation)
        return Move(shape, tuple(self.permutation.index(axis) for axis in range(len(shape))))


@dataclass(frozen=True)
class Step:
    """One pass over the state.

    Args:
        kind: TRANSFER for a fused transfer matrix, else the operand's kind.
        tensor: which of the plan's tensors it uses: the groups' stacks come first, then the
            operands.
        row: which row of the group's stack; None for an operand.
        left: the number of Pauli words on the wires before the step's wires.
        size: the number of Pauli words on the step's wires.
        right: the number of Pauli words on the wires behind.
        move: what to do with the axes first, if anything.
    """

    kind: Operand
    tensor: int
    row: int | None
    left: int
    size: int
    right: int
    move: Move | None

    @property
    def fused(self) -> bool:
        """Whether the step applies a fused transfer matrix."""
        return self.kind is Operand.TRANSFER


@dataclass(frozen=True, eq=False)
class Plan:
    """A program made ready to run.

    Args:
        initial: the blocks of the initial product state, in the order of their axes: their number
            of wires, and the operand that holds their state (None for ``|0...0>``).
        sources: the transfer matrices to make.
        groups: the fused matrices to make from them.
        steps: what to apply, in order.
        order: the wires in the order of their axes at the end; other wires are in ``|0>``.
    """

    initial: tuple[tuple[int, int | None], ...]
    sources: tuple[Source, ...]
    groups: tuple[Group, ...]
    steps: tuple[Step, ...]
    order: tuple[int, ...]


@dataclass
class _Block:
    """A step that is being built."""

    wires: set[int]
    width: int
    kind: Operand
    members: list[int] = field(default_factory=list)


@lru_cache(maxsize=512)
def plan(program: Program) -> Plan:
    """The plan of a program."""
    live, active = _live_operations(program)
    prepared, rest = _split_initial(program, live)
    blocks = _fuse(program, rest)
    initial_order = _initial_order(active, [program.operations[i].wires for i in prepared], blocks)
    operands = _operand_positions(program)
    sources, member_of = _sources(program, blocks, operands)
    steps, groups, order = _lay_out(program, blocks, initial_order, member_of, operands)
    blocks_of_state = [(len(program.operations[i].wires), operands[i]) for i in prepared]
    loose = len(initial_order) - sum(size for size, _ in blocks_of_state)
    initial = (*blocks_of_state, (loose, None)) if loose else tuple(blocks_of_state)
    return Plan(tuple(initial), sources, groups, steps, order)


# --- which operations matter ----------------------------------------------------------------------


def _live_operations(program: Program) -> tuple[list[int], list[int]]:
    """Operations in the causal cone of the observed wires, and the wires that they touch."""
    cone = set(program.observed)
    kept = []
    for index in range(len(program.operations) - 1, -1, -1):
        operation = program.operations[index]
        if operation.trace_preserving and cone.isdisjoint(operation.wires):
            continue
        kept.append(index)
        if operation.source is Operand.STATE:
            cone.difference_update(operation.wires)
        else:
            cone.update(operation.wires)
    kept.reverse()
    touched = {wire for index in kept for wire in program.operations[index].wires}
    return kept, sorted(touched)


def _split_initial(program: Program, live: list[int]) -> tuple[list[int], list[int]]:
    """State preparations on untouched wires make the initial product state; the rest follows."""
    touched: set[int] = set()
    prepared: list[int] = []
    rest: list[int] = []
    for index in live:
        operation = program.operations[index]
        fresh = touched.isdisjoint(operation.wires)
        (prepared if operation.source is Operand.STATE and fresh else rest).append(index)
        touched.update(operation.wires)
    return prepared, rest


# --- fusion ---------------------------------------------------------------------------------------


def _fuse(program: Program, indices: Iterable[int]) -> list[_Block]:
    """Gather operations into steps. A block is open on a wire while it is the last one there."""
    blocks: list[_Block] = []
    last: dict[int, _Block] = {}
    for index in indices:
        operation = program.operations[index]
        kind = operation.source if isinstance(operation.source, Operand) else Operand.TRANSFER
        fusible = kind is Operand.TRANSFER
        wires = set(operation.wires)
        before = {id(last[w]): last[w] for w in wires if w in last}
        host = _host(wires, before.values()) if fusible else None
        if host is None:
            width = max(len(wires), FUSED_WIRES) if fusible else len(wires)
            host = _Block(set(wires), width, kind)
            if fusible:
                _absorb(host, before.values(), blocks, last)
            blocks.append(host)
        host.wires |= wires
        host.members.append(index)
        last.update(dict.fromkeys(wires, host))
    return blocks


def _host(wires: set[int], before: Iterable[_Block]) -> _Block | None:
    """The open step that can take an operation on these wires, if there is one."""
    candidates = list(before)
    if len(candidates) != 1:
        return None
    (block,) = candidates
    if block.kind is not Operand.TRANSFER:
        return None
    # A block that other steps have followed on one of its wires cannot grow by new wires.
    return block if wires <= block.wires else None


def _absorb(
    host: _Block, before: Iterable[_Block], blocks: list[_Block], last: dict[int, _Block]
) -> None:
    """Pull pending steps, whose wires nothing else has touched since, into a new wider one."""
    for block in before:
        open_everywhere = all(last[wire] is block for wire in block.wires)
        if (
            block.kind is Operand.TRANSFER
            and open_everywhere
            and len(host.wires | block.wires) <= host.width
        ):
            blocks.remove(block)
            host.wires |= block.wires
            host.members.extend(block.members)
            last.update(dict.fromkeys(block.wires, host))


# --- matrices -------------------------------------------------------------------------------------


def _operand_positions(program: Program) -> dict[int, int]:
    """Where the operand of each operation that has one stands among the arguments."""
    having = [i for i, o in enumerate(program.operations) if isinstance(o.source, Operand)]
    return {index: position for position, index in enumerate(having)}


def _scalar_positions(program: Program) -> dict[int, tuple[int, ...]]:
    """Where the scalars of each closed form stand among the (batched or other) scalars."""
    positions, counts = {}, {False: 0, True: 0}
    for index, operation in enumerate(program.operations):
        if not isinstance(operation.source, Operand):
            start = counts[operation.batched]
            counts[operation.batched] += operation.source.num_params
            positions[index] = tuple(range(start, counts[operation.batched]))
    return positions


def _sources(
    program: Program, blocks: list[_Block], operands: dict[int, int]
) -> tuple[tuple[Source, ...], dict[int, tuple[int, int]]]:
    """Sort the operations by kind; return each operation's (source, row) too."""
    scalars = _scalar_positions(program)
    kinds: dict[tuple, int] = {}
    slots: list[list[tuple[int, ...]]] = []
    representatives: list[Operation] = []
    member_of: dict[int, tuple[int, int]] = {}
    for block in blocks:
        for index in block.members if block.kind is Operand.TRANSFER else ():
            operation = program.operations[index]
            key = (operation.source, len(operation.wires), operation.batched)
            if key not in kinds:
                kinds[key] = len(slots)
                slots.append([])
                representatives.append(operation)
            source = kinds[key]
            slot = scalars[index] if index in scalars else (operands[index],)
            constant = slot == ()
            if not (constant and slots[source]):  # one matrix serves all uses of a constant
                slots[source].append(slot)
            member_of[index] = (source, len(slots[source]) - 1)
    pairs = zip(representatives, slots, strict=True)
    return tuple(Source(op, torch.tensor(rows, dtype=torch.long)) for op, rows in pairs), member_of


# --- axes -----------------------------------------------------------------------------------------


def _initial_order(
    active: list[int], prepared: list[tuple[int, ...]], blocks: list[_Block]
) -> list[int]:
    """Prepared blocks first, as they come; the others so that pairs met first are neighbours."""
    fixed = [wire for wires in prepared for wire in wires]
    paths = {wire: [wire] for wire in active if wire not in fixed}
    for block in blocks:
        pair = sorted(block.wires)
        if len(pair) == 2 and all(wire in paths for wire in pair):
            _join(paths, *pair)
    ordered: dict[int, None] = dict.fromkeys(fixed)
    for wire in active:
        ordered.update(dict.fromkeys(paths.get(wire, ())))
    return list(ordered)


def _join(paths: dict[int, list[int]], a: int, b: int) -> None:
    """Join two paths at the ends a and b, where these are ends of different paths."""
    first, second = paths[a], paths[b]
    if first is second or a not in (first[0], first[-1]) or b not in (second[0], second[-1]):
        return
    left = first if first[-1] == a else first[::-1]
    right = second if second[0] == b else second[::-1]
    joined = left + right
    paths.update(dict.fromkeys(joined, joined))


def _lay_out(
    program: Program,
    blocks: list[_Block],
    order: list[int],
    member_of: dict[int, tuple[int, int]],
    operands: dict[int, int],
) -> tuple[tuple[Step, ...], tuple[Group, ...], tuple[int, ...]]:
    """Give each block its place among the axes, and sort the fused ones into groups."""
    signatures: dict[tuple[int, Members], int] = {}
    rows: list[list[tuple[int, ...]]] = []
    steps = []
    following = [block.wires for block in blocks]
    for number, block in enumerate(blocks):
        if block.kind is Operand.TRANSFER:
            new_order = _side_by_side(order, block.wires, following[number + 1 :][:LOOKAHEAD])
            ordered = tuple(wire for wire in new_order if wire in block.wires)
            members = [
                Member(*member_of[i], tuple(ordered.index(w) for w in program.operations[i].wires))
                for i in block.members
            ]
            key = (len(ordered), tuple((m.source, m.positions) for m in members))
            group = signatures.setdefault(key, len(rows))
            if group == len(rows):
                rows.append([])
            rows[group].append(tuple(member.row for member in members))
            tensor, row = group, len(rows[group]) - 1
        else:
            ordered = program.operations[block.members[0]].wires
            new_order = [wire for wire in order if wire not in block.wires] + list(ordered)
            tensor, row = operands[block.members[0]], None
        move, order = _move(order, new_order), new_order
        start = order.index(ordered[0])
        size, behind = len(ordered), len(order) - start - len(ordered)
        steps.append(Step(block.kind, tensor, row, 4**start, 4**size, 4**behind, move))
    groups = tuple(
        _group(width, members, rows[number]) for (width, members), number in signatures.items()
    )
    numbered = [s if s.fused else replace(s, tensor=len(groups) + s.tensor) for s in steps]
    return tuple(numbered), groups, tuple(order)


def _group(width: int, members: Members, rows: list[tuple[int, ...]]) -> Group:
    by_member = zip(*rows, strict=True)
    return Group(width, members, tuple(torch.tensor(column) for column in by_member))


def _side_by_side(order: list[int], wires: set[int], following: Sequence[set[int]]) -> list[int]:
    """An order in which these wires are neighbours, the best of a few for the following steps."""
    if _adjacent(order, wires):
        return order
    members = [wire for wire in order if wire in wires]
    candidates = []
    for anchor in members:
        rest = [wire for wire in order if wire not in wires or wire == anchor]
        place = rest.index(anchor)
        candidates.append([*rest[:place], *members, *rest[place + 1 :]])

    def cost(candidate: list[int]) -> float:
        misses = [not _adjacent(candidate, pair) for pair in following]
        return sum(miss / (1 + distance) for distance, miss in enumerate(misses))

    return min(candidates, key=cost)


def _adjacent(order: list[int], wires: set[int]) -> bool:
    places = [order.index(wire) for wire in wires]
    return max(places) - min(places) == len(places) - 1


def _move(old: list[int], new: list[int]) -> Move | None:
    """The rearrangement from one order of axes to another, with runs of axes kept together."""
    if old == new:
        return None
    place = {wire: i for i, wire in enumerate(old)}
    runs: list[list[int]] = []
    for wire in new:
        if runs and place[runs[-1][-1]] + 1 == place[wire]:
            runs[-1].append(wire)
        else:
            runs.append([wire])
    by_old = sorted(runs, key=lambda run: place[run[0]])
    shape = tuple(4 ** len(run) for run in by_old)
    return Move(shape, tuple(by_old.index(run) for run in runs))
