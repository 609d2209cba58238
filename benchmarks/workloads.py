"""The workloads, each a generator of rows of times."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pennylane as qml
import torch
from circuits import Problem, forward_of, parameters, qnode, quantum_function
from peers import DEFAULT_MIXED, OURS, PEERS, Peer
from timing import AS_THE_SLOWEST, Call, First, Repeats, Times, first_call, measure
from workers import elsewhere

from pennylane_qizgloria.pauli.plan.plan import Step
from pennylane_qizgloria.pauli.program.program import Operand
from pennylane_qizgloria.pauli.run.steps import apply_transfer
from pennylane_qizgloria.pauli.state.basis import zero_vector

SHOTS = 100_000


@dataclass(frozen=True)
class Row:
    """The times of one problem.

    Args:
        workload: the title of the table that the row is in.
        settings: the size of the problem.
        times: by the name of who or what was timed.
        references: whose time each is compared with, by name.
        others: other figures.
    """

    workload: str
    settings: dict[str, int | str]
    times: dict[str, Times]
    references: dict[str, str] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as long each takes as its reference."""
        pairs = self.references.items()
        return {name: self.times[name].median / self.times[other].median for name, other in pairs}


class DisagreementError(Exception):
    """Two simulators gave different results, so their times must not be compared."""


# --- problems that peers solve too ----------------------------------------------------------------


