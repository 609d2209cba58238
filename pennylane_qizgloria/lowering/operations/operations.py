"""PennyLane operators as operations of a program.

A gate or channel becomes a closed form of its parameters where it has one. Gates that are too wide
for a transfer matrix pass their matrix as an operand, and so do all others, whose matrix PennyLane
makes. Channels without a closed form pass their Kraus operators.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Complex
from pennylane.operation import Channel, Operator, StatePrepBase
from pennylane.ops.op_math import Adjoint, Controlled, Pow
from scipy.sparse import issparse
from torch import Tensor

from ...pauli.caching import cached
from ...pauli.conditions import are_finite, holds
from ...pauli.maps import channels
from ...pauli.maps.transfer import ClosedForm, kraus_transfer
from ...pauli.maps.unitaries import UnitaryForm
from ...pauli.program.program import Operand
from ...pauli.state.basis import (
    PAULI_LABELS,
    complex_dtype,
    pauli_matrices,
    pauli_vector,
    pure_state_vector,
)
from ...tolerances import NORM, OPERAND
from ..context import TapeContext
from ..parameters import described, real_scalar
from .closed_forms import MAX_TRANSFER_WIRES, KnownGate, family_of_kind, innermost, known_gate

NO_EFFECT = {"Identity", "GlobalPhase", "Barrier", "Delay", "Snapshot", "WireCut"}
"""Operators that do nothing to a density matrix."""


@dataclass(frozen=True)
class Parametrised:
    """An operator with a closed form, and the scalars of any interface that it takes."""

    form: ClosedForm
    scalars: Sequence[Any]


@dataclass(frozen=True)
class Given:
    """An operator that brings its numbers as a tensor."""

    form: Operand
    operand: Tensor


Lowered = Parametrised | Given


def lower_operation(op: Operator, context: TapeContext) -> Lowered:
    """An operator that has an effect on a density matrix, lowered.

    Raises:
        ValueError: if a matrix, a state or Kraus operators are not what they should be.
    """
    if isinstance(op, StatePrepBase):
        state = op.state_vector()
        dense = state.toarray() if issparse(state) else state
        flat = context.complex(dense).reshape(-1, 2 ** len(op.wires))
        vectors = pure_state_vector(flat)
        return _state(op, vectors[0] if op.batch_size is None else vectors, context)
    if isinstance(op, qml.QubitDensityMatrix):
        return _state(op, pauli_vector(_hermitian(op, context)), context)
    kind: Any = type(op)
    family = family_of_kind(kind)
    if family is not None:
        return Parametrised(family.form, family.scalars(op))
    known = known_gate(op)
    if known is not None:
        return _lower_known(op, known, context)
    if isinstance(op, qml.PauliError):
        return _lower_pauli_error(op, context)
    matrices = op.kraus_matrices() if has_kraus_matrices(op) else [_matrix(op)]
    if all(isinstance(matrix, np.ndarray) for matrix in matrices):
        return _constant_kraus(_Constants.of(op, matrices, context))
    return _kraus(op, _stacked(op, matrices, context), context)


def is_native(op: Operator) -> bool:
    """Whether an operator that the device lists is applied as it is, not decomposed first.

    Up to three wires everything is. Beyond, controlled gates are as long as their matrices are
    small, and a decomposition is cheaper where there is one. State vectors are prepared natively at
    the start of a circuit only, which is not asked here: later they are the unitaries that
    PennyLane decomposes them into.
    """
    if isinstance(op, StatePrepBase):
        return False
    if has_no_effect(op):
        return True
    known = known_gate(op)
    if known is not None:
        return known.is_native
    base = innermost(op)
    wide = isinstance(base, (Channel, qml.QubitDensityMatrix)) or base.name in WIDE
    if wide or len(op.wires) <= MAX_TRANSFER_WIRES:
        return True
    # PennyLane does not decompose these when their parameters are broadcast.
    return isinstance(op, Controlled) and op.batch_size is not None


def has_no_effect(op: Operator) -> bool:
    """Whether an operator does nothing to a density matrix."""
    while isinstance(op, (Adjoint, Pow)):
        op = op.base
    return op.name in NO_EFFECT


WIDE = {
    "QubitUnitary",
    "ControlledQubitUnitary",
    "DiagonalQubitUnitary",
    "SpecialUnitary",
    "BlockEncode",
    "PCPhase",
    "ParametrizedEvolution",
}
"""Gates that are applied in matrix units when they are wide."""


def has_kraus_matrices(op: Operator) -> bool:
    """Whether an operator is a channel, PennyLane's or anybody's, given by Kraus matrices."""
    return callable(getattr(op, "kraus_matrices", None))


# --- operands -------------------------------------------------------------------------------------


def _lower_known(op: Operator, known: KnownGate, context: TapeContext) -> Lowered:
    """A gate with a closed form, as its matrix where it is wide."""
    if known.family is not None:
        return Parametrised(known.family.form, known.family.scalars(op))
    unitary = known.unitary
    if not unitary.slots:
        return Given(Operand.KRAUS, _constant_matrix(unitary, context.dtype, context.device)[None])
    params = [context.real(real_scalar(op, op.data[slot])) for slot in unitary.slots]
    if not all(map(are_finite, params)):
        raise ValueError(f"{described(op)}: every parameter must be finite.")
    matrix = unitary(params, context.complex(0.0))
    return Given(Operand.KRAUS, matrix[..., None, :, :])


@cached(maxsize=64)
def _constant_matrix(
    unitary: UnitaryForm, dtype: torch.dtype, device: torch.device
) -> Complex[Tensor, "dim dim"]:
    return unitary([], torch.zeros((), dtype=complex_dtype(dtype), device=device))


def _lower_pauli_error(op: qml.PauliError, context: TapeContext) -> Lowered:
    word = op.hyperparameters["operators"]
    if len(word) <= MAX_TRANSFER_WIRES:
        return Parametrised(channels.pauli_error(word), op.data)
    return Given(Operand.KRAUS, _pauli_error_kraus(op, context))


def _stacked(
    op: Operator, matrices: Sequence[Any], context: TapeContext
) -> Complex[Tensor, "*batch kraus dim dim"]:
    """The matrices of an operator, if they are as large as its wires ask for."""
    dim = 2 ** len(op.wires)
    place = f"{op.name} on wires {op.wires.tolist()}"
    try:
        tensors = [context.complex(matrix) for matrix in matrices]
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if not shapes or any(shape[-2:] != (dim, dim) or len(shape) > 3 for shape in shapes):
        raise ValueError(
            f"{place} needs matrices of shape ({dim}, {dim}), or a batch of them, got {shapes}."
        )
    return torch.stack(torch.broadcast_tensors(*tensors), -3)


def _matrix(op: Operator) -> Any:
    """An operator's matrix, dense."""
    trained = any(isinstance(x, Tensor) and x.requires_grad for x in op.data)
    if trained and isinstance(op, Pow) and not isinstance(op.z, int):
        raise ValueError(
            f"{described(op)}: the power {op.z} of {op.base.name} is taken of its matrix and "
            "has no derivative. Take an integer power, or gates whose angles can be scaled."
        )
    try:
        return op.matrix() if op.has_matrix else op.sparse_matrix().toarray()
    except TypeError as error:
        raise ValueError(f"{described(op)} has no matrix: {error}") from error


