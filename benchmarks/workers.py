"""Processes of their own for simulators that bring threads of their own.

The threads of Aer, qulacs and JAX wait for work on the same cores on which another simulator
computes. In one process with them a copy of half a megabyte takes ten times as long.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from circuits import Problem
from peers import PEERS
from timing import First, first_call, run


@dataclass(frozen=True)
class Elsewhere:
    """A call that another process makes.

    Args:
        connection: to that process.
        number: of the call among those that it knows.
    """

    connection: Connection
    number: int

    def first(self) -> First:
        """What the call gives the first time."""
        return _answer(self.connection, "first", self.number)

    def times(self, share: float, most: int) -> list[float]:
        """The times of one call, or of several, see `timing.run`."""
        return _answer(self.connection, "times", self.number, share, most)


def elsewhere(peer: str, kind: str, problem: Problem) -> Elsewhere:
    """A peer's call for a problem, in the peer's own process.

    Args:
        peer: its name.
        kind: ``"forward"``, ``"gradient"`` or ``"loss"``.
        problem: what it is to solve.
    """
    connection = _process(peer)
    return Elsewhere(connection, _answer(connection, "build", kind, problem))


@cache
def _process(peer: str) -> Connection:
    context = get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=_serve, args=(there, peer), daemon=True).start()
    return here


def _answer(connection: Connection, *question: Any) -> Any:
    connection.send(question)
    answer = connection.recv()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _serve(connection: Connection, name: str) -> None:
    """Answer questions until the process that asks ends this one."""
    (peer,) = (own for own in PEERS if own.name == name)
    calls: list[Any] = []
    while True:
        question, *details = connection.recv()
        try:
            connection.send(_answered(peer, calls, question, *details))
        except Exception as error:
            connection.send(error)


def _answered(peer: Any, calls: list[Any], question: str, *details: Any) -> Any:
    if question == "build":
        kind, problem = details
        calls.append(getattr(peer, kind)(problem))
        return len(calls) - 1
    number, *repeats = details
    call = calls[number]
    if question == "first":
        return first_call(call).as_arrays()
    return run(call, *repeats)
