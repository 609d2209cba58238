"""Tapes read by a sampler: their PUBs, and their results from the bits of these.

Qiskit's bit i is qubit i, the tape's wire i: bits are put in the order of the wires as they come.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from qiskit.circuit import ClassicalRegister
from qiskit.primitives import PubResult

from ...results import unwrapped
from ..compile.structures import ParametrisedCircuit, TapeReader, parametrise
from ..compile.transpilation import Compiler
from ..convert.circuit_builder import has_midcircuit
from ..measurements.bases import basis_of, gates_of, union
from ..measurements.measurement_splitting import SHADOWS
from ..measurements.midcircuit import inner_labels, on_inner_labels, postselected
from ..measurements.values import result_of
from .primitive_results import require_bits
from .pubs import Part, Pub, Pubs, Reading
from .shadows import read_shadow

MEASURED = "meas"
"""The classical register of the terminal measurements."""

INSIDE = "mcm"
"""The classical register of the mid-circuit measurements, see `writing`."""

Bits = Bool[np.ndarray, "_ _ _"]
"""Rows, shots, and the measured wires' bits in order before the mid-circuit measurements'."""


def sample(
    tape: QuantumScript, order: list[Hashable], reader: TapeReader, compiler: Compiler, pubs: Pubs
) -> Reading:
    """Add a tape to the PUBs; return how its result follows from the bits of each of them.

    Args:
        tape: its measurements share a basis, or are one shadow.
        order: the wires in the order of the qubits.
        reader: reads the tape.
        compiler: compiles its circuit.
        pubs: the sampler's.
    """
    pub_of = partial(_pub, reader=reader, compiler=compiler, pubs=pubs)
    if isinstance(tape.measurements[0], SHADOWS):
        return read_shadow(tape, order, pub_of)
    gates = gates_of(union(basis_of(process, tape) for process in tape.measurements))
    rotated = tape.copy(operations=[*tape.operations, *gates]) if gates else tape
    measured = _measured_wires(tape, order)
    pub, values = pub_of(rotated, order, measured, tape.shots.total_shots)
    rows = pub.add(values)
    postselect = pub.compiled.source.postselect
    labels = Wires([*measured, *inner_labels(len(postselect))])
    processes = on_inner_labels(tape)
    batched = tape.batch_size is not None

    def read(bits: Sequence[Bits]) -> Any:
        own = bits[pub.number][rows]
        copies = []
        for low, high in tape.shots.bins():
            chosen = postselected(own[:, low:high], postselect)
            results = [result_of(process, chosen, labels, batched) for process in processes]
            copies.append(unwrapped(results))
        return unwrapped(copies)

    return Reading(read, len(values), len(values) * tape.shots.total_shots)


def bits_of(parts: Iterable[Part], results: Iterable[PubResult]) -> Bits:
    """The bits that a sampler gives for the parts of one PUB.

    Raises:
        JobError: if a result is not what was asked for.
    """
    found = []
    for part, result in zip(parts, results, strict=True):
        sizes = {register.name: register.size for register in part.pub[0].cregs}
        names = [name for name in (MEASURED, INSIDE) if name in sizes]
        registers = [
            require_bits(result, name, part.rows, part.shots, sizes[name]) for name in names
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
    pubs: Pubs,
) -> tuple[Pub, np.ndarray]:
    """The PUB of a tape's structure, and the values of its parameters in the tape's rows."""
    places = tuple(order.index(wire) for wire in measured)
    structure, values = reader.read(tape, order)
    circuit = ("sampler", structure, places)
    compiled = compiler.compiled(circuit, partial(_measuring, tape, order, places))
    return pubs.get((circuit, shots), compiled, shots), values


def _measured_wires(tape: QuantumScript, order: list[Hashable]) -> list[Hashable]:
    """The wires that a tape's measurements read; all of them where one names none."""
    read: set[Hashable] = set()
    inside = has_midcircuit(tape)
    for process in tape.measurements:
        # Deferred, an outcome is read from a wire like any other.
        if process.mv is None or not inside:
            read |= set(process.wires) or set(order)
    return [wire for wire in order if wire in read]


def _measuring(
    tape: QuantumScript, order: list[Hashable], measured: tuple[int, ...]
) -> ParametrisedCircuit:
    """A tape's circuit with its terminal measurements."""
    ready = parametrise(tape, order)
    if measured:
        register = ClassicalRegister(len(measured), MEASURED)
        ready.circuit.add_register(register)
        ready.circuit.measure(measured, register)
    return ready
