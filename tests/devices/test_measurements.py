"""Exact results of every measurement, against PennyLane's default.mixed.

The reference runs each element of a batch by itself, with the parameters of that element.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import circuit_angles, example_circuit, noisy_circuit
from helpers.devices import mixed_device
from helpers.execution import execute_tuple
from pennylane import numpy as pnp

COMPLEX = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
_random = np.random.default_rng(3)
_square = _random.normal(size=(4, 4)) + 1j * _random.normal(size=(4, 4))
WIDE = _square + _square.conj().T
SPARSE = qml.Hamiltonian(
    [0.3, -0.7, 1.1], [qml.X(0) @ qml.Y(1), qml.Z(1), qml.Y(0) @ qml.X(2)]
).sparse_matrix(wire_order=[0, 1, 2])

# Observables, each made on the four wires it is given.
OBSERVABLES: dict[str, Callable] = {
    "x": lambda w: qml.X(w[1]),
    "y": lambda w: qml.Y(w[0]),
    "z": lambda w: qml.Z(w[2]),
    "idle wire": lambda w: qml.Z(w[3]),
    "identity": lambda w: qml.Identity(w[1]),
    "hadamard": lambda w: qml.Hadamard(w[2]),
    "word": lambda w: qml.X(w[2]) @ qml.Y(w[0]) @ qml.Z(w[1]),
    "word with idle wire": lambda w: qml.Y(w[2]) @ qml.Z(w[3]),
    "hermitian on 1": lambda w: qml.Hermitian(COMPLEX, wires=w[0]),
    "hermitian on 2": lambda w: qml.Hermitian(WIDE, wires=[w[2], w[0]]),
    "projector on bits": lambda w: qml.Projector([1, 0], wires=[w[2], w[1]]),
    "projector on a vector": lambda w: qml.Projector([0.6, 0, 0, 0.8j], wires=[w[1], w[0]]),
    "product": lambda w: qml.prod(qml.Hermitian(COMPLEX, w[2]), qml.Hadamard(w[0]), qml.Y(w[1])),
    "overlapping product": lambda w: qml.prod(
        qml.Hermitian(WIDE, w[:2]), qml.Z(w[2]), qml.Hermitian(WIDE, w[:2])
    ),
    "product of overlapping words": lambda w: qml.prod(qml.X(w[0]) @ qml.Z(w[1]), qml.X(w[0])),
    "sum": lambda w: qml.sum(qml.X(w[0]) @ qml.X(w[1]), qml.Hadamard(w[1]), qml.Z(w[2])),
    "sum of hermitians": lambda w: qml.sum(
        qml.Hermitian(WIDE, [w[0], w[2]]), qml.s_prod(0.3, qml.Hermitian(COMPLEX, w[0]))
    ),
    "scaled": lambda w: qml.s_prod(-1.7, qml.Y(w[1]) @ qml.X(w[2])),
    "scaled hadamard": lambda w: 2.5 * qml.Hadamard(w[0]),
    "combination": lambda w: qml.Hamiltonian(
        [0.5, -1.2, 0.3, 2.0],
        [qml.X(w[0]), qml.Z(w[1]) @ qml.Y(w[2]), qml.Y(w[0]) @ qml.Y(w[1]), qml.Identity(w[0])],
    ),
    "combination with a hermitian": lambda w: qml.Hamiltonian(
        [0.5, -1.2], [qml.Hermitian(COMPLEX, w[1]), qml.Z(w[0]) @ qml.Hadamard(w[2])]
    ),
    "nested": lambda w: qml.prod(2 * qml.X(w[0]) + qml.Z(w[0]), qml.Hadamard(w[1]) - qml.Y(w[1])),
}

MEASUREMENTS: dict[str, Callable] = {
    **{f"expval of {name}": lambda w, o=o: qml.expval(o(w)) for name, o in OBSERVABLES.items()},
    **{f"var of {name}": lambda w, o=o: qml.var(o(w)) for name, o in OBSERVABLES.items()},
    "expval of sparse": lambda w: qml.expval(qml.SparseHamiltonian(SPARSE, wires=w[:3])),
    "probs": lambda w: qml.probs(wires=[w[0]]),
    "probs in another order": lambda w: qml.probs(wires=[w[2], w[3], w[0]]),
    "probs of all": lambda w: qml.probs(wires=w),
    "probs of a word": lambda w: qml.probs(op=qml.Y(w[2]) @ qml.X(w[0])),
    "probs of hadamard": lambda w: qml.probs(op=qml.Hadamard(w[1])),
    "probs of hermitian": lambda w: qml.probs(op=qml.Hermitian(WIDE, wires=[w[2], w[1]])),
    "density matrix": lambda w: qml.density_matrix(wires=[w[0], w[1]]),
    "density matrix in another order": lambda w: qml.density_matrix(wires=[w[3], w[2], w[0]]),
    "purity": lambda w: qml.purity(wires=[w[1]]),
    "purity of all": lambda w: qml.purity(wires=w),
    "entropy": lambda w: qml.vn_entropy(wires=[w[2], w[0]]),
    "entropy in bits": lambda w: qml.vn_entropy(wires=[w[1]], log_base=2),
    "entropy of all": lambda w: qml.vn_entropy(wires=w),
    "mutual information": lambda w: qml.mutual_info(wires0=[w[0]], wires1=[w[2], w[1]]),
    "mutual information in bits": lambda w: qml.mutual_info([w[2]], [w[0]], log_base=2),
    "mutual information with an idle wire": lambda w: qml.mutual_info([w[2]], [w[3]]),
    "state": lambda w: qml.state(),
}

LABELS = {
    "integers": (0, 1, 2, 3),
    "odd order": (2, 0, 3, 1),
    "strings and integers": ("q", -4, "a", 17),
}
"""The wires on which the circuit runs. The device has them sorted in another way."""

PRECISIONS = {"double": ({}, 1e-10), "single": ({"r_dtype": np.float32}, 1e-5)}


def device_wires(labels: tuple) -> list:
    return sorted(labels, key=str)


@cache
def expected(labels: tuple, batch: int | None, element: int) -> dict:
    """All measurements of one element of a batch on default.mixed."""
    x = circuit_angles(batch)
    device = qml.device("default.mixed", wires=device_wires(labels))
    measurements = [make(labels) for make in MEASUREMENTS.values()]
    results = execute_tuple(
        device, noisy_circuit(x if batch is None else x[:, element], labels), measurements
    )
    return dict(zip(MEASUREMENTS, results, strict=True))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_value(name, batch, precision):
    """Measurements agree with default.mixed, in batches and in both precisions."""
    labels = LABELS["integers"]
    options, tolerance = PRECISIONS[precision]
    process = MEASUREMENTS[name](labels)
    (result,) = execute_tuple(mixed_device(**options), example_circuit(batch), [process])
    if batch is None:
        reference = np.asarray(expected(labels, None, 0)[name])
    else:
        reference = np.stack([expected(labels, batch, i)[name] for i in range(batch)])
    assert np.shape(result) == reference.shape
    assert np.allclose(result, reference, rtol=0, atol=tolerance * max(1, abs(reference).max()))


@pytest.mark.parametrize("labels", [LABELS["odd order"], LABELS["strings and integers"]])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_wire_labels(name, labels):
    """Wires with any labels, in any order, are measured as default.mixed does."""
    device = mixed_device(wires=device_wires(labels))
    (result,) = execute_tuple(device, example_circuit(w=labels), [MEASUREMENTS[name](labels)])
    assert np.allclose(result, expected(labels, None, 0)[name], rtol=0, atol=1e-10)


def test_everything_in_one_circuit():
    """Measurements that do not commute, or share wires, do not disturb one another."""
    labels = LABELS["integers"]
    results = execute_tuple(
        mixed_device(),
        example_circuit(),
        [m(labels) for m in MEASUREMENTS.values()],
    )
    for name, result in zip(MEASUREMENTS, results, strict=True):
        reference = expected(labels, None, 0)[name]
        assert np.allclose(result, reference, rtol=0, atol=1e-10), name


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_device_without_wires(labels):
    """A device without wires orders them as PennyLane does."""
    measurements = [
        lambda: qml.state(),
        lambda: qml.probs(),
        lambda: qml.expval(qml.X(labels[0]) @ qml.Y(labels[2])),
    ]
    for make in measurements:
        (result,) = execute_tuple(mixed_device(wires=None), example_circuit(w=labels), [make()])
        reference = execute_tuple(qml.device("default.mixed"), example_circuit(w=labels), [make()])[
            0
        ]
        assert np.allclose(result, reference, rtol=0, atol=1e-10)


def test_only_idle_wires_are_measured():
    """Wires that no operation acts on are in |0>."""
    measurements = [qml.expval(qml.Z(7)), qml.expval(qml.X("new")), qml.probs(wires=["new", 7])]
    z, x, probabilities = execute_tuple(mixed_device(wires=None), example_circuit(), measurements)
    assert (z, x) == (1, 0)
    assert np.array_equal(probabilities, [1, 0, 0, 0])


def test_no_operations():
    """A circuit without operations gives the ground state."""
    z, state, probabilities = execute_tuple(
        mixed_device(wires=2), [], [qml.expval(qml.Z(0)), qml.state(), qml.probs()]
    )
    assert z == 1
    assert np.array_equal(state, np.diag([1, 0, 0, 0]))
    assert np.array_equal(probabilities, [1, 0, 0, 0])


@pytest.mark.parametrize("batch", [None, 3])
def test_entanglement_entropy_of_the_state(batch):
    """The states that come back work with PennyLane's entropies."""
    (state,) = execute_tuple(mixed_device(), example_circuit(batch), [qml.state()])
    entropy = qml.math.vn_entanglement_entropy(state, [0, 1], [2, 3])
    elements = [expected(LABELS["integers"], batch, i)["state"] for i in range(batch or 1)]
    reference = [qml.math.vn_entanglement_entropy(s, [0, 1], [2, 3]) for s in elements]
    assert np.allclose(entropy, reference if batch else reference[0], rtol=0, atol=1e-9)


