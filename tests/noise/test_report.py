"""Reports of what noise a twin applies."""

import matplotlib as mpl
import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.quantum_info import SuperOp, average_gate_fidelity
from qiskit_aer.noise import NoiseModel, ReadoutError, pauli_error, thermal_relaxation_error
from qiskit_aer.noise.device.models import basic_device_gate_errors
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from pennylane_qizgloria import Delay


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


def test_wires_are_named_by_their_labels():
    """Wires of the report are the user's, of the circuit that was run last."""
    device = qml.device("qizgloria.mixed", noise_model="fake_manila", seed_transpiler=1)

    def run_on(*wires):
        qml.QNode(lambda: [qml.CNOT(wires), qml.expval(qml.Z(wires[1]))][1], device)()

    for wires in (("a", "b"), ("c", 7), ("a", "b")):
        run_on(*wires)
        rows = device.noise_report().qubits
        assert {wire for row in rows for wire in row.start} == set(wires)
        assert {wire for row in rows for wire in row.end} == {wires[1]}


def test_the_text():
    """The table has units, numbers, and what is not simulated."""
    device = twin()
    text = repr(device.noise_report())
    for part in (
        "Noise of fake_manila",
        ", scale 1,",
        "T1 (us)",
        "158.6",
        "0.1226",
        "cx",
        "Crosstalk",
    ):
        assert part in text
    assert "only where delays are written down, as scheduling_method" in text
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


def test_numbers_are_scaled():
    """Errors of gates and of readout are those at the scale, those of a batch are at 1."""
    device = twin(noise_scale=3.0)
    run(device)
    report = device.noise_report()
    device.noise_scale = torch.tensor([1.0, 3.0])
    at_one = device.noise_report()
    assert "[1.0, 3.0] (the numbers are those at 1)" in repr(at_one)
    for row, plain in zip(report.instructions, at_one.instructions, strict=True):
        assert 2 < row.error / plain.error < 3
    noise = device._twin.noise
    for row, plain in zip(report.qubits, at_one.qubits, strict=True):
        assert (plain.p10, plain.p01) == pytest.approx(noise.readout(row.number))
        power = np.linalg.matrix_power([[1 - plain.p10, plain.p10], [plain.p01, 1 - plain.p01]], 3)
        assert (row.p10, row.p01) == pytest.approx((power[0, 1], power[1, 0]))


def test_what_cannot_be_scaled():
    """A readout error without a generator has no numbers above scale 1, and none is invented."""
    model = NoiseModel()
    model.add_readout_error(ReadoutError([[0.3, 0.7], [0.6, 0.4]]), [0])
    model.add_quantum_error(pauli_error([("X", 0.6), ("I", 0.4)]), "x", [0])
    device = qml.device("qizgloria.mixed", wires=1, noise_model=model)
    qml.QNode(lambda: [qml.X(0), qml.probs(wires=[0])][1], device)()
    device.noise_scale = 2.0
    report = device.noise_report()
    (qubit,), (row,) = report.qubits, report.instructions
    assert np.isnan([qubit.p10, qubit.p01, row.error]).all()
    assert "nan" in repr(report)


def test_the_date():
    """A report says when the noise was measured, where that is known."""
    date = FakeManilaV2().properties().last_update_date
    assert f"fake_manila, measured at {date.isoformat()}" in repr(twin().noise_report())


def test_a_model_of_pennylane():
    """A qml.NoiseModel's report is of what it put into the circuit that was run last."""
    model = qml.NoiseModel({qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.BitFlip, 0.1)})
    device = qml.device("qizgloria.mixed", wires=3, noise_model=model, noise_scale=2.0)
    assert "run one to see" in repr(device.noise_report())
    run(device)
    report = device.noise_report()
    (row,) = report.instructions
    twice = pauli_error([("X", 0.18), ("I", 0.82)])
    assert (row.title, row.error) == (
        "BitFlip(0)",
        pytest.approx(1 - average_gate_fidelity(twice), abs=1e-9),
    )
    assert "the circuit that was run last" in repr(report)
    mpl.use("Agg")
    report.plot()
    mpl.pyplot.close("all")


def test_delays():
    """All delays of a qubit are one row, with the error of its relaxation for as long."""
    device = twin(initial_layout=[0, 1, 2])

    def circuit():
        qml.X(0)
        for _ in range(2):
            Delay(20, "us", wires=0)
        return qml.expval(qml.Z(0))

    assert "only where delays are written down" in repr(device.noise_report())
    qml.QNode(circuit, device)()
    report = device.noise_report()
    (row,) = [own for own in report.instructions if own.name == "delay"]
    own = FakeManilaV2().target.qubit_properties[0]
    error = thermal_relaxation_error(own.t1, own.t2, 40e-6)
    expected = 1 - average_gate_fidelity(SuperOp(error))
    assert (row.title, row.error) == ("delay(0)", pytest.approx(expected, abs=1e-9))
    assert "delay(0)" in repr(report)
    assert "where delays are written down" not in repr(report)
