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

from .program import Operand, Operation, Program

FUSED_WIRES = 2
"""Steps up to this width are built by fusion; wider operations keep their own width."""


@dataclass
class Block:
    """A step that is being built."""

    wires: set[int]
    width: int
    kind: Operand
    members: list[int] = field(default_factory=list)

    @property
    def fused(self) -> bool:
        """Whether the step applies a transfer matrix."""
        return self.kind is Operand.TRANSFER


def live_operations(program: Program) -> list[int]:
    """Operations in the causal cone of the observed wires."""
    cone = {wire for wire, _ in program.observed}
    live = []
    for index in range(len(program.operations) - 1, -1, -1):
        operation = program.operations[index]
        if cone.isdisjoint(operation.wires):
            continue
        live.append(index)
        if operation.form is Operand.STATE:
            cone.difference_update(operation.wires)
        else:
            cone.update(operation.wires)
    live.reverse()
    return live


def fuse(program: Program, indices: Iterable[int]) -> list[Block]:
    """Gather operations into steps. A block is open on a wire while it is the last one there."""
    blocks: list[Block] = []
    last: dict[int, Block] = {}
    for index in indices:
        operation = program.operations[index]
        kind = _kind(operation)
        wires = set(operation.wires)
        if kind is not Operand.TRANSFER:
            _border(operation, kind, blocks, last)
        before = {id(last[w]): last[w] for w in wires if w in last}
        host = _host(wires, before.values()) if kind is Operand.TRANSFER else None
        if host is None:
            host = Block(set(wires), len(wires), kind)
            if host.fused:
                host.width = max(len(wires), FUSED_WIRES)
                _absorb(host, before.values(), blocks, last)
            blocks.append(host)
        host.wires |= wires
        host.members.append(index)
        last.update(dict.fromkeys(wires, host))
    return blocks


def _kind(operation: Operation) -> Operand:
    source = operation.form
    return source if isinstance(source, Operand) else Operand.TRANSFER


def _border(
    operation: Operation, kind: Operand, blocks: list[Block], last: dict[int, Block]
) -> None:
    """Put a step that does nothing where the axes of a wire have to come or go.

    Only steps with a transfer matrix take a new wire in or trace one out. Kraus operators need all
    of their wires to be there; a new state needs the old one to be gone.
    """
    for wire in operation.wires:
        if kind is Operand.KRAUS:
            missing = wire not in last
        else:
            missing = wire in last and not last[wire].fused
        if missing:
            last[wire] = Block({wire}, 1, Operand.TRANSFER)
            blocks.append(last[wire])


def _host(wires: set[int], before: Iterable[Block]) -> Block | None:
    """The open step that can take an operation on these wires, if there is one."""
    candidates = list(before)
    if len(candidates) != 1:
        return None
    (block,) = candidates
    # A block that other steps have followed on one of its wires cannot grow by new wires.
    return block if block.fused and wires <= block.wires else None


def _absorb(
    host: Block, before: Iterable[Block], blocks: list[Block], last: dict[int, Block]
) -> None:
    """Pull pending steps, whose wires nothing else has touched since, into a new wider one."""
    for block in before:
        open_everywhere = all(last[wire] is block for wire in block.wires)
        if block.fused and open_everywhere and len(host.wires | block.wires) <= host.width:
            blocks.remove(block)
            host.wires |= block.wires
            host.members.extend(block.members)
            last.update(dict.fromkeys(block.wires, host))
