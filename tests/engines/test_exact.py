"""The engines of Pauli vectors, and what is read from their final states."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers import density_matrices as dense
from helpers.circuits import circuit_angles, noisy_circuit
from helpers.comparison import assert_close
from helpers.execution import execute
from pennylane.tape import QuantumScript

from pennylane_qizgloria.engines import exact
from pennylane_qizgloria.engines.exact import ExactEngine, KernelEngine, PlannedEngine
from pennylane_qizgloria.lowering.circuit import lower
from pennylane_qizgloria.lowering.context import TapeContext
from pennylane_qizgloria.lowering.measurements.eigenbasis import eigenbasis
from pennylane_qizgloria.lowering.measurements.measurements import measured_basis
from pennylane_qizgloria.pauli.kernels import choice
from pennylane_qizgloria.pauli.program.final_state import FinalState
from pennylane_qizgloria.pauli.program.measured_basis import MeasuredBasis
from pennylane_qizgloria.pauli.state.basis import X, Y, Z
from pennylane_qizgloria.pauli.state.measure import PauliSum, PauliSums

WIRES = range(4)
ENGINES = [ExactEngine(), PlannedEngine(), KernelEngine()]
HERMITIAN = dense.random_hermitian(np.random.default_rng(3), 2)


def circuit_of(x):
    tape = QuantumScript(noisy_circuit(x), [qml.density_matrix(WIRES)])
    return lower(tape, torch.float64)


def density_matrix(x):
    """The final state on default.mixed."""
    return execute(qml.device("default.mixed", wires=WIRES), noisy_circuit(x), [qml.state()])


@pytest.fixture(scope="module", params=ENGINES, ids=lambda engine: engine.name)
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def state(engine):
    (found,) = engine.run([circuit_of(circuit_angles())], None)
    return found


@pytest.fixture(scope="module")
def rho():
    return density_matrix(circuit_angles())


def test_final_states(engine):
    """There is no reason against a small circuit, and its states are final states."""
    circuit = circuit_of(circuit_angles())
    assert engine.why_not(circuit) is None
    (found,) = engine.run([circuit], None)
    assert isinstance(found, FinalState)


def test_states_are_in_the_order_of_the_circuits(engine):
    """Circuits of several structures and batches run together, each with its own state."""
    angles = [circuit_angles(), circuit_angles() + 0.5, circuit_angles(3), circuit_angles() - 1]
    states = engine.run([circuit_of(x) for x in angles], None)
    for x, found in zip(angles, states, strict=True):
        elements = [x] if x.ndim == 1 else x.T
        expected = [density_matrix(element) for element in elements]
        assert_close(found.density_matrix(WIRES), expected, 1e-10)


def test_the_wires_are_those_that_are_touched(state):
    """Wires that no operation acts on have no axis."""
    assert sorted(state.wires) == [0, 1, 2]


def test_expectations(state, rho):
    """Sums of words agree with Tr(O rho), on idle wires too."""
    sums = (
        PauliSum((2, 0), torch.tensor([[X, Y], [Z, 0]]), torch.tensor([0.5, -2.0]).double()),
        PauliSum((3, 1), torch.tensor([[Z, Z], [X, X]]), torch.tensor([1.5, 7.0]).double()),
    )
    found = state.expectations(PauliSums(sums))
    for own, mean in zip(sums, found, strict=True):
        pairs = zip(own.coefficients.tolist(), own.words.tolist(), strict=True)
        matrix = sum(c * dense.kron(*(dense.PAULIS[i] for i in word)) for c, word in pairs)
        expected = np.trace(dense.embed(matrix, own.wires, 4) @ rho).real
        assert_close(mean, [expected], 1e-10)


@pytest.mark.parametrize("wires", [(0,), (2, 1), (3, 0), (1, 3, 2, 0)], ids=str)
def test_reduced_states_and_purities(wires, state, rho):
    """Reduced density matrices and purities agree with partial traces."""
    expected = dense.partial_trace(rho, list(wires))
    assert_close(state.density_matrix(wires), expected[None], 1e-10)
    assert_close(state.purity(wires), [np.trace(expected @ expected).real], 1e-10)


@pytest.mark.parametrize("wires", [(0,), (2, 0), (0, 3, 1)], ids=str)
def test_distributions_of_paulis(wires, state, rho):
    """A basis of Paulis has the probabilities after their rotations."""
    paulis = (X, Z, Y)[: len(wires)]
    found = state.distribution(MeasuredBasis(wires, paulis)).probabilities()
    expected = dense.outcome_probabilities(rho, wires, paulis)
    assert_close(found, [expected], 1e-10)


@pytest.mark.parametrize("wires", [(0, 2), (2, 1), (3, 1), (1, 3)], ids=str)
@pytest.mark.parametrize("batch", [None, 3])
def test_distributions_of_rotated_bases(wires, batch, engine):
    """Eigenbases without Paulis have the probabilities of the eigenvectors, idle wires included."""
    x = circuit_angles(batch)
    (state,) = engine.run([circuit_of(x)], None)
    basis = eigenbasis(qml.sample(qml.Hermitian(HERMITIAN, wires)))
    context = TapeContext({wire: wire for wire in WIRES})
    found = state.distribution(measured_basis(basis, context)).probabilities()
    vectors = np.linalg.eigh(HERMITIAN)[1]
    elements = [x] if batch is None else x.T
    reduced = [dense.partial_trace(density_matrix(own), list(wires)) for own in elements]
    expected = [np.diag(vectors.conj().T @ own @ vectors).real for own in reduced]
    assert_close(found, expected, 1e-10)


def test_the_memory_budget_reaches_the_reverse_pass(engine):
    """Gradients are the same with little memory as with much."""
    found = []
    for budget in (None, 1):
        x = torch.tensor(circuit_angles(), requires_grad=True)
        (state,) = engine.run([circuit_of(x)], budget)
        found.append(torch.autograd.grad(state.purity((0, 1)).sum(), x)[0])
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-12)
    assert found[0].abs().max() > 1e-2


# --- which evolution an engine takes --------------------------------------------------------------


def wide_circuit():
    """A circuit with Kraus operators on four wires."""
    kraus = list(dense.random_kraus(np.random.default_rng(5), 4, 2))
    tape = QuantumScript([qml.RX(0.3, 0), qml.QubitChannel(kraus, WIRES)], [qml.probs(wires=WIRES)])
    return lower(tape, torch.float64)


def test_what_engines_do_not_support():
    """Kernels have no wide Kraus operators; the other engines support every circuit."""
    circuit = wide_circuit()
    reasons = {engine.name: engine.why_not(circuit) for engine in ENGINES}
    reason = "The kernels have no operations by Kraus operators on more than three wires."
    assert reasons == {"exact": None, "planned": None, "kernels": reason}


def test_wide_kraus_operators():
    """The engine that takes what is faster takes a plan where it has to."""
    circuit = wide_circuit()
    found, expected = (own.run([circuit], None)[0].density_matrix(WIRES) for own in ENGINES[:2])
    assert_close(found, expected, 1e-12)


def test_which_evolution_an_engine_takes(monkeypatch):
    """One engine chooses by size, the others do not look at it."""
    taken = []
    for name in ("final_state", "by_kernels"):
        original = getattr(choice, name)
        monkeypatch.setattr(
            choice, name, lambda *given, name=name, f=original: taken.append(name) or f(*given)
        )
    planned = exact.final_state
    monkeypatch.setattr(
        exact, "final_state", lambda *given: taken.append("planned") or planned(*given)
    )
    circuit = circuit_of(circuit_angles())
    for engine in ENGINES:
        engine.run([circuit], None)
        taken.append("-")
    assert taken == ["final_state", "by_kernels", "-", "planned", "-", "by_kernels", "-"]


def test_circuits_of_one_structure_run_together(engine, monkeypatch):
    """As many circuits run together as there is room for their states."""
    sizes = []
    original = type(engine).evolve

    def evolve(self, bound, budget):
        sizes.append(bound.batch_size)
        return original(self, bound, budget)

    monkeypatch.setattr(type(engine), "evolve", evolve)
    circuits = [circuit_of(circuit_angles() + shift) for shift in range(3)]
    engine.run(circuits, None)
    assert sizes == [3]
