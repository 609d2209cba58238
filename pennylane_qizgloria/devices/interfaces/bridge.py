"""Running tapes whose parameters JAX or autograd traces.

The traced parameters become arguments of one function of torch for all tapes of a call; JAX or
autograd gets that as an operation of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import pennylane as qml
from pennylane.devices import ExecutionConfig
from pennylane.exceptions import DeviceError
from pennylane.math import Interface
from pennylane.operation import Operator
from pennylane.tape import QuantumScript

from ...engines.config import SimulationConfig
from ...engines.tensor_functions import Circuits
from ...results import Result, unwrapped

BRIDGED = {Interface.AUTOGRAD, Interface.JAX, Interface.JAX_JIT}
"""Interfaces that differentiate through this module, whose derivatives have derivatives."""


def tracer_of(tapes: Sequence[QuantumScript], config: ExecutionConfig | None) -> str | None:
    """Which of ``"jax"`` and ``"autograd"`` is to trace the results of some tapes, if one is.

    Args:
        tapes: the tapes.
        config: how they are run; None where the device is called directly.
    """
    interface = Interface.AUTO if config is None else Interface(config.interface)
    if interface in {Interface.TORCH, Interface.NUMPY}:
        return None
    if config is not None and config.gradient_method == "backprop" and interface in BRIDGED:
        return "autograd" if interface is Interface.AUTOGRAD else "jax"
    for tape in tapes:
        for x in _numbers(tape):
            kind = tracer_kind(x)
            if kind is not None:
                return kind
    return None


def run_traced(
    tapes: Sequence[QuantumScript], config: SimulationConfig, interface: str, name: str
) -> tuple[Result, ...]:
    """The exact results of tapes, for JAX or autograd to differentiate.

    Args:
        tapes: the tapes.
        config: how they are simulated.
        interface: ``"jax"`` or ``"autograd"``.
        name: the device's, for error messages.

    Raises:
        DeviceError: if a tape has shots.
    """
    if any(tape.shots for tape in tapes):
        raise DeviceError(
            f"{name}: results with shots have no derivative that {interface} could take. In a "
            "QNode with diff_method='parameter-shift' they have; or leave the shots out."
        )
    ready = [_with_visible_parameters(tape) for tape in tapes]
    every = [tape.get_parameters(trainable_only=False) for tape in ready]
    positions = tuple(
        tuple(i for i, x in enumerate(own) if tracer_kind(x) is not None) for own in every
    )
    function = Circuits(
        tuple(_with_plain_numbers(*pair) for pair in zip(ready, positions, strict=True)),
        positions,
        config,
    )
    traced = [own[i] for own, at in zip(every, positions, strict=True) for i in at]
    # JAX need not be installed.
    bridge = import_module(f".{interface}_bridge", __package__)
    found = iter(bridge.call(function, traced))
    results = [tuple(next(found) for _ in tape.measurements) for tape in tapes]
    return tuple(map(unwrapped, results))


def tracer_kind(x: Any) -> str | None:
    """Which interface a number is traced by."""
    autograd = sys.modules.get("autograd")
    if autograd is not None and isinstance(x, autograd.tracer.Box):
        return "autograd"
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(x, jax.core.Tracer):
        return "jax"
    return None


def _with_plain_numbers(tape: QuantumScript, traced: Sequence[int]) -> QuantumScript:
    """A tape whose other parameters are numpy's or Python's."""
    values = tape.get_parameters(trainable_only=False)
    others = [i for i in range(len(values)) if i not in traced]
    arrays = [i for i in others if qml.math.get_interface(values[i]) not in {"numpy", "builtins"}]
    if not arrays:
        return tape
    return tape.bind_new_parameters([qml.math.toarray(values[i]) for i in arrays], arrays)


# --- parameters that PennyLane does not show ------------------------------------------------------


def _with_visible_parameters(tape: QuantumScript) -> QuantumScript:
    """A tape whose traced numbers are all among its parameters.

    Some operators also keep numbers made of their parameters, such as the norm of a BlockEncode,
    which new parameters would not change. These become their matrix, made by PennyLane in the
    interface's own arithmetic.
    """
    operations = [_as_matrix(op) if _hides_numbers(op) else op for op in tape.operations]
    if all(own is other for own, other in zip(operations, tape.operations, strict=True)):
        return tape
    return tape.copy(operations=operations, trainable_params=None)


def _as_matrix(op: Operator) -> Operator:
    return qml.QubitUnitary(op.matrix(), wires=op.wires)


def _hides_numbers(op: Operator) -> bool:
    return any(tracer_kind(x) is not None for x in hidden_numbers(op))


def hidden_numbers(op: Operator) -> list[Any]:
    """What an operator holds besides its parameters, numbers among it."""
    if not op.hyperparameters:
        return []
    shown = set(map(id, op.data))
    return [x for x in _leaves(op.hyperparameters) if id(x) not in shown]


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Operator):
        yield from value.data
        yield from _leaves(value.hyperparameters)
    elif isinstance(value, dict):
        yield from _leaves(list(value.values()))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _numbers(tape: QuantumScript) -> Iterator[Any]:
    yield from tape.get_parameters(trainable_only=False)
    for op in tape.operations:
        yield from _leaves(op.hyperparameters)
