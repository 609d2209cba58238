"""Copies and pickles of the device.

Connections, compiled passes and jobs under way can neither be copied nor pickled. So the device is
made anew from the arguments that it was made with, and its random numbers go on where they were.
A copy in the same process shares what the arguments are: the backend, primitives and passes. A
pickle holds them, but of IBM's backends only their names and no credentials: they are opened anew.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeVar

from qiskit.providers import BackendV2

from ..._compat.pennylane import give_shots
from .resolve import is_aer, is_ibm

Init = TypeVar("Init", bound=Callable[..., None])

_CREDENTIALS = ("token", "proxies")
"""Arguments of IBM's service that are not written into a pickle."""


def remember_arguments(init: Init) -> Init:
    """Keep what a device is made with, and which attributes that gives it, for its copies.

    Args:
        init: the device's ``__init__``.
    """
    own_signature = signature(init)
    parameters = own_signature.parameters.items()
    (rest,) = (name for name, own in parameters if own.kind is Parameter.VAR_KEYWORD)

    @wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        _, *given = own_signature.bind(self, *args, **kwargs).arguments.items()
        named = {name: value for name, value in given if name != rest}
        self._arguments = Arguments(named, dict(given).get(rest, {}), self.backend)
        self._made = frozenset(vars(self)) | {"_made"}

    return wrapped  # type: ignore[return-value]


@dataclass(frozen=True)
class Arguments:
    """What a device was made with.

    Args:
        named: the arguments that its signature names.
        options: of the backend.
        backend: the one that was meant; None if only primitives were given.
    """

    named: dict[str, Any]
    options: dict[str, Any]
    backend: BackendV2 | None

    def keywords(self) -> dict[str, Any]:
        """Arguments that make the same device again, on the same backend."""
        # PennyLane warns of shots, and a copy gets them from what is copied.
        named = {name: value for name, value in self.named.items() if name != "shots"}
        if self.backend is None:
            return named | self.options
        # Its options are part of the backend already.
        return named | {"backend": self.backend}

    def __deepcopy__(self, memo: Any) -> Arguments:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        named = {name: value for name, value in self.named.items() if name != "backend"}
        spec, options = self._spec()
        if spec is not None:
            named["backend"] = spec
        for name, value in [*named.items(), *options.items()]:
            _require_picklable(name, value)
        return _opened, (named, options)

    def _spec(self) -> tuple[Any, dict[str, Any]]:
        """What names the backend in another process."""
        if self.backend is None:
            return self.named.get("backend"), self.options
        if is_aer(self.backend):
            return self.backend, {}
        if is_ibm(self.backend):
            return self.backend.name, self._account()
        # Of a fake backend the name will do, which is much shorter.
        return self.named.get("backend"), self.options

    def _account(self) -> dict[str, Any]:
        """The account of IBM's that a backend belongs to, without credentials."""
        if isinstance(self.named.get("backend"), str):
            return {k: v for k, v in self.options.items() if k not in _CREDENTIALS}
        service = getattr(self.backend, "service", None)
        known = {"channel": "channel", "instance": "active_instance"}
        found = {own: _called(getattr(service, name, None)) for own, name in known.items()}
        return {name: value for name, value in found.items() if value}


def _called(value: Any) -> Any:
    return value() if callable(value) else value


def _opened(named: dict[str, Any], options: dict[str, Any]) -> Arguments:
    """Arguments that were pickled; their backend is found when the device is made."""
    return Arguments(named, options, None)


def _require_picklable(name: str, value: Any) -> None:
    try:
        pickle.dumps(value)
    except Exception as error:
        raise TypeError(
            f"qizgloria.qiskit cannot be pickled: its {name}={value!r} is a connection, or holds "
            f"one ({error}). Make the device with backend= and the name of a backend, which is "
            "opened anew, or make it where it is used. Copies in this process (copy.deepcopy) "
            "share it."
        ) from error


def state_of(device: Any) -> dict[str, Any]:
    """What makes a copy of a device: arguments, random numbers, and what was added to it later.

    Jobs, compiled circuits and open sessions stay with the original.

    Args:
        device: one whose ``__init__`` remembers its arguments, see `remember_arguments`.
    """
    added = {name: value for name, value in vars(device).items() if name not in device._made}
    return {
        "arguments": device._arguments,
        "seeds": device._options["seed"],
        "shots": device.shots,
        "added": added | {"tracker": device.tracker},
    }


def restore(device: Any, init: Callable[..., None], state: dict[str, Any]) -> None:
    """Make a device from the state of another.

    Args:
        device: one without attributes.
        init: the ``__init__`` whose arguments were remembered; that of a subclass, or of a device
            with a transform, takes others.
        state: what `state_of` gives.

    Raises:
        RuntimeError, ValueError: if the backend cannot be opened anew, as when the first was made.
    """
    init(device, **state["arguments"].keywords())
    if state["seeds"] is not None:
        device._options["seed"].continue_from(state["seeds"])
    give_shots(device, state["shots"])
    vars(device).update(state["added"])
