"""Layers of gates in a compiled circuit, where a source of noise knows layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pennylane.exceptions import DeviceError

from .channel import NoiseChannel
from .source import Instruction, Noise, NoisyLayer, title_of

if TYPE_CHECKING:
    from .noisy_circuit import PlacedOperation

Noisy = tuple["PlacedOperation", tuple[NoiseChannel, ...], tuple[NoiseChannel, ...]]
"""An instruction, and the noise of layers before it and behind it."""


def in_layers(operations: Iterable[PlacedOperation], noise: Noise) -> Iterator[Noisy]:
    """The instructions of a circuit, those of a layer one after another with its noise.

    A layer is run as soon as all of its gates can run; of several the one with the most gates.

    Args:
        operations: the instructions.
        noise: the noise.

    Raises:
        DeviceError: if gates can run that belong to no layer that can.
    """
    if not noise.layers:
        yield from ((placed, (), ()) for placed in operations)
        return
    remaining = list(operations)
    while remaining:
        front = _front(remaining)
        waiting = {remaining[i].key: i for i in front if _is_joining(remaining[i])}
        single = [i for i in front if i not in waiting.values()]
        if single:
            yield from ((remaining[i], (), ()) for i in single)
            done = set(single)
        else:
            layer = _next_layer(waiting.keys(), noise)
            own = [remaining[waiting[key]] for key in sorted(layer.gates)]
            yield from _of_layer(own, layer)
            done = {waiting[key] for key in layer.gates}
        remaining = [placed for i, placed in enumerate(remaining) if i not in done]


def _is_joining(placed: PlacedOperation) -> bool:
    return len(placed.qubits) == 2 and placed.operation.name != "barrier"


def _front(operations: list[PlacedOperation]) -> list[int]:
    """The instructions that no other one has to come before."""
    blocked: set[int] = set()
    found = []
    for i, placed in enumerate(operations):
        if blocked.isdisjoint(placed.qubits):
            found.append(i)
        blocked.update(placed.qubits)
    return found


def _next_layer(waiting: Iterable[Instruction], noise: Noise) -> NoisyLayer:
    gates = set(waiting)
    fitting = [layer for layer in noise.layers if layer.gates <= gates]
    if not fitting:
        listed = ", ".join(map(title_of, sorted(gates)))
        raise DeviceError(
            f"{noise.name} has no noise for a layer of {listed}. Learn the noise of all layers of "
            "the circuit as it is compiled, with initial_layout= and seed_transpiler= given."
        )
    return max(fitting, key=lambda layer: len(layer.gates))


def _of_layer(own: list[PlacedOperation], layer: NoisyLayer) -> Iterator[Noisy]:
    for number, placed in enumerate(own):
        is_first, is_last = number == 0, number == len(own) - 1
        before = layer.channels if layer.comes_first and is_first else ()
        behind = layer.channels if not layer.comes_first and is_last else ()
        yield placed, before, behind
