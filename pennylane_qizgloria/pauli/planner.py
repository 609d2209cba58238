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
from .program import Program
from .recipes import EVERY_LETTER, Recipes, positions_of_numbers
from .schedule import Letters, Stage, schedule
from .swaps import without_swaps

CPU = torch.device("cpu")


@kept(maxsize=512)
def plan(program: Program, device: torch.device = CPU) -> Plan:
    """The plan of a program, for the torch device that it is to run on."""
    relabelled, labels = without_swaps(program)
    blocks = fuse(relabelled, live_operations(relabelled))
    stages = schedule(blocks, relabelled.observed)
    recipes = Recipes(relabelled, device)
    steps, letters = _lay_out(relabelled, stages, recipes)
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
        steps=tuple(_numbered(step, len(cuts)) for step in steps),
        order=tuple(labels[wire] for wire in letters),
        letters=tuple(letters.values()),
    )


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
