"""One parametrised Qiskit circuit for all tapes of one structure.

A device calls `writing.expand`, keeps what `parametrise` gives under `structure_key`, and gets that
key and the parameter values of each tape from a `TapeReader`. Wires become qubits as in `circuits`.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Float
from pennylane.operation import Operator
from pennylane.ops import MidMeasure
from pennylane.ops.op_math import Conditional, Controlled, SymbolicOp
from pennylane.tape import QuantumScript
from pennylane.typing import TensorLike
from pennylane.wires import Wires
from qiskit.circuit import ParameterExpression, ParameterVector, QuantumCircuit

from ...lowering.parameters import described, without_imaginary_part
from ..convert.channels import is_channel, kraus_of
from ..convert.circuit_builder import WRITTEN, Writer, data_of, midcircuit, to_array
from ..convert.classical_expr import truth_table
from ..convert.gates import has_twin

Order = Sequence[Hashable]
"""Wire labels in the order of the qubits."""


def structure_key(
    tape: QuantumScript, wires: Order, symbols: Collection[int] | None = None
) -> Hashable:
    """What two tapes have in common if `parametrise` gives them the same circuit.

    Args:
        tape: one that `expand` gave. Only its operations count.
        wires: wire ``wires[i]`` becomes qubit i.
        symbols: as for `parametrise`.

    Returns:
        A hashable value: kinds of operations, qubits, controls, conditions and matrices by value,
        but not the scalar parameters that become symbols, nor whether they are broadcast.

    >>> key = lambda *ops: structure_key(qml.tape.QuantumScript(ops), wires=[0, 1])
    >>> key(qml.RX(0.1, 0), qml.CNOT([0, 1])) == key(qml.RX([2.0, 3.0], 0), qml.CNOT([0, 1]))
    True
    >>> key(qml.RX(0.1, 0)) == key(qml.RX(0.1, 1))
    False
    """
    clbit = _clbits(tape)
    entries = []
    start = 0
    for op in tape.operations:
        chosen = [i for i in _scalars(op) if symbols is None or start + i in symbols]
        entries.append(_entry(op, clbit, chosen))
        start += len(op.data)
    return _joined(entries, wires)


class TapeReader:
    """Reads tapes, and each operation that they share once: those of a gradient share most."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Operator, _Entry, Columns]] = {}

    def read(
        self, tape: QuantumScript, wires: Order
    ) -> tuple[Hashable, Float[np.ndarray, "batch parameters"]]:
        """A tape's `structure_key`, and its `Parametrised.values`.

        Args:
            tape: one that `expand` gave.
            wires: wire ``wires[i]`` becomes qubit i.

        Raises:
            ValueError: if a value is not finite, naming the operation.

        >>> TapeReader().read(qml.tape.QuantumScript([qml.RX([0.1, 0.2], 0)]), wires=[0])[1]
        array([[0.1],
               [0.2]])
        """
        clbit = _clbits(tape)
        entries: list[_Entry] = []
        columns: list[float | np.ndarray] = []
        for op in tape.operations:
            _, entry, own = self._known.get(id(op)) or self._look_at(op, clbit)
            entries.append(entry)
            columns.extend(own)
        return _joined(entries, wires), _stacked(columns, tape.batch_size)

    def _look_at(self, op: Operator, clbit: Mapping[str, int]) -> tuple[Operator, _Entry, Columns]:
        symbols, data = tuple(_scalars(op)), data_of(op)
        # The operation is kept with the rest, so that no other one can get its id.
        found = (op, _entry(op, clbit, symbols), tuple(_column(op, data[i]) for i in symbols))
        if not isinstance(op, MidMeasure | Conditional):
            # What those are depends on the measurements before them.
            self._known[id(op)] = found
        return found


@dataclass(frozen=True)
class Parametrised:
    """A circuit for all tapes of one structure.

    Args:
        circuit: with one parameter for each symbol, and the mid-circuit measurements in the
            register ``mcm``. Terminal measurements are left to the caller, global phases left out.
        symbols: which parameters of a tape's operations (by their position among them) the
            circuit's parameters stand for, in order.
        postselect: the outcome to postselect of each mid-circuit measurement, or None.
    """

    circuit: QuantumCircuit
    symbols: tuple[int, ...]
    postselect: tuple[int | None, ...]

    def values(self, tape: QuantumScript) -> Float[np.ndarray, "batch parameters"]:
        """The values of the circuit's parameters, in the order of ``circuit.parameters``.

        Args:
            tape: one of the same structure.

        Returns:
            One row for each element of the tape's batch; a single row if it is not broadcast.

        Raises:
            ValueError: if a value is not finite, naming the operation.
        """
        data = [(op, value) for op in tape.operations for value in data_of(op)]
        if self.symbols and self.symbols[-1] >= len(data):
            raise ValueError(
                f"The tape has {len(data)} parameters, fewer than the circuit was made for: "
                "its structure is another."
            )
        return _stacked([_column(*data[i]) for i in self.symbols], tape.batch_size)


