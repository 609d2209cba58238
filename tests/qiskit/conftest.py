"""Unitaries of both sides in PennyLane's order of bits; services, their jobs, and a clock."""

from types import SimpleNamespace

import numpy as np
import pennylane as qml
import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BasePrimitiveJob, BaseSamplerV2, PrimitiveResult
from qiskit.providers.exceptions import QiskitBackendNotFoundError
from qiskit.quantum_info import Operator
from requests.exceptions import HTTPError

from pennylane_qizgloria.qiskit.jobs.runner import Runner


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


def answers(script):
    """A function that gives, or raises, one entry of the script a call, and then its last one."""
    script = iter(script if isinstance(script, list) else [script])
    last = None

    def answer(*_args, **_kwargs):
        nonlocal last
        last = next(script, last)
        if isinstance(last, BaseException):
            raise last
        return last

    return answer


class RemoteJob(BasePrimitiveJob):
    """A job of a service, with scripts for its states and its result."""

    def __init__(self, status="DONE", result=None, job_id="job-1", **more):
        super().__init__(job_id)
        self._status = answers(status)
        self._outcome = answers(PrimitiveResult([None]) if result is None else result)
        vars(self).update(more)

    def status(self):
        return self._status()

    def result(self):
        return self._outcome()

    def in_final_state(self):
        return self.status() == "FINISHED"

    def done(self):
        raise NotImplementedError

    running = cancelled = cancel = done


class RemoteSampler(BaseSamplerV2):
    """A sampler of a service, with a script of the jobs it gives or errors it raises."""

    def __init__(self, *script, name="remote"):
        self._answer = answers(list(script))
        self.calls = []
        self.name = name

    def run(self, pubs, **options):
        self.calls.append((pubs, options))
        return self._answer()


@pytest.fixture(scope="session")
def script():
    """The function `answers`."""
    return answers


@pytest.fixture(scope="session")
def remote_job():
    """The class of a service's job."""
    return RemoteJob


@pytest.fixture(scope="session")
def remote_sampler():
    """The class of a service's sampler."""
    return RemoteSampler


@pytest.fixture(scope="session")
def circuit():
    """A circuit that a sampler runs."""
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    return circuit


@pytest.fixture
def make_runner(clock):
    """A function that makes a runner on an artificial clock."""

    def make(**options):
        options = {"progress": False, **options}
        return Runner("qizgloria.qiskit", sleep=clock.sleep, clock=clock, **options)

    return make


@pytest.fixture
def submit(circuit):
    """A function that sends a job to a service with a script of its answers."""

    def submit(runner, *script, pubs=None, **options):
        pubs = [circuit] if pubs is None else pubs
        return runner.submit(RemoteSampler(*script), pubs, kind="sampler", **options)

    return submit


@pytest.fixture(scope="session")
def http_error():
    """A function that makes the error of an HTTP status."""

    def make(status):
        return HTTPError(response=SimpleNamespace(status_code=status))

    return make
