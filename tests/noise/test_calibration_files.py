"""Calibrations of properties, targets and files, against the errors that Aer makes of them."""

import json

import numpy as np
import pennylane as qml
import pytest
from qiskit.quantum_info import PTM, SuperOp
from qiskit_aer.noise.device.models import basic_device_gate_errors, basic_device_readout_errors

from pennylane_qizgloria.noise.calibration import CalibratedNoise
from pennylane_qizgloria.noise.calibration_files import (
    calibration_of_properties,
    calibration_of_target,
    read_calibration,
    target_of,
)
from pennylane_qizgloria.noise.composition import composed
from pennylane_qizgloria.qiskit.backends.resolve import _fake_backends

SAMPLE = 25
"""So many instructions of each backend are compared."""

FIVE = ["fake_manila", "fake_lagos", "fake_kolkata", "fake_sherbrooke", "fake_torino"]

# As IBM's site has written it since 2024, shortened.
TABLE = """\
"Qubit","T1 (us)","T2 (us)","Readout assignment error","Prob meas0 prep1","Prob meas1 prep0",\
"Readout length (ns)","ID error","Single-qubit gate length (ns)","Z-axis rotation (rz) error",\
"√x (sx) error","Pauli-X error","CZ error","Gate length (ns)","Operational"
0,100.5,80.25,0.02,0.03,0.01,1300,0.0002,32,0,0.0002,0.0002,"1:0.004","1:68","Yes"
1,200,,0.05,,,1300,0.0003,32,0,0.0003,0.0003,"0:0.004;2:0.006","0:68;2:84","Yes"
2,150,300,0.01,0.01,0.01,1300,0.0004,32,0,0.0004,0.0004,"1:0.006","1:84","Yes"
"""

# As it wrote it until 2023.
OLD_TABLE = """\
Qubit, T1 (us), T2 (us), Readout assignment error , √x (sx) error , CNOT error , Gate time (ns)
0, 100, 80, 0.02, 0.0002, 0_1:0.004, 0_1:300
1, 200, 90, 0.05, 0.0003, 1_0:0.004, 1_0:335
"""


def check(noise, errors, readouts):
    """The channels and pairs are those that Aer makes."""
    for name, qubits, error in errors:
        qubits = tuple(qubits)
        # Qiskit's first qubit is the least significant one.
        found = composed(noise.after(name, qubits), qubits[::-1])
        np.testing.assert_allclose(found, PTM(SuperOp(error)).data.real, atol=1e-8)
    for (qubit,), error in readouts:
        p10, p01 = noise.readout(qubit)
        np.testing.assert_allclose([[1 - p10, p10], [p01, 1 - p01]], error.probabilities)


