"""Delays as operators of PennyLane."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript, make_qscript

from pennylane_qizgloria.lowering.operations.delay import UNITS, Delay
from pennylane_qizgloria.lowering.operations.operations import has_no_effect


@pytest.mark.parametrize("unit", UNITS)
def test_a_delay_is_a_valid_operator(unit):
    """PennyLane can copy, flatten, bind, map and decompose a delay, and it keeps its length."""
    delay = Delay(7, unit, wires="a")
    qml.ops.functions.assert_valid(delay)
    moved = qml.map_wires(delay, {"a": 3})
    assert moved.wires.tolist() == [3]
    assert moved.hyperparameters == {"duration": 7, "unit": unit}
    assert has_no_effect(delay)


@pytest.mark.parametrize("other", [Delay(8, "ns", "a"), Delay(7, "us", "a"), Delay(7, "ns", "b")])
def test_delays_are_told_apart(other):
    """Delays of other lengths, units or wires are not equal, and have other hashes."""
    delay = Delay(7, "ns", "a")
    assert qml.equal(delay, Delay(7.0, "ns", "a"))
    assert not qml.equal(delay, other)
    assert QuantumScript([delay]).hash != QuantumScript([other]).hash


def test_the_adjoint_is_as_long():
    """The inverse of a circuit waits as long as the circuit, at the mirrored place."""
    tape = make_qscript(qml.adjoint(lambda: (qml.S(0), Delay(3, "us", 0)), lazy=False))()
    qml.assert_equal(tape.operations[0], Delay(3, "us", 0))
    assert len(tape.operations) == 2


@pytest.mark.parametrize("name", ["default.qubit", "qizgloria.mixed", "qizgloria.qiskit"])
@pytest.mark.parametrize(
    "change",
    [
        lambda delay: delay,
        lambda delay: qml.adjoint(delay, lazy=True),
        lambda delay: qml.pow(delay, 2),
        lambda delay: qml.ctrl(delay, 1),
        lambda delay: qml.ctrl(delay, [1, 2]),
    ],
    ids=["plain", "adjoint", "power", "controlled", "twice controlled"],
)
def test_delays_do_nothing_in_simulation(name, change):
    """A delay, its adjoint, powers and what is left of it under controls have no effect."""

    @qml.qnode(qml.device(name, wires=3))
    def qnode():
        for wire in range(3):
            qml.RX(0.3 + wire, wire)
        qml.apply(change(Delay(5, wires=0)))
        return qml.probs(wires=range(3))

    expected = [np.array([np.cos(x / 2) ** 2, np.sin(x / 2) ** 2]) for x in (0.3, 1.3, 2.3)]
    product = np.kron(np.kron(expected[0], expected[1]), expected[2])
    np.testing.assert_allclose(qnode(), product, atol=1e-12)


def test_drawings_show_how_long():
    """A drawing of a circuit tells delays apart."""
    assert Delay(100, "ns", 0).label() == "Delay(100ns)"
    assert repr(Delay(3, wires=0)) == "Delay(3, 'dt', wires=[0])"


@pytest.mark.parametrize(
    ("duration", "unit", "error", "message"),
    [
        (-1, "ns", ValueError, "finite and at least 0, got -1"),
        (np.nan, "ns", ValueError, "finite and at least 0, got nan"),
        (0.5, "dt", ValueError, "whole in units of dt, got 0.5"),
        ("1", "ns", TypeError, "a number, got '1'"),
        (True, "ns", TypeError, "a number, got True"),
        (1, "min", ValueError, "one of 's', 'ms', 'us', 'ns', 'ps', 'dt', got 'min'"),
    ],
)
def test_what_is_no_delay(duration, unit, error, message):
    """A delay that no backend could run is refused where it is made."""
    with pytest.raises(error, match=message):
        Delay(duration, unit, wires=0)
