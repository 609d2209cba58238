r"""Readout errors of physical qubits, weaker or stronger.

A confusion matrix C with :math:`\lambda = 1 - p(1|0) - p(0|1) > 0` is moved along its own
generator: :math:`C^x` has the same stationary distribution and :math:`\lambda^x`,

.. math:: p_x(1|0) = \frac{p(1|0)}{p(1|0) + p(0|1)}\,(1 - \lambda^x),

and :math:`p_x(0|1)` alike. Where :math:`\lambda \le 0` there is no generator, and x is at most 1.

Some sources have a channel before a measurement besides. Where it maps Z to Z and the identity
only, as relaxation and depolarizing noise do, it is a confusion matrix, too, whatever basis is
measured.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..pauli.caching import cached
from ..pauli.conditions import holds
from ..pauli.state.basis import I, X, Y, Z
from .channel import NoiseChannel
from .qubits import PhysicalQubit
from .source import Noise

NEGLIGIBLE = 1e-12
"""Entries of transfer matrices below this are rounding."""


@dataclass(frozen=True, eq=False)
class TwinReadout:
    """The confusion matrices of physical qubits. A copy is itself.

    Args:
        noise: whose readout errors these are.
        scale: what they are scaled by: a number, or a tensor with at most one axis, for a batch.
        key: equal for equal matrices; None where they are made of tensors.
    """

    noise: Noise
    scale: Any
    key: Hashable | None

    def __deepcopy__(self, memo: Any) -> TwinReadout:
        return self

    def on(self, wire_map: Mapping[Any, int]) -> dict[int, Float[Tensor, "*batch 2 2"]]:
        """The matrices by integer wire."""
        found = {}
        for label, wire in wire_map.items():
            if isinstance(label, PhysicalQubit):
                matrix = self._of(label.number)
                if matrix is not None:
                    found[wire] = matrix
        return found

    def _of(self, qubit: int) -> Float[Tensor, "*batch 2 2"] | None:
        pair = self.noise.readout(qubit)
        channels = self.noise.after("measure", (qubit,))
        if not is_readout(channels):
            channels = ()  # it is in the circuit
        if pair is None and not channels:
            return None
        numbers = (*(pair or (0.0, 0.0)), self.scale)
        is_plain = not any(isinstance(number, Tensor) for number in numbers)
        return (_plain_matrix if is_plain else _matrix)(channels, *numbers)


def twin_readout(noise: Noise, scale: float | Tensor) -> TwinReadout:
    """The readout errors of a twin's qubits at a scale."""
    is_plain = isinstance(scale, float) and not noise.is_trained
    return TwinReadout(noise, scale, (noise, scale) if is_plain else None)


def is_readout(channels: Sequence[NoiseChannel]) -> bool:
    """Whether channels before a measurement are a readout error: Z becomes Z and the identity."""
    return all(map(_keeps_z, channels))


@cached(maxsize=4096)
def _keeps_z(channel: NoiseChannel) -> bool:
    rows = [channel.transfer(strength)[Z, [X, Y]] for strength in (1.0, 0.37)]
    return float(torch.stack(rows).abs().max()) < NEGLIGIBLE


def _matrix(
    channels: tuple[NoiseChannel, ...], p10: Any, p01: Any, scale: Any
) -> Float[Tensor, "*batch 2 2"]:
    """The confusion matrix of channels and the readout error behind them."""
    matrix = confusion_matrix(p10, p01, scale)
    for own in reversed(channels):
        matrix = _of_channel(own, scale) @ matrix
    return matrix


@cached(maxsize=4096)
def _plain_matrix(
    channels: tuple[NoiseChannel, ...], p10: float, p01: float, scale: float
) -> Float[Tensor, "2 2"]:
    return _matrix(channels, p10, p01, scale)


def _of_channel(channel: NoiseChannel, scale: Any) -> Float[Tensor, "*batch 2 2"]:
    x = torch.as_tensor(scale, dtype=torch.float64)
    start, slopes = (
        torch.tensor(own, dtype=torch.float64) for own in (channel.at_zero, channel.slopes)
    )
    transfer = channel.form(start + x[..., None] * slopes)
    factor, shift = transfer[..., Z, Z], transfer[..., Z, I]
    p10, p01 = (1 - factor - shift) / 2, (1 - factor + shift) / 2
    return torch.stack([1 - p10, p10, p01, 1 - p01], -1).unflatten(-1, (2, 2))


def has_generator(p10: Any, p01: Any) -> bool:
    """Whether a confusion matrix has powers above 1, see `confusion_matrix`."""
    return holds(torch.as_tensor(p10 + p01 < 1))


def confusion_matrix(p10: Any, p01: Any, scale: Any = 1.0) -> Float[Tensor, "*batch 2 2"]:
    """A confusion matrix, moved along its generator.

    Args:
        p10: the probability to read 1 where there is 0.
        p01: the probability to read 0 where there is 1.
        scale: 0 for no error, 1 for the error as it is; a number or a tensor ``(batch,)``.

    Raises:
        ValueError: if the matrix has no generator, and the scale is above 1.

    >>> confusion_matrix(0.1, 0.1, 2.0)
    tensor([[0.8200, 0.1800],
            [0.1800, 0.8200]], dtype=torch.float64)
    """
    first, second, x = (torch.as_tensor(value, dtype=torch.float64) for value in (p10, p01, scale))
    total = first + second
    if not has_generator(p10, p01):
        if not holds(x <= 1):
            raise ValueError(
                f"noise_scale is above 1, but the readout error p(1|0) = {float(first):.3g}, "
                f"p(0|1) = {float(second):.3g} is too large to have a generator."
            )
        share = x
    else:
        # expm1 and log1p, because errors may be as small as they like; 0/0 has the limit x.
        rate = torch.log1p(-total)
        share = torch.where(total > 0, -torch.expm1(x * rate) / torch.where(total > 0, total, 1), x)
    one, zero = share * first, share * second
    return torch.stack([1 - one, one, zero, 1 - zero], -1).unflatten(-1, (2, 2))
