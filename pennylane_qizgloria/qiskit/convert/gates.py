"""The gates that PennyLane and Qiskit have in common, in both directions.

`gate_mapping` gives the Qiskit gate of a PennyLane operator, `operators` the PennyLane operators of
a Qiskit gate. `SAME` lists the gates that agree in parameters, qubits and global phase,
`_TO_QISKIT` and `_TO_PENNYLANE` hold the others. Controls (with control values) and adjoints of a
gate that has an equivalent have one too.

The first wire of a PennyLane operator is the most significant one in its matrix, the first qubit
of a Qiskit gate the least significant one. That matters only for gates given by a matrix, a
diagonal or a state, whose qubits are therefore listed in reverse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pennylane as qml
from pennylane.operation import Operator
from pennylane.ops.op_math import Adjoint, Controlled
from qiskit.circuit import ControlledGate, Gate, Instruction, Operation, ParameterExpression
from qiskit.circuit import library as lib

from ...tolerances import data_tolerance
from .channels import is_channel, kraus_instruction

SAME: dict[type[Operator], type[Gate]] = {
    qml.Identity: lib.IGate,
    qml.X: lib.XGate,
    qml.Y: lib.YGate,
    qml.Z: lib.ZGate,
    qml.Hadamard: lib.HGate,
    qml.S: lib.SGate,
    qml.T: lib.TGate,
    qml.SX: lib.SXGate,
    qml.RX: lib.RXGate,
    qml.RY: lib.RYGate,
    qml.RZ: lib.RZGate,
    qml.PhaseShift: lib.PhaseGate,
    qml.U1: lib.U1Gate,
    qml.U2: lib.U2Gate,
    qml.U3: lib.U3Gate,
    qml.CNOT: lib.CXGate,
    qml.CY: lib.CYGate,
    qml.CZ: lib.CZGate,
    qml.CH: lib.CHGate,
    qml.SWAP: lib.SwapGate,
    qml.ISWAP: lib.iSwapGate,
    qml.ECR: lib.ECRGate,
    qml.IsingXX: lib.RXXGate,
    qml.IsingYY: lib.RYYGate,
    qml.IsingZZ: lib.RZZGate,
    qml.CRX: lib.CRXGate,
    qml.CRY: lib.CRYGate,
    qml.CRZ: lib.CRZGate,
    qml.ControlledPhaseShift: lib.CPhaseGate,
    qml.Toffoli: lib.CCXGate,
    qml.CCZ: lib.CCZGate,
    qml.CSWAP: lib.CSwapGate,
}
"""Gates with the same parameters, the same order of qubits and the same global phase."""

_ADJOINTS: dict[type[Operator], type[Gate]] = {
    qml.S: lib.SdgGate,
    qml.T: lib.TdgGate,
    qml.SX: lib.SXdgGate,
}

Scalar: TypeAlias = float | ParameterExpression


@dataclass(frozen=True)
class GateMapping:
    """A Qiskit gate that does what a PennyLane operator does.

    Args:
        gate: Qiskit's.
        order: for each qubit of the gate, the position of its wire among the operator's wires.
        phase: the operator is ``exp(i phase)`` times the gate.
    """

    gate: Instruction
    order: tuple[int, ...]
    phase: Scalar = 0.0


# --- from PennyLane to Qiskit ---------------------------------------------------------------------


def has_equivalent(op: Operator) -> bool:
    """Whether `gate_mapping` knows a PennyLane operator; decompose it if not.

    >>> has_equivalent(qml.ctrl(qml.IsingXX(0.1, [0, 1]), [2, 3], control_values=[0, 1]))
    True
    >>> has_equivalent(qml.QFT([0, 1]))
    False
    """
    if type(op) in SAME:
        return len(op.wires) == type(op).num_wires or len(op.wires) == 1
    if is_channel(op):
        return True
    if isinstance(op, Adjoint | Controlled):
        has_inverse = type(op.base) not in _NO_INVERSE and not is_channel(op.base)
        return has_inverse and has_equivalent(op.base)
    if isinstance(op, qml.MultiRZ):
        return len(op.wires) <= 2
    return type(op) in _TO_QISKIT


def gate_mapping(op: Operator, parameters: Sequence[Any] | None = None) -> GateMapping:
    """The Qiskit gate of a PennyLane operator.

    Args:
        op: an operator that `has_equivalent`, or, failing that, that has a matrix.
        parameters: instead of ``op.data``. Scalars may be Qiskit parameters or expressions.

    Raises:
        ValueError: if there is no such gate, if a matrix is not unitary, a state not of norm 1, a
            channel does not preserve the trace, or a parameter is broadcast.

    >>> gate_mapping(qml.IsingXX(0.5, wires=[0, 1])).gate
    Instruction(name='rxx', num_qubits=2, num_clbits=0, params=[0.5])
    >>> gate_mapping(qml.ctrl(qml.RX(0.5, wires=1), 0, control_values=[0])).gate.name
    'crx_o0'
    """
    if is_channel(op):
        return _reversed(kraus_instruction(op), op)
    data = [qiskit_value(op, value) for value in (op.data if parameters is None else parameters)]
    return _gate_mapping(op, data)


def _gate_mapping(op: Operator, data: Sequence[Any]) -> GateMapping:
    if type(op) in SAME:
        return _forward(SAME[type(op)](*data), op)
    if type(op) in _TO_QISKIT and has_equivalent(op):
        return _TO_QISKIT[type(op)](op, *data)
    if isinstance(op, Adjoint) and type(op.base) in _ADJOINTS:
        return _forward(_ADJOINTS[type(op.base)](), op)
    if isinstance(op, Adjoint) and has_equivalent(op):
        base = _gate_mapping(op.base, data)
        return replace(base, gate=base.gate.inverse(), phase=-base.phase)
    if isinstance(op, Controlled) and has_equivalent(op):
        return _controlled(_gate_mapping(op.base, data), op.control_values)
    if op.has_matrix and not any(isinstance(value, ParameterExpression) for value in data):
        return _unitary(op, qml.math.toarray(op.matrix()))
    raise ValueError(
        f"{op.name} on wires {op.wires.tolist()} has no equivalent in Qiskit and no matrix of "
        "numbers. Decompose it into PennyLane's standard gates first."
    )


def qiskit_value(op: Operator, value: Any) -> Any:
    """A parameter as Qiskit takes it: a float, an expression, or an array of numbers."""
    value = unwrap_symbol(value)
    if isinstance(value, ParameterExpression):
        return value
    if hasattr(value, "toarray"):
        value = value.toarray()
    value = np.asarray(qml.math.to_numpy(value))
    if op.batch_size is not None:
        raise ValueError(
            f"{op.name} on wires {op.wires.tolist()} has broadcast parameters (a batch of "
            f"{op.batch_size}), but a Qiskit circuit holds one value each. Convert the circuits "
            "one by one (qml.transforms.broadcast_expand), or give Qiskit parameters and bind them."
        )
    if value.dtype == object:
        raise ValueError(
            f"{op.name} on wires {op.wires.tolist()} has an array of Qiskit parameters, but Qiskit "
            "takes them one by one, as the angles of gates."
        )
    return float(value) if value.ndim == 0 else value


def unwrap_symbol(value: Any) -> Any:
    """A parameter of Qiskit's that may be in an array of no axes, as numpy leaves it there."""
    boxed = isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype == object
    return value.item() if boxed else value


