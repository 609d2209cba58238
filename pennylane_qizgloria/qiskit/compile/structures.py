"""One parametrised Qiskit circuit for all tapes of one structure.

A `TapeReader` separates a tape into its structure, a hashable key, and the values of its angles;
`parametrise` makes the circuit of the structure, to which any of these values can be bound. Wire i
of the order is qubit i. Tapes come decomposed, by `circuit_builder.expand`; nothing is transpiled.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Float
from pennylane.operation import Operator
from pennylane.ops import MidMeasure
from pennylane.ops.op_math import Conditional, Controlled, SymbolicOp
from pennylane.tape import QuantumScript
from pennylane.typing import TensorLike
from pennylane.wires import Wires
from qiskit.circuit import ClassicalRegister, ParameterExpression, ParameterVector, QuantumCircuit
from torch import Tensor

from ...lowering.operations.closed_forms import innermost
from ...lowering.operations.delay import Delay
from ...lowering.parameters import described, without_imaginary_part
from ..convert.channels import is_channel, kraus_of
from ..convert.circuit_builder import (
    NOT_GATES,
    CircuitBuilder,
    WireOrder,
    midcircuit_measurements,
    parameters_of,
    to_array,
)
from ..convert.classical_expr import truth_table
from ..convert.gates import has_equivalent

TERMINAL_REGISTER = "meas"
"""The classical register of the terminal measurements."""


def structure_of(tape: QuantumScript, wires: WireOrder) -> tuple[Hashable, list[Any]]:
    """A tape's structure, see `TapeReader`, and its angles as they are, of any interface.

    Args:
        tape: one that `expand` gave, without mid-circuit measurements. Only its operations count.
        wires: wire ``wires[i]`` becomes qubit i.

    Raises:
        ValueError: if a parameter that is no angle is to be trained: it is compiled by its value.
    """
    keys, angles = [], []
    for op in tape.operations:
        own, data = _angles(op), parameters_of(op)
        if not isinstance(op, qml.GlobalPhase) and any(
            _is_trained(value) for i, value in enumerate(data) if i not in own
        ):
            raise ValueError(
                f"{op.name} on wires {op.wires.tolist()} is compiled by its numbers, which have no "
                "derivative: angles of gates have. Write it as gates, or detach its parameters."
            )
        keys.append(_key(op, {}, own))
        angles += [data[i] for i in own]
    return _structure(keys, wires), angles


def _is_trained(value: Any) -> bool:
    """Whether a derivative by a parameter is asked for."""
    if isinstance(value, Tensor):
        return value.requires_grad and torch.is_grad_enabled()
    if qml.math.get_interface(value) == "jax":
        # A tracer: outside of jit it has a value, and would lose its derivative.
        return qml.math.requires_grad(value)
    return type(value).__name__ == "ArrayBox"


class TapeReader:
    """Reads tapes, and each operation that they share once: those of a gradient share most."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Operator, _OperationKey, AngleValues]] = {}

    def read(
        self, tape: QuantumScript, wires: WireOrder
    ) -> tuple[Hashable, Float[np.ndarray, "batch parameters"]]:
        """A tape's structure and the values of its circuit's parameters.

        Args:
            tape: one that `expand` gave. Only its operations count.
            wires: wire ``wires[i]`` becomes qubit i.

        Returns:
            The structure: kinds of operations, qubits, controls, conditions and matrices by value,
            without the angles of gates, and without whether these are broadcast. Two tapes of equal
            structure have the same circuit. And the values of the parameters in the order of
            ``circuit.parameters``: a row for each element of the tape's batch, or one row.

        Raises:
            ValueError: if a value is not finite, naming the operation.

        >>> reader = TapeReader()
        >>> one, _ = reader.read(qml.tape.QuantumScript([qml.RX(0.3, 0)]), wires=[0])
        >>> two, values = reader.read(qml.tape.QuantumScript([qml.RX([0.1, 0.2], 0)]), wires=[0])
        >>> one == two
        True
        >>> values
        array([[0.1],
               [0.2]])
        """
        clbit = {op.meas_uid: i for i, op in enumerate(midcircuit_measurements(tape.operations))}
        keys: list[_OperationKey] = []
        columns: list[float | np.ndarray] = []
        for op in tape.operations:
            _, key, values = self._known.get(id(op)) or self._look_at(op, clbit)
            keys.append(key)
            columns.extend(values)
        return _structure(keys, wires), _stacked(columns, tape.batch_size)

    def _look_at(
        self, op: Operator, clbit: Mapping[str, int]
    ) -> tuple[Operator, _OperationKey, AngleValues]:
        angles, data = _angles(op), parameters_of(op)
        # The operation is stored with the rest, so that no other one can get its id.
        found = (op, _key(op, clbit, angles), tuple(_column(op, data[i]) for i in angles))
        if not isinstance(op, MidMeasure | Conditional):
            # What those are depends on the measurements before them.
            self._known[id(op)] = found
        return found


