"""Fixtures for conversion: unitaries of both sides in PennyLane's order of bits."""

import numpy as np
import pennylane as qml
import pytest
from qiskit.quantum_info import Operator


@pytest.fixture(scope="session")
def unitary():
    """A function that gives the matrix of a tape or circuit on wires or qubits 0 to n - 1."""

    def matrix(circuit, num_wires):
        if not isinstance(circuit, qml.tape.QuantumScript):
            return Operator(circuit.reverse_bits()).data
        if not circuit.operations:
            return np.eye(2**num_wires)
        return qml.matrix(circuit, wire_order=range(num_wires))

    return matrix


@pytest.fixture(scope="session")
def assert_same():
    """A function that compares two matrices, global phase included unless said otherwise."""

    def compare(left, right, up_to_phase=False, atol=1e-8):
        if up_to_phase:
            overlap = np.vdot(right, left)
            right = right * (overlap / abs(overlap))
        np.testing.assert_allclose(left, right, atol=atol)

    return compare
