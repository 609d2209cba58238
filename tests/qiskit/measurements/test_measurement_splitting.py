"""Which parts a circuit's measurements are split into, and how their results come together."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript

from pennylane_qizgloria.qiskit.measurements.measurement_splitting import (
    EstimatorUse,
    expand_operands,
    goes_to_estimator,
    is_estimated,
    split,
)

ALWAYS, NEVER = EstimatorUse(True, True), EstimatorUse(False, False)


def tape(*measurements, operations=(), shots=10):
    return QuantumScript(operations or [qml.RX(0.3, 0)], measurements, shots=shots)


@pytest.mark.parametrize(
    ("process", "estimated"),
    [
        (qml.expval(qml.X(0) @ qml.Y(1)), True),
        (qml.var(qml.X(0) - 2 * qml.Z(1)), True),
        (qml.expval(qml.Hamiltonian([1.0], [qml.Z(0)])), True),
        (qml.expval(qml.Hermitian(np.eye(2), 0)), False),
        (qml.probs(op=qml.X(0)), False),
        (qml.expval(qml.measure(0)), False),
        (qml.sample(), False),
    ],
)
def test_what_an_estimator_serves(process, estimated):
    """A primitive would get what it cannot measure."""
    assert is_estimated(process) is estimated
    assert goes_to_estimator(tape(process)) is estimated


def test_measurements_inside_go_to_the_sampler():
    """An estimator would be sent a circuit with measurements inside, which it refuses."""
    with qml.queuing.AnnotatedQueue() as queue:
        qml.measure(0)
        qml.expval(qml.Z(0))
    own = QuantumScript.from_queue(queue, shots=10)
    assert not goes_to_estimator(own)
    (part,), _ = split(own, use=ALWAYS)
    assert part.operations == own.operations


MIXED = (
    qml.probs(wires=0),
    qml.expval(qml.Z(1)),
    qml.classical_shadow(wires=[2]),
    qml.expval(qml.X(3)),
    qml.expval(qml.Hermitian(np.diag([1.0, 2]), 4)),
)
VALUES = {(wire, copy): 10 * copy + wire for wire in range(5) for copy in range(2)}
"""The result of the measurement on each wire, in each entry of the shot vector."""


@pytest.mark.parametrize("shots", [10, (10, 20)])
def test_results_come_back_in_order(shots):
    """The results of two measurements would be exchanged."""
    tapes, merge = split(tape(*MIXED, shots=shots), use=ALWAYS)
    assert sorted(len(part.measurements) for part in tapes) == [1, 2, 2]

    def named(part, copy):
        names = tuple(VALUES[process.wires.tolist()[0], copy] for process in part.measurements)
        return names[0] if len(names) == 1 else names

    def entry(copy):
        return tuple(VALUES[process.wires.tolist()[0], copy] for process in MIXED)

    if shots == 10:
        assert merge([named(part, 0) for part in tapes]) == entry(0)
    else:
        found = merge([tuple(named(part, copy) for copy in (0, 1)) for part in tapes])
        assert found == (entry(0), entry(1))


def test_words_that_commute_share_a_basis():
    """Each word would take shots of its own."""
    words = [qml.Z(0), qml.Z(1), qml.Z(0) @ qml.Z(1), qml.X(0), qml.X(0) @ qml.Y(1)]
    tapes, _ = split(tape(*map(qml.expval, words)), use=NEVER)
    assert len(tapes) == 2
    (whole,), _ = split(tape(*map(qml.expval, words)), use=ALWAYS)
    assert len(whole.measurements) == 5


def test_only_batches_of_operands_are_expanded():
    """A batch of angles would be many circuits, or a batch of matrices be written as one."""
    angles = tape(qml.probs(), operations=[qml.RX(np.array([0.1, 0.2]), 0)])
    (same,), _ = expand_operands(angles)
    assert same is angles
    matrices = np.stack([np.eye(2), np.array([[0, 1], [1, 0]])])
    batch = tape(qml.probs(), operations=[qml.QubitUnitary(matrices, wires=0)])
    tapes, _ = expand_operands(batch)
    assert [part.batch_size for part in tapes] == [None, None]
