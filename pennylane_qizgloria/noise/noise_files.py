"""Fitted noise as a JSON file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import isclose
from os import PathLike
from pathlib import Path
from typing import Any

from ..user_warnings import warn
from .composition import infidelity_of
from .fitted import FittedNoise
from .source import Instruction, some_of
from .sources import noise_of

FORMAT = "pennylane-qizgloria noise, version 1"
"""What a file of fitted noise says that it is."""


def save_noise(noise: FittedNoise, path: str | PathLike) -> None:
    """Write the strengths and readout errors of fitted noise to a JSON file.

    What they belong to is not written: `load_noise` takes it. The errors that strengths multiply
    are, so that `load_noise` sees if they have changed.

    Args:
        noise: of numbers, not of tensors.
        path: of the file.

    Raises:
        TypeError: if the noise is none that was fitted, or has tensors.
    """
    if not isinstance(noise, FittedNoise):
        raise TypeError(f"save_noise writes the noise of a fit (fit.noise), got {noise!r}.")
    if noise.is_trained:
        raise TypeError(
            "save_noise writes numbers, and some strengths or readout errors are tensors: give a "
            "FittedNoise of their values, such as value.item()."
        )
    content = {
        "format": FORMAT,
        "of": noise.name,
        "strengths": [
            {
                "instruction": name,
                "qubits": qubits,
                "strength": value,
                "error": _error(noise, (name, qubits)),
            }
            for (name, qubits), value in noise.strengths.items()
        ],
        "readout": [
            {"qubit": qubit, "p(1|0)": p10, "p(0|1)": p01}
            for qubit, (p10, p01) in noise.readouts.items()
        ],
    }
    Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load_noise(path: str | PathLike, source: Any) -> FittedNoise:
    """Read fitted noise from a JSON file.

    Args:
        path: of a file that `save_noise` wrote.
        source: what the noise was fitted to, anything that ``noise_model`` takes.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if the file is another one or damaged, its noise is that of another backend, or
            does not fit the source.

    Warns:
        UserWarning: if strengths were fitted to other errors than those of the source, which they
            multiply now: it is calibrated anew, or another one of the same name.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise ValueError(
            f"{path} is no file of save_noise that can be read: its format is {found!r}; this "
            f"version reads {FORMAT!r}."
        )
    try:
        name = _item(content, "of")
        strengths = _unique(map(_strength, _entries(content, "strengths")))
        readouts = _unique(map(_readout, _entries(content, "readout")))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
    base = noise_of(source)
    if name != base.name:
        raise ValueError(f"{path} holds noise of {name}, not of {base.name}.")
    try:
        noise = FittedNoise(base, strengths, readouts)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} does not fit {base.name}: {error}") from error
    _warn_of_others(path, noise, content["strengths"])
    return noise


def _error(noise: FittedNoise, own: Instruction) -> float:
    """The error that a strength multiplies: one minus the average gate fidelity at strength 1."""
    return infidelity_of(noise.base.after(*own), own[1])


def _warn_of_others(path: str | PathLike, noise: FittedNoise, entries: list[Any]) -> None:
    """Say if strengths were fitted to other errors than they multiply now."""
    then = [entry.get("error") for entry in entries]  # none in files that are written by hand
    changed = [
        own
        for own, error in zip(noise.strengths, then, strict=True)
        if isinstance(error, (int, float))
        and not isclose(error, _error(noise, own), rel_tol=1e-6, abs_tol=1e-12)
    ]
    if changed:
        warn(
            f"{path}: the strengths of {some_of(changed)} were fitted to other errors than those "
            f"of {noise.name}, which they multiply now. Fit them anew, or give the source as it "
            "was then."
        )


def _entries(content: Mapping[str, Any], key: str) -> list[Any]:
    entries = _item(content, key)
    if not isinstance(entries, list):
        raise ValueError(f"its {key!r} is no list")
    return entries


def _strength(entry: Any) -> tuple[Instruction, Any]:
    name, qubits, value = (_item(entry, key) for key in ("instruction", "qubits", "strength"))
    if not isinstance(name, str):
        raise ValueError(f"the instruction of {entry} is no name")
    if not isinstance(qubits, list) or not all(isinstance(qubit, int) for qubit in qubits):
        raise ValueError(f"the qubits of {entry} are no list of numbers")
    return (name, tuple(qubits)), value


def _readout(entry: Any) -> tuple[int, tuple[Any, Any]]:
    qubit, p10, p01 = (_item(entry, key) for key in ("qubit", "p(1|0)", "p(0|1)"))
    if not isinstance(qubit, int):
        raise ValueError(f"the qubit of {entry} is no number")
    return qubit, (p10, p01)


def _item(entry: Any, key: str) -> Any:
    if not isinstance(entry, dict):
        raise ValueError(f"its entry {entry!r} is no object")
    if key not in entry:
        # Of the file as a whole it is enough to say what it lacks.
        raise ValueError(f"{'it' if 'format' in entry else entry} has no {key!r}")
    return entry[key]


def _unique(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"it has {key!r} twice")
        found[key] = value
    return found
