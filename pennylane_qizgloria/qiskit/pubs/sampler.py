"""The PUBs of tapes that a sampler serves, and the tapes' results from the bits.

A tape's measurements share a basis, or are one classical shadow. Qiskit's bit i is measured qubit
i, so bits are in the order of the wires as they come; those of the mid-circuit measurements follow.
Tapes of equal structure, measured wires and shots share a PUB.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from qiskit.primitives import PubResult

from ...results import unwrapped
from ..compile.structures import TERMINAL_REGISTER, TapeReader, measured_circuit
from ..compile.transpilation import Compiler
from ..convert.circuit_builder import has_midcircuit
from ..measurements.bases import diagonalized
from ..measurements.measurement_splitting import SHADOWS
from ..measurements.midcircuit import midcircuit_labels, on_midcircuit_labels, postselected
from ..measurements.values import result_of
from .primitive_results import require_bits
from .pubs import PubBuilder, PubChunk, PubCollection, TapePlan
from .shadows import add_shadow

MIDCIRCUIT_REGISTER = "mcm"
"""The classical register of the mid-circuit measurements, see `circuit_builder`."""

Bits = Bool[np.ndarray, "_ _ _"]
"""Rows, shots, and the measured wires' bits in order before the mid-circuit measurements'."""


def add_to_sampler(
    tape: QuantumScript,
    order: list[Hashable],
    reader: TapeReader,
    compiler: Compiler,
    pubs: PubCollection,
) -> TapePlan:
    """Add a tape to the PUBs of the sampler.

    Args:
        tape: its measurements share a basis, or are one shadow.
        order: the wires in the order of the qubits.
        reader: reads the tape.
        compiler: compiles its circuit.
        pubs: the sampler's.
    """
    pub_of = partial(_pub, reader=reader, compiler=compiler, pubs=pubs)
    if isinstance(tape.measurements[0], SHADOWS):
        return add_shadow(tape, order, pub_of)
    measured = _measured_wires(tape, order)
    pub, values = pub_of(diagonalized(tape), order, measured, tape.shots.total_shots)
    rows = pub.add(values)
    postselect = pub.compiled.source.postselect
    labels = Wires([*measured, *midcircuit_labels(len(postselect))])
    processes = on_midcircuit_labels(tape)
    batched = tape.batch_size is not None

    def postprocess(bits: Sequence[Bits]) -> Any:
        own = bits[pub.number][rows]
        copies = []
        for low, high in tape.shots.bins():
            chosen = postselected(own[:, low:high], postselect)
            results = [result_of(process, chosen, labels, batched) for process in processes]
            copies.append(unwrapped(results))
        return unwrapped(copies)

    return TapePlan(postprocess, len(values), len(values) * tape.shots.total_shots)


def sampled_bits(chunks: Iterable[PubChunk], results: Iterable[PubResult]) -> Bits:
    """The bits that a sampler gives for the chunks of one PUB.

    Raises:
        JobError: if a result is not what was asked for.
    """
    found = []
    for chunk, result in zip(chunks, results, strict=True):
        sizes = {register.name: register.size for register in chunk.pub[0].cregs}
        names = [name for name in (TERMINAL_REGISTER, MIDCIRCUIT_REGISTER) if name in sizes]
        registers = [
            require_bits(result, name, chunk.rows, chunk.shots, sizes[name]) for name in names
        ]
        found.append(np.concatenate(registers, axis=-1))
    return np.concatenate(found)


def _pub(
    tape: QuantumScript,
    order: list[Hashable],
    measured: list[Hashable],
    shots: int,
    reader: TapeReader,
    compiler: Compiler,
    pubs: PubCollection,
) -> tuple[PubBuilder, np.ndarray]:
    """The PUB of a tape's structure, and the values of its parameters in the tape's rows."""
    qubits = tuple(order.index(wire) for wire in measured)
    structure, values = reader.read(tape, order)
    circuit = ("sampler", structure, qubits)
    compiled = compiler.compiled(circuit, partial(measured_circuit, tape, order, qubits))
    return pubs.get((circuit, shots), compiled, shots), values


def _measured_wires(tape: QuantumScript, order: list[Hashable]) -> list[Hashable]:
    """The wires that a tape's measurements read; all of them where one names none."""
    found: set[Hashable] = set()
    is_dynamic = has_midcircuit(tape)
    for process in tape.measurements:
        # Deferred, an outcome is read from a wire like any other.
        if process.mv is None or not is_dynamic:
            found |= set(process.wires) or set(order)
    return [wire for wire in order if wire in found]
