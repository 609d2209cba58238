"""TapeReader of everything that needs shots as a sampler's PUBs, and their results from bits.

Qiskit's bit i is qubit i, the tape's wire i: bits are put in the order of the wires as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool
from pennylane.measurements import ClassicalShadowMP, MeasurementProcess, ShadowExpvalMP
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from qiskit.circuit import ClassicalRegister
from qiskit.primitives import PubResult

from ..lowering.samples import result_of, shadow_expectation
from .bases import into_eigenbasis, into_recipes
from .compiling import Compiler
from .outcomes import inner_labels, on_inner_labels, postselected
from .parametrised import Parametrised, TapeReader, parametrise
from .pubs import Pub, Pubs
from .writing import has_midcircuit

MEASURED = "meas"
"""The classical register of the terminal measurements."""

INSIDE = "mcm"
"""The classical register of the mid-circuit measurements, see `writing`."""

Bits = Bool[np.ndarray, "_ _ _"]
"""Rows, shots, and the measured wires' bits in order before the mid-circuit measurements'."""

Reader = Callable[[Sequence[Bits]], Any]


def sample(
    tape: QuantumScript, order: list[Hashable], reader: TapeReader, compiler: Compiler, pubs: Pubs
) -> Reader:
    """Add a tape to the PUBs; return how its result follows from the bits of each of them.

    Args:
        tape: its measurements share a basis, or are one shadow.
        order: the wires in the order of the qubits.
        reader: reads the tape.
        compiler: compiles its circuit.
        pubs: the sampler's.
    """
    add = partial(_add, reader=reader, compiler=compiler, pubs=pubs)
    if isinstance(tape.measurements[0], ClassicalShadowMP | ShadowExpvalMP):
        return _shadow(tape, order, add)
    measured = _measured_wires(tape, order)
    pub, rows = add(into_eigenbasis(tape), order, measured, tape.shots.total_shots)
    postselect = pub.compiled.source.postselect
    labels = Wires([*measured, *inner_labels(len(postselect))])
    processes = on_inner_labels(tape)
    batched = tape.batch_size is not None

    def read(bits: Sequence[Bits]) -> Any:
        own = bits[pub.number][rows]
        parts = []
        for low, high in tape.shots.bins():
            chosen = postselected(own[:, low:high], postselect)
            parts.append(_results(processes, chosen, labels, batched))
        return tuple(parts) if tape.shots.has_partitioned_shots else parts[0]

    return read


def bits_of(results: Iterable[PubResult]) -> Bits:
    """The bits that a sampler gives for the parts of one PUB."""
    parts = []
    for result in results:
        names = [name for name in (MEASURED, INSIDE) if name in result.data]
        registers = [result.data[name].to_bool_array(order="little") for name in names]
        bits = np.concatenate(registers, axis=-1)
        parts.append(bits.reshape(-1, *bits.shape[-2:]))
    return np.concatenate(parts)


def _shadow(
    tape: QuantumScript, order: list[Hashable], add: Callable[..., tuple[Pub, slice]]
) -> Reader:
    """One shot in each of the bases that the process's seed gives; a row for each."""
    (process,) = tape.measurements
    wires = list(process.wires) or order
    copies = []
    for shots in tape.shots:
        # PennyLane draws the recipes so: equal seeds must give equal recipes on every device.
        recipes = np.random.RandomState(process.seed).randint(0, 3, size=(shots, len(wires)))
        turned = into_recipes(tape, recipes, wires)
        copies.append((*add(turned, order, wires, 1), recipes))

    def read(bits: Sequence[Bits]) -> Any:
        parts = []
        for pub, rows, recipes in copies:
            own = bits[pub.number][rows, 0].astype(np.uint8)
            if isinstance(process, ShadowExpvalMP):
                parts.append(shadow_expectation(process, own, recipes))
            else:
                parts.append(np.stack([own, recipes.astype(np.uint8)]))
        return tuple(parts) if tape.shots.has_partitioned_shots else parts[0]

    return read


def _add(
    tape: QuantumScript,
    order: list[Hashable],
    measured: list[Hashable],
    shots: int,
    reader: TapeReader,
    compiler: Compiler,
    pubs: Pubs,
) -> tuple[Pub, slice]:
    """Add a tape's rows to the PUB of its structure; return that and the rows."""
    places = tuple(order.index(wire) for wire in measured)
    structure, values = reader.read(tape, order)
    circuit = ("sampler", structure, places)
    compiled = compiler.compiled(circuit, partial(_measuring, tape, order, places))
    pub = pubs.get((circuit, shots), compiled, shots)
    return pub, pub.add(values)


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
) -> Parametrised:
    """A tape's circuit with its terminal measurements."""
    ready = parametrise(tape, order)
    if measured:
        register = ClassicalRegister(len(measured), MEASURED)
        ready.circuit.add_register(register)
        ready.circuit.measure(measured, register)
    return ready


def _results(
    processes: Sequence[MeasurementProcess],
    rows: list[Bool[np.ndarray, "_ bits"]],
    labels: Wires,
    batched: bool,
) -> Any:
    by_row = [[result_of(p, row.astype(np.int64), labels) for p in processes] for row in rows]
    if not batched:
        results = by_row[0]
    else:
        columns = zip(*by_row, strict=True)
        results = [list(c) if isinstance(c[0], dict) else np.stack(c) for c in columns]
    return results[0] if len(results) == 1 else tuple(results)
