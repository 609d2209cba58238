"""Guards of functions without arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pennylane_qizgloria.nn.tracing.guarding.guards import Guard
from pennylane_qizgloria.nn.tracing.guarding.observation import observe
from pennylane_qizgloria.nn.tracing.guarding.reachability import guard


def guard_of(function: Callable[[], Any]) -> Guard:
    """A guard of what a function depends on, which runs once."""
    _, seen = observe(function)
    return guard([("it", function)], seen)
