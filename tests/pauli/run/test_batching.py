"""Programs of one structure, run together."""

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.lowering.context import TapeContext
from pennylane_qizgloria.lowering.operations.program import lower_operations
from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.program import all_paulis
from pennylane_qizgloria.pauli.run import batching
from pennylane_qizgloria.pauli.run.batching import batched_together
from pennylane_qizgloria.pauli.run.evolve import final_state

PLACE = {0: 0, 1: 1, 2: 2}


def lower(x, *more):
    operations = [
        qml.RX(x[0], 0),
        qml.CRY(x[1], [0, 1]),
        qml.DepolarizingChannel(0.1, 1),
        qml.QubitUnitary(qml.RY(x[2], 0).matrix(), 2),
        qml.CNOT([1, 2]),
        *more,
    ]
    return lower_operations(operations, PLACE, all_paulis(PLACE.values()), TapeContext())


def num_words(program, device):
    return plan(program, device).peak


def final_states(programs, run=final_state):
    return batching.final_states(programs, run, num_words)


@pytest.fixture
def angles():
    return np.random.default_rng(5).normal(size=(6, 3))


def test_merged_tapes_have_the_states_that_they_have_alone(angles):
    """Merged tapes have the states that they have alone."""
    tapes = [lower(x, *[qml.X(0)] * (i % 2)) for i, x in enumerate(angles)]
    for together, own in zip(final_states(tapes), tapes, strict=True):
        alone = final_state(own)
        assert together.wires == alone.wires
        assert torch.allclose(together.vector, alone.vector, rtol=0, atol=1e-14)


def test_one_structure_is_one_evolution(angles):
    """Tapes of one structure are one evolution."""
    runs = []

    def counted(lowered):
        runs.append(lowered.batch_size)
        return final_state(lowered)

    final_states([lower(x, *[qml.X(0)] * (i % 3 == 0)) for i, x in enumerate(angles)], counted)
    assert runs == [2, 4]


def test_merging_is_bounded(angles, monkeypatch):
    """The number of tapes that are merged is bounded by memory."""
    monkeypatch.setattr(batching, "BATCHED_BYTES", 2 * 8 * 4**3)
    sizes = [len(group) for group in batching._batches([lower(x) for x in angles], num_words)]
    assert sizes == [2, 2, 2]


def test_only_what_differs_is_batched(angles):
    """Only matrices that differ between tapes are batched."""
    same = angles.copy()
    same[:, 1:] = same[0, 1:]
    together = batched_together([lower(x) for x in same])
    by_name = {getattr(o.form, "name", o.form): o.batched for o in together.program.operations}
    assert by_name["RX"]
    assert not by_name["CRY"]
    assert not by_name["DepolarizingChannel"]
    assert together.batch_size == len(same)


def test_constants_that_differ_are_batched():
    """Constants that differ between tapes are batched."""
    x = torch.tensor([0.3, 0.4, 0.5])
    tapes = [lower(x, qml.BitFlip(p, 0), qml.PhaseFlip(0.3, 1)) for p in (0.1, 0.2, 0.3)]
    together = batched_together(tapes)
    np.testing.assert_allclose(together.arguments.batched_scalars[:, -1], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(together.arguments.constants.numbers, [0.1, 0.3])
    for state, own in zip(final_states(tapes), tapes, strict=True):
        assert torch.allclose(state.vector, final_state(own).vector, rtol=0, atol=1e-14)


def test_constants_that_do_not_differ_stay_one_object(angles):
    """Constants that do not differ stay one object, so that their matrices are cached."""
    tapes = [lower(torch.as_tensor(x)) for x in angles]
    assert batched_together(tapes).arguments.constants is tapes[0].arguments.constants


def test_equal_parameters_keep_their_own_gradients():
    """Equal parameters of two tapes keep their own gradients."""
    x = torch.full((2, 3), 0.4, dtype=torch.float64, requires_grad=True)
    states = final_states(
        [lower_operations([qml.RX(row[0], 0)], PLACE, all_paulis([0]), TapeContext()) for row in x]
    )
    (states[0].vector[0, 3] + 2 * states[1].vector[0, 3]).backward()
    expected = -np.sin(0.4) * np.array([1, 2])
    assert np.allclose(x.grad[:, 0], expected, rtol=0, atol=1e-14)


def broadcast(shift, strength=0.1, batch=(0.1, 0.2)):
    """A tape with a batch on one wire, and numbers on the others."""
    operations = [
        qml.RX(np.array(batch), 0),
        qml.CRY(0.3 + shift, [0, 1]),
        qml.BitFlip(strength, 1),
        qml.QubitUnitary(qml.RY(np.array(batch), 0).matrix(), 2),
        qml.QubitUnitary(qml.RY(shift, 0).matrix(), 1),
        qml.CNOT([1, 2]),
    ]
    return lower_operations(operations, PLACE, all_paulis(PLACE.values()), TapeContext())


def test_broadcast_tapes_run_together():
    """Merged tapes with a batch have the states that they have alone, whatever differs."""
    tapes = [broadcast(0.0), broadcast(0.5), broadcast(0.5, 0.3), broadcast(0.0, batch=(0.7, 1.1))]
    assert batched_together(tapes).batch_size == 8
    for state, own in zip(final_states(tapes), tapes, strict=True):
        assert state.vector.shape == (2, 64)
        assert torch.allclose(state.vector, final_state(own).vector, rtol=0, atol=1e-14)


def test_other_batch_sizes_run_apart():
    """Tapes are merged only if their batches are equally long."""
    tapes = [broadcast(0.0), broadcast(0.1, batch=(0.1, 0.2, 0.3)), lower([0.1, 0.2, 0.3])]
    assert [len(group) for group in batching._batches(tapes, num_words)] == [1, 1, 1]
    assert [len(state.vector) for state in final_states(tapes)] == [2, 3, 1]


def test_parameter_shift_of_a_batch_of_tapes():
    """Shifted tapes of several circuits get their own values."""
    device = qml.device("qizgloria.mixed", wires=2)

    @qml.qnode(device, interface="torch", diff_method="parameter-shift")
    def circuit(x):
        qml.RX(x[0], 0)
        qml.RY(x[1], 1)
        qml.CNOT([0, 1])
        qml.PhaseDamping(0.1, 1)
        return qml.expval(qml.Z(1))

    x = torch.tensor([0.3, -0.8], dtype=torch.float64, requires_grad=True)
    circuit(x).backward()
    a, b = 0.3, -0.8
    expected = [-np.sin(a) * np.cos(b), -np.cos(a) * np.sin(b)]
    assert np.allclose(x.grad, expected, rtol=0, atol=1e-12)