def parametrise(
    tape: QuantumScript, wires: Order, symbols: Collection[int] | None = None
) -> Parametrised:
    """One circuit for all tapes that have the same `structure_key`.

    Args:
        tape: one that `expand` gave. Only its operations count.
        wires: wire ``wires[i]`` becomes qubit i.
        symbols: the parameters that stay symbolic, counted as in ``tape.trainable_params``; by
            default all scalar parameters of gates. Others are written by value.

    Raises:
        ValueError: if a matrix or another parameter that is written by value is broadcast; expand
            such a tape first (``qml.transforms.broadcast_expand``).

    >>> tape = qml.tape.QuantumScript([qml.RX(0.1, "a"), qml.RZ([0.2, 0.3], "b")])
    >>> ready = parametrise(tape, wires=["a", "b"])
    >>> ready.circuit.num_parameters
    2
    >>> ready.values(tape)
    array([[0.1, 0.2],
           [0.1, 0.3]])
    """
    operations = tape.operations
    chosen = tuple(_symbolic(operations, symbols))
    vector = dict(zip(chosen, ParameterVector("p", len(chosen)), strict=True))
    writer = Writer.create(Wires(wires), operations, with_phase=False)
    jobs = []
    start = 0
    for op in operations:
        data = [vector.get(start + i, value) for i, value in enumerate(data_of(op))]
        start += len(op.data)
        jobs.append((op, data))
    writer.write(jobs)
    postselect = tuple(op.postselect for op in midcircuit(operations))
    return Parametrised(writer.circuit, chosen, postselect)


def _symbolic(operations: Sequence[Operator], symbols: Collection[int] | None) -> Iterator[int]:
    """The positions of the parameters that become symbols."""
    start = 0
    for op in operations:
        for i in _scalars(op):
            if symbols is None or start + i in symbols:
                yield start + i
        start += len(op.data)


def _scalars(op: Operator) -> Iterator[int]:
    """Which of an operation's parameters are scalars of a gate."""
    base = op.base if isinstance(op, Conditional) else op
    if op.data and not isinstance(base, WRITTEN) and not is_channel(base) and has_twin(base):
        for i, axes in enumerate(_leaf(base).ndim_params):
            if axes == 0:
                yield i


def _leaf(op: Operator) -> Operator:
    while isinstance(op, SymbolicOp):
        op = op.base
    return op


@dataclass(frozen=True)
class _Entry:
    """What there is to know of an operation.

    Args:
        kind: the operation without its wires and parameters; None if it leaves no trace in a
            circuit.
        wires: its wires.
        fixed: its parameters by value, and None in place of symbols.
    """

    kind: Hashable
    wires: tuple[Hashable, ...]
    fixed: tuple[Hashable, ...]


Columns = tuple[float | np.ndarray, ...]
"""The values of an operation's symbols."""


def _entry(op: Operator, clbit: Mapping[str, int], symbols: Collection[int]) -> _Entry:
    if isinstance(op, qml.GlobalPhase | qml.Snapshot):
        return _Entry(None, (), ())
    data = enumerate(data_of(op))
    fixed = tuple(None if i in symbols else _value_key(value) for i, value in data)
    return _Entry(_kind(op, clbit), tuple(op.wires), fixed)


def _joined(entries: Sequence[_Entry], wires: Order) -> Hashable:
    """The structure of a tape, from that of its operations."""
    place = {wire: i for i, wire in enumerate(wires)}
    kept = (entry for entry in entries if entry.kind is not None)
    own = tuple((e.kind, tuple([place[wire] for wire in e.wires]), e.fixed) for e in kept)
    return (len(place), own)


def _clbits(tape: QuantumScript) -> dict[str, int]:
    """The bits of the mid-circuit measurements."""
    return {op.meas_uid: i for i, op in enumerate(midcircuit(tape.operations))}


def _column(op: Operator, value: Any) -> float | np.ndarray:
    """The values of one parameter: a number, or an array with one for each element of a batch."""
    try:
        column = to_array(without_imaginary_part(value))
    except ValueError as error:
        raise ValueError(f"{described(op)}: {error}") from error
    if np.ndim(column) == 0:
        column = float(column)
    if not (math.isfinite(column) if isinstance(column, float) else np.isfinite(column).all()):
        raise ValueError(
            f"{op.name}({column}) on wires {op.wires.tolist()}: "
            "the parameters of a gate must be finite."
        )
    return column


def _stacked(
    columns: Sequence[float | np.ndarray], batch_size: int | None
) -> Float[np.ndarray, "batch parameters"]:
    if batch_size is None:
        return np.array(columns, dtype=float).reshape(1, len(columns))
    values = np.empty((batch_size, len(columns)))
    for i, column in enumerate(columns):
        values[:, i] = column
    return values


def _value_key(value: TensorLike) -> Hashable:
    if isinstance(value, ParameterExpression):
        return value
    array = np.asarray(value.toarray() if hasattr(value, "toarray") else to_array(value))
    return (array.shape, array.dtype.str, array.tobytes())


def _kind(op: Operator, clbit: Mapping[str, int]) -> Hashable:
    """An operation without its wires and parameters."""
    if isinstance(op, Conditional):
        return (Conditional, truth_table(op.meas_val, clbit), _kind(op.base, clbit))
    if isinstance(op, MidMeasure):
        return (MidMeasure, op.reset, op.postselect)
    if isinstance(op, Controlled):
        return (type(op), tuple(map(bool, op.control_values)), _kind(op.base, clbit))
    if isinstance(op, SymbolicOp) and has_twin(op):
        return (type(op), _kind(op.base, clbit))
    if is_channel(op):
        # What a user's own channel depends on besides its parameters is not known.
        return (type(op), _value_key(np.stack(kraus_of(op))))
    if isinstance(op, WRITTEN) or has_twin(op):
        return (type(op),)
    # Written by its matrix, which may depend on more than its parameters.
    return (type(op), _value_key(op.matrix()))
