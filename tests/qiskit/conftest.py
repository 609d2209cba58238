"""Services, a clock, and runners that keep its time."""

import pytest
from helpers.qiskit_services import Clock, measured_qubit
from qiskit.providers.exceptions import QiskitBackendNotFoundError

from pennylane_qizgloria.qiskit.jobs.runner import Runner


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


@pytest.fixture(scope="session")
def circuit():
    return measured_qubit()


@pytest.fixture
def make_runner(clock):
    """A function that makes a runner on an artificial clock."""

    def make(**options):
        options = {"progress": False, **options}
        return Runner("qizgloria.qiskit", sleep=clock.sleep, clock=clock, **options)

    return make
