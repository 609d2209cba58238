"""What is applied to which wires: the structure of a simulation apart from its numbers.

A `Program` is hashable and holds no tensors that change from call to call, so a plan made for it
serves every set of parameters, every batch and every tape of the same structure. The numbers come
beside it as `Arguments`. Wires are integers ``0 .. num_wires - 1``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from jaxtyping import Complex, Float
from torch import Tensor

from ..maps.transfer import ClosedForm
from ..state.basis import X, Y, Z


class Operand(Enum):
    """What a tensor operand of an operation holds, for operations that are not closed forms."""

    TRANSFER = "a transfer matrix"
    KRAUS = "Kraus operators, for operations too wide for a transfer matrix"
    STATE = "the Pauli vector of a state that replaces whatever its wires held"
    COMPONENT = "the Pauli vector of wires that have been simulated apart, see `components`"


@dataclass(frozen=True)
class Operation:
    """One trace-preserving operation on a few wires.

    Args:
        form: the closed form that takes its scalar parameters, or the kind of its operand.
        wires: what it acts on, first wire most significant.
        batched: whether its parameters or operand have a batch axis.
        constant: whether its parameters are among the constants.
    """

    form: ClosedForm | Operand
    wires: tuple[int, ...]
    batched: bool = False
    constant: bool = False


ObservedPaulis = frozenset[tuple[int, int]]
"""What measurements look at: pairs of a wire and a Pauli (X, Y or Z) that it may have in the words
that they need. I is always among the Paulis."""


def all_paulis(wires: Iterable[int]) -> ObservedPaulis:
    """All Paulis on some wires."""
    return frozenset((wire, pauli) for wire in wires for pauli in (X, Y, Z))


@dataclass(frozen=True)
class Program:
    """A sequence of operations on ``|0...0>``, and what measurements look at afterwards."""

    num_wires: int
    operations: tuple[Operation, ...]
    observed: ObservedPaulis

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        # A deep circuit takes long to hash, and is looked up several times in a call.
        return hash((self.num_wires, self.operations, self.observed))


@dataclass(frozen=True, eq=False)
class Constants:
    """Parameters that have no derivatives, and often come again, such as strengths of noise.

    The matrices made of them are kept as long as the same object comes again.
    """

    numbers: Float[Tensor, " constants"]


@dataclass(frozen=True)
class Arguments:
    """The numbers of a program, in the order in which its operations use them.

    Args:
        scalars: parameters of the closed forms that are neither batched nor constant.
        batched_scalars: parameters of the closed forms that are; None where there are none.
        operands: transfer matrices ``(*batch, 4**k, 4**k)``, Kraus operators
            ``(*batch, kraus, 2**k, 2**k)`` or states ``(*batch, 4**k)``.
        constants: parameters of the closed forms that are constant; None where there are none.
    """

    scalars: Float[Tensor, " scalars"]
    batched_scalars: Float[Tensor, "batch batched_scalars"] | None = None
    operands: tuple[Float[Tensor, "..."] | Complex[Tensor, "..."], ...] = ()
    constants: Constants | None = None

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that are not constant: scalars, batched ones if there are any, operands."""
        columns = self.batched_scalars
        return (self.scalars, *([] if columns is None else [columns]), *self.operands)


@dataclass(frozen=True)
class BoundProgram:
    """A program with its numbers.

    Args:
        program: the program.
        arguments: its numbers.
        batch_size: the length of the batch axis; None if there is none.
    """

    program: Program
    arguments: Arguments
    batch_size: int | None = None


def argument_positions(program: Program) -> list[tuple[int, ...]]:
    """For each operation, where its scalars or its operand stand among the arguments."""
    positions: list[tuple[int, ...]] = []
    operands, scalars = 0, Counter[tuple[bool, bool]]()
    for operation in program.operations:
        if isinstance(operation.form, Operand):
            positions.append((operands,))
            operands += 1
        else:
            among = (operation.batched, operation.constant)
            start = scalars[among]
            scalars[among] += operation.form.num_params
            positions.append(tuple(range(start, scalars[among])))
    return positions
