"""Tapes as programs: batch sizes, validation, and that only what is looked at is computed."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.execution import execute

from pennylane_qizgloria.lowering.context import TapeContext
from pennylane_qizgloria.lowering.operations.program import lower_operations
from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.program import all_paulis
from pennylane_qizgloria.pauli.run.evolve import final_state

DOUBLE = TapeContext()


def lower(operations, place=None, observed=None, context=DOUBLE):
    place = place or {label: i for i, label in enumerate("abcd")}
    observed = all_paulis(place.values() if observed is None else observed)
    return lower_operations(operations, place, observed, context)


# --- structure ------------------------------------------------------------------------------------


def test_wires_are_placed():
    """Labels are mapped to the integer wires of their map."""
    program = lower([qml.CNOT(["c", "a"]), qml.RX(0.3, "d")]).program
    assert [operation.wires for operation in program.operations] == [(2, 0), (3,)]


def test_operators_without_effect_are_left_out():
    """Operators without effect are left out."""
    program = lower([qml.Barrier(list("abcd")), qml.X("a"), qml.GlobalPhase(0.3, "b")]).program
    assert len(program.operations) == 1


def test_equal_structures_share_one_program():
    """Equal structures share one program."""
    first, second = (
        lower([qml.RX(x, "a"), qml.CNOT(["a", "b"]), qml.QubitUnitary(np.eye(2), "c")]).program
        for x in (0.3, 0.8)
    )
    assert first == second
    assert plan(first) is plan(second)


def test_scalars_are_in_the_order_of_the_tape():
    """Scalars are in the order of the tape."""
    operations = [
        qml.RX(torch.tensor(0.1), "a"),
        qml.PhaseDamping(0.15, "b"),
        qml.U3(0.2, torch.tensor(0.3), 0.4, "b"),
        qml.U2(0.5, torch.tensor(0.6), "b"),
        qml.U2(np.float32(0.65), 1, "b"),
        qml.RY(np.array([0.7, 0.8]), "a"),
        qml.GeneralizedAmplitudeDamping(0.9, np.array([0.25, 0.5]), "a"),
    ]
    arguments = lower(operations).arguments
    # U3 and U2 as products of phases and rotations: last angle first.
    expected = [0.1, 0.4, 0.2, 0.3, 0.6, 0.5]
    np.testing.assert_allclose(arguments.scalars, expected)
    np.testing.assert_allclose(arguments.batched_scalars, [[0.7, 0.9, 0.25], [0.8, 0.9, 0.5]])
    np.testing.assert_allclose(arguments.constants.numbers, [0.15, 1, 0.65])


def test_numbers_that_come_again_are_one_object():
    """Equal constants are one object, so that their matrices are cached."""
    first, same, other = (
        lower([qml.RX(0.1, "a"), qml.BitFlip(p, "b")]).arguments.constants for p in (0.2, 0.2, 0.3)
    )
    assert same is first
    assert other is not first


# --- batches --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operations", "size"),
    [
        ([qml.RX(0.3, "a")], None),
        ([qml.RX(np.array([0.3]), "a")], 1),
        ([qml.RX(np.array([0.3, 0.4, 0.5]), "a"), qml.RY(0.1, "b")], 3),
        ([qml.Rot(0.1, np.array([0.3, 0.4]), 0.2, "a")], 2),
        ([qml.QubitUnitary(np.stack([np.eye(2)] * 3), "a")], 3),
        ([qml.StatePrep(np.eye(4)[:3], ["a", "b"])], 3),
        ([qml.QubitDensityMatrix(np.stack([np.eye(2) / 2] * 3), "a")], 3),
        ([qml.BitFlip(np.array([0.1, 0.2]), "a")], 2),
        ([qml.GlobalPhase(np.array([0.1, 0.2]), "a")], 2),
        ([qml.QubitChannel([np.eye(2)], "a")], None),
    ],
    ids=["none", "one", "RX", "Rot", "matrix", "vector", "density", "channel", "phase", "Kraus"],
)
def test_batch_size(operations, size):
    """The batch size is that of the parameters, and None without a batch."""
    lowered = lower(operations)
    assert lowered.batch_size == size
    assert final_state(lowered).vector.shape[0] == (size or 1)


def test_batch_that_no_measurement_sees_keeps_its_axis():
    """A batch that no measurement sees keeps its axis."""
    lowered = lower([qml.RX(np.array([0.3, 0.4]), "b")], observed=[0])
    assert final_state(lowered).vector.shape[0] == 2


def test_different_batch_sizes_are_refused():
    """Batches of different sizes are refused."""
    operations = [qml.RX(np.array([0.3, 0.4]), "a"), qml.BitFlip(np.array([0.1, 0.2, 0.3]), "a")]
    with pytest.raises(ValueError, match=r"one batch size, got \[2, 3\]"):
        lower(operations)


# --- validation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [False, True])
def test_parameters_that_are_not_finite_are_named(value, batch):
    """Parameters that are not finite are refused by name."""
    given = np.array([0.3, value]) if batch else value
    operations = [qml.RX(0.1, "a"), qml.CNOT(["a", "b"]), qml.RY(given, "c"), qml.RX(0.2, "b")]
    with pytest.raises(ValueError, match=r"RY\(.*\) on wires \['c'\]: .*finite"):
        lower(operations)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: qml.AmplitudeDamping(p, "b"), r"AmplitudeDamping\(.*gamma must be in \[0, 1\]"),
        (lambda p: qml.PhaseFlip(p, "b"), r"PhaseFlip\(.*p must be in \[0, 1\]"),
        (lambda p: qml.ResetError(0.3, p, "b"), r"ResetError\(.*p_0 \+ p_1 must be in \[0, 1\]"),
        (lambda p: qml.GeneralizedAmplitudeDamping(0.2, p, "b"), "gamma and p must be in"),
    ],
    ids=["AmplitudeDamping", "PhaseFlip", "ResetError", "GeneralizedAmplitudeDamping"],
)
@pytest.mark.parametrize("wrong", [1.2, -0.1])
def test_strengths_out_of_range_are_named(make, message, wrong):
    """Broadcast strengths out of range are refused by name."""
    operations = [qml.BitFlip(np.array([0.1, 0.2]), "b"), make(np.array([0.1, wrong]))]
    with pytest.raises(ValueError, match=message):
        lower(operations)


def test_parameters_at_the_edge_of_their_range_are_accepted():
    """Strengths of exactly zero and one are accepted."""
    edges = np.array([0.0, 1.0])
    for kind in (qml.AmplitudeDamping, qml.BitFlip, qml.DepolarizingChannel):
        assert torch.isfinite(final_state(lower([qml.H("a"), kind(edges, "a")])).vector).all()


# --- only what is looked at -----------------------------------------------------------------------

WIRES = 20
PLACE = {wire: wire for wire in range(WIRES)}


def circuit():
    return [
        qml.RY(0.4, 3),
        qml.CNOT([3, 11]),
        qml.AmplitudeDamping(0.2, 11),
        qml.IsingXY(0.7, [11, 17]),
        qml.RX(0.3, 17),
    ]


def simulated_wires(operations, observed=None):
    """The wires that the final state of a circuit on a large device has axes for."""
    return sorted(final_state(lower(operations, PLACE, observed)).wires)


def largest_state(operations, observed):
    """The number of words of the largest state on the way."""
    return plan(lower(operations, PLACE, observed).program).peak


def test_untouched_wires_are_not_in_the_state():
    """Untouched wires are not in the state: 20 of them would need terabytes."""
    assert simulated_wires(circuit()) == [3, 11, 17]


def test_operations_that_no_measurement_sees_are_dropped():
    """Operations outside the causal cone of the measurements are dropped."""
    operations = [*circuit(), qml.CNOT([3, 5]), qml.RX(0.1, 8), qml.CNOT([8, 9])]
    assert simulated_wires(operations, [17]) == [17]
    assert largest_state(operations, [17]) == 4
    assert largest_state(operations, [3, 17]) == 4**2
    assert largest_state(operations, [9]) == 4
    assert simulated_wires(operations, [0]) == []


def test_replaced_state_hides_what_was_before():
    """What a density matrix replaces is not simulated."""
    operations = [*circuit(), qml.QubitDensityMatrix(np.diag([0.2, 0.8]), 17), qml.H(17)]
    assert simulated_wires(operations, [17]) == [17]


MEASUREMENTS = {
    "expval": lambda w: qml.expval(qml.X(w[0]) @ qml.Z(w[2]) @ qml.Z(w[3])),
    "var": lambda w: qml.var(qml.X(w[0]) + qml.Y(w[1]) @ qml.Z(w[3])),
    "probs": lambda w: qml.probs([w[3], w[0], w[1]]),
    "density matrix": lambda w: qml.density_matrix([w[1], w[3], w[2]]),
    "purity": lambda w: qml.purity([w[2], w[3]]),
    "entropy": lambda w: qml.vn_entropy([w[0], w[3]]),
    "mutual information": lambda w: qml.mutual_info([w[0]], [w[2], w[3]]),
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_few_wires_of_a_large_device(name):
    """A circuit on a few wires of a large device runs on these wires only."""
    device = qml.device("qizgloria.mixed", wires=WIRES)
    result = execute(device, circuit(), [MEASUREMENTS[name]([3, 11, 17, 6])])
    wires = dict(zip([3, 11, 17, 6], range(4), strict=True))
    small = [qml.map_wires(operation, wires) for operation in circuit()]
    mixed = qml.device("default.mixed", wires=4)
    expected = execute(mixed, small, [MEASUREMENTS[name](range(4))])
    np.testing.assert_allclose(result, expected, atol=1e-10)