def check_properties(name):
    properties = _fake_backends()[name]().properties()
    errors = basic_device_gate_errors(properties)
    chosen = errors[:: max(1, len(errors) // SAMPLE)]
    noise = CalibratedNoise(calibration_of_properties(properties))
    check(noise, chosen, basic_device_readout_errors(properties))
    noisy = {(own, tuple(qubits)) for own, qubits, _ in errors}
    assert {own for own in noise.instructions() if noise.after(*own)} <= noisy


@pytest.mark.parametrize("name", FIVE)
def test_properties_give_the_noise_that_aer_makes_of_them(name):
    """Behind each instruction are the channels of Aer's basic_device_gate_errors."""
    check_properties(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(_fake_backends()))
def test_properties_of_every_fake_backend(name):
    """The same for each fake backend."""
    check_properties(name)


@pytest.mark.parametrize("name", FIVE)
def test_targets_give_the_noise_that_aer_makes_of_them(name):
    """The same for targets, whose resets relax and have no gate error."""
    target = _fake_backends()[name]().target
    errors = basic_device_gate_errors(target=target)
    noise = CalibratedNoise(calibration_of_target(name, target))
    check(
        noise, errors[:: max(1, len(errors) // SAMPLE)], basic_device_readout_errors(target=target)
    )


@pytest.mark.parametrize("name", FIVE)
def test_json_files_are_properties(tmp_path, name):
    """The JSON of properties gives what the properties give."""
    properties = _fake_backends()[name]().properties()
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(properties.to_dict(), default=str))
    found, expected = read_calibration(path), calibration_of_properties(properties)
    assert found.qubits == expected.qubits
    assert found.gates == expected.gates
    assert found.date is not None


def test_tables(tmp_path):
    """All columns of a table are read, in seconds, and what is missing is taken as not known."""
    path = tmp_path / "ibm_somewhere.csv"
    path.write_text("\ufeff" + TABLE, encoding="utf-8")
    found = read_calibration(path)
    assert found.name == "ibm_somewhere"
    assert [own.readout for own in found.qubits] == [(0.01, 0.03), (0.05, 0.05), (0.01, 0.01)]
    assert found.qubits[0].t1 == pytest.approx(100.5e-6)
    assert found.qubits[1].t2 == np.inf
    assert found.gates["cz", (1, 2)].error == 0.006
    assert found.gates["cz", (1, 2)].duration == pytest.approx(84e-9)
    assert found.gates["sx", (2,)].duration == pytest.approx(32e-9)
    assert found.gates["rz", (0,)].duration == 0
    assert {name for name, _ in found.gates} == {"id", "rz", "sx", "x", "cz"}


def test_old_tables(tmp_path):
    """Columns of former years have other names and write pairs out."""
    path = tmp_path / "old.csv"
    path.write_text(OLD_TABLE, encoding="utf-8")
    found = read_calibration(path)
    assert found.gates["cx", (1, 0)].error == 0.004
    assert found.gates["cx", (1, 0)].duration == pytest.approx(335e-9)
    assert found.qubits[1].readout == (0.05, 0.05)


def test_a_table_makes_a_twin(tmp_path):
    """Circuits are compiled to the gates of a table, on pairs that it has."""
    path = tmp_path / "ibm_somewhere.csv"
    path.write_text(TABLE, encoding="utf-8")
    device = qml.device("qizgloria.mixed", wires=3, noise_model=str(path))

    @qml.qnode(device)
    def circuit():
        qml.Hadamard(0)
        qml.CNOT([0, 1])
        qml.CNOT([0, 2])
        return qml.probs(wires=range(3))

    found = circuit()
    assert 0.8 < found[0] + found[-1] < 0.99
    compiled = device._twin.last.compiled.circuit
    assert set(compiled.count_ops()) <= {"rz", "sx", "x", "cz", "measure"}
    assert "ibm_somewhere" in repr(device.noise_report())


def test_targets_of_calibrations():
    """A target has the gates of the calibration where it has them, and its times."""
    backend = _fake_backends()["fake_manila"]()
    target = target_of(calibration_of_properties(backend.properties()))
    assert set(target["cx"]) == set(backend.target["cx"])
    assert target["cx"][(0, 1)].error == pytest.approx(backend.target["cx"][(0, 1)].error)
    assert target.qubit_properties[2].t1 == pytest.approx(backend.target.qubit_properties[2].t1)


def properties_of(qubit=(), gate=(), on=(0, 1)):
    """The JSON of two qubits and a gate, with these items."""
    items = [
        {"name": key, "unit": "us" if key in ("T1", "T2") else "", "value": v} for key, v in qubit
    ]
    parameters = [{"name": key, "unit": "", "value": value} for key, value in gate]
    gates = [{"gate": "cx", "qubits": on, "parameters": parameters}]
    return json.dumps({"backend_name": "ibm", "qubits": [items, items], "gates": gates})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", properties_of([("T1", 100), ("T2", 0)])),
        ("a.json", properties_of([("T1", 100), ("T2", None)])),
        ("a.json", properties_of([("T1", 100)])),
        ("a.csv", "Qubit,T1 (us),T2 (us)\n0,100,0\n1,100,\n"),
    ],
)
def test_times_that_were_not_measured(tmp_path, name, text):
    """A time of 0 or none is taken as not known."""
    path = tmp_path / name
    path.write_text(text)
    for qubit in read_calibration(path).qubits:
        assert qubit.t1 == pytest.approx(1e-4)
        assert qubit.t2 == np.inf


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (properties_of([("T1", -3)]), r"T1 of qubit 0 of ibm is -3e-06 s"),
        (properties_of([("T1", float("nan"))]), r"T1 of qubit 0 of ibm is nan"),
        (properties_of([("T2", "long")]), r"T2 of qubit 0 of ibm is 'long', which is no number"),
        (properties_of([("T2", 10**400)]), r"T2 of qubit 0 of ibm is 1000.*, which is no number"),
        (properties_of([("readout_error", 1.1)]), r"p\(1\|0\) of qubit 0 of ibm is 1\.1"),
        (
            properties_of([("prob_meas1_prep0", 0.1), ("prob_meas0_prep1", [2])]),
            r"prob_meas0_prep1 of qubit 0 of ibm is \[2\], which is no number",
        ),
        (properties_of(gate=[("gate_error", 2)]), r"error of cx\(0, 1\) of ibm is 2\.0"),
        (properties_of(gate=[("gate_length", -1)]), r"duration of cx\(0, 1\) of ibm is -1\.0"),
        (properties_of(on=[0, 2]), r"ibm has cx\(0, 2\), but its qubits are 0 to 1"),
        (properties_of(on=[1, 1]), r"ibm has cx\(1, 1\), on a qubit twice"),
        (properties_of(on="01"), r"ibm has a gate 'cx' on '01', not"),
        (properties_of(on=[0, 0.5]), r"ibm has a gate 'cx' on \[0, 0\.5\], not"),
        ("Qubit,T1 (us)\n0,-3\n", r"T1 of qubit 0 of a is -3e-06 s"),
        ("Qubit,T1 (us)\n0,nan\n", r"T1 of qubit 0 of a is nan"),
        ("Qubit,Readout assignment error\n0,-1\n", r"p\(1\|0\) of qubit 0 of a is -1\.0"),
        ("Qubit,√x (sx) error\n0,1.5\n", r"error of sx\(0\) of a is 1\.5"),
        ("Qubit,CZ error\n0,1:0.1\n", r"a has cz\(0, 1\), but its qubits are 0 to 0"),
        ("Qubit,CZ error\n0,0_0:0.1\n", r"a has cz\(0, 0\), on a qubit twice"),
        (
            "Qubit,CZ error,Gate time (ns)\n0,0_1:0.1,0_1:-5\n1,,\n",
            r"duration of cz\(0, 1\) of a is -5",
        ),
        (
            "Qubit,ID error,Single-qubit gate length (ns)\n0,0.1,inf\n",
            r"duration of id\(0\) of a is inf",
        ),
        ("Qubit,T1 (us)\n0.5,1\n", r"'qubit' has '0\.5', which is no whole number"),
        ("Qubit,T1 (us)\ninf,1\n", r"'qubit' has 'inf', which is no whole number"),
    ],
)
def test_files_with_numbers_out_of_range(tmp_path, text, message):
    """A device refuses a file by its name, saying the qubit or gate and the value."""
    path = tmp_path / ("a.json" if text.startswith("{") else "a.csv")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"a\.(csv|json) is no calibration file: .*{message}"):
        qml.device("qizgloria.mixed", wires=1, noise_model=path)


