"""Recordings of QNodes: what remains of a call when its structure is known.

A recording holds for one structure: the shapes, dtypes and torch devices of inputs and weights,
and the answers that PennyLane and this package got when they looked at the numbers (whether they
are in their domain, whether a state is normalised). It is made from the device's own functions,
and compared with the QNode on other numbers, values and gradients, before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pennylane as qml
import torch
from torch import Tensor
from torch.autograd import forward_ad

from ..devices.mixed import QizgloriaMixed
from ..lowering.measurements import measure_all
from ..lowering.tapes import final_state
from ..pauli.adjoint import run_steps
from ..pauli.matrices import fused_matrices
from ..pauli.measure import State
from ..pauli.memory import check_memory
from ..pauli.plan import Plan
from ..pauli.planner import plan
from ..simulation import Conditions, Prepared, prepare
from .replay import Replay, record
from .tracing import Unrecordable

MAX_RECORDED_WORDS = 2**15
"""Up to this size of the states, all batch elements together, the evolution is recorded, too."""

MAX_RECORDED_STEPS = 200
"""Longer evolutions are not recorded."""

DOUBLE, SINGLE = 1e-7, 1e-3
"""How far a recording may be from the QNode, in double precision and where anything is not."""


class UnlikeError(Exception):
    """A recording gives something else than the QNode does."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A QNode's call without its Python.

    Args:
        replays: the whole call; or what comes before and behind an evolution.
        evolution: the plan of an evolution between the two, and the memory that its reverse pass
            may take; None where it is recorded with the rest.
        single: whether the result is one tensor, not a tuple.
    """

    replays: tuple[Replay, ...]
    evolution: tuple[Plan, int | None] | None
    single: bool

    @property
    def current(self) -> bool:
        """Whether it holds no constants that have been written to since."""
        return all(replay.current for replay in self.replays)

    def __call__(self, tensors: Sequence[Tensor]) -> Any:
        """What `qml.qnn.TorchLayer` makes of the QNode's results.

        Args:
            tensors: inputs and weights.

        Raises:
            BrokenConditionError: if it is not for these numbers.
        """
        if self.evolution is None:
            results = self.replays[0](*tensors)
        else:
            before, behind = self.replays
            made, (steps, budget) = before(*tensors), self.evolution
            vector = run_steps(steps.steps, made[0].new_ones(1, 1), made, budget)
            results = behind(vector, *tensors)
        return results[0] if self.single else results


@dataclass(frozen=True)
class Call:
    """How `qml.qnn.TorchLayer` calls a QNode.

    Args:
        qnode: the QNode.
        argument: the name of its argument for inputs.
        names: the names of its weights.
    """

    qnode: Any
    argument: str
    names: tuple[str, ...]

    @property
    def own_qnode(self) -> Any:
        """A copy of the QNode, because a QNode remembers its last tape.

        With tensors of torch's graph in its tape, a layer could not be copied.
        """
        return copy(self.qnode) if type(self.qnode) is qml.QNode else self.qnode

    def __call__(self, tensors: Sequence[Tensor], circuit: Callable | None = None) -> Any:
        """The results, in the layer's shape and the inputs' dtype.

        Args:
            tensors: inputs and weights.
            circuit: what to call instead of the QNode.
        """
        inputs, *weights = tensors
        layer = SimpleNamespace(
            input_arg=self.argument,
            qnode_weights=dict(zip(self.names, weights, strict=True)),
            qnode=circuit or self.own_qnode,
        )
        return qml.qnn.TorchLayer._evaluate_qnode(layer, inputs)

    def keywords(self, tensors: Sequence[Tensor]) -> dict[str, Tensor]:
        """What the QNode is called with."""
        inputs, *weights = tensors
        pairs = zip(self.names, weights, strict=True)
        return {self.argument: inputs, **{name: weight.to(inputs) for name, weight in pairs}}


def is_recordable(qnode: Any) -> bool:
    """Whether recording serves a QNode: exact results of our device, differentiated by torch."""
    return (
        type(qnode.device) is QizgloriaMixed
        and qnode.diff_method in ("best", "backprop")
        and not qnode.shots
        and not qnode.device.tracker.active
    )


def recording(call: Call, tensors: Sequence[Tensor]) -> Recording:
    """Record a call.

    Args:
        call: the call.
        tensors: inputs and weights, contiguous.

    Raises:
        Unrecordable: if its Python depends on the numbers, or it makes several circuits.
        UnlikeError: if the recording gives something else than the call.
    """
    with torch.inference_mode(False), torch.enable_grad():
        given = [tensor.detach().clone() for tensor in tensors]
        keywords = call.keywords(given)
        qnode = call.own_qnode
        results = qnode(**keywords)
        config = qml.workflow.construct_execution_config(qnode)(**keywords)
        circuit = _Circuit(qnode, qnode.device.conditions(config), results)
        made = _recorded(call, circuit, given)
        check(made, call, given, circuit.conditions.dtype)
    return made


# --- the parts of a call --------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Circuit:
    """A QNode, as the device's own functions run it.

    Args:
        qnode: the QNode.
        conditions: of its execution.
        results: results of the QNode's, for their structure.
    """

    qnode: Any
    conditions: Conditions
    results: Any

    def __call__(self, **keywords: Tensor) -> Any:
        """The QNode's results."""
        own = self.prepared(**keywords)
        # In forward mode the evolution is made of operations that can be recorded.
        with forward_ad.dual_level():
            return self.measured(own, final_state(own.lowered))

    def prepared(self, **keywords: Tensor) -> Prepared:
        """Its one tape, ready to run."""
        tapes, _ = qml.workflow.construct_batch(self.qnode, level="device")(**keywords)
        if len(tapes) != 1:
            raise Unrecordable(f"a transform turns it into {len(tapes)} circuits")
        return prepare(tapes[0], self.conditions)

    def measured(self, own: Prepared, state: State) -> Any:
        """The results that a final state has."""
        exact = measure_all(own.tape.measurements, own.readings, state, own.setting)
        batched = own.lowered.batch_size is not None
        leaves, structure = qml.pytrees.flatten(self.results)
        if len(leaves) != len(exact):
            raise Unrecordable("its results are not those of its measurements")
        return qml.pytrees.unflatten([x if batched else x[0] for x in exact], structure)


