"""Into which bases measurements are turned."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript

from pennylane_qizgloria.qiskit.bases import into_eigenbasis, into_recipes

WIRES = ["a", "b", "c"]


def test_observables_are_measured_in_their_eigenbasis():
    """A word would be measured in another word's basis."""
    words = [qml.X("a") @ qml.Y("b"), qml.X("a"), qml.Z("c")]
    own = QuantumScript([], [qml.expval(word) for word in words])
    rotated = QuantumScript(into_eigenbasis(own).operations)
    matrix = qml.matrix(rotated, wire_order=WIRES)
    for word in words:
        turned = matrix @ qml.matrix(word, wire_order=WIRES) @ matrix.conj().T
        np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-12)


def test_an_observable_that_is_measured_twice_is_turned_once():
    """The second rotation would turn the basis away."""
    matrix = np.array([[0.3, 1], [1, -0.3]])
    observable = qml.Hermitian(matrix, "a")
    own = QuantumScript([], [qml.expval(observable), qml.var(observable)])
    (rotation,) = into_eigenbasis(own).operations
    turned = qml.matrix(rotation) @ matrix @ qml.matrix(rotation).conj().T
    np.testing.assert_allclose(turned, np.diag(np.diag(turned)), atol=1e-12)


@pytest.mark.parametrize(("letter", "number"), [(qml.X, 0), (qml.Y, 1), (qml.Z, 2)])
def test_recipes_turn_a_letter_into_z(letter, number):
    """Shadows would be taken in other bases than the recipes say."""
    turned = into_recipes(QuantumScript(), np.array([[number, 2], [2, number]]), ["a", "b"])
    assert turned.batch_size == 2
    (first, _), _ = qml.transforms.broadcast_expand(turned)
    matrix = qml.matrix(first, wire_order=["a", "b"])
    found = matrix @ qml.matrix(letter("a"), wire_order=["a", "b"]) @ matrix.conj().T
    np.testing.assert_allclose(found, qml.matrix(qml.Z("a"), wire_order=["a", "b"]), atol=1e-12)