def _forward(gate: Instruction, op: Operator) -> GateMapping:
    return GateMapping(gate, tuple(range(len(op.wires))))


def _reversed(gate: Instruction, op: Operator) -> GateMapping:
    return GateMapping(gate, tuple(reversed(range(len(op.wires)))))


def _controlled(base: GateMapping, values: Sequence[bool]) -> GateMapping:
    """A gate with controls in front, which see its phase."""
    gate, values = base.gate, list(values)
    n = len(values)
    order = (*range(n), *(n + i for i in base.order))
    if not _is_zero(base.phase):
        # Only a UGate comes with a phase, and a CUGate can hold it.
        gate = lib.CUGate(*gate.params, base.phase, ctrl_state=int(values.pop()))
    if values:
        state = sum(int(value) << i for i, value in enumerate(values))
        gate = gate.control(len(values), ctrl_state=state, annotated=False)
    return GateMapping(gate, order)


def _is_zero(phase: Scalar) -> bool:
    return not isinstance(phase, ParameterExpression) and phase == 0


def _rot(op: Operator, phi: Scalar, theta: Scalar, omega: Scalar) -> GateMapping:
    return replace(_forward(lib.UGate(theta, omega, phi), op), phase=-(phi + omega) / 2)


def _multi_rz(op: Operator, theta: Scalar) -> GateMapping:
    return _forward((lib.RZGate if len(op.wires) == 1 else lib.RZZGate)(theta), op)


