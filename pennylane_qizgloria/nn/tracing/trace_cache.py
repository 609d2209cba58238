"""The recordings that a module has made, and when it makes one.

A recording takes as long as many calls, so it is made when a call has come often enough to pay for
it: until then, calls run as they are, and are watched. Each recording has a guard (see `guards`),
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
from .graph.trace import Unrecordable
from .graph.traced_function import BrokenConditionError
from .guarding.guards import Guard
from .guarding.observation import Observation, observe, random_states
from .guarding.reachability import IncomparableError, guard
from .invocation import Call
from .traced_qnode import Recording, recording
from .unreached import with_zero_gradients
from .verification import UnlikeError

logger = logging.getLogger(__name__)

MAX_STRUCTURES = 64
"""How many structures of inputs and weights are remembered; the oldest one makes way."""

MAX_RECORDINGS = 4
"""How many recordings one structure may have, for other states of what it depends on or other
conditions on the numbers; the oldest one makes way."""

MAX_STRIKES = 3
"""How often something may go wrong before it is no accident, such as another thread's doing."""

MAX_CHANGES = 20
"""After so many changes of what a call depends on, without a recording, a warning is given."""

FIRST_CALLS = 10
"""Calls before the first recording, which takes about as long as 10 to 30 of them."""

LATER_CALLS = 3
"""Calls at least before others."""

_CONSTRUCTION = threading.RLock()
"""Circuits are constructed by one thread at a time: what PennyLane does about a circuit in one
thread (`QueuingManager.stop_recording`) reaches the circuits that others construct meanwhile."""


