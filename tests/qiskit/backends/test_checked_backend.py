"""Runs that fail in silence, and what the backend says of them."""

from types import SimpleNamespace

import pytest
from qiskit import QuantumCircuit
from qiskit.primitives import BackendSamplerV2
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData
from qiskit_aer import AerSimulator

from pennylane_qizgloria.qiskit.backends.checked_backend import CheckedBackend, require_success
from pennylane_qizgloria.qiskit.backends.resolve import backend_of
from pennylane_qizgloria.qiskit.primitives.primitives import choose_primitives

TOO_MANY = 60
"""Qubits whose state vector no machine holds."""


def result(status, *experiments):
    own = [
        ExperimentResult(shots=1, success=text == "DONE", data=ExperimentResultData(), status=text)
        for text in experiments
    ]
    return Result(results=own, success=False, status=status)


@pytest.mark.parametrize(
    ("failed", "message"),
    [
        (result("PARTIAL COMPLETED", "DONE", "no memory"), r"^here says: no memory\.$"),
        (result("ERROR", "no memory", "no memory"), r"^here says: no memory\.$"),
        (result("ERROR", "no memory", "too long."), r"^here says: no memory\. too long\.$"),
        (result("ERROR: bad input"), r"^here says: ERROR: bad input\.$"),
    ],
)
def test_reasons(failed, message):
    """The reason would be found on stderr only, or be that of a circuit that ran."""
    with pytest.raises(RuntimeError, match=message):
        require_success("here", failed)


def test_a_checked_backend_is_the_backend_in_all_else(plain_backend):
    """Circuits would be shared out or compiled for another backend."""
    backend = plain_backend(max_circuits=4)
    checked = CheckedBackend(backend)
    assert checked.target is backend.target
    assert checked.max_circuits == 4
    assert checked.num_qubits == 3
    assert checked.name == backend.name
    assert checked.options is backend.options
    assert backend_of(BackendSamplerV2(backend=checked)) is backend


def wide():
    circuit = QuantumCircuit(TOO_MANY)
    circuit.h(range(TOO_MANY))
    return circuit


@pytest.mark.parametrize("kind", ["sampler", "estimator"])
@pytest.mark.parametrize("seed", [None, 3])
def test_aers_primitives_say_why(kind, seed):
    """A job would fail with what Qiskit makes of missing results."""
    backend = AerSimulator(method="statevector")
    primitive = getattr(choose_primitives(backend, seed=seed), kind)
    assert backend_of(primitive) is backend
    circuit = wide()
    if kind == "sampler":
        circuit.measure_all()
        job = primitive.run([circuit], shots=5)
    else:
        job = primitive.run([(circuit, "Z" * TOO_MANY)])
    with pytest.raises(RuntimeError, match=r"aer_simulator\S* says: .*memory"):
        job.result()


@pytest.mark.parametrize("kind", ["sampler", "estimator"])
def test_qiskits_primitives_say_why(plain_backend, kind, monkeypatch):
    """A job would fail with what Qiskit makes of missing results."""
    backend = plain_backend()
    failed = SimpleNamespace(result=lambda: result("ERROR", "out of order"))
    monkeypatch.setattr(backend, "run", lambda *args, **options: failed)
    primitive = getattr(choose_primitives(backend), kind)
    circuit = QuantumCircuit(1)
    if kind == "sampler":
        circuit.measure_all()
        job = primitive.run([circuit], shots=5)
    else:
        job = primitive.run([(circuit, "Z")])
    with pytest.raises(RuntimeError, match=r"plain says: out of order\."):
        job.result()
