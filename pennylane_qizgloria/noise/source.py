"""What a twin asks its noise for: the channels behind each instruction, and the readout error."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .channel import NoiseChannel

Readout = tuple[Any, Any]
"""The probabilities p(1|0) and p(0|1) of a qubit: numbers, or tensors where they are fitted."""


Instruction = tuple[str, tuple[int, ...]]
"""The name of an instruction, Qiskit's, and the physical qubits that it acts on."""


LISTED = 6
"""So many instructions at most are named in a sentence."""


def title_of(instruction: Instruction) -> str:
    """An instruction as it is written for people.

    >>> title_of(("cx", (0, 1)))
    'cx(0, 1)'
    """
    name, qubits = instruction
    return f"{name}({', '.join(map(str, qubits))})"


def some_of(instructions: Sequence[Instruction]) -> str:
    """A list of instructions for people, of which not too many are named.

    >>> some_of([("x", (0,)), ("x", (1,))])
    'x(0), x(1)'
    """
    named = ", ".join(map(title_of, instructions[:LISTED]))
    rest = len(instructions) - LISTED
    return named if rest <= 0 else f"{named} and {rest} others"


@dataclass(frozen=True, eq=False)
class NoisyLayer:
    """Gates on two qubits that run at once, and the noise that they have together.

    Args:
        gates: the gates.
        channels: the noise.
        comes_first: whether the noise acts before the gates, not behind them.
    """

    gates: frozenset[Instruction]
    channels: tuple[NoiseChannel, ...]
    comes_first: bool = False


class Noise(ABC):
    """The noise of a backend, by its instructions and physical qubits.

    Args:
        name: of what it is the noise.
        num_qubits: of how many qubits; None if it does not say so.

    Attributes:
        date: when it was measured, in ISO 8601; None if that is not known.
        dt: the time step in seconds that delays may be in units of; None if it does not say so.
        compilation: the backend or target that circuits are compiled for; None for none.
        strengths: by how much the noise of instructions is multiplied, where that is not 1.
        layers: the layers of gates that have noise of their own, besides that of instructions.
        ignored: what of the source has no part in the noise, and why, one sentence each.
    """

    def __init__(self, name: str, num_qubits: int | None) -> None:
        self.name = name
        self.num_qubits = num_qubits
        self.date: str | None = None
        self.dt: float | None = None
        self.compilation: Any = None
        self.strengths: Mapping[Instruction, Any] = {}
        self.layers: tuple[NoisyLayer, ...] = ()
        self.ignored: list[str] = []

    @property
    def is_trained(self) -> bool:
        """Whether tensors are among its numbers."""
        return False

    def require_valid(self) -> None:  # noqa: B027 (most sources have no tensors)
        """Refuse numbers that have left their ranges, which tensors may have been written to do.

        Raises:
            ValueError: naming the number and its range.
        """

    @abstractmethod
    def instructions(self) -> list[Instruction]:
        """The instructions and qubits that it knows, in the order of reports."""

    @abstractmethod
    def after(self, name: str, qubits: tuple[int, ...]) -> tuple[NoiseChannel, ...]:
        """The channels behind an instruction, the first one first.

        Args:
            name: of the instruction, Qiskit's.
            qubits: that it acts on, in the order of the instruction.
        """

    def knows(self, name: str, qubits: tuple[int, ...]) -> bool:
        """Whether the source says anything about a gate, be it that it has no noise.

        Where a source lists the gates that have noise, what is not listed has none, which is known.

        Args:
            name: of the gate, Qiskit's.
            qubits: that it acts on, in the order of the gate.
        """
        return True

    @abstractmethod
    def readout(self, qubit: int) -> Readout | None:
        """The readout error of a qubit; None for none."""

    def idle(self, qubit: int, seconds: float) -> tuple[NoiseChannel, ...]:
        """The channels of a qubit that waits for some time: none, if the source does not say."""
        return ()

    def times(self, qubit: int) -> tuple[float, float] | None:
        """T1 and T2 of a qubit in seconds, may be infinite; None if the source does not say."""
        return None
