"""When steps run and axes come and go. That results do not change is what test_planner checks."""

from math import log2, prod

import numpy as np
import pytest
from helpers.programs import Case, layered_ring, pairs_of, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.fusion import fuse, live_operations
from pennylane_qizgloria.pauli.program.program import Operand
from pennylane_qizgloria.pauli.program.schedule import observed_subsets, schedule

EXACT = settings(deadline=None, derandomize=True)


def stages_of(program):
    return schedule(fuse(program, live_operations(program)), program.observed)


def z_on(wires):
    return [(wire, 3) for wire in wires]


def after(sizes, stage):
    """The lengths of the wires' axes after a stage, from those before it."""
    sizes = sizes | dict.fromkeys(stage.entering, 4)
    return sizes | {wire: len(paulis) for wire, paulis in stage.leaving.items()}


def words_after(stages):
    """The number of words of the state after each stage."""
    sizes, found = {}, []
    for stage in stages:
        sizes = after(sizes, stage)
        found.append(prod(sizes.values()))
    return found


# --- paulis --------------------------------------------------------------------------------------


def test_letters_that_are_needed():
    """The letters that are needed include I and are in order."""
    found = observed_subsets(frozenset({(2, 3), (0, 2), (0, 1), (5, 1), (5, 2), (5, 3)}))
    assert found == {2: (0, 3), 0: (0, 1, 2), 5: (0, 1, 2, 3)}


@pytest.mark.parametrize(
    ("observed", "leaving"),
    [
        ([(0, 3), (1, 3)], {0: (0, 3), 1: (0, 3)}),
        ([(1, 1)], {0: (0,), 1: (0, 1)}),
        ([0, (1, 2)], {1: (0, 2)}),
        ([0, 1], {}),
    ],
)
def test_the_last_step_on_a_wire_leaves_what_is_observed(observed, leaving):
    """The last step on a wire leaves the letters that are observed, and no others."""
    (stage,) = stages_of(Case(2).form("CRX", [0, 1]).program(observed))
    assert stage.leaving == leaving
    assert stage.entering == {0, 1}
    assert stage.growth == pytest.approx(4 + sum(log2(len(x)) - 2 for x in leaving.values()))


def test_growth_is_the_logarithm_of_the_sizes():
    """The growth of a step is the logarithm of the ratio of the sizes."""
    case = Case(4).form("CRX", [0, 1]).form("CRX", [1, 2]).form("CRX", [2, 3]).form("CRX", [0, 3])
    stages = stages_of(case.program([(0, 3), (1, 1), (1, 2), 3]))
    words = words_after(stages)
    grown = [log2(b / a) for a, b in zip([1, *words], words, strict=False)]
    assert [stage.growth for stage in stages] == pytest.approx(grown)
    assert all(isinstance(stage.growth, float) for stage in stages)


# --- order ----------------------------------------------------------------------------------------


@settings(EXACT, max_examples=100)
@given(data=st.data())
def test_every_step_runs_once_and_after_those_it_needs(data):
    """Every step runs once, after those it depends on."""
    case = random_case(data, max_length=20)
    program = case.program(data.draw(pairs_of(case.num_wires)))
    live = live_operations(program)
    blocks = fuse(program, live)
    stages = schedule(blocks, program.observed)
    assert sorted(map(id, blocks)) == sorted(id(stage.block) for stage in stages)
    ran = [index for stage in stages for index in stage.block.members]
    assert sorted(ran) == live
    for wire in range(program.num_wires):
        own = [i for i in ran if wire in program.operations[i].wires]
        assert own == sorted(own)


@settings(EXACT, max_examples=100)
@given(data=st.data())
def test_axes_are_there_when_they_are_needed(data):
    """Axes are there when a step uses them."""
    case = random_case(data, max_length=20)
    program = case.program(data.draw(pairs_of(case.num_wires)))
    sizes = {}
    for stage in stages_of(program):
        block = stage.block
        assert stage.entering | set(stage.leaving) <= block.wires
        for wire in block.wires:
            assert sizes.get(wire, 1) == (1 if wire in stage.entering else 4)
        if block.kind is Operand.STATE:
            assert stage.entering == block.wires
        if block.kind is Operand.KRAUS:
            assert not stage.entering
        assert block.fused or not stage.leaving
        sizes = after(sizes, stage)
    paulis = {wire: len(own) for wire, own in observed_subsets(program.observed).items()}
    for wire, size in sizes.items():
        assert size >= paulis.get(wire, 1)


