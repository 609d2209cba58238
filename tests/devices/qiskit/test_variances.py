"""Variances of observables that have matrices in them, against qizgloria.mixed."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from helpers.statistical_errors import assert_within

SHOTS = 20_000
MATRIX = np.array([[0.6, 0.3 - 0.2j], [0.3 + 0.2j, -0.4]])
OTHER = np.array([[0.2, 0.1j], [-0.1j, -0.3]])
PAIR = np.kron(MATRIX, OTHER) + np.diag([0.1, -0.2, 0.3, 0.4])

PRODUCTS = {
    "Hermitian @ Z": qml.Hermitian(MATRIX, 0) @ qml.Z(1),
    "Z @ Hermitian @ X": qml.Z(2) @ qml.Hermitian(MATRIX, 0) @ qml.X(1),
    "Hermitian @ Hermitian": qml.Hermitian(MATRIX, 0) @ qml.Hermitian(OTHER, 2),
    "Hermitian of two wires": qml.Hermitian(PAIR, [2, 0]) @ qml.Y(1),
    "Hermitian @ Projector": qml.Hermitian(MATRIX, 1) @ qml.Projector([1], 2),
    "2 Hermitian": 2 * qml.Hermitian(MATRIX, 1),
}
SUMS = {
    "Hermitian + Z": qml.Hermitian(MATRIX, 0) + 2 * qml.Z(1),
    "on one wire": qml.Hermitian(MATRIX, 0) + 2 * qml.X(0),
    "twice": qml.Hermitian(MATRIX, 0) + qml.Hermitian(MATRIX, 0),
    "Hermitian @ Z - X": qml.Hermitian(MATRIX, 0) @ qml.Z(1) - 0.5 * qml.X(2),
    "Hermitians": qml.Hermitian(MATRIX, 0) + qml.Hermitian(PAIR, [1, 0]),
    "Projector + Y": qml.Projector([1], 0) + qml.Y(1),
    "Hamiltonian": qml.Hamiltonian([0.3, 2], [qml.Hermitian(MATRIX, 0), qml.X(2)]),
    "2 (Hermitian + X)": 2 * (qml.Hermitian(MATRIX, 0) + qml.X(0)),
    "Hermitian @ (X + Z)": qml.prod(qml.Hermitian(MATRIX, 0), qml.X(1) + qml.Z(2)),
}

OBSERVABLES = PRODUCTS | SUMS


@pytest.fixture(params=[None, 3])
def operations(request):
    angle = 0.3 if request.param is None else np.linspace(0.3, 2, request.param)
    return [
        *(qml.RY(angle, 0), qml.RX(1.1, 1), qml.CNOT([0, 1]), qml.Rot(0.3, 0.8, 0.1, 2)),
        *(qml.CNOT([1, 2]), qml.RX(0.7, 0)),
    ]


@pytest.fixture
def exact(run):
    """The results of qizgloria.mixed."""

    def results(operations, measurements):
        return run(qml.device("qizgloria.mixed", wires=3), operations, measurements)

    return results


@pytest.mark.parametrize("use_estimator", [True, False])
@pytest.mark.parametrize("name", OBSERVABLES)
def test_from_shots(make_device, run, exact, operations, name, use_estimator):
    """A variance would be that of other eigenvalues, or of the words one by one."""
    device = make_device(3, use_estimator=use_estimator)
    observable, scale = OBSERVABLES[name], 12 if name in SUMS else 2
    measurements = [qml.var(observable), qml.expval(observable), qml.var(qml.Z(0))]
    found = run(device, operations, measurements, SHOTS)
    for own, value in zip(found, exact(operations, measurements), strict=True):
        assert np.isrealobj(own)
        assert_within(own, value, SHOTS, scale)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_exact(make_device, run, exact, operations, name):
    """Without shots a variance would be refused, or be another."""
    measurements = [qml.var(OBSERVABLES[name]), qml.expval(OBSERVABLES[name])]
    found = run(make_device(3), operations, measurements)
    for own, value in zip(found, exact(operations, measurements), strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)
