"""Noise whose strengths and readout errors differ from those of its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .channel import NoiseChannel
from .source import Instruction, Noise, Readout


class FittedNoise(Noise):
    """The noise of a source with other strengths and readout errors.

    It is taken as ``noise_model``.

    Args:
        base: the source's noise.
        strengths: what the noise of instructions is multiplied by, 1 where it is left out: numbers
            or tensors.
        readouts: the probabilities p(1|0) and p(0|1) of qubits, the base's where they are left out.
    """

    def __init__(
        self,
        base: Noise,
        strengths: Mapping[Instruction, Any],
        readouts: Mapping[int, tuple[Any, Any]],
    ) -> None:
        super().__init__(base.name, base.num_qubits)
        self.base = base
        self.date = base.date
        self.strengths = dict(strengths)
        self.readouts = dict(readouts)
        self.compilation = base.compilation
        self.layers = base.layers
        self.ignored = base.ignored

    @property
    def is_trained(self) -> bool:
        """Whether tensors are among its numbers."""
        numbers = [*self.strengths.values(), *(p for pair in self.readouts.values() for p in pair)]
        return any(isinstance(number, Tensor) for number in numbers)

    def instructions(self) -> list[Instruction]:
        """Those of the base."""
        return self.base.instructions()

    def after(self, name: str, qubits: tuple[int, ...]) -> tuple[NoiseChannel, ...]:
        """The channels of the base, of strength 1."""
        return self.base.after(name, qubits)

    def readout(self, qubit: int) -> Readout | None:
        """The readout error of a qubit."""
        return self.readouts[qubit] if qubit in self.readouts else self.base.readout(qubit)

    def idle(self, qubit: int, seconds: float) -> tuple[NoiseChannel, ...]:
        """The channels of the base."""
        return self.base.idle(qubit, seconds)

    def times(self, qubit: int) -> tuple[float, float] | None:
        """Those of the base."""
        return self.base.times(qubit)
