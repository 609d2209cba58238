"""TapeReader as the fewest PUBs, and their results from what the primitives return.

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

from .compiling import Compiler
from .estimation import estimate, means_of
from .parametrised import TapeReader
from .pubs import Part, Pubs
from .sampling import bits_of, sample
from .splitting import goes_to_estimator


@dataclass(frozen=True)
class Packed:
    """The PUBs of a batch of tapes.

    Args:
        sampler: the parts of PUBs that the sampler runs, in order.
        estimator: those of the estimator.
        readers: for each tape, whether the estimator serves it, and how its result follows from
            what that primitive gave for each PUB.
    """

    sampler: tuple[Part, ...]
    estimator: tuple[Part, ...]
    readers: tuple[tuple[bool, Callable[[Sequence[Any]], Any]], ...]

    def read(self, sampled: Sequence[PubResult], estimated: Sequence[PubResult]) -> tuple[Any, ...]:
        """The results of the tapes, in PennyLane's shapes.

        Args:
            sampled: what the sampler gave for its parts.
            estimated: what the estimator gave for its parts.
        """
        bits = [bits_of(own) for own in _by_pub(self.sampler, sampled)]
        means = [means_of(own) for own in _by_pub(self.estimator, estimated)]
        return tuple(reader(means if estimates else bits) for estimates, reader in self.readers)


def _by_pub(parts: Iterable[Part], results: Iterable[PubResult]) -> Iterable[list[PubResult]]:
    """The results of each PUB's parts."""
    found: dict[int, list[PubResult]] = {}
    for part, result in zip(parts, results, strict=True):
        found.setdefault(part.number, []).append(result)
    return found.values()


def pack(
    tapes: Sequence[QuantumScript],
    wires: Wires | None,
    compiler: Compiler,
    use_estimator: bool,
    executions: int | None = None,
    with_idle: bool = False,
) -> Packed:
    """Pack tapes that preprocessing has split into parts for one primitive and one basis.

    Args:
        tapes: the tapes.
        wires: the device's, whose order the qubits have; None for each tape's own.
        compiler: compiles the circuits.
        use_estimator: whether there is an estimator.
        executions: how often circuits may run in a job of the sampler; None for any number. PUBs
            of more come in parts.
        with_idle: whether wires that a tape does not use are qubits, too.
    """
    reader, sampler, estimator = TapeReader(), Pubs(), Pubs()
    readers = []
    for tape in tapes:
        order = qubit_order(tape, wires, with_idle)
        estimates = use_estimator and goes_to_estimator(tape)
        if estimates:
            readers.append((True, estimate(tape, order, reader, compiler, estimator)))
        else:
            readers.append((False, sample(tape, order, reader, compiler, sampler)))
    return Packed(
        tuple(part for pub in sampler for part in pub.parts(executions)),
        tuple(part for pub in estimator for part in pub.parts()),
        tuple(readers),
    )


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
