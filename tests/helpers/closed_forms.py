"""Closed forms of transfer matrices, each beside the Kraus operators of the same operation."""

import numpy as np
import torch
from helpers import density_matrices as dense

from pennylane_qizgloria.pauli.maps import channels
from pennylane_qizgloria.pauli.maps.transfer import constant, rotation, sequence

_, X, Y, Z = dense.PAULIS
ONE = np.diag([0.0, 1.0])
H = (X + Z) / np.sqrt(2)
CNOT = np.kron(np.eye(2) - ONE, np.eye(2)) + np.kron(ONE, X)
CLIFFORD = CNOT @ np.kron(np.diag([1, 1j]) @ H, np.eye(2))
"""It permutes words in cycles of up to six."""
SWAP = (np.eye(4) + np.kron(X, X) + np.kron(Y, Y) + np.kron(Z, Z)) / 2
TOFFOLI = np.kron(np.eye(4) - np.kron(ONE, ONE), np.eye(2)) + dense.kron(ONE, ONE, X)


def exponential(generator, angle):
    energies, states = np.linalg.eigh(generator)
    return (states * np.exp(1j * angle * energies)) @ states.conj().T


def pauli_rotation(name, generator):
    """A rotation's closed form and its Kraus operators."""
    form = rotation(name, torch.as_tensor(np.asarray(generator, complex)))
    return form, lambda angle: np.array([exponential(generator, angle)])


def fixed(name, matrix):
    form = constant(name, torch.as_tensor(dense.transfer(matrix[None])))
    return form, lambda: matrix[None].astype(complex)


def mixture(probability, matrix):
    """(1 - p) rho + p M rho M."""
    kraus = np.array(
        [np.sqrt(1 - probability) * np.eye(len(matrix)), np.sqrt(probability) * matrix]
    )
    return kraus.astype(complex)


def rot_kraus(phi, theta, omega):
    return np.array(
        [exponential(-Z / 2, omega) @ exponential(-Y / 2, theta) @ exponential(-Z / 2, phi)]
    )


def damping_kraus(gamma):
    return np.array([[[1, 0], [0, np.sqrt(1 - gamma)]], [[0, np.sqrt(gamma)], [0, 0]]], complex)


def depolarizing_kraus(p):
    return np.array([np.sqrt(1 - p) * np.eye(2), *(np.sqrt(p / 3) * P for P in (X, Y, Z))])


RZ, RY = pauli_rotation("RZ", -Z / 2)[0], pauli_rotation("RY", -Y / 2)[0]
ANGLE, STRENGTH = (-4.0, 4.0), (0.0, 1.0)
FORMS = {
    "RX": (*pauli_rotation("RX", -X / 2), [ANGLE]),
    "Rot": (sequence("Rot", RZ, RY, RZ), rot_kraus, [ANGLE] * 3),
    "H": (*fixed("H", H), []),
    "damping": (channels.AMPLITUDE_DAMPING, damping_kraus, [STRENGTH]),
    "depolarizing": (channels.DEPOLARIZING, depolarizing_kraus, [STRENGTH]),
    "CNOT": (*fixed("CNOT", CNOT), []),
    "SWAP": (*fixed("SWAP", SWAP), []),
    "Clifford": (*fixed("Clifford", CLIFFORD), []),
    "CRX": (*pauli_rotation("CRX", np.kron(ONE, -X / 2)), [ANGLE]),
    "XY": (*pauli_rotation("XY", np.kron(X, Y) + 0.5 * np.kron(Z, X)), [ANGLE]),
    "error": (channels.pauli_error("XZ"), lambda p: mixture(p, np.kron(X, Z)), [STRENGTH]),
    "Toffoli": (*fixed("Toffoli", TOFFOLI), []),
    "CYZ": (*pauli_rotation("CYZ", dense.kron(ONE, Y, Z)), [ANGLE]),
    "error3": (
        channels.pauli_error("YIX"),
        lambda p: mixture(p, dense.kron(Y, np.eye(2), X)),
        [STRENGTH],
    ),
}
"""Closed form, its Kraus operators, the ranges of its parameters."""
