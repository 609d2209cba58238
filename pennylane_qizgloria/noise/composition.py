"""Several channels on the qubits of an instruction as one map."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import torch
from jaxtyping import Float
from torch import Tensor

from .channel import NoiseChannel, infidelity_of_trace


def composed(
    channels: Sequence[NoiseChannel], qubits: Sequence[int], strength: float = 1.0
) -> Float[Tensor, "paulis paulis"]:
    """The transfer matrix of channels one after the other.

    Args:
        channels: the first one first, each on some of the qubits.
        qubits: the first one is the most significant one.
        strength: of all of them.
    """
    count = len(qubits)
    whole = torch.eye(4**count, dtype=torch.float64)
    for channel in channels:
        places = [qubits.index(qubit) for qubit in channel.qubits]
        rest = [place for place in range(count) if place not in places]
        axes = torch.tensor([*places, *rest]).argsort().tolist()
        wide = torch.kron(channel.transfer(strength), torch.eye(4 ** len(rest)).double())
        wires = wide.reshape((4,) * (2 * count))
        own = wires.permute(*axes, *(count + axis for axis in axes)).reshape(whole.shape)
        whole = own @ whole
    return whole


def infidelity_of(
    channels: Sequence[NoiseChannel], qubits: Sequence[int], strength: float = 1.0
) -> float:
    """One minus the average gate fidelity of channels together.

    Args:
        channels: the channels.
        qubits: of the instruction that they are behind.
        strength: of all of them.

    Returns:
        NaN where one of them cannot have that strength.
    """
    if any(strength > channel.largest for channel in channels):
        return nan
    return infidelity_of_trace(float(composed(channels, qubits, strength).trace()), len(qubits))
