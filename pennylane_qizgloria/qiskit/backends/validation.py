"""Options of the device that Qiskit would refuse late, in terms of its own, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any

from pennylane.wires import Wires
from qiskit.providers import BackendV2
from qiskit.transpiler import Target

MAX_SEED = 2**63 - 1
"""The largest seed that Aer takes."""

_DURATION = re.compile(r"(?=.*\d)\s*(\d+\s*h)?\s*(\d+\s*m)?\s*(\d+\s*s)?\s*", re.IGNORECASE)


def is_whole(value: object) -> bool:
    """Whether this is an integer; True and False are none.

    >>> is_whole(3), is_whole(3.0), is_whole(True)
    (True, False, False)
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def require_seed(name: str, seed: Any) -> None:
    """Refuse what is no seed.

    Args:
        name: of the device, for the message.
        seed: None or an integer from 0 to `MAX_SEED`.

    Raises:
        ValueError: for anything else.
    """
    if seed is not None and not (is_whole(seed) and 0 <= seed <= MAX_SEED):
        raise ValueError(f"{name}: seed must be an integer from 0 to 2**63 - 1, got {seed!r}.")


def require_wires(name: str, wires: Any) -> None:
    """Refuse a negative number of wires, which PennyLane takes for none.

    Args:
        name: of the device, for the message.
        wires: as the user gives them.

    Raises:
        ValueError: for a negative number.
    """
    if is_whole(wires) and wires < 0:
        raise ValueError(f"{name} needs a number of wires or their labels, got {wires}.")


def require_max_time(max_time: Any) -> None:
    """Refuse what is no time for a session to stay open.

    Args:
        max_time: None, a positive number of seconds, or such as ``"1h 30m"``.

    Raises:
        ValueError: for anything else.

    >>> require_max_time("2h 30m")
    >>> require_max_time(-5)
    Traceback (most recent call last):
      ...
    ValueError: max_time must be a positive whole number of seconds or such as '1h 30m', got -5.
    """
    if isinstance(max_time, str):
        fits = _DURATION.fullmatch(max_time) is not None
    else:
        fits = max_time is None or (is_whole(max_time) and max_time > 0)
    if not fits:
        raise ValueError(
            "max_time must be a positive whole number of seconds or such as '1h 30m', "
            f"got {max_time!r}."
        )


def require_qubits(name: str, wires: Wires | None, backend: BackendV2 | None) -> None:
    """Refuse more wires than the backend has qubits.

    Args:
        name: of the device, for the message.
        wires: the device's, if they are known.
        backend: that is to run its circuits, if it is known.

    Raises:
        ValueError: if the backend is too small.
    """
    qubits = None if backend is None else backend.num_qubits
    if backend is not None and wires is not None and qubits is not None and len(wires) > qubits:
        raise ValueError(
            f"{name}: {backend.name} has {qubits} qubits, fewer than the {len(wires)} wires."
        )


PRESET = ("optimization_level", "seed_transpiler", "scheduling_method", "compile_backend")
"""Options of Qiskit's preset passes, besides ``initial_layout``."""


def require_preset(name: str, given: Mapping[str, Any], target: BackendV2 | Target | None) -> None:
    """Refuse options of Qiskit's preset passes where these do not compile.

    Args:
        name: of the device, for the message.
        given: options of the device by name, ``pass_manager`` among them; None where one is open.
        target: the backend or target that Qiskit's preset passes compile for, if they do.

    Raises:
        ValueError: naming the option, and what there is in the place of the preset passes.
    """
    if target is not None:
        return
    if given["pass_manager"] is not None:
        reason = "pass_manager compiles in their place. Leave one of the two out"
    else:
        reason = "there is nothing to compile for. Give a backend, such as compile_backend"
    for option in PRESET:
        value = given.get(option)
        if value is not None:
            raise ValueError(
                f"{name}: {option}={getattr(value, 'name', value)!r} has no effect: it is for "
                f"Qiskit's preset passes, and {reason}."
            )


def require_layout(
    name: str, layout: Any, wires: Wires | None, target: BackendV2 | Target | None
) -> list[int] | None:
    """The layout as a list, if it has one qubit of the backend for each wire.

    Args:
        name: of the device, for messages.
        layout: which qubit of the backend each wire starts on; None to leave it to the transpiler.
        wires: the device's, if they are known.
        target: the backend or target that Qiskit's preset passes compile for, if they do.

    Raises:
        TypeError: if the layout is not a sequence of integers.
        ValueError: if it would have no effect, if the numbers of wires and qubits differ, or if a
            qubit is given twice or is none of the backend's.
    """
    if layout is None:
        return None
    is_sequence = isinstance(layout, Iterable) and not isinstance(layout, set | frozenset | Mapping)
    if not is_sequence or not all(map(is_whole, layout := list(layout))):
        raise TypeError(
            f"{name}: initial_layout must give the number of a qubit for each wire, in the order "
            f"of the wires, such as [3, 4]; got {layout!r}."
        )
    qubits = [int(qubit) for qubit in layout]
    fault = _fault(qubits, wires, target)
    if fault is not None:
        raise ValueError(f"{name}: initial_layout={qubits} {fault}.")
    return qubits


def _fault(layout: list[int], wires: Wires | None, target: BackendV2 | Target | None) -> str | None:
    """What is wrong with a layout."""
    if target is None:
        return (
            "has no effect: it is for Qiskit's preset passes, which need a backend or "
            "compile_backend, and no pass_manager"
        )
    if wires is None:
        return "needs to know the device's wires: give it wires=..."
    if len(layout) != len(wires):
        return f"names {len(layout)} of the backend's qubits for {len(wires)} wires; give one each"
    qubits = target.num_qubits
    for qubit in layout:
        if layout.count(qubit) > 1:
            return f"gives qubit {qubit} to more than one wire"
        if qubit < 0 or (qubits is not None and qubit >= qubits):
            return f"has {qubit}, which is no qubit of {getattr(target, 'name', 'the target')}" + (
                f": these are 0 to {qubits - 1}" if qubits else ""
            )
    return None
