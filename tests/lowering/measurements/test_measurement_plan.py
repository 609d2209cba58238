"""Plans of measurements: they are cached, and never serve a measurement that they do not fit.

The reference for what a cached plan gives is default.mixed, or a device whose cache is empty.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import circuit_angles, noisy_circuit
from helpers.devices import mixed_device
from helpers.execution import execute, execute_tuple
from pennylane.measurements import CountsMP, ExpectationMP, ProbabilityMP, SampleMP, VarianceMP

from pennylane_qizgloria.lowering.context import TapeContext
from pennylane_qizgloria.lowering.measurements import measurement_plan as module
from pennylane_qizgloria.lowering.measurements.measurement_plan import measurement_plan

X, Y, Z, H = qml.X, qml.Y, qml.Z, qml.Hadamard
R = 2**-0.5
WIRES = [0, 1, 2, 3]


@pytest.fixture(autouse=True)
def _empty_cache():
    """What other tests have left in the cache does not serve here."""
    module._cached.cache_clear()


def plan(
    processes,
    wire_map=None,
    dtype=torch.float64,
    confusion=None,
    is_sampled=False,
    readout_key=None,
):
    wire_map = wire_map or {wire: wire for wire in WIRES}
    context = TapeContext(wire_map, confusion or {}, readout_key, dtype)
    return measurement_plan(processes, context, is_sampled)


# --- what is cached -------------------------------------------------------------------------------


CACHED = {
    "expval": lambda: qml.expval(Z(0) @ X(1)),
    "expval of a sum": lambda: qml.expval(qml.Hamiltonian([0.5, 2], [Z(0), X(1) @ Y(2)])),
    "var": lambda: qml.var(Y(2)),
    "probs": lambda: qml.probs(wires=[1, 0]),
    "probs of words": lambda: qml.probs(op=Z(0) @ X(1)),
    "state": qml.state,
    "density matrix": lambda: qml.density_matrix([1]),
}


@pytest.mark.parametrize("name", CACHED)
def test_equal_measurements_share_a_plan(name):
    """Measurements that are made anew in each call are lowered once."""
    first = plan([CACHED[name]()])
    assert plan([CACHED[name]()]) is first


NOT_CACHED = {
    "trainable coefficient": lambda: qml.expval(torch.tensor(0.5) * Z(0)),
    "matrix": lambda: qml.expval(qml.Hermitian(np.diag([1.0, -1.0]), 0)),
    "no words": lambda: qml.expval(H(0)),
    "purity": lambda: qml.purity([0]),
    "eigenvalues": lambda: ExpectationMP(eigvals=np.array([1.0, 2.0]), wires=qml.wires.Wires(0)),
    "overlapping operands": lambda: ProbabilityMP(qml.sum(Z(0), Z(0))),
}


@pytest.mark.parametrize("name", NOT_CACHED)
def test_what_depends_on_more_is_made_anew(name):
    """Matrices, trainable numbers and eigenvalues are not part of a key, so nothing is cached."""
    first = plan([NOT_CACHED[name]()])
    assert plan([NOT_CACHED[name]()]) is not first


def test_readout_errors_of_tensors_are_not_cached():
    """Confusion matrices may be trained, so plans with readout error are made anew."""
    matrix = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
    first = plan([qml.expval(Z(0))], confusion={0: matrix})
    assert plan([qml.expval(Z(0))], confusion={0: matrix}) is not first


def test_readout_errors_of_numbers_are_cached_by_their_key():
    """Equal numbers give the same plan, others another one."""
    matrix = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
    first = plan([qml.expval(Z(0))], confusion={0: matrix}, readout_key=(0.1, 0.2))
    same = plan([qml.expval(Z(0))], confusion={0: matrix.clone()}, readout_key=(0.1, 0.2))
    other = plan([qml.expval(Z(0))], confusion={0: matrix.T}, readout_key=(0.2, 0.1))
    assert same is first
    assert other is not first


CHANGES = {
    "wires": ([qml.expval(Z(1))], {}),
    "letter": ([qml.expval(X(0))], {}),
    "coefficient": ([qml.expval(0.5 * Z(0))], {}),
    "kind": ([qml.var(Z(0))], {}),
    "two of them": ([qml.expval(Z(0))] * 2, {}),
    "wire map": ([qml.expval(Z(0))], {"wire_map": {1: 0, 0: 1}}),
    "more wires": ([qml.expval(Z(0))], {"wire_map": {0: 0, 1: 1, 2: 2, 3: 3, 4: 4}}),
    "dtype": ([qml.expval(Z(0))], {"dtype": torch.float32}),
    "shots": ([qml.expval(Z(0))], {"is_sampled": True}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_has_its_own_plan(name):
    """Whatever a plan depends on tells it from the plan of ``expval(Z(0))``."""
    processes, options = CHANGES[name]
    assert plan(processes, **options) is not plan([qml.expval(Z(0))])


# --- what is cached serves ------------------------------------------------------------------------


OPERATIONS = noisy_circuit(circuit_angles())
PROCESSES = {
    "expval": lambda: qml.expval(Z(0) @ X(1)),
    "other wires": lambda: qml.expval(Z(1) @ X(0)),
    "other coefficient": lambda: qml.expval(2.5 * (Z(0) @ X(1))),
    "integer coefficient": lambda: qml.expval(qml.Hamiltonian([3], [Z(0) @ X(1)])),
    "negative zero": lambda: qml.expval(qml.Hamiltonian([-0.0, 1.0], [Z(0), Y(1)])),
    "zero": lambda: qml.expval(qml.Hamiltonian([0.0, 1.0], [Z(0), Y(1)])),
    "other order of terms": lambda: qml.expval(qml.Hamiltonian([1.0, 0.5], [Y(1), Z(0)])),
    "terms": lambda: qml.expval(qml.Hamiltonian([0.5, 1.0], [Z(0), Y(1)])),
    "constant": lambda: qml.expval(qml.Hamiltonian([0.5, 1.5], [Z(0), qml.I(1)])),
    "matrix": lambda: qml.expval(qml.Hermitian(np.array([[0.4, 1j], [-1j, 0.2]]), 0)),
    "other matrix": lambda: qml.expval(qml.Hermitian(np.array([[0.1, 1.0], [1.0, 0.2]]), 0)),
    "trained": lambda: qml.expval(qml.Hamiltonian(np.array([0.3, 0.1]), [Z(0), Y(1)])),
    "var": lambda: qml.var(Z(0) @ X(1)),
    "var of a sum": lambda: qml.var(qml.Hamiltonian([0.5, 1.0], [Z(0), Y(1)])),
    "eigenvalues": lambda: ExpectationMP(eigvals=np.array([0.2, 1.0]), wires=qml.wires.Wires(0)),
    "other eigenvalues": lambda: ExpectationMP(
        eigvals=np.array([0.7, 1.0]), wires=qml.wires.Wires(0)
    ),
    "variance of eigenvalues": lambda: VarianceMP(
        eigvals=np.array([0.2, 1.0]), wires=qml.wires.Wires(0)
    ),
    "probs": lambda: qml.probs(wires=[0, 1]),
    "probs, reversed": lambda: qml.probs(wires=[1, 0]),
    "probs of words": lambda: qml.probs(op=Z(0) @ X(1)),
    "probs of the negative": lambda: qml.probs(op=-1.0 * (Z(0) @ X(1))),
    "probs of Hadamard": lambda: qml.probs(op=H(0)),
    "density matrix": lambda: qml.density_matrix([0, 1]),
    "density matrix, reversed": lambda: qml.density_matrix([1, 0]),
    "state": qml.state,
    "purity": lambda: qml.purity([0]),
    "entropy": lambda: qml.vn_entropy([0]),
    "entropy in bits": lambda: qml.vn_entropy([0], log_base=2),
    "mutual information": lambda: qml.mutual_info([0], [1]),
}
"""Measurements that differ from one another in one thing that a plan depends on."""


def expected(name, operations=OPERATIONS):
    process, device = PROCESSES[name](), qml.device("default.mixed", wires=WIRES)
    if process.obs is not None or not isinstance(process, (ExpectationMP, VarianceMP)):
        return execute(device, operations, [process])
    # default.mixed does not measure eigenvalues without an observable.
    probabilities = execute(device, operations, [qml.probs(wires=process.wires)])
    mean = probabilities @ process.eigvals()
    if isinstance(process, ExpectationMP):
        return mean
    return probabilities @ process.eigvals() ** 2 - mean**2


def test_measurements_one_after_the_other_agree_with_default_mixed():
    """Each measurement has its own result, whatever has been measured before, and again after."""
    device = mixed_device(WIRES)
    references = {name: expected(name) for name in PROCESSES}
    for name in [*PROCESSES, *reversed(PROCESSES)]:
        found = execute(device, OPERATIONS, [PROCESSES[name]()])
        np.testing.assert_allclose(found, references[name], atol=1e-10, err_msg=name)


def test_measurements_together_agree_with_default_mixed():
    """The results of one plan are in the order of its measurements, each with its own sums."""
    for names in (list(PROCESSES), list(PROCESSES)[::-1], list(PROCESSES)[::3]):
        processes = [PROCESSES[name]() for name in names]
        found = execute_tuple(mixed_device(WIRES), OPERATIONS, processes)
        for name, own in zip(names, found, strict=True):
            np.testing.assert_allclose(own, expected(name), atol=1e-10, err_msg=name)


def test_wires_of_other_circuits():
    """One measurement is right in circuits that give its wires other integers, and again after."""
    for labels in ([0, 1, 2, 3], [3, 1, 0, 2], [1, 0, 3, 2], [0, 1, 2, 3]):
        operations = noisy_circuit(circuit_angles(), labels)
        for name in ("expval", "probs", "density matrix"):
            found = execute(mixed_device(None), operations, [PROCESSES[name]()])
            reference = expected(name, operations)
            np.testing.assert_allclose(found, reference, atol=1e-10, err_msg=f"{name}, {labels}")


@pytest.mark.parametrize("name", ["expval", "var", "probs", "probs of words", "density matrix"])
def test_precisions_in_turn(name):
    """A plan of one precision does not serve the other."""
    for dtype in ("float64", "float32", "float64"):
        device = mixed_device(WIRES, r_dtype=dtype)
        found = np.asarray(execute(device, OPERATIONS, [PROCESSES[name]()]))
        assert found.real.dtype == dtype
        tolerance = {"float64": 1e-10, "float32": 1e-5}[dtype]
        np.testing.assert_allclose(found, expected(name), atol=tolerance)


@pytest.mark.parametrize("name", ["expval", "terms", "var", "var of a sum", "probs of words"])
def test_shots_and_exact_results_in_turn(name):
    """A plan for shots does not serve exact results, nor the other way round."""
    device = mixed_device(WIRES, seed=4)
    for _ in range(2):
        exact = execute(device, OPERATIONS, [PROCESSES[name]()])
        sampled = execute(device, OPERATIONS, [PROCESSES[name]()], shots=20_000)
        np.testing.assert_allclose(exact, expected(name), atol=1e-10)
        np.testing.assert_allclose(sampled, expected(name), atol=0.06)
        assert not np.array_equal(sampled, exact)


def test_readout_errors_in_turn():
    """A plan without readout error does not serve a device with one, nor another error's."""
    for error in (0.0, 0.1, 0.25, 0.0):
        device = mixed_device(WIRES, readout_prob=error)
        found = execute(device, OPERATIONS, [qml.expval(Z(0) @ X(1))])
        factor = (1 - 2 * error) ** 2
        np.testing.assert_allclose(found, factor * expected("expval"), atol=1e-10)