def _kraus(
    op: Operator, kraus: Complex[Tensor, "*batch kraus dim dim"], context: TapeContext
) -> Given:
    """Kraus operators as a transfer matrix, or as they are where that would be too large."""
    if not are_finite(kraus):
        raise ValueError(f"{op.name} on wires {op.wires.tolist()} has entries that are not finite.")
    total = (kraus.mH @ kraus).sum(-3)
    identity = torch.eye(kraus.shape[-1], dtype=kraus.dtype, device=kraus.device)
    deviation = (total - identity).abs().amax((-2, -1))
    if not holds(deviation < _tolerance(op, context)):
        what = "trace preserving" if has_kraus_matrices(op) else "unitary"
        raise ValueError(
            f"{op.name} on wires {op.wires.tolist()} is not {what}: its matrices K have "
            f"sum(K^dagger K) off the identity by {float(deviation.max()):.3g}."
        )
    if len(op.wires) > MAX_TRANSFER_WIRES:
        return Given(Operand.KRAUS, kraus)
    return Given(Operand.TRANSFER, kraus_transfer(kraus))


@dataclass(frozen=True)
class _Constants:
    """What matrices without tensors become depends on; the operator is there to be named."""

    numbers: tuple[tuple[bytes, str, tuple[int, ...]], ...]
    num_wires: int
    precision: str
    dtype: torch.dtype
    device: torch.device
    op: Operator = field(compare=False)
    matrices: Sequence[np.ndarray] = field(compare=False)

    @classmethod
    def of(cls, op: Operator, matrices: Sequence[np.ndarray], context: TapeContext) -> _Constants:
        numbers = tuple((own.tobytes(), own.dtype.str, own.shape) for own in matrices)
        precision = _precision_of(op, context)
        circumstances = (len(op.wires), precision, context.dtype, context.device)
        return cls(numbers, *circumstances, op, matrices)


