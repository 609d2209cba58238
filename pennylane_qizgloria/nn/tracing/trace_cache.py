"""The traces that a module has made, and when it makes one.

A trace takes as long as many calls, so it is made when a call has come often enough to pay for
it: until then, calls run as they are, and are watched. Each trace has a guard (see `guards`),
and serves only while all that the call depended on is unchanged.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import pennylane as qml
import torch
from torch import Tensor

from ...devices.mixed import QizgloriaMixed
from ...pauli.run.adjoint import is_transformed
from ...user_warnings import warn
from .exporting import in_a_thread, is_exported, real_examples, require_fixed_sizes
from .graph.trace import UntraceableError
from .graph.traced_function import BrokenConditionError, TracedFunction
from .guarding.guards import Guard
from .guarding.observation import Observation, observe, random_states
from .guarding.reachability import IncomparableError, guard
from .invocation import Invocation
from .traced_qnode import TracedQNode, size_of, trace_qnode
from .unreached import with_zero_gradients
from .verification import TraceMismatchError

logger = logging.getLogger(__name__)

MAX_HISTORIES = 64
"""How many structures of inputs and weights are remembered; the oldest one makes way."""

MAX_TRACES = 4
"""How many traces one structure may have, for other states of what it depends on or other
conditions on the numbers; the oldest one makes way."""

MAX_STRIKES = 3
"""How often something may go wrong before it is no accident, such as another thread's doing."""

MAX_CHANGES = 20
"""After so many changes of what a call depends on, without a trace, a warning is given."""

FIRST_CALLS = 10
"""Calls before the first trace, which takes about as long as 10 to 30 of them."""

LATER_CALLS = 3
"""Calls at least before others."""

_CONSTRUCTION = threading.RLock()
"""Circuits are constructed by one thread at a time: what PennyLane does about a circuit in one
thread (`QueuingManager.stop_recording`) reaches the circuits that others construct meanwhile."""


def is_traceable(qnode: Any) -> bool:
    """Whether a QNode can be traced: exact results of our device, differentiated by torch.

    The device may have more transforms to preprocess with, such as `qml.add_noise` gives it.
    """
    kind = type(qnode.device)
    return (
        issubclass(kind, QizgloriaMixed)
        and kind.execute is QizgloriaMixed.execute
        and kind.simulation_config is QizgloriaMixed.simulation_config
        and qnode.diff_method in ("best", "backprop")
        and not qnode.shots
        and not qnode.device.tracker.active
    )


@dataclass(eq=False)
class GuardedTrace:
    """A trace, and when it serves.

    Args:
        guard: what it depends on; None if it always serves.
        traced: the traced QNode; None where the call runs as it is.
    """

    guard: Guard | None
    traced: TracedQNode | None

    @property
    def serves(self) -> bool:
        """Whether nothing has changed that it depends on."""
        unchanged = self.guard is None or self.guard.holds()
        return unchanged and (self.traced is None or self.traced.current)


@dataclass(eq=False)
class CallHistory:
    """What is known of the calls of one structure of inputs and weights.

    Args:
        traces: the traces.
        guard: what the calls since `calls` was zero depended on.
        calls: how many there have been without a trace, all with the same guard.
        seconds: how long these took.
        changes: how often the guard has changed.
        strikes: how often a call has looked as if it could not be traced.
    """

    traces: list[GuardedTrace] = field(default_factory=list)
    guard: Guard | None = None
    calls: int = 0
    seconds: float = 0.0
    changes: int = 0
    strikes: int = 0

    @property
    def usual(self) -> float:
        """How long a call takes without a trace."""
        return self.seconds / max(1, self.calls)

    def add(self, guarded: GuardedTrace) -> None:
        """Take in a trace, or that there can be none."""
        others = self.traces[: MAX_TRACES - 1]
        self.traces = [*others, guarded] if guarded.guard is None else [guarded, *others]


@dataclass(eq=False)
class TracingAccount:
    """What tracing has cost, and what it has saved, in seconds."""

    last: float = 0.0
    balance: float = 0.0

    @contextlib.contextmanager
    def paying(self) -> Iterator[None]:
        """Note what it costs to trace a call inside."""
        start = perf_counter()
        try:
            yield
        finally:
            self.last = perf_counter() - start
            self.balance -= self.last

    def pays(self, history: CallHistory) -> bool:
        """Whether a structure has come often enough to be traced.

        The first trace is made in good faith. Others are when the calls that they would have
        saved, with what others have saved, would have paid for one (as one buys skis when their
        rent has come to their price).
        """
        if self.last == 0.0:
            return history.calls >= FIRST_CALLS
        enough = history.seconds + max(0.0, self.balance) >= self.last
        return enough and history.calls >= LATER_CALLS


