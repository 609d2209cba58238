"""Tapes as the fewest PUBs, and their results from what the primitives return.

All tapes of one structure go out as one parametrised circuit with an array of parameter values, so
that a gradient or a batch of any size is one PUB of one job. Each tape keeps which rows are its.

Qiskit's bit i is qubit i, the tape's wire i: bits are put in the order of the wires as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Bool, Float
from pennylane.measurements import (
    ClassicalShadowMP,
    MeasurementProcess,
    ShadowExpvalMP,
    VarianceMP,
)
from pennylane.operation import Operator
from pennylane.ops import MidMeasure
from pennylane.pauli import PauliSentence
from pennylane.tape import QuantumScript
from pennylane.wires import Wires
from qiskit.circuit import ClassicalRegister
from qiskit.primitives import PubResult
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.quantum_info import SparsePauliOp

from ..lowering.observables import is_product_of_letters, word_letters
from ..lowering.samples import result_of, shadow_expectation
from .compiling import Compiled, Compiler
from .parametrised import Parametrised, parametrise, structure_key
from .splitting import goes_to_estimator

MEASURED = "meas"
"""The classical register of the terminal measurements."""

INSIDE = "mcm"
"""The classical register of the mid-circuit measurements, see `writing`."""

Shadow = ClassicalShadowMP | ShadowExpvalMP


@dataclass
class _Pub:
    """A PUB while rows are added to it."""

    compiled: Compiled
    setting: Any
    observables: tuple[SparsePauliOp, ...] = ()
    rows: list[Float[np.ndarray, "rows parameters"]] = field(default_factory=list)
    length: int = 0

    def add(self, values: Float[np.ndarray, "rows parameters"]) -> slice:
        """Append rows; return where they are."""
        self.rows.append(values)
        start, self.length = self.length, self.length + len(values)
        return slice(start, self.length)

    def bindings(self) -> BindingsArray:
        """The values of the parameters that the compiled circuit has kept."""
        source, compiled = self.compiled.source.circuit, self.compiled.circuit
        kept = set(compiled.parameters)
        columns = [i for i, parameter in enumerate(source.parameters) if parameter in kept]
        if not columns:
            return BindingsArray(shape=(self.length,))
        names = tuple(source.parameters[i] for i in columns)
        return BindingsArray({names: np.concatenate(self.rows)[:, columns]})

    def for_sampler(self) -> tuple:
        """The circuit, its parameters and the number of shots."""
        return (self.compiled.circuit, self.bindings(), self.setting)

    def for_estimator(self) -> tuple:
        """The circuit, its observables against its parameters, and the precision."""
        mapped = [[self.compiled.on_qubits(observable)] for observable in self.observables]
        return (self.compiled.circuit, mapped, self.bindings(), self.setting)


Reader = Callable[[Sequence[PubResult], Sequence[PubResult]], Any]
"""From the sampler's and the estimator's results of all PUBs to the result of one tape."""


@dataclass(frozen=True)
class Packed:
    """The PUBs of a batch of tapes.

    Args:
        sampler_pubs: what the sampler runs.
        estimator_pubs: what the estimator runs.
        readers: for each tape, how its result follows from theirs.
        executions: how many circuits that is, one for each row of parameters.
    """

    sampler_pubs: tuple[tuple, ...]
    estimator_pubs: tuple[tuple, ...]
    readers: tuple[Reader, ...]
    executions: int

    def read(self, sampled: Sequence[PubResult], estimated: Sequence[PubResult]) -> tuple[Any, ...]:
        """The results of the tapes, in PennyLane's shapes."""
        return tuple(reader(sampled, estimated) for reader in self.readers)


