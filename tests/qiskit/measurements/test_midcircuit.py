"""Outcomes of mid-circuit measurements among the bits of a PUB."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript

from pennylane_qizgloria.qiskit.measurements.midcircuit import (
    midcircuit_labels,
    on_midcircuit_labels,
    postselected,
)


def tape(measure):
    """Two mid-circuit measurements, and a measurement of them."""
    with qml.queuing.AnnotatedQueue() as queue:
        qml.Hadamard(0)
        first = qml.measure(0)
        second = qml.measure(1)
        measure(first, second)
    return QuantumScript.from_queue(queue)


@pytest.mark.parametrize(
    "measure",
    [
        lambda a, b: qml.probs(op=[a, b]),
        lambda a, b: qml.expval(a + 2 * b),
        lambda a, b: qml.counts(b, all_outcomes=True),
        lambda a, b: qml.sample([b, a]),
    ],
)
def test_processes_read_labels_of_their_own(measure):
    """Each outcome is read on the wire label of its measurement, in the order of the process."""
    own = tape(measure)
    (process,) = own.measurements
    (found,) = on_midcircuit_labels(own)
    values = process.mv if isinstance(process.mv, list) else [process.mv]
    uids = [m.meas_uid for op in own.operations for m in [op] if hasattr(op, "meas_uid")]
    labels = dict(zip(uids, midcircuit_labels(2), strict=True))
    expected = [labels[m.meas_uid] for value in values for m in value.measurements]
    assert type(found) is type(process)
    assert sorted(found.wires) == sorted(set(expected))
    assert getattr(found, "all_outcomes", None) == getattr(process, "all_outcomes", None)


def test_other_processes_stay():
    """Measurements of wires are the same objects as before."""
    own = tape(lambda a, b: (qml.expval(qml.Z(2)), qml.probs(op=a)))
    assert on_midcircuit_labels(own)[0] is own.measurements[0]


@pytest.mark.parametrize(
    ("postselect", "chosen"),
    [([None, None], [0, 1, 2]), ([1, None], [1, 2]), ([1, 0], [1]), ([0, 1], [])],
)
def test_postselection_keeps_shots(postselect, chosen):
    """The last bits decide which shots stay; rows stay apart."""
    shots = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 1]], dtype=bool)
    found = postselected(np.stack([shots, ~shots]), postselect)
    assert np.array_equal(found[0], shots[chosen])
    others = [
        all(wanted is None or bit == wanted for wanted, bit in zip(postselect, row, strict=True))
        for row in ~shots[:, 1:]
    ]
    assert np.array_equal(found[1], ~shots[others])