SHAPED = {
    "expval": lambda: qml.expval(qml.Z(0)),
    "var": lambda: qml.var(qml.X(1) @ qml.Y(0)),
    "probs": lambda: qml.probs(wires=[1, 2]),
    "all probs": lambda: qml.probs(),
    "state": lambda: qml.state(),
    "density matrix": lambda: qml.density_matrix([0, 2]),
    "purity": lambda: qml.purity([0]),
}


@pytest.mark.parametrize("batch", [None, 1, 3])
@pytest.mark.parametrize("names", [[name] for name in SHAPED] + [list(SHAPED)], ids="+".join)
def test_shapes(names, batch):
    """Return types are PennyLane's: one result alone, several in a tuple."""
    measurements = [SHAPED[name]() for name in names]
    tape = qml.tape.QuantumScript(example_circuit(batch), measurements)
    (result,) = qml.execute([tape], mixed_device(), diff_method=None)
    axis = () if batch is None else (batch,)
    # PennyLane says the shape of a state vector; here a state is a density matrix.
    shapes = [
        (16, 16) if type(m) is qml.measurements.StateMP else m.shape(None, 4) for m in measurements
    ]
    results = result if len(names) > 1 else (result,)
    assert isinstance(result, tuple) == (len(names) > 1)
    assert [np.shape(r) for r in results] == [axis + shape for shape in shapes]


