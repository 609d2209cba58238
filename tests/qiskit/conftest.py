"""Unitaries of both sides in PennyLane's order of bits; a service and a clock."""

import numpy as np
import pennylane as qml
import pytest
from qiskit.providers.exceptions import QiskitBackendNotFoundError
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


class Clock:
    """Time that passes only while someone sleeps."""

    def __init__(self):
        self.now = 0.0
        self.naps = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ibm_service(monkeypatch):
    """A function that puts a service with the given backends in place of IBM's."""
    import qiskit_ibm_runtime

    def install(*backends, error=None):
        calls = []

        class Service:
            def __init__(self, **account):
                calls.append(("account", account))
                if error is not None:
                    raise error

            def backend(self, name):
                for backend in backends:
                    if backend.name == name:
                        return backend
                raise QiskitBackendNotFoundError("No backend matches the criteria.")

            def backends(self):
                return list(backends)

            def least_busy(self, **conditions):
                calls.append(("least_busy", conditions))
                return backends[-1]

        monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", Service)
        return calls

    return install