def pack(
    tapes: Sequence[QuantumScript], wires: Wires | None, compiler: Compiler, use_estimator: bool
) -> Packed:
    """Pack tapes that preprocessing has split into parts for one primitive and one basis.

    Args:
        tapes: the tapes.
        wires: the device's, whose order the qubits have; None for each tape's own.
        compiler: compiles the circuits.
        use_estimator: whether there is an estimator.
    """
    packer = _Packer(wires, compiler)
    readers = [
        packer.estimate(tape) if use_estimator and goes_to_estimator(tape) else packer.sample(tape)
        for tape in tapes
    ]
    sampler, estimator = packer.sampler.values(), packer.estimator.values()
    return Packed(
        tuple(pub.for_sampler() for pub in sampler),
        tuple(pub.for_estimator() for pub in estimator),
        tuple(readers),
        sum(pub.length for pub in (*sampler, *estimator)),
    )


def qubit_order(tape: QuantumScript, wires: Wires | None) -> list[Hashable]:
    """The wires of a tape in the order of the qubits."""
    if wires is None:
        return list(tape.wires)
    used = set(tape.wires)
    return [wire for wire in wires if wire in used] + [w for w in tape.wires if w not in wires]


class _Packer:
    """Collects PUBs by structure."""

    def __init__(self, wires: Wires | None, compiler: Compiler) -> None:
        self.wires = wires
        self.compiler = compiler
        self.sampler: dict[Hashable, _Pub] = {}
        self.estimator: dict[Hashable, _Pub] = {}

    # --- the estimator ----------------------------------------------------------------------------

    def estimate(self, tape: QuantumScript) -> Reader:
        order = qubit_order(tape, self.wires)
        sentences = _observables(tape.measurements)
        circuit = (structure_key(tape, order), len(order))
        compiled = self.compiler.compiled(circuit, partial(parametrise, tape, order))
        values = compiled.source.values(tape)
        observables = tuple(_operator(sentence, order) for sentence in sentences)
        names = tuple(_observable_key(observable) for observable in observables)
        batched = tape.batch_size is not None
        copies = []
        for shots in tape.shots if tape.shots else (None,):
            precision = 0.0 if shots is None else shots**-0.5
            alone = None if values.shape[1] else len(self.estimator)
            key = (circuit, names, precision, alone)
            pub = self.estimator.setdefault(key, _Pub(compiled, precision, observables))
            copies.append((list(self.estimator).index(key), pub.add(values)))

        def read(_: Sequence[PubResult], results: Sequence[PubResult]) -> Any:
            parts = []
            for number, rows in copies:
                means = np.asarray(results[number].data.evs, dtype=float)
                means = means.reshape(len(observables), -1)[:, rows]
                own = _from_means(tape.measurements, means if batched else means[:, 0])
                parts.append(own[0] if len(own) == 1 else tuple(own))
            return tuple(parts) if tape.shots.has_partitioned_shots else parts[0]

        return read

    # --- the sampler ------------------------------------------------------------------------------

    def sample(self, tape: QuantumScript) -> Reader:
        if isinstance(tape.measurements[0], Shadow):
            return self._shadow(tape)
        order = qubit_order(tape, self.wires)
        measured = _measured_wires(tape, order)
        rotated = into_eigenbasis(tape)
        number, rows, compiled = self._add(rotated, order, measured, tape.shots.total_shots)
        inside = len(compiled.source.postselect)
        labels = Wires([*measured, *(_inner_label(i) for i in range(inside))])
        processes = _on_inner_labels(tape)
        batched = tape.batch_size is not None

        def read(results: Sequence[PubResult], _: Sequence[PubResult]) -> Any:
            bits = _bits(results[number], rows, len(measured), inside)
            parts = []
            for low, high in tape.shots.bins():
                chosen = _postselected(bits[:, low:high], compiled.source.postselect)
                parts.append(_results(processes, chosen, labels, batched))
            return tuple(parts) if tape.shots.has_partitioned_shots else parts[0]

        return read

    def _shadow(self, tape: QuantumScript) -> Reader:
        """One shot in each of the bases that the process's seed gives; a row for each."""
        (process,) = tape.measurements
        order = qubit_order(tape, self.wires)
        wires = list(process.wires) or order
        copies = []
        for shots in tape.shots:
            # PennyLane draws the recipes so: equal seeds must give equal recipes on every device.
            recipes = np.random.RandomState(process.seed).randint(0, 3, size=(shots, len(wires)))
            turned = tape.copy(operations=[*tape.operations, *_turns(recipes, wires)])
            number, rows, _ = self._add(turned, order, wires, 1)
            copies.append((number, rows, recipes))

        def read(results: Sequence[PubResult], _: Sequence[PubResult]) -> Any:
            parts = []
            for number, rows, recipes in copies:
                bits = _bits(results[number], rows, len(wires), 0)[:, 0].astype(np.uint8)
                if isinstance(process, ShadowExpvalMP):
                    parts.append(shadow_expectation(process, bits, recipes))
                else:
                    parts.append(np.stack([bits, recipes.astype(np.uint8)]))
            return tuple(parts) if tape.shots.has_partitioned_shots else parts[0]

        return read

    def _add(
        self, tape: QuantumScript, order: list[Hashable], measured: list[Hashable], shots: int
    ) -> tuple[int, slice, Compiled]:
        """Add a tape's rows to the PUB of its structure; return the PUB's number and the rows."""
        circuit = (structure_key(tape, order), tuple(order.index(wire) for wire in measured))
        compiled = self.compiler.compiled(circuit, partial(_measuring, tape, order, measured))
        values = compiled.source.values(tape)
        # Rows without parameters are all alike, which not every primitive understands.
        alone = None if values.shape[1] else len(self.sampler)
        key = (circuit, shots, alone)
        pub = self.sampler.setdefault(key, _Pub(compiled, shots))
        return list(self.sampler).index(key), pub.add(values), compiled


