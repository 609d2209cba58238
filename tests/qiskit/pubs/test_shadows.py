"""Where the snapshots of a classical shadow are, and what they give."""

import numpy as np
import pennylane as qml
import pytest
from pennylane.tape import QuantumScript
from qiskit.quantum_info import Operator

from pennylane_qizgloria.qiskit.compile.structures import TapeReader
from pennylane_qizgloria.qiskit.compile.transpilation import Compiler
from pennylane_qizgloria.qiskit.pubs.pubs import PubCollection
from pennylane_qizgloria.qiskit.pubs.sampler import add_to_sampler
from pennylane_qizgloria.qiskit.pubs.shadows import MAX_SURPLUS, arrange_snapshots


def added(tape):
    """The PUB that a tape is added to, and its plan."""
    pubs = PubCollection()
    plan = add_to_sampler(tape, ["a", "b"], TapeReader(), Compiler(None), pubs)
    (pub,) = pubs
    return pub, plan


@pytest.mark.parametrize(
    ("snapshots", "wires"), [(1, 1), (7, 1), (300, 1), (300, 2), (2000, 4), (50, 6)]
)
def test_each_snapshot_has_a_shot_of_its_own_in_its_basis(rng, snapshots, wires):
    """No shot is used twice, and few are left over."""
    recipes = rng.integers(0, 3, (snapshots, wires))
    layout = arrange_snapshots(recipes)
    np.testing.assert_array_equal(layout.bases[layout.row], recipes)
    assert len({*zip(layout.row.tolist(), layout.shot.tolist(), strict=True)}) == snapshots
    assert layout.shot.max() < layout.shots
    assert len(layout.bases) * layout.shots <= (1 + MAX_SURPLUS) * snapshots
    if snapshots >= 100 * 3**wires:
        assert len(layout.bases) == 3**wires


@pytest.mark.parametrize(("letter", "number"), [(qml.X, 0), (qml.Y, 1), (qml.Z, 2)])
def test_rows_turn_a_letter_into_z(letter, number):
    """The bases are the parameters of one circuit."""
    tape = QuantumScript([], [qml.classical_shadow(wires=["a"], seed=1)], shots=30)
    pub, _ = added(tape)
    circuit = pub.compiled.circuit.remove_final_measurements(inplace=False)
    recipes = np.random.RandomState(1).randint(0, 3, size=(30, 1))
    row = arrange_snapshots(recipes).bases[:, 0].tolist().index(number)
    bound = circuit.assign_parameters(np.concatenate(pub.rows)[row])
    matrix = Operator(bound).data[:2, :2]
    rotated = matrix @ qml.matrix(letter(0)) @ matrix.conj().T
    np.testing.assert_allclose(rotated, qml.matrix(qml.Z(0)), atol=1e-12)


@pytest.mark.parametrize("batch", [None, 2])
def test_outcomes_are_signed(batch):
    """1 - 2 * bits is -1 or 1, as with the int8 of default.qubit."""
    angle = 0.3 if batch is None else np.linspace(0, 1, batch)
    process = qml.classical_shadow(wires=["a", "b"], seed=3)
    tape = QuantumScript([qml.RX(angle, "a")], [process], shots=60)
    pub, plan = added(tape)
    bits = np.ones((pub.length, pub.shots_or_precision, 2), dtype=bool)
    found = plan.postprocess([bits])
    assert found.dtype == np.int8
    assert found.shape == ((2, 60, 2) if batch is None else (batch, 2, 60, 2))
    outcomes, recipes = found if batch is None else found[0]
    np.testing.assert_array_equal(1 - 2 * outcomes, -1)
    np.testing.assert_array_equal(recipes, np.random.RandomState(3).randint(0, 3, size=(60, 2)))
    assert plan.executions == pub.length
    assert plan.total_shots == pub.length * pub.shots_or_precision


def test_expectation_values():
    """The shadow's estimate of Z is 3 times the share of snapshots in its basis, with signs."""
    tape = QuantumScript([], [qml.shadow_expval(qml.Z("a"), seed=3)], shots=60)
    pub, plan = added(tape)
    recipes = np.random.RandomState(3).randint(0, 3, size=(60, 1))
    found = plan.postprocess([np.zeros((pub.length, pub.shots_or_precision, 1), dtype=bool)])
    assert found == pytest.approx(3 * np.mean(recipes == 2))