def is_recordable(qnode: Any) -> bool:
    """Whether recording serves a QNode: exact results of our device, differentiated by torch.

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
class Guarded:
    """A recording, and when it serves.

    Args:
        guard: what it depends on; None if it always serves.
        recording: the recording; None where the call runs as it is.
    """

    guard: Guard | None
    recording: Recording | None

    @property
    def serves(self) -> bool:
        """Whether nothing has changed that it depends on."""
        unchanged = self.guard is None or self.guard.holds()
        return unchanged and (self.recording is None or self.recording.current)


@dataclass(eq=False)
class Structure:
    """What is known of calls of one structure.

    Args:
        made: recordings.
        guard: what the calls since `calls` was zero depended on.
        calls: how many there have been without a recording, all with the same guard.
        seconds: how long these took.
        changes: how often the guard has changed.
        strikes: how often a call has looked as if it could not be recorded.
    """

    made: list[Guarded] = field(default_factory=list)
    guard: Guard | None = None
    calls: int = 0
    seconds: float = 0.0
    changes: int = 0
    strikes: int = 0

    @property
    def usual(self) -> float:
        """How long a call takes without a recording."""
        return self.seconds / max(1, self.calls)

    def add(self, guarded: Guarded) -> None:
        """Take in a recording, or that there can be none."""
        others = self.made[: MAX_RECORDINGS - 1]
        self.made = [*others, guarded] if guarded.guard is None else [guarded, *others]


@dataclass(eq=False)
class Ledger:
    """What recording has cost, and what it has saved, in seconds."""

    last: float = 0.0
    balance: float = 0.0

    @contextlib.contextmanager
    def paying(self) -> Iterator[None]:
        """Note what it costs to record a call inside."""
        start = perf_counter()
        try:
            yield
        finally:
            self.last = perf_counter() - start
            self.balance -= self.last

    def pays(self, structure: Structure) -> bool:
        """Whether a structure has come often enough to be recorded.

        The first recording is made in good faith. Others are when the calls that they would have
        saved, with what others have saved, would have paid for one (as one buys skis when their
        rent has come to their price).
        """
        if self.last == 0.0:
            return structure.calls >= FIRST_CALLS
        enough = structure.seconds + max(0.0, self.balance) >= self.last
        return enough and structure.calls >= LATER_CALLS


class Recordings:
    """The recordings of a module. Copies and pickles start without them.

    Args:
        module: what it is called in warnings; None for no warnings.

    Attributes:
        is_used: whether the last call was served by a recording.
        reason: why calls run as they are, if that is known.
    """

    def __init__(self, module: str | None = "TorchLayer") -> None:
        self.module = module
        self.warned = module is None
        self.clear()

    def __reduce__(self) -> tuple:
        return Recordings, (self.module,)

    def clear(self) -> None:
        """Forget them."""
        self.made: dict[tuple, Structure] = {}
        self.seen: dict[Call, Observation] = {}
        self.ledger = Ledger()
        self.is_used = False
        self.reason: str | None = None

    def run(self, call: Call, tensors: Sequence[Tensor]) -> Any:
        """The results of a call, from a recording if there is one that serves."""
        self.is_used = False
        if not is_recordable(call.qnode) or is_transformed():
            return call(tensors)
        tensors = [tensor.contiguous() for tensor in tensors]
        if is_exported():
            # In another thread, where shapes are numbers and nothing is written down.
            return in_a_thread(lambda: self._for_export(call, tensors)).as_operations(tensors)
        structure = self._structure(call, tensors)
        return with_zero_gradients(self._run(structure, call, tensors), tensors)

    def _run(self, structure: Structure, call: Call, tensors: Sequence[Tensor]) -> Any:
        for own in structure.made:
            if not own.serves:
                continue
            if own.recording is None:
                with _CONSTRUCTION:
                    return call(tensors)
            with contextlib.suppress(BrokenConditionError):
                return self._replayed(own.recording, structure, tensors)
        with _CONSTRUCTION:
            return self._watched(structure, call, tensors)

    def _structure(self, call: Call, tensors: Sequence[Tensor]) -> Structure:
        qnode = call.qnode
        shapes = [(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors]
        own = (call, qnode.device, qnode.diff_method, qnode.interface, torch.get_default_dtype())
        key = (*own, qml.decomposition.enabled_graph(), *shapes)
        if key not in self.made:
            if len(self.made) >= MAX_STRUCTURES:
                del self.made[next(iter(self.made))]
            self.made[key] = Structure()
        return self.made[key]

    def _replayed(self, own: Recording, structure: Structure, tensors: Sequence[Tensor]) -> Any:
        start = perf_counter()
        results = own(tensors)
        self.ledger.balance += structure.usual - (perf_counter() - start)
        self.is_used = True
        return results

    def _for_export(self, call: Call, tensors: Sequence[Tensor]) -> Recording:
        """A recording, which is made at once if there is none yet."""
        require_fixed_sizes(tensors)
        structure = self._structure(call, tensors)
        for own in structure.made:
            if own.recording is not None and own.serves:
                return own.recording
        given = real_examples(tensors)
        _, seen = observe(lambda: call(given))
        state = guard(call.roots(), seen)
        made = recording(call, given, state.tensors)
        structure.add(Guarded(state, made))
        return made

    # --- calls without a recording ----------------------------------------------------------------

    def _watched(self, structure: Structure, call: Call, tensors: Sequence[Tensor]) -> Any:
        """Run a call as it is, see what it depends on, and record it if it is time."""
        known = self.seen.get(call)
        before, unchanged = random_states(), structure.guard is not None and structure.guard.holds()
        is_observed = known is None or self.ledger.pays(structure)
        start = perf_counter()
        if known is None or is_observed:
            results, seen = observe(lambda: call(tensors))
        else:
            results, seen = call(tensors), known
        seconds = perf_counter() - start
        try:
            self._account(structure, call, seen, unchanged, seconds)
            if seen.drew_since(before) or (is_observed and seen.draws):
                raise _SuspicionError("it draws random numbers")
        except _SuspicionError as error:
            structure.strikes += 1
            if structure.strikes >= MAX_STRIKES:
                self._give_up(structure, structure.guard, call, str(error))
        except IncomparableError as error:
            self._give_up(structure, None, call, str(error))
        else:
            if is_observed and self.ledger.pays(structure):
                self._record_if_watched(structure, call, tensors, seen, known)
        self.seen[call] = seen
        return results

    def _account(
        self, structure: Structure, call: Call, seen: Observation, unchanged: bool, seconds: float
    ) -> None:
        """Note a call, and that nothing but numbers has come of it."""
        own = structure.guard
        if own is None or not unchanged:
            structure.changes += own is not None
            if structure.changes >= MAX_CHANGES and own is not None:
                raise IncomparableError(f"{own.change()} keeps changing")
            structure.guard = guard(call.roots(), seen)
            structure.calls, structure.seconds = 1, seconds
            return
        if own.drew:
            structure.guard = guard(call.roots(), seen)
            raise _SuspicionError("it draws random numbers")
        if not own.holds():
            where, structure.guard = own.change(), None
            raise _SuspicionError(f"it changes {where}")
        structure.calls += 1
        structure.seconds += seconds

    def _record_if_watched(
        self,
        structure: Structure,
        call: Call,
        tensors: Sequence[Tensor],
        seen: Observation,
        known: Observation | None,
    ) -> None:
        if known is not None and not seen.functions.keys() <= known.functions.keys():
            structure.guard = None  # it runs functions whose state has not been watched
        else:
            self._record(structure, call, tensors, seen)

    def _record(
        self, structure: Structure, call: Call, tensors: Sequence[Tensor], seen: Observation
    ) -> None:
        """Record a call."""
        own, before = structure.guard, random_states()
        assert own is not None
        try:
            with self.ledger.paying():
                made = recording(call, tensors, own.tensors)
        except Unrecordable as error:
            self._give_up(structure, own, call, str(error))
            return
        except UnlikeError:
            why = "it depends on more than its inputs and weights, or hides numbers from torch"
            self._give_up(structure, own, call, why)
            return
        except Exception as error:
            structure.strikes += 1
            structure.calls = 0
            if structure.strikes >= MAX_STRIKES:
                self._give_up(structure, own, call, f"recording it raised {error!r}")
            return
        if own.holds() and not own.drew and not seen.drew_since(before):
            structure.add(Guarded(own, made))

    def _give_up(self, structure: Structure, own: Guard | None, call: Call, why: str) -> None:
        structure.add(Guarded(own, None))
        self.reason = why
        name = getattr(call.qnode.func, "__name__", repr(call.qnode.func))
        logger.info("%s runs the QNode %r as it is: %s.", self.module or "A module", name, why)
        if not self.warned:
            self.warned = True
            warn(f"{self.module} runs the QNode {name!r} as it is, which is slow: {why}.")


class _SuspicionError(Exception):
    """Says why a call does not look as if it could be recorded."""
