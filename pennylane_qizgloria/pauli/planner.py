"""Making plans: fusion, the places of the axes, and the recipes of the matrices.

Planning sees the structure of a program only, so one plan serves every set of parameters, and is
kept.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from .axes import initial_order, move_between, side_by_side
from .fusion import Block, fuse, live_operations, split_initial
from .plan import Plan, Step
from .program import Operand, Program
from .recipes import Recipes, positions_of_numbers


@lru_cache(maxsize=512)
def plan(program: Program) -> Plan:
    """The plan of a program."""
    live, active = live_operations(program)
    prepared, rest = split_initial(program, live)
    blocks = fuse(program, rest)
    order = initial_order(active, [program.operations[i].wires for i in prepared], blocks)
    numbers = positions_of_numbers(program)
    initial = [(len(program.operations[i].wires), numbers[i][0]) for i in prepared]
    loose = len(order) - sum(width for width, _ in initial)
    recipes = Recipes(program)
    steps, order = _lay_out(program, blocks, order, recipes)
    groups = recipes.groups()
    return Plan(
        initial=(*initial, (loose, None)) if loose else tuple(initial),
        sources=recipes.sources(),
        runs=recipes.runs(),
        groups=groups,
        steps=tuple(_numbered(step, len(groups)) for step in steps),
        order=tuple(order),
    )


def _lay_out(
    program: Program, blocks: list[Block], order: list[int], recipes: Recipes
) -> tuple[list[Step], list[int]]:
    """Give each block its place among the axes; return the order of the axes at the end, too."""
    numbers = positions_of_numbers(program)
    steps = []
    following = [block.wires for block in blocks]
    for position, block in enumerate(blocks):
        row: int | None = None
        if block.kind is Operand.TRANSFER:
            new_order = side_by_side(order, block.wires, following[position + 1 :])
            wires = tuple(wire for wire in new_order if wire in block.wires)
            tensor, row = recipes.add(block.members, wires)
        else:
            (member,) = block.members
            wires = program.operations[member].wires
            new_order = [wire for wire in order if wire not in block.wires] + list(wires)
            (tensor,) = numbers[member]
        move, order = move_between(order, new_order), new_order
        first, behind = order.index(wires[0]), len(order) - order.index(wires[-1]) - 1
        step = Step(block.kind, tensor, row, 4**first, 4 ** len(wires), 4**behind, move)
        steps.append(step)
    return steps, order


def _numbered(step: Step, groups: int) -> Step:
    """Operands come after the groups' stacks."""
    return step if step.fused else replace(step, tensor=groups + step.tensor)