def _unitary(op: Operator, matrix: np.ndarray) -> GateMapping:
    """A matrix that is unitary but for rounding, made so."""
    left, singular, right = np.linalg.svd(matrix.astype(complex))
    deviation = float(np.abs(singular - 1).max())
    _check(op, deviation, matrix, "a unitary matrix, but has a singular value off 1")
    return _reversed(lib.UnitaryGate(left @ right), op)


def _diagonal(op: Operator, entries: np.ndarray) -> GateMapping:
    exact = entries.astype(complex)
    sizes = np.abs(exact)
    _check(op, float(np.abs(sizes - 1).max()), entries, "entries of size 1, but has one off")
    return _reversed(lib.DiagonalGate(list(exact / sizes)), op)


def _state(op: Operator, *_: Any) -> GateMapping:
    state = op.state_vector()
    dense = state.toarray() if hasattr(state, "toarray") else qml.math.toarray(state)
    vector = np.asarray(dense).reshape(-1)
    # Qiskit asks for the norm of a state in double precision, whatever that of its entries is.
    exact = vector.astype(complex)
    norm = float(np.linalg.norm(exact))
    _check(op, abs(norm - 1), vector, "a state of norm 1, but has one off")
    return _reversed(lib.StatePreparation(exact / norm), op)


def _check(op: Operator, deviation: float, data: np.ndarray, need: str) -> None:
    if not deviation < data_tolerance([data]):
        raise ValueError(f"{op.name} on wires {op.wires.tolist()} needs {need} by {deviation:.3g}.")


_TO_QISKIT: dict[type[Operator], Callable[..., GateMapping]] = {
    qml.Rot: _rot,
    qml.MultiRZ: _multi_rz,
    qml.IsingXY: lambda op, phi: _forward(lib.XXPlusYYGate(-phi), op),
    qml.SISWAP: lambda op: _forward(lib.XXPlusYYGate(-np.pi / 2), op),
    qml.SingleExcitation: lambda op, phi: _forward(lib.XXPlusYYGate(phi, -np.pi / 2), op),
    qml.QubitUnitary: _unitary,
    qml.DiagonalQubitUnitary: _diagonal,
    qml.StatePrep: _state,
}

_NO_INVERSE = {qml.StatePrep}
"""Operators that act on qubits in the state 0 only, so that they have no adjoint or controls."""


# --- from Qiskit to PennyLane ---------------------------------------------------------------------

Make = Callable[[Sequence[Any], Sequence[Any]], list[Operator]]
"""Operators from a gate's parameters and the wires of its qubits."""


def operators(gate: Operation) -> Make | None:
    """How to make the PennyLane operators that do what a Qiskit gate does.

    Args:
        gate: one of Qiskit's, all its controls being on 1.

    Returns:
        A function of the gate's parameters (of any interface, broadcast or not, or Qiskit's) and
        of a wire for each qubit, or None if PennyLane has no equivalent.

    >>> make = operators(lib.RXXGate(0.5))
    >>> make([0.5], ["a", "b"])
    [IsingXX(0.5, wires=['a', 'b'])]
    """
    if isinstance(gate, ControlledGate) and gate.ctrl_state != 2**gate.num_ctrl_qubits - 1:
        return None
    return _TO_PENNYLANE.get(getattr(gate, "base_class", type(gate)))


