"""The wires of a twin: physical qubits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class PhysicalQubit:
    """A qubit of a backend, as the label of a wire.

    Args:
        number: the backend's number of it.
    """

    number: int

    def __repr__(self) -> str:
        return f"Q{self.number}"
