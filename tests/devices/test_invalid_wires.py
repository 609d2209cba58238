"""Wires that the device does not have are refused by name."""

from __future__ import annotations

import pennylane as qml
import pytest
from helpers.execution import execute_tuple
from pennylane.exceptions import WireError


@pytest.mark.parametrize(
    ("operations", "measurements", "named"),
    [
        ([qml.X(7)], [qml.expval(qml.Z(0))], "7"),
        ([qml.X(0)], [qml.expval(qml.Z(7))], "7"),
        ([qml.X(0)], [qml.probs(wires=["a"])], "'a'"),
        ([qml.BitFlip(0.1, wires="b")], [qml.expval(qml.Z(0))], "'b'"),
    ],
)
def test_unknown_wires(operations, measurements, named, device):
    """Wires that the device does not have are refused by name."""
    with pytest.raises(WireError, match=rf"qizgloria.mixed as .* not found .*\{{{named}\}}"):
        execute_tuple(device, operations, measurements)