def test_other_ways_to_measure():
    """Services list further measurements and resets, which are no part of a target."""
    backend = _fake_backends()["fake_kingston"]()
    calibration = calibration_of_properties(backend.properties())
    assert any(name == "measure_2" for name, _ in calibration.gates)
    assert "measure_2" not in target_of(calibration).operation_names


def test_instructions_that_qiskit_does_not_know(tmp_path):
    """Any other one is refused by name."""
    path = tmp_path / "a.json"
    path.write_text(properties_of().replace('"cx"', '"magic"'))
    with pytest.raises(ValueError, match="ibm has the instruction 'magic', unknown to Qiskit"):
        qml.device("qizgloria.mixed", wires=1, noise_model=path)


def test_gates_on_another_number_of_qubits(tmp_path):
    """A gate that Qiskit knows is on as many qubits as there."""
    path = tmp_path / "a.json"
    path.write_text(properties_of(on=[0]))
    with pytest.raises(ValueError, match=r"ibm has cx\(0\), but cx acts on 2 qubits"):
        qml.device("qizgloria.mixed", wires=1, noise_model=path)


def test_files_of_other_characters(tmp_path):
    """A file that is no text is refused by name."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"Qubit,T1 (us)\n0,\xff\n")
    with pytest.raises(ValueError, match=r"a\.csv is no calibration file"):
        read_calibration(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "no rows, or no column 'Qubit'"),
        ("a.csv", "T1 (us)\n3\n", "no rows, or no column 'Qubit'"),
        ("a.csv", "Qubit,T1 (us)\n0,long\n", "'t1 \\(us\\)' has 'long' for qubit 0"),
        ("a.csv", "Qubit,T1 (us)\n0,1\n2,1\n", "has \\[0, 2\\], not each qubit once"),
        ("a.csv", "Qubit,CZ error\n0,a:0.1\n1,\n", "'cz error' has 'a:0.1', not such as 0_1:0.01"),
        ("a.json", "{", "is no calibration file"),
        ("a.json", "[]", "JSON is no object"),
        ("a.json", "{}", "has no 'gates'"),
        (
            "a.json",
            '{"gates": [], "qubits": [[{"name": "T1", "unit": "h", "value": 1}]]}',
            "T1 of qubit 0 of a is in the unit 'h'",
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, text, message):
    """What is wrong is said with the file's name and where it is."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(
        ValueError, match=rf"a\.(csv|json) is no calibration file: .*{message}|{message}"
    ):
        read_calibration(path)


def test_no_file():
    """A path without a file is said to be none."""
    with pytest.raises(ValueError, match=r"no calibration file 'nowhere\.csv'"):
        qml.device("qizgloria.mixed", wires=1, noise_model="nowhere.csv")


def test_schedules_of_a_table(tmp_path):
    """A table with the times of gates can be scheduled: turns about Z take none."""
    path = tmp_path / "ibm_somewhere.csv"
    path.write_text(TABLE, encoding="utf-8")
    device = qml.device("qizgloria.mixed", wires=3, noise_model=path, scheduling_method="alap")

    @qml.qnode(device)
    def circuit():
        for wire in range(3):
            qml.RX(0.3, wire)
        qml.CZ([0, 1])
        qml.CZ([1, 2])
        return qml.probs(wires=range(3))

    circuit()
    assert "delay" in {row.name for row in device.noise_report().instructions}