def test_batches_in_turn():
    """A plan serves circuits with and without a batch."""
    device, x = mixed_device(WIRES), circuit_angles(3)
    for _ in range(2):
        batch = execute(device, noisy_circuit(x), [PROCESSES["terms"]()])
        for element in range(3):
            single = noisy_circuit(x[:, element])
            assert abs(batch[element] - expected("terms", single)) < 1e-10
            assert abs(execute(device, single, [PROCESSES["terms"]()]) - batch[element]) < 1e-12


def test_changed_coefficients_in_place():
    """Coefficients that are changed between calls count as they are."""
    coefficients = torch.tensor([0.5, 1.0], dtype=torch.float64)
    for factor in (1.0, 3.0):
        with torch.no_grad():
            coefficients.mul_(factor)
        process = qml.expval(qml.Hamiltonian(coefficients, [Z(0), Y(1)]))
        found = execute(mixed_device(WIRES), OPERATIONS, [process])
        assert abs(found - factor * expected("terms")) < 1e-10


# --- observables that are written in several ways -------------------------------------------------

WRITINGS = {
    "H": H(0),
    "X and Z": qml.sum(qml.s_prod(R, X(0)), qml.s_prod(R, Z(0))),
    "Hamiltonian of X and Z": qml.Hamiltonian([R, R], [X(0), Z(0)]),
    "Z": Z(0),
    "product of Z": qml.prod(Z(0)),
    "one Z": qml.s_prod(1.0, Z(0)),
    "halves of Z": qml.sum(qml.s_prod(0.5, Z(0)), qml.s_prod(0.5, Z(0))),
    "Hamiltonian of Z": qml.Hamiltonian([1.0], [Z(0)]),
    "-Z": qml.s_prod(-1.0, Z(0)),
    "Hamiltonian of -Z": qml.Hamiltonian([-1.0], [Z(0)]),
    "ZX": Z(0) @ X(1),
    "XZ": X(1) @ Z(0),
    "product XZ": qml.prod(X(1), Z(0)),
    "IZ": qml.I(0) @ Z(1),
    "XXZ": qml.prod(X(0), X(0), Z(1)),
    "YYZ": qml.prod(Y(0), Y(0), Z(1)),
    "ZZZ": qml.prod(Z(0), Z(1), Z(0)),
    "projector": qml.Projector([0], 0),
    "halves of I and Z": qml.sum(qml.s_prod(0.5, qml.I(0)), qml.s_prod(0.5, Z(0))),
    "Hamiltonian of I and Z": qml.Hamiltonian([0.5, 0.5], [qml.I(0), Z(0)]),
    "Z and X": qml.sum(Z(0), X(1)),
    "X and Z elsewhere": qml.sum(X(1), Z(0)),
    "Hamiltonian of Z and X": qml.Hamiltonian([1, 1], [Z(0), X(1)]),
    "Z and X of one wire": qml.sum(Z(0), X(0)),
    "Hamiltonian of one wire": qml.Hamiltonian([1.0, 1.0], [Z(0), X(0)]),
}
KINDS = {
    "expval": (qml.expval, None),
    "var": (qml.var, None),
    "probs": (ProbabilityMP, None),
    "sampled expval": (qml.expval, 40),
    "sampled probs": (ProbabilityMP, 40),
    "samples": (SampleMP, 40),
    "counts": (CountsMP, 40),
}


