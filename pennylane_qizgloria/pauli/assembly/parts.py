"""What the matrices of fused steps are made from.

All of it depends on the structure of a program only. Transfer matrices of one kind are made
together as a `MatrixBatch`. Those in a row on one wire are multiplied (`PaddedProducts`,
`BatchedProducts`), the products on the wires of a step are combined (`KroneckerProducts`), and a
`MatrixGroup` multiplies these with the matrices on several wires. A `Submatrix` is what a step
needs of the result.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from ..program.program import Operation


@dataclass(frozen=True, eq=False)
class MatrixBatch:
    """All transfer matrices of one kind, made in one call.

    Args:
        operation: a representative: its closed form or operand kind, and whether it is batched.
        slots: for each matrix, the positions of its scalars among all scalars, or of its operand.
    """

    operation: Operation
    slots: Int[Tensor, "rows params"]


@dataclass(frozen=True, eq=False)
class PaddedProducts:
    """Products of sequences on single wires, without a batch, padded to one length.

    Args:
        length: their length, a power of two.
        rows: for each position and sequence the row of its matrix in the table of the identity and
            all single-wire matrices, in the order that `sequences` explains.
    """

    length: int
    rows: Int[Tensor, " places"]


@dataclass(frozen=True, eq=False)
class BatchedProducts:
    """Products of batched sequences on single wires, of matrices of the same batches.

    Args:
        matrix_batches: the `MatrixBatch` of each factor, the first one first; None where it is a
            sequence without a batch.
        rows: for each factor its row, in each of the sequences.
    """

    matrix_batches: tuple[int | None, ...]
    rows: tuple[Int[Tensor, " sequences"], ...]


@dataclass(frozen=True, eq=False)
class KroneckerProducts:
    """Products of one sequence on each wire of a step, for steps of several groups.

    Args:
        batched: for each wire, whether its sequences are among the batched ones.
        entering: for each wire, whether it comes in ``|0>``, so that one column is left of four.
        rows: for each wire, which sequence it has in each of the steps; 0 is the identity.
        sizes: how many of the steps belong to each `KroneckerFactor`.
    """

    batched: tuple[bool, ...]
    entering: tuple[bool, ...]
    rows: tuple[Int[Tensor, " steps"], ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class KroneckerFactor:
    """A part of some `KroneckerProducts`: a factor of all steps of one group.

    Args:
        products: which of the Kronecker products.
        part: which part of them.
    """

    products: int
    part: int


@dataclass(frozen=True, eq=False)
class MultiWireFactor:
    """An operation on several wires of a step, for all steps of a group.

    Args:
        matrix_batch: the batch of its matrices.
        positions: its wires among the step's.
        rows: the row of its matrix there, in each of the steps.
    """

    matrix_batch: int
    positions: tuple[int, ...]
    rows: Int[Tensor, " steps"]


@dataclass(frozen=True, eq=False)
class MatrixGroup:
    """The matrices of steps that are products of the same factors.

    Args:
        width: the number of wires of each step.
        factors: what is multiplied, the first one first.
        start: what they are multiplied onto: the identity or, where wires come in ``|0>`` and have
            not been reduced to one column by the first factor, the columns that are left.
    """

    width: int
    factors: tuple[KroneckerFactor | MultiWireFactor, ...]
    start: Float[Tensor, "size inputs"] | None


@dataclass(frozen=True, eq=False)
class Submatrix:
    """The rows and columns of a group's matrices that are needed, where wires come or go.

    A wire that comes in ``|0>`` has one column instead of four: the sum of those of I and Z. Of a
    wire that goes only the rows of the observed Paulis are taken.

    Args:
        group: the group.
        steps: which of its matrices; None for all.
        columns: what the columns are multiplied by; None if all are needed.
        rows: which rows of each matrix; None for all.
    """

    group: int
    steps: Int[Tensor, " steps"] | None
    columns: Float[Tensor, "size inputs"] | None
    rows: Int[Tensor, " outputs"] | None