@dataclass(frozen=True)
class ParametrisedCircuit:
    """A circuit for all tapes of one structure.

    Args:
        circuit: with one parameter for each angle of a gate, and the mid-circuit measurements in
            the register ``mcm``. Terminal measurements and global phases are left out.
        postselect: the outcome to postselect of each mid-circuit measurement, or None.
    """

    circuit: QuantumCircuit
    postselect: tuple[int | None, ...]


def parametrise(tape: QuantumScript, wires: WireOrder) -> ParametrisedCircuit:
    """One circuit for all tapes of one structure, see `TapeReader`.

    Args:
        tape: one that `expand` gave. Only its operations count.
        wires: wire ``wires[i]`` becomes qubit i.

    Raises:
        ValueError: if a matrix or another parameter that is no angle of a gate is broadcast;
            expand such a tape first (``qml.transforms.broadcast_expand``).

    >>> tape = qml.tape.QuantumScript([qml.RX(0.1, "a"), qml.RZ([0.2, 0.3], "b")])
    >>> parametrise(tape, wires=["a", "b"]).circuit.num_parameters
    2
    """
    operations = tape.operations
    angles = [_angles(op) for op in operations]
    symbols = iter(ParameterVector("p", sum(map(len, angles))))
    builder = CircuitBuilder.create(Wires(wires), operations, with_phase=False)
    bound = []
    for op, own in zip(operations, angles, strict=True):
        data = [next(symbols) if i in own else value for i, value in enumerate(parameters_of(op))]
        bound.append((op, data))
    builder.append_all(bound)
    postselect = tuple(op.postselect for op in midcircuit_measurements(operations))
    return ParametrisedCircuit(builder.circuit, postselect)


def measured_circuit(
    tape: QuantumScript, wires: WireOrder, qubits: Sequence[int]
) -> ParametrisedCircuit:
    """A tape's circuit, see `parametrise`, with terminal measurements of some qubits.

    Args:
        tape: one that `expand` gave.
        wires: wire ``wires[i]`` becomes qubit i.
        qubits: qubit ``qubits[i]`` is measured into bit i of the register `TERMINAL_REGISTER`.
    """
    parametrised = parametrise(tape, wires)
    if qubits:
        register = ClassicalRegister(len(qubits), TERMINAL_REGISTER)
        parametrised.circuit.add_register(register)
        parametrised.circuit.measure(qubits, register)
    return parametrised


def _angles(op: Operator) -> tuple[int, ...]:
    """Which of an operation's parameters are angles of a gate, and so symbols of the circuit."""
    base = op.base if isinstance(op, Conditional) else op
    if not op.data or isinstance(base, NOT_GATES) or is_channel(base) or not has_equivalent(base):
        return ()
    return tuple(i for i, axes in enumerate(innermost(base).ndim_params) if axes == 0)


@dataclass(frozen=True)
class _OperationKey:
    """What two operations have in common that are the same instruction of a circuit.

    Args:
        kind: the operation without its wires and parameters; None if it leaves no trace in a
            circuit.
        wires: its wires.
        constants: its parameters by value, and None in place of angles.
    """

    kind: Hashable
    wires: tuple[Hashable, ...]
    constants: tuple[Hashable, ...]


AngleValues = tuple[float | np.ndarray, ...]
"""The values of an operation's angles: numbers, or an array for the elements of a batch."""


def _key(op: Operator, clbit: Mapping[str, int], angles: Collection[int]) -> _OperationKey:
    if isinstance(op, qml.GlobalPhase | qml.Snapshot):
        return _OperationKey(None, (), ())
    data = enumerate(parameters_of(op))
    constants = tuple(None if i in angles else _value_key(value) for i, value in data)
    return _OperationKey(_kind(op, clbit), tuple(op.wires), constants)


def _structure(keys: Sequence[_OperationKey], wires: WireOrder) -> Hashable:
    """The structure of a tape, from the keys of its operations."""
    qubit = {wire: i for i, wire in enumerate(wires)}
    in_circuit = (key for key in keys if key.kind is not None)
    own = tuple((k.kind, tuple([qubit[w] for w in k.wires]), k.constants) for k in in_circuit)
    return (len(qubit), own)


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
    if isinstance(op, SymbolicOp) and has_equivalent(op):
        return (type(op), _kind(op.base, clbit))
    if is_channel(op):
        # What a user's own channel depends on besides its parameters is not known.
        return (type(op), _value_key(np.stack(kraus_of(op))))
    if isinstance(op, Delay | qml.Barrier):
        return (type(op), *op.hyperparameters.values())
    if isinstance(op, NOT_GATES) or has_equivalent(op):
        return (type(op),)
    # Written by its matrix, which may depend on more than its parameters.
    return (type(op), _value_key(op.matrix()))
