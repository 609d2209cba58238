"""Readout error, against a dense formula.

What a detector reports of an observable: rotate the state by the observable's diagonalizing gates,
take the diagonal, multiply the wires' confusion matrices onto it, average the eigenvalues. (In
PennyLane 0.45 default.mixed fails with any ``readout_prob``, so it is no reference here.)
"""

from __future__ import annotations

import warnings
from functools import reduce

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import circuit_angles, example_circuit, noisy_circuit
from helpers.devices import mixed_device
from helpers.execution import execute_tuple

WIRES = ("a", 1, "c", 3)
SHOTS = 20_000

PAIRS = {"a": (0.1, 0.25), 1: (0.02, 0.3), "c": (0.15, 0.0), 3: (0.07, 0.4)}


def confusion(p10, p01=None):
    p01 = p10 if p01 is None else p01
    return np.array([[1 - p10, p10], [p01, 1 - p01]])


EVERY = [confusion(*PAIRS[w]) for w in WIRES]
NONE = np.eye(2)

# What the user gives, and the confusion matrix that it means for each wire.
FORMS = {
    "float": (0.1, [confusion(0.1)] * 4),
    "integer": (1, [confusion(1.0)] * 4),
    "numpy float": (np.float32(0.25), [confusion(0.25)] * 4),
    "array without axes": (np.array(0.1), [confusion(0.1)] * 4),
    "torch float": (torch.tensor(0.1, dtype=torch.float64), [confusion(0.1)] * 4),
    "tuple": ((0.1, 0.3), [confusion(0.1, 0.3)] * 4),
    "list": ([0.1, 0.3], [confusion(0.1, 0.3)] * 4),
    "array of a pair": (np.array([0.1, 0.3]), [confusion(0.1, 0.3)] * 4),
    "torch pair": (torch.tensor([0.1, 0.3], dtype=torch.float64), [confusion(0.1, 0.3)] * 4),
    "tuple of tensors": ((torch.tensor(0.25), 0.5), [confusion(0.25, 0.5)] * 4),
    "dict of all": (PAIRS, EVERY),
    "dict of some": ({"c": 0.2, 1: (0.1, 0.3)}, [NONE, confusion(0.1, 0.3), confusion(0.2), NONE]),
    "dict with a tensor": (
        {"a": torch.tensor([0.1, 0.3], dtype=torch.float64)},
        [confusion(0.1, 0.3), NONE, NONE, NONE],
    ),
    "dict with a matrix": ({3: EVERY[3]}, [NONE, NONE, NONE, EVERY[3]]),
    "array of matrices": (np.stack(EVERY), EVERY),
    "list of matrices": (EVERY, EVERY),
    "tensor of matrices": (torch.tensor(np.stack(EVERY)), EVERY),
    "one matrix": (confusion(0.1, 0.3), [confusion(0.1, 0.3)] * 4),
    "zero": (0.0, [NONE] * 4),
    "empty dict": ({}, [NONE] * 4),
}

HERMITIAN = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
_square = np.random.default_rng(8).normal(size=(4, 4))
WIDE = _square + _square.T + 1j * (_square - _square.T)

OBSERVABLES = {
    "z": lambda: qml.Z(1),
    "x": lambda: qml.X("a"),
    "idle wire": lambda: qml.Z(3),
    "word": lambda: qml.Y("c") @ qml.X("a") @ qml.Z(1),
    "identity": lambda: qml.Identity(1),
    "hadamard": lambda: qml.Hadamard("c"),
    "hermitian": lambda: qml.Hermitian(HERMITIAN, wires="a"),
    "hermitian on 2": lambda: qml.Hermitian(WIDE, wires=["c", 1]),
    "projector": lambda: qml.Projector([1, 0], wires=["c", "a"]),
    "projector on a vector": lambda: qml.Projector([0.6, 0, 0, 0.8j], wires=[1, "a"]),
    "product": lambda: qml.prod(qml.Hermitian(HERMITIAN, 1), qml.Hadamard("a"), qml.Y("c")),
    "scaled": lambda: qml.s_prod(-1.5, qml.Hadamard(1)),
    "scaled word": lambda: qml.s_prod(-1.5, qml.X(1) @ qml.Y("a")),
}

