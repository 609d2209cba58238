"""What can be reached from a call, and what cannot be compared."""

import time

import numpy as np
import pytest
import torch
from helpers.guards import guard_of

from pennylane_qizgloria.nn.tracing.guarding import reachability
from pennylane_qizgloria.nn.tracing.guarding.reachability import IncomparableError


@pytest.mark.parametrize(
    ("value", "word"),
    [(iter([1]), "iterator"), (np.array([object()]), "array of objects"), (time.time, "time"),
     (np.zeros(2**20), "more than"), (memoryview(b"a"), "memoryview")],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(value, word):
    """The reason names what it is."""
    with pytest.raises(IncomparableError, match=word):
        guard_of(lambda: value)


def test_calls_that_reach_too_much_are_refused(monkeypatch):
    """The limit counts objects, and the reason says where it was reached."""
    monkeypatch.setattr(reachability, "MAX_OBJECTS", 50)
    lists = [[number] for number in range(50)]
    with pytest.raises(IncomparableError, match=r"more than 50 objects, by lists\["):
        guard_of(lambda: lists)


def test_cycles_are_walked_once():
    """An object that holds itself is visited once, and its changes are seen."""
    own = {"number": 1}
    own["self"] = own
    guard = guard_of(lambda: own)
    assert guard.holds()
    own["number"] = 2
    assert not guard.holds()
    assert guard.change() == "own"


def test_globals_that_come_later_are_seen():
    """A name that hides a built-in later changes what the call reads."""
    world: dict = {"__name__": "circuits"}
    exec("def function(): return abs(-1)", world)
    guard = guard_of(world["function"])
    assert guard.holds()
    world["abs"] = lambda x: x
    assert not guard.holds()


def test_tensors_are_known_by_identity():
    """A guard names the tensors that a trace may take from elsewhere."""
    constant, parameter = torch.ones(2), torch.ones(2, requires_grad=True)
    guard = guard_of(lambda: constant * parameter.detach())
    assert {id(constant), id(parameter)} <= guard.tensors