def pairs_of_one_key(make):
    """Observables that are written differently, and have the same key."""
    keys = {name: module._key(make(own)) for name, own in WRITINGS.items()}
    return [(a, b) for a, b in permutations(WRITINGS, 2) if keys[a] and keys[a] == keys[b]]


@pytest.mark.parametrize("kind", KINDS)
def test_writings_that_share_a_plan_share_its_results(kind):
    """A plan made for one way to write an observable gives the result of every other one."""
    make, shots = KINDS[kind]

    def measured(name):
        return repr(execute(mixed_device(2, seed=3), OPERATIONS[:2], [make(WRITINGS[name])], shots))

    pairs = pairs_of_one_key(make)
    assert len(pairs) > 10
    for first, second in pairs:
        module._cached.cache_clear()
        fresh = measured(second)
        module._cached.cache_clear()
        measured(first)
        assert measured(second) == fresh, (first, second)


@pytest.mark.parametrize("name", WRITINGS)
def test_probabilities_agree_with_default_mixed(name):
    """Outcomes are numbered as PennyLane does, however the observable is written."""
    for other in WRITINGS.values():
        execute(mixed_device(2), OPERATIONS[:3], [ProbabilityMP(other)])
    found, reference = (
        execute(device, OPERATIONS[:3], [ProbabilityMP(WRITINGS[name])])
        for device in (mixed_device(2), qml.device("default.mixed", wires=2))
    )
    np.testing.assert_allclose(found, reference, atol=1e-10)
