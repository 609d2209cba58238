"""Measurements and observables that the device does not have, and observables that are none."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device
from helpers.execution import execute_tuple
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
def test_unsupported_observable(make, named, device):
    """An unsupported observable is refused by name."""
    with pytest.raises(DeviceError, match=f"Observable {named}.* not supported on qizgloria.mixed"):
        execute_tuple(device, [qml.X(0)], [qml.expval(make())])


SKEWED = np.array([[1.0, 1.0], [0.0, 2.0]])
NOT_HERMITIAN = {
    "imaginary letter": lambda: 1j * qml.Z(0),
    "torch scalar": lambda: qml.s_prod(torch.tensor(1j), qml.Z(0)),
    "product of letters": lambda: qml.prod(qml.X(0), qml.Z(0)),
    "imaginary matrix": lambda: 1j * qml.Hermitian(np.eye(2), 0),
    "matrix": lambda: qml.Hermitian(SKEWED, 0),
    "matrix in a product": lambda: qml.Hermitian(SKEWED, 0) @ qml.Z(1),
    "product on one wire": lambda: qml.Hadamard(0) @ qml.X(0),
    "term of a sum": lambda: qml.Z(0) + 1j * qml.Hadamard(1),
    "imaginary projector": lambda: 1j * qml.Projector([0], 0),
    "coefficient": lambda: qml.Hamiltonian([1j, 1], [qml.Z(0), qml.X(1)]),
}
NOT_FINITE = {
    "letter": lambda: np.nan * qml.Z(0),
    "infinite letter": lambda: np.inf * qml.Z(0),
    "matrix": lambda: qml.Hermitian(np.diag([np.nan, 1.0]), 0),
    "coefficient": lambda: qml.Hamiltonian([np.nan, 1], [qml.Z(0), qml.X(1)]),
    "factor of a matrix": lambda: np.nan * qml.Hermitian(np.eye(2), 0),
}
ROADS = [
    (qml.expval, None),
    (qml.var, None),
    (lambda observable: qml.probs(op=observable), None),
    (qml.expval, 10),
    (qml.var, 10),
    (lambda observable: qml.probs(op=observable), 10),
    (qml.sample, 10),
    (qml.counts, 10),
]


@pytest.mark.filterwarnings("ignore:Using qp.probs with a Hermitian")
@pytest.mark.parametrize("readout_prob", [None, 0.1])
@pytest.mark.parametrize(("measure", "shots"), ROADS)
@pytest.mark.parametrize("wrong", ["not Hermitian", "not finite"])
def test_observables_that_are_none(wrong, measure, shots, readout_prob):
    """Whatever is measured, with and without shots and readout error, an observable that is not
    Hermitian or not finite is refused."""
    device = mixed_device(2, readout_prob=readout_prob)
    for name, make in {"not Hermitian": NOT_HERMITIAN, "not finite": NOT_FINITE}[wrong].items():
        try:
            process = measure(make())
        except qml.exceptions.QuantumFunctionError:
            assert name == "coefficient"  # PennyLane has no probabilities of Hamiltonians
            continue
        with pytest.raises(ValueError, match=rf"(?s)^qizgloria.mixed: The observable .*{wrong}"):
            execute_tuple(device, [qml.RX(0.3, 0)], [process], shots)


def test_real_coefficients_of_complex_type():
    """A coefficient is taken for what it is: complex numbers without imaginary part are real."""
    observable = qml.Hamiltonian(np.array([0.5 + 0j, 2]), [qml.Z(0), qml.X(1) @ qml.Hadamard(0)])
    for readout_prob in (None, 0.0, {0: 1.0}):
        device = mixed_device(2, readout_prob=readout_prob)
        (value,) = execute_tuple(device, [qml.Hadamard(1)], [qml.expval(observable)])
        sign = -1 if readout_prob == {0: 1.0} else 1
        assert abs(value - sign * (0.5 + np.sqrt(2))) < 1e-12


def test_unsupported_measurement(device):
    """A measurement that the device does not know is refused by name."""

    class Transform(qml.measurements.MeasurementTransform):
        """A measurement process that wants to run the tape itself."""

        def process(self, tape, device):
            raise AssertionError("unreachable")

        def __repr__(self):
            return "mystery"

    with pytest.raises(DeviceError, match=r"mystery not accepted .* on qizgloria.mixed"):
        execute_tuple(device, [qml.X(0)], [Transform()])
