"""Noise whose strengths and readout errors differ from those of its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from math import inf
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from ..pauli.conditions import holds
from ..qiskit.backends.validation import is_whole
from .channel import NoiseChannel
from .readout import is_readout
from .source import Instruction, Noise, Readout, title_of

STRENGTH = "The strength of"
"""How the title of a strength begins."""

Entry = tuple[str, Any, float]
"""What a number is of, the number or tensor, and the largest value that it may have."""


class FittedNoise(Noise):
    """The noise of a source with other strengths and readout errors.

    It is taken as ``noise_model``.

    Args:
        base: the source's noise.
        strengths: what the noise of instructions is multiplied by, by their names and qubits, such
            as ``("cx", (0, 1))``: numbers or tensors, at least 0, and at most 1 for noise without a
            logarithm. What is left out is as in the base: 1, unless that is fitted noise itself.
        readouts: the probabilities p(1|0) and p(0|1) by qubit, the base's where they are left out:
            pairs of numbers or tensors, from 0 to 1.

    Raises:
        TypeError: if the base is no noise, a key is none of an instruction or of a qubit, or a
            value is no number.
        ValueError: if the base has no such instruction or qubit, or a value is out of its range.

    **Example**

    >>> from pennylane_qizgloria.noise.sources import noise_of
    >>> base = noise_of("fake_manila")
    >>> FittedNoise(base, {("cx", (0, 1)): 1.5}, {0: (0.02, 0.05)}).readout(0)
    (0.02, 0.05)
    >>> FittedNoise(base, {("cx", (0, 4)): 1.5}, {})
    Traceback (most recent call last):
    ...
    ValueError: fake_manila has no noise of cx(0, 4), which a strength would multiply.
    """

    def __init__(
        self, base: Any, strengths: Mapping[Any, Any], readouts: Mapping[Any, Any]
    ) -> None:
        if not isinstance(base, Noise):
            raise TypeError(
                "FittedNoise takes the noise of a source, noise_of(source) of "
                f"pennylane_qizgloria.noise.sources; got {base!r}."
            )
        super().__init__(base.name, base.num_qubits)
        own_strengths = dict(_valid_strengths(base, strengths))
        own_readouts = dict(_valid_readouts(base, readouts))
        if isinstance(base, FittedNoise):
            own_strengths = {**base.strengths, **own_strengths}
            own_readouts = {**base.readouts, **own_readouts}
            base = base.base
        self.base: Noise = base
        self.date, self.dt = base.date, base.dt
        self.strengths = own_strengths
        self.readouts: dict[int, Readout] = own_readouts
        self.compilation = base.compilation
        self.layers = base.layers
        self.ignored = base.ignored

    @property
    def is_trained(self) -> bool:
        """Whether tensors are among its numbers."""
        numbers = [*self.strengths.values(), *(p for pair in self.readouts.values() for p in pair)]
        return any(isinstance(number, Tensor) for number in numbers)

    def require_valid(self) -> None:
        """Refuse tensors that have left their ranges; keys are what they were."""
        if self.is_trained:
            _valid_numbers(_of_strengths(self.base, self.strengths))
            _valid_numbers(_of_readouts(self.readouts))

    def instructions(self) -> list[Instruction]:
        """Those of the base."""
        return self.base.instructions()

    def after(self, name: str, qubits: tuple[int, ...]) -> tuple[NoiseChannel, ...]:
        """The channels of the base, of strength 1."""
        return self.base.after(name, qubits)

    def knows(self, name: str, qubits: tuple[int, ...]) -> bool:
        """Whether the base says anything about a gate."""
        return self.base.knows(name, qubits)

    def readout(self, qubit: int) -> Readout | None:
        """The readout error of a qubit."""
        return self.readouts[qubit] if qubit in self.readouts else self.base.readout(qubit)

    def idle(self, qubit: int, seconds: float) -> tuple[NoiseChannel, ...]:
        """The channels of the base."""
        return self.base.idle(qubit, seconds)

    def times(self, qubit: int) -> tuple[float, float] | None:
        """Those of the base."""
        return self.base.times(qubit)


# --- what is taken --------------------------------------------------------------------------------


def _valid_strengths(
    base: Noise, strengths: Mapping[Any, Any]
) -> Iterator[tuple[Instruction, Any]]:
    own = {_instruction(base, key): value for key, value in strengths.items()}
    return zip(own, _valid_numbers(_of_strengths(base, own)), strict=True)


def _valid_readouts(base: Noise, readouts: Mapping[Any, Any]) -> Iterator[tuple[int, Readout]]:
    own = {_qubit(base, key): pair for key, pair in readouts.items()}
    numbers = _valid_numbers(_of_readouts(own))
    return zip(own, zip(numbers[::2], numbers[1::2], strict=True), strict=True)


def _of_strengths(base: Noise, strengths: Mapping[Instruction, Any]) -> list[Entry]:
    return [
        (f"{STRENGTH} {title_of(key)}", value, _largest(base, key))
        for key, value in strengths.items()
    ]


def _of_readouts(readouts: Mapping[int, Any]) -> list[Entry]:
    entries: list[Entry] = []
    for qubit, pair in readouts.items():
        try:
            p10, p01 = pair
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"The readout error of qubit {qubit} must be a pair of probabilities "
                f"(p(1|0), p(0|1)), got {pair!r}."
            ) from error
        entries += [(f"p(1|0) of qubit {qubit}", p10, 1.0), (f"p(0|1) of qubit {qubit}", p01, 1.0)]
    return entries


def _instruction(base: Noise, key: Any) -> Instruction:
    """The key of a strength, if there is noise that it multiplies."""
    match key:
        case (str(name), tuple(qubits)) if all(isinstance(own, Integral) for own in qubits):
            instruction = (name, tuple(map(int, qubits)))
        case _:
            raise TypeError(
                "The keys of strengths are the name and qubits of an instruction, such as "
                f"('cx', (0, 1)); got {key!r}."
            )
    channels = base.after(*instruction)
    if not channels and not _is_known(base, instruction):
        raise ValueError(
            f"{base.name} has no noise of {title_of(instruction)}, which a strength would multiply."
        )
    if name == "measure" and channels and is_readout(channels):
        raise ValueError(
            f"The noise of {title_of(instruction)} is part of the readout error, which has no "
            "strength. Leave it out, and give readouts."
        )
    return instruction


def _is_known(base: Noise, instruction: Instruction) -> bool:
    """Whether an instruction that has no channels of its own may have a strength."""
    name, qubits = instruction
    if name == "delay" and all(_has(base, qubit) for qubit in qubits):
        with suppress(ValueError):  # of Aer's passes, which know some qubits only
            return any(base.idle(qubit, 1.0) for qubit in qubits)
    return instruction in base.instructions()


def _has(base: Noise, qubit: int) -> bool:
    return 0 <= qubit < (inf if base.num_qubits is None else base.num_qubits)


def _qubit(base: Noise, key: Any) -> int:
    if not is_whole(key):
        raise TypeError(f"The keys of readouts are each the number of a qubit; got {key!r}.")
    if not _has(base, int(key)):
        number = base.num_qubits
        there = "" if number is None else f"; its qubits are 0 to {number - 1}"
        raise ValueError(f"{base.name} has no qubit {key}{there}.")
    return int(key)


def _largest(base: Noise, instruction: Instruction) -> float:
    """The largest strength that the noise of an instruction may have."""
    return min((channel.largest for channel in base.after(*instruction)), default=inf)


# --- numbers --------------------------------------------------------------------------------------


def _valid_numbers(entries: Sequence[Entry]) -> list[Any]:
    """Numbers as floats and tensors as they are, if they are in their ranges."""
    numbers = [_number(title, value) for title, value, _ in entries]
    groups: dict[Any, list[Entry]] = {}
    for number, entry in zip(numbers, entries, strict=True):
        if isinstance(number, Tensor):
            groups.setdefault((number.device, entry[2]), []).append(entry)
        elif not (0 <= number <= entry[2] and number < inf):
            raise _out_of_range(*entry)
    # One look at many tensors: a fit has hundreds of them in each of its evaluations.
    for (_, largest), group in groups.items():
        flat = torch.stack([tensor.detach() for _, tensor, _ in group])
        if not _is_in_range(flat, largest):
            wrong = (own for own in group if not _is_in_range(own[1], largest))
            raise _out_of_range(*next(wrong))
    return numbers


def _number(title: str, value: Any) -> float | Tensor:
    is_real = isinstance(value, Tensor) and not value.is_complex() and value.dtype != torch.bool
    if is_real and value.ndim == 0:
        return value
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if is_number:
        try:
            return float(value)
        except OverflowError:  # of whole numbers
            return inf if value > 0 else -inf
    expected = "a number or a torch tensor of one real number"
    raise TypeError(f"{title} must be {expected}, got {value!r}.")


def _is_in_range(numbers: Tensor, largest: float) -> bool:
    """Whether numbers are finite, and from 0 to the largest one."""
    return holds((numbers >= 0) & (numbers <= largest) & (numbers < inf))


def _out_of_range(title: str, value: Any, largest: float) -> ValueError:
    shown = value.tolist() if isinstance(value, Tensor) else value
    expected = "must be at least 0, and finite"
    if largest < inf:
        expected = f"must be from 0 to {largest:g}"
        if title.startswith(STRENGTH):
            expected += ": its noise has no logarithm to be scaled by"
    return ValueError(f"{title} is {shown!r}; it {expected}.")