def layered(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W1: the layered circuit with one Z on each wire."""
    for n in wires or (2, 4, 6, 8, 10, 12):
        problem = Problem(n, layers=_layers(n))
        yield from _both("W1 layered circuit", problem, PEERS, budget)


def embedded(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W2: the layered circuit behind 64 embedded inputs, as one batch."""
    for n in wires or (4, 6):
        problem = Problem(n, layers=_layers(n), inputs=64)
        yield from _both("W2 64 inputs", problem, PEERS, budget)


def hamiltonian(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W3: 500 random Pauli words behind the layered circuit."""
    for n in wires or (8,):
        problem = Problem(n, layers=_layers(n), words=500)
        yield from _both("W3 500 Pauli words", problem, PEERS, budget)


def depth(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W7: the layered circuit with ever more layers, whose time for each must stay the same."""
    peers = [peer for peer in PEERS if peer.name in (OURS, DEFAULT_MIXED)]
    for n in wires or (6,):
        for layers in (3, 10, 30, 100):
            for row in _both("W7 depth", Problem(n, layers), peers, budget):
                for name, times in row.times.items():
                    row.others[f"{name} a layer"] = 1e3 * times.median / layers
                yield row


def _layers(num_wires: int) -> int:
    return 3 if num_wires <= 6 else 2


def _both(title: str, problem: Problem, peers: Sequence[Peer], budget: float) -> Iterator[Row]:
    """The rows for results and for gradients."""
    able = [peer for peer in peers if peer.installed and problem.wires <= peer.most_wires]
    forward = solved(f"{title}, forward", problem, able, "forward", budget)
    yield forward
    able = [peer for peer in able if peer.gradient is not None]
    gradient = solved(f"{title}, gradient", problem, able, "gradient", budget)
    ours = gradient.times[OURS].median / forward.times[OURS].median
    gradient.others["ours, gradient / forward"] = ours
    yield gradient


def solved(
    workload: str,
    problem: Problem,
    peers: Sequence[Peer],
    kind: str,
    budget: float,
    repeats: Repeats = AS_THE_SLOWEST,
) -> Row:
    """The times of peers that all give the same as the first one.

    Args:
        workload: the title of the table.
        problem: what they solve.
        peers: who solves it.
        kind: ``"forward"`` or ``"gradient"``.
        budget: about how many seconds to spend.
        repeats: see `timing.measure`.
    """
    calls: dict[str, Call] = {
        peer.name: elsewhere(peer.name, kind, problem)
        if peer.apart
        else getattr(peer, kind)(problem)
        for peer in peers
    }
    firsts = {name: first_call(call) for name, call in calls.items()}
    for peer in peers[1:]:
        check(f"{workload}, {problem}", firsts, peers[0].name, peer.name, peer.tolerance)
    times = measure(calls, budget, repeats=repeats)
    settings: dict[str, int | str] = {"wires": problem.wires, "layers": problem.layers}
    return Row(
        workload,
        settings | ({"batch": problem.inputs} if problem.inputs else {}),
        times,
        {peer.name: peer.reference for peer in peers if peer.reference},
        {f"{p.name} compiling, s": firsts[p.name].seconds for p in peers if p.compiled},
    )


def check(
    where: str, firsts: Mapping[str, First], ours: str, theirs: str, tolerance: float
) -> None:
    """See that two calls gave the same.

    Args:
        where: what they were calls of.
        firsts: what calls gave, by name.
        ours: one of the names.
        theirs: another one.
        tolerance: by how much numbers may differ.

    Raises:
        DisagreementError: if they differ by more.
    """
    one, other = (_flat(firsts[name].value) for name in (ours, theirs))
    if one.shape != other.shape:
        raise DisagreementError(
            f"{where}: {theirs} gave {other.size} numbers and {ours} gave {one.size}."
        )
    difference = float(np.abs(one - other).max())
    if not difference <= tolerance:  # nor if it is not a number
        raise DisagreementError(
            f"{where}: {theirs} and {ours} differ by {difference:.3g}, allowed are {tolerance:.0e}."
        )


def _flat(value: Any) -> np.ndarray:
    """All numbers of a result, in one order for everyone."""
    if isinstance(value, (list, tuple)):
        return np.concatenate([_flat(part) for part in value])
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return array.ravel()


# --- one step, one call, shots --------------------------------------------------------------------


def steps(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W4: one fused step on two neighbouring wires against a copy of the state."""
    for n in wires or (8, 10, 12, 13):
        state = zero_vector(n, torch.float64, torch.device("cpu"))[None]
        out = torch.empty_like(state)
        matrix = torch.eye(16, dtype=torch.float64)[None]
        for pair, (first, cyclic) in _pairs(n).items():
            left, right = 4**first, 4 ** (n - first - 2)
            step = Step(Operand.TRANSFER, 0, 0, left, 16, 16, right, cyclic)
            calls: dict[str, Callable] = {
                "step": lambda m=matrix, s=state, p=step, o=out: apply_transfer(m, s, p, o),
                "copy": lambda s=state, o=out: o.copy_(s),
            }
            for call in calls.values():
                call()
            times = measure(calls, budget / 3, most=200)
            settings: dict[str, int | str] = {"wires": n, "pair of wires": pair}
            yield Row("W4 one step on two wires", settings, times, {"step": "copy"})


def _pairs(num_wires: int) -> dict[str, tuple[int, bool]]:
    """The first wire of a pair, and whether the step leaves the pair at the other end."""
    last = num_wires - 2
    return {
        "first": (0, False),
        "middle": (num_wires // 2 - 1, False),
        "last": (last, False),
        "first, left at the end": (0, True),
        "last, left at the front": (last, True),
    }


def overhead(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W5: a call of a QNode against the same call on a device that computes nothing."""
    for n in wires or (2, 4):
        problem = Problem(n, layers=_layers(n))
        calls = {}
        for device in (OURS, "null.qubit"):
            calls[device] = forward_of(qnode(problem, device, diff_method="best"), problem)
            calls[device]()
        times = measure(calls, budget, most=200)
        settings: dict[str, int | str] = {"wires": n, "layers": problem.layers}
        yield Row("W5 overhead of a call", settings, times, {OURS: "null.qubit"})


def shots(wires: Sequence[int] | None, budget: float) -> Iterator[Row]:
    """W6: the layered circuit and 100 000 shots of all wires."""
    for n in wires or (10,):
        problem = Problem(n, layers=_layers(n))
        (weights,) = parameters(problem)
        exact = _flat(qnode(problem, OURS)(weights))
        calls = {}
        for device in (OURS, DEFAULT_MIXED):
            dev = qml.device(device, wires=n, seed=0)
            node = qml.QNode(quantum_function(problem, qml.sample), dev, interface="torch")
            calls[device] = forward_of(qml.set_shots(node, shots=SHOTS), problem)
            _check_shots(device, np.asarray(calls[device]()), exact)
        settings: dict[str, int | str] = {"wires": n, "layers": problem.layers, "shots": SHOTS}
        yield Row("W6 shots", settings, measure(calls, budget), {DEFAULT_MIXED: OURS})


def _check_shots(device: str, bits: np.ndarray, exact: np.ndarray) -> None:
    """See that the means of samples are right within five standard errors of a fair coin."""
    difference = float(np.abs((1 - 2 * bits).mean(0) - exact).max())
    if bits.shape != (SHOTS, len(exact)) or not difference <= 5 / SHOTS**0.5:
        raise DisagreementError(
            f"W6: samples of {device} have shape {bits.shape} and means that are off by "
            f"{difference:.3g}, allowed are {5 / SHOTS**0.5:.3g}."
        )


WORKLOADS = {
    "layered": layered,
    "embedded": embedded,
    "hamiltonian": hamiltonian,
    "steps": steps,
    "overhead": overhead,
    "shots": shots,
    "depth": depth,
}