# --- observables ----------------------------------------------------------------------------------


def _observables(processes: Sequence[MeasurementProcess]) -> list[PauliSentence]:
    """What is estimated: each observable, and for a variance its square, too."""
    sentences = []
    for process in processes:
        sentence = process.obs.pauli_rep
        sentences.append(sentence)
        if isinstance(process, VarianceMP):
            sentences.append(sentence @ sentence)
    return sentences


def _from_means(
    processes: Sequence[MeasurementProcess], means: Float[np.ndarray, "observables *batch"]
) -> list[Any]:
    """The results of measurement processes from the means of `_observables`."""
    remaining = iter(means)
    results = []
    for process in processes:
        mean = next(remaining)
        if isinstance(process, VarianceMP):
            mean = next(remaining) - mean**2
        results.append(mean[()])
    return results


def _operator(sentence: PauliSentence, order: list[Hashable]) -> SparsePauliOp:
    terms = []
    for word, coefficient in sentence.items():
        letters = "".join(word.values())
        number = complex(qml.math.toarray(coefficient))
        terms.append((letters, [order.index(wire) for wire in word], number))
    if not terms:
        terms = [("", [], 0.0)]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=len(order))


def _observable_key(observable: SparsePauliOp) -> Hashable:
    return (tuple(observable.paulis.to_labels()), observable.coeffs.tobytes())


# --- bases ----------------------------------------------------------------------------------------


def into_eigenbasis(tape: QuantumScript) -> QuantumScript:
    """A tape that turns the eigenbases of its commuting observables into the computational one."""
    return tape.copy(operations=[*tape.operations, *_rotations(tape.measurements)])


def _rotations(processes: Sequence[MeasurementProcess]) -> list[Operator]:
    letters: dict[Hashable, int] = {}
    gates: list[Operator] = []
    seen: set[Hashable] = set()
    for process in processes:
        if process.obs is None:
            continue
        if is_product_of_letters(process.obs):
            letters |= word_letters(process.obs)
        elif process.obs.hash not in seen:
            seen.add(process.obs.hash)
            gates.extend(process.obs.diagonalizing_gates())
    for wire, letter in letters.items():
        observable = (qml.I, qml.X, qml.Y, qml.Z)[letter](wire)
        gates.extend(observable.diagonalizing_gates())
    return gates


