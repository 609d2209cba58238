"""Small circuits, where a call is mostly made of what surrounds the arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from circuits import Problem, gradient_of
from layers import LAYERS, TOLERANCE, layer_inputs, layer_module, value_and_gradient
from lowered import EVOLUTIONS, KERNELS, PLANNED, lowered_circuit
from peers import LOWERED, OURS, PEERS, TENSORCIRCUIT
from timing import Call, Repeats, first_call, measure, settle
from workers import elsewhere
from workloads import Row, check, solved

from pennylane_qizgloria.nn.layer import TorchLayer

BATCHES = (1, 16, 64, 256)
LAYER_SIZES = ((2, 1), (4, 1), (4, 64), (6, 16))
"""Wires and elements of a batch."""

CROSSING_BATCHES = (1, 4, 16, 64, 256)
MOST_NUMBERS = 2**20
"""So many numbers at most are in the states of a batch whose evolutions are compared."""

CROSSING_TOLERANCE = 1e-10
"""How far these may differ."""

REPEATS = Repeats(seconds=0.05, calls=200)
"""How often a call is repeated in its turn."""


def small(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W10: the layered circuit behind embedded inputs on few wires, lowered, by batch."""
    able = [peer for peer in PEERS if peer.name in (LOWERED, TENSORCIRCUIT) and peer.installed]
    for n in wires or (2, 3, 4, 5, 6):
        for batch in BATCHES:
            problem = Problem(n, LAYERS, inputs=batch)
            for kind in ("forward", "gradient"):
                title = f"W10 small circuits, {kind}"
                yield solved(title, problem, able, kind, budget / 8, REPEATS)


def small_layers(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W11: value and gradient of a layer on few wires, in single precision."""
    precisions = {"TorchLayer": "float64", "TorchLayer, r_dtype=float32": "float32"}
    (peer,) = (own for own in PEERS if own.name == TENSORCIRCUIT)
    for n, batch in LAYER_SIZES:
        if wires and n not in wires:
            continue
        modules = {
            name: layer_module(TorchLayer, OURS, n, r_dtype=dtype)
            for name, dtype in precisions.items()
        }
        calls: dict[str, Call] = {
            name: partial(value_and_gradient, own, layer_inputs(batch, n))
            for name, own in modules.items()
        }
        if peer.installed:
            calls[peer.name] = elsewhere(peer.name, "loss", Problem(n, LAYERS, inputs=batch))
        firsts = {name: first_call(call) for name, call in calls.items()}
        for name in calls:
            check(f"W11, {n} wires, batch {batch}", firsts, "TorchLayer", name, TOLERANCE)
        others = {
            f"{name} recording, s": settle(calls[name], lambda own=module: own.is_traced)
            for name, module in modules.items()
        }
        if peer.installed:
            others[f"{peer.name} compiling, s"] = firsts[peer.name].seconds
        yield Row(
            "W11 value and gradient of a layer in single precision",
            {"wires": n, "layers": LAYERS, "batch": batch},
            measure(calls, budget / 4, repeats=REPEATS),
            {peer.name: "TorchLayer, r_dtype=float32"} if peer.installed else {},
            others,
        )


def crossing(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W13: value and gradient of the lowered circuit by kernels and by planned steps, by batch."""
    choices = [choice for choice in (PLANNED, KERNELS) if choice in EVOLUTIONS]
    for n in wires or range(2, 9):
        for batch in CROSSING_BATCHES:
            if 4**n * batch > MOST_NUMBERS:
                continue
            problem = Problem(n, LAYERS, inputs=batch)
            calls = {own: gradient_of(lowered_circuit(problem, own), problem) for own in choices}
            firsts = {name: first_call(call) for name, call in calls.items()}
            for name in choices[1:]:
                check(f"W13, {problem}", firsts, PLANNED, name, CROSSING_TOLERANCE)
            yield Row(
                "W13 where kernels and planned steps cross, gradient",
                {"wires": n, "layers": LAYERS, "batch": batch, "numbers": 4**n * batch},
                measure(calls, budget / 16, repeats=REPEATS),
                {PLANNED: KERNELS} if KERNELS in choices else {},
            )
