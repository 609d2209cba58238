"""PennyLane operators as operations of a program.

A gate with parameters becomes a closed form where it has one: a rotation by its generator, or a
product of rotations. Other gates pass their matrix, made by PennyLane, as an operand; so does a
channel without a closed form. Closed forms are built once for each kind of gate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Complex
from pennylane.operation import Channel, Operator, StatePrepBase
from scipy.sparse import issparse
from torch import Tensor

from ..pauli import channels
from ..pauli.basis import (
    LETTERS,
    complex_dtype,
    pauli_matrices,
    pauli_vector,
    pure_state_vector,
)
from ..pauli.kept import kept
from ..pauli.program import Operand
from ..pauli.transfer import (
    ClosedForm,
    constant,
    kraus_transfer,
    rotation,
    sequence,
    unitary_transfer,
)

MAX_TRANSFER_WIRES = 3
"""Operations on more wires are decomposed, or applied in matrix units where that is impossible."""

TOLERANCE = {"double": 1e-8, "single": 1e-4}
"""How far an operand may be from what it should be (trace, positivity) before it is refused, by the
precision of the data or of the simulation, whichever is lower."""

NO_EFFECT = {"Identity", "GlobalPhase", "Barrier", "Snapshot", "WireCut"}
"""Operators that do nothing to a density matrix."""


@dataclass(frozen=True)
class Parametrised:
    """An operator with a closed form, and the scalars of any interface that it takes."""

    source: ClosedForm
    scalars: Sequence[Any]


@dataclass(frozen=True)
class Given:
    """An operator that brings its numbers as a tensor."""

    source: Operand
    operand: Tensor


Lowered = Parametrised | Given


@dataclass(frozen=True)
class Precision:
    """The real dtype of the simulation, and the torch device that it runs on."""

    dtype: torch.dtype = torch.float64
    device: torch.device = torch.device("cpu")  # noqa: RUF009 (immutable)

    def real(self, value: Any) -> Tensor:
        """A number or array of any interface as a real tensor."""
        return self._tensor(value, self.dtype)

    def complex(self, value: Any) -> Tensor:
        """A number or array of any interface as a complex tensor."""
        return self._tensor(value, complex_dtype(self.dtype))

    def _tensor(self, value: Any, dtype: torch.dtype) -> Tensor:
        if isinstance(value, Tensor):
            return value.to(self.device, dtype)
        # A copy, because torch takes no arrays with negative strides.
        return torch.as_tensor(np.array(value, order="C")).to(self.device, dtype)


def lower_operation(op: Operator, precision: Precision) -> Lowered:
    """An operator that has an effect on a density matrix, lowered.

    Raises:
        ValueError: if a matrix, a state or Kraus operators are not what they should be.
    """
    if isinstance(op, StatePrepBase):
        state = op.state_vector()
        dense = state.toarray() if issparse(state) else state
        flat = precision.complex(dense).reshape(-1, 2 ** len(op.wires))
        vectors = pure_state_vector(flat)
        return _state(op, vectors[0] if op.batch_size is None else vectors, precision)
    if isinstance(op, qml.QubitDensityMatrix):
        return _state(op, pauli_vector(_hermitian(op, precision)), precision)
    kind: Any = type(op)
    form = form_of_kind(kind) or _form_of(op)
    if form is not None:
        return Parametrised(form, scalars_of(op))
    if isinstance(op, qml.PauliError):
        return Given(Operand.KRAUS, _pauli_error_kraus(op, precision))
    if isinstance(op, Channel):
        matrices = op.kraus_matrices()
        return _kraus(op, torch.stack([precision.complex(k) for k in matrices], -3), precision)
    return _kraus(op, precision.complex(_matrix(op))[..., None, :, :], precision)


def is_native(op: Operator) -> bool:
    """Whether an operator that the device lists is applied as it is, not decomposed first.

    Up to three wires everything is. Beyond, a decomposition is cheaper where there is one. State
    vectors are prepared natively at the start of a circuit only, which is not asked here: later
    they are the unitaries that PennyLane decomposes them into.
    """
    if isinstance(op, StatePrepBase):
        return False
    if op.name in NO_EFFECT or len(op.wires) <= MAX_TRANSFER_WIRES:
        return True
    if isinstance(op, (Channel, qml.QubitDensityMatrix)) or _base(op).name in WIDE:
        return True
    # PennyLane does not decompose these when their parameters are broadcast.
    return isinstance(op, qml.ops.op_math.Controlled) and op.batch_size is not None


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


def _base(op: Operator) -> Operator:
    while isinstance(op, qml.ops.op_math.SymbolicOp):
        op = op.base
    return op


# --- closed forms ---------------------------------------------------------------------------------

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

# Parameters in the order in which the closed form of a product of rotations takes them.
_SCALARS: dict[type[Operator], Callable[[Sequence], Sequence]] = {
    qml.U2: lambda data: (data[1], np.pi / 2, data[0]),
    qml.U3: lambda data: (data[2], data[0], data[1]),
}


def scalars_of(op: Operator) -> Sequence[Any]:
    """The parameters of an operator in the order in which its closed form takes them."""
    reorder = _SCALARS.get(type(op))
    return op.data if reorder is None else reorder(op.data)


@kept(maxsize=None)
def form_of_kind(kind: Any) -> ClosedForm | None:
    """The closed form of an operator whose type alone determines it, else None."""
    if kind in CHANNELS:
        return CHANNELS[kind]
    if kind in (qml.Rot, qml.U2, qml.U3):
        return _product(qml.RZ, qml.RY, qml.RZ)
    if kind is qml.CRot:
        return _product(qml.CRZ, qml.CRY, qml.CRZ)
    own = kind.__module__.startswith("pennylane.ops.") and kind.__name__ not in NO_EFFECT
    if not own or issubclass(kind, (Channel, StatePrepBase)):
        return None
    if not isinstance(kind.num_wires, int) or kind.num_wires > MAX_TRANSFER_WIRES:
        return None
    if kind.num_params == 0:
        return _constant(kind)
    if kind.num_params == 1 and kind.has_generator and kind.ndim_params == (0,):
        return _rotation(kind, kind.num_wires, ())
    return None


def _form_of(op: Operator) -> ClosedForm | None:
    """The closed form of an operator whose hyperparameters or wires determine it, else None."""
    if len(op.wires) > MAX_TRANSFER_WIRES:
        return None
    if isinstance(op, qml.PauliError):
        return channels.pauli_error(op.hyperparameters["operators"])
    kind: Any = type(op)
    key = _KEYS.get(kind)
    return None if key is None else _rotation(kind, len(op.wires), key(op))


# Rotations that need more than their type to be known: what is needed, as further arguments.
_KEYS: dict[type[Operator], Callable[[Operator], tuple]] = {
    qml.PauliRot: lambda op: (op.hyperparameters["pauli_word"],),
    qml.MultiRZ: lambda op: (),
    qml.PCPhase: lambda op: (op.hyperparameters["dimension"][0],),
}


@kept(maxsize=None)
def _constant(kind: type[Operator]) -> ClosedForm:
    matrix = torch.as_tensor(np.asarray(kind.compute_matrix())).to(torch.complex128)
    return constant(kind.__name__, unitary_transfer(matrix))


@kept(maxsize=1024)
def _rotation(kind: type[Operator], num_wires: int, key: tuple) -> ClosedForm:
    """A gate exp(i theta G), from PennyLane's generator G."""
    wires = list(range(num_wires))
    with qml.QueuingManager.stop_recording():
        matrix = qml.matrix(kind(0.0, *key, wires=wires).generator(), wire_order=wires)
    return rotation(kind.__name__, torch.as_tensor(np.asarray(matrix, dtype=complex)))


