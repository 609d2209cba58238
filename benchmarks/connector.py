"""Steps of training a Qiskit circuit as a torch module, against qiskit-machine-learning's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

import numpy as np
import pennylane as qml
import torch
from circuits import Problem
from qiskit.circuit import ParameterVector, QuantumCircuit
from timing import First, first_call, measure, settle
from workloads import DisagreementError, Row

from pennylane_qizgloria import TorchCircuit, TorchLayer

BATCH = 16
LAYERS = 3
TOLERANCE = 1e-5
"""How far gradients may differ; the connector works in single precision."""

CONNECTOR = "TorchConnector"


def connector(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W9: a training step of the layered circuit without noise, by weights and 16 inputs."""
    for n in wires or (4,):
        problem = Problem(n, LAYERS, inputs=BATCH)
        modules = {"TorchCircuit": _circuit(problem), "TorchLayer": _layer(problem)}
        if find_spec("qiskit_machine_learning") is not None:
            modules[CONNECTOR] = _connector(problem)
        steps = {name: _step(module, problem) for name, module in modules.items()}
        firsts = {name: first_call(step) for name, step in steps.items()}
        _check(firsts)
        recording = {
            f"{name} recording, s": settle(steps[name], lambda own=modules[name]: own.is_traced)
            for name in ("TorchCircuit", "TorchLayer")
        }
        yield Row(
            "W9 training step of a Qiskit circuit",
            {"wires": n, "layers": LAYERS, "batch": BATCH},
            # The slowest of them takes several turns of its own accord.
            measure(steps, budget, most=20),
            {name: "TorchCircuit" for name in modules if name != "TorchCircuit"},
            recording,
        )


def _qiskit(problem: Problem) -> tuple[QuantumCircuit, ParameterVector, ParameterVector]:
    """The layered circuit without noise, its inputs and its weights."""
    n = problem.wires
    inputs, weights = ParameterVector("x", n), ParameterVector("w", problem.weights.size)
    angles = iter(weights)
    circuit = QuantumCircuit(n)
    for qubit in range(n):
        circuit.rx(inputs[qubit], qubit)
    for _ in range(problem.layers):
        for qubit in range(n):
            circuit.rz(next(angles), qubit)
            circuit.ry(next(angles), qubit)
            circuit.rz(next(angles), qubit)
        for qubit in range(n):
            circuit.cx(qubit, (qubit + 1) % n)
    return circuit, inputs, weights


def _observables(num_wires: int) -> list[str]:
    """One Z on each wire, in Qiskit's order of letters."""
    return ["I" * (num_wires - 1 - wire) + "Z" + "I" * wire for wire in range(num_wires)]


def _circuit(problem: Problem) -> torch.nn.Module:
    start = problem.weights.ravel()
    return TorchCircuit(
        *_qiskit(problem), _observables(problem.wires), initial_weights=start, dtype=torch.float32
    )


def _layer(problem: Problem) -> torch.nn.Module:
    n = problem.wires

    @qml.qnode(qml.device("qizgloria.mixed", wires=n))
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(n))
        for layer in weights:
            for wire in range(n):
                qml.Rot(*layer[wire], wires=wire)
            for wire in range(n):
                qml.CNOT([wire, (wire + 1) % n])
        return [qml.expval(qml.Z(wire)) for wire in range(n)]

    shape = problem.weights.shape
    return TorchLayer(
        circuit, {"weights": shape}, {"weights": torch.tensor(problem.weights).float()}
    )


def _connector(problem: Problem) -> torch.nn.Module:
    """The bridge of qiskit-machine-learning, with the estimator and gradient it has by default."""
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_machine_learning.connectors import TorchConnector
    from qiskit_machine_learning.neural_networks import EstimatorQNN

    circuit, inputs, weights = _qiskit(problem)
    network = EstimatorQNN(
        circuit=circuit,
        observables=[SparsePauliOp(letters) for letters in _observables(problem.wires)],
        input_params=list(inputs),
        weight_params=list(weights),
        input_gradients=True,
        default_precision=0.0,
    )
    return TorchConnector(network, initial_weights=problem.weights.ravel())


def _step(module: torch.nn.Module, problem: Problem) -> Callable[[], torch.Tensor]:
    """Forwards and backwards; all gradients in one row."""
    inputs = torch.tensor(problem.features).float().requires_grad_()
    wanted = [inputs, *module.parameters()]

    def step() -> torch.Tensor:
        for tensor in wanted:
            tensor.grad = None
        module(inputs).square().mean().backward()
        return torch.cat([tensor.grad.flatten() for tensor in wanted])

    return step


def _check(firsts: dict[str, First]) -> None:
    """See that all modules have the same gradients."""
    ours = firsts["TorchCircuit"].value
    for name, first in firsts.items():
        difference = float(np.abs(first.value - ours).max())
        if not difference <= TOLERANCE:
            raise DisagreementError(
                f"W9: {name} and TorchCircuit differ by {difference:.3g}, "
                f"allowed are {TOLERANCE:.0e}."
            )
