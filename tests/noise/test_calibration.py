"""What a calibration may say, and what of it is reported."""

from math import inf, nan

import pennylane as qml
import pytest
import torch
from qiskit.circuit import Measure
from qiskit.circuit.library import CXGate
from qiskit.transpiler import InstructionProperties, QubitProperties, Target

from pennylane_qizgloria.noise.calibration import (
    CalibratedNoise,
    Calibration,
    GateCalibration,
    QubitCalibration,
)
from pennylane_qizgloria.noise.calibration_files import (
    calibration_of_properties,
    calibration_of_target,
)
from pennylane_qizgloria.qiskit.backends.resolve import _fake_backends

TIMES = "above 0, infinite if it is not known"
SHARES = "from 0 to 1"


@pytest.mark.parametrize("wrong", [-1e-5, 0.0, nan, -inf])
@pytest.mark.parametrize("key", ["t1", "t2"])
def test_times_out_of_range(key, wrong):
    """T1 and T2 are positive, may be infinite, and the qubit and the value are named."""
    qubits = (QubitCalibration(1e-4, 1e-4), QubitCalibration(**{key: wrong}))
    with pytest.raises(
        ValueError, match=rf"{key.upper()} of qubit 1 of ibm is .*{TIMES}"
    ) as raised:
        Calibration("ibm", qubits)
    assert repr(wrong) in str(raised.value)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, nan, inf])
@pytest.mark.parametrize("place", [0, 1])
def test_readout_out_of_range(place, wrong):
    """Readout errors are probabilities."""
    pair = tuple(wrong if place == number else 0.1 for number in range(2))
    title = rf"p\({1 - place}\|{place}\) of qubit 0 of ibm is {wrong!r}.*{SHARES}"
    with pytest.raises(ValueError, match=title):
        Calibration("ibm", (QubitCalibration(readout=pair),))


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (GateCalibration(error=1.5), rf"error of cx\(0, 1\) of ibm is 1\.5.*{SHARES}"),
        (GateCalibration(error=-0.1), rf"error of cx\(0, 1\) of ibm is -0\.1.*{SHARES}"),
        (GateCalibration(error=nan), rf"error of cx\(0, 1\) of ibm is nan.*{SHARES}"),
        (GateCalibration(-1e-7), r"duration of cx\(0, 1\) of ibm is -1e-07 .*at least 0"),
        (GateCalibration(inf), r"duration of cx\(0, 1\) of ibm is inf .*finite"),
        (GateCalibration(nan), r"duration of cx\(0, 1\) of ibm is nan .*at least 0"),
    ],
)
def test_gates_out_of_range(gate, message):
    """Errors of gates lie between 0 and 1, and durations are finite."""
    with pytest.raises(ValueError, match=message):
        Calibration("ibm", (QubitCalibration(),) * 2, {("cx", (0, 1)): gate})


@pytest.mark.parametrize(
    ("instruction", "message"),
    [
        (("cx", (0, 2)), r"ibm has cx\(0, 2\), but its qubits are 0 to 1"),
        (("cx", (-1, 0)), r"ibm has cx\(-1, 0\), but its qubits are 0 to 1"),
        (("cx", (1, 1)), r"ibm has cx\(1, 1\), on a qubit twice"),
    ],
)
def test_gates_on_other_qubits(instruction, message):
    """A gate is on qubits of the calibration, on each once."""
    with pytest.raises(ValueError, match=message):
        Calibration("ibm", (QubitCalibration(),) * 2, {instruction: GateCalibration(0.0, 0.1)})


def test_the_ends_of_the_ranges():
    """Errors of 0 and 1, no duration, and unknown times make channels of finite numbers."""
    qubits = (QubitCalibration(), QubitCalibration(1e-4, inf, (0.0, 1.0)))
    gates = {
        ("cx", (0, 1)): GateCalibration(0.0, 1.0),
        ("x", (1,)): GateCalibration(1e-7, 0.0),
        ("x", (0,)): GateCalibration(),
    }
    noise = CalibratedNoise(Calibration("ibm", qubits, gates))
    for own in gates:
        for channel in noise.after(*own):
            assert torch.isfinite(channel.transfer()).all()


def test_targets_out_of_range():
    """A target is named with what is wrong in it."""
    target = Target(num_qubits=1, qubit_properties=[QubitProperties(t1=-1)])
    with pytest.raises(ValueError, match=r"T1 of qubit 0 of the target is -1\.0 s"):
        qml.device("qizgloria.mixed", wires=1, noise_model=target)
    target = Target(num_qubits=2)
    target.add_instruction(CXGate(), {(0, 1): InstructionProperties(1e-7, 1.5)})
    with pytest.raises(ValueError, match=r"error of cx\(0, 1\) of the target is 1\.5"):
        qml.device("qizgloria.mixed", wires=1, noise_model=target)
    target = Target(num_qubits=2)
    target.add_instruction(Measure(), {(1,): InstructionProperties(error=nan)})
    with pytest.raises(ValueError, match=r"of qubit 1 of the target is nan"):
        qml.device("qizgloria.mixed", wires=1, noise_model=target)


@pytest.mark.parametrize("time", [0, 0.0, None])
def test_times_that_a_target_does_not_have(time):
    """A time of 0 is none that was measured, and as good as a missing one."""
    target = Target(num_qubits=1, qubit_properties=[QubitProperties(t1=1, t2=time)])
    assert calibration_of_target("ibm", target).qubits == (QubitCalibration(1.0, inf),)


@pytest.mark.slow
def test_every_fake_backend_is_in_range():
    """Calibrations that services have written are taken: faulty gates and missing times, too."""
    for name, kind in _fake_backends().items():
        backend = kind()
        assert calibration_of_properties(backend.properties(), name).qubits
        assert calibration_of_target(name, backend.target).qubits


def test_unknown_times_are_reported():
    """It is said of which qubits a time is not known, and what is taken for it."""
    qubits = [(1e-4, 1e-4), (1e-4, 3e-4), (1e-4, inf), (inf, 1e-4), (inf, inf)]
    known = tuple(QubitCalibration(*times, (0.1, 0.1)) for times in qubits)
    noise = CalibratedNoise(Calibration("ibm", known))
    assert noise.ignored == [
        "T2 of the qubits [1] is longer than twice T1, and taken as that.",
        "The calibration has no T2 of the qubits [2]: it is taken as twice T1.",
        "The calibration has no T1 of the qubits [3]: they dephase, and do not decay.",
        "The calibration has neither T1 nor T2 of the qubits [4]: they do not relax.",
    ]


@pytest.mark.parametrize("number", [5, -1])
def test_qubits_that_there_are_not(number):
    """Readout errors and relaxation of other qubits are refused by the qubit's number."""
    properties = _fake_backends()["fake_manila"]().properties()
    noise = CalibratedNoise(calibration_of_properties(properties))
    for ask in (noise.readout, noise.times, lambda qubit: noise.idle(qubit, 1e-6)):
        with pytest.raises(ValueError, match=rf"manila has no qubit {number}.* are 0 to 4"):
            ask(number)
