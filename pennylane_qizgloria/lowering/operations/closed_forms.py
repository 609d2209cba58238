"""The gates and channels whose transfer matrices are closed forms of their parameters.

A gate is known by its kind, with what else determines it (a Pauli word, say), and by the adjoints,
powers and controls around it. That is its key; what follows from it is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any

import numpy as np
import pennylane as qml
import torch
from pennylane.operation import Channel, Operator, StatePrepBase
from pennylane.ops.op_math import Adjoint, Controlled, Pow

from ...pauli.caching import cached
from ...pauli.maps import channels
from ...pauli.maps.transfer import ClosedForm
from ...pauli.maps.unitaries import Factor, UnitaryForm

MAX_TRANSFER_WIRES = 3
"""The transfer matrix of an operation on more wires takes more than the operation in itself."""

MAX_CONTROLLED_WIRES = 8
"""Up to this width a controlled gate is applied as a matrix, which takes less time than to
decompose it; beyond it is decomposed."""

PHASES = {qml.GlobalPhase, qml.Identity}
"""Gates on any number of wires, none too, that have an effect under controls only."""

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Family:
    """A closed form, and which of an operator's parameters it takes, in order; None for all."""

    form: ClosedForm
    slots: tuple[int, ...] | None = None

    def scalars(self, op: Operator) -> Sequence[Any]:
        """The parameters of an operator in the order in which its closed form takes them."""
        return op.data if self.slots is None else [op.data[slot] for slot in self.slots]


@dataclass(frozen=True, eq=False)
class KnownGate:
    """A gate whose unitary is a product of exponentials.

    Args:
        unitary: the product.
        family: its transfer matrices; None where they would be too large.
    """

    unitary: UnitaryForm
    family: Family | None

    @property
    def is_native(self) -> bool:
        """Whether it is applied as it is, because that takes the least time."""
        wires = self.unitary.num_wires
        return self.family is not None or (
            bool(self.unitary.controls) and wires <= MAX_CONTROLLED_WIRES
        )


def known_gate(op: Operator) -> KnownGate | None:
    """The closed form of a gate, with adjoints, powers and controls around it; None if unknown."""
    key = _key(op)
    return None if key is None else _known(key)


def innermost(op: Operator) -> Operator:
    """An operator without the adjoints, powers and controls around it."""
    while isinstance(op, (Adjoint, Controlled, Pow)):
        op = op.base
    return op


# --- by kind --------------------------------------------------------------------------------------

CHANNELS: dict[type[Operator], ClosedForm] = {
    qml.AmplitudeDamping: channels.AMPLITUDE_DAMPING,
    qml.BitFlip: channels.BIT_FLIP,
    qml.DepolarizingChannel: channels.DEPOLARIZING,
    qml.GeneralizedAmplitudeDamping: channels.GENERALIZED_AMPLITUDE_DAMPING,
    qml.PhaseDamping: channels.PHASE_DAMPING,
    qml.PhaseFlip: channels.PHASE_FLIP,
    qml.ResetError: channels.RESET_ERROR,
    qml.ThermalRelaxationError: channels.THERMAL_RELAXATION,
}


@cache
def family_of_kind(kind: Any) -> Family | None:
    """The closed form of an operator whose type alone determines it, else None."""
    if kind in CHANNELS:
        return Family(CHANNELS[kind])
    known = _known((kind,)) if _is_fixed(kind) else None
    return None if known is None else known.family


# Products of gates, the first one first, each with the parameter that it takes.
_PRODUCTS: dict[Any, tuple[tuple[Any, int], ...]] = {
    qml.Rot: ((qml.RZ, 0), (qml.RY, 1), (qml.RZ, 2)),
    qml.CRot: ((qml.CRZ, 0), (qml.CRY, 1), (qml.CRZ, 2)),
    qml.U3: ((qml.PhaseShift, 2), (qml.RY, 0), (qml.PhaseShift, 1)),
}

# Gates that need more than their type to be known: what, as further arguments of theirs.
_ARGUMENTS: dict[type[Operator], Callable[[Operator], tuple[Hashable, ...]]] = {
    qml.PauliRot: lambda op: (op.hyperparameters["pauli_word"],),
    qml.MultiRZ: lambda op: (),
    qml.PCPhase: lambda op: (op.hyperparameters["dimension"][0],),
}


_QUBIT_MODULES = ("pennylane.ops.qubit.", "pennylane.ops.op_math.")


