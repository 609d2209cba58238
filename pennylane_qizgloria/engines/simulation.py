"""Running tapes: lower them, let an engine run them, and give results in PennyLane's shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pennylane.tape import QuantumScript
from torch import Tensor

from ..lowering.circuit import LoweredCircuit, lower
from ..pauli.program.final_state import FinalState
from ..results import Result, unwrapped
from .config import SimulationConfig
from .registry import engine_for
from .sampling import sampled_results


def simulate_all(tapes: Sequence[QuantumScript], config: SimulationConfig) -> tuple[Result, ...]:
    """Run tapes that preprocessing has accepted, those of one structure together."""
    circuits = [lower(tape, config.dtype, config.confusion) for tape in tapes]
    states = final_states(circuits, config)
    pairs = zip(circuits, states, strict=True)
    return tuple(results_of(circuit, state, config) for circuit, state in pairs)


def simulate(tape: QuantumScript, config: SimulationConfig) -> Result:
    """Run one tape that preprocessing has accepted."""
    return simulate_all([tape], config)[0]


def final_states(circuits: Sequence[LoweredCircuit], config: SimulationConfig) -> list[FinalState]:
    """The final state of each circuit, by the engines that the method takes."""
    engines = [engine_for(circuit, config.method) for circuit in circuits]
    states: dict[int, FinalState] = {}
    for engine in dict.fromkeys(engines):
        own = [i for i, other in enumerate(engines) if other is engine]
        found = engine.run([circuits[i] for i in own], config.memory_budget)
        states.update(zip(own, found, strict=True))
    return [states[i] for i in range(len(circuits))]


def results_of(circuit: LoweredCircuit, state: FinalState, config: SimulationConfig) -> Result:
    """The results of a circuit from its final state."""
    if circuit.tape.shots:
        return sampled_results(circuit, state, config.random)
    as_torch = config.as_torch or bool(circuit.tensors)
    nothing = _unseen(circuit) if torch.is_grad_enabled() else None
    exact = exact_results(circuit, state, nothing)
    return unwrapped([result if as_torch else as_numpy(result) for result in exact])


def exact_results(
    circuit: LoweredCircuit, state: FinalState, nothing: Tensor | None = None
) -> list[Tensor]:
    """The exact result of each measurement; with a batch axis if the circuit has one.

    Args:
        circuit: the circuit.
        state: its final state.
        nothing: zero, to be added to all of them.
    """
    exact = circuit.measurements.exact(state)
    if nothing is not None:
        exact = [result + nothing for result in exact]
    return exact if circuit.is_batched else [result[0] for result in exact]


def _unseen(circuit: LoweredCircuit) -> Tensor | None:
    """Zero, as a function of the parameters, so that those that nothing sees have a gradient."""
    every = (*circuit.program.arguments.tensors, *circuit.phases)
    parts = [x for x in every if x.requires_grad]
    real = [(x.real if x.is_complex() else x).flatten()[:0] for x in parts]
    return torch.cat(real).sum() if parts else None


def as_numpy(tensor: Tensor) -> Any:
    """An array, or a numpy scalar if it has no axes."""
    return tensor.detach().cpu().resolve_conj().numpy()[()]
