"""What `noise_model=` takes: sources of noise, each with what circuits are compiled for.

Aer and IBM's client are imported only where a source is theirs.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pennylane.wires import Wires
from qiskit.providers import BackendV2
from qiskit.transpiler import Target

from ..qiskit.backends.options import require_types
from ..qiskit.backends.resolve import is_aer, resolve_backend
from ..qiskit.backends.validation import require_layout, require_preset, require_qubits
from ..qiskit.compile.transpilation import Compiler, preset_passes
from .calibration import CalibratedNoise
from .calibration_files import (
    calibration_of_properties,
    calibration_of_target,
    read_calibration,
    target_of,
)
from .learned import LearnedNoise
from .source import Noise
from .twin import Twin

FORMS = (
    "a BackendV2 or the name of one such as 'fake_manila', a Target, a NoiseModel of "
    "qiskit_aer.noise, a qml.NoiseModel, a list of pairs (instruction, PauliLindbladMap), the path "
    "of a calibration file (.csv or .json), or what pennylane_qizgloria.noise makes"
)


@dataclass(frozen=True)
class CompileOptions:
    """How circuits are compiled, as on `qizgloria.qiskit`.

    Args:
        optimization_level: of the transpiler, 0 to 3; None for its default.
        seed_transpiler: of the transpiler.
        initial_layout: the qubit that each wire starts on.
        pass_manager: what compiles in the place of Qiskit's preset.
        scheduling_method: ``"alap"`` or ``"asap"``: qubits relax while they wait.
        compile_backend: what is compiled for, if not what the noise is of.
    """

    optimization_level: int | None = None
    seed_transpiler: int | None = None
    initial_layout: Any = None
    pass_manager: Any = None
    scheduling_method: str | None = None
    compile_backend: Any = None


def noise_of(source: Any) -> Noise:
    """A source's noise.

    Args:
        source: one of `FORMS`.

    Raises:
        TypeError: if it is none of these.
        ValueError: if it says nothing about noise, or something that is none.
    """
    if isinstance(source, Noise):
        return source
    if isinstance(source, str) and not _is_path(source):
        return noise_of(resolve_backend(source))
    if isinstance(source, (str, os.PathLike)):
        calibration = read_calibration(Path(source))
        return _compiled_for(target_of(calibration), CalibratedNoise(calibration))
    if isinstance(source, Target):
        return _compiled_for(source, CalibratedNoise(calibration_of_target("the target", source)))
    if isinstance(source, BackendV2):
        return _compiled_for(source, _of_backend(source))
    if _is_aer_model(source):
        return _of_aer_model(source)
    if isinstance(source, (list, tuple)) or hasattr(source, "to_pauli_lindblad_maps"):
        return LearnedNoise(source)
    raise TypeError(f"noise_model must be {FORMS}; got {type(source).__name__}.")


def make_twin(name: str, source: Any, wires: Wires | None, options: CompileOptions) -> Twin:
    """The twin of a source of noise.

    Args:
        name: of the device, for error messages.
        source: one of `FORMS`.
        wires: the device's.
        options: how circuits are compiled.

    Raises:
        TypeError: if an option is of the wrong type, or the source is none of `FORMS`.
        ValueError: if there are fewer qubits than wires, or an option has a value that it cannot
            have.
    """
    given = vars(options)
    require_types(name, {key: given[key] for key in given if key != "initial_layout"})
    noise = noise_of(source)
    compiled_for = options.compile_backend or noise.compilation
    _require_size(name, noise, wires)
    if isinstance(compiled_for, BackendV2):
        require_qubits(name, wires, compiled_for)
    target = compiled_for if options.pass_manager is None else None
    # Beside a pass manager it says how long dt is, where the noise does not.
    says_dt = getattr(noise.compilation, "dt", None) is None
    require_preset(name, given | ({"compile_backend": None} if says_dt else {}), target)
    layout = require_layout(name, options.initial_layout, wires, target)
    passes = options.pass_manager
    if target is not None:
        passes = preset_passes(
            target,
            options.optimization_level,
            options.seed_transpiler,
            layout,
            options.scheduling_method,
        )
    dt = getattr(compiled_for, "dt", None) or noise.dt
    # Circuits that are taken as they are run on the qubits of their wires' numbers, all of them.
    with_idle = layout is not None or passes is None
    twin = Twin(noise, Compiler(passes), wires, with_idle, dt)
    twin.recipe = make_twin, (name, source, wires, options)
    return twin


def _require_size(name: str, noise: Noise, wires: Wires | None) -> None:
    if wires is not None and noise.num_qubits is not None and len(wires) > noise.num_qubits:
        raise ValueError(
            f"{name}: the noise of {noise.name} is of {noise.num_qubits} qubits, fewer than the "
            f"{len(wires)} wires."
        )


def _compiled_for(target: BackendV2 | Target, noise: Noise) -> Noise:
    noise.compilation = target
    return noise


def _is_path(source: str) -> bool:
    return source.lower().endswith((".csv", ".json")) or os.sep in source


def _of_backend(backend: BackendV2) -> Noise:
    """The noise that a backend says that it has."""
    model = backend.options.get("noise_model") if is_aer(backend) else None
    if model is not None:
        return _aer_noise(model)
    properties = getattr(backend, "properties", None)
    known = properties() if callable(properties) else None
    if known is not None and getattr(known, "gates", None):
        return CalibratedNoise(calibration_of_properties(known, backend.name))
    calibration = calibration_of_target(backend.name, backend.target)
    if not any(gate.error or gate.duration for gate in calibration.gates.values()):
        raise ValueError(
            f"{backend.name} has no calibration data: neither properties() nor its target say "
            "anything about errors. A twin needs one that does, such as 'fake_manila', or another "
            "source of noise."
        )
    return CalibratedNoise(calibration)


def _is_aer_model(source: Any) -> bool:
    aer = sys.modules.get("qiskit_aer")
    return aer is not None and isinstance(source, aer.noise.NoiseModel)


def _of_aer_model(model: Any) -> Noise:
    from qiskit_aer import AerSimulator

    return _compiled_for(AerSimulator(noise_model=model), _aer_noise(model))


def _aer_noise(model: Any) -> Noise:
    from .aer import AerNoise

    return AerNoise(model)
