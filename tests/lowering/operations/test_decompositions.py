"""Decompositions that PennyLane lacks, or that lose derivatives: their matrices are right."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.exceptions import DecompositionUndefinedError
from pennylane.ops import Evolution
from pennylane.ops.op_math import Exp

from pennylane_qizgloria.lowering.operations.decompositions import (
    as_evolution,
    decomposition,
    has_decomposition,
)

H = 0.5 * qml.X("t") @ qml.Z("u") + 0.2 * qml.Y("t")

OPERATORS = {
    **{
        f"{kind.__name__} at {angle}": qml.ctrl(kind(angle, "t"), ["a", "b"], [0, 1])
        for kind in (qml.RX, qml.RY, qml.RZ)
        for angle in (0.7, 2 * np.pi)
    },
    "controlled rotation": qml.ctrl(qml.Rot(0.1, 0.2, 0.3, "t"), ["a", "b"]),
    "three controls": qml.ctrl(qml.RX(-1.1, "t"), ["a", "b", "c"], [1, 0, 1]),
    "evolution": qml.evolve(H, 0.4),
    "controlled evolution": qml.ctrl(qml.evolve(H, 0.4), "a", [0]),
    "adjoint of an evolution": qml.adjoint(qml.evolve(H, 0.4)),
    "power of an evolution": qml.pow(qml.evolve(H, 0.4), 3),
    "power of an adjoint": qml.pow(qml.adjoint(qml.evolve(H, 0.4)), 2),
    "power of a controlled exponential": qml.pow(qml.ctrl(qml.exp(H, -0.3j), "a"), 2),
    "power of a power": qml.pow(qml.pow(qml.exp(H, -0.3j), 2), 2),
    "negative power": qml.pow(qml.QFT(["t", "u"]), -2),
    "power zero": qml.pow(qml.QFT(["t", "u"]), 0),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_matrices(name):
    """The parts one after the other do what the operator does, global phase included."""
    op = OPERATORS[name]
    assert has_decomposition(op)
    found = np.eye(2 ** len(op.wires))
    for part in decomposition(op):
        matrix = qml.matrix(part, wire_order=op.wires)
        found = np.asarray(torch.as_tensor(matrix).resolve_conj()) @ found
    np.testing.assert_allclose(found, qml.matrix(op, wire_order=op.wires), atol=1e-10)


def test_no_branch_on_the_angle():
    """At every angle a controlled rotation is the same gates, so that derivatives exist there."""
    names = {
        tuple(op.name for op in decomposition(qml.ctrl(qml.RX(angle, 0), [1, 2])))
        for angle in (0.0, 0.3, 2 * np.pi)
    }
    assert len(names) == 1


def test_what_has_none():
    """An exponential that is no evolution of words is refused."""
    op = Exp(qml.Hermitian(np.eye(2), 0), 0.3j)
    assert not has_decomposition(op)
    with pytest.raises(DecompositionUndefinedError, match="sum of Pauli words"):
        decomposition(op)


@pytest.mark.parametrize(
    "op",
    [
        qml.exp(H, -0.3j),
        qml.adjoint(qml.exp(H, -0.3j)),
        qml.pow(qml.exp(H, -0.3j), 2),
        qml.ctrl(qml.exp(H, -0.3j), "a", [0]),
    ],
    ids=lambda op: op.name,
)
def test_exponentials_as_evolutions(op):
    """The time becomes the only parameter; the unitary stays."""
    new = as_evolution(op)
    assert len(new.data) == 1
    assert not np.iscomplexobj(new.data[0])
    np.testing.assert_allclose(
        qml.matrix(new, wire_order=op.wires), qml.matrix(op, wire_order=op.wires), atol=1e-12
    )


@pytest.mark.parametrize("op", [Evolution(H, 0.4), qml.RX(0.3, 0), Exp(qml.X(0), 0.3)])
def test_nothing_to_change(op):
    """Evolutions, other gates and real exponents are left alone."""
    assert as_evolution(op) is None
