"""Which wires a sampler measures, and which bits are whose."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.primitives import BitArray, DataBin, PubResult

from pennylane_qizgloria.qiskit.compile.structures import TapeReader
from pennylane_qizgloria.qiskit.compile.transpilation import Compiler
from pennylane_qizgloria.qiskit.pubs.pubs import PubChunk, PubCollection
from pennylane_qizgloria.qiskit.pubs.sampler import add_to_sampler, sampled_bits

ORDER = ["a", "b", "c"]


def added(tape):
    """What a tape measures, and its reader."""
    pubs = PubCollection()
    read = add_to_sampler(tape, ORDER, TapeReader(), Compiler(None), pubs).postprocess
    (pub,) = pubs
    circuit = pub.compiled.circuit
    ends = [op for op in circuit.data if op.name == "measure" and op.clbits[0] in _end(circuit)]
    return [circuit.find_bit(op.qubits[0]).index for op in ends], read


def _end(circuit):
    registers = [register for register in circuit.cregs if register.name == "meas"]
    return [bit for register in registers for bit in register]


@pytest.mark.parametrize(
    ("measurements", "measured"),
    [
        ([qml.probs(wires=["c", "a"])], [0, 2]),
        ([qml.counts()], [0, 1, 2]),
        ([qml.expval(qml.Z("b")), qml.sample(wires="c")], [1, 2]),
    ],
)
def test_only_what_is_read_is_measured(measurements, measured):
    """Qubits that nobody reads would be measured, which costs time and errors."""
    tape = QuantumScript([qml.Identity(wire) for wire in ORDER], measurements, shots=5)
    assert added(tape)[0] == measured


def test_outcomes_of_mid_circuit_measurements_are_not_measured_again():
    """The bit at the end would stand for that in the middle."""
    with qml.queuing.AnnotatedQueue() as queue:
        qml.Identity("a")
        value = qml.measure("b")
        qml.expval(value)
        qml.probs(wires="c")
    measured, read = added(QuantumScript.from_queue(queue, shots=4))
    assert measured == [2]
    bits = np.array([[[0, 1], [1, 1], [1, 1], [1, 0]]], dtype=bool)
    mean, probs = read([bits])
    assert mean == 0.75
    np.testing.assert_array_equal(probs, [0.25, 0.75])


def test_shots_that_postselection_drops():
    """Results would include outcomes that the user excluded."""
    with qml.queuing.AnnotatedQueue() as queue:
        qml.measure("b", postselect=1)
        qml.sample(wires="c")
    _, read = added(QuantumScript.from_queue(queue, shots=4))
    bits = np.array([[[0, 1], [1, 0], [1, 1], [0, 0]]], dtype=bool)
    np.testing.assert_array_equal(np.ravel(read([bits])), [0, 1])


def registers(meas, mcm):
    """A result of two rows and three shots."""
    data = {
        "meas": BitArray.from_bool_array(meas, order="little"),
        "mcm": BitArray.from_bool_array(mcm, order="little"),
    }
    return PubResult(DataBin(**data, shape=meas.shape[:-2]))


def chunks_of(*arrays):
    """The parts of a PUB with two registers, from their rows."""
    circuit = QuantumCircuit(QuantumRegister(11), ClassicalRegister(9, "meas"))
    circuit.add_register(ClassicalRegister(2, "mcm"))
    return [PubChunk(0, (circuit,), len(rows), 3) for rows in arrays]


def test_bits_are_those_of_the_registers_in_order(rng):
    """Bits come in the order of wires, registers, rows and parts."""
    meas, mcm = rng.integers(0, 2, (2, 3, 9)) == 1, rng.integers(0, 2, (2, 3, 2)) == 1
    found = sampled_bits(chunks_of(meas), [registers(meas, mcm)])
    np.testing.assert_array_equal(found, np.concatenate([meas, mcm], axis=-1))
    results = [registers(meas[i : i + 1], mcm[i : i + 1]) for i in range(2)]
    np.testing.assert_array_equal(sampled_bits(chunks_of(meas[:1], meas[1:]), results), found)


def test_measurements_of_one_tape_are_read_from_the_same_shots():
    """Counts, means, variances and probabilities of a tape agree with each other."""
    total = qml.Z("a") + 2 * qml.Z("b")
    processes = [
        *(
            qml.counts(wires=["a", "b"]),
            qml.expval(qml.Z("a")),
            qml.expval(qml.Z("a") @ qml.Z("b")),
        ),
        *(qml.sample(total), qml.counts(total, all_outcomes=True), qml.probs(wires="b")),
        qml.expval(qml.Hermitian(np.diag([1.0, 3.0]), "a")),
    ]
    _, read = added(QuantumScript([], processes, shots=4))
    bits = np.array([[[0, 0], [0, 1], [1, 1], [0, 1]]], dtype=bool)
    counts, z, zz, values, outcomes, probs, matrix = read([bits])
    assert counts == {"00": 1, "01": 2, "11": 1}
    assert (z, zz, matrix) == (0.5, 0.0, 1.5)
    np.testing.assert_array_equal(values, [3, -1, -3, -1])
    assert outcomes == {-3: 1, -1: 2, 1: 0, 3: 1}
    np.testing.assert_array_equal(probs, [0.25, 0.75])
