"""What the methods of a device refuse when they are called directly, with what a QNode never gives.

Each raises an error that names the device, what was given and what is expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pennylane.devices import ExecutionConfig
from pennylane.exceptions import DeviceError
from pennylane.tape import QuantumScript


def require_call(device: str, circuits: Any, config: Any) -> None:
    """Refuse what are no circuits, and what is no configuration.

    Raises:
        TypeError: naming what was given.
    """
    require_config(device, config)
    is_batch = isinstance(circuits, Sequence) and not isinstance(circuits, str)
    wrong = [own for own in circuits if not isinstance(own, QuantumScript)] if is_batch else None
    if not is_batch or wrong:
        given = wrong[0] if wrong else circuits
        raise TypeError(
            f"{device} runs a QuantumScript or a sequence of them, got {given!r}. "
            "A function becomes one with qml.tape.make_qscript(function)(arguments)."
        )


def require_config(device: str, config: Any) -> None:
    """Refuse what is no execution configuration.

    Raises:
        TypeError: naming what was given.
    """
    if config is not None and not isinstance(config, ExecutionConfig):
        raise TypeError(
            f"{device} takes a qml.devices.ExecutionConfig as its configuration, got {config!r}."
        )


def require_circuit(device: str, circuit: Any) -> None:
    """Refuse what is no circuit where one may be left out.

    Raises:
        TypeError: naming what was given.
    """
    if circuit is not None and not isinstance(circuit, QuantumScript):
        raise TypeError(f"{device} takes a QuantumScript as its circuit, got {circuit!r}.")


def require_exact(device: str, circuits: Sequence[QuantumScript]) -> None:
    """Refuse derivatives of results with shots.

    Raises:
        DeviceError: naming the methods that have them.
    """
    for circuit in circuits:
        if circuit.shots:
            raise DeviceError(
                f"{device} differentiates exact results; this circuit has "
                f"{circuit.shots.total_shots} shots. Leave "
                "the shots out, or take diff_method='parameter-shift' in a QNode."
            )


def require_one_each(
    device: str, circuits: Sequence[QuantumScript], given: Any, what: str, example: str
) -> None:
    """Refuse cotangents or tangents that are not one set for each circuit.

    Args:
        device: its name.
        circuits: the circuits.
        given: what is to be one set for each of them.
        what: ``"cotangents"`` or ``"tangents"``.
        example: what they are for one circuit.

    Raises:
        TypeError: if they are no sequence.
        ValueError: if there are more or fewer than circuits.
    """
    expected = f"{device} takes as {what} a sequence with {example} for each circuit"
    if not hasattr(given, "__len__"):
        raise TypeError(f"{expected}, got {given!r}.")
    if len(given) != len(circuits):
        raise ValueError(f"{expected}, got {len(given)} for {len(circuits)}.")


_UNNAMED = (ValueError, TypeError, MemoryError, DeviceError)


@contextmanager
def naming(device: str) -> Iterator[None]:
    """Put the device's name before what is wrong with the user's input."""
    try:
        yield
    except _UNNAMED as error:
        # What is checked in terms of the device names it already.
        is_named = str(error).startswith((f"{device}: ", f"{device} "))
        if is_named or type(error) not in _UNNAMED:
            raise
        raise type(error)(f"{device}: {error}") from error
