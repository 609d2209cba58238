"""What a way to simulate circuits has to offer: the seam between devices and simulators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from ..lowering.circuit import LoweredCircuit
from ..pauli.program.final_state import FinalState


@runtime_checkable
class Engine(Protocol):
    """A way to simulate circuits.

    It takes lowered circuits: a program, the numbers of its operations, and specifications of what
    is measured, which say what is needed of the final state. It gives final states, from which
    exact results and shots are read.
    """

    @property
    def name(self) -> str:
        """What the device option ``method`` calls it."""

    @property
    def is_differentiable(self) -> bool:
        """Whether torch can differentiate its results by the numbers of a program."""

    def why_not(self, circuit: LoweredCircuit) -> str | None:
        """Why it cannot simulate a circuit, as a sentence; None if it can."""

    def run(
        self, circuits: Sequence[LoweredCircuit], memory_budget: int | None
    ) -> Sequence[FinalState]:
        """The final state of each circuit.

        Args:
            circuits: circuits that it supports.
            memory_budget: how many bytes of states a reverse pass may keep; None for a share of
                what is free.

        Raises:
            MemoryError: if a state does not fit into memory.
        """
