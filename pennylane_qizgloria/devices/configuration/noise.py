"""The options of `qizgloria.mixed` that make it a twin of a backend.

What makes twins imports Qiskit, so it is imported where there is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pennylane as qml
from pennylane.wires import Wires
from torch import Tensor

from .validation import naming


def twin_of(
    name: str, wires: Wires | None, given: Mapping[str, Any], options: Mapping[str, Any]
) -> Any:
    """The twin that a device is; None without ``noise_model``.

    Args:
        name: of the device, for error messages.
        wires: the device's.
        given: its ``noise_model``, ``noise_scale`` and ``readout_prob``.
        options: how circuits are compiled, by name; None where an option is left open.

    Raises:
        TypeError: if one of them is of a wrong type.
        ValueError: if they contradict each other, or have no effect.
    """
    source, scale = given["noise_model"], given["noise_scale"]
    if source is None:
        _require_none(name, {"noise_scale": None if _is_one(scale) else scale, **options})
        return None
    if given["readout_prob"] is not None:
        raise ValueError(
            f"{name}: noise_model brings the readout error of its qubits, and readout_prob would "
            "be another one. Leave readout_prob out, or noise_model."
        )
    with naming(name):
        if isinstance(source, qml.NoiseModel):
            from ...noise.pennylane_model import ModelTwin

            _require_none(name, options, "a qml.NoiseModel acts on circuits as they are written")
            twin: Any = ModelTwin(source)
        else:
            from ...noise.sources import CompileOptions, make_twin

            twin = make_twin(name, source, wires, CompileOptions(**options))
        twin.scale = scale
    return twin


def requires_grad(twin: Any) -> bool:
    """Whether the scale of a twin's noise is to be trained."""
    return isinstance(twin.scale, Tensor) and twin.scale.requires_grad


def report_on(twin: Any) -> Any:
    """What noise a twin applies, a `NoiseReport`."""
    from ...noise.pennylane_model import ModelTwin
    from ...noise.report import report_of, report_of_model

    return report_of_model(twin) if isinstance(twin, ModelTwin) else report_of(twin)


def _require_none(
    name: str, options: Mapping[str, Any], why: str = "it is for noise_model, which is not given"
) -> None:
    for option, value in options.items():
        if value is not None:
            raise ValueError(f"{name}: {option}={value!r} has no effect: {why}.")


def _is_one(scale: Any) -> bool:
    return isinstance(scale, (int, float)) and scale == 1
