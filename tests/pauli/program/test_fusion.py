"""Which operations are kept, and which of them make one step."""

import numpy as np
import pytest
from helpers import density_matrices as dense
from helpers.comparison import assert_close
from helpers.programs import Case, layered_ring, pairs_of, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.program.fusion import FUSED_WIRES, fuse, live_operations
from pennylane_qizgloria.pauli.program.program import Operand


def blocks_of(case, observed=None):
    program = case.program(observed)
    return fuse(program, live_operations(program))


def wires_and_members(blocks):
    return [(sorted(block.wires), block.members) for block in blocks]


def density_of(case, indices):
    """The final state where only some of the operations are applied."""
    rho = dense.zero(case.num_wires)
    for index in indices:
        operation = case.operations[index]
        given = case.given[index][0] if operation.batched else case.given[index]
        act = dense.replace if operation.form is Operand.STATE else dense.apply
        rho = act(rho, given, operation.wires)
    return rho


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data())
def test_dropped_operations_are_not_seen(data):
    """The observed wires have the same state without the operations that are dropped."""
    case = random_case(data, max_wires=5, max_length=12)
    observed = sorted(data.draw(st.sets(st.integers(0, case.num_wires - 1), min_size=1)))
    live = live_operations(case.program(observed))
    assert live == sorted(set(live))
    found, expected = (
        dense.partial_trace(density_of(case, indices), observed)
        for indices in (live, range(len(case.operations)))
    )
    assert_close(found, expected, 1e-12)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [([0], [0, 3, 4, 5]), ([1], [0, 3, 4]), ([2], [1, 2]), ([], []), ([0, 2], [0, 1, 2, 3, 4, 5])],
)
def test_causal_cone(observed, expected):
    """Operations are kept where they reach a measurement, and new states hide what was before."""
    case = Case(3).form("RX", [0]).form("RX", [1]).form("CRX", [1, 2])
    case.state([1]).form("CRX", [0, 1]).form("damping", [0])
    assert live_operations(case.program(observed)) == expected


@settings(deadline=None, derandomize=True, max_examples=100)
@given(data=st.data())
def test_blocks_are_a_partition_that_keeps_the_order(data):
    """Each operation is in one block on its wires, in an order with the same result."""
    case = random_case(data, max_length=20)
    program = case.program(data.draw(pairs_of(case.num_wires)))
    live = live_operations(program)
    blocks = fuse(program, live)
    order = [index for block in blocks for index in block.members]
    assert sorted(order) == live
    for block in blocks:
        assert all(set(program.operations[i].wires) <= block.wires for i in block.members)
        assert len(block.wires) <= block.width
    for wire in range(case.num_wires):
        on_wire = [i for i in order if wire in program.operations[i].wires]
        assert on_wire == sorted(on_wire)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data())
def test_blocks_in_order_give_the_same_state(data):
    """Operations in the order of their blocks act as in the order of the program."""
    case = random_case(data, max_wires=4, max_length=12)
    order = [index for block in blocks_of(case) for index in block.members]
    assert_close(density_of(case, order), case.density(), 1e-12)


def test_gates_on_single_wires_join_the_pair_behind_them():
    """Pending single-wire gates are pulled into the first gate on two wires."""
    case = Case(3).form("RX", [0]).form("Rot", [1]).form("CRX", [1, 0]).form("H", [0])
    assert wires_and_members(blocks_of(case)) == [([0, 1], [0, 1, 2, 3])]


def test_gates_on_one_pair_are_one_block():
    """Gates on a pair and its wires join as long as nothing else comes in between."""
    case = Case(3).form("CRX", [0, 1]).form("CNOT", [1, 0]).form("CRX", [1, 2]).form("XY", [0, 1])
    assert wires_and_members(blocks_of(case)) == [([0, 1], [0, 1]), ([1, 2], [2]), ([0, 1], [3])]


def test_wide_gates_take_in_narrow_blocks():
    """A gate on three wires takes the blocks on its wires, which are open on all of theirs."""
    case = Case(4).form("CRX", [0, 1]).form("RX", [2]).form("Toffoli", [2, 0, 1])
    assert wires_and_members(blocks_of(case)) == [([0, 1, 2], [0, 1, 2])]
    case = Case(4).form("CRX", [0, 1]).form("CRX", [1, 3]).form("Toffoli", [2, 0, 1])
    found = wires_and_members(blocks_of(case))
    assert found == [([0, 1], [0]), ([1, 3], [1]), ([0, 1, 2], [2])]


@pytest.mark.parametrize("kind", ["kraus", "state"])
def test_operations_without_a_transfer_matrix_stand_alone(kind):
    """Kraus operators and states make blocks of their own kind, with nothing fused into them."""
    case = Case(2).form("CRX", [0, 1])
    getattr(case, kind)([0])
    case.form("CRX", [0, 1])
    kinds = [block.kind for block in blocks_of(case)]
    middle = {"kraus": Operand.KRAUS, "state": Operand.STATE}[kind]
    assert kinds == [Operand.TRANSFER, middle, Operand.TRANSFER]
    assert [block.fused for block in blocks_of(case)] == [True, False, True]


def test_wires_of_kraus_operators_are_brought_in():
    """Kraus operators on fresh wires come after an empty block for each of them."""
    blocks = blocks_of(Case(3).form("RX", [1]).kraus([0, 1, 2]))
    assert [(sorted(b.wires), b.members) for b in blocks] == [
        ([1], [0]),
        ([0], []),
        ([2], []),
        ([0, 1, 2], [1]),
    ]


def test_a_layered_ring_has_one_block_for_each_pair_and_layer():
    """The circuit that fusion is made for has no block beside those of its pairs."""
    blocks = blocks_of(layered_ring(5, 3, np.random.default_rng(0)))
    assert len(blocks) == 15
    assert {len(block.wires) for block in blocks} == {FUSED_WIRES}
