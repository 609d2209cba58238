"""The engines that there are, and which one simulates a circuit."""

from __future__ import annotations

from ..lowering.circuit import LoweredCircuit
from .exact import ExactEngine, KernelEngine, PlannedEngine
from .protocol import Engine

AUTO = "auto"
"""The method that takes the first engine with derivatives that supports a circuit."""

_ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (ExactEngine(), PlannedEngine(), KernelEngine())
}


def register(engine: Engine) -> None:
    """Make an engine known by its name.

    Where it has derivatives, ``"auto"`` takes it for circuits that the ones before do not support.

    Raises:
        ValueError: if there is another one of that name.
    """
    if engine.name == AUTO or _ENGINES.get(engine.name, engine) is not engine:
        raise ValueError(f"There is a method {engine.name!r} already.")
    _ENGINES[engine.name] = engine


def unregister(name: str) -> None:
    """Forget an engine.

    Raises:
        KeyError: if there is none of that name.
    """
    del _ENGINES[name]


def methods() -> tuple[str, ...]:
    """The names that the device option ``method`` takes."""
    return (AUTO, *_ENGINES)


def is_differentiable(method: str) -> bool:
    """Whether torch can differentiate what a method gives."""
    return all(engine.is_differentiable for engine in _engines(method))


def engine_for(circuit: LoweredCircuit, method: str) -> Engine:
    """The engine that simulates a circuit.

    Raises:
        NotImplementedError: if none does, with the reasons.
    """
    reasons = []
    for engine in _engines(method):
        reason = engine.why_not(circuit)
        if reason is None:
            return engine
        reasons.append(f"method={engine.name!r}: {reason}")
    raise NotImplementedError(" ".join(reasons))


def _engines(method: str) -> list[Engine]:
    if method != AUTO:
        return [_ENGINES[method]]
    return [engine for engine in _ENGINES.values() if engine.is_differentiable]
