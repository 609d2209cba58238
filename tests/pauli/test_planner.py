"""What a plan drops, fuses and moves. That results do not change is what test_evolve checks."""

from itertools import pairwise
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.planner import plan
from pennylane_qizgloria.pauli.program import Operand, Program

EXACT = settings(deadline=None, derandomize=True)


@pytest.fixture
def new(circuits):
    """A function that starts a circuit."""
    return lambda num_wires: circuits.Case(num_wires, np.random.default_rng(0))


def wires_of_steps(ready):
    """The wires of each step, read off the geometry: from the final order back to the first."""
    order, found = list(ready.order), []
    for step in reversed(ready.steps):
        first, width = round(log(step.left, 4)), round(log(step.size, 4))
        found.append(tuple(order[first : first + width]))
        if step.move is not None:
            order = undone(order, step.move)
    return found[::-1]


def undone(order, move):
    """The order of the wires before a move."""
    lengths = [round(log(size, 4)) for size in move.shape]
    pieces, start = {}, 0
    for axis in move.permutation:
        pieces[axis] = order[start : start + lengths[axis]]
        start += lengths[axis]
    assert start == len(order)
    return [wire for axis in range(len(lengths)) for wire in pieces[axis]]


# --- caching --------------------------------------------------------------------------------------


def test_equal_programs_share_a_plan(circuits):
    """Every call of a QNode would plan again."""
    first, second = (
        circuits.layered_ring(4, 2, np.random.default_rng(seed)).program() for seed in (0, 1)
    )
    assert first is not second
    assert plan(first) is plan(second)


@pytest.mark.parametrize(
    "other",
    [
        lambda new: new(3).form("CRX", [0, 1]).program([0]),
        lambda new: new(4).form("CRX", [0, 1]).program([0, 1]),
        lambda new: new(3).form("CRX", [1, 0]).program([0, 1]),
        lambda new: new(3).form("CRX", [0, 1], batch=2).program([0, 1]),
        lambda new: new(3).form("XY", [0, 1]).program([0, 1]),
    ],
)
def test_programs_that_differ_do_not_share_a_plan(other, new):
    """A circuit would be run with the plan of another."""
    assert plan(new(3).form("CRX", [0, 1]).program([0, 1])) is not plan(other(new))


# --- dropping -------------------------------------------------------------------------------------


def test_operations_outside_the_causal_cone_are_dropped(new):
    """Wires that no measurement sees would cost memory and time."""
    case = new(5).form("RX", [0]).form("CRX", [0, 1]).form("CRX", [3, 4]).form("damping", [1])
    case.form("CRX", [1, 2]).kraus([3, 4]).transfer([2, 4])
    ready = case.check([0])
    assert sorted(ready.order) == [0, 1]
    assert len(ready.steps) == 1


@settings(EXACT, max_examples=40)
@given(data=st.data())
def test_dropping_does_not_change_what_is_observed(data, circuits):
    """A plan for one wire would give another state of it than a plan for all wires."""
    case = circuits.random_case(data, max_wires=4, batch=None)
    wire = data.draw(st.integers(0, case.num_wires - 1))
    whole, part = case.check(), case.check([wire])
    assert set(part.order) <= set(whole.order)
    assert len(part.steps) <= len(whole.steps)


def test_what_a_state_replaces_is_dropped(new):
    """A qubit's past would be simulated although its state is thrown away."""
    case = new(3).form("RX", [0]).form("CRX", [1, 0]).state([0]).form("RX", [0])
    ready = case.check([0])
    assert ready.order == (0,)
    assert len(ready.steps) == 1


def test_a_partner_of_a_replaced_wire_is_kept(new):
    """Tracing out one half of an entangled pair would leave the other half pure."""
    case = new(2).form("H", [0]).form("CNOT", [0, 1]).state([0])
    assert sorted(case.check([1]).order) == [0, 1]


def test_untouched_wires_are_not_simulated(new):
    """Declared but unused wires would cost a factor of 4 each."""
    assert new(9).form("CRX", [7, 2]).check([0, 2, 5]).order in [(2, 7), (7, 2)]


# --- fusion ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_wires", "layers"), [(3, 1), (4, 3), (5, 2), (6, 2), (9, 4)])
def test_a_layered_ring_is_one_step_for_each_pair_and_layer(num_wires, layers, circuits):
    """Single-wire gates and noise would cost passes over the state of their own."""
    case = circuits.layered_ring(num_wires, layers, np.random.default_rng(1))
    ready = plan(case.program())
    assert all(step.kind is Operand.TRANSFER for step in ready.steps)
    pairs = sorted(tuple(sorted(wires)) for wires in wires_of_steps(ready))
    ring = [tuple(sorted((w, (w + 1) % num_wires))) for w in range(num_wires)]
    assert pairs == sorted(ring * layers)


