"""What a plan is: the steps that run a program, and how their matrices are made.

A plan depends on a program's structure only; the `planner` makes it and keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from jaxtyping import Float, Int
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
class Chains:
    """Sequences of operations on single wires, without a batch, filled up to the same length.

    Args:
        length: their length, a power of two.
        rows: for each position and sequence the row of its matrix in the table of the identity and
            all single-wire sources, in the order that `sequences` explains.
    """

    length: int
    rows: Int[Tensor, " places"]


@dataclass(frozen=True, eq=False)
class Runs:
    """Batched sequences of operations on single wires, made of the same sources.

    Args:
        sources: the source of each factor, the first one first; None where it is a sequence
            without a batch.
        rows: for each factor its row, in each of the sequences.
    """

    sources: tuple[int | None, ...]
    rows: tuple[Int[Tensor, " sequences"], ...]


@dataclass(frozen=True, eq=False)
class Layers:
    """Products of one sequence on each wire of a step, for steps of several groups.

    Args:
        batched: for each wire, whether its sequences are among the batched ones.
        entering: for each wire, whether it comes in ``|0>``, so that one column is left of four.
        rows: for each wire, which sequence it has in each of the steps; 0 is the identity.
        sizes: how many of the steps belong to each `Layer`.
    """

    batched: tuple[bool, ...]
    entering: tuple[bool, ...]
    rows: tuple[Int[Tensor, " steps"], ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Layer:
    """One of the parts of some `Layers`: what the steps of one group have in one place.

    Args:
        layers: which layers.
        part: which part of them.
    """

    layers: int
    part: int


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
        start: what they are multiplied onto: the identity or, where wires come in ``|0>`` and have
            not been cut to one column by the first factor, the columns that are left.
    """

    width: int
    factors: tuple[Layer | Wide, ...]
    start: Float[Tensor, "size inputs"] | None


@dataclass(frozen=True, eq=False)
class Cut:
    """The parts of a group's matrices that are needed, where wires come or go.

    A wire that comes in ``|0>`` has one column instead of four: the sum of those of I and Z. Of a
    wire that goes only the rows of the letters that measurements look at are kept.

    Args:
        group: the group.
        rows: which of its matrices; None for all.
        columns: what the columns are multiplied by; None if they all stay.
        kept: which rows of each matrix stay; None if they all do.
    """

    group: int
    rows: Int[Tensor, " steps"] | None
    columns: Float[Tensor, "size inputs"] | None
    kept: Int[Tensor, " outputs"] | None


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
    """One pass over the state, which it reads as ``(left, inputs, right)``.

    Args:
        kind: TRANSFER for a fused transfer matrix, else the operand's kind.
        tensor: which of the plan's tensors it uses: the stacks of the cuts come first, then the
            operands, then the final vectors of the parts.
        row: which row of the cut's stack; None for an operand.
        left: the number of Pauli words on the wires before the step's wires.
        inputs: the number of words on the step's wires that it reads.
        outputs: the number of words on the step's wires that it writes.
        right: the number of Pauli words on the wires behind.
        turned: whether the result is written as ``(right, outputs)`` where left is 1, or as
            ``(outputs, left)`` where right is 1, instead of ``(left, outputs, right)``.
        move: what to do with the axes first, if anything.
    """

    kind: Operand
    tensor: int
    row: int | None
    left: int
    inputs: int
    outputs: int
    right: int
    turned: bool = False
    move: Move | None = None

    @property
    def fused(self) -> bool:
        """Whether the step applies a fused transfer matrix."""
        return self.kind is Operand.TRANSFER

    @property
    def size(self) -> int:
        """The number of words of the state that it leaves."""
        return self.left * self.outputs * self.right

    @cached_property
    def transposed(self) -> Step:
        """The pass with the transposed matrix, from where this one writes to where it reads."""
        sides = (self.right, self.left) if self.turned else (self.left, self.right)
        left, right = sides
        return replace(
            self, left=left, inputs=self.outputs, outputs=self.inputs, right=right, move=None
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """A program made ready to run, from a state of no wires.

    Args:
        sources: the transfer matrices to make.
        singles: the sources whose matrices make the table that chains are made from.
        chains: the sequences on single wires without a batch.
        runs: the batched sequences on single wires.
        layers: the products of both on all wires of a step.
        groups: the fused matrices to make from layers and sources.
        cuts: the parts of them that the steps need.
        parts: the plans of wires that are simulated apart until a step brings them in.
        steps: what to apply, in order.
        order: the wires in the order of their axes at the end; other wires are in ``|0>``.
        letters: the letters of each of these axes.
    """

    sources: tuple[Source, ...]
    singles: tuple[int, ...]
    chains: tuple[Chains, ...]
    runs: tuple[Runs, ...]
    layers: tuple[Layers, ...]
    groups: tuple[Group, ...]
    cuts: tuple[Cut, ...]
    parts: tuple[Plan, ...]
    steps: tuple[Step, ...]
    order: tuple[int, ...]
    letters: tuple[tuple[int, ...], ...]

    @cached_property
    def peak(self) -> int:
        """The number of words of the largest state on the way."""
        own = max((step.size for step in self.steps), default=1)
        return max([own, *(part.peak for part in self.parts)])
