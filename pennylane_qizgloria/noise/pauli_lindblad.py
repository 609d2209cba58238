"""Pauli-Lindblad maps of Qiskit's as channels, one for each generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from qiskit.quantum_info import PauliLindbladMap

from .channel import NoiseChannel, pauli_lindblad_channel


def map_of_error(error: Any) -> PauliLindbladMap:
    """The map of a ``PauliLindbladError``, Aer's or that of IBM's client.

    Args:
        error: with ``generators`` and ``rates``.
    """
    pairs = zip(error.generators, error.rates, strict=True)
    listed = [(str(pauli.to_label()), float(rate)) for pauli, rate in pairs]
    return PauliLindbladMap.from_list(listed, num_qubits=error.num_qubits)


def channels_of_map(
    noise: PauliLindbladMap, qubits: Sequence[int], where: str
) -> Iterator[NoiseChannel]:
    """One channel for each generator, on the qubits that it acts on.

    Args:
        noise: the map.
        qubits: the physical qubit of each of its qubits.
        where: what the noise is of, for error messages.

    Raises:
        ValueError: if a rate is negative.
    """
    for word, places, rate in noise.to_sparse_list():
        on = [qubits[place] for place in places]
        if rate < 0:
            raise ValueError(
                f"{where}: the rate {rate:.3g} of {word} on qubits {on} is negative, so the map is "
                "no channel. Learners return such rates within their errors: set them to 0."
            )
        if rate > 0 and word:
            yield pauli_lindblad_channel(word, rate, on)
