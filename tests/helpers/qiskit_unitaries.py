"""Matrices of circuits and tapes in PennyLane's order of bits, and their comparison."""

import numpy as np
import pennylane as qml
from qiskit.quantum_info import Operator


def unitary(circuit, num_wires):
    """The matrix of a tape or circuit on wires or qubits 0 to num_wires - 1."""
    if not isinstance(circuit, qml.tape.QuantumScript):
        return Operator(circuit.reverse_bits()).data
    if not circuit.operations:
        return np.eye(2**num_wires)
    return qml.matrix(circuit, wire_order=range(num_wires))


def assert_same(left, right, up_to_phase=False, atol=1e-8):
    """Compare two matrices, global phase included unless said otherwise."""
    if up_to_phase:
        overlap = np.vdot(right, left)
        right = right * (overlap / abs(overlap))
    np.testing.assert_allclose(left, right, atol=atol)
