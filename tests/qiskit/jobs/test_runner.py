"""What a job gives, what is recorded of it, and how it fails."""

import logging
import subprocess
import sys

import numpy as np
import pytest
from helpers.qiskit_services import RemoteJob, RemoteSampler, scripted, submit
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.primitives import (
    BackendSamplerV2,
    PrimitiveResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.providers import JobStatus
from qiskit_ibm_runtime.exceptions import RuntimeJobFailureError

from pennylane_qizgloria.qiskit.jobs import runner as jobs
from pennylane_qizgloria.qiskit.jobs.runner import JobError, JobRecord

CIRCUIT = QuantumCircuit(1)
CIRCUIT.measure_all()
UNBOUND = QuantumCircuit(1)
UNBOUND.rx(Parameter("t"), 0)
UNBOUND.measure_all()


def test_a_job_gives_its_result_and_its_record(make_runner):
    """The tracker and dev.jobs would be empty."""
    records = []
    runner = make_runner(on_job=records.append)
    pending = runner.submit(StatevectorSampler(), [CIRCUIT, CIRCUIT], kind="sampler", shots=7)
    assert records[0] == JobRecord(
        pending.job_id, "StatevectorSampler", "sampler", 2, 7, executions=2, total_shots=14
    )
    result = pending.result()
    assert [r.data.meas.get_counts() for r in result] == [{"0": 7}, {"0": 7}]
    assert pending.result() is result
    assert records[-1].status == pending.record.status == "DONE"
    assert {record.job_id for record in records} == {pending.job_id}


@pytest.mark.parametrize(
    ("kind", "pubs", "options", "shots"),
    [
        ("sampler", [CIRCUIT], {"shots": 9}, 9),
        ("sampler", [(CIRCUIT, None, 3), (CIRCUIT, None, 5)], {"shots": 4}, 5),
        ("sampler", [CIRCUIT], {}, None),
        ("estimator", [(UNBOUND, "Z", [[0.1], [0.2]])], {"precision": 0.1}, 100),
        ("estimator", [(CIRCUIT, "Z", None, 0.05)], {}, 400),
        ("estimator", [(CIRCUIT, "Z")], {"precision": 0.0}, None),
    ],
)
def test_shots_are_counted(make_runner, kind, pubs, options, shots):
    """The tracker would count wrongly."""
    primitive = RemoteSampler(RemoteJob())
    pending = make_runner().submit(primitive, pubs, kind=kind, **options)
    assert (pending.record.kind, pending.record.pubs) == (kind, len(pubs))
    assert pending.record.shots == shots
    assert primitive.calls[0][1] == options


def test_the_record_names_the_backend(make_runner, plain_backend):
    """A user of several backends could not tell the jobs apart."""
    sampler = BackendSamplerV2(backend=plain_backend())
    pending = make_runner().submit(sampler, [CIRCUIT], kind="sampler")
    assert pending.record.backend == "plain"
    pending.result()


def test_sending_and_ending_are_logged(make_runner, caplog):
    """A log of a long run would not contain the ids of its jobs."""
    with caplog.at_level(logging.INFO, jobs.__name__):
        submit(make_runner(), RemoteJob(), shots=12).result()
    sent, ended = caplog.messages
    for part in ("sent", "job-1", "RemoteSampler", "pubs=1", "shots=12"):
        assert part in sent
    assert "DONE" in ended


@pytest.mark.parametrize(
    ("script", "more"),
    [
        (("ERROR", RuntimeJobFailureError("gate xyz is unknown")), {}),
        ((JobStatus.ERROR,), {"error_message": lambda: "gate xyz is unknown"}),
        ((["QUEUED", "DONE"], ValueError("gate xyz is unknown")), {}),
        ((["QUEUED", ValueError("gate xyz is unknown")],), {}),
    ],
    ids=["result", "message", "late", "status"],
)
def test_a_job_that_fails_says_which_where_and_why(make_runner, script, more):
    """The user could not look the job up, or know what to change."""
    records = []
    pending = submit(make_runner(on_job=records.append), RemoteJob(*script, **more))
    with pytest.raises(JobError, match=r"Job job-1 on RemoteSampler.*gate xyz is unknown"):
        pending.result()
    assert issubclass(JobError, RuntimeError)
    assert records[-1].status == "ERROR"


def test_a_local_job_that_fails_says_why(make_runner):
    """The simulators' complaints would be lost."""
    pending = make_runner().submit(StatevectorEstimator(), [(CIRCUIT, "Z")], kind="estimator")
    with pytest.raises(JobError, match=r"Job .* on StatevectorEstimator failed: .*[Mm]easure"):
        pending.result()
    assert pending.record.status == "ERROR"


def test_a_cancelled_job_says_so(make_runner):
    """A job cancelled on the website would look like a bug of ours."""
    pending = submit(make_runner(), RemoteJob(["RUNNING", JobStatus.CANCELLED]))
    with pytest.raises(JobError, match="job-1 on RemoteSampler was cancelled"):
        pending.result()
    assert pending.record.status == "CANCELLED"


@pytest.mark.parametrize("given", [0, 1, 3])
def test_fewer_results_than_pubs_are_refused(make_runner, given):
    """Results would be given to the wrong circuits."""
    job = RemoteJob(result=PrimitiveResult([None] * given))
    with pytest.raises(JobError, match=f"gave {given} results for 2 PUBs"):
        submit(make_runner(), job, pubs=[CIRCUIT, CIRCUIT]).result()


def test_words_of_other_services_are_understood(make_runner):
    """A vendor with states of its own could not be used."""
    records = []
    job = RemoteJob(["COMPILING", "COMPILING", "FINISHED"])
    job.in_final_state = scripted([False, True])
    assert len(submit(make_runner(on_job=records.append), job).result()) == 1
    assert [record.status for record in records] == ["INITIALIZING", "COMPILING", "DONE"]


def test_places_in_the_queue_and_seconds_are_recorded(make_runner):
    """dev.jobs would not say what the service says."""
    records = []
    metrics = scripted(
        [{"position_in_queue": 4}, {"usage": {"quantum_seconds": 2.5}, "position_in_queue": 9}]
    )
    job = RemoteJob(["QUEUED"] * 3 + ["RUNNING", "DONE"], metrics=metrics)
    submit(make_runner(on_job=records.append), job).result()
    assert [(r.status, r.queue_position, r.quantum_seconds) for r in records] == [
        ("INITIALIZING", None, None),
        ("QUEUED", 4, None),
        ("RUNNING", None, None),
        ("DONE", None, 2.5),
    ]


@pytest.mark.parametrize("position", [3, lambda: 3])
def test_a_queue_position_of_the_jobs_own_is_used(make_runner, position):
    """Vendors other than IBM have it there."""
    records = []
    job = RemoteJob(["QUEUED", "DONE"], queue_position=position)
    submit(make_runner(on_job=records.append), job).result()
    assert records[1].queue_position == 3


def test_side_issues_do_not_cost_the_job(make_runner):
    """A result would be lost because the bill could not be read."""
    job = RemoteJob(["QUEUED", "DONE"], metrics=scripted(RuntimeError("no metrics")))
    assert len(submit(make_runner(), job).result()) == 1


def test_the_modules_do_not_import_providers():
    """Aer and IBM's client are imported only where they are asked for."""
    code = (
        "import importlib, pkgutil, sys\n"
        "import pennylane_qizgloria.qiskit as package\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "print({'qiskit_aer', 'qiskit_ibm_runtime'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_jobs_of_a_transpiled_circuit_run_to_the_end(make_runner, plain_backend):
    """The parts would not fit together on a backend that is not ours."""
    backend = plain_backend(max_circuits=2)
    compiled = transpile(UNBOUND, backend, optimization_level=0)
    pub = (compiled, np.array([[0.0], [np.pi], [0.0]]))
    sampler = BackendSamplerV2(backend=backend)
    pending = make_runner().submit(sampler, [pub], kind="sampler", shots=6)
    found = [bits.get_counts() for bits in pending.result()[0].data.meas]
    assert found == [{"0": 6}, {"1": 6}, {"0": 6}]
    assert [options["shots"] for options in backend.runs] == [6, 6]
