"""Wire labels as integers, against PennyLane's standard wire order."""

import numpy as np
import pennylane as qml
import pytest
from helpers.devices import mixed_device
from helpers.execution import execute
from hypothesis import given, settings
from hypothesis import strategies as st
from pennylane.tape import QuantumScript

from pennylane_qizgloria.lowering.wires import labels_of, wire_map

LABELS = [0, 1, 2, 3, 7, "a", "b", "aux"]


@st.composite
def tapes(draw):
    """A tape of CNOTs and single-wire gates, with measurements of any wires."""

    def wires(count):
        return draw(st.permutations(LABELS))[:count]

    operations = [
        qml.CNOT(wires(2)) if draw(st.booleans()) else qml.X(wires(1))
        for _ in range(draw(st.integers(0, 5)))
    ]
    measurements = [
        qml.probs(wires=wires(draw(st.integers(1, 3)))) for _ in range(draw(st.integers(1, 2)))
    ]
    return QuantumScript(operations, measurements)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(tape=tapes())
def test_it_is_pennylanes_standard_order(tape):
    """The wires of operations have the integers that PennyLane's own devices give them.

    PennyLane puts wires that are only measured, which are all in |0>, in the order of a set.
    """
    found, standard = wire_map(tape), tape.map_to_standard_wires()
    expected = {}
    for own, mapped in zip(tape, standard, strict=True):
        expected |= dict(zip(own.wires, mapped.wires, strict=True))
    acted_on = {label for op in tape.operations for label in op.wires}
    assert {label: found[label] for label in acted_on} == {
        label: expected[label] for label in acted_on
    }
    assert found.keys() == expected.keys()
    assert sorted(found.values()) == list(range(len(found)))


@pytest.mark.parametrize("acted_on", [[1, 0], [0, 1], ["b", "a"], [2, 0]], ids=str)
@pytest.mark.parametrize("measured", ["x", 3, 2, 1], ids=str)
def test_state_without_device_wires(acted_on, measured):
    """The state on a device without wires is default.mixed's, whatever else is measured."""
    operations = [qml.RX(0.3 + 0.4 * i, label) for i, label in enumerate(acted_on)]
    measurements = [qml.state(), qml.probs(wires=measured)]
    found, expected = (
        execute(device, operations, measurements)[0]
        for device in (mixed_device(None), qml.device("default.mixed"))
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("acted_on", "measured", "expected"),
    [
        ([2, 0, 1], [0], [(0, 0), (1, 1), (2, 2)]),
        ([2, 0], [1], [(2, 0), (0, 1), (1, 2)]),
        (["b", "a"], ["a", "c"], [("b", 0), ("a", 1), ("c", 2)]),
        ([1, 0], [3, 2], [(0, 0), (1, 1), (2, 2), (3, 3)]),
        ([1, 0], ["a"], [(1, 0), (0, 1), ("a", 2)]),
        ([1, 0], [3], [(1, 0), (0, 1), (3, 2)]),
        ([2], [0, 1], [(2, 0), (0, 1), (1, 2)]),
        ([], [5], [(5, 0)]),
    ],
)
def test_order(acted_on, measured, expected):
    """Labels 0 to n - 1 stay as they are where those of operations come first; else first use."""
    tape = QuantumScript([qml.X(label) for label in acted_on], [qml.probs(wires=measured)])
    assert list(wire_map(tape).items()) == expected


@pytest.mark.parametrize(
    "op",
    [
        qml.CNOT(["b", 0]),
        qml.MultiControlledX([3, "a", 1]),
        qml.ctrl(qml.RX(0.3, "t"), ["c", 2]),
        qml.ctrl(qml.ctrl(qml.SWAP([0, 1]), 5), "c", control_values=[0]),
        qml.adjoint(qml.CRX(0.3, [1, 0])),
    ],
    ids=lambda op: op.name,
)
def test_labels_of_operators(op):
    """The labels of an operator are PennyLane's, controls first."""
    assert labels_of(op) == op.wires.labels
