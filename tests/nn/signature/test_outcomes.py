"""Outcomes of circuits with and without measurements, and what users make of them."""

import numpy as np
import pytest
import torch
from pennylane.tape import make_qscript
from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister

from pennylane_qizgloria import from_qiskit
from pennylane_qizgloria.nn.signature.outcomes import (
    interpret_outcomes,
    measures_midway,
    read_ending,
    read_outcomes,
)


def measured(*pairs, num_qubits=3, num_clbits=3):
    circuit = QuantumCircuit(num_qubits, num_clbits)
    for qubit, clbit in pairs:
        circuit.measure(qubit, clbit)
    return circuit


def conditional():
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    return circuit


def of(circuit):
    return read_outcomes(from_qiskit(circuit))


def test_without_measurements_all_qubits_are_read():
    """A circuit without measurements has Qiskit's integers of all qubits as outcomes."""
    outcomes, template = of(QuantumCircuit(3))
    assert (outcomes.num_bits, outcomes.qubits) == (3, (2, 1, 0))
    assert outcomes.integers() == list(range(8))
    assert not measures_midway(template)


@pytest.mark.parametrize("mark", [lambda c: c.barrier(), lambda c: c.delay(10, [0, 1])])
def test_barriers_and_delays_behind_measurements(mark):
    """Measurements end a circuit whatever barriers and delays are behind them."""
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.delay(10, 1)
    circuit.measure(0, 0)
    mark(circuit)
    circuit.measure(1, 1)
    mark(circuit)
    outcomes, template = of(circuit)
    assert outcomes.qubits == (1, 0)
    assert read_ending(from_qiskit(circuit)).final == {0: 0, 1: 1}
    operators = make_qscript(template)().operations
    # The readings are at the end now, so waits that were behind them must not come before them.
    waits = [op.wires[0] for op in operators if op.name == "Delay"]
    assert waits == ([1] if any(op.name == "Barrier" for op in operators) else [1, 1])


def test_a_register_that_nothing_is_measured_into_does_not_count():
    """An unused classical register leaves the qubits as outcomes."""
    outcomes, _ = of(QuantumCircuit(QuantumRegister(2), ClassicalRegister(1)))
    assert outcomes.qubits == (1, 0)


@pytest.mark.parametrize(
    ("pairs", "places", "qubits", "integers"),
    [
        ([(0, 0), (1, 1), (2, 2)], (2, 1, 0), (2, 1, 0), [0, 1, 2, 3, 4, 5, 6, 7]),
        ([(0, 2), (1, 0), (2, 1)], (2, 1, 0), (0, 2, 1), [0, 1, 2, 3, 4, 5, 6, 7]),
        ([(1, 2), (0, 0)], (2, 0), (1, 0), [0, 1, 4, 5]),
        ([(1, 0), (2, 0)], (0,), (2,), [0, 1]),
    ],
)
def test_measurements_at_the_end_become_a_reading_of_qubits(pairs, places, qubits, integers):
    """Final measurements are read from the qubits, in the order of their bits."""
    outcomes, template = of(measured(*pairs))
    assert (outcomes.num_bits, outcomes.measured_bits, outcomes.qubits) == (3, places, qubits)
    assert outcomes.integers() == integers
    assert not measures_midway(template)


def test_measurements_in_the_middle_stay():
    """Measurements that later steps depend on stay in the circuit."""
    template = from_qiskit(conditional())
    ending = read_ending(template)
    assert (ending.final, ending.middle) == ({1: 1}, {0})
    outcomes, rest = read_outcomes(template)
    assert outcomes.qubits is None
    assert rest is template
    assert measures_midway(rest)


def test_a_qubit_that_is_measured_and_used_again_is_in_the_middle():
    """A measurement is not final if its qubit is used again."""
    circuit = measured((0, 0), num_qubits=1, num_clbits=1)
    circuit.x(0)
    assert read_ending(from_qiskit(circuit)).middle == {0}


def test_a_bit_that_is_read_later_is_in_the_middle():
    """A measurement is not final if a condition reads its bit."""
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    assert read_ending(from_qiskit(circuit)).middle == {0}


def test_a_bit_that_is_written_again_counts_as_last_written():
    """Of two measurements into one bit the last one counts."""
    circuit = measured((0, 0))
    circuit.x(0)
    circuit.measure(1, 0)
    outcomes, rest = of(circuit)
    assert outcomes.qubits == (1,)
    assert measures_midway(rest)


def test_too_many_outcomes_are_refused():
    """A circuit of 25 qubits is refused, with the number of its outcomes."""
    with pytest.raises(ValueError, match=r"2\*\*25 outcomes"):
        of(QuantumCircuit(25))


def test_indices_are_asked_for_once_each():
    """interpret is called once for each outcome, and its tuples index the result."""
    outcomes, _ = of(QuantumCircuit(2))
    asked = []

    def interpret(outcome):
        asked.append(outcome)
        return np.int64(outcome % 2), 2 - outcome // 2

    made = interpret_outcomes(outcomes, interpret, (2, 3))
    assert asked == [0, 1, 2, 3]
    assert made.shape == (2, 3)
    assert torch.equal(made.index, torch.tensor([2, 5, 1, 4]))


def test_complete_outcomes_need_no_index():
    """Where every outcome can occur, the probabilities are the result."""
    outcomes, _ = of(QuantumCircuit(2))
    made = interpret_outcomes(outcomes, None, 4)
    assert made.shape == (4,)
    assert made.index is None


def test_unmeasured_bits_are_zero():
    """Outcomes with an unmeasured bit of 1 are in the result, without a probability."""
    outcomes, _ = of(measured((0, 1), num_clbits=2))
    made = interpret_outcomes(outcomes, None, None)
    assert made.shape == (4,)
    assert torch.equal(made.index, torch.tensor([0, 2]))


@pytest.mark.parametrize(
    ("interpret", "output_shape", "message"),
    [
        (None, 3, r"has the shape \(4,\), not 3"),
        (lambda k: k, None, "needs output_shape"),
        (lambda k: k, 3, "returned 3 for the outcome 3"),
        (lambda k: -k, 4, "returned -1 for the outcome 1"),
        (lambda k: (k, 0), 4, r"returned \(0, 0\) for the outcome 0"),
        (lambda k: (k, k), (4, 3), r"returned \(3, 3\) for the outcome 3"),
        (lambda k: 0, 0, "positive integers"),
        (lambda k: 0, (), "positive integers"),
        (lambda k: 0, (2, -1), "positive integers"),
    ],
)
def test_indices_out_of_range_are_refused(interpret, output_shape, message):
    """Indices and shapes that do not fit are refused with the outcome."""
    outcomes, _ = of(QuantumCircuit(2))
    with pytest.raises(ValueError, match=message):
        interpret_outcomes(outcomes, interpret, output_shape)


@pytest.mark.parametrize("value", ["a", 0.5, (0.5,), None])
def test_indices_of_another_kind_are_refused(value):
    """Indices are integers or tuples of integers."""
    outcomes, _ = of(QuantumCircuit(1))
    with pytest.raises(TypeError, match="interpret"):
        interpret_outcomes(outcomes, lambda k: value, 2)
