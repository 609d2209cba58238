"""What a circuit's module gives: shapes, and the quantum function behind it."""

import pennylane as qml
import pytest
import torch
from qiskit.circuit import Parameter, QuantumCircuit

from pennylane_qizgloria import from_qiskit
from pennylane_qizgloria.nn.signature.outputs import interpreted, quantum_function, read_outputs
from pennylane_qizgloria.nn.signature.roles import assign_roles


@pytest.fixture
def circuit():
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("x"), 0)
    circuit.cx(0, 1)
    return circuit


def read(circuit, observables=None, interpret=None, shape=None, sparse=False):
    return read_outputs(from_qiskit(circuit), observables, interpret, shape, sparse)


def test_observables_make_one_entry_each(circuit):
    """There is an entry for each observable, with Qiskit's qubits as wires."""
    outputs = read(circuit, ["IZ", "ZI", "XX"])
    assert outputs.shape == (3,)
    assert outputs.index is None
    assert outputs.observables[:2] == (qml.Z(0), qml.Z(1))


def test_probabilities_are_read_from_the_last_wire_down(circuit):
    """Probabilities come in Qiskit's order of bits."""
    outputs = read(circuit)
    assert outputs.shape == (4,)
    assert outputs.observables is None
    function, wires = quantum_function(
        from_qiskit(circuit), assign_roles(circuit, "x", None), outputs.observables
    )
    assert wires == 2
    tape = qml.tape.make_qscript(function)(torch.tensor([0.3]), torch.zeros(0))
    assert tape.measurements == [qml.probs(wires=[1, 0])]


def test_the_number_of_wires_is_open_where_measurements_take_more(circuit):
    """Mid-circuit measurements leave the number of wires to the device."""
    circuit.add_bits(QuantumCircuit(0, 1).clbits)
    circuit.measure(0, 0)
    circuit.x(0)
    _, wires = quantum_function(from_qiskit(circuit), assign_roles(circuit, "x", None), None)
    assert wires is None


def test_interpreted_probabilities_are_added_up(circuit):
    """Probabilities of outcomes with one index are added, in values and gradients."""
    outputs = read(circuit, interpret=lambda k: (0, k.bit_count() % 2), shape=(1, 2))
    measured = torch.tensor([[0.1, 0.2, 0.3, 0.4]], requires_grad=True)
    result = interpreted(measured, outputs.index, outputs.shape)
    torch.testing.assert_close(result.detach(), torch.tensor([[0.5, 0.5]]))
    (gradient,) = torch.autograd.grad(result[0, 1], measured)
    assert gradient.tolist() == [[0.0, 1.0, 1.0, 0.0]]
    assert interpreted(measured, None, (4,)) is measured


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observables": []}, "observables is empty"),
        ({"observables": "Z"}, "one of 1 qubits"),
        ({"observables": "ZZ", "interpret": int}, "interpret cannot be given together"),
        ({"observables": "ZZ", "shape": 2}, "output_shape cannot be given together"),
        ({"observables": "ZZ", "sparse": True}, "sparse cannot be given together"),
        ({"interpret": int}, "needs output_shape"),
        ({"interpret": int, "shape": 2}, "returned 2 for the outcome 2"),
        ({"shape": 3}, r"has the shape \(4,\)"),
    ],
)
def test_what_does_not_fit_is_refused(circuit, options, message):
    """Options that exclude one another or do not fit the circuit are refused at construction."""
    with pytest.raises(ValueError, match=message):
        read(circuit, **options)
