"""Which gates are known, and that their closed forms have PennyLane's matrices."""

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.lowering.operations.closed_forms import (
    CHANNELS,
    MAX_CONTROLLED_WIRES,
    MAX_TRANSFER_WIRES,
    family_of_kind,
    innermost,
    known_gate,
)
from pennylane_qizgloria.pauli.maps.transfer import kraus_transfer, unitary_transfer

GATES = [
    qml.RX(0.3, 0),
    qml.U2(0.3, -0.4, 0),
    qml.U3(0.3, -0.4, 0.5, 0),
    qml.CRot(0.3, -0.4, 0.5, [0, 1]),
    qml.PSWAP(0.7, [0, 1]),
    qml.PauliRot(0.3, "XYZ", [0, 1, 2]),
    qml.MultiRZ(0.3, [0, 1, 2]),
    qml.PCPhase(0.3, 3, [0, 1]),
    qml.adjoint(qml.S(0)),
    qml.adjoint(qml.Rot(0.3, -0.4, 0.5, 0)),
    qml.pow(qml.RZ(0.3, 0), 2.5),
    qml.pow(qml.SX(0), -3),
    qml.ctrl(qml.RY(0.3, 1), 0, [0]),
    qml.ctrl(qml.adjoint(qml.T(2)), [0, 1], [1, 0]),
    qml.ctrl(qml.GlobalPhase(0.3), [0, 1]),
]


@pytest.mark.parametrize("op", GATES, ids=str)
def test_transfer_matrices_of_gates(op):
    """A closed form at the gate's parameters is the transfer matrix of PennyLane's matrix."""
    family = known_gate(op).family
    numbers = torch.tensor([float(x) for x in family.scalars(op)], dtype=torch.float64)
    matrix = torch.as_tensor(np.asarray(qml.matrix(op, wire_order=op.wires), dtype=complex))
    assert torch.allclose(family.form(numbers), unitary_transfer(matrix), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", CHANNELS, ids=lambda kind: kind.__name__)
def test_transfer_matrices_of_channels(kind):
    """The closed form of a channel is the transfer matrix of PennyLane's Kraus operators."""
    strengths = {qml.ThermalRelaxationError: (0.1, 1.3, 0.9, 0.4), qml.ResetError: (0.1, 0.2)}
    numbers = strengths.get(kind, (0.2,) * CHANNELS[kind].num_params)
    kraus = np.stack(kind.compute_kraus_matrices(*numbers)).astype(complex)
    found = CHANNELS[kind](torch.tensor(numbers, dtype=torch.float64))
    assert torch.allclose(found, kraus_transfer(torch.as_tensor(kraus)), rtol=0, atol=1e-12)


def test_equal_gates_share_a_form():
    """What determines a gate besides its parameters makes another form, and nothing else does."""
    first, other = qml.PauliRot(0.1, "XY", [0, 1]), qml.PauliRot(2, "XY", ["a", "b"])
    assert known_gate(first) is known_gate(other)
    assert known_gate(qml.PauliRot(0.1, "XY", [0, 1])) is not known_gate(
        qml.PauliRot(0.1, "YX", [0, 1])
    )
    first, second = (qml.ctrl(qml.RX(0.1, 1), 0, [value]) for value in (0, 1))
    assert known_gate(first) is not known_gate(second)
    assert family_of_kind(qml.RX) is family_of_kind(qml.RX)


def test_kinds_that_their_type_does_not_determine():
    """Words, matrices and gates of the user's own are asked one by one, or not known."""

    class Own(qml.RX):
        pass

    for kind in (qml.PauliRot, qml.QubitUnitary, qml.StatePrep, Own):
        assert family_of_kind(kind) is None
    assert known_gate(Own(0.3, 0)) is None
    assert known_gate(qml.pow(qml.U2(0.1, 0.2, 0), 0.5)) is None


@pytest.mark.parametrize("wires", [MAX_TRANSFER_WIRES, MAX_CONTROLLED_WIRES, 9])
def test_wide_controlled_gates(wires):
    """They have a transfer matrix while that is small, and are applied while their matrix is."""
    known = known_gate(qml.ctrl(qml.RX(0.3, 0), range(1, wires)))
    assert (known.family is not None) == (wires <= MAX_TRANSFER_WIRES)
    assert known.is_native == (wires <= MAX_CONTROLLED_WIRES)


def test_the_innermost_operator():
    """Adjoints, powers and controls are taken off."""
    op = qml.ctrl(qml.pow(qml.adjoint(qml.RX(0.3, 0)), 2), 1)
    assert isinstance(innermost(op), qml.RX)
