"""What is computed: the problems that every simulator solves, and their PennyLane circuit.

A problem is a description only. Its numbers are drawn anew from fixed seeds wherever they are
needed, so that every simulator gets the same ones. The results are the expectation values of one
Z on each wire, or of one Hamiltonian; the gradient is that of the sum of all results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pennylane as qml
import torch

DEPOLARIZING = 0.01
DAMPING = 0.02


@dataclass(frozen=True)
class Problem:
    """The layered circuit, perhaps with inputs before it or a Hamiltonian behind it.

    Args:
        wires: the number of wires.
        layers: the number of layers.
        inputs: how many rows of inputs are embedded, as one batch; 0 for no embedding.
        words: how many Pauli words the Hamiltonian has; 0 for one Z on each wire.
    """

    wires: int
    layers: int
    inputs: int = 0
    words: int = 0

    @cached_property
    def weights(self) -> np.ndarray:
        """The angles, ``(layers, wires, 3)``."""
        return np.random.default_rng(1).uniform(0, 2 * np.pi, (self.layers, self.wires, 3))

    @cached_property
    def features(self) -> np.ndarray:
        """What is embedded, ``(inputs, wires)``."""
        return np.random.default_rng(2).uniform(0, np.pi, (self.inputs, self.wires))

    @cached_property
    def observables(self) -> list[list[tuple[float, str]]]:
        """For each result its Pauli words, one letter a wire, and their coefficients."""
        if not self.words:
            rows = np.where(np.eye(self.wires, dtype=bool), "Z", "I")
            return [[(1.0, "".join(row))] for row in rows]
        random = np.random.default_rng(3)
        letters = random.choice(list("IXYZ"), (self.words, self.wires))
        coefficients = random.normal(size=self.words) / self.words
        pairs = zip(coefficients, letters, strict=True)
        return [[(float(coefficient), "".join(word)) for coefficient, word in pairs]]


def layered(weights: Any, num_wires: int) -> None:
    """Rotations and a ring of CNOTs in layers, with noise after every gate.

    Each layer has a Rot and depolarizing on each wire, a ring of CNOTs, each followed by
    depolarizing on both wires, and amplitude damping on each wire.
    """
    for layer in weights:
        for wire in range(num_wires):
            qml.Rot(*layer[wire], wires=wire)
            qml.DepolarizingChannel(DEPOLARIZING, wires=wire)
        for wire in range(num_wires):
            pair = [wire, (wire + 1) % num_wires]
            qml.CNOT(pair)
            for end in pair:
                qml.DepolarizingChannel(DEPOLARIZING, wires=end)
        for wire in range(num_wires):
            qml.AmplitudeDamping(DAMPING, wires=wire)


def quantum_function(problem: Problem, measure: Callable[[], Any] | None = None) -> Callable:
    """The problem's circuit as a quantum function of its weights and, where it has any, inputs.

    Args:
        problem: the problem.
        measure: what to measure instead of the problem's observables.
    """
    observables = [_observable(terms) for terms in problem.observables]
    single = problem.words > 0

    def circuit(weights: Any, features: Any = None) -> Any:
        if features is not None:
            qml.AngleEmbedding(features, wires=range(problem.wires))
        layered(weights, problem.wires)
        if measure is not None:
            return measure()
        return qml.expval(observables[0]) if single else [qml.expval(o) for o in observables]

    return circuit


def _observable(terms: list[tuple[float, str]]) -> Any:
    words = [qml.pauli.string_to_pauli_word(word) for _, word in terms]
    return words[0] if len(words) == 1 else qml.Hamiltonian([c for c, _ in terms], words)


def parameters(problem: Problem, requires_grad: bool = False) -> tuple[torch.Tensor, ...]:
    """The weights and, where there are any, the inputs, as torch tensors."""
    arrays = (problem.weights, problem.features) if problem.inputs else (problem.weights,)
    return tuple(torch.tensor(array, requires_grad=requires_grad) for array in arrays)


def qnode(problem: Problem, device: str, diff_method: str | None = "backprop") -> Callable:
    """The problem as a QNode of torch tensors."""
    dev = qml.device(device, wires=problem.wires)
    return qml.QNode(quantum_function(problem), dev, interface="torch", diff_method=diff_method)


def forward_of(circuit: Callable, problem: Problem) -> Callable[[], Any]:
    """A call that evaluates a torch function of the problem's parameters."""
    given = parameters(problem)
    return lambda: circuit(*given)


def gradient_of(circuit: Callable, problem: Problem) -> Callable[[], tuple[torch.Tensor, ...]]:
    """A call that differentiates the sum of all results by all parameters."""
    given = parameters(problem, requires_grad=True)

    def gradient() -> tuple[torch.Tensor, ...]:
        results = circuit(*given)
        total = sum(r.sum() for r in results) if isinstance(results, (list, tuple)) else results
        return torch.autograd.grad(total.sum(), given)

    return gradient
