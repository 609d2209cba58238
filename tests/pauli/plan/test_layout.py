"""Where axes lie: which steps turn, which move, and that the wires are where they should be."""

from itertools import pairwise
from math import prod

import numpy as np
import pytest
from helpers.programs import Case, layered_ring, pairs_of, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.plan.layout import Placement, permutation_between, place
from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.fusion import Block, fuse, live_operations
from pennylane_qizgloria.pauli.program.program import Operand
from pennylane_qizgloria.pauli.program.schedule import ScheduledStep, schedule

EXACT = settings(deadline=None, derandomize=True)


def stage_of(wires, entering=(), leaving=None, kind=Operand.TRANSFER):
    return ScheduledStep(Block(set(wires), len(wires), kind), frozenset(entering), leaving or {})


def moves_of(ready):
    return [step.permutation for step in ready.steps if step.permutation is not None]


# --- places ---------------------------------------------------------------------------------------


@settings(EXACT, max_examples=100)
@given(data=st.data())
def test_every_step_finds_its_wires_side_by_side(data):
    """Every step finds its wires side by side, and each axis appears once."""
    case = random_case(data, max_length=20)
    program = case.program(data.draw(pairs_of(case.num_wires)))
    stages = schedule(fuse(program, live_operations(program)), program.observed)
    following = [stage.block.wires for stage in stages]
    order = ()
    for i, stage in enumerate(stages):
        block = stage.block
        given_order = () if block.fused else program.operations[block.members[0]].wires
        found = place(order, stage, following[i + 1 :], given_order)
        assert sorted(found.found) == sorted(order)
        assert sorted(found.wires) == sorted(block.wires)
        present = [wire for wire in found.wires if wire not in stage.entering]
        assert list(found.found[found.first :][: len(present)]) == present
        if not block.fused:
            assert found.wires == given_order
        behind = len(order) - found.first - len(present)
        if block.kind is Operand.KRAUS:
            assert behind == 0
        if found.cyclic:
            assert (found.first == 0) != (behind == 0)
        gone = {wire for wire, paulis in stage.leaving.items() if len(paulis) == 1}
        expected = (set(order) | stage.entering) - gone
        order = found.after(stage)
        assert len(order) == len(expected)
        assert set(order) == expected


@pytest.mark.parametrize(
    ("cyclic", "first", "expected"),
    [(False, 0, (1, 2, 3, 4)), (True, 0, (3, 4, 1, 2)), (True, 2, (1, 2, 3, 4))],
)
def test_the_order_after_a_step(cyclic, first, expected):
    """The order of the axes after a step is that which the next one expects."""
    order = (1, 2, 3, 4) if first == 0 else (3, 4, 1, 2)
    wires = order[first : first + 2]
    assert Placement(order, wires, first, cyclic).after(stage_of(wires)) == expected


def test_wires_that_come_and_go_in_the_order():
    """Wires that are traced out leave the order, and new wires enter it."""
    stage = stage_of([1, 2, 5], entering=[5], leaving={1: (0,), 2: (0, 3)})
    placement = Placement((1, 2, 3, 4), (5, 1, 2), 0)
    assert placement.after(stage) == (5, 2, 3, 4)
    cyclic = Placement((1, 2, 3, 4), (1, 2, 5), 0, cyclic=True)
    assert cyclic.after(stage) == (3, 4, 2, 5)


def test_neighbours_are_not_moved():
    """Wires that are neighbours are not moved."""
    order = (4, 2, 0, 3, 1)
    for wires in pairwise(order):
        assert place(order, stage_of(wires), [], ()).found == order


def test_wires_that_are_apart_are_moved_to_one_of_them():
    """Wires that lie apart are moved to one of them, with no other axis."""
    order = (4, 2, 0, 3, 1)
    found = place(order, stage_of([4, 3]), [], ()).found
    assert found in [(4, 3, 2, 0, 1), (2, 0, 4, 3, 1)]


def test_a_move_serves_the_steps_that_follow():
    """A move serves the steps that follow, too."""
    order = (0, 1, 2, 3, 4)
    for kept in ({0, 1}, {2, 3}):
        found = place(order, stage_of([1, 3]), [kept, kept, kept], ())
        after = found.after(stage_of([1, 3]))
        assert abs(after.index(min(kept)) - after.index(max(kept))) == 1


def test_a_new_wire_comes_in_where_it_is_needed():
    """A new wire comes in where the next step needs it."""
    order = (0, 1, 2)
    for wire, partner in [(0, 1), (1, 2), (2, 0), (2, 1)]:
        stage = stage_of([wire, 7], entering=[7])
        after = place(order, stage, [{7, partner}], ()).after(stage)
        assert abs(after.index(7) - after.index(partner)) == 1


def test_a_state_comes_in_at_the_end_that_serves():
    """A new state comes in at the end where the next step needs it."""
    for partner in (0, 2):
        stage = stage_of([7], entering=[7], kind=Operand.STATE)
        after = place((0, 1, 2), stage, [{7, partner}], (7,)).after(stage)
        assert abs(after.index(7) - after.index(partner)) == 1


