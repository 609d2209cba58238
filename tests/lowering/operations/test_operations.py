"""How operators are lowered: as closed forms or operands, natively or not, and what is refused."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers import density_matrices as dense
from pennylane.ops.op_math import Adjoint, Controlled, Pow

from pennylane_qizgloria.lowering.context import TapeContext
from pennylane_qizgloria.lowering.operations.closed_forms import MAX_TRANSFER_WIRES
from pennylane_qizgloria.lowering.operations.delay import Delay
from pennylane_qizgloria.lowering.operations.operations import (
    NO_EFFECT,
    Given,
    Parametrised,
    is_native,
    lower_operation,
)
from pennylane_qizgloria.pauli.program.program import Operand
from pennylane_qizgloria.pauli.state.basis import density_matrix, pauli_vector

DOUBLE = TapeContext()
SINGLE = TapeContext(dtype=torch.float32)

CLOSED = {
    "constant": qml.CNOT([0, 1]),
    "rotation": qml.RX(0.3, 0),
    "two wires": qml.IsingXY(0.3, [0, 1]),
    "three gaps": qml.SingleExcitation(0.3, [0, 1]),
    "product of rotations": qml.Rot(0.3, 0.4, 0.5, 0),
    "U2": qml.U2(0.3, 0.4, 0),
    "U3": qml.U3(0.3, 0.4, 0.5, 0),
    "controlled product": qml.CRot(0.3, 0.4, 0.5, [0, 1]),
    "PauliRot": qml.PauliRot(0.3, "XYZ", [0, 1, 2]),
    "MultiRZ": qml.MultiRZ(0.3, [0, 1, 2]),
    "PCPhase": qml.PCPhase(0.3, dim=3, wires=[0, 1]),
    "PSWAP": qml.PSWAP(0.3, [0, 1]),
    "adjoint": Adjoint(qml.S(0)),
    "adjoint of a product": Adjoint(qml.U3(0.3, 0.4, 0.5, 0)),
    "fractional power": Pow(qml.RX(0.3, 0), 0.5),
    "power of a constant": Pow(qml.SWAP([0, 1]), -0.3),
    "controlled": Controlled(qml.RX(0.3, 0), 1),
    "controlled on zero": Controlled(qml.U2(0.3, 0.4, 0), [1, 2], [0, 1]),
    "controlled phase": Controlled(qml.GlobalPhase(0.3, []), [1, 2], [1, 0]),
    "nested": Controlled(Adjoint(Pow(Controlled(qml.PauliRot(0.3, "Y", 0), 1, [0]), 1.7)), 2),
    "channel": qml.AmplitudeDamping(0.3, 0),
    "PauliError": qml.PauliError("XYZ", 0.3, [0, 1, 2]),
}

OPERANDS = {
    "matrix": qml.QubitUnitary(np.eye(4), [0, 1]),
    "diagonal": qml.DiagonalQubitUnitary(np.array([1, 1j]), 0),
    "adjoint": Adjoint(qml.DiagonalQubitUnitary(np.array([1, 1j]), 0)),
    "power of a product": Pow(qml.Rot(0.3, 0.4, 0.5, 0), 0.5),
    "controlled": Controlled(qml.QubitUnitary(np.diag([1, 1j]), 0), 1),
    "Kraus operators": qml.QubitChannel([np.sqrt(0.5) * np.eye(2)] * 2, 0),
}


def transfer(lowered):
    """The transfer matrix of a lowered operator."""
    if isinstance(lowered, Given):
        return lowered.operand
    scalars = [torch.as_tensor(float(x), dtype=torch.float64) for x in lowered.scalars]
    return lowered.form(torch.stack(scalars) if scalars else torch.zeros(0, dtype=torch.float64))


def kraus_of(operator):
    is_channel = isinstance(operator, qml.operation.Channel)
    return operator.kraus_matrices() if is_channel else [operator.matrix()]


@pytest.mark.parametrize(
    "operator", [*CLOSED.values(), *OPERANDS.values()], ids=[*CLOSED, *OPERANDS]
)
def test_transfer_matrix_is_that_of_the_operator(operator, rng):
    """The transfer matrix of an operator is the map of its matrices."""
    rho = dense.random_density_matrix(rng, len(operator.wires))
    expected = sum(k @ rho @ np.conj(k).T for k in kraus_of(operator))
    vector = transfer(lower_operation(operator, DOUBLE)) @ pauli_vector(torch.as_tensor(rho))
    np.testing.assert_allclose(density_matrix(vector), expected, atol=1e-12)


@pytest.mark.parametrize("operator", CLOSED.values(), ids=CLOSED)
def test_closed_form_is_built_once(operator):
    """The closed form of a gate is built once."""
    first, second = (lower_operation(operator, DOUBLE) for _ in range(2))
    assert isinstance(first, Parametrised)
    assert first.form is second.form


def test_words_and_dimensions_have_their_own_closed_forms():
    """Different words and dimensions have their own closed forms."""
    operators = [
        qml.PauliRot(0.3, "XY", [0, 1]),
        qml.PauliRot(0.3, "YX", [0, 1]),
        qml.PCPhase(0.3, dim=1, wires=[0, 1]),
        qml.PCPhase(0.3, dim=2, wires=[0, 1]),
        qml.MultiRZ(0.3, [0, 1]),
    ]
    assert len({lower_operation(operator, DOUBLE).form for operator in operators}) == 5


@pytest.mark.parametrize("operator", OPERANDS.values(), ids=OPERANDS)
def test_other_operators_bring_a_transfer_matrix(operator):
    """Operators without a closed form are lowered to their transfer matrix."""
    lowered = lower_operation(operator, DOUBLE)
    assert isinstance(lowered, Given)
    assert lowered.form is Operand.TRANSFER
    assert lowered.operand.shape == (4 ** len(operator.wires),) * 2


def test_wide_operators_keep_their_matrices():
    """Operators too wide for a transfer matrix keep their matrices."""
    wires = range(MAX_TRANSFER_WIRES + 1)
    dim = 2 ** len(wires)
    lowered = lower_operation(qml.QubitUnitary(np.eye(dim), wires), DOUBLE)
    assert lowered.form is Operand.KRAUS
    assert lowered.operand.shape == (1, dim, dim)


def test_states_are_pauli_vectors(rng):
    """Prepared states are lowered to their Pauli vectors."""
    rho = dense.random_density_matrix(rng, 2)
    mixed = lower_operation(qml.QubitDensityMatrix(rho, [0, 1]), DOUBLE)
    basis = lower_operation(qml.BasisState([1, 0], [0, 1]), DOUBLE)
    assert mixed.form is basis.form is Operand.STATE
    np.testing.assert_allclose(density_matrix(mixed.operand), rho, atol=1e-12)
    np.testing.assert_allclose(density_matrix(basis.operand), np.diag([0, 0, 1, 0]), atol=1e-12)


@pytest.mark.parametrize(("precision", "dtype"), [(DOUBLE, torch.float64), (SINGLE, torch.float32)])
def test_operands_have_the_precision_asked_for(precision, dtype):
    """Operands have the precision of the simulation."""
    for operator in (qml.QubitUnitary(np.eye(2), 0), qml.StatePrep([0, 1], 0)):
        assert lower_operation(operator, precision).operand.dtype == dtype


def test_arrays_with_negative_strides_are_accepted():
    """Arrays with negative strides are accepted, although torch cannot share their memory."""
    flipped = np.eye(2)[::-1]
    lowered = lower_operation(qml.QubitUnitary(flipped, 0), DOUBLE)
    expected = lower_operation(qml.QubitUnitary(flipped.copy(), 0), DOUBLE)
    torch.testing.assert_close(lowered.operand, expected.operand)


@pytest.mark.parametrize("seed", range(6))
def test_single_precision_matrices_are_accepted(seed):
    """Unitaries in single precision are accepted where the simulation is in double precision."""
    angles = torch.rand(3, generator=torch.Generator().manual_seed(seed))
    matrix = qml.Rot(*angles, 0).matrix().to(torch.complex64)
    lowered = lower_operation(qml.QubitUnitary(matrix, 0), DOUBLE)
    exact = lower_operation(qml.Rot(*angles.double(), 0), DOUBLE)
    torch.testing.assert_close(lowered.operand, transfer(exact), atol=1e-6, rtol=0)


def test_operands_keep_their_gradient():
    """Matrices keep their gradient."""
    x = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    matrix = qml.RX(x, 0).matrix()
    assert lower_operation(qml.QubitUnitary(matrix, 0), DOUBLE).operand.requires_grad


# --- nativeness -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "native"),
    [
        (qml.Toffoli([0, 1, 2]), True),
        (qml.MultiControlledX(range(3)), True),
        (qml.MultiControlledX(range(4)), True),
        (qml.MultiControlledX(range(9)), False),
        (Adjoint(Controlled(qml.RX(0.2, 0), range(1, 8))), True),
        (Controlled(qml.RX(0.2, 0), range(1, 9)), False),
        (qml.PauliRot(0.1, "XYZX", range(4)), False),
        (qml.QubitUnitary(np.eye(16), range(4)), True),
        (qml.adjoint(qml.QubitUnitary(np.eye(16), range(4)), lazy=True), True),
        (Controlled(qml.QubitUnitary(np.eye(8), range(3)), 3), True),
        (Controlled(qml.IsingXX(0.2, [0, 1]), [2, 3]), True),
        (qml.PauliError("XYZX", 0.1, range(4)), True),
        (qml.QubitDensityMatrix(np.eye(16) / 16, range(4)), True),
        (qml.StatePrep([1, 0], 0), False),
        (qml.Barrier(range(9)), True),
        (qml.Identity(range(9)), True),
    ],
    ids=lambda value: value.name if isinstance(value, qml.operation.Operator) else str(value),
)
def test_what_is_native(operator, native):
    """Operators are native where their closed form or matrix is the cheapest way."""
    assert is_native(operator) is native


def test_operators_without_effect_do_nothing():
    """Operators without effect are recognised, and no others."""
    makers = {
        "Identity": lambda: qml.Identity([0, 1]),
        "GlobalPhase": lambda: qml.GlobalPhase(0.4, [0, 1]),
        "Barrier": lambda: qml.Barrier([0, 1]),
        "Delay": lambda: Delay(100, "ns", 0),
        "Snapshot": lambda: qml.Snapshot(),
        "WireCut": lambda: qml.WireCut([0, 1]),
    }
    assert set(makers) == NO_EFFECT
    for name, make in makers.items():
        operator = make()
        assert operator.name == name
        if operator.has_matrix:
            matrix = qml.matrix(operator, wire_order=[0, 1])
            np.testing.assert_allclose(matrix, matrix[0, 0] * np.eye(4), atol=1e-12)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        (qml.QubitUnitary(2 * np.eye(2), "q"), r"QubitUnitary on wires \['q'\] is not unitary"),
        (
            qml.QubitUnitary(np.stack([np.eye(2), 2 * np.eye(2)]), "q"),
            r"QubitUnitary on wires \['q'\] is not unitary",
        ),
        (qml.QubitUnitary(np.full((2, 2), np.nan), "q"), "entries that are not finite"),
        (qml.QubitDensityMatrix(np.eye(2), "q"), "state of trace 1, got 2"),
        (qml.QubitDensityMatrix(np.diag([1.5, -0.5]), "q"), "negative eigenvalue -0.5"),
        (qml.QubitDensityMatrix(np.array([[0.5, 0.3], [0, 0.5]]), "q"), "not Hermitian"),
        (qml.QubitDensityMatrix(np.eye(4) / 4, "q"), r"shape \(2, 2\), got \(4, 4\)"),
        (qml.QubitDensityMatrix(np.full((2, 2), np.nan), "q"), "entries must be finite"),
    ],
    ids=["scaled", "one of a batch", "NaN", "trace", "negative", "skew", "shape", "NaN state"],
)
@pytest.mark.parametrize("precision", [DOUBLE, SINGLE], ids=["double", "single"])
def test_bad_matrices_are_refused(operator, message, precision):
    """Matrices that are no unitary or state are refused."""
    with pytest.raises(ValueError, match=message):
        lower_operation(operator, precision)


def test_projector_is_not_an_operation():
    """A projector, which loses probability, is refused as an operation."""
    with pytest.raises(ValueError, match=r"Projector on wires \[0\]"):
        lower_operation(qml.Projector([1], 0), DOUBLE)


def test_bad_kraus_operators_are_refused():
    """Kraus operators that lose probability are refused although PennyLane's check is off."""
    channel = qml.QubitChannel([np.eye(2)], 0)
    channel.data = [0.9 * np.eye(2)]
    channel._parameters = [0.9 * np.eye(2)]
    with pytest.raises(ValueError, match=r"QubitChannel on wires .* is not trace preserving"):
        lower_operation(channel, DOUBLE)
