"""Making plans: fusion, schedule, the layout of the axes, and the assembly of the matrices.

Planning sees the structure of a program only, so one plan serves every set of parameters, and is
cached.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import torch

from ..assembly.assembler import ALL_PAULIS, Assembler
from ..caching import cached
from ..program.components import Component, components
from ..program.fusion import fuse, live_operations
from ..program.program import (
    ObservedPaulis,
    Operand,
    Operation,
    Program,
    all_paulis,
    argument_positions,
)
from ..program.schedule import PauliSubset, ScheduledStep, schedule
from ..program.swaps import without_swaps
from .layout import Order, Placement, permutation_between, place
from .plan import Plan, Step

CPU = torch.device("cpu")


@cached(maxsize=512)
def plan(program: Program, device: torch.device = CPU) -> Plan:
    """The plan of a program, for the torch device that it is to run on."""
    relabelled, labels = without_swaps(program)
    members = components(relabelled, live_operations(relabelled))
    own = _plan_of(relabelled, members, relabelled.observed, device)
    return replace(own, order=tuple(labels[wire] for wire in own.order))


def _plan_of(
    program: Program,
    members: Sequence[int | Component],
    observed: ObservedPaulis,
    device: torch.device,
) -> Plan:
    """The plan of some operations, and of components that come in among them."""
    subplans: list[Plan] = []
    operations = list(program.operations)
    indices: list[int] = []
    for member in members:
        if isinstance(member, int):
            indices.append(member)
            continue
        part = _plan_of(program, member.members, _seen(program, members, member, observed), device)
        subplans.append(part)
        indices.append(len(operations))
        operations.append(Operation(Operand.COMPONENT, part.order))
    joined = replace(program, operations=tuple(operations))
    incoming = {
        wire: own for part in subplans for wire, own in zip(part.order, part.paulis, strict=True)
    }
    steps_in_order = schedule(fuse(joined, indices), observed, incoming)
    assembler = Assembler(joined, device)
    steps, paulis = _lay_out(joined, steps_in_order, assembler)
    submatrices = assembler.submatrices()
    kronecker_products, matrix_groups = assembler.products_and_groups()
    return Plan(
        matrix_batches=assembler.matrix_batches(),
        singles=assembler.sequences.singles,
        padded_products=assembler.padded_products(),
        batched_products=assembler.sequences.batched_products(),
        kronecker_products=kronecker_products,
        matrix_groups=matrix_groups,
        submatrices=submatrices,
        subplans=tuple(subplans),
        steps=tuple(_numbered(step, len(submatrices)) for step in steps),
        order=tuple(paulis),
        paulis=tuple(paulis.values()),
    )


def _seen(
    program: Program,
    members: Sequence[int | Component],
    component: Component,
    observed: ObservedPaulis,
) -> ObservedPaulis:
    """What is needed of a component: all Paulis of wires to which something happens later."""
    numbers = [member for member in members if isinstance(member, int)]
    touched = {wire for number in numbers for wire in program.operations[number].wires}
    later = component.wires & touched
    final = {(wire, pauli) for wire, pauli in observed if wire in component.wires - later}
    return all_paulis(later) | final


def _lay_out(
    program: Program, steps_in_order: Sequence[ScheduledStep], assembler: Assembler
) -> tuple[list[Step], dict[int, PauliSubset]]:
    """Give each stage its place; return the wires in the order of their axes at the end, too."""
    numbers = argument_positions(program)
    following = [scheduled.block.wires for scheduled in steps_in_order]
    steps = []
    order: Order = ()
    paulis: dict[int, PauliSubset] = {}
    for position, scheduled in enumerate(steps_in_order):
        members = scheduled.block.members
        wires = () if scheduled.block.fused else program.operations[members[0]].wires
        placement = place(order, scheduled, following[position + 1 :], wires)
        if scheduled.block.fused:
            tensor, row = assembler.add(scheduled, placement.wires)
        else:
            tensor, row = numbers[members[0]][0], None
        steps.append(_step(scheduled, placement, order, paulis, tensor, row))
        order = placement.after(scheduled)
        paulis |= {wire: scheduled.leaving.get(wire, ALL_PAULIS) for wire in placement.wires}
    return steps, {wire: paulis[wire] for wire in order}


def _step(
    scheduled: ScheduledStep,
    placement: Placement,
    order: Order,
    paulis: dict[int, PauliSubset],
    tensor: int,
    row: int | None,
) -> Step:
    sizes = {wire: len(paulis[wire]) for wire in order}
    found, first, wires = placement.found, placement.first, placement.wires
    present = len(wires) - len(scheduled.entering)
    return Step(
        kind=scheduled.block.kind,
        tensor=tensor,
        row=row,
        left=prod(sizes[wire] for wire in found[:first]),
        inputs=4**present,
        outputs=prod(len(scheduled.leaving.get(wire, ALL_PAULIS)) for wire in wires),
        right=prod(sizes[wire] for wire in found[first + present :]),
        cyclic=placement.cyclic,
        permutation=permutation_between(order, found, sizes),
    )


def _numbered(step: Step, submatrices: int) -> Step:
    """Operands come after the stacks of the submatrices."""
    return step if step.fused else replace(step, tensor=submatrices + step.tensor)
