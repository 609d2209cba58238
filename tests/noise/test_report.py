"""Reports of what noise a twin applies."""

import matplotlib as mpl
import pennylane as qml
import pytest
import torch
from qiskit.quantum_info import average_gate_fidelity
from qiskit_aer.noise.device.models import basic_device_gate_errors
from qiskit_ibm_runtime.fake_provider import FakeManilaV2


def twin(backend="fake_manila", **options):
    return qml.device("qizgloria.mixed", wires=3, noise_model=backend, seed_transpiler=1, **options)


def run(device):
    @qml.qnode(device)
    def circuit():
        qml.RX(0.3, 0)
        qml.CNOT([0, 1])
        qml.CNOT([1, 2])
        return qml.probs(wires=range(3))

    circuit()


def test_errors_are_infidelities():
    """The error of an instruction is one minus the average gate fidelity of Aer's error."""
    report = twin().noise_report()
    errors = {
        (name, tuple(qubits)): 1 - average_gate_fidelity(error)
        for name, qubits, error in basic_device_gate_errors(FakeManilaV2().properties())
    }
    assert {(row.name, row.qubits) for row in report.instructions} == set(errors)
    for row in report.instructions:
        assert row.error == pytest.approx(errors[row.name, row.qubits], abs=1e-9)


def test_a_report_is_of_the_circuit_that_was_run_last():
    """After a run only its instructions and qubits are listed, with the wires on them."""
    device = twin(initial_layout=[4, 3, 2])
    run(device)
    report = device.noise_report()
    assert [row.number for row in report.qubits] == [2, 3, 4]
    assert [row.start for row in report.qubits] == [(2,), (1,), (0,)]
    assert {row.title for row in report.instructions} >= {"cx(4, 3)", "cx(3, 2)"}
    assert all(set(row.qubits) <= {2, 3, 4} for row in report.instructions)


def test_the_text():
    """The table has units, numbers, and what is not simulated."""
    device = twin(noise_scale=2.0)
    text = repr(device.noise_report())
    for part in ("fake_manila, scale 2", "T1 (us)", "158.6", "0.1226", "cx", "Crosstalk"):
        assert part in text
    assert "relax while they wait only with scheduling_method" in text
    large = repr(twin("fake_sherbrooke").noise_report())
    assert len(large.splitlines()) < 40
    assert "out of order" in large.lower()
    scales = repr(twin(noise_scale=torch.tensor([1.0, 2.0])).noise_report())
    assert "scale [1.0, 2.0]" in scales


def test_the_picture():
    """There is a dot for each kind of noise of each instruction, and bars for readout."""
    mpl.use("Agg")
    device = twin()
    run(device)
    report = device.noise_report()
    left, right = report.plot().axes
    assert [label.get_text() for label in right.get_yticklabels()] == [
        f"qubit {row.number}" for row in reversed(report.qubits)
    ]
    assert len(left.get_yticks()) == len(report.instructions)
    assert "fidelity" in left.get_xlabel()
    mpl.pyplot.close("all")


def test_a_model_of_pennylane_is_its_own_report():
    """A qml.NoiseModel says itself what it does."""
    model = qml.NoiseModel({qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.BitFlip, 0.1)})
    device = qml.device("qizgloria.mixed", wires=1, noise_model=model)
    assert device.noise_report() is model
