"""What a plan drops and fuses, and that what is observed does not change with what is dropped."""

import numpy as np
import pytest
import torch
from helpers.programs import Case, layered_ring, pairs_of, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.fusion import fuse, live_operations
from pennylane_qizgloria.pauli.program.program import Operand, Program, all_paulis
from pennylane_qizgloria.pauli.run.matrices import fused_matrices

EXACT = settings(deadline=None, derandomize=True)


def wires_of_steps(program):
    """The wires of each step."""
    return [tuple(sorted(block.wires)) for block in fuse(program, live_operations(program))]


# --- caching --------------------------------------------------------------------------------------


def test_equal_programs_share_a_plan():
    """Equal programs share a plan."""
    first, second = (layered_ring(4, 2, np.random.default_rng(seed)).program() for seed in (0, 1))
    assert first is not second
    assert plan(first) is plan(second)


@pytest.mark.parametrize(
    "other",
    [
        lambda: Case(3).form("CRX", [0, 1]).program([0]),
        lambda: Case(3).form("CRX", [0, 1]).program([0, (1, 1), (1, 3)]),
        lambda: Case(4).form("CRX", [0, 1]).program([0, 1]),
        lambda: Case(3).form("CRX", [1, 0]).program([0, 1]),
        lambda: Case(3).form("CRX", [0, 1], batch=2).program([0, 1]),
        lambda: Case(3).form("XY", [0, 1]).program([0, 1]),
    ],
)
def test_programs_that_differ_do_not_share_a_plan(other):
    """Programs that differ in wires, order, batching or observed letters have their own plans."""
    assert plan(Case(3).form("CRX", [0, 1]).program([0, 1])) is not plan(other())


# --- dropping -------------------------------------------------------------------------------------


def test_operations_outside_the_causal_cone_are_dropped():
    """Operations outside the causal cone of the measurements are dropped."""
    case = Case(5).form("RX", [0]).form("CRX", [0, 1]).form("CRX", [3, 4]).form("damping", [1])
    case.form("CRX", [1, 2]).kraus([3, 4]).transfer([2, 4])
    ready = case.check([0])
    assert ready.order == (0,)
    assert len(ready.steps) == 1


@settings(EXACT, max_examples=60)
@given(data=st.data())
def test_what_is_observed_does_not_depend_on_what_else_is(data):
    """Plans for some paulis give the values of the dense simulator."""
    case = random_case(data, max_wires=5, max_length=12)
    part, whole = sorted(data.draw(st.tuples(*[pairs_of(case.num_wires)] * 2)), key=len)
    found, other = (case.check(pairs, batch=3) for pairs in (part, whole | part))
    assert found.peak <= case.check(batch=3).peak
    assert len(found.steps) <= len(other.steps)


@settings(EXACT, max_examples=60)
@given(data=st.data())
def test_no_more_letters_than_are_observed(data):
    """No letters are carried beyond those that are observed."""
    case = random_case(data, names=["Rot", "CRX", "damping", "Toffoli", "SWAP"])
    program = case.program(data.draw(pairs_of(case.num_wires)))
    ready = plan(program)
    for wire, paulis in zip(ready.order, ready.paulis, strict=True):
        assert paulis == (0, *sorted(pauli for own, pauli in program.observed if own == wire))


def test_every_letter():
    """A plan for all letters gives the whole state."""
    assert all_paulis([4, 1]) == {(4, 1), (4, 2), (4, 3), (1, 1), (1, 2), (1, 3)}
    assert all_paulis([]) == frozenset()


def test_what_a_state_replaces_is_dropped():
    """What a new state replaces is not simulated."""
    case = Case(3).form("RX", [0]).form("CRX", [1, 0]).state([0]).form("RX", [0])
    ready = case.check([0])
    assert ready.order == (0,)
    assert [step.kind for step in ready.steps] == [Operand.STATE, Operand.TRANSFER]


def test_a_partner_of_a_replaced_wire_is_kept():
    """Tracing out one half of an entangled pair leaves the other half mixed."""
    case = Case(2).form("H", [0]).form("CNOT", [0, 1]).state([0])
    assert case.check([1]).order == (1,)


def test_untouched_wires_are_not_simulated():
    """Declared but unused wires are not simulated."""
    assert Case(9).form("CRX", [7, 2]).check([0, 2, 5]).order == (2,)


