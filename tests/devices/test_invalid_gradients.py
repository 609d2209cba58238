"""Gradients that there are none of: exact ones of results from shots."""

from __future__ import annotations

import pennylane as qml
import pytest
import torch
from helpers.circuits import steep_circuit
from helpers.derivatives import gradient
from pennylane.exceptions import QuantumFunctionError

ANGLE = 0.7


@pytest.mark.parametrize("method", ["backprop", "adjoint"])
def test_exact_gradients_of_shots(method, device):
    """Exact diff_methods refuse circuits with shots."""

    @qml.set_shots(10)
    @qml.qnode(device, diff_method=method)
    def circuit(x):
        qml.RX(x, wires=0)
        return qml.expval(qml.Z(0))

    with pytest.raises(QuantumFunctionError, match=f"qizgloria.mixed: diff_method={method!r}"):
        circuit(torch.tensor(0.1, requires_grad=True))


@pytest.mark.parametrize("method", ["backprop", "adjoint"])
def test_exact_methods_of_every_interface(method, interface, device):
    """Exact diff_methods refuse circuits with shots, with every interface."""
    node = qml.set_shots(
        qml.QNode(steep_circuit, device, interface=interface, diff_method=method), 100
    )
    with pytest.raises(QuantumFunctionError, match=f"qizgloria.mixed: diff_method={method!r}"):
        gradient(node, ANGLE, interface)