@cache
def _is_fixed(kind: Any) -> bool:
    """Whether a type alone determines a gate up to its parameters."""
    if kind in _PRODUCTS or kind in (qml.U2, qml.PSWAP):
        return True
    if kind in PHASES or not kind.__module__.startswith(_QUBIT_MODULES):
        return False
    if issubclass(kind, (Channel, StatePrepBase)) or not isinstance(kind.num_wires, int):
        return False
    if kind.num_params == 0:
        return kind.compute_matrix is not Operator.compute_matrix
    return kind.num_params == 1 and kind.has_generator and kind.ndim_params == (0,)


# --- by key ---------------------------------------------------------------------------------------


def _key(op: Operator) -> Key | None:
    """What determines a gate apart from its parameters, None if it is not known."""
    kind: Any = type(op)
    if _is_fixed(kind):
        return (kind,)
    if kind in _ARGUMENTS:
        return (kind, len(op.wires), *_ARGUMENTS[kind](op))
    if kind in PHASES:
        return (kind, len(op.wires))
    if not isinstance(op, (Adjoint, Controlled, Pow)) or not kind.__module__.startswith(
        _QUBIT_MODULES
    ):
        return None
    inner = _key(op.base)
    if inner is None:
        return None
    if isinstance(op, Adjoint):
        return (Adjoint, inner)
    if isinstance(op, Controlled):
        return (Controlled, inner, tuple(map(bool, op.control_values)))
    if isinstance(op, Pow) and isinstance(op.z, Real):
        return (Pow, inner, op.z)
    return None


@cached(maxsize=4096)
def _known(key: Key) -> KnownGate | None:
    try:
        unitary = _unitary(key)
    except ValueError:
        return None
    if unitary.num_wires > MAX_TRANSFER_WIRES:
        return KnownGate(unitary, None)
    slots = unitary.slots
    in_order = slots == tuple(range(len(slots)))
    return KnownGate(unitary, Family(unitary.transfer(), None if in_order else slots))


def _unitary(key: Any) -> UnitaryForm:
    """The unitary of a gate.

    Raises:
        ValueError: if it is a power that has no closed form.
    """
    kind = key[0]
    if kind is Adjoint:
        return _unitary(key[1]).adjoint()
    if kind is Controlled:
        return _unitary(key[1]).controlled(key[2])
    if kind is Pow:
        _, inner, exponent = key
        if not _has_power(inner, exponent):
            raise ValueError("PennyLane takes the principal power of the matrix.")
        return _unitary(inner).power(exponent)
    return UnitaryForm(kind.__name__, _factors(*key))


def _has_power(key: Any, exponent: Real) -> bool:
    r"""Whether a power is taken of the exponents :math:`i\theta G`, as PennyLane does."""
    kind = key[0]
    while kind in (Adjoint, Controlled, Pow):
        key = key[1]
        kind = key[0]
    return float(exponent).is_integer() or not kind.num_params or kind.pow is not Operator.pow


def _factors(kind: Any, *arguments: Any) -> tuple[Factor, ...]:
    """The unitary of a gate without adjoints, powers and controls, as a product."""
    if kind in _PRODUCTS:
        return tuple(Factor(_generator(part), slot) for part, slot in _PRODUCTS[kind])
    if kind is qml.U2:
        turn = _matrix(qml.RY(np.pi / 2, 0))
        phase = _generator(qml.PhaseShift)
        return Factor(phase, 1), Factor(turn), Factor(phase, 0)
    if kind is qml.PSWAP:
        middle = torch.diag(torch.tensor([0, 1, 1, 0], dtype=torch.complex128))
        return Factor(middle, 0), Factor(_matrix(qml.SWAP([0, 1])))
    if kind in PHASES:
        unit = torch.eye(2 ** arguments[0], dtype=torch.complex128)
        return (Factor(-unit, 0) if kind is qml.GlobalPhase else Factor(unit),)
    if kind.num_params == 0:
        return (Factor(torch.as_tensor(np.asarray(kind.compute_matrix())).to(torch.complex128)),)
    return (Factor(_generator(kind, *arguments), 0),)


def _generator(kind: Any, num_wires: int | None = None, *arguments: Any) -> torch.Tensor:
    """PennyLane's generator G of a gate exp(i theta G)."""
    wires = list(range(kind.num_wires if num_wires is None else num_wires))
    with qml.QueuingManager.stop_recording():
        return _matrix(kind(0.0, *arguments, wires=wires).generator(), wires)


def _matrix(op: Operator, wires: Sequence[int] | None = None) -> torch.Tensor:
    with qml.QueuingManager.stop_recording():
        matrix = qml.matrix(op, wire_order=op.wires if wires is None else wires)
    return torch.as_tensor(np.asarray(matrix, dtype=complex))
