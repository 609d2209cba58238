"""What a plan is: the steps that run a program, and how their matrices are made.

A plan depends on a program's structure only; the `planner` makes it and keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Int
from torch import Tensor

from .program import Operand, Operation

# --- how matrices are made ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Source:
    """All transfer matrices of one kind, made in one call.

    Args:
        operation: a representative: its closed form or operand kind, and whether it is batched.
        slots: for each matrix, the positions of its scalars among all scalars, or of its operand.
    """

    operation: Operation
    slots: Int[Tensor, "rows params"]


@dataclass(frozen=True, eq=False)
class Runs:
    """Sequences of operations on single wires, made of the same sources.

    Args:
        sources: the source of each operation, the first one first.
        rows: for each operation, the row of its source in each of the sequences.
    """

    sources: tuple[int, ...]
    rows: tuple[Int[Tensor, " sequences"], ...]


@dataclass(frozen=True, eq=False)
class Layer:
    """One sequence on each wire of a step, for all steps of a group.

    Args:
        batched: for each wire, whether its sequences are among the batched ones.
        rows: for each wire, which sequence it has in each of the steps; 0 is the identity.
    """

    batched: tuple[bool, ...]
    rows: tuple[Int[Tensor, " steps"], ...]


@dataclass(frozen=True, eq=False)
class Wide:
    """An operation on several wires of a step, for all steps of a group.

    Args:
        source: its source.
        positions: its wires among the step's.
        rows: the row of its source in each of the steps.
    """

    source: int
    positions: tuple[int, ...]
    rows: Int[Tensor, " steps"]


@dataclass(frozen=True, eq=False)
class Group:
    """Steps that are built alike.

    Args:
        width: the number of wires of each step.
        factors: what is multiplied, the first one first.
    """

    width: int
    factors: tuple[Layer | Wide, ...]


# --- what is done to the state --------------------------------------------------------------------


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
        runs: the sequences on single wires to make from them: those without and with a batch.
        groups: the fused matrices to make from both.
        steps: what to apply, in order.
        order: the wires in the order of their axes at the end; other wires are in ``|0>``.
    """

    initial: tuple[tuple[int, int | None], ...]
    sources: tuple[Source, ...]
    runs: tuple[tuple[Runs, ...], tuple[Runs, ...]]
    groups: tuple[Group, ...]
    steps: tuple[Step, ...]
    order: tuple[int, ...]