def test_numpy_results_are_numpy():
    """Circuits of numpy parameters give numpy arrays and scalars."""
    value, probabilities = execute_tuple(
        mixed_device(),
        example_circuit(),
        [qml.expval(qml.Z(0)), qml.probs(wires=0)],
    )
    assert isinstance(value, np.floating)
    assert type(probabilities) is np.ndarray


def test_hamiltonian_of_many_terms():
    """A Hamiltonian of many terms agrees with default.mixed."""
    random = np.random.default_rng(5)
    letters = random.integers(0, 4, (700, 6))
    words = ["".join("IXYZ"[i] for i in row) for row in np.unique(letters, axis=0)]
    assert len(words) >= 500
    coefficients = random.normal(size=len(words))
    hamiltonian = qml.Hamiltonian(
        coefficients, [qml.pauli.string_to_pauli_word(word) for word in words]
    )
    x = random.uniform(-3, 3, (3, 6))

    def circuit():
        for layer in x:
            for wire, angle in enumerate(layer):
                qml.RX(angle, wires=wire)
                qml.RZ(2 * angle, wires=wire)
            for wire in range(6):
                qml.CNOT(wires=[wire, (wire + 1) % 6])
        return qml.expval(hamiltonian), qml.var(hamiltonian)

    result = qml.QNode(circuit, mixed_device(wires=6))()
    reference = qml.QNode(circuit, qml.device("default.qubit", wires=6))()
    assert np.allclose(result, reference, rtol=1e-10, atol=1e-10)


def test_trainable_observables():
    """Gradients of coefficients and Hermitian matrices agree with default.mixed."""

    def circuit(x, coefficients, entry):
        qml.RX(x, wires=0)
        qml.CNOT(wires=[0, 1])
        matrix = qml.math.stack([qml.math.stack([entry, 0.5]), qml.math.stack([0.5, -entry])])
        return (
            qml.expval(qml.Hamiltonian(coefficients, [qml.Z(0), qml.Y(0) @ qml.X(1)])),
            qml.expval(qml.Hermitian(matrix, wires=1)),
        )

    gradients = []
    for device in (mixed_device(wires=2), qml.device("default.qubit", wires=2)):
        arguments = [
            torch.tensor(value, dtype=torch.float64, requires_grad=True)
            for value in (0.7, [0.4, -0.9], 1.3)
        ]
        values = qml.QNode(circuit, device, interface="torch")(*arguments)
        sum(value.real for value in values).backward()
        gradients.append([argument.grad.numpy() for argument in arguments])
    for own, reference in zip(*gradients, strict=True):
        assert np.allclose(own, reference, rtol=0, atol=1e-10)


def test_users_own_measurement():
    """Measurement processes on PennyLane's base class run."""

    class Coherence(qml.measurements.StateMeasurement):
        """The largest off-diagonal entry of the state."""

        def process_state(self, state, wire_order):
            raise AssertionError("the device has density matrices")

        def process_density_matrix(self, density_matrix, wire_order):
            return (density_matrix - torch.diag(torch.diag(density_matrix))).abs().max()

        def shape(self, shots=None, num_device_wires=0):
            return ()

    (result,) = execute_tuple(mixed_device(), example_circuit(), [Coherence()])
    state = expected(LABELS["integers"], None, 0)["state"]
    assert abs(result - abs(state - np.diag(np.diag(state))).max()) < 1e-10


def test_autograd_array_inputs():
    """PennyLane's own numpy arrays are accepted as parameters."""

    @qml.qnode(mixed_device())
    def circuit(x):
        noisy_circuit(x)
        return qml.expval(qml.X(1))

    value = circuit(pnp.array(circuit_angles(None), requires_grad=False))
    reference = expected(LABELS["integers"], None, 0)["expval of x"]
    assert abs(value - reference) < 1e-10