SUMS = {
    "words": lambda: qml.Hamiltonian(
        [0.5, -1.2, 0.8], [qml.X("a"), qml.Z(1) @ qml.Y("c"), qml.Y("a") @ qml.Z(3)]
    ),
    "with an identity": lambda: qml.sum(qml.X("a"), qml.s_prod(2.0, qml.Identity(1)), qml.Z("a")),
    "without a pauli form": lambda: qml.sum(
        qml.Hermitian(WIDE, wires=["a", 1]), qml.s_prod(0.7, qml.Hadamard("c")), qml.X(1)
    ),
    "nested": lambda: qml.s_prod(
        0.5, qml.sum(qml.Hadamard(1), qml.s_prod(2.0, qml.sum(qml.Z("a"), qml.Hadamard("c"))))
    ),
}


@pytest.fixture(scope="module")
def state():
    """The exact state of the test circuit, on WIRES."""
    device = qml.device("default.mixed", wires=WIRES)
    return execute_tuple(device, example_circuit(w=WIRES), [qml.state()])[0]


def prepare(batch=None):
    return example_circuit(batch, WIRES)


def reduce_to(rho, wires):
    """The density matrix of some wires, in their order."""
    return qml.math.reduce_dm(rho, [WIRES.index(w) for w in wires])


def reported(rho, wires, confusions, gates=()):
    """The distribution of what is reported of these wires."""
    local = reduce_to(rho, wires)
    for gate in gates:
        matrix = qml.matrix(gate, wire_order=wires)
        local = matrix @ local @ matrix.conj().T
    matrices = [confusions[WIRES.index(w)] for w in wires]
    return reduce(np.kron, matrices).T @ np.diag(local).real


def moments(rho, observable, confusions):
    """Mean and variance of what is reported of an observable."""
    gates = observable.diagonalizing_gates()
    distribution = reported(rho, list(observable.wires), confusions, gates)
    values = np.real(observable.eigvals())
    mean = distribution @ values
    return mean, max(distribution @ values**2 - mean**2, 0.0)


def moments_of_terms(rho, observable, confusions):
    """Coefficient, mean and variance of each term; an identity without wires is read as 1."""
    for coefficient, term in zip(*qml.simplify(observable).terms(), strict=True):
        yield coefficient, *(moments(rho, term, confusions) if term.wires else (1.0, 0.0))


def mean_of_sum(rho, observable, confusions):
    return sum(c * mean for c, mean, _ in moments_of_terms(rho, observable, confusions))


