"""Measurements and observables that the device does not have, and observables that are none."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from pennylane.exceptions import DeviceError


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: qml.GellMann(0, 1), "GellMann1"),
        (lambda: qml.NumberOperator(0), "NumberOperator"),
        (lambda: qml.S(0), r"S\(0\)"),
        (lambda: qml.prod(qml.X(0), qml.S(1)), r"X\(0\) @ S\(1\)"),
    ],
)
def test_unsupported_observable(make, named, device, run):
    """An observable would be measured as another one."""
    with pytest.raises(DeviceError, match=f"Observable {named}.* not supported on qizgloria.mixed"):
        run(device, [qml.X(0)], [qml.expval(make())])


@pytest.mark.parametrize("shots", [None, 10])
@pytest.mark.parametrize(
    "make",
    [
        lambda: qml.s_prod(1j, qml.Z(0)),
        lambda: qml.prod(qml.X(0), qml.Z(0)),
        lambda: qml.Hermitian(np.array([[0.0, 1.0], [0.0, 0.0]]), wires=0),
    ],
    ids=["scalar", "product", "matrix"],
)
def test_observable_that_is_not_hermitian(make, shots, device, run):
    """A result would be the real part of something, without a word."""
    with pytest.raises(
        ValueError, match=r"(?s)^qizgloria.mixed: The observable.* is not Hermitian"
    ):
        run(device, [qml.RX(0.3, 0)], [qml.expval(make())], shots)


def test_unsupported_measurement(device, run):
    """A measurement that the device does not know would fail without its name."""

    class Transform(qml.measurements.MeasurementTransform):
        """A measurement process that wants to run the tape itself."""

        def process(self, tape, device):
            raise AssertionError("unreachable")

        def __repr__(self):
            return "mystery"

    with pytest.raises(DeviceError, match=r"mystery not accepted .* on qizgloria.mixed"):
        run(device, [qml.X(0)], [Transform()])