_TURNS = np.array([[-np.pi / 2, 0, 0], [-np.pi / 2, 0, -np.pi / 2], [0, 0, 0]])
"""The angles of the U3 that turns X, Y and Z into Z."""


def _turns(recipes: np.ndarray, wires: Sequence[Hashable]) -> list[Operator]:
    return [qml.U3(*_TURNS[column].T, wires=w) for column, w in zip(recipes.T, wires, strict=True)]


# --- samples --------------------------------------------------------------------------------------


def _measured_wires(tape: QuantumScript, order: list[Hashable]) -> list[Hashable]:
    """The wires that a tape's measurements read; all of them where one names none."""
    read: set[Hashable] = set()
    inside = any(isinstance(op, MidMeasure) for op in tape.operations)
    for process in tape.measurements:
        # Deferred, an outcome is read from a wire like any other.
        if process.mv is None or not inside:
            read |= set(process.wires) or set(order)
    return [wire for wire in order if wire in read]


def _measuring(
    tape: QuantumScript, order: list[Hashable], measured: list[Hashable]
) -> Parametrised:
    """A tape's circuit with its terminal measurements."""
    ready = parametrise(tape, order)
    circuit = ready.circuit
    if measured:
        register = ClassicalRegister(len(measured), MEASURED)
        circuit.add_register(register)
        circuit.measure([order.index(wire) for wire in measured], register)
    return ready


def _bits(
    result: PubResult, rows: slice, measured: int, inside: int
) -> Bool[np.ndarray, "rows shots bits"]:
    """The measured wires' bits in order, and then those of the mid-circuit measurements."""
    registers = [
        result.data[name].to_bool_array(order="little")
        for name, size in ((MEASURED, measured), (INSIDE, inside))
        if size
    ]
    bits = np.concatenate(registers, axis=-1)
    return bits.reshape(-1, *bits.shape[-2:])[rows]


def _postselected(
    bits: Bool[np.ndarray, "rows shots bits"], postselect: Sequence[int | None]
) -> list[Bool[np.ndarray, "_ bits"]]:
    """For each row the shots in which the mid-circuit measurements gave what was asked for."""
    start = bits.shape[-1] - len(postselect)
    keep = np.ones(bits.shape[:-1], dtype=bool)
    for i, outcome in enumerate(postselect):
        if outcome is not None:
            keep &= bits[..., start + i] == bool(outcome)
    return [row[own] for row, own in zip(bits, keep, strict=True)]


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


# --- mid-circuit measurements ---------------------------------------------------------------------


def _inner_label(number: int) -> str:
    """The label under which a mid-circuit measurement's bits are read."""
    return f"mid-circuit measurement {number}"


def _on_inner_labels(tape: QuantumScript) -> list[MeasurementProcess]:
    """The measurement processes, those of mid-circuit outcomes as of wires of their own."""
    inside = [op for op in tape.operations if isinstance(op, MidMeasure)]
    label = {op.meas_uid: _inner_label(i) for i, op in enumerate(inside)}

    def moved(value: qml.ops.MeasurementValue) -> qml.ops.MeasurementValue:
        measurements = [
            MidMeasure(Wires([label[m.meas_uid]]), meas_uid=m.meas_uid) for m in value.measurements
        ]
        return qml.ops.MeasurementValue(measurements, value.processing_fn)

    processes = []
    for process in tape.measurements:
        if process.mv is None or not inside:
            processes.append(process)
            continue
        value = process.mv
        own = [moved(v) for v in value] if isinstance(value, (list, tuple)) else moved(value)
        extra = {"all_outcomes": process.all_outcomes} if hasattr(process, "all_outcomes") else {}
        kind: Any = type(process)
        processes.append(kind(obs=own, **extra))
    return processes
