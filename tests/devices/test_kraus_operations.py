"""Channels of the user's own run by their Kraus matrices."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.operation import Channel, Operation


def dephasing(p):
    p = qml.math.cast(qml.math.asarray(p), complex)
    signs = qml.math.convert_like(np.diag([1.0 + 0j, -1.0]), p)
    unit = qml.math.convert_like(np.eye(2, dtype=complex), p)
    return [qml.math.sqrt(1 - p) * unit, qml.math.sqrt(p) * signs]


class OwnChannel(Channel):
    """A subclass of PennyLane's base class."""

    num_wires = 1
    num_params = 1

    @staticmethod
    def compute_kraus_matrices(p):
        return dephasing(p)


class OwnOperation(Operation):
    """An operation that only has Kraus matrices."""

    num_wires = 1
    num_params = 1

    def kraus_matrices(self):
        return dephasing(self.data[0])


class WideChannel(Channel):
    """A channel on more wires than a transfer matrix has."""

    num_wires = 4
    num_params = 1

    @staticmethod
    def compute_kraus_matrices(p):
        unit = np.eye(8)
        return [qml.math.kron(k, unit) for k in dephasing(p)]


class LossyChannel(Channel):
    """A channel that loses probability."""

    num_wires = 1
    num_params = 1

    @staticmethod
    def compute_kraus_matrices(p):
        return [np.sqrt(1 - p) * np.eye(2)]


class MisshapenChannel(Channel):
    """A channel of matrices for other wires than its own."""

    num_wires = 1
    num_params = 1

    @staticmethod
    def compute_kraus_matrices(p):
        return [np.eye(4)]


def run(channel, p, wires, **kwargs):
    @qml.qnode(qml.device("qizgloria.mixed", wires=4), **kwargs)
    def node(p):
        qml.RY(0.8, 0)
        qml.RZ(0.3, 0)
        channel(p, wires=wires)
        return qml.expval(qml.X(0))

    return node(p)


EXACT = np.sin(0.8) * np.cos(0.3)


@pytest.mark.parametrize(
    ("channel", "wires"), [(OwnChannel, 0), (OwnOperation, 0), (WideChannel, range(4))]
)
def test_value_and_gradient(channel, wires):
    """Anything with Kraus matrices runs, and torch differentiates its strength."""
    p = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)
    value = run(channel, p, wires, interface="torch")
    np.testing.assert_allclose(value.item(), (1 - 2 * 0.2) * EXACT, atol=1e-10)
    np.testing.assert_allclose(torch.autograd.grad(value, p)[0], -2 * EXACT, atol=1e-10)
    np.testing.assert_allclose(run(channel, 0.2, wires), 0.6 * EXACT, atol=1e-10)


@pytest.mark.parametrize(
    ("channel", "message"),
    [
        (LossyChannel, r"LossyChannel on wires \[0\] is not trace preserving.*by 0.2"),
        (MisshapenChannel, r"MisshapenChannel on wires \[0\] needs matrices of shape \(2, 2\)"),
    ],
)
def test_wrong_matrices(channel, message):
    """Kraus matrices that are no channel are refused, with the device and the operation."""
    with pytest.raises(ValueError, match=f"qizgloria.mixed: {message}"):
        run(channel, 0.2, 0)