@kept(maxsize=None)
def _product(*kinds: Any) -> ClosedForm:
    return sequence("", *(_rotation(kind, int(kind.num_wires), ()) for kind in kinds))


# --- operands -------------------------------------------------------------------------------------


def _matrix(op: Operator) -> Any:
    """An operator's matrix, dense."""
    if op.has_matrix:
        return op.matrix()
    return op.sparse_matrix().toarray()


def _kraus(
    op: Operator, kraus: Complex[Tensor, "*batch kraus dim dim"], precision: Precision
) -> Given:
    """Kraus operators as a transfer matrix, or as they are where that would be too large."""
    if not holds(torch.isfinite(kraus)):
        raise ValueError(f"{op.name} on wires {op.wires.tolist()} has entries that are not finite.")
    total = (kraus.mH @ kraus).sum(-3)
    identity = torch.eye(kraus.shape[-1], dtype=kraus.dtype, device=kraus.device)
    deviation = (total - identity).abs().amax((-2, -1))
    if not holds(deviation < _tolerance(op, precision)):
        what = "trace preserving" if isinstance(op, Channel) else "unitary"
        raise ValueError(
            f"{op.name} on wires {op.wires.tolist()} is not {what}: its matrices K have "
            f"sum(K^dagger K) off the identity by {float(deviation.max()):.3g}."
        )
    if len(op.wires) > MAX_TRANSFER_WIRES:
        return Given(Operand.KRAUS, kraus)
    return Given(Operand.TRANSFER, kraus_transfer(kraus))


