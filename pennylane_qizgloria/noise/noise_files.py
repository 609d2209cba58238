"""Fitted noise as a JSON file."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import Any

from .fitted import FittedNoise
from .sources import noise_of

FORMAT = "pennylane-qizgloria noise, version 1"
"""What a file of fitted noise says that it is."""


def save_noise(noise: FittedNoise, path: str | PathLike) -> None:
    """Write the strengths and readout errors of fitted noise to a JSON file.

    What they belong to is not written: `load_noise` takes it.

    Args:
        noise: of numbers, not of tensors.
        path: of the file.

    Raises:
        TypeError: if the noise is none that was fitted.
    """
    if not isinstance(noise, FittedNoise) or noise.is_trained:
        raise TypeError(f"save_noise writes the noise of a fit (fit.noise), got {noise!r}.")
    content = {
        "format": FORMAT,
        "of": noise.name,
        "strengths": [
            {"instruction": name, "qubits": qubits, "strength": value}
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
        ValueError: if the file is another one, or its noise is that of another backend.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON file: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is no file of save_noise: its format is not {FORMAT!r}.")
    base = noise_of(source)
    if content["of"] != base.name:
        raise ValueError(f"{path} holds noise of {content['of']}, not of {base.name}.")
    strengths = {
        (own["instruction"], tuple(own["qubits"])): float(own["strength"])
        for own in content["strengths"]
    }
    readouts = {
        int(own["qubit"]): (float(own["p(1|0)"]), float(own["p(0|1)"]))
        for own in content["readout"]
    }
    return FittedNoise(base, strengths, readouts)