@cached(maxsize=256)
def _constant_kraus(own: _Constants) -> Given:
    """Matrices that are the same in each call are validated and converted in the first one."""
    context = TapeContext(dtype=own.dtype, device=own.device)
    return _kraus(own.op, _stacked(own.op, own.matrices, context), context)


def _pauli_error_kraus(
    op: qml.PauliError, context: TapeContext
) -> Complex[Tensor, "*batch 2 dim dim"]:
    """The Kraus operators of a PauliError that is too wide for a closed form."""
    word = op.hyperparameters["operators"]
    probability = context.real(real_scalar(op, op.data[0]))
    if not holds((probability >= 0) & (probability <= 1)):
        raise ValueError(f"{described(op)}: {channels.PROBABILITY}.")
    single = pauli_matrices(1, complex_dtype(context.dtype), context.device)
    flip = reduce(torch.kron, [single[PAULI_LABELS.index(pauli)] for pauli in word])
    operators = torch.stack([torch.eye(len(flip)).to(flip), flip])
    # The square root of zero has no derivative, but its square, which is what acts, has one.
    tiny = torch.finfo(context.dtype).tiny
    weights = torch.sqrt(torch.stack([1 - probability, probability], -1) + tiny)
    return weights[..., None, None] * operators


def _state(op: Operator, vector: Tensor, context: TapeContext) -> Given:
    """A state's Pauli vector, rescaled to trace 1.

    Its derivative is that of the state as it is given, as on PennyLane's devices: the scale takes
    no part in it.
    """
    trace = vector[..., :1].detach()
    if not holds((trace - 1).abs() < NORM[_precision_of(op, context)]):
        what = "trace" if isinstance(op, qml.QubitDensityMatrix) else "squared norm"
        raise ValueError(
            f"{op.name} on wires {op.wires.tolist()} must hold a state of {what} 1, "
            f"got {trace[..., 0].cpu().numpy()}."
        )
    return Given(Operand.STATE, vector / trace)


def _hermitian(op: Operator, context: TapeContext) -> Complex[Tensor, "*batch dim dim"]:
    """The matrix of a QubitDensityMatrix, if it is Hermitian and positive."""
    place = f"{op.name} on wires {op.wires.tolist()}"
    try:
        matrix = context.complex(op.data[0])
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from error
    dim = 2 ** len(op.wires)
    if matrix.shape[-2:] != (dim, dim) or matrix.ndim > 3:
        raise ValueError(
            f"{place} needs a matrix of shape ({dim}, {dim}), got {tuple(matrix.shape)}."
        )
    if not are_finite(matrix):
        raise ValueError(f"{place} is not a density matrix: its entries must be finite.")
    tolerance = _tolerance(op, context)
    if not holds((matrix - matrix.mH).abs() < tolerance):
        raise ValueError(f"{place} is not a density matrix: it is not Hermitian.")
    lowest = torch.linalg.eigvalsh(matrix.detach())[..., 0]
    if not holds(lowest > -tolerance):
        raise ValueError(
            f"{place} is not a density matrix: "
            f"it has the negative eigenvalue {float(lowest.min()):.3g}."
        )
    return matrix


def _tolerance(op: Operator, context: TapeContext) -> float:
    return OPERAND[_precision_of(op, context)] * 2 ** len(op.wires)


def _precision_of(op: Operator, context: TapeContext) -> str:
    """The precision of an operator's data or of the simulation, whichever is lower."""
    names = [str(getattr(data, "dtype", "float64")) for data in op.data]
    if any(name.endswith("float16") for name in names):
        return "half"
    single = any(name.endswith(("float32", "complex64", "complex32")) for name in names)
    return "single" if single or context.dtype == torch.float32 else "double"
