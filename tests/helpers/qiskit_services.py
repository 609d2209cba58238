"""Stand-ins for services: their samplers and jobs, which follow a script, and a clock."""

from types import SimpleNamespace

from qiskit import QuantumCircuit
from qiskit.primitives import BasePrimitiveJob, BaseSamplerV2, PrimitiveResult
from requests.exceptions import HTTPError


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


def scripted(script):
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
        self._status = scripted(status)
        self._outcome = scripted(PrimitiveResult([None]) if result is None else result)
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
        self._answer = scripted(list(script))
        self.calls = []
        self.name = name

    def run(self, pubs, **options):
        self.calls.append((pubs, options))
        return self._answer()


def measured_qubit():
    """A circuit that a sampler runs."""
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    return circuit


def submit(runner, *script, pubs=None, **options):
    """Send a job to a service with a script of its answers."""
    pubs = [measured_qubit()] if pubs is None else pubs
    return runner.submit(RemoteSampler(*script), pubs, kind="sampler", **options)


def http_error(status):
    """The error of an HTTP status."""
    return HTTPError(response=SimpleNamespace(status_code=status))
