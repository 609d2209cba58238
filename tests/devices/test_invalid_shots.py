"""Measurements that need shots without them, and those that shots cannot give with them."""

from __future__ import annotations

import pennylane as qml
import pytest
from helpers.execution import execute_tuple
from pennylane.exceptions import DeviceError


@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.state(),
        lambda: qml.density_matrix(wires=0),
        lambda: qml.purity(wires=[0]),
        lambda: qml.vn_entropy(wires=[0]),
        lambda: qml.mutual_info(wires0=[0], wires1=[1]),
    ],
)
def test_states_from_shots(make, device):
    """States cannot be measured with shots."""
    with pytest.raises(DeviceError, match=r"not accepted with finite shots on qizgloria.mixed"):
        execute_tuple(device, [qml.X(0)], [make()], shots=10)


@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.sample(),
        lambda: qml.counts(wires=0),
        lambda: qml.classical_shadow(wires=[0]),
        lambda: qml.shadow_expval(qml.Z(0)),
    ],
)
def test_samples_without_shots(make, device):
    """Samples cannot be drawn without shots."""
    with pytest.raises(
        DeviceError, match=r"not accepted for analytic simulation on qizgloria.mixed"
    ):
        execute_tuple(device, [qml.X(0)], [make()])
