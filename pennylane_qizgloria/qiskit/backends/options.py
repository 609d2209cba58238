"""Options of the device: which there are, where one that is misplaced belongs, and their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from qiskit.passmanager import BasePassManager
from qiskit.providers import BackendV2

from ...option_names import no_such_option
from .validation import is_whole, require_seed

AER_OPTIONS = ("method", "noise_model", "device")
"""What ``backend="aer"`` takes."""

ACCOUNT_OPTIONS = (
    *("channel", "token", "url", "filename", "name", "instance", "proxies", "verify"),
    *("private_endpoint", "url_resolver", "region", "plans_preference", "tags"),
    "min_num_qubits",
)
"""What IBM's backends take: arguments of ``QiskitRuntimeService``, and of ``least_busy``."""

_MIXED = "is an option of qizgloria.mixed"
_INSIDE = "is an option of the primitives: give options={{{0!r}: ...}}"

ELSEWHERE = {
    "readout_prob": f"{_MIXED}; Aer takes readout errors as part of noise_model=",
    "r_dtype": _MIXED,
    "c_dtype": _MIXED,
    "memory_budget": _MIXED,
    "seed_simulator": "is seed= here",
    "simulator_seed": "is seed= here",
    "transpiler_seed": "is seed_transpiler= here",
    "layout": "is initial_layout= here",
    "level": "is optimization_level= here",
    "max_time": "is for dev.session(max_time=...)",
    "diff_method": "belongs to the QNode",
    "interface": "belongs to the QNode",
}
"""What belongs elsewhere, or has another name here."""

PRIMITIVE_OPTIONS = (
    *("resilience_level", "resilience", "twirling", "dynamical_decoupling", "default_shots"),
    *("default_precision", "run_options", "abelian_grouping", "max_execution_time", "execution"),
    *("environment", "experimental", "simulator"),
)
"""What ``options`` is for."""


def require_known(name: str, given: Iterable[str], own: Iterable[str]) -> None:
    """Refuse options that neither the device nor a backend has.

    Args:
        name: of the device, for the message.
        given: the names of what are meant to be options of the backend.
        own: those of the device's own options.

    Raises:
        ValueError: it says what was meant, as far as that can be guessed.

    >>> require_known("qizgloria.qiskit", ["nois_model"], ["backend", "seed"])
    Traceback (most recent call last):
      ...
    ValueError: qizgloria.qiskit has no option 'nois_model'. Did you mean 'noise_model'?
    """
    known = [*own, *AER_OPTIONS, *ACCOUNT_OPTIONS]
    elsewhere = {option: _INSIDE.format(option) for option in PRIMITIVE_OPTIONS} | ELSEWHERE
    listed = f"It has {', '.join(own)}, and for backend='aer' {', '.join(AER_OPTIONS)}."
    for option in given:
        if option in known:
            continue
        raise ValueError(no_such_option(name, option, known, elsewhere, listed))


def require_backend(name: str, backend: Any, given: Mapping[str, Any]) -> None:
    """Refuse options of a backend where there is none.

    Args:
        name: of the device, for the message.
        backend: None where only primitives are given.
        given: what are meant to be options of the backend.

    Raises:
        ValueError: if there is an option, and no backend.
    """
    if backend is None and given:
        option = next(iter(given))
        raise ValueError(
            f"{name}: {option!r} is an option of a backend, but only primitives are given. Set it "
            "on what they run on, or give a backend, too."
        )


def require_types(name: str, given: Mapping[str, Any]) -> None:
    """Refuse options of the wrong type.

    Args:
        name: of the device, for the message.
        given: options of the device by name; None where one is left open.

    Raises:
        TypeError: if one is of another type than it must be.
        ValueError: if a seed or an optimization level is out of range.
    """
    for option, (fits, what) in _TYPES.items():
        value = given.get(option)
        if value is not None and not fits(value):
            raise TypeError(
                f"{name}: {option} must be {what}, got {value!r} ({type(value).__name__})."
            )
    require_seed(name, given.get("seed"))
    level = given.get("optimization_level")
    if level is not None and level not in range(4):
        raise ValueError(f"{name}: optimization_level must be 0, 1, 2 or 3, got {level!r}.")


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_options(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _is_noise_model(value: object) -> bool:
    from qiskit_aer.noise import NoiseModel

    return isinstance(value, NoiseModel)


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


_TYPES: dict[str, tuple[Any, str]] = {
    "timeout": (_is_number, "a number of seconds"),
    "options": (_is_options, "a dict of options by name, such as {'default_shots': 100}"),
    "pass_manager": (
        lambda value: isinstance(value, BasePassManager),
        "a PassManager of qiskit.transpiler",
    ),
    "noise_model": (_is_noise_model, "a NoiseModel of qiskit_aer.noise"),
    "compile_backend": (lambda value: isinstance(value, BackendV2), "a BackendV2 object"),
    "use_estimator": (_is_flag, "True, False or None"),
    "progress": (_is_flag, "True, False or None"),
    "optimization_level": (is_whole, "0, 1, 2 or 3"),
    "scheduling_method": (lambda value: value in ("alap", "asap"), "'alap' or 'asap'"),
    "seed_transpiler": (is_whole, "an integer"),
}
