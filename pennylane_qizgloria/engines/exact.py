"""The engine ``"exact"``: the Pauli vector of all wires.

Small states are evolved by kernels, others by a plan. The engines ``"kernels"`` and ``"planned"``
take one of the two whatever the size is, to compare them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from ..lowering.circuit import LoweredCircuit
from ..pauli.kernels import choice
from ..pauli.kernels.table import num_words
from ..pauli.plan.planner import plan
from ..pauli.program.measured_basis import MeasuredBasis
from ..pauli.program.program import BoundProgram, Operand, Operation, Program
from ..pauli.run.batching import final_states
from ..pauli.run.evolve import final_state
from ..pauli.state import measure
from ..pauli.state.distribution import Distribution, distribution
from ..pauli.state.measure import PauliSums, State


class ExactEngine:
    """Simulates every circuit whose state fits into memory."""

    name = "exact"
    is_differentiable = True

    def why_not(self, circuit: LoweredCircuit) -> str | None:
        """There is no circuit that it does not support."""
        return None

    def evolve(self, bound: BoundProgram, memory_budget: int | None) -> State:
        """The final Pauli vector, by what is faster."""
        return choice.final_state(bound, memory_budget)

    def run(
        self, circuits: Sequence[LoweredCircuit], memory_budget: int | None
    ) -> list[PauliVectorState]:
        """The final states; circuits of one structure run together."""
        programs = [circuit.program for circuit in circuits]
        states = final_states(programs, lambda own: self.evolve(own, memory_budget), _num_words)
        return [PauliVectorState(state) for state in states]


class PlannedEngine(ExactEngine):
    """Simulates every circuit by a plan."""

    name = "planned"

    def evolve(self, bound: BoundProgram, memory_budget: int | None) -> State:
        """The final Pauli vector."""
        return final_state(bound, memory_budget)


class KernelEngine(ExactEngine):
    """Simulates circuits by kernels, but higher derivatives and transforms of torch's by a plan."""

    name = "kernels"

    def why_not(self, circuit: LoweredCircuit) -> str | None:
        """Kernels run on the CPU, and have no wide Kraus operators."""
        own = circuit.program
        return choice.why_not(own.program, own.arguments.scalars.device)

    def evolve(self, bound: BoundProgram, memory_budget: int | None) -> State:
        """The final Pauli vector."""
        return choice.by_kernels(bound, memory_budget)


def _num_words(program: Program, device: torch.device) -> int:
    """The size of the largest state on the way."""
    words = num_words(program)
    return words if words <= choice.MAX_WORDS else plan(program, device).peak


@dataclass(frozen=True)
class PauliVectorState:
    """A final state as a Pauli vector, see `pauli.program.final_state`."""

    state: State

    @property
    def wires(self) -> tuple[int, ...]:
        """The wires that have an axis."""
        return self.state.wires

    def expectations(self, observables: PauliSums) -> Sequence[Float[Tensor, " batch"]]:
        """All of them by one gather."""
        return measure.expectations(self.state, observables.gathered(self.state))

    def distribution(self, basis: MeasuredBasis) -> Distribution:
        """The distribution of outcomes, after a rotation if that is needed."""
        state = self.state if basis.rotation is None else _rotated(self.state, basis)
        return distribution(state, basis.wires, basis.paulis)

    def density_matrix(self, wires: Sequence[int]) -> Complex[Tensor, "batch dim dim"]:
        """The reduced density matrix of some wires."""
        return measure.reduced_density_matrix(self.state, wires)

    def purity(self, wires: Sequence[int]) -> Float[Tensor, " batch"]:
        """The purity of some wires."""
        return measure.purity(self.state, wires)


def _rotated(state: State, basis: MeasuredBasis) -> State:
    """The measured wires, the others traced out, rotated into the computational basis."""
    assert basis.rotation is not None
    rotation = basis.rotation.program
    start = measure.reduced_vector(state, basis.wires)
    prepare = Operation(Operand.STATE, tuple(range(rotation.num_wires)), batched=True)
    program = Program(rotation.num_wires, (prepare, *rotation.operations), rotation.observed)
    numbers = basis.rotation.arguments
    arguments = replace(numbers, operands=(start, *numbers.operands))
    rotated = final_state(BoundProgram(program, arguments, len(start)))
    return replace(rotated, wires=tuple(basis.wires[axis] for axis in rotated.wires))