# --- fusion ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_wires", "layers"), [(3, 1), (4, 3), (5, 2), (6, 2), (9, 4)])
def test_a_layered_ring_is_one_step_for_each_pair_and_layer(num_wires, layers):
    """A layered ring is one step for each pair and layer."""
    case = layered_ring(num_wires, layers, np.random.default_rng(1))
    ready = plan(case.program())
    assert all(step.kind is Operand.TRANSFER for step in ready.steps)
    assert len(ready.steps) == num_wires * layers
    pairs = sorted(wires_of_steps(case.program()))
    ring = [tuple(sorted((w, (w + 1) % num_wires))) for w in range(num_wires)]
    assert pairs == sorted(ring * layers)


def test_gates_on_one_wire_join_what_follows():
    """Gates before the first two-wire gate are fused into it."""
    case = Case(3).form("RX", [0]).form("Rot", [1]).form("damping", [2]).form("CRX", [2, 0])
    assert len(case.form("CNOT", [0, 2]).form("CRX", [0, 1]).check().steps) == 2


def test_gates_on_one_wire_join_what_precedes():
    """Noise after the last two-wire gate is fused into it."""
    case = Case(3).form("CRX", [2, 0]).form("CRX", [0, 1])
    for wire in range(3):
        case.form("damping", [wire]).form("depolarizing", [wire])
    assert len(case.check().steps) == 2


def test_a_three_wire_gate_takes_in_the_steps_before_it():
    """Narrow steps on a Toffoli's wires are fused into its step."""
    case = Case(3).form("RX", [0]).form("CRX", [2, 1]).form("Toffoli", [1, 2, 0])
    assert len(case.form("CRX", [0, 2]).form("damping", [1]).check().steps) == 1


def test_a_step_that_another_has_followed_is_not_moved_behind_it():
    """Gates on shared wires keep their order."""
    case = Case(3).form("CRX", [0, 1]).form("CRX", [1, 2]).form("Toffoli", [2, 0, 1])
    case.form("CRX", [0, 1]).check()
    assert wires_of_steps(case.program()) == [(0, 1), (0, 1, 2)]


def test_prepared_states_are_small_steps():
    """Prepared states are loaded by small steps, before the state is large."""
    case = Case(5).form("RX", [4]).state([3, 1]).state([0], batch=2)
    ready = case.form("CRX", [1, 0]).check(batch=2)
    states = [step for step in ready.steps if step.kind is Operand.STATE]
    assert sorted(step.outputs for step in states) == [4, 16]
    assert all(step.inputs == 1 for step in states)


def test_matrices_of_a_kind_are_made_in_one_call():
    """The number of torch calls does not grow with the depth of the circuit."""
    sources = plan(layered_ring(5, 4, np.random.default_rng(2)).program()).matrix_batches
    rows = {source.operation.form.name: len(source.slots) for source in sources}
    expected = {"Rot": 20, "CNOT": 1, "DepolarizingChannel": 60, "AmplitudeDamping": 20}
    assert rows == expected


@settings(EXACT, max_examples=60)
@given(data=st.data())
def test_matrices_have_the_size_of_their_steps(data):
    """The matrices of steps have only the rows and columns that come and go."""
    case = random_case(data, max_length=14)
    ready = plan(case.program(data.draw(pairs_of(case.num_wires))))
    stacks = fused_matrices(ready, case.arguments())
    used = [set() for _ in stacks]
    for step in ready.steps:
        if step.fused:
            matrices = stacks[step.tensor][step.row]
            assert matrices.shape[1:] == (step.outputs, step.inputs)
            used[step.tensor].add(step.row)
        else:
            assert step.tensor >= len(stacks)
    assert [len(stack) for stack in stacks] == [len(rows) for rows in used]


def test_steps_without_operations_share_one_identity():
    """Steps without operations share one identity."""
    ready = Case(6).kraus(range(6)).check([(wire, 3) for wire in range(6)])
    assert [step.fused for step in ready.steps] == [True] * 6 + [False]
    (group,) = ready.matrix_groups
    assert (group.width, group.factors) == (1, ())


def test_a_program_of_nothing_has_an_empty_plan():
    """A program without operations has an empty plan."""
    ready = plan(Program(3, (), frozenset({(1, 3)})))
    assert (ready.order, ready.paulis, ready.steps) == ((), (), ())
    assert ready.peak == 1


def test_a_plan_is_made_for_a_device():
    """The indices of a plan lie on the device that it is made for."""
    program = Case(2).form("RX", [0]).form("CRX", [0, 1]).program([(0, 3)])
    ready = plan(program, torch.device("meta"))
    assert ready is not plan(program)
    assert {source.slots.device.type for source in ready.matrix_batches} == {"meta"}
    assert {cut.rows.device.type for cut in ready.submatrices} == {"meta"}
    assert {cut.columns.device.type for cut in ready.submatrices} == {"meta"}