def test_kraus_operators_have_their_wires_last_and_in_order():
    """Kraus operators find their wires last and in order."""
    stage = stage_of([3, 0, 1], kind=Operand.KRAUS)
    assert place((0, 1, 2, 3, 4), stage, [], (3, 0, 1)).found == (2, 4, 3, 0, 1)


# --- moves ----------------------------------------------------------------------------------------


@settings(EXACT, max_examples=100)
@given(data=st.data())
def test_a_move_brings_axes_of_any_sizes_into_order(data):
    """A move orders axes of any sizes."""
    old = tuple(data.draw(st.permutations(range(data.draw(st.integers(1, 5))))))
    new = tuple(data.draw(st.permutations(old)))
    sizes = {wire: data.draw(st.integers(2, 4)) for wire in old}
    entries = np.arange(prod(sizes.values()))
    expected = entries.reshape([sizes[w] for w in old]).transpose([old.index(w) for w in new])
    permutation = permutation_between(old, new, sizes)
    if permutation is None:
        assert old == new
        return
    found = entries.reshape(permutation.shape).transpose(permutation.permutation)
    np.testing.assert_array_equal(found.flatten(), expected.flatten())
    back = found.reshape(permutation.inverse.shape).transpose(permutation.inverse.permutation)
    np.testing.assert_array_equal(back.flatten(), entries)


def test_runs_of_axes_are_moved_as_one():
    """A permutation of many axes costs ten times one of a few long ones."""
    old, new = (0, 1, 2, 3, 4, 5, 6), (0, 1, 4, 2, 3, 5, 6)
    permutation = permutation_between(old, new, {0: 2, 1: 4, 2: 3, 3: 4, 4: 2, 5: 4, 6: 4})
    assert (permutation.shape, permutation.permutation) == ((8, 12, 2, 16), (0, 2, 1, 3))


def test_axes_in_order_are_not_moved():
    """Axes in order are not moved."""
    assert permutation_between((2, 0, 1), (2, 0, 1), dict.fromkeys(range(3), 4)) is None


# --- whole circuits -------------------------------------------------------------------------------


@pytest.mark.parametrize("observed", ["all paulis", "one pauli", "one wire"])
@pytest.mark.parametrize("num_wires", [3, 4, 6, 8, 9])
def test_a_ring_needs_no_moves(num_wires, observed):
    """A ring of pairs needs no moves."""
    case = layered_ring(num_wires, 5, np.random.default_rng(3))
    wires = range(num_wires)
    chosen = {"all paulis": wires, "one pauli": [(w, 3) for w in wires], "one wire": [0]}
    ready = plan(case.program(chosen[observed]))
    assert not moves_of(ready)
    assert any(step.cyclic for step in ready.steps)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pattern", ["ladder", "there and back", "bricks"])
def test_a_line_of_pairs_needs_no_moves(pattern, seed):
    """A line of pairs needs no moves, however its wires are numbered."""
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(rng.permutation(7).tolist()))
    layers = {
        "ladder": [pairs] * 3,
        "there and back": [pairs, pairs[::-1]] * 2,
        "bricks": [pairs[::2], pairs[1::2]] * 3,
    }
    case = Case(7, rng)
    for layer in layers[pattern]:
        for pair in layer:
            case.form("CRX", pair)
    assert not moves_of(plan(case.program()))


@settings(EXACT, max_examples=60)
@given(data=st.data())
def test_the_steps_of_a_plan_fit_each_other(data):
    """Each step reads the axes that the one before has written."""
    case = random_case(data, max_length=16)
    ready = plan(case.program(data.draw(pairs_of(case.num_wires))))
    size = 1
    for step in ready.steps:
        assert step.left * step.inputs * step.right == size
        assert step.right == 1 or step.kind is not Operand.KRAUS
        if step.cyclic:
            assert (step.left == 1) != (step.right == 1)
        if step.permutation is not None:
            assert prod(step.permutation.shape) == size
            assert sorted(step.permutation.permutation) == list(range(len(step.permutation.shape)))
            assert list(step.permutation.permutation) != sorted(step.permutation.permutation)
        size = step.size
    assert size == prod(map(len, ready.paulis))
    assert ready.peak == max([1, *(step.size for step in ready.steps)])
    assert len(set(ready.order)) == len(ready.order) == len(ready.paulis)


@pytest.mark.parametrize("observed", [None, [(w, 3) for w in range(5)]], ids=["all", "Z"])
def test_random_pairs_need_few_moves_of_few_axes(observed):
    """Random pairs need fewer moves than steps, of few axes each."""
    rng = np.random.default_rng(4)
    case = Case(5, rng)
    for _ in range(40):
        case.form("CRX", rng.permutation(5)[:2].tolist())
    ready = case.check(observed)
    moves = moves_of(ready)
    assert moves
    assert len(moves) < len(ready.steps)
    assert max(len(permutation.shape) for permutation in moves) <= 5
