"""A tape as a lowered circuit: its context, its numbers, and what is measured."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.tape import QuantumScript
from pennylane.wires import Wires

from pennylane_qizgloria.lowering.circuit import lower
from pennylane_qizgloria.lowering.measurements.readout import confusion_model
from pennylane_qizgloria.lowering.measurements.specs import SampledMeasurement
from pennylane_qizgloria.pauli.state.basis import X, Z

DOUBLE = torch.float64


def lowered(operations, measurements, shots=None, **options):
    return lower(QuantumScript(operations, measurements, shots=shots), DOUBLE, **options)


def test_program_and_measurements_have_the_same_wires():
    """Operations and observables of one label have one integer wire."""
    circuit = lowered([qml.CNOT(["b", "a"])], [qml.expval(qml.Z("a") @ qml.X("c"))])
    assert dict(circuit.context.wire_map) == {"b": 0, "a": 1, "c": 2}
    program = circuit.program.program
    assert program.operations[0].wires == (0, 1)
    assert program.observed == {(1, Z), (2, X)}
    (words,) = circuit.measurements.sums.sums
    pairs = zip(words.wires, words.words[0].tolist(), strict=True)
    assert {pair for pair in pairs if pair[1]} == {(1, Z), (2, X)}


def test_observed_paulis_are_those_of_all_measurements():
    """The program observes what any measurement needs."""
    measurements = [qml.expval(qml.X(0)), qml.probs(wires=[1]), qml.purity([2])]
    circuit = lowered([qml.CNOT([0, 1])], measurements)
    expected = {(0, X), (1, Z), *((2, pauli) for pauli in (1, 2, 3))}
    assert circuit.program.program.observed == circuit.measurements.observed == expected


@pytest.mark.parametrize(
    ("operations", "batch_size"),
    [
        ([qml.RX(0.3, 0)], None),
        ([qml.RX(np.array([0.3, 0.4]), 0)], 2),
        ([qml.BitFlip(np.array([0.3]), 0)], 1),
        ([qml.GlobalPhase(np.array([0.3, 0.1, 0.2]), 0)], 3),
        ([], None),
    ],
    ids=["single", "batch", "batch of one", "global phases", "none"],
)
def test_batches(operations, batch_size):
    """A circuit is batched where any parameter is, channels and global phases included."""
    circuit = lowered(operations, [qml.expval(qml.Z(0))])
    assert circuit.program.batch_size == batch_size
    assert circuit.is_batched == (batch_size is not None)


def test_tensors_are_torchs_parameters():
    """Tensors of operations are listed in order; numbers, arrays and observables are not."""
    x, y, z = (torch.tensor(own) for own in (0.1, 0.2, 0.3))
    operations = [qml.Rot(x, 0.5, y, 0), qml.RY(np.array(0.4), 0), qml.GlobalPhase(z, 0)]
    circuit = lowered(operations, [qml.expval(torch.tensor(2.0) * qml.Z(0))])
    assert len(circuit.tensors) == 3
    assert all(own is given for own, given in zip(circuit.tensors, (x, y, z), strict=True))


def test_phases_are_the_tensors_of_global_phases():
    """Global phases are kept apart, since the program has no place for them."""
    phase = torch.tensor(0.3, requires_grad=True)
    operations = [qml.GlobalPhase(phase, 0), qml.GlobalPhase(0.2, 0), qml.RX(phase, 0)]
    circuit = lowered(operations, [qml.expval(qml.Z(0))])
    assert len(circuit.phases) == 1
    assert circuit.phases[0] is phase
    assert len(circuit.program.program.operations) == 1


def test_confusion_matrices_are_on_integer_wires():
    """The readout error of a label is that of its integer wire."""
    confusion = confusion_model({"a": (0.1, 0.3)}, Wires(["a", "b"]))
    circuit = lowered([qml.CNOT(["b", "a"])], [qml.probs(wires="a")], confusion=confusion)
    assert list(circuit.context.confusion) == [1]
    expected = torch.tensor([[0.9, 0.1], [0.3, 0.7]], dtype=DOUBLE)
    torch.testing.assert_close(circuit.context.confusion[1], expected)
    assert lowered([], [qml.probs(wires="a")]).context.confusion == {}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_precision(dtype):
    """All numbers of a circuit have its precision."""
    operations = [
        qml.RX(torch.tensor(0.3, dtype=torch.float16), 0),
        qml.RY(np.array([0.3, 0.4]), 0),
        qml.BitFlip(0.1, 0),
        qml.QubitUnitary(np.eye(2), 0),
    ]
    circuit = lower(QuantumScript(operations, [qml.expval(0.5 * qml.Z(0))]), dtype)
    numbers = circuit.program.arguments
    assert circuit.context.dtype == numbers.scalars.dtype == numbers.batched_scalars.dtype == dtype
    assert numbers.operands[0].dtype == numbers.constants.numbers.dtype == dtype
    assert circuit.measurements.sums.sums[0].coefficients.dtype == dtype


def test_shots_are_sampled():
    """With shots the measurements are terms to sample, without expectation values."""
    circuit = lowered([qml.X(0)], [qml.expval(qml.Z(0))], shots=10)
    assert circuit.measurements.sums.sums == ()
    assert all(isinstance(spec, SampledMeasurement) for spec in circuit.measurements.specs)


@pytest.mark.parametrize(
    ("operation", "observable", "message"),
    [
        (qml.RX(np.nan, 0), qml.Z(0), "RX"),
        (qml.BitFlip(np.array([0.1, 1.2]), 0), qml.Z(0), "BitFlip"),
        (qml.X(0), qml.Hermitian(np.array([[0, 1], [0, 0]]), 0), "Hermitian"),
    ],
)
def test_invalid_circuits_are_refused(operation, observable, message):
    """Parameters and observables that are not what they should be raise an error by name."""
    with pytest.raises(ValueError, match=message):
        lowered([operation], [qml.expval(observable)])
