"""Tapes as the fewest PUBs, and their results from what the primitives return.

All tapes of one structure go out as one parametrised circuit with an array of parameter values, so
that a gradient or a batch of any size is one PUB of one job. Each tape keeps which rows are its.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pennylane.exceptions import DeviceError
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from qiskit.primitives import PubResult

from ..compile.structures import TapeReader
from ..compile.transpilation import Compiler
from ..measurements.measurement_splitting import EstimatorUse
from .estimator import estimate, means_of
from .pubs import Part, Pub, Pubs, Reading
from .sampler import bits_of, sample


@dataclass(frozen=True)
class Packed:
    """The PUBs of a batch of tapes.

    Args:
        sampler: the parts of PUBs that the sampler runs, in order.
        estimator: those of the estimator.
        readings: for each tape, whether the estimator serves it, what it costs, and how its
            result follows from what that primitive gave for each PUB.
    """

    sampler: tuple[Part, ...]
    estimator: tuple[Part, ...]
    readings: tuple[tuple[bool, Reading], ...]

    def read(self, sampled: Sequence[PubResult], estimated: Sequence[PubResult]) -> tuple[Any, ...]:
        """The results of the tapes, in PennyLane's shapes.

        Args:
            sampled: what the sampler gave for its parts.
            estimated: what the estimator gave for its parts.

        Raises:
            JobError: if a primitive did not give what it was asked for.
        """
        bits = _by_pub(bits_of, self.sampler, sampled)
        means = _by_pub(means_of, self.estimator, estimated)
        return tuple(own.read(means if estimates else bits) for estimates, own in self.readings)


def _by_pub(
    read: Callable[[list[Part], list[PubResult]], Any],
    parts: Iterable[Part],
    results: Iterable[PubResult],
) -> list[Any]:
    """What is read of each PUB, in the order of their numbers, from the results of its parts."""
    found: dict[int, tuple[list[Part], list[PubResult]]] = {}
    for part, result in zip(parts, results, strict=True):
        own = found.setdefault(part.number, ([], []))
        own[0].append(part)
        own[1].append(result)
    return [read(*own) for _, own in sorted(found.items())]


def pack(
    tapes: Sequence[QuantumScript],
    wires: Wires | None,
    compiler: Compiler,
    use: EstimatorUse,
    max_shots: int | None = None,
    with_idle: bool = False,
) -> Packed:
    """Pack tapes that preprocessing has split into parts for one primitive and one basis.

    Args:
        tapes: the tapes.
        wires: the device's, whose order the qubits have; None for each tape's own.
        compiler: compiles the circuits.
        use: which tapes the estimator serves.
        max_shots: the most shots in a job of the sampler; None for any number. PUBs of more come
            in parts.
        with_idle: whether wires that a tape does not use are qubits, too.
    """
    reader, sampler, estimator = TapeReader(), Pubs(), Pubs()
    readings = []
    for tape in tapes:
        order = qubit_order(tape, wires, with_idle)
        estimates = use.serves(tape)
        add, pubs = (estimate, estimator) if estimates else (sample, sampler)
        readings.append((estimates, add(tape, order, reader, compiler, pubs)))
    return Packed(
        tuple(part for pub in by_setting(sampler) for part in pub.parts(max_shots)),
        tuple(part for pub in by_setting(estimator) for part in pub.parts()),
        tuple(readings),
    )


def by_setting(pubs: Pubs) -> list[Pub]:
    """PUBs with equal shots or precisions one after another: some jobs take only such."""
    settings: dict[Any, list[Pub]] = {}
    for pub in pubs:
        settings.setdefault(pub.setting, []).append(pub)
    return [pub for own in settings.values() for pub in own]


def qubit_order(
    tape: QuantumScript, wires: Wires | None, with_idle: bool = False
) -> list[Hashable]:
    """The wires of a tape in the order of the qubits.

    Args:
        tape: the tape.
        wires: the device's; None for the tape's own.
        with_idle: whether wires that the tape does not use are qubits, too, as a layout wants it.

    Raises:
        DeviceError: if a layout has no qubits for measurements that were deferred.
    """
    if wires is None:
        return list(tape.wires)
    deferred = [wire for wire in tape.wires if wire not in wires]
    if with_idle and deferred:
        raise DeviceError(
            f"Measurements that are deferred take wires of their own: {len(deferred)} more than "
            "initial_layout has qubits for. Leave initial_layout out."
        )
    used = set(wires) if with_idle else set(tape.wires)
    return [wire for wire in wires if wire in used] + deferred
