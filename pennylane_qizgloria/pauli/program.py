"""What is applied to which wires: the structure of a simulation apart from its numbers.

A `Program` is hashable and holds no tensors that change from call to call, so a plan made for it
serves every set of parameters, every batch and every tape of the same structure. The numbers come
beside it as `Arguments`. Wires are integers ``0 .. num_wires - 1``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from jaxtyping import Complex, Float
from torch import Tensor

from .basis import X, Y, Z
from .transfer import ClosedForm


class Operand(Enum):
    """What a tensor operand of an operation holds, for operations that are not closed forms."""

    TRANSFER = "a transfer matrix"
    KRAUS = "Kraus operators, for operations too wide for a transfer matrix"
    STATE = "the Pauli vector of a state that replaces whatever its wires held"
    REGISTER = "the Pauli vector of wires that have been simulated apart, see `registers`"


@dataclass(frozen=True)
class Operation:
    """One trace-preserving operation on a few wires.

    Args:
        source: the closed form that takes its scalar parameters, or the kind of its operand.
        wires: what it acts on, first wire most significant.
        batched: whether its parameters or operand have a batch axis.
        constant: whether its parameters are among the constants.
    """

    source: ClosedForm | Operand
    wires: tuple[int, ...]
    batched: bool = False
    constant: bool = False


Visible = frozenset[tuple[int, int]]
"""What measurements look at: pairs of a wire and a letter (X, Y or Z) that it may have in the words
that they need. I is always among the letters."""


def every_letter(wires: Iterable[int]) -> Visible:
    """All letters on some wires."""
    return frozenset((wire, letter) for wire in wires for letter in (X, Y, Z))


@dataclass(frozen=True)
class Program:
    """A sequence of operations on ``|0...0>``, and what measurements look at afterwards."""

    num_wires: int
    operations: tuple[Operation, ...]
    observed: Visible


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
