"""Which operations matter, and which of them make one step.

* Operations that no measurement can see are dropped: walking backwards, an operation
  that touches no wire of the measurements' causal cone has no effect, since it preserves the trace.
* An operation joins the latest step on its wires where that step is wide enough; pending narrow
  steps join the first wider one. A step on two wires costs about one pass over the state, whatever
  is fused into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .program import Operand, Program

FUSED_WIRES = 2
"""Steps up to this width are built by fusion; wider operations keep their own width."""


@dataclass
class Block:
    """A step that is being built."""

    wires: set[int]
    width: int
    kind: Operand
    members: list[int] = field(default_factory=list)


def live_operations(program: Program) -> tuple[list[int], list[int]]:
    """Operations in the causal cone of the observed wires, and the wires that they touch."""
    cone = set(program.observed)
    kept = []
    for index in range(len(program.operations) - 1, -1, -1):
        operation = program.operations[index]
        if cone.isdisjoint(operation.wires):
            continue
        kept.append(index)
        if operation.source is Operand.STATE:
            cone.difference_update(operation.wires)
        else:
            cone.update(operation.wires)
    kept.reverse()
    touched = {wire for index in kept for wire in program.operations[index].wires}
    return kept, sorted(touched)


def split_initial(program: Program, live: list[int]) -> tuple[list[int], list[int]]:
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


def fuse(program: Program, indices: Iterable[int]) -> list[Block]:
    """Gather operations into steps. A block is open on a wire while it is the last one there."""
    blocks: list[Block] = []
    last: dict[int, Block] = {}
    for index in indices:
        operation = program.operations[index]
        kind = operation.source if isinstance(operation.source, Operand) else Operand.TRANSFER
        fusible = kind is Operand.TRANSFER
        wires = set(operation.wires)
        before = {id(last[w]): last[w] for w in wires if w in last}
        host = _host(wires, before.values()) if fusible else None
        if host is None:
            width = max(len(wires), FUSED_WIRES) if fusible else len(wires)
            host = Block(set(wires), width, kind)
            if fusible:
                _absorb(host, before.values(), blocks, last)
            blocks.append(host)
        host.wires |= wires
        host.members.append(index)
        last.update(dict.fromkeys(wires, host))
    return blocks


def _host(wires: set[int], before: Iterable[Block]) -> Block | None:
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
    host: Block, before: Iterable[Block], blocks: list[Block], last: dict[int, Block]
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
