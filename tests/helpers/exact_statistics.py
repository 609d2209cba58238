"""Exact statistics of observables on four wires, which estimates from shots are compared with."""

from functools import cache

import numpy as np
import pennylane as qml
from helpers.circuits import circuit_angles, noisy_circuit
from helpers.execution import execute

SHOTS = 20_000
"""How many shots tests draw where they compare statistics to 5 standard errors."""


@cache
def exact_state(batch=None, element=0):
    """The state of `example_circuit`, or of one element of a batch, on default.mixed."""
    x = circuit_angles(batch)
    operations = noisy_circuit(x if batch is None else x[:, element])
    return execute(qml.device("default.mixed", wires=4), operations, [qml.state()])


def spectrum(rho, observable):
    """Eigenvalues of an observable, and the probability of each."""
    matrix = qml.matrix(observable, wire_order=range(4))
    values, vectors = np.linalg.eigh(matrix)
    return values, np.einsum("ji,jk,ki->i", vectors.conj(), rho, vectors).real.clip(0)


def central_moment(rho, observable, order):
    """A moment of the outcomes about their mean."""
    values, distribution = spectrum(rho, observable)
    return distribution @ (values - distribution @ values) ** order


def mean_of(rho, observable):
    """The mean of the outcomes."""
    values, distribution = spectrum(rho, observable)
    return distribution @ values
