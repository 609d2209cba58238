"""The recordings that a module has made, one or a few for each structure of its arguments."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..devices.mixed import QizgloriaMixed
from ..pauli.adjoint import is_transformed
from .calls import Call
from .comparison import UnlikeError
from .recording import Recording, recording
from .replay import BrokenConditionError
from .tracing import Unrecordable

MAX_STRUCTURES = 64
"""How many structures of inputs and weights are remembered; the oldest one makes way."""

MAX_BRANCHES = 4
"""How many recordings one structure may have, each for other conditions on the numbers."""


def is_recordable(qnode: Any) -> bool:
    """Whether recording serves a QNode: exact results of our device, differentiated by torch.

    The device may have more transforms to preprocess with, such as `qml.add_noise` gives it.
    """
    kind = type(qnode.device)
    return (
        issubclass(kind, QizgloriaMixed)
        and kind.execute is QizgloriaMixed.execute
        and kind.conditions is QizgloriaMixed.conditions
        and qnode.diff_method in ("best", "backprop")
        and not qnode.shots
        and not qnode.device.tracker.active
    )


class Recordings:
    """The recordings of a module. Copies and pickles start without them.

    Args:
        patient: whether the first call of each structure runs as it is. Else it is recorded.
        quiet: whether to say nothing about calls that cannot be recorded.
    """

    def __init__(self, patient: bool = False, quiet: bool = False) -> None:
        self.patient = patient
        self.quiet = quiet
        self.warned = quiet
        self.made: dict[tuple, list[Recording] | None] = {}

    def __reduce__(self) -> tuple:
        return Recordings, (self.patient, self.quiet)

    def clear(self) -> None:
        """Forget them."""
        self.made.clear()

    def run(self, call: Call, tensors: Sequence[Tensor]) -> Any:
        """The results of a call, from a recording if there can be one."""
        if not tensors[0].is_floating_point() or not is_recordable(call.qnode) or is_transformed():
            return call(tensors)
        tensors = [tensor.contiguous() for tensor in tensors]
        key = _structure(call, tensors)
        is_new = key not in self.made
        if is_new:
            self._remember(key)
        known = self.made[key]
        if known is None or (is_new and self.patient):
            return call(tensors)
        for own in known:
            with contextlib.suppress(BrokenConditionError):
                if own.current:
                    return own(tensors)
        return self._record(key, call, tensors)

    def _remember(self, key: tuple) -> None:
        if len(self.made) >= MAX_STRUCTURES:
            del self.made[next(iter(self.made))]
        self.made[key] = []

    def _record(self, key: tuple, call: Call, tensors: Sequence[Tensor]) -> Any:
        """Record a call that no recording serves."""
        known = self.made[key] = [own for own in self.made[key] or () if own.current]
        if len(known) >= MAX_BRANCHES:
            return self._give_up(key, call, tensors, "its branches depend on the numbers")
        try:
            made = recording(call, tensors)
        except Unrecordable as error:
            return self._give_up(key, call, tensors, str(error))
        except UnlikeError:
            why = "it depends on more than its inputs and weights, or hides numbers from torch"
            return self._give_up(key, call, tensors, why)
        except Exception as error:
            return self._give_up(key, call, tensors, f"recording it raised {error!r}")
        known.append(made)
        return made(tensors)

    def _give_up(self, key: tuple, call: Call, tensors: Sequence[Tensor], why: str) -> Any:
        results = call(tensors)  # what is wrong with the user's numbers is said here
        self.made[key] = None
        if not self.warned:
            self.warned = True
            warnings.warn(
                f"TorchLayer runs the QNode {call.qnode.func.__name__!r} as it is, which is slow: "
                f"{why}.",
                stacklevel=2,
            )
        return results


def _structure(call: Call, tensors: Sequence[Tensor]) -> tuple:
    """What a recording depends on."""
    qnode = call.qnode
    shapes = [(tensor.shape, tensor.dtype, tensor.device) for tensor in tensors]
    return (call, qnode.device, qnode.diff_method, qnode.interface, *shapes)
