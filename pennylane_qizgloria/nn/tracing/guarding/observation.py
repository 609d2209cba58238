"""Which functions of the user's run during a call, and whether the call draws random numbers.

A function is the user's if its module belongs neither to Python's standard library nor to one of
the libraries in `TRUSTED`, whose functions depend on their arguments alone.
"""

from __future__ import annotations

import gc
import inspect
import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, TypeVar

import numpy as np
import torch

from ...._compat.python import code_of_imports
from ....pauli.memory import available_bytes

TRUSTED = frozenset({
    "pennylane", "pennylane_qizgloria", "torch", "numpy", "scipy", "autoray", "autograd", "jax",
    "jaxlib", "jaxtyping", "beartype", "qiskit", "qiskit_aer", "networkx", "rustworkx",
    "sympy", "tomlkit",
})  # fmt: skip
"""Libraries whose functions give the same for the same arguments."""

Result = TypeVar("Result")

_APART = frozenset({code_of_imports(), inspect.unwrap(available_bytes).__code__})
"""What is no part of the QNode where it runs on the way: imports with their hooks, and the look at
the free memory, with all that they call."""

_ENTROPY = random.SystemRandom.getrandbits.__code__
"""What NumPy seeds a generator with if it is given no seed."""


def is_trusted(module: str | None) -> bool:
    """Whether a module belongs to a trusted library or the standard library."""
    top = (module or "builtins").partition(".")[0]
    made_by_namedtuple = top.startswith("namedtuple_")
    return top in TRUSTED or top in sys.stdlib_module_names or made_by_namedtuple


@dataclass
class Observation:
    """What was seen of a call.

    Args:
        functions: the code of the user's functions that ran, with their globals.
        draws: whether entropy was drawn from the operating system.
    """

    functions: dict[CodeType, dict[str, Any]] = field(default_factory=dict)
    draws: bool = False

    def drew_since(self, before: tuple) -> bool:
        """Whether the call drew from a global generator, whose states were these before.

        With several threads another one may have. Then it counts only if the code names what draws
        (``numpy.random``, ``torch.rand``); what torch's modules draw is found when the call is
        traced.
        """
        if random_states() == before:
            return False
        names = (name for code in self.functions for name in code.co_names)
        names_it = any(name.startswith("rand") for name in names)
        return names_it or threading.active_count() == 1


def observe(function: Callable[[], Result]) -> tuple[Result, Observation]:
    """Call a function, and see what it runs."""
    seen = Observation()
    with _profiled(seen):
        result = function()
    return result, seen


@contextmanager
def _profiled(seen: Observation) -> Iterator[None]:
    known: set[CodeType] = set()
    # The garbage collector may call something at any time.
    apart = _APART | {getattr(callback, "__code__", None) for callback in gc.callbacks}
    depth = 0  # how deep it is in something apart

    def on_event(frame: FrameType, event: str, _: Any) -> None:
        nonlocal depth
        code = frame.f_code
        if code in apart and event in ("call", "return"):
            depth += 1 if event == "call" else -1
        if event != "call" or depth or code in known:
            return
        known.add(code)
        if code is _ENTROPY:
            seen.draws = True
        elif not is_trusted(frame.f_globals.get("__name__")):
            seen.functions[code] = frame.f_globals

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        yield
    finally:
        _resume(before)


def _resume(profiler: Any) -> None:
    """Let a profiler go on that was set before; cProfile's is no function up to Python 3.11."""
    if profiler is None or callable(profiler):
        sys.setprofile(profiler)
    else:
        profiler.enable()


def random_states() -> tuple:
    """The states of NumPy's and torch's global generators, as something that can be compared.

    Whoever uses Python's own names the module ``random``, which guards refuse.
    """
    own: Any = np.random.get_state()  # noqa: NPY002 (the user's generator)
    name, keys, *rest = own
    devices: list[bytes] = []
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        devices = [bytes(state.numpy()) for state in torch.cuda.get_rng_state_all()]
    return (
        (name, keys.tobytes(), *rest),
        bytes(torch.get_rng_state().numpy()),
        *devices,
    )
