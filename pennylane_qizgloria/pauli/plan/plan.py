"""What a plan is: the steps that run a program, and what their matrices are made from.

A plan depends on a program's structure only; the `planner` makes it and caches it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ..assembly.parts import (
    BatchedProducts,
    KroneckerProducts,
    MatrixBatch,
    MatrixGroup,
    PaddedProducts,
    Submatrix,
)
from ..program.program import Operand


@dataclass(frozen=True)
class AxisPermutation:
    """A rearrangement of the wires' axes, as few axes as can be: view as ``shape``, permute."""

    shape: tuple[int, ...]
    permutation: tuple[int, ...]

    @property
    def inverse(self) -> AxisPermutation:
        """The rearrangement that undoes this one."""
        shape = tuple(self.shape[axis] for axis in self.permutation)
        return AxisPermutation(
            shape, tuple(self.permutation.index(axis) for axis in range(len(shape)))
        )


@dataclass(frozen=True)
class Step:
    """One pass over the state, which it reads as ``(left, inputs, right)``.

    Args:
        kind: TRANSFER for a fused transfer matrix, else the operand's kind.
        tensor: which of the plan's tensors it uses: the stacks of the submatrices come first, then
            the operands, then the final vectors of the subplans.
        row: which row of the stack; None for an operand.
        left: the number of Pauli words on the wires before the step's wires.
        inputs: the number of words on the step's wires that it reads.
        outputs: the number of words on the step's wires that it writes.
        right: the number of Pauli words on the wires behind.
        cyclic: whether the result is written as ``(right, outputs)`` where left is 1, or as
            ``(outputs, left)`` where right is 1, instead of ``(left, outputs, right)``.
        permutation: what to do with the axes first, if anything.
    """

    kind: Operand
    tensor: int
    row: int | None
    left: int
    inputs: int
    outputs: int
    right: int
    cyclic: bool = False
    permutation: AxisPermutation | None = None

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
        sides = (self.right, self.left) if self.cyclic else (self.left, self.right)
        left, right = sides
        return replace(
            self, left=left, inputs=self.outputs, outputs=self.inputs, right=right, permutation=None
        )


@dataclass(frozen=True, eq=False)
class Plan:
    """A program made ready to run, from a state of no wires.

    Args:
        matrix_batches: the transfer matrices to make.
        singles: the batches whose matrices make the table that padded products are made from.
        padded_products: the sequences on single wires without a batch.
        batched_products: the batched sequences on single wires.
        kronecker_products: the products of both on all wires of a step.
        matrix_groups: the fused matrices to make from these and from matrices on several wires.
        submatrices: what the steps need of them.
        subplans: the plans of wires that are simulated apart until a step brings them in.
        steps: what to apply, in order.
        order: the wires in the order of their axes at the end; other wires are in ``|0>``.
        paulis: the Paulis of each of these axes.
    """

    matrix_batches: tuple[MatrixBatch, ...]
    singles: tuple[int, ...]
    padded_products: tuple[PaddedProducts, ...]
    batched_products: tuple[BatchedProducts, ...]
    kronecker_products: tuple[KroneckerProducts, ...]
    matrix_groups: tuple[MatrixGroup, ...]
    submatrices: tuple[Submatrix, ...]
    subplans: tuple[Plan, ...]
    steps: tuple[Step, ...]
    order: tuple[int, ...]
    paulis: tuple[tuple[int, ...], ...]

    @cached_property
    def peak(self) -> int:
        """The number of words of the largest state on the way."""
        own = max((step.size for step in self.steps), default=1)
        return max([own, *(part.peak for part in self.subplans)])
