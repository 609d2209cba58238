"""The bases that wires are measured in."""

from __future__ import annotations

from dataclasses import dataclass

from .program import BoundProgram


@dataclass(frozen=True, eq=False)
class MeasuredBasis:
    """A basis of the states of some wires, first wire most significant.

    Args:
        wires: the measured wires.
        paulis: the Pauli that is measured on each wire: outcome 0 is its eigenvalue +1.
        rotation: where no Paulis make the basis, the unitary that turns it into the computational
            one, as a program on the wires ``0 .. len(wires) - 1``; else None.
    """

    wires: tuple[int, ...]
    paulis: tuple[int, ...]
    rotation: BoundProgram | None = None
