"""Backends that limit what a job may hold: how many jobs there are, and what happens to them."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.primitives import BasePrimitiveJob, StatevectorEstimator, StatevectorSampler
from qiskit.transpiler import PassManager
from qiskit.transpiler.passes import RemoveDiagonalGatesBeforeMeasure

from pennylane_qizgloria.qiskit.jobs.runner import JobError
from pennylane_qizgloria.qiskit.primitives import job_limits

SHOTS = 50


class ServiceJob(BasePrimitiveJob):
    """A job of a service, which raises the given errors when it is first asked for its state."""

    def __init__(self, number, local, errors):
        super().__init__(f"job-{number}")
        self._local, self._errors = local, errors

    def status(self):
        if self._errors:
            raise self._errors.pop(0)
        return "DONE"

    def result(self):
        return self._local.result()

    def in_final_state(self):
        return True

    def done(self):
        raise NotImplementedError

    running = cancelled = cancel = done


class Service:
    """A service of jobs that hold at most two PUBs.

    Args:
        backend: the backend that they run on.
        errors: by the number of a job, what it raises when it is asked for its state.
    """

    def __init__(self, backend, errors=()):
        self.backend = backend
        self.errors = dict(errors)
        self.sizes = []

    def run(self, run, pubs, options):
        pubs = list(pubs)
        assert len(pubs) <= self.backend.max_circuits
        self.sizes.append(len(pubs))
        number = len(self.sizes) - 1
        return ServiceJob(number, run(pubs, **options), self.errors.pop(number, []))


class ServiceSampler(StatevectorSampler):
    def __init__(self, service):
        super().__init__(seed=1)
        self.backend, self.service = service.backend, service

    def run(self, pubs, **options):
        return self.service.run(super().run, pubs, options)


class ServiceEstimator(StatevectorEstimator):
    """Its estimates have no noise, as those of eigenstates on a machine without any."""

    def __init__(self, service):
        super().__init__(seed=1)
        self.backend, self.service = service.backend, service

    def run(self, pubs, **options):
        exact = [(*pub[:-1], 0.0) for pub in pubs]
        return self.service.run(super().run, exact, options)


@pytest.fixture
def serve(plain_backend, make_device):
    """A function that makes a device on a service, and the service."""

    def make(errors=(), **options):
        service = Service(plain_backend(max_circuits=2), errors)
        primitives = {"sampler": ServiceSampler(service), "estimator": ServiceEstimator(service)}
        return make_device(2, backend=service.backend, **primitives, **options), service

    return make


def tape(outcome, *measurements, gate=qml.X):
    """A circuit with a structure of its own for each number of gates, and a certain outcome."""
    operations = [gate(0)] * outcome
    return qml.tape.QuantumScript(operations, measurements, shots=SHOTS)


PROBS = qml.probs(wires=0)
MEAN = qml.expval(qml.Z(0))
BATCH = [tape(i, PROBS if i % 3 else MEAN) for i in range(8)]
EXPECTED = [[(i + 1) % 2, i % 2] if i % 3 else 1 - 2 * (i % 2) for i in range(8)]
"""What each tape of the batch gives."""


def run(device, batch=BATCH):
    return qml.execute(batch, device, diff_method=None)


def assert_expected(results, expected=EXPECTED):
    assert len(results) == len(expected)
    for found, value in zip(results, expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=0, atol=1e-12)


# --- splitting ------------------------------------------------------------------------------------


def test_jobs_hold_no_more_than_the_backend_takes(serve):
    """The backend would refuse the job, or results come back in another order."""
    device, service = serve()
    with qml.Tracker(device) as tracker:
        assert_expected(run(device))
    kinds = [(job.kind, job.pubs, job.status) for job in device.jobs]
    sampled = [("sampler", 2, "DONE"), ("sampler", 2, "DONE"), ("sampler", 1, "DONE")]
    assert kinds == [*sampled, ("estimator", 2, "DONE"), ("estimator", 1, "DONE")]
    assert service.sizes == [2, 2, 1, 2, 1]
    assert tracker.totals["jobs"] == 5
    assert tracker.totals["pubs"] == 8
    assert tracker.history["job_id"] == [job.job_id for job in device.jobs]
    assert device._unfinished == []


def test_one_structure_is_one_job_however_many_rows(serve):
    """A gradient would wait in the queue for each of its circuits."""
    device, _ = serve()
    angles = torch.linspace(0, 1, 9, requires_grad=True, dtype=torch.float64)

    @qml.set_shots(SHOTS)
    @qml.qnode(device, interface="torch")
    def circuit(x):
        qml.RX(x, 0)
        return qml.probs(wires=0)

    circuit(angles)[:, 0].sum().backward()
    assert [(job.kind, job.pubs) for job in device.jobs] == [("sampler", 1)] * 2


def test_qiskits_own_primitives_are_not_sent_less(make_device, plain_backend):
    """Circuits would be shared out twice: they keep to the limit themselves."""
    backend = plain_backend(max_circuits=2)
    device = make_device(2, backend=backend, use_estimator=True)
    assert_expected(run(device))
    assert [(job.kind, job.pubs) for job in device.jobs] == [("sampler", 5), ("estimator", 3)]
    assert len(backend.runs) > 2


@pytest.mark.parametrize(("executions", "pubs"), [(8 * SHOTS, [1]), (3 * SHOTS, [1, 1, 1])])
def test_rows_are_split_where_executions_are_limited(
    make_device, plain_backend, monkeypatch, executions, pubs
):
    """IBM's service would refuse a job of a long batch, and the rows of two jobs be mixed up."""
    monkeypatch.setattr(job_limits, "IBM_SHOTS", executions)
    device = make_device(2, backend=plain_backend())
    monkeypatch.setattr(job_limits, "is_ibm", lambda _: True)
    angles = np.pi * np.array([0, 1, 1, 0, 1, 0, 0, 1])

    @qml.set_shots(SHOTS)
    @qml.qnode(device)
    def circuit(x):
        qml.RX(x, 0)
        return qml.probs(wires=0)

    found = circuit(angles)
    np.testing.assert_array_equal(found[:, 1], angles / np.pi)
    assert [job.pubs for job in device.jobs] == pubs


