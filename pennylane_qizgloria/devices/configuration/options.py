"""Options of `qizgloria.mixed`, from whatever the user gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from ...engines.registry import methods
from ...option_names import no_such_option

OPTIONS = (
    "wires",
    "shots",
    "seed",
    "readout_prob",
    "r_dtype",
    "c_dtype",
    "memory_budget",
    "method",
    "noise_model",
    "noise_scale",
    "optimization_level",
    "seed_transpiler",
    "initial_layout",
    "pass_manager",
    "compile_backend",
    "scheduling_method",
)
"""What the device takes."""

_QISKIT = "is an option of qizgloria.qiskit"

ELSEWHERE = {
    **dict.fromkeys(
        (
            *("backend", "sampler", "estimator", "use_estimator", "options", "progress"),
            "timeout",
        ),
        _QISKIT,
    ),
    "diff_method": "belongs to the QNode",
    "interface": "belongs to the QNode",
}
"""What belongs elsewhere."""


def require_known(name: str, given: Iterable[str]) -> None:
    """Refuse options that the device does not have.

    Raises:
        TypeError: it says what was meant, as far as that can be guessed.
    """
    for option in given:
        listed = f"It has {', '.join(OPTIONS)}."
        raise TypeError(no_such_option(name, option, OPTIONS, ELSEWHERE, listed))


def positive_or_none(budget: Any) -> int | None:
    """A memory budget in bytes.

    Raises:
        ValueError: if it is not a positive integer, or None.
    """
    if budget is None:
        return None
    if not isinstance(budget, (int, np.integer)) or isinstance(budget, bool) or budget <= 0:
        raise ValueError(f"memory_budget must be a positive number of bytes, got {budget!r}.")
    return int(budget)


def method_of(method: Any) -> str:
    """How circuits are simulated.

    Raises:
        ValueError: if there is no such method.
    """
    if method not in methods():
        known = ", ".join(map(repr, methods()))
        raise ValueError(f"qizgloria.mixed has no method {method!r}; it has {known}.")
    return method


def precision_of(r_dtype: Any, c_dtype: Any) -> torch.dtype:
    """The real dtype that r_dtype or c_dtype asks for; double precision if neither does.

    Raises:
        ValueError: if they ask for another one, or contradict each other.
    """
    known = {"float64": torch.float64, "complex128": torch.float64}
    known |= {"float32": torch.float32, "complex64": torch.float32}
    names = [_dtype_name(dtype) for dtype in (r_dtype, c_dtype) if dtype is not None]
    for name in names:
        if name not in known:
            raise ValueError(
                f"qizgloria.mixed computes in single or double precision, not in {name}: "
                "r_dtype is float32 or float64, c_dtype complex64 or complex128."
            )
    chosen = {known[name] for name in names} or {torch.float64}
    if len(chosen) > 1:
        raise ValueError(
            f"r_dtype and c_dtype must be of one precision, got {' and '.join(names)}."
        )
    return chosen.pop()


def _dtype_name(dtype: Any) -> str:
    if isinstance(dtype, torch.dtype):
        return str(dtype).removeprefix("torch.")
    try:
        return np.dtype(dtype).name
    except TypeError:
        return repr(dtype)