def _recorded(call: Call, circuit: _Circuit, tensors: Sequence[Tensor]) -> Recording:
    """A recording, not compared with anything yet."""
    own = circuit.prepared(**call.keywords(tensors))
    scalars, batch = own.lowered.arguments.scalars, own.lowered.batch_size or 1
    ready = plan(own.lowered.program, scalars.device)
    check_memory(own.lowered.program.num_wires, ready.peak, batch, scalars.dtype, scalars.device)
    single = True

    def whole(*given: Tensor) -> tuple[Tensor, ...]:
        nonlocal single
        results = call(given, circuit)
        single = isinstance(results, Tensor)
        return (results,) if single else results

    if batch * ready.peak <= MAX_RECORDED_WORDS and len(ready.steps) <= MAX_RECORDED_STEPS:
        replay = record(whole, tensors)
        return Recording((replay,), None, single)

    def before(*given: Tensor) -> tuple[Tensor, ...]:
        arguments = circuit.prepared(**call.keywords(given)).lowered.arguments
        return *fused_matrices(ready, arguments), *arguments.operands

    def behind(vector: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        state = State(vector.expand(batch, -1), ready.order, ready.letters)

        def measured(**keywords: Tensor) -> Any:
            with forward_ad.dual_level():
                return circuit.measured(circuit.prepared(**keywords), state)

        nonlocal single
        results = call(given, measured)
        single = isinstance(results, Tensor)
        return (results,) if single else results

    first = record(before, tensors)
    with torch.no_grad():
        made = first(*tensors)
        budget = circuit.conditions.budget
        vector = run_steps(ready.steps, made[0].new_ones(1, 1), made, budget)
    return Recording((first, record(behind, [vector, *tensors])), (ready, budget), single)


# --- comparing ------------------------------------------------------------------------------------


def check(made: Recording, call: Call, tensors: Sequence[Tensor], precision: torch.dtype) -> None:
    """Compare a recording with the call itself, on other numbers where those are allowed.

    Args:
        made: the recording.
        call: the call.
        tensors: inputs and weights.
        precision: of the simulation.

    Raises:
        UnlikeError: if values or gradients differ.
    """
    for change in (_shrunk, _rolled, torch.clone):
        given = [change(tensor) for tensor in tensors]
        try:
            expected = _with_gradients(call, given)
            own = _with_gradients(made, given)
        except Exception:
            if change is torch.clone:
                raise
            continue  # these numbers are not in the circuit's domain
        if not _close(own, expected, precision):
            raise UnlikeError
        return


def _shrunk(tensor: Tensor) -> Tensor:
    """Numbers somewhat nearer to zero, so that they stay probabilities; zeros move away."""
    factors = torch.linspace(0.9, 0.95, tensor.numel(), device=tensor.device).view(tensor.shape)
    if not (tensor.is_floating_point() or tensor.is_complex()):
        return tensor.clone()
    return torch.where(tensor == 0, 0.1 * (1 - factors), tensor * factors).to(tensor.dtype)


def _rolled(tensor: Tensor) -> Tensor:
    """The same numbers in another order, so that they keep their norm."""
    return tensor.roll(1, -1) if tensor.ndim else tensor.clone()


def _with_gradients(function: Callable, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Results, and the gradients of a sum of theirs in which each counts differently."""
    leaves = [tensor.detach().clone() for tensor in tensors]
    wanted = [x.requires_grad_() for x in leaves if x.is_floating_point() or x.is_complex()]
    results = function(leaves)
    results = [results] if isinstance(results, Tensor) else list(results)
    ends = [result for result in results if result.requires_grad]
    if not ends:
        return [*results, *map(torch.zeros_like, wanted)]
    weights = [torch.linspace(0.5, 1.5, x.numel()).to(x).view(x.shape) for x in ends]
    found = torch.autograd.grad(ends, wanted, weights, materialize_grads=True, allow_unused=True)
    return [*results, *found]


def _close(own: Sequence[Tensor], expected: Sequence[Tensor], precision: torch.dtype) -> bool:
    dtypes = {precision, *(tensor.dtype for tensor in expected)}
    tolerance = DOUBLE if dtypes <= {torch.float64, torch.complex128} else SINGLE
    return all(
        mine.shape == other.shape
        and mine.dtype == other.dtype
        and torch.allclose(mine, other, tolerance, tolerance, equal_nan=True)
        for mine, other in zip(own, expected, strict=True)
    )