def test_wires_come_late_and_go_early():
    """A line of gates never holds more than two wires at a time."""
    case = Case(8)
    for wire in range(7):
        case.form("CRX", [wire, wire + 1])
    ready = plan(case.program(z_on([7])))
    assert ready.peak <= 16
    assert case.check(z_on([7])).order == (7,)


def test_steps_that_wait_do_not_hold_up_others():
    """Far parts of a circuit are finished one after the other."""
    case = Case(9)
    for layer in range(3):
        for start in (0, 3, 6):
            pair = [start + layer % 2, start + layer % 2 + 1]
            case.form("CRX", pair)
    # Each part on three wires ends as one wire of two paulis.
    words = words_after(stages_of(case.program(z_on([0, 3, 6]))))
    assert max(words) <= 4**3 * 2 * 2


@pytest.mark.parametrize("num_wires", [5, 8, 10, 12])
def test_a_ring_with_one_letter_a_wire_stays_small(num_wires):
    """In a shallow ring with one observed letter a wire, few steps act on the whole state."""
    case = layered_ring(num_wires, 1, np.random.default_rng(1))
    words = words_after(stages_of(case.program(z_on(range(num_wires)))))
    assert words[-1] == 2**num_wires
    # Wires have four paulis from their first step to their last: here for two steps each.
    assert max(words) <= 2**num_wires * 2**3
    assert sum(words) < num_wires * 4**num_wires / 4


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_a_deep_ring_is_whole_in_its_middle_only(layers):
    """In a deep ring only the layers in the middle act on the whole state."""
    n = 9
    case = layered_ring(n, layers, np.random.default_rng(2))
    words = words_after(stages_of(case.program(z_on(range(n)))))
    assert max(words) <= 4**n
    # A layer's steps that find all wires there and leave all four paulis cost 4**n.
    assert sum(words) <= (layers - 1) * n * 4**n
    observed_in_full = words_after(stages_of(case.program()))
    assert sum(words) < sum(observed_in_full)


# --- replaced wires -------------------------------------------------------------------------------


def test_a_wire_is_traced_out_before_it_is_replaced():
    """A wire is traced out before its state is replaced."""
    case = Case(3).form("CRX", [0, 1]).form("CRX", [1, 2]).state([1]).form("CRX", [1, 0])
    stages = stages_of(case.program())
    state = next(s for s in stages if s.block.kind is Operand.STATE)
    before = [s for s in stages[: stages.index(state)] if 1 in s.block.wires]
    assert before[-1].leaving == {1: (0,)}
    assert state.entering == {1}
    case.check()


@pytest.mark.parametrize("kind", ["kraus", "state"])
def test_what_is_no_matrix_is_traced_out_by_a_step_that_does_nothing(kind):
    """Wires of a wide operation are traced out by a step of their own when they are replaced."""
    case = Case(3).form("CRX", [0, 1]).form("CRX", [1, 2])
    getattr(case, kind)([0, 1])
    case.form("CRX", [1, 2]).state([0]).form("CRX", [0, 2])
    stages = stages_of(case.program([1, 2]))
    traced = [s for s in stages if 0 in s.leaving]
    assert any(not s.block.members and s.leaving == {0: (0,)} for s in traced)
    case.check()
    case.check([1, (2, 3)])


@pytest.mark.parametrize("observed", [[0], [1], [(0, 3), (1, 1)], [0, 1]], ids=str)
def test_a_wire_that_is_replaced_again_and_again(observed):
    """A wire that is reset again and again needs one axis."""
    case = Case(2)
    for _ in range(5):
        case.state([0]).form("CRX", [0, 1])
    assert case.check(observed).peak <= 16
