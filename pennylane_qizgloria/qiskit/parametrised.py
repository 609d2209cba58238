"""One parametrised Qiskit circuit for all tapes of one structure.

A device calls `writing.expand`, keeps what `parametrise` gives under `structure_key`, and gets the
parameter values of each tape from `Parametrised.values`. Wires become qubits as in `circuits`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

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

from .conditions import truth_table
from .gates import has_twin
from .writing import WRITTEN, Writer, data_of, midcircuit, to_array

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
    place = {wire: i for i, wire in enumerate(wires)}
    clbit = {op.meas_uid: i for i, op in enumerate(midcircuit(tape.operations))}
    chosen = set(_symbolic(tape.operations, symbols))
    entries = []
    start = 0
    for op in tape.operations:
        data = [
            None if i in chosen else _value_key(value)
            for i, value in enumerate(data_of(op), start=start)
        ]
        start += len(op.data)
        if not isinstance(op, qml.GlobalPhase | qml.Snapshot):
            qubits = tuple(place[wire] for wire in op.wires)
            entries.append((_kind(op, clbit), qubits, tuple(data)))
    return (len(place), tuple(entries))


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
        columns = [np.asarray(to_array(data[i][1]), dtype=float) for i in self.symbols]
        batch = tape.batch_size or 1
        values = np.empty((batch, len(columns)))
        for i, column in enumerate(columns):
            values[:, i] = column
        if not np.isfinite(values).all():
            wrong = int(np.flatnonzero(~np.isfinite(values).all(0))[0])
            op = data[self.symbols[wrong]][0]
            raise ValueError(
                f"{op.name}({columns[wrong]}) on wires {op.wires.tolist()}: "
                "the parameters of a gate must be finite."
            )
        return values


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
        base = op.base if isinstance(op, Conditional) else op
        if not isinstance(base, WRITTEN) and has_twin(base):
            for i, axes in enumerate(_leaf(base).ndim_params):
                if axes == 0 and (symbols is None or start + i in symbols):
                    yield start + i
        start += len(op.data)


def _leaf(op: Operator) -> Operator:
    while isinstance(op, SymbolicOp):
        op = op.base
    return op


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
    if isinstance(op, WRITTEN) or has_twin(op):
        return (type(op),)
    # Written by its matrix, which may depend on more than its parameters.
    return (type(op), _value_key(op.matrix()))