def test_gates_on_one_wire_join_what_follows(new):
    """Gates before the first two-wire gate would be passes of their own."""
    case = new(3).form("RX", [0]).form("Rot", [1]).form("damping", [2]).form("CRX", [2, 0])
    assert len(case.form("CNOT", [0, 2]).form("CRX", [0, 1]).check().steps) == 2


def test_gates_on_one_wire_join_what_precedes(new):
    """Noise after the last two-wire gate would be a pass of its own."""
    case = new(3).form("CRX", [2, 0]).form("CRX", [0, 1])
    for wire in range(3):
        case.form("damping", [wire]).form("depolarizing", [wire])
    assert len(case.check().steps) == 2


def test_a_three_wire_gate_takes_in_the_steps_before_it(new):
    """Narrow steps on a Toffoli's wires would be passes of their own."""
    case = new(3).form("RX", [0]).form("CRX", [2, 1]).form("Toffoli", [1, 2, 0])
    assert len(case.form("CRX", [0, 2]).form("damping", [1]).check().steps) == 1


def test_a_step_that_another_has_followed_is_not_moved_behind_it(new):
    """Gates on shared wires would be applied in another order."""
    case = new(3).form("CRX", [0, 1]).form("CRX", [1, 2]).form("Toffoli", [2, 0, 1])
    ready = case.form("CRX", [0, 1]).check()
    assert [len(wires) for wires in wires_of_steps(ready)] == [2, 3]


def test_prepared_states_are_no_steps(new):
    """Loading a state at the start would cost passes over the whole state."""
    case = new(5).form("RX", [4]).state([3, 1]).state([0], batch=2)
    ready = case.form("CRX", [1, 0]).check(batch=2)
    assert [step.kind for step in ready.steps] == [Operand.TRANSFER] * 2


def test_matrices_of_a_kind_are_made_in_one_call(circuits):
    """The number of torch calls would grow with the depth of the circuit."""
    sources = plan(circuits.layered_ring(5, 4, np.random.default_rng(2)).program()).sources
    rows = {source.operation.source.name: len(source.slots) for source in sources}
    expected = {"Rot": 20, "CNOT": 1, "DepolarizingChannel": 60, "AmplitudeDamping": 20}
    assert rows == expected


# --- axes -----------------------------------------------------------------------------------------


@settings(EXACT, max_examples=70)
@given(data=st.data())
def test_every_step_finds_its_wires_side_by_side(data, circuits):
    """A step would be applied to other wires, or a move would lose or repeat an axis."""
    case = circuits.random_case(data, max_length=14)
    ready = plan(case.program())
    size = 4 ** len(ready.order)
    assert len(set(ready.order)) == len(ready.order)
    for step in ready.steps:
        assert step.left * step.size * step.right == size
        assert step.right == 1 or step.kind is Operand.TRANSFER
        if step.move is not None:
            assert np.prod(step.move.shape) == size
            assert sorted(step.move.permutation) == list(range(len(step.move.shape)))
            assert list(step.move.permutation) != sorted(step.move.permutation)
    wires = [set(found) for found in wires_of_steps(ready)]
    if all(operation.source is not Operand.STATE for operation in case.operations):
        for operation in case.operations:  # nothing is hidden behind a state, so nothing is dropped
            assert any(set(operation.wires) <= found for found in wires)


@pytest.mark.parametrize("seed", range(5))
def test_a_line_of_pairs_is_laid_out_without_a_move(seed, circuits):
    """A chain of neighbours, however its wires are numbered, would pay for copies of the state."""
    rng = np.random.default_rng(seed)
    line = rng.permutation(7).tolist()
    case = circuits.Case(7, rng)
    for _ in range(2):
        for a, b in rng.permutation(list(pairwise(line))).tolist():
            case.form("CRX", [a, b])
    assert all(step.move is None for step in plan(case.program()).steps)


def test_a_ring_moves_axes_once_a_layer_at_most_twice(circuits):
    """Each pair that closes the ring, and hardly any other, would need a copy of the state."""
    layers = 4
    ready = plan(circuits.layered_ring(8, layers, np.random.default_rng(3)).program())
    assert sum(step.move is not None for step in ready.steps) <= 2 * layers


def test_moves_are_collapsed_to_few_axes(circuits):
    """A permutation of many axes costs ten times one of a few long ones."""
    ready = plan(circuits.layered_ring(9, 3, np.random.default_rng(4)).program())
    moves = [step.move for step in ready.steps if step.move is not None]
    assert moves
    assert max(len(move.shape) for move in moves) <= 5


def test_a_program_of_nothing_has_an_empty_plan():
    """Measuring an idle register would fail."""
    ready = plan(Program(3, (), frozenset({1})))
    assert (ready.order, ready.steps, ready.initial) == ((), (), ())
