"""Learned noise: a Pauli-Lindblad map for each layer of gates.

This is what IBM's noise learners return. A layer is the set of two-qubit gates in it; single-qubit
gates are absorbed by twirling, and the map belongs to the layer as a whole. The qubits of a map
are those of its layer in ascending order of the physical qubits (see samplomatic's
``InjectNoise``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from qiskit.circuit import BoxOp, CircuitInstruction, QuantumCircuit
from qiskit.quantum_info import PauliLindbladMap

from .._compat.qiskit import index_of_qubit
from .channel import NoiseChannel
from .pauli_lindblad import channels_of_map, map_of_error
from .source import Instruction, Noise, NoisyLayer, Readout, title_of

EXPECTED = (
    "Expected are pairs (instruction, PauliLindbladMap), the instruction being a box on qubits of "
    "a register, such as samplomatic's find_unique_box_instructions gives, or LayerErrors of "
    "IBM's NoiseLearner"
)


class LearnedNoise(Noise):
    """The noise of layers. Single gates, measurements and idle qubits have none.

    Args:
        layers: pairs of a ``CircuitInstruction`` with a ``BoxOp`` and a ``PauliLindbladMap``, or
            ``LayerError`` objects.

    Raises:
        TypeError: if they are something else.
        ValueError: if a map does not fit its layer, has a negative rate, or there are two of one
            layer.
    """

    def __init__(self, layers: Iterable[Any]) -> None:
        super().__init__("learned noise", None)
        found: dict[frozenset[Instruction], NoisyLayer] = {}
        for number, own in enumerate(layers):
            layer = _layer(own, number)
            if not layer.gates:
                self.ignored.append(
                    f"Layer {number} has no gate on two qubits: its noise is that of single "
                    "gates or measurements, which has no place behind a layer of gates."
                )
            elif layer.gates in found:
                listed = ", ".join(map(title_of, sorted(layer.gates)))
                raise ValueError(f"noise_model has two maps for the layer {listed}.")
            else:
                found[layer.gates] = layer
        if not found:
            raise ValueError(f"noise_model has no layer of gates on two qubits. {EXPECTED}.")
        self.layers = tuple(found.values())

    def instructions(self) -> list[Instruction]:
        """Noise belongs to layers, not to instructions."""
        return []

    def after(self, name: str, qubits: tuple[int, ...]) -> tuple[NoiseChannel, ...]:
        """Nothing."""
        return ()

    def readout(self, qubit: int) -> Readout | None:
        """Nothing."""
        return None


def _layer(own: Any, number: int) -> NoisyLayer:
    if isinstance(own, (tuple, list)) and len(own) == 2:
        instruction, noise = own
        if isinstance(instruction, CircuitInstruction) and isinstance(noise, PauliLindbladMap):
            return _of_box(instruction, noise, number)
    if all(hasattr(own, name) for name in ("circuit", "qubits", "error")):
        return _of_layer_error(own, number)
    raise TypeError(f"noise_model, layer {number}: {EXPECTED}; got {own!r}.")


def _of_box(instruction: CircuitInstruction, noise: PauliLindbladMap, number: int) -> NoisyLayer:
    box = instruction.operation
    if not isinstance(box, BoxOp):
        raise TypeError(f"noise_model, layer {number} is {box.name!r}, no box. {EXPECTED}.")
    places = [index_of_qubit(qubit) for qubit in instruction.qubits]
    if None in places:
        raise ValueError(
            f"noise_model, layer {number} is on qubits that are in no register, so it is not known "
            "which physical qubits they are. Take the instructions of a transpiled circuit."
        )
    qubits = [place for place in places if place is not None]
    sites = [str(getattr(own, "site", "after")) for own in box.annotations]
    comes_first = any(site.lower().endswith("before") for site in sites)
    terms = _terms_of_map(noise, sorted(qubits), number)
    return NoisyLayer(frozenset(_gates(box.body, qubits)), terms, comes_first)


def _of_layer_error(own: Any, number: int) -> NoisyLayer:
    qubits = list(own.qubits)
    terms: tuple[NoiseChannel, ...] = ()
    if own.error is not None:
        terms = _terms_of_map(map_of_error(own.error), qubits, number)
    return NoisyLayer(frozenset(_gates(own.circuit, qubits)), terms)


def _terms_of_map(
    noise: PauliLindbladMap, qubits: Sequence[int], number: int
) -> tuple[NoiseChannel, ...]:
    """The channels of a map on as many qubits as its layer has."""
    if noise.num_qubits != len(qubits):
        raise ValueError(
            f"noise_model, layer {number} is on the qubits {list(qubits)}, but its map on "
            f"{noise.num_qubits}."
        )
    return tuple(channels_of_map(noise, qubits, f"noise_model, layer {number}"))


def _gates(circuit: QuantumCircuit, qubits: Sequence[int]) -> Iterator[Instruction]:
    """The gates on two qubits in a layer."""
    for instruction in circuit.data:
        if instruction.operation.name != "barrier" and len(instruction.qubits) == 2:
            on = tuple(qubits[circuit.find_bit(qubit).index] for qubit in instruction.qubits)
            yield instruction.operation.name, on
