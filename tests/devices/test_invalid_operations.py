"""Operations that the device does not have, matrices that are no channels, states that are none."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device
from helpers.execution import execute_tuple
from pennylane.exceptions import DeviceError

NAN = np.nan


class Opaque(qml.operation.Operation):
    """An operation of which nothing is known."""

    num_wires = 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.TShift(0),
        lambda: qml.TRX(0.1, wires=0),
        lambda: qml.Displacement(0.1, 0.2, wires=0),
        lambda: Opaque(wires=0),
    ],
)
def test_unsupported_operation(make, device):
    """An unsupported operation is refused by name."""
    op = make()
    with pytest.raises(DeviceError, match=rf"{op.name}.* not supported with qizgloria.mixed and"):
        execute_tuple(device, [op], [qml.expval(qml.Z(0))])


def test_postselection(device):
    """A circuit that postselects is refused."""

    @qml.qnode(device)
    def circuit():
        qml.Hadamard(0)
        return qml.expval(qml.measure(0, postselect=1))

    with pytest.raises(DeviceError, match=r"qizgloria.mixed does not postselect"):
        circuit()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: qml.QubitUnitary(np.diag([1, 2]), wires=1), r"QubitUnitary on wires \[1\] is not"),
        (
            lambda: qml.QubitUnitary(np.stack([np.eye(2), 2 * np.eye(2)]), wires=1),
            r"QubitUnitary on wires \[1\] is not unitary.*off the identity by 3",
        ),
        (
            lambda: qml.QubitUnitary(torch.eye(2) * 2, wires=1),
            r"QubitUnitary on wires \[1\] is not unitary",
        ),
        (
            lambda: qml.QubitUnitary(np.diag([1, NAN]), wires=1),
            r"QubitUnitary on wires \[1\] has .* not finite",
        ),
        (
            lambda: qml.QubitUnitary((1 + 3e-6) * np.eye(2), wires=1),
            r"QubitUnitary on wires \[1\] is not unitary.*by 6e-06",
        ),
        (
            lambda: qml.QubitChannel([(1 + 3e-6) * np.eye(2)], wires=1),
            r"QubitChannel on wires \[1\] is not trace preserving.*by 6e-06",
        ),
        # These PennyLane refuses itself.
        (lambda: qml.QubitChannel([np.eye(2)] * 2, wires=1), "Only trace preserving channels"),
        (lambda: qml.DiagonalQubitUnitary(np.array([1, 2.0]), wires=1), "must be unitary"),
    ],
)
def test_matrices(make, message, device):
    """Matrices that define no unitary or channel are refused."""
    with pytest.raises(ValueError, match=message):
        execute_tuple(device, [make()], [qml.expval(qml.Z(0))])


def test_wide_unitary():
    """Wide matrices, which are applied in another way, are checked too."""
    with pytest.raises(ValueError, match=r"QubitUnitary on wires .* is not unitary"):
        execute_tuple(
            mixed_device(4),
            [qml.QubitUnitary(2 * np.eye(16), wires=range(4))],
            [qml.expval(qml.Z(0))],
        )


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ([[0.5, 1.0], [0.0, 0.5]], "it is not Hermitian"),
        ([[1.5, 0.0], [0.0, -0.5]], "negative eigenvalue -0.5"),
        ([[1.0, 0.0], [0.0, 1.0]], "trace 1, got 2.0"),
        ([[[0.5, 0.0], [0.0, 0.5]], [[1.0, 0.0], [0.0, 1.0]]], "trace 1, got"),
        (np.eye(4) / 4, r"shape \(2, 2\), got \(4, 4\)"),
        ([1.0, 0.0], r"shape \(2, 2\), got \(2,\)"),
    ],
    ids=["hermitian", "positive", "trace", "trace in a batch", "size", "vector"],
)
def test_density_matrices(matrix, message, convert, device):
    """Matrices that are no density matrices are refused."""
    operation = qml.QubitDensityMatrix(convert(matrix), wires=[1])
    with pytest.raises(ValueError, match=rf"QubitDensityMatrix on wires \[1\].*{message}"):
        execute_tuple(device, [operation], [qml.expval(qml.Z(1))])


def test_density_matrix_that_is_not_finite(device):
    """A density matrix with NaN is reported as not finite, rather than as not Hermitian."""
    operation = qml.QubitDensityMatrix(np.diag([1, NAN]), wires=[1])
    with pytest.raises(ValueError, match=r"QubitDensityMatrix on wires \[1\].*finite"):
        execute_tuple(device, [operation], [qml.expval(qml.Z(1))])


@pytest.mark.parametrize("vector", [[1.0, 1.0], [1.0, NAN], [0.0, 0.0]], ids=str)
def test_state_vectors(vector, device):
    """State vectors that are not normalised or of the wrong size are refused."""
    operation = qml.StatePrep(np.array(vector), wires=[1], validate_norm=False)
    with pytest.raises(
        ValueError, match=r"StatePrep on wires \[1\] must hold a state of squared norm 1"
    ):
        execute_tuple(device, [operation], [qml.expval(qml.Z(1))])
