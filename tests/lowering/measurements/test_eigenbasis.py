"""The basis in which an observable is measured, and the order of its outcomes, are PennyLane's.

The reference is dense: the rows of the diagonalizing gates' matrix are the eigenvectors, in the
order of `eigvals()`.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
import pennylane as qml
import pytest
from pennylane.exceptions import DiagGatesUndefinedError
from pennylane.tape import QuantumScript
from pennylane.wires import Wires

from pennylane_qizgloria.lowering.measurements.eigenbasis import eigenbasis, paulis_read, signs

X, Y, Z = qml.X, qml.Y, qml.Z

PAULI_LABELS = {
    "letter": (lambda: Y(0), [2]),
    "word": (lambda: Z("b") @ X(0), [3, 1]),
    "word with an identity": (lambda: X(0) @ qml.I(1), [1, 3]),
    "negative word": (lambda: -2.0 * X(0), [1]),
    "sum on different wires": (lambda: X(0) + Y(1), [1, 2]),
    "one operand": (lambda: qml.Hamiltonian([0.3], [X(1)]), [1]),
    "projector": (lambda: qml.Projector([0, 1], [0, 1]), [3, 3]),
    "computational basis": (lambda: None, [3, 3]),
}

RELABELLED = {
    "equal letters": lambda: Z(0) + Z(0),
    "equal letters and a factor": lambda: 2 * (Y(0) + 0.5 * Y(0)),
    "in a product": lambda: (X(0) + X(0)) @ Z(1),
    "in a product of three": lambda: qml.prod(Z(0) + Z(0), Y(2), X(1) + X(1)),
    "equal words": lambda: Z(0) @ Z(1) + Z(0) @ Z(1),
    "words that commute": lambda: qml.sum(Z(0) @ Z(1), Z(1) @ Z(2), 0.3 * Z(0)),
    "words that commute in other letters": lambda: qml.sum(X(0), 0.4 * X(0) @ Y(1), 0.7 * Y(1)),
    "with an identity": lambda: Z(0) + qml.I(0),
}

GATES = {
    "hadamard": lambda: qml.Hadamard(0),
    "hermitian": lambda: qml.Hermitian(np.array([[1, 2j], [-2j, 0]]), 0),
    "sum of letters": lambda: X(0) + Z(0),
    "states that are entangled": lambda: X(0) @ X(1) + X(0) @ X(1),
    "product": lambda: qml.prod(qml.Hadamard(0), X(1)),
}


def eigenvectors(observable):
    """The diagonalizing gates as a matrix."""
    return qml.matrix(QuantumScript(observable.diagonalizing_gates()), wire_order=observable.wires)


def rotations(paulis):
    """The unitary that turns a letter on each wire into Z."""
    hadamard, phase = np.array([[1, 1], [1, -1]]) / np.sqrt(2), np.diag([1, -1j])
    return reduce(np.kron, [{1: hadamard, 2: hadamard @ phase, 3: np.eye(2)}[x] for x in paulis])


@pytest.mark.parametrize("name", PAULI_LABELS)
def test_letters(name):
    """What PennyLane reads letter by letter is read so, in its order."""
    make, expected = PAULI_LABELS[name]
    observable = make()
    process = qml.probs(wires=[0, 1]) if observable is None else qml.sample(observable)
    basis = eigenbasis(process)
    assert list(basis.paulis.values()) == expected
    assert list(basis.paulis) == list(basis.wires) == list(process.wires)
    assert basis.order() is None
    if observable is not None:
        overlaps = abs(eigenvectors(observable) @ rotations(expected).conj().T)
        assert np.allclose(overlaps, np.eye(len(overlaps)))


@pytest.mark.parametrize("name", RELABELLED)
def test_relabelled(name):
    """Outcomes of merged words are in PennyLane's order, although the letters are read."""
    observable = RELABELLED[name]()
    basis = eigenbasis(qml.probs(op=observable))
    paulis = [basis.paulis[wire] for wire in observable.wires]
    overlaps = abs(eigenvectors(observable) @ rotations(paulis).conj().T)
    assert np.allclose(overlaps[np.arange(len(overlaps)), basis.order()], 1)
    assert sorted(basis.order()) == list(range(len(overlaps)))


@pytest.mark.parametrize("name", RELABELLED)
def test_outcomes_of_samples(name):
    """Bits of letters become the bits of the outcome, whatever other wires lie between them."""
    observable = RELABELLED[name]()
    basis = eigenbasis(qml.probs(op=observable))
    labels = Wires(["other", *reversed(observable.wires), "last"])
    bits = np.random.default_rng(3).integers(0, 2, (2, 50, len(labels)))
    found = basis.outcomes(bits, labels)
    powers = 2 ** np.arange(len(observable.wires))[::-1]
    columns = labels.indices(observable.wires)
    read, outcomes = bits[..., columns] @ powers, found[..., columns] @ powers
    assert (basis.order()[outcomes] == read).all()
    assert (found[..., [0, -1]] == bits[..., [0, -1]]).all()


@pytest.mark.parametrize("name", GATES)
def test_gates(name):
    """Bases that are not those of letters are left to PennyLane's gates."""
    observable = GATES[name]()
    basis = eigenbasis(qml.probs(op=observable))
    assert basis.paulis is None
    assert [gate.name for gate in basis.gates] == [g.name for g in observable.diagonalizing_gates()]


@pytest.mark.parametrize("name", [*RELABELLED, "states that are entangled"])
def test_eigenvalues_of_letters(name):
    """Eigenvalues alone are read letter by letter wherever words commute wire by wire."""
    observable = (RELABELLED | GATES)[name]()
    basis = eigenbasis(qml.sample(observable))
    assert basis.order() is None
    rotation = rotations([basis.paulis[wire] for wire in observable.wires])
    coefficients = np.array(list(observable.pauli_rep.values())).real
    values = coefficients @ signs(observable, basis)
    matrix = rotation @ qml.matrix(observable, wire_order=observable.wires) @ rotation.conj().T
    assert np.allclose(np.diag(values), matrix, rtol=0, atol=1e-12)


def test_identities_may_be_read_in_any_letter():
    """Except for probabilities, which tell the outcomes of the wire apart."""
    observable = Z(0) @ qml.I(1)
    for process, expected in [
        (qml.expval(observable), {0: 3}),
        (qml.counts(observable), {0: 3}),
        (qml.probs(op=observable), {0: 3, 1: 3}),
        (qml.expval(qml.Identity(1)), {}),
        (qml.expval(qml.Projector([0], 1)), {1: 3}),
    ]:
        assert paulis_read(process, eigenbasis(process)) == expected


@pytest.mark.parametrize("measure", [qml.var, qml.sample, qml.counts])
def test_no_known_basis(measure):
    """What PennyLane knows no eigenbasis of is refused in words."""
    matrix = qml.Hamiltonian([1.0], [Z(0) @ X(1)]).sparse_matrix([0, 1])
    with pytest.raises(DiagGatesUndefinedError, match=r"SparseHamiltonian.*qml\.Hermitian"):
        eigenbasis(measure(qml.SparseHamiltonian(matrix, [0, 1])))
