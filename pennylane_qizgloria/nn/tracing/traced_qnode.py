"""Traces of QNodes: what remains of a call when its structure is known.

A trace holds for one structure: the shapes, dtypes and torch devices of inputs and weights,
and the answers that PennyLane and this package got when they looked at the numbers (whether they
are in their domain, whether a state is normalised). It is made from the device's own functions,
and compared with the QNode on other numbers, values and gradients, before it is used.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pennylane as qml
import torch
from pennylane.devices import ExecutionConfig
from torch import Tensor

from ...engines.config import SimulationConfig
from ...engines.exact import ExactEngine, PauliVectorState
from ...engines.registry import engine_for
from ...engines.simulation import exact_results, final_states
from ...lowering.circuit import LoweredCircuit, lower
from ...pauli.memory import check_memory
from ...pauli.plan.plan import Plan
from ...pauli.plan.planner import plan
from ...pauli.program.final_state import FinalState
from ...pauli.run.adjoint import run_steps, traced_steps
from ...pauli.run.evolve import tensors_of
from ...pauli.state.measure import State
from .graph.trace import UntraceableError
from .graph.traced_function import TracedFunction, trace_function
from .invocation import Invocation, without_memory
from .verification import check

MAX_TRACED_WORDS = 2**15
"""Up to this size of the states, all batch elements together, the evolution is traced, too."""

MAX_TRACED_STEPS = 200
"""Longer evolutions are not traced."""


@dataclass(frozen=True, eq=False)
class TracedQNode:
    """A QNode's call without its Python.

    Args:
        functions: the whole call; or what comes before and behind an evolution.
        evolution: the plan of an evolution between the two, and the memory that its reverse pass
            may take; None where it is traced with the rest.
        single: whether the result is one tensor, not a tuple.
    """

    functions: tuple[TracedFunction, ...]
    evolution: tuple[Plan, int | None] | None
    single: bool

    @property
    def current(self) -> bool:
        """Whether it holds no constants that have been written to since."""
        return all(traced_function.current for traced_function in self.functions)

    def __call__(self, tensors: Sequence[Tensor]) -> Any:
        """What the call makes of the QNode's results.

        Args:
            tensors: inputs and weights.

        Raises:
            BrokenConditionError: if it is not for these numbers.
        """
        if self.evolution is None:
            results = self.functions[0](*tensors)
        else:
            before, behind = self.functions
            made, (steps, budget) = before(*tensors), self.evolution
            vector = run_steps(steps.steps, made[0].new_ones(1, 1), made, budget)
            results = behind(vector, *tensors)
        return results[0] if self.single else results

    def as_operations(self, tensors: Sequence[Tensor]) -> Any:
        """The same by operations of torch's alone, for what writes programs of these down.

        Whether the numbers fulfil the trace's conditions is not looked at.
        """
        if self.evolution is None:
            results = self.functions[0].as_operations(*tensors)
        else:
            before, behind = self.functions
            made, (steps, budget) = before.as_operations(*tensors), self.evolution
            with traced_steps():
                vector = run_steps(steps.steps, made[0].new_ones(1, 1), made, budget)
            results = behind.as_operations(vector, *tensors)
        return results[0] if self.single else results


def trace_qnode(
    call: Invocation, tensors: Sequence[Tensor], watched: Collection[int] | None = None
) -> TracedQNode:
    """Trace a call.

    Args:
        call: the call.
        tensors: inputs and weights, contiguous.
        watched: the ids of the tensors from elsewhere that a guard watches.

    Raises:
        UntraceableError: if its Python depends on the numbers, or it makes several circuits.
        TraceMismatchError: if the trace gives something else than the call.
    """
    with torch.inference_mode(False), torch.enable_grad():
        given = [tensor.detach().clone() for tensor in tensors]
        keywords = call.keywords(given)
        qnode = without_memory(call.qnode)
        results = qnode(**keywords)
        config = qml.workflow.construct_execution_config(qnode)(**keywords)
        circuit = _Circuit(qnode, config, results)
        made = _traced(call, circuit, given, watched)
        check(made, call, given, circuit.simulation_config.dtype)
    return made


# --- stages of a call -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Circuit:
    """A QNode, as the device's own functions run it.

    Args:
        qnode: the QNode.
        config: of its execution.
        results: results of the QNode's, for their structure.
    """

    qnode: Any
    config: ExecutionConfig
    results: Any

    @property
    def simulation_config(self) -> SimulationConfig:
        """How it is simulated, tensors such as a trainable readout error among it."""
        return self.qnode.device.simulation_config(self.config)

    def __call__(self, **keywords: Tensor) -> Any:
        """The QNode's results."""
        own = self.lowered(**keywords)
        with traced_steps():
            (state,) = final_states([own], self.simulation_config)
            return self.measured(own, state)

    def lowered(self, **keywords: Tensor) -> LoweredCircuit:
        """Its one tape, lowered."""
        tapes, _ = qml.workflow.construct_batch(self.qnode, level="device")(**keywords)
        if len(tapes) != 1:
            raise UntraceableError(f"a transform turns it into {len(tapes)} circuits")
        config = self.simulation_config
        return lower(tapes[0], config.dtype, config.confusion)

    def measured(self, own: LoweredCircuit, state: FinalState) -> Any:
        """The results that a final state has."""
        exact = exact_results(own, state)
        leaves, structure = qml.pytrees.flatten(self.results)
        if len(leaves) != len(exact):
            raise UntraceableError("its results are not those of its measurements")
        return qml.pytrees.unflatten(exact, structure)


def _traced(
    call: Invocation, circuit: _Circuit, tensors: Sequence[Tensor], watched: Collection[int] | None
) -> TracedQNode:
    """A trace, not compared with anything yet."""
    lowered = circuit.lowered(**call.keywords(tensors))
    engine = engine_for(lowered, circuit.simulation_config.method)
    if not isinstance(engine, ExactEngine):
        raise UntraceableError(f"method={engine.name!r} has no steps that could be traced")
    own = lowered.program
    scalars, batch = own.arguments.scalars, own.batch_size or 1
    ready = plan(own.program, scalars.device)
    check_memory(own.program.num_wires, ready.peak, batch, scalars.dtype, scalars.device)
    single = True

    def whole(*given: Tensor) -> tuple[Tensor, ...]:
        nonlocal single
        results = call(given, circuit)
        single = isinstance(results, Tensor)
        return (results,) if single else results

    if batch * ready.peak <= MAX_TRACED_WORDS and len(ready.steps) <= MAX_TRACED_STEPS:
        traced_function = trace_function(whole, tensors, watched)
        return TracedQNode((traced_function,), None, single)

    def before(*given: Tensor) -> tuple[Tensor, ...]:
        arguments = circuit.lowered(**call.keywords(given)).program.arguments
        with traced_steps():  # of wires that are simulated apart
            return tensors_of(ready, arguments)

    def behind(vector: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        vector = vector.expand(batch, -1)
        state = PauliVectorState(State(vector, ready.order, ready.paulis))

        def measured(**keywords: Tensor) -> Any:
            with traced_steps():
                return circuit.measured(circuit.lowered(**keywords), state)

        nonlocal single
        results = call(given, measured)
        single = isinstance(results, Tensor)
        return (results,) if single else results

    first = trace_function(before, tensors, watched)
    with torch.no_grad():
        made = first(*tensors)
        budget = circuit.simulation_config.memory_budget
        vector = run_steps(ready.steps, made[0].new_ones(1, 1), made, budget)
    return TracedQNode(
        (first, trace_function(behind, [vector, *tensors], watched)), (ready, budget), single
    )
