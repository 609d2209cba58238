"""Making plans: fusion, schedule, the places of the axes, and the recipes of the matrices.

Planning sees the structure of a program only, so one plan serves every set of parameters, and is
kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import torch

from .axes import Order, Placement, move_between, place
from .fusion import fuse, live_operations
from .kept import kept
from .plan import Plan, Step
from .program import Operand, Operation, Program, Visible, every_letter
from .recipes import EVERY_LETTER, Recipes, positions_of_numbers
from .registers import Register, registers
from .schedule import Letters, Stage, schedule
from .swaps import without_swaps

CPU = torch.device("cpu")


@kept(maxsize=512)
def plan(program: Program, device: torch.device = CPU) -> Plan:
    """The plan of a program, for the torch device that it is to run on."""
    relabelled, labels = without_swaps(program)
    members = registers(relabelled, live_operations(relabelled))
    own = _plan_of(relabelled, members, relabelled.observed, device)
    return replace(own, order=tuple(labels[wire] for wire in own.order))


def _plan_of(
    program: Program,
    members: Sequence[int | Register],
    observed: Visible,
    device: torch.device,
) -> Plan:
    """The plan of some operations, and of registers that come in among them."""
    parts: list[Plan] = []
    operations = list(program.operations)
    indices: list[int] = []
    for member in members:
        if isinstance(member, int):
            indices.append(member)
            continue
        part = _plan_of(program, member.members, _seen(program, members, member, observed), device)
        parts.append(part)
        indices.append(len(operations))
        operations.append(Operation(Operand.REGISTER, part.order))
    joined = replace(program, operations=tuple(operations))
    brought = {
        wire: own for part in parts for wire, own in zip(part.order, part.letters, strict=True)
    }
    stages = schedule(fuse(joined, indices), observed, brought)
    recipes = Recipes(joined, device)
    steps, letters = _lay_out(joined, stages, recipes)
    cuts = recipes.cuts()
    layers, groups = recipes.layers_and_groups()
    return Plan(
        sources=recipes.sources(),
        singles=recipes.sequences.singles,
        chains=recipes.chains(),
        runs=recipes.sequences.runs(),
        layers=layers,
        groups=groups,
        cuts=cuts,
        parts=tuple(parts),
        steps=tuple(_numbered(step, len(cuts)) for step in steps),
        order=tuple(letters),
        letters=tuple(letters.values()),
    )


def _seen(
    program: Program, members: Sequence[int | Register], register: Register, observed: Visible
) -> Visible:
    """What is needed of a register: all letters of wires to which something happens later."""
    numbers = [member for member in members if isinstance(member, int)]
    touched = {wire for number in numbers for wire in program.operations[number].wires}
    later = register.wires & touched
    final = {(wire, letter) for wire, letter in observed if wire in register.wires - later}
    return every_letter(later) | final


def _lay_out(
    program: Program, stages: Sequence[Stage], recipes: Recipes
) -> tuple[list[Step], dict[int, Letters]]:
    """Give each stage its place; return the wires in the order of their axes at the end, too."""
    numbers = positions_of_numbers(program)
    following = [stage.block.wires for stage in stages]
    steps = []
    order: Order = ()
    letters: dict[int, Letters] = {}
    for position, stage in enumerate(stages):
        members = stage.block.members
        wires = () if stage.block.fused else program.operations[members[0]].wires
        placement = place(order, stage, following[position + 1 :], wires)
        if stage.block.fused:
            tensor, row = recipes.add(stage, placement.wires)
        else:
            tensor, row = numbers[members[0]][0], None
        steps.append(_step(stage, placement, order, letters, tensor, row))
        order = placement.after(stage)
        letters |= {wire: stage.leaving.get(wire, EVERY_LETTER) for wire in placement.wires}
    return steps, {wire: letters[wire] for wire in order}


def _step(
    stage: Stage,
    placement: Placement,
    order: Order,
    letters: dict[int, Letters],
    tensor: int,
    row: int | None,
) -> Step:
    sizes = {wire: len(letters[wire]) for wire in order}
    found, first, wires = placement.found, placement.first, placement.wires
    present = len(wires) - len(stage.entering)
    return Step(
        kind=stage.block.kind,
        tensor=tensor,
        row=row,
        left=prod(sizes[wire] for wire in found[:first]),
        inputs=4**present,
        outputs=prod(len(stage.leaving.get(wire, EVERY_LETTER)) for wire in wires),
        right=prod(sizes[wire] for wire in found[first + present :]),
        turned=placement.turned,
        move=move_between(order, found, sizes),
    )


def _numbered(step: Step, cuts: int) -> Step:
    """Operands come after the stacks of the cuts."""
    return step if step.fused else replace(step, tensor=cuts + step.tensor)