def test_parameters_that_the_transpiler_removes(make_device):
    """Aer runs one of such circuits, and gave noughts as the results of all others."""
    passes = PassManager([RemoveDiagonalGatesBeforeMeasure()])
    device = make_device(1, pass_manager=passes)

    @qml.set_shots(SHOTS)
    @qml.qnode(device)
    def circuit(x):
        qml.X(0)
        qml.RZ(x, 0)
        return qml.probs(wires=0)

    np.testing.assert_array_equal(circuit(np.array([0.1, 0.2, 0.3])), [[0, 1]] * 3)
    assert [job.pubs for job in device.jobs] == [3]


# --- interruptions --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(5))
def test_resuming_after_an_interruption_of_any_job(serve, number):
    """Jobs of a call would be lost, or run and be paid for twice."""
    device, service = serve({number: [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt) as caught:
        run(device)
    (note,) = caught.value.__notes__
    assert "dev.resume('job-" in note
    for job_id in [f"job-{i}" for i in range(number, 5)]:
        assert job_id in note
    # The id of any job will do, and those that have finished are not waited for again.
    assert_expected(device.resume("job-4"))
    assert service.sizes == [2, 2, 1, 2, 1]
    assert {job.status for job in device.jobs} == {"DONE"}
    assert device._unfinished == []
    with pytest.raises(KeyError, match="no unfinished call"):
        device.resume("job-4")


def test_resuming_after_a_timeout(serve):
    """A program that waits for a long queue in short turns would lose its jobs."""
    device, service = serve(timeout=0.01)
    statuses = iter(["RUNNING"] * 40)
    job_of = service.run

    def slow(*args):
        job = job_of(*args)
        job.status = lambda: next(statuses, "DONE")
        return job

    service.run = slow
    with pytest.raises(
        TimeoutError, match=r"timeout=0\.01 s\. Job job-0 on plain was not"
    ) as caught:
        run(device, BATCH[1:3])
    assert getattr(caught.value, "__notes__", []) == []
    for _ in range(40):
        try:
            results = device.resume("job-0")
        except TimeoutError:
            continue
        break
    assert_expected(results, EXPECTED[1:3])


def test_a_resumed_qnode_has_the_shape_of_the_qnode(serve):
    """The user would have to know how PennyLane hands circuits to devices."""

    def qnode(device):
        @qml.set_shots(SHOTS)
        @qml.qnode(device)
        def circuit(x):
            qml.RX(x, 0)
            return qml.probs(wires=0), qml.probs(wires=[0, 1])

        return circuit

    expected = qnode(serve()[0])(np.array([0.0, np.pi]))
    device, _ = serve({0: [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt):
        qnode(device)(np.array([0.0, np.pi]))
    found = device.resume("job-0")
    assert isinstance(found, tuple)
    for own, value in zip(found, expected, strict=True):
        np.testing.assert_array_equal(own, value)


def test_exact_results_come_along(make_device, monkeypatch):
    """On Aer a call may have circuits that are no jobs: they would be missing."""
    device = make_device(2)
    batch = [
        qml.tape.QuantumScript([qml.X(0)], [measurement])
        for measurement in (qml.probs(wires=0), qml.expval(qml.Z(0)), qml.purity([0]))
    ]
    wait = type(device._runner.polling).until_final
    interrupts = [KeyboardInterrupt()]

    def until_final(*args):
        if interrupts:
            raise interrupts.pop()
        return wait(*args)

    monkeypatch.setattr(type(device._runner.polling), "until_final", until_final)
    with pytest.raises(KeyboardInterrupt):
        run(device, batch)
    probs, mean, purity = device.resume(device.jobs[0].job_id)
    np.testing.assert_allclose(probs, [0, 1], atol=1e-12)
    assert (mean, purity) == pytest.approx((-1, 1))


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 4])
def test_a_failed_call_is_forgotten(serve, number):
    """What was sent for a call that failed would be kept as long as the device."""
    device, _ = serve({number: [ValueError("gate xyz is unknown")]})
    with pytest.raises(JobError, match=rf"Job job-{number} on plain failed.*gate xyz is unknown"):
        run(device)
    assert device._unfinished == []
    assert device.jobs[number].status == "ERROR"
    with pytest.raises(KeyError, match=r"no unfinished call with the job 'job-0'\. The"):
        device.resume("job-0")
    # The device goes on.
    assert_expected(run(device))


def test_a_call_that_fails_when_it_is_resumed_is_forgotten(serve):
    """The user could resume it for ever."""
    device, _ = serve({1: [KeyboardInterrupt(), ValueError("gate xyz is unknown")]})
    with pytest.raises(KeyboardInterrupt):
        run(device)
    with pytest.raises(JobError, match="gate xyz is unknown"):
        device.resume("job-0")
    assert device._unfinished == []


def test_a_refused_job_is_forgotten(serve):
    """A call would be kept although it was never sent."""
    device, service = serve()

    def refuse(*_):
        raise ValueError("too many qubits")

    service.run = refuse
    with pytest.raises(ValueError, match="too many qubits"):
        run(device)
    assert device._unfinished == []
    assert device.jobs == []


def test_two_interrupted_calls_are_kept_apart(serve):
    """Resuming one would give the results of the other."""
    device, _ = serve({0: [KeyboardInterrupt()], 1: [KeyboardInterrupt()]})
    for tapes in ([BATCH[1]], [BATCH[2]]):
        with pytest.raises(KeyboardInterrupt):
            run(device, tapes)
    with pytest.raises(KeyError, match=r"the job 'other'\. .*have the jobs job-0, job-1\."):
        device.resume("other")
    np.testing.assert_array_equal(device.resume("job-1"), EXPECTED[2])
    np.testing.assert_array_equal(device.resume("job-0"), EXPECTED[1])
