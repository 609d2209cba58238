"""Programs with every kind of step, and their states and derivatives by kernels."""

import threading

import numpy as np
import torch
from helpers.programs import Case

from pennylane_qizgloria.pauli.kernels import run
from pennylane_qizgloria.pauli.kernels.run import final_state
from pennylane_qizgloria.pauli.program.program import Arguments, BoundProgram

TILES = {"one tile": None, "tiles of 2": 2, "tiles of 4": 4}
"""How many elements of a batch run together; None for as many as fit the cache."""

BATCH = 5
"""Elements of a batch: two tiles of two and one of one, or more for two threads than for one."""


def use_tiles(monkeypatch, elements):
    """Run so many elements together, however small the states are; None changes nothing."""
    if elements is not None:
        monkeypatch.setattr(run, "TILE_NUMBERS", 0)
        monkeypatch.setattr(run, "LEAST_ELEMENTS", elements)


def bound(case, batch=None, observed=None, dtype=torch.float64):
    """A case with its numbers."""
    return BoundProgram(case.program(observed), case.arguments(dtype), batch)


def small_case(batch=None):
    """Every kind of step, some with a batch of parameters, on two wires."""
    case = Case(2, np.random.default_rng(1))
    case.form("Rot", [0]).form("damping", [1], batch).form("CRX", [0, 1], batch).form("H", [0])
    case.form("CNOT", [1, 0]).transfer([0]).form("error", [0, 1]).state([1], batch)
    case.form("RX", [1], batch).form("Clifford", [1, 0]).form("XY", [1, 0])
    return case.transfer([1, 0], batch).form("damping", [0])


def large_case(batch=BATCH):
    """Every kind of step on four wires."""
    case = Case(4, np.random.default_rng(2))
    case.form("Rot", [0], batch).form("Rot", [1]).form("Rot", [3], batch).form("RX", [2])
    case.form("CYZ", [3, 0, 1]).form("damping", [3], batch).transfer([1, 2]).form("CNOT", [0, 3])
    case.form("Toffoli", [2, 1, 0]).state([1]).form("CRX", [3, 1], batch).transfer([2, 0], batch)
    case.form("error3", [2, 3, 1], batch).state([0], batch).form("RX", [0]).form("XY", [0, 2])
    case.form("Clifford", [3, 1])
    return case.form("depolarizing", [3]).form("Rot", [2], batch)


def leaves_of(arguments):
    """The tensors among the arguments, as new leaves, and the arguments with these."""
    own = (arguments.scalars, arguments.batched_scalars, *arguments.operands)
    given = [None if x is None else x.clone().requires_grad_() for x in own]
    scalars, columns, *operands = given
    leaves = tuple(x for x in given if x is not None)
    return leaves, Arguments(scalars, columns, tuple(operands))


def evolution(case, batch, budget=None):
    """The final state of a case as a function of its scalars, its columns and its operands."""
    program = case.program()

    def function(scalars, columns, *operands):
        arguments = Arguments(scalars, columns, operands)
        return final_state(BoundProgram(program, arguments, batch), budget).vector

    return function


def draw(seed, *shape):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape))


def run_with_leaves(case, batch, budget=None, dtype=torch.float64):
    """The final state, and the leaves that it depends on."""
    leaves, arguments = leaves_of(case.arguments(dtype))
    state = final_state(BoundProgram(case.program(), arguments, batch), budget)
    return state, leaves


def gradients(case, batch, budget=None, dtype=torch.float64):
    """The gradients of a product with random numbers."""
    state, leaves = run_with_leaves(case, batch, budget, dtype)
    cotangent = draw(9, *state.vector.shape).to(dtype)
    return torch.autograd.grad(state.vector, leaves, cotangent)


def assert_same(found, expected, atol=1e-13):
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-13, atol=atol)


class Spy:
    """The kernels; remembers their calls.

    Attributes:
        calls: of each call the name, and the first element and the one behind the last.
        kept: whether the forward calls kept states.
        threads: the names of the threads that called.
    """

    def __init__(self, kernels):
        self.calls, self.kept, self.threads = [], [], set()
        self._kernels = kernels

    def forward(self, table, numbers, start, stop, tile, words, longest, count, keep, *arrays):
        self._note("forward", start, stop)
        self.kept.append(keep)
        arguments = (start, stop, tile, words, longest, count, keep, *arrays)
        self._kernels.forward(table, numbers, *arguments)

    def reverse(self, table, numbers, start, stop, *arguments):
        self._note("reverse", start, stop)
        self._kernels.reverse(table, numbers, start, stop, *arguments)

    def tangent(self, table, numbers, tangents, start, stop, *arguments):
        self._note("tangent", start, stop)
        self._kernels.tangent(table, numbers, tangents, start, stop, *arguments)

    def _note(self, name, start, stop):
        self.calls.append((name, int(start), int(stop)))
        self.threads.add(threading.current_thread().name)
