"""Swaps are other names for wires: free, and the same in effect."""

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.programs import Case, pairs_of, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.maps.transfer import constant
from pennylane_qizgloria.pauli.program.program import Operation, Program
from pennylane_qizgloria.pauli.program.swaps import without_swaps

EXACT = settings(deadline=None, derandomize=True)


@settings(EXACT, max_examples=60)
@given(data=st.data())
def test_random_circuits_of_swaps_and_gates(data):
    """Random circuits of swaps and gates agree with the dense simulator."""
    names = ["SWAP"] * 5 + ["Rot", "CRX", "damping", "CYZ", "transfer", "kraus", "state"]
    case = random_case(data, max_wires=5, max_length=14, names=names)
    case.check(data.draw(pairs_of(case.num_wires)), batch=3)


def test_swaps_alone_are_nothing():
    """A program of swaps alone has no steps."""
    ready = Case(4).form("SWAP", [0, 1]).form("SWAP", [2, 1]).form("SWAP", [3, 0]).check()
    assert (ready.order, ready.steps) == ((), ())


def test_swaps_cost_no_step():
    """Swaps cost no step."""
    plain, routed = Case(6), Case(6)
    place = list(range(6))
    rng = np.random.default_rng(1)
    for _ in range(12):
        a, b = rng.permutation(6)[:2].tolist()
        plain.form("CRX", [a, b], params=[0.3])
        i, j = rng.permutation(6)[:2].tolist()
        routed.form("SWAP", [i, j])
        at = {i: j, j: i}
        place = [at.get(x, x) for x in place]
        routed.form("CRX", [place[a], place[b]], params=[0.3])
    sizes = [[step.size for step in case.check().steps] for case in (plain, routed)]
    assert sizes[0] == sizes[1]


def test_a_state_moves_with_its_wire():
    """A state moves with its wire."""
    ready = Case(2).form("RX", [0], params=[1.0]).form("SWAP", [0, 1]).check()
    assert ready.order == (1,)


def test_what_is_observed_moves_with_its_wire():
    """What is observed moves with its wire."""
    case = Case(3).form("RX", [0]).form("CRX", [1, 2]).form("SWAP", [0, 2])
    ready = case.check([(2, 3)])
    assert (ready.order, ready.paulis) == ((2,), ((0, 3),))
    assert len(ready.steps) == 1


def test_relabelling():
    """Relabelling changes operations, observed letters and labels alike."""
    case = Case(3).form("RX", [0]).form("SWAP", [0, 2]).form("CNOT", [2, 1]).form("SWAP", [1, 2])
    program, labels = without_swaps(case.program([(1, 3), (0, 1)]))
    assert [operation.wires for operation in program.operations] == [(0,), (0, 1)]
    assert program.observed == {(0, 3), (2, 1)}
    # 0 went to 2 and then to 1; 1 went to 2; 2 went to 0.
    assert labels == (1, 2, 0)


def test_a_program_without_swaps_stays_as_it_is():
    """A program without swaps is returned as the same object."""
    program = Case(3).form("CNOT", [0, 2]).program()
    assert without_swaps(program) == (program, (0, 1, 2))
    assert without_swaps(program)[0] is program


@pytest.mark.parametrize("size", [0.5, 1e-9])
def test_what_is_almost_a_swap_is_none(size):
    """Constant gates are taken for swaps within rounding only."""
    swap = np.eye(4)[[0, 2, 1, 3]][None]
    matrix = torch.as_tensor(dense.transfer(swap))
    for change, kept in [(0, 0), (size, 1)]:
        noisy = matrix.clone()
        noisy[-1, -1] -= change
        operation = Operation(constant("almost", noisy), (0, 1))
        program, _ = without_swaps(Program(2, (operation,), frozenset({(0, 3)})))
        assert len(program.operations) == kept


def test_gates_that_are_no_swaps_are_kept():
    """Constant gates on two wires other than swaps are kept."""
    case = Case(3).form("CNOT", [0, 1]).form("CRX", [1, 2], params=[np.pi]).transfer([0, 2])
    program = case.program()
    assert without_swaps(program)[0].operations == program.operations
