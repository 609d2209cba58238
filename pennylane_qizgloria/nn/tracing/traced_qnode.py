"""Traces of QNodes: what remains of a call when its structure is known.

A call is the map from inputs and weights to the numbers of a program, the program's evolution, and
what is made of the final state. The maps before and behind are traced; the evolution is the
engine's.

A trace is made from the device's own functions, and compared with the QNode on other numbers,
values and gradients, before it is used. It serves any size of the batch if it consists of
operations on columns, see `graph.columns`; whether the QNode does the same to a batch of another
size is looked at once for each, by tracing that too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from ..._compat.torch import version_of
from ...engines.exact import ExactEngine, PauliVectorState
from ...engines.registry import engine_for
from ...lowering.circuit import LoweredCircuit
from ...pauli.program.program import Arguments, BoundProgram, Constants, Operand
from ...pauli.run.adjoint import traced_steps
from ...pauli.run.evolve import final_state
from ...pauli.state.measure import State, sub_vector
from .graph.columns import ColumnMap
from .graph.following import NotColumnsError, column_map
from .graph.trace import Trace, UntraceableError, ancestors, leaf, trace
from .graph.traced_function import BrokenConditionError, TracedFunction, traced_function
from .invocation import Invocation, without_memory
from .stages import Stages
from .verification import check

Function = ColumnMap | TracedFunction


@dataclass(frozen=True, eq=False)
class TracedQNode:
    """A QNode's call without its Python.

    Args:
        call: the call.
        stages: the stages of the QNode's call.
        lowered: the circuit of the call that was traced, for its structure.
        numbers: from inputs and weights to the numbers of the program.
        engine: evolves the program.
        budget: the memory that a reverse pass may take.
        measured: from the final state, inputs and weights to the results; None where the functions
            that make them run as they are.
        watched: tensors from elsewhere that must stay as they are, and their versions.
        sizes: the sizes of the batch that it serves.
        operations: for each of them what `as_operations` gives, once that has been asked for.
    """

    call: Invocation
    stages: Stages
    lowered: LoweredCircuit
    numbers: Function
    engine: ExactEngine
    budget: int | None
    measured: _Measured | None
    watched: tuple[tuple[Tensor, int], ...]
    sizes: set[int] = field(default_factory=set)
    operations: dict[int, TracedFunction] = field(default_factory=dict)

    @property
    def current(self) -> bool:
        """Whether it holds no constants that have been written to since."""
        return all(version_of(tensor) == version for tensor, version in self.watched)

    @property
    def is_for_any_batch(self) -> bool:
        """Whether it may serve other sizes of the batch than that of the call it is from."""
        measured = self.measured is None or self.measured.function.is_for_any_batch
        return self.numbers.is_for_any_batch and measured

    def __call__(self, tensors: Sequence[Tensor]) -> Any:
        """What the call makes of the QNode's results.

        Args:
            tensors: inputs and weights.

        Raises:
            BrokenConditionError: if it is not for these numbers.
        """
        return self._run(tensors, is_checked=True)

    def _run(self, tensors: Sequence[Tensor], is_checked: bool) -> Any:
        size = size_of(self.call, tensors)
        holds, numbers = self.numbers(tensors, size)
        if is_checked and holds is not None and not holds:
            raise BrokenConditionError
        state = self.engine.evolve(self._bound(numbers, tensors), self.budget)
        return self._results(state, tensors, size, is_checked)

    def as_operations(self, tensors: Sequence[Tensor]) -> TracedFunction:
        """The call by operations of torch's alone, for what writes programs of these down.

        Whether the numbers fulfil the trace's conditions is not among them.

        Args:
            tensors: inputs and weights, whose shapes it is for.
        """

        def whole(*given: Tensor) -> tuple[Tensor, ...]:
            results = self._run(given, is_checked=False)
            return (results,) if isinstance(results, Tensor) else tuple(results)

        size = size_of(self.call, tensors)
        if size not in self.operations:
            with torch.inference_mode(False), torch.enable_grad(), traced_steps():
                traced = trace(whole, [leaf(x) for x in tensors])
            self.operations[size] = traced_function(traced)
        return self.operations[size]

    def serves(self, tensors: Sequence[Tensor]) -> bool:
        """Whether it is known to do what the QNode does for a batch of this size."""
        return size_of(self.call, tensors) in self.sizes

    def extend(self, tensors: Sequence[Tensor]) -> bool:
        """Serve batches of this size, too, if the QNode does the same for them.

        It constructs its circuit once, which is compared with the trace.
        """
        agrees = self.is_for_any_batch and self._agrees(tensors)
        if agrees:
            self.sizes.add(size_of(self.call, tensors))
        return agrees

    def _agrees(self, tensors: Sequence[Tensor]) -> bool:
        """Whether the QNode does the same to these tensors, whatever their numbers are.

        Numbers would not tell: for some, other functions have the same values and gradients.
        """
        given = [tensor.detach().clone() for tensor in tensors]
        with torch.inference_mode(False), torch.enable_grad():
            try:
                function, lowered = _traced_numbers(self.call, self.stages, given, None)
            except (UntraceableError, ValueError):  # ValueError: numbers that the QNode refuses
                return False
            return _are_alike(self.numbers, function) and self._is_like(lowered, given)

    def _is_like(self, lowered: LoweredCircuit, given: Sequence[Tensor]) -> bool:
        """Whether a circuit differs from the traced one in its numbers only."""
        bound = self._bound(lowered.program.arguments.tensors, given)
        known = lowered.program
        if (known.program, known.batch_size) != (bound.program, bound.batch_size):
            return False
        if not _are_equal(known.arguments.constants, bound.arguments.constants):
            return False
        if lowered.measurements is self.lowered.measurements:
            return True
        if self.measured is None:
            return False
        made, _ = _traced_measurement(self.call, self.stages, self.engine, lowered, given, None)
        return made is not None and _are_alike(self.measured.function, made.function)

    def _bound(self, numbers: Sequence[Tensor], tensors: Sequence[Tensor]) -> BoundProgram:
        """The program with its numbers."""
        known = self.lowered.program
        scalars, *rest = numbers
        columns = rest.pop(0) if known.arguments.batched_scalars is not None else None
        arguments = Arguments(scalars, columns, tuple(rest), known.arguments.constants)
        size = known.batch_size
        if size is not None and self.is_for_any_batch and any(self.call.batched(tensors)):
            size = size_of(self.call, tensors)
        return BoundProgram(known.program, arguments, size)

    def _results(self, state: State, tensors: Sequence[Tensor], size: int, is_checked: bool) -> Any:
        if self.measured is None or not self.measured.takes(state):
            return self._computed(state, tensors)
        holds, results = self.measured(state, tensors, size)
        if is_checked and holds is not None and not holds:
            raise BrokenConditionError
        return results[0] if len(results) == 1 else tuple(results)

    def _computed(self, state: State, tensors: Sequence[Tensor]) -> Any:
        """The results by the functions that make them of a state."""
        final = PauliVectorState(state)
        return self.call(tensors, lambda **keywords: self.stages.measured(self.lowered, final))


@dataclass(frozen=True, eq=False)
class _Measured:
    """From a final state, inputs and weights to results, as it was traced.

    Args:
        function: takes the Pauli vector first.
        wires: the wires of its axes.
        paulis: the Paulis of each of these axes, None for all.
        is_of_state: whether the results depend on the state alone.
    """

    function: Function
    wires: tuple[int, ...]
    paulis: tuple[tuple[int, ...], ...] | None
    is_of_state: bool

    def takes(self, state: State) -> bool:
        """Whether it is for states like this one."""
        return not self.is_of_state or (state.wires, state.paulis) == (self.wires, self.paulis)

    def __call__(
        self, state: State, tensors: Sequence[Tensor], batch: int
    ) -> tuple[Tensor | None, list[Tensor]]:
        """Whether the conditions hold, and the results."""
        vector = state.vector
        if (state.wires, state.paulis) != (self.wires, self.paulis):
            assert self.paulis is not None
            vector = sub_vector(state, self.wires, self.paulis)
        return self.function([vector, *tensors], batch)


def size_of(call: Invocation, tensors: Sequence[Tensor]) -> int:
    """The size of the batch; 1 if there is none."""
    pairs = zip(tensors, call.batched(tensors), strict=True)
    return next((len(tensor) for tensor, is_batched in pairs if is_batched), 1)


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
        stages = Stages(qnode, config, results)
        made = _traced(call, stages, given, watched)
        check(made, call, given, stages.simulation_config.dtype)
    return made


# --- making one ---------------------------------------------------------------------------------


def _traced(
    call: Invocation, stages: Stages, tensors: Sequence[Tensor], watched: Collection[int] | None
) -> TracedQNode:
    """A trace, not compared with anything yet."""
    lowered = stages.lowered(**call.keywords(tensors))
    engine = engine_for(lowered, stages.simulation_config.method)
    if not isinstance(engine, ExactEngine):
        raise UntraceableError(f"method={engine.name!r} has no numbers that could be traced")

    function, _ = _traced_numbers(call, stages, tensors, watched)
    budget = stages.simulation_config.memory_budget
    measured, seen = _traced_measurement(call, stages, engine, lowered, tensors, watched)
    held = (*function.watched, *seen.watched)
    return TracedQNode(
        call, stages, lowered, function, engine, budget, measured, held, {size_of(call, tensors)}
    )


def _traced_numbers(
    call: Invocation, stages: Stages, tensors: Sequence[Tensor], watched: Collection[int] | None
) -> tuple[Function, LoweredCircuit]:
    """The map to the numbers of a program, for any size of the batch if that can be.

    Returns:
        The map, and the circuit that the call was lowered to.
    """
    made: list[LoweredCircuit] = []

    def numbers(*given: Tensor) -> tuple[Tensor, ...]:
        made.append(stages.lowered(**call.keywords(given)))
        return made[-1].program.arguments.tensors

    traced = trace(numbers, [leaf(x) for x in tensors], watched)
    (lowered,) = made
    bound = lowered.program
    operands = [own.batched for own in bound.program.operations if isinstance(own.form, Operand)]
    columns = [] if bound.arguments.batched_scalars is None else [True]
    try:
        return column_map(traced, call.batched(tensors), [False, *columns, *operands]), lowered
    except NotColumnsError:
        return traced_function(traced), lowered


def _are_alike(first: Function, second: Function) -> bool:
    """Whether two maps do the same for any size of the batch."""
    if not isinstance(first, ColumnMap) or not isinstance(second, ColumnMap):
        return False
    return first.is_like(second)


def _traced_measurement(
    call: Invocation,
    stages: Stages,
    engine: ExactEngine,
    lowered: LoweredCircuit,
    tensors: Sequence[Tensor],
    watched: Collection[int] | None,
) -> tuple[_Measured | None, Trace]:
    """What is made of the final state; None where that is run as it is."""
    budget = stages.simulation_config.memory_budget
    with torch.no_grad():
        state = engine.evolve(lowered.program, budget)
    traced = _trace_of_results(call, stages, state, tensors, watched)
    vector, *others = traced.graph.find_nodes(op="placeholder")
    outputs: Any = traced.graph.output_node().args[0]
    holds, *ends = outputs
    # Conditions on inputs and weights are those that the map to the numbers has.
    if ancestors(ends).isdisjoint(others) and vector not in ancestors([holds]):
        traced.graph.output_node().args = ((None, *ends),)
        try:
            columns = _columns_of_results(call, lowered, traced, tensors)
        except NotColumnsError:
            return None, traced
        return _Measured(columns, state.wires, state.paulis, is_of_state=True), traced
    with torch.no_grad():
        # The words that measurements read, of which any other state has more.
        state = final_state(lowered.program, budget)
    traced = _trace_of_results(call, stages, state, tensors, watched)
    function: Function
    try:
        function = _columns_of_results(call, lowered, traced, tensors)
    except NotColumnsError:
        function = traced_function(traced)
    return _Measured(function, state.wires, state.paulis, is_of_state=False), traced


def _trace_of_results(
    call: Invocation,
    stages: Stages,
    state: State,
    tensors: Sequence[Tensor],
    watched: Collection[int] | None,
) -> Trace:
    """A trace from a final state, inputs and weights to results."""

    def results(vector: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        final = PauliVectorState(State(vector, state.wires, state.paulis))

        def measured(**keywords: Tensor) -> Any:
            return stages.measured(stages.lowered(**keywords), final)

        found = call(given, measured)
        return (found,) if isinstance(found, Tensor) else tuple(found)

    with traced_steps():
        return trace(results, [leaf(state.vector), *map(leaf, tensors)], watched)


def _columns_of_results(
    call: Invocation, lowered: LoweredCircuit, traced: Trace, tensors: Sequence[Tensor]
) -> ColumnMap:
    """The map from a final state, inputs and weights to results, for any size of the batch."""
    batched = call.batched(tensors)
    outputs: Any = traced.graph.output_node().args[0]
    size = size_of(call, tensors)
    shapes = [x.shape if isinstance(x, Tensor) else x.meta["shape"] for x in outputs[1:]]
    results = [any(batched) and tuple(shape[:1]) == (size,) for shape in shapes]
    return column_map(traced, [lowered.is_batched and any(batched), *batched], results)


def _are_equal(first: Constants | None, second: Constants | None) -> bool:
    if first is None or second is None:
        return first is second
    return torch.equal(first.numbers, second.numbers)