def amplitudes(data: Sequence[Any], wires: Sequence[Any]) -> list[Operator]:
    """The amplitudes of qiskit-machine-learning's ``raw_feature_vector``, made of norm 1."""
    widest = max(data, key=qml.math.ndim)
    entries = [value * qml.math.ones_like(widest) for value in data]
    norm = qml.math.sqrt(sum(entry**2 for entry in entries))
    unit = qml.math.stack([entry / norm for entry in entries], axis=-1)
    return [qml.StatePrep(unit, wires[::-1])]


def _same(kind: Any) -> Make:
    return lambda data, wires: [kind(*data, wires=wires)]


def _adjoint(kind: Any) -> Make:
    return lambda data, wires: [qml.adjoint(kind(wires=wires))]


def _r(data: Sequence[Any], wires: Sequence[Any]) -> list[Operator]:
    theta, phi = data
    return [qml.Rot(np.pi / 2 - phi, theta, phi - np.pi / 2, wires=wires)]


def _cu(data: Sequence[Any], wires: Sequence[Any]) -> list[Operator]:
    theta, phi, lam, gamma = data
    # U is Rot with a phase, which the control sees.
    shift = qml.PhaseShift(gamma + (phi + lam) / 2, wires=wires[0])
    return [shift, qml.CRot(lam, theta, phi, wires=wires)]


def _xx_plus_yy(data: Sequence[Any], wires: Sequence[Any]) -> list[Operator]:
    theta, beta = data
    first = wires[0]
    return [qml.RZ(beta, first), qml.IsingXY(-theta, wires), qml.RZ(-beta, first)]


def _xx_minus_yy(data: Sequence[Any], wires: Sequence[Any]) -> list[Operator]:
    theta, beta = data
    half = theta / 2
    rotation = [qml.IsingXX(half, wires), qml.IsingYY(-half, wires)]
    return [qml.RZ(-beta, wires[1]), *rotation, qml.RZ(beta, wires[1])]


_TO_PENNYLANE: dict[type, Make] = {
    **{gate: _same(kind) for kind, gate in SAME.items()},
    **{gate: _adjoint(kind) for kind, gate in _ADJOINTS.items()},
    lib.UGate: _same(qml.U3),
    lib.RGate: _r,
    lib.CUGate: _cu,
    lib.CU1Gate: _same(qml.ControlledPhaseShift),
    lib.CU3Gate: lambda data, wires: _cu([*data, 0.0], wires),
    lib.CSGate: lambda _, wires: [qml.ctrl(qml.S(wires[1]), wires[0])],
    lib.CSdgGate: lambda _, wires: [qml.ctrl(qml.adjoint(qml.S(wires[1])), wires[0])],
    lib.CSXGate: lambda _, wires: [qml.ctrl(qml.SX(wires[1]), wires[0])],
    lib.DCXGate: lambda _, wires: [qml.CNOT(wires), qml.CNOT(wires[::-1])],
    lib.RZXGate: lambda data, wires: [qml.PauliRot(data[0], "ZX", wires)],
    lib.XXPlusYYGate: _xx_plus_yy,
    lib.XXMinusYYGate: _xx_minus_yy,
    lib.GlobalPhaseGate: lambda data, _: [qml.GlobalPhase(-data[0])],
    lib.UnitaryGate: lambda data, wires: [qml.QubitUnitary(data[0], wires[::-1])],
    lib.DiagonalGate: lambda data, wires: [
        qml.DiagonalQubitUnitary(np.asarray(data, dtype=complex), wires[::-1])
    ],
    # The last Pauli is that of the first qubit.
    lib.PauliGate: lambda data, wires: [
        {"I": qml.Identity, "X": qml.X, "Y": qml.Y, "Z": qml.Z}[pauli](wire)
        for pauli, wire in zip(reversed(data[0]), wires, strict=True)
    ],
}