class TraceCache:
    """The traces of a module. Copies and pickles start without them.

    Args:
        module: what it is called in warnings; None for no warnings.

    Attributes:
        is_used: whether the last call was served by a trace.
        reason: why calls run as they are, if that is known.
    """

    def __init__(self, module: str | None = "TorchLayer") -> None:
        self.module = module
        self.warned = module is None
        self.clear()

    def __reduce__(self) -> tuple:
        return TraceCache, (self.module,)

    def clear(self) -> None:
        """Forget them."""
        self.histories: dict[tuple, CallHistory] = {}
        self.apart: set[tuple] = set()
        self.seen: dict[Invocation, Observation] = {}
        self.account = TracingAccount()
        self.is_used = False
        self.reason: str | None = None

    def run(self, call: Invocation, tensors: Sequence[Tensor]) -> Any:
        """The results of a call, from a trace if there is one that serves."""
        self.is_used = False
        if not is_traceable(call.qnode) or is_transformed():
            return call(tensors)
        tensors = [tensor.contiguous() for tensor in tensors]
        if is_exported():
            # In another thread, where shapes are numbers and nothing is written down.
            exported = in_a_thread(lambda: self._for_export(call, tensors))
            _, results = exported(tensors, batch=1)
            return results[0] if len(results) == 1 else tuple(results)
        history = self._history(call, tensors)
        return with_zero_gradients(self._run(history, call, tensors), tensors)

    def _run(self, history: CallHistory, call: Invocation, tensors: Sequence[Tensor]) -> Any:
        for own in history.traces:
            if not own.serves:
                continue
            if own.traced is None:
                with _CONSTRUCTION:
                    return call(tensors)
            if not self._fits(own.traced, tensors):
                if self._key(call, tensors) in self.apart:
                    continue  # it is for other sizes
                return self._run(self._apart(history, own.traced, call, tensors), call, tensors)
            with contextlib.suppress(BrokenConditionError):
                return self._run_traced(own.traced, history, tensors)
        with _CONSTRUCTION:
            return self._watched(history, call, tensors)

    def _fits(self, traced: TracedQNode, tensors: Sequence[Tensor]) -> bool:
        """Whether a trace serves a size of the batch."""
        if traced.serves(tensors):
            return True
        with _CONSTRUCTION, self.account.paying():
            return traced.extend(tensors)

    def _apart(
        self,
        history: CallHistory,
        traced: TracedQNode,
        call: Invocation,
        tensors: Sequence[Tensor],
    ) -> CallHistory:
        """The history of one size of the batch, where not all of them are alike."""
        key = self._key(call, tensors)
        self.apart.add(key)
        self.histories.pop(key, None)
        self.histories.update({(*key, size): history for size in traced.sizes})
        return self._history(call, tensors)

    def _history(self, call: Invocation, tensors: Sequence[Tensor]) -> CallHistory:
        key = self._key(call, tensors)
        if key in self.apart:
            key = (*key, size_of(call, tensors))
        if key not in self.histories:
            if len(self.histories) >= MAX_HISTORIES:
                del self.histories[next(iter(self.histories))]
            self.histories[key] = CallHistory()
        return self.histories[key]

    def _key(self, call: Invocation, tensors: Sequence[Tensor]) -> tuple:
        """What the structure of a call is, but for the size of a batch."""
        qnode = call.qnode
        shapes = [
            (tensor.shape[is_batched:], is_batched, tensor.dtype, tensor.device)
            for tensor, is_batched in zip(tensors, call.batched(tensors), strict=True)
        ]
        own = (call, qnode.device, qnode.diff_method, qnode.interface, torch.get_default_dtype())
        return (*own, qml.decomposition.enabled_graph(), *shapes)

    def _run_traced(self, own: TracedQNode, history: CallHistory, tensors: Sequence[Tensor]) -> Any:
        start = perf_counter()
        results = own(tensors)
        self.account.balance += history.usual - (perf_counter() - start)
        self.is_used = True
        return results

    def _for_export(self, call: Invocation, tensors: Sequence[Tensor]) -> TracedFunction:
        """Operations of torch's alone, from a trace that is made at once if there is none yet."""
        require_fixed_sizes(tensors)
        given = real_examples(tensors)
        history = self._history(call, given)
        for own in history.traces:
            if own.traced is not None and own.serves and own.traced.serves(given):
                return own.traced.as_operations(given)
        _, seen = observe(lambda: call(given))
        state = guard(call.roots(), seen)
        made = trace_qnode(call, given, state.tensors)
        history.add(GuardedTrace(state, made))
        return made.as_operations(given)

    # --- calls without a trace --------------------------------------------------------------------

    def _watched(self, history: CallHistory, call: Invocation, tensors: Sequence[Tensor]) -> Any:
        """Run a call as it is, see what it depends on, and trace it if it is time."""
        known = self.seen.get(call)
        before, unchanged = random_states(), history.guard is not None and history.guard.holds()
        is_observed = known is None or self.account.pays(history)
        start = perf_counter()
        if known is None or is_observed:
            results, seen = observe(lambda: call(tensors))
        else:
            results, seen = call(tensors), known
        seconds = perf_counter() - start
        try:
            self._note_call(history, call, seen, unchanged, seconds)
            if seen.drew_since(before) or (is_observed and seen.draws):
                raise ImpurityError("it draws random numbers")
        except ImpurityError as error:
            history.strikes += 1
            if history.strikes >= MAX_STRIKES:
                self._give_up(history, history.guard, call, str(error))
        except IncomparableError as error:
            self._give_up(history, None, call, str(error))
        else:
            if is_observed and self.account.pays(history):
                self._trace_if_watched(history, call, tensors, seen, known)
        self.seen[call] = seen
        return results

    def _note_call(
        self,
        history: CallHistory,
        call: Invocation,
        seen: Observation,
        unchanged: bool,
        seconds: float,
    ) -> None:
        """Note a call, and that nothing but numbers has come of it."""
        own = history.guard
        if own is None or not unchanged:
            history.changes += own is not None
            if history.changes >= MAX_CHANGES and own is not None:
                raise IncomparableError(f"{own.change()} keeps changing")
            history.guard = guard(call.roots(), seen)
            history.calls, history.seconds = 1, seconds
            return
        if own.drew:
            history.guard = guard(call.roots(), seen)
            raise ImpurityError("it draws random numbers")
        if not own.holds():
            where, history.guard = own.change(), None
            raise ImpurityError(f"it changes {where}")
        history.calls += 1
        history.seconds += seconds

    def _trace_if_watched(
        self,
        history: CallHistory,
        call: Invocation,
        tensors: Sequence[Tensor],
        seen: Observation,
        known: Observation | None,
    ) -> None:
        if known is not None and not seen.functions.keys() <= known.functions.keys():
            history.guard = None  # it runs functions whose state has not been watched
        else:
            self._trace(history, call, tensors, seen)

    def _trace(
        self, history: CallHistory, call: Invocation, tensors: Sequence[Tensor], seen: Observation
    ) -> None:
        """Trace a call."""
        own, before = history.guard, random_states()
        assert own is not None
        try:
            with self.account.paying():
                made = trace_qnode(call, tensors, own.tensors)
        except UntraceableError as error:
            self._give_up(history, own, call, str(error))
            return
        except TraceMismatchError:
            why = "it depends on more than its inputs and weights, or hides numbers from torch"
            self._give_up(history, own, call, why)
            return
        except Exception as error:
            history.strikes += 1
            history.calls = 0
            if history.strikes >= MAX_STRIKES:
                self._give_up(history, own, call, f"tracing it raised {error!r}")
            return
        if own.holds() and not own.drew and not seen.drew_since(before):
            history.add(GuardedTrace(own, made))

    def _give_up(self, history: CallHistory, own: Guard | None, call: Invocation, why: str) -> None:
        history.add(GuardedTrace(own, None))
        self.reason = why
        name = getattr(call.qnode.func, "__name__", repr(call.qnode.func))
        logger.info("%s runs the QNode %r as it is: %s.", self.module or "A module", name, why)
        if not self.warned:
            self.warned = True
            warn(f"{self.module} runs the QNode {name!r} as it is, which is slow: {why}.")


class ImpurityError(Exception):
    """Says why a call does not look as if it could be traced."""
