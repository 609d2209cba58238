"""Mid-circuit measurements, deferred; the reference is default.qubit, which defers them too."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.exceptions import DeviceError

SHOTS = 20_000


def both(quantum_function, wires=None, shots=None):
    """The results of a circuit on this device and on default.qubit, which has spare wires."""
    ours = qml.QNode(quantum_function, qml.device("qizgloria.mixed", wires=wires, seed=7))
    theirs = qml.QNode(quantum_function, qml.device("default.qubit", seed=8), mcm_method="deferred")
    return qml.set_shots(ours, shots)(), qml.set_shots(theirs, shots)()


def start():
    qml.RY(0.7, 0)
    qml.RX(1.1, 1)
    qml.CNOT([0, 1])


@pytest.mark.parametrize("reset", [False, True])
def test_measured_wire_afterwards(reset):
    """A measured wire loses its coherence, and is reset where that is asked for."""

    def circuit():
        start()
        qml.measure(0, reset=reset)
        qml.H(0)
        return qml.density_matrix([0, 1])

    ours, theirs = both(circuit)
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("reset", [False, True])
def test_conditional_operations(reset):
    """Conditional operations agree with PennyLane's."""

    def circuit():
        start()
        first = qml.measure(0, reset=reset)
        qml.cond(first, qml.RX, qml.RY)(0.4, wires=1)
        second = qml.measure(1)
        qml.cond(first & ~second, qml.H)(wires=2)
        qml.cond(first + 2 * second == 2, qml.Rot)(0.3, 0.2, 0.5, wires=0)
        return qml.density_matrix([0, 1, 2]), qml.expval(qml.Y(0) @ qml.X(2))

    for ours, theirs in zip(*both(circuit), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


def values(process):
    """A circuit that measures values of mid-circuit measurements."""

    def circuit():
        start()
        first = qml.measure(0)
        qml.cond(first, qml.RY)(0.8, wires=1)
        second = qml.measure(1, reset=True)
        qml.RX(0.5, 0)
        return process(first, second)

    return circuit


STATISTICS = {
    "expval": lambda a, b: qml.expval(a),
    "expval of a function": lambda a, b: qml.expval(a + 2 * b),
    "var": lambda a, b: qml.var(b),
    "probs": lambda a, b: qml.probs(op=a),
    "probs of two": lambda a, b: qml.probs(op=[b, a]),
}


@pytest.mark.parametrize("name", STATISTICS)
def test_exact_statistics(name):
    """Exact statistics of measured values agree with PennyLane's."""
    ours, theirs = both(values(STATISTICS[name]))
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("name", STATISTICS)
def test_sampled_statistics(name):
    """Sampled statistics of measured values estimate the exact ones."""
    ours, _ = both(values(STATISTICS[name]), shots=SHOTS)
    exact, _ = both(values(STATISTICS[name]))
    np.testing.assert_allclose(ours, exact, atol=10 / np.sqrt(SHOTS))


@pytest.mark.parametrize(
    "process",
    [lambda a, b: qml.counts(op=a), lambda a, b: qml.counts(op=[a, b])],
    ids=["one", "two"],
)
def test_counts(process):
    """Counts of measured values have PennyLane's keys."""
    ours, theirs = both(values(process), shots=SHOTS)
    assert ours.keys() == theirs.keys()
    assert sum(ours.values()) == SHOTS
    for key, count in ours.items():
        assert abs(count - theirs[key]) < 10 * np.sqrt(SHOTS)


def test_samples():
    """Samples of a measured value have its shape and its values."""
    ours, theirs = both(values(lambda a, b: qml.sample(op=a)), shots=SHOTS)
    assert ours.shape == theirs.shape
    assert set(np.unique(ours)) == {0, 1}
    assert abs(ours.mean() - theirs.mean()) < 10 / np.sqrt(SHOTS)


@pytest.mark.parametrize("reset", [False, True])
def test_no_spare_wires_are_needed(reset):
    """A deferred measurement needs no wires beyond those that are declared."""

    def circuit():
        start()
        first = qml.measure(0, reset=reset)
        qml.cond(first, qml.X)(wires=1)
        second = qml.measure(0)
        return qml.expval(qml.Z(1)), qml.probs(op=[first, second]), qml.probs([0, 1])

    for ours, theirs in zip(*both(circuit, wires=2), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_noise_between_measurements():
    """A channel between two measurements of a wire acts between them."""

    def measured(p):
        @qml.qnode(qml.device("qizgloria.mixed", wires=1))
        def circuit():
            qml.RY(0.7, 0)
            first = qml.measure(0)
            qml.BitFlip(p, 0)
            second = qml.measure(0)
            return qml.probs(op=[first, second])

        return circuit()

    zero, one = np.cos(0.35) ** 2, np.sin(0.35) ** 2
    expected = [0.9 * zero, 0.1 * zero, 0.1 * one, 0.9 * one]
    np.testing.assert_allclose(measured(0.1), expected, atol=1e-12)


def test_broadcast():
    """A batch of circuits with mid-circuit measurements keeps its axis."""

    def circuit():
        qml.RY(np.array([0.2, 0.9, 1.4]), 0)
        first = qml.measure(0)
        qml.cond(first, qml.RX)(np.array([0.5, 0.1, 0.3]), wires=1)
        return qml.expval(qml.Z(1)), qml.expval(first)

    for ours, theirs in zip(*both(circuit, wires=2), strict=True):
        assert np.shape(ours) == (3,)
        np.testing.assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("shots", [None, 100])
def test_postselection_is_refused(shots):
    """Postselection is refused."""

    def circuit():
        qml.H(0)
        qml.measure(0, postselect=1)
        return qml.expval(qml.Z(0))

    node = qml.QNode(circuit, qml.device("qizgloria.mixed", wires=2))
    with pytest.raises((ValueError, DeviceError), match=r"[Pp]ostselect"):
        qml.set_shots(node, shots)()


@pytest.mark.parametrize("method", ["one-shot", "tree-traversal"])
def test_other_methods_are_refused(method):
    """Methods for mid-circuit measurements that the device does not have are refused."""

    def circuit():
        qml.measure(0)
        return qml.expval(qml.Z(0))

    node = qml.QNode(circuit, qml.device("qizgloria.mixed", wires=2), mcm_method=method)
    with pytest.raises(DeviceError, match=method):
        node()
