"""Our circuit lowered beforehand: a torch function of the parameters, with no QNode around it.

This is what a compiled peer is compared with. It makes the transfer matrices from the parameters,
evolves the state and reads the expectation values; building the tape, lowering and planning are
done once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pennylane as qml
import torch
from circuits import Problem, quantum_function
from torch import Tensor

from pennylane_qizgloria.engines.exact import PauliVectorState
from pennylane_qizgloria.lowering.circuit import lower
from pennylane_qizgloria.pauli.kernels import choice
from pennylane_qizgloria.pauli.program.program import BoundProgram
from pennylane_qizgloria.pauli.run import evolve
from pennylane_qizgloria.pauli.state.measure import State

MARK = 1000.0
"""Beyond every constant in the circuits. What is lowered to ``MARK + k`` is parameter k."""


EXACT, PLANNED, KERNELS = "exact", "planned", "kernels"
"""The device's own choice of how a state evolves, and what it chooses from."""

Evolve = Callable[[BoundProgram], State]
"""From a program with its numbers to the final state."""

EVOLUTIONS: dict[str, Evolve] = {
    EXACT: choice.final_state,
    PLANNED: evolve.final_state,
    KERNELS: choice.by_kernels,
}


def lowered_circuit(problem: Problem, method: str = EXACT) -> Callable[..., Tensor]:
    """The problem as a function of its weights and inputs, which gives ``(results, *inputs)``.

    Args:
        problem: the problem.
        method: how its state evolves, see `EVOLUTIONS`.
    """
    size = problem.weights.size
    weights = torch.arange(size, dtype=torch.float64).reshape(problem.weights.shape) + MARK
    features = torch.arange(problem.wires, dtype=torch.float64).expand(problem.inputs, -1) + MARK
    given = (weights, features) if problem.inputs else (weights,)
    tape = _preprocessed(qml.tape.make_qscript(quantum_function(problem))(*given), problem.wires)
    own = lower(tape, torch.float64)
    arguments, final_state = own.program.arguments, EVOLUTIONS[method]

    places = (arguments.scalars >= MARK).nonzero()[:, 0]
    sources = (arguments.scalars[places] - MARK).long()
    embedded = arguments.batched_scalars
    columns = sources[:0] if embedded is None else (embedded[0] - MARK).long()

    of_weights, of_features = _selection(sources, size), _selection(columns, problem.wires)

    def circuit(weights: Tensor, features: Tensor | None = None) -> Tensor:
        scalars = of_weights(weights.reshape(-1))
        if len(places) < len(arguments.scalars):
            scalars = arguments.scalars.index_copy(0, places, scalars)
        batched = None if features is None else of_features(features)
        numbers = replace(arguments, scalars=scalars, batched_scalars=batched)
        state = final_state(replace(own.program, arguments=numbers))
        values = torch.stack(own.measurements.exact(PauliVectorState(state)))
        return values if problem.inputs else values[:, 0]

    return circuit


def _selection(index: Tensor, size: int) -> Callable[[Tensor], Tensor]:
    """Takes some numbers along the last axis; as they are, if it is all of them in order."""
    if torch.equal(index, torch.arange(size)):
        return lambda numbers: numbers
    return lambda numbers: numbers.index_select(-1, index)


def _preprocessed(tape: qml.tape.QuantumScript, num_wires: int) -> qml.tape.QuantumScript:
    """The tape as the device lowers it."""
    device = qml.device("qizgloria.mixed", wires=num_wires)
    config = device.setup_execution_config(circuit=tape)
    (changed,), _ = device.preprocess_transforms(config)([tape])
    return changed