@pytest.mark.parametrize("form", FORMS)
def test_forms(form, state):
    """Every form of the readout error has its meaning, p(1|0) apart from p(0|1)."""
    given, confusions = FORMS[form]
    device = mixed_device(WIRES, readout_prob=given)
    observable = qml.Y("c") @ qml.Z(3)
    probabilities, mean, mean_of_a_product = execute_tuple(
        device,
        prepare(),
        [qml.probs(wires=["c", 3, "a", 1]), qml.expval(qml.X("a")), qml.expval(observable)],
    )
    expected = reported(state, ["c", 3, "a", 1], confusions)
    assert np.allclose(probabilities, expected, rtol=0, atol=1e-8)
    assert np.allclose(mean, moments(state, qml.X("a"), confusions)[0], rtol=0, atol=1e-8)
    product = moments(state, observable, confusions)[0]
    assert np.allclose(mean_of_a_product, product, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_expectation_and_variance(name, state):
    """Observables are read in their eigenbasis with the errors of their wires."""
    observable = OBSERVABLES[name]()
    device = mixed_device(WIRES, readout_prob=PAIRS)
    results = execute_tuple(device, prepare(), [qml.expval(observable), qml.var(observable)])
    assert np.allclose(results, moments(state, observable, EVERY), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", SUMS)
def test_sums(name, state):
    """The terms of a sum are read out one by one, each in its own basis."""
    observable = SUMS[name]()
    (result,) = execute_tuple(
        mixed_device(WIRES, readout_prob=PAIRS), prepare(), [qml.expval(observable)]
    )
    expected = mean_of_sum(state, observable, EVERY)
    assert np.allclose(result, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["word", "hadamard", "hermitian on 2"])
def test_probabilities_of_an_observable(name, state):
    """Probabilities in an eigenbasis include readout error."""
    observable = OBSERVABLES[name]()
    device = mixed_device(WIRES, readout_prob=PAIRS)
    (result,) = execute_tuple(device, prepare(), [qml.probs(op=observable)])
    gates = observable.diagonalizing_gates()
    expected = reported(state, list(observable.wires), EVERY, gates)
    assert np.allclose(result, expected, rtol=0, atol=1e-10)


def test_batch():
    """Each element of a batch has its own distribution."""
    device = mixed_device(WIRES, readout_prob=PAIRS)
    measurements = [
        qml.expval(OBSERVABLES["word"]()),
        qml.var(OBSERVABLES["hermitian on 2"]()),
        qml.probs(wires=["c", "a"]),
    ]
    together = execute_tuple(device, prepare(3), measurements)
    one_by_one = [
        execute_tuple(device, noisy_circuit(circuit_angles(3)[:, element], WIRES), measurements)
        for element in range(3)
    ]
    for position, result in enumerate(together):
        expected = np.stack([results[position] for results in one_by_one])
        assert result.shape == expected.shape
        assert np.allclose(result, expected, rtol=0, atol=1e-12)


def test_single_precision(state):
    """Readout error keeps single precision."""
    device = mixed_device(WIRES, readout_prob=PAIRS, r_dtype="float32")
    measurements = [qml.expval(OBSERVABLES["word"]()), qml.probs(wires=["c", "a"])]
    mean, probabilities = execute_tuple(device, prepare(), measurements)
    assert mean.dtype == probabilities.dtype == np.float32
    assert abs(mean - moments(state, OBSERVABLES["word"](), EVERY)[0]) < 1e-5
    assert np.allclose(probabilities, reported(state, ["c", "a"], EVERY), rtol=0, atol=1e-5)


EXACT = {
    "state": lambda: qml.state(),
    "density matrix": lambda: qml.density_matrix(wires=["c", "a"]),
    "purity": lambda: qml.purity(wires=["a", 1]),
    "entropy": lambda: qml.vn_entropy(wires=["c"]),
    "mutual information": lambda: qml.mutual_info(wires0=["a"], wires1=["c"]),
}


@pytest.mark.parametrize("name", EXACT)
def test_states_and_entropies_are_exact(name):
    """States and entropies are exact, and a warning says so."""
    with pytest.warns(UserWarning, match="not affected by readout error"):
        (result,) = execute_tuple(
            mixed_device(WIRES, readout_prob=PAIRS), prepare(), [EXACT[name]()]
        )
    (expected,) = execute_tuple(mixed_device(WIRES), prepare(), [EXACT[name]()])
    assert np.array_equal(result, expected)


def test_no_warning_where_readout_error_acts():
    """Measurements that include readout error give no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        execute_tuple(
            mixed_device(WIRES, readout_prob=0.1), prepare(), [qml.expval(qml.Z(1)), qml.probs()]
        )


def test_no_warning_without_readout_error():
    """Without readout error there is no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        execute_tuple(mixed_device(WIRES, readout_prob=0.0), prepare(), [qml.purity(wires=[1])])


# --- mid-circuit measurements ---------------------------------------------------------------------


MID_CIRCUIT_FORMS = {
    "float": 0.1,
    "pair": (0.1, 0.1),
    "dict": {0: 0.1, 1: 0.3},
    "matrices": [confusion(0.1), confusion(0.3)],
}


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("form", MID_CIRCUIT_FORMS)
def test_mid_circuit_values(form, reused, reset):
    """A mid-circuit value has the readout error of the wire that was measured,
    although deferring the measurement moves it to another wire.
    """

    @qml.qnode(mixed_device(2, readout_prob=MID_CIRCUIT_FORMS[form]))
    def circuit():
        qml.RX(0.2, wires=1)
        qml.RY(0.8, wires=0)
        value = qml.measure(0, reset=reset)
        if reused:
            qml.RX(0.3, wires=0)
        return qml.expval(value), qml.probs(op=value), qml.var(value)

    mean, probabilities, variance = circuit()
    excited = np.sin(0.4) ** 2
    expected = 0.9 * excited + 0.1 * (1 - excited)
    assert abs(mean - expected) < 1e-10
    assert np.allclose(probabilities, [1 - expected, expected], rtol=0, atol=1e-10)
    assert abs(variance - expected * (1 - expected)) < 1e-10


# --- shots ----------------------------------------------------------------------------------------


def test_samples(state):
    """Samples, counts and probabilities from shots include readout error."""
    device = mixed_device(WIRES, readout_prob=PAIRS, seed=3)
    wires = ["c", "a"]
    bits, counts, probabilities = execute_tuple(
        device,
        prepare(),
        [qml.sample(wires=wires), qml.counts(wires=wires, all_outcomes=True), qml.probs(wires)],
        shots=SHOTS,
    )
    expected = reported(state, wires, EVERY)
    tolerance = 5 * np.sqrt(expected * (1 - expected) / SHOTS)
    frequencies = np.bincount(bits @ [2, 1], minlength=4) / SHOTS
    assert (abs(frequencies - expected) < tolerance).all()
    assert (abs(probabilities - expected) < tolerance).all()
    counted = np.array([counts[key] for key in ("00", "01", "10", "11")]) / SHOTS
    assert (abs(counted - expected) < tolerance).all()


@pytest.mark.parametrize("name", OBSERVABLES)
def test_expectation_from_shots(name, state):
    """Shots of an observable include readout error."""
    observable = OBSERVABLES[name]()
    device = mixed_device(WIRES, readout_prob=PAIRS, seed=4)
    (result,) = execute_tuple(device, prepare(), [qml.expval(observable)], shots=SHOTS)
    mean, variance = moments(state, observable, EVERY)
    assert abs(result - mean) < 5 * np.sqrt(variance / SHOTS) + 1e-9


@pytest.mark.parametrize("name", SUMS)
def test_sums_from_shots(name, state):
    """Shots of a sum include readout error."""
    observable = SUMS[name]()
    device = mixed_device(WIRES, readout_prob=PAIRS, seed=5)
    (result,) = execute_tuple(device, prepare(), [qml.expval(observable)], shots=SHOTS)
    # The estimates of terms that share shots may all err to the same side.
    spread = sum(
        abs(c) * np.sqrt(variance / SHOTS)
        for c, _, variance in moments_of_terms(state, observable, EVERY)
    )
    assert abs(result - mean_of_sum(state, observable, EVERY)) < 5 * spread


def test_shadows(state):
    """Shadows include readout error."""
    device = mixed_device(WIRES, readout_prob=PAIRS, seed=6)
    words = [qml.Z("a"), qml.X(1), qml.Y("c") @ qml.Z("a")]
    results = execute_tuple(
        device, prepare(), [qml.shadow_expval(word, seed=7) for word in words], SHOTS
    )
    for word, result in zip(words, results, strict=True):
        mean = moments(state, word, EVERY)[0]
        assert abs(result - mean) < 5 * np.sqrt(3 ** len(word.wires) / SHOTS)


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["word", "hadamard", "projector"])
def test_gradient_with_respect_to_readout_error(name):
    """A readout error given as a tensor has a gradient, call after call."""
    observable = OBSERVABLES[name]()
    step = 1e-5

    def value(pair):
        @qml.qnode(mixed_device(WIRES, readout_prob=pair), interface="torch")
        def circuit(x):
            qml.RX(x, wires="a")
            qml.CNOT(wires=["a", 1])
            qml.RY(0.7, wires="c")
            return qml.expval(observable)

        return circuit

    pair = torch.tensor([0.1, 0.2], dtype=torch.float64, requires_grad=True)
    circuit = value(pair)
    x = torch.tensor(0.4, dtype=torch.float64)
    first = torch.autograd.grad(circuit(x), pair)[0]
    again = torch.autograd.grad(circuit(x), pair)[0]
    expected = [
        (value((0.1 + step, 0.2))(x) - value((0.1 - step, 0.2))(x)) / (2 * step),
        (value((0.1, 0.2 + step))(x) - value((0.1, 0.2 - step))(x)) / (2 * step),
    ]
    assert np.allclose(first, expected, rtol=0, atol=1e-8)
    assert torch.equal(first, again)
    assert first.abs().max() > 1e-3
