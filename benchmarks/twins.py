"""Twins of backends, against Aer with the noise of the same backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
import torch
from layers import LAYERS
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.fake_provider import FakeManilaV2, FakeSherbrooke
from timing import Call, first_call, measure, settle
from workloads import Row, check

from pennylane_qizgloria.nn.layer import TorchLayer

TOLERANCE = 1e-8
"""How far probabilities may differ before readout."""

LAYER_TOLERANCE = 1e-5
"""How far gradients of a layer in single precision may differ."""

BATCH = 32
STEP_WIRES, STEP_LAYERS = 4, 1
STEP_SHOTS = 1000

LAYER_WIRES = (2, 4, 6)
LAYER_BACKEND = "fake_lagos"

TWIN, AER = "twin", "Aer, density matrix"
BACKEND = "qizgloria.qiskit on the fake backend"
IDEAL = "without noise"


def twins(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W14 to W16: values, training steps, and layers, with the noise of a backend."""
    for n in wires or (5,):
        yield _value(n, budget)
    yield _step(budget)
    for n in LAYER_WIRES:
        for batch in (1, BATCH):
            yield _layer(n, batch, budget)


def _value(n: int, budget: float) -> Row:
    """W14: probabilities of a circuit on the twin of a backend of 127 qubits.

    Aer gets the circuit compiled, bound and ready, and only runs it.
    """
    backend = FakeSherbrooke()
    device = qml.device("qizgloria.mixed", wires=n, noise_model=backend, seed_transpiler=1)
    angles = np.random.default_rng(1).uniform(0, 2 * np.pi, (LAYERS, n, 3))

    @qml.qnode(device)
    def circuit(weights):
        _layered(weights, n)
        return qml.density_matrix(wires=range(n))

    calls: dict[str, Call] = {TWIN: partial(circuit, angles)}
    firsts = {TWIN: first_call(calls[TWIN])}
    calls[AER] = _on_aer(device, backend, angles)
    firsts[AER] = first_call(calls[AER])
    check(f"W14, {n} wires", firsts, TWIN, AER, TOLERANCE)
    return Row(
        "W14 the twin of a backend of 127 qubits, value",
        {"wires": n, "layers": LAYERS},
        measure(calls, budget),
        {AER: TWIN},
        {"compiling, s": firsts[TWIN].seconds},
    )


def _on_aer(device: Any, backend: Any, angles: np.ndarray) -> Callable[[], np.ndarray]:
    """The density matrix of the circuit that a twin has run last, from Aer."""
    placed = device._twin.last
    circuit: QuantumCircuit = placed.compiled.circuit
    symbols = zip(placed.compiled.source.circuit.parameters, angles.reshape(-1), strict=True)
    bound = circuit.assign_parameters({s: v for s, v in symbols if s in circuit.parameters})
    qubits = [placed.place[wire] for wire in range(len(placed.place))]
    bound.save_density_matrix(qubits[::-1])
    noise_model = backend._get_noise_model_from_backend_v2()
    simulator = AerSimulator(method="density_matrix", noise_model=noise_model)
    return lambda: np.asarray(simulator.run(bound).result().data()["density_matrix"])


def _step(budget: float) -> Row:
    """W15: value and gradient of a layer for a batch, on the twin and by shots on the backend."""
    backend, n = FakeManilaV2(), STEP_WIRES
    twin = qml.device("qizgloria.mixed", wires=n, noise_model=backend, seed_transpiler=1)
    real = qml.device("qizgloria.qiskit", wires=n, backend=backend, seed=1, seed_transpiler=1)

    @qml.qnode(twin)
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(n))
        _layered(weights, n)
        return [qml.expval(qml.Z(wire)) for wire in range(n)]

    torch.manual_seed(0)
    layer = TorchLayer(circuit, {"weights": (STEP_LAYERS, n, 3)})
    inputs = torch.rand(BATCH, n)
    modules = {TWIN: layer, BACKEND: layer.to_device(real, shots=STEP_SHOTS)}
    calls: dict[str, Call] = {
        name: partial(_gradient, own, inputs) for name, own in modules.items()
    }
    firsts = {name: first_call(call) for name, call in calls.items()}
    check("W15", firsts, TWIN, BACKEND, 10 / STEP_SHOTS**0.5)
    settle(calls[TWIN], lambda: layer.is_traced)  # type: ignore[arg-type]
    return Row(
        "W15 a training step with the noise of a backend",
        {"wires": n, "layers": STEP_LAYERS, "batch": BATCH, "shots": STEP_SHOTS},
        measure(calls, budget, most=3),
        {BACKEND: TWIN},
    )


def _layer(n: int, batch: int, budget: float) -> Row:
    """W16: value and gradient of a layer on a twin, and of the same one without noise.

    The twin runs the circuit that is compiled for a backend of seven qubits, with its noise; the
    other device the circuit as it is written. At scale 0 both are the same function.
    """
    options = {"noise_model": LAYER_BACKEND, "seed_transpiler": 1}
    twin, silent, ideal = (
        qml.device("qizgloria.mixed", wires=n, **own)
        for own in (options, {**options, "noise_scale": 0}, {})
    )

    @qml.qnode(ideal)
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(n))
        qml.BasicEntanglerLayers(weights, wires=range(n))
        return [qml.expval(qml.Z(wire)) for wire in range(n)]

    torch.manual_seed(0)
    layer = TorchLayer(circuit, {"weights": (2, n)})
    inputs = torch.rand(batch, n)
    at_zero = partial(_gradient, layer.to_device(silent), inputs)
    modules = {TWIN: layer.to_device(twin), IDEAL: layer}
    calls: dict[str, Call] = {
        name: partial(_gradient, own, inputs) for name, own in modules.items()
    }
    firsts = {TWIN: first_call(at_zero), IDEAL: first_call(calls[IDEAL])}
    check(f"W16, {n} wires", firsts, TWIN, IDEAL, LAYER_TOLERANCE)
    for name, own in modules.items():
        settle(calls[name], lambda own=own: own.is_traced)  # type: ignore[misc]
    return Row(
        "W16 a layer with the noise of a backend, and without",
        {"wires": n, "batch": batch},
        measure(calls, budget),
        {IDEAL: TWIN},
    )


def _gradient(module: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    module.zero_grad()
    module(inputs).square().mean().backward()
    (weights,) = module.parameters()
    assert weights.grad is not None
    return weights.grad.clone()


def _layered(weights: Any, n: int) -> None:
    for layer in weights:
        for wire in range(n):
            qml.Rot(*layer[wire], wires=wire)
        for wire in range(n - 1):
            qml.CNOT([wire, wire + 1])