def _pauli_error_kraus(
    op: qml.PauliError, precision: Precision
) -> Complex[Tensor, "*batch 2 dim dim"]:
    """The Kraus operators of a PauliError that is too wide for a closed form."""
    word = op.hyperparameters["operators"]
    probability = precision.real(op.data[0])
    if not holds((probability >= 0) & (probability <= 1)):
        raise ValueError(
            f"PauliError({qml.math.toarray(op.data[0])}) on wires {op.wires.tolist()}: "
            f"{channels.PROBABILITY}."
        )
    single = pauli_matrices(1, complex_dtype(precision.dtype), precision.device)
    flip = reduce(torch.kron, [single[LETTERS.index(letter)] for letter in word])
    operators = torch.stack([torch.eye(len(flip)).to(flip), flip])
    # The square root of zero has no derivative, but its square, which is what acts, has one.
    tiny = torch.finfo(precision.dtype).tiny
    weights = torch.sqrt(torch.stack([1 - probability, probability], -1) + tiny)
    return weights[..., None, None] * operators


def _state(op: Operator, vector: Tensor, precision: Precision) -> Given:
    norm = vector[..., 0]
    if not holds((norm - 1).abs() < _tolerance(op, precision)):
        what = "trace" if isinstance(op, qml.QubitDensityMatrix) else "squared norm"
        raise ValueError(
            f"{op.name} on wires {op.wires.tolist()} must hold a state of {what} 1, "
            f"got {norm.detach().cpu().numpy()}."
        )
    return Given(Operand.STATE, vector)


def _hermitian(op: Operator, precision: Precision) -> Complex[Tensor, "*batch dim dim"]:
    """The matrix of a QubitDensityMatrix, if it is Hermitian and positive."""
    matrix = precision.complex(op.data[0])
    place = f"{op.name} on wires {op.wires.tolist()}"
    dim = 2 ** len(op.wires)
    if matrix.shape[-2:] != (dim, dim) or matrix.ndim > 3:
        raise ValueError(
            f"{place} needs a matrix of shape ({dim}, {dim}), got {tuple(matrix.shape)}."
        )
    if not holds(torch.isfinite(matrix)):
        raise ValueError(f"{place} is not a density matrix: its entries must be finite.")
    tolerance = _tolerance(op, precision)
    if not holds((matrix - matrix.mH).abs() < tolerance):
        raise ValueError(f"{place} is not a density matrix: it is not Hermitian.")
    lowest = torch.linalg.eigvalsh(matrix.detach())[..., 0]
    if not holds(lowest > -tolerance):
        raise ValueError(
            f"{place} is not a density matrix: "
            f"it has the negative eigenvalue {float(lowest.min()):.3g}."
        )
    return matrix


def _tolerance(op: Operator, precision: Precision) -> float:
    names = [str(getattr(data, "dtype", "float64")) for data in op.data]
    single = any(name.endswith(("float16", "float32", "complex64")) for name in names)
    lower = "single" if single or precision.dtype == torch.float32 else "double"
    return TOLERANCE[lower] * 2 ** len(op.wires)


def holds(condition: Tensor) -> bool:
    """Whether a condition holds everywhere; True where its values cannot be looked at.

    Inside ``torch.func.vmap`` a tensor has no value that Python could branch on.
    """
    try:
        return bool(condition.all())
    except RuntimeError:
        return True
