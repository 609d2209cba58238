"""A batch of tapes as the fewest PUBs, and the tapes' results from what the primitives return.

Tapes of one structure become one parametrised circuit with an array of parameter values, so that a
gradient or a batch of any size is one PUB of one job. The first wire of the device is the first
qubit; wires that a tape does not use are left out unless a layout wants them. No job is sent here.
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
from .estimator import add_to_estimator, estimated_means
from .pubs import PubBuilder, PubChunk, PubCollection, TapePlan
from .sampler import add_to_sampler, sampled_bits


@dataclass(frozen=True)
class PackedTapes:
    """The PUBs of a batch of tapes.

    Args:
        sampler: what the sampler runs, in order.
        estimator: what the estimator runs, in order.
        plans: for each tape, whether the estimator serves it, what it costs, and how its
            result follows from what that primitive gave for each PUB.
    """

    sampler: tuple[PubChunk, ...]
    estimator: tuple[PubChunk, ...]
    plans: tuple[tuple[bool, TapePlan], ...]

    def results(
        self, sampled: Sequence[PubResult], estimated: Sequence[PubResult]
    ) -> tuple[Any, ...]:
        """The results of the tapes, in PennyLane's shapes.

        Args:
            sampled: the sampler's results, one for each of its chunks.
            estimated: the estimator's results, one for each of its chunks.

        Raises:
            JobError: if a primitive did not give what it was asked for.
        """
        bits = _by_pub(sampled_bits, self.sampler, sampled)
        means = _by_pub(estimated_means, self.estimator, estimated)
        return tuple(
            plan.postprocess(means if is_estimated else bits) for is_estimated, plan in self.plans
        )


def _by_pub(
    read: Callable[[list[PubChunk], list[PubResult]], Any],
    chunks: Iterable[PubChunk],
    results: Iterable[PubResult],
) -> list[Any]:
    """What is read of each PUB, in the order of their numbers, from the results of its chunks."""
    found: dict[int, tuple[list[PubChunk], list[PubResult]]] = {}
    for chunk, result in zip(chunks, results, strict=True):
        own = found.setdefault(chunk.number, ([], []))
        own[0].append(chunk)
        own[1].append(result)
    return [read(*own) for _, own in sorted(found.items())]


def pack(
    tapes: Sequence[QuantumScript],
    wires: Wires | None,
    compiler: Compiler,
    use: EstimatorUse,
    max_shots: int | None = None,
    with_idle: bool = False,
) -> PackedTapes:
    """Pack tapes that preprocessing has split, so that one primitive serves each in one basis.

    Args:
        tapes: the tapes.
        wires: the device's, whose order the qubits have; None for each tape's own.
        compiler: compiles the circuits.
        use: which tapes the estimator serves.
        max_shots: the most shots in a job of the sampler; None for any number. PUBs of more are
            sent in chunks.
        with_idle: whether wires that a tape does not use are qubits, too.
    """
    reader, sampler, estimator = TapeReader(), PubCollection(), PubCollection()
    plans = []
    for tape in tapes:
        order = qubit_order(tape, wires, with_idle)
        is_estimated = use.serves(tape)
        add, pubs = (add_to_estimator, estimator) if is_estimated else (add_to_sampler, sampler)
        plans.append((is_estimated, add(tape, order, reader, compiler, pubs)))
    by_shots, by_precision = map(group_by_shots_or_precision, (sampler, estimator))
    return PackedTapes(
        tuple(chunk for pub in by_shots for chunk in pub.chunks(max_shots)),
        tuple(chunk for pub in by_precision for chunk in pub.chunks()),
        tuple(plans),
    )


def group_by_shots_or_precision(pubs: PubCollection) -> list[PubBuilder]:
    """PUBs with equal shots or precisions one after another: some jobs take only such."""
    groups: dict[Any, list[PubBuilder]] = {}
    for pub in pubs:
        groups.setdefault(pub.shots_or_precision, []).append(pub)
    return [pub for own in groups.values() for pub in own]


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
