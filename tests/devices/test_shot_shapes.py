"""Shapes of results from shots, and that parts of them are drawn independently."""

import numpy as np
import pennylane as qml
import pytest
from helpers.circuits import example_circuit
from helpers.devices import mixed_device
from helpers.execution import execute_tuple

SHAPED = {
    "expval": lambda: qml.expval(qml.Z(0)),
    "expval of a sum": lambda: qml.expval(qml.Z(0) + qml.X(1)),
    "var": lambda: qml.var(qml.X(1) @ qml.Y(0)),
    "probs": lambda: qml.probs(wires=[1, 2]),
    "sample": lambda: qml.sample(wires=[0, 2]),
    "sample of one wire": lambda: qml.sample(wires=0),
    "sample of an observable": lambda: qml.sample(qml.Y(1)),
    "all samples": lambda: qml.sample(),
    "counts": lambda: qml.counts(wires=[0]),
    "shadow": lambda: qml.classical_shadow(wires=[0, 2], seed=3),
    "shadow expval": lambda: qml.shadow_expval([qml.Z(0), qml.X(1)], seed=3),
}


def layout(result):
    """Nesting and shapes of a result."""
    if isinstance(result, (tuple, list)):
        return type(result), [layout(item) for item in result]
    return dict if isinstance(result, dict) else np.shape(result)


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("shots", [1, 7, (5, 7), [(4, 2), 3], (6,)], ids=str)
@pytest.mark.parametrize("names", [*([name] for name in SHAPED), list(SHAPED)], ids="+".join)
def test_shapes(names, shots, batch):
    """Results have PennyLane's shapes: one for each part of the shot vector, alone
    if it is the only measurement, with the batch in front.
    """
    if batch is not None:  # default.qubit has no broadcast shadows to compare with
        names = [name for name in names if not name.startswith("shadow")] or ["expval"]
    x = 0.3 if batch is None else np.linspace(0.1, 1, batch)
    operations = [qml.RX(x, wires=0), qml.CNOT(wires=[0, 1]), qml.RY(x, wires=2)]
    tape = qml.tape.QuantumScript(operations, [SHAPED[name]() for name in names], shots=shots)
    results = [
        qml.execute([tape], device, diff_method=None)[0]
        for device in (mixed_device(3), qml.device("default.qubit", wires=3))
    ]
    assert layout(results[0]) == layout(results[1])


@pytest.mark.parametrize("shots", [1, 7, (5, 7)], ids=str)
@pytest.mark.parametrize("name", SHAPED)
def test_batch_of_one(name, shots):
    """A batch of length 1, such as the last few of a data set, keeps its axis.
    (In PennyLane 0.45 default.qubit loses it.)
    """
    operations = [qml.RX(np.array([0.3]), wires=0), qml.CNOT(wires=[0, 1])]
    result = execute_tuple(mixed_device(3), operations, [SHAPED[name]()], shots)
    parts = result if isinstance(shots, tuple) else [result[0]]
    for part, number in zip(parts, np.atleast_1d(shots), strict=True):
        if name == "counts":
            assert isinstance(part, list)
            assert sum(part[0].values()) == number
            continue
        if name.startswith("shadow"):
            expected = (2, number, 2) if name == "shadow" else (2,)
        else:
            expected = SHAPED[name]().shape(int(number), 3)
        assert np.shape(part) == (1, *expected)


def test_parts_of_a_shot_vector_are_different_shots():
    """The parts of a shot vector are drawn independently."""
    device = mixed_device(seed=16)
    parts = execute_tuple(
        device, example_circuit(), [qml.sample(wires=[0, 1, 2])], shots=[(200, 3)]
    )
    assert all(part.shape == (200, 3) for part in parts)
    assert not np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[1], parts[2])


def test_elements_of_a_batch_are_different_shots():
    """The elements of a batch are drawn independently."""
    operations = [qml.RX(np.full(2, np.pi / 2), wires=0)]
    (samples,) = execute_tuple(
        mixed_device(1, seed=17), operations, [qml.sample(wires=0)], shots=200
    )
    assert not np.array_equal(samples[0], samples[1])


@pytest.mark.parametrize("shots", [None, 10, (5, 5)], ids=str)
@pytest.mark.parametrize("batch", [None, 3])
def test_no_measurements(batch, shots):
    """A tape without measurements has an empty result, as on default.mixed."""
    x = 0.3 if batch is None else np.full(batch, 0.3)
    tape = qml.tape.QuantumScript([qml.RX(x, 0)], [], shots=shots)
    for device in (mixed_device(1), qml.device("default.mixed", wires=1)):
        assert qml.execute([tape], device, diff_method=None) == ((),)


@pytest.mark.parametrize("shots", [None, 10, (5, 6)], ids=str)
def test_identities_split_into_single_terms(shots):
    """`split_to_single_terms` leaves no measurement of identities, which must not matter."""
    results = []
    for device in (mixed_device(1), qml.device("default.mixed", wires=1)):

        @qml.transforms.split_to_single_terms
        @qml.set_shots(shots)
        @qml.qnode(device)
        def circuit():
            qml.RX(0.3, 0)
            return qml.expval(qml.Identity(0) + 2 * qml.Identity(0))

        results.append(circuit())
    np.testing.assert_allclose(*results)
