"""How the matrices of steps are grouped: one factor of many steps is made in one call."""

from __future__ import annotations

import pytest
import torch
from helpers.programs import Case

from pennylane_qizgloria.pauli.assembly.assembler import Assembler
from pennylane_qizgloria.pauli.assembly.parts import KroneckerFactor, MultiWireFactor
from pennylane_qizgloria.pauli.program.fusion import fuse, live_operations
from pennylane_qizgloria.pauli.program.schedule import schedule

CPU = torch.device("cpu")


def assembled(case, observed=None):
    """An assembler that has got every step of a circuit, and what it said of each."""
    program = case.program(observed)
    assembler = Assembler(program, CPU)
    steps = schedule(fuse(program, live_operations(program)), program.observed)
    return assembler, [assembler.add(step, tuple(sorted(step.block.wires))) for step in steps]


def names_and_slots(assembler):
    return {batch.operation.form.name: batch.slots.tolist() for batch in assembler.matrix_batches()}


def test_operations_of_a_kind_are_one_batch():
    """Matrices of one closed form are made together, with the positions of their scalars."""
    case = Case(4).form("RX", [0]).form("CRX", [0, 1]).form("RX", [3]).form("CRX", [2, 3])
    found = names_and_slots(assembled(case)[0])
    assert {name: sorted(slots) for name, slots in found.items()} == {
        "RX": [[0], [2]],
        "CRX": [[1], [3]],
    }


def test_batched_operations_are_batches_of_their_own():
    """Batched and plain uses of a closed form are made apart."""
    case = Case(2).form("RX", [0]).form("RX", [1], batch=2).form("CRX", [0, 1])
    batches = assembled(case)[0].matrix_batches()
    kinds = sorted((own.operation.form.name, own.operation.batched) for own in batches)
    assert kinds == [("CRX", False), ("RX", False), ("RX", True)]


def test_gates_without_parameters_have_one_row():
    """One matrix serves all uses of a gate without parameters."""
    case = Case(4).form("CNOT", [0, 1]).form("CNOT", [2, 3]).form("CNOT", [1, 2])
    assert names_and_slots(assembled(case)[0]) == {"CNOT": [[]]}


def test_steps_with_the_same_factors_are_one_group():
    """Steps are rows of one group where they have the same factors, and apart otherwise."""
    case = Case(6)
    case.form("RX", [0]).form("CRX", [0, 1])  # a sequence on each wire, then a gate
    case.form("H", [2]).form("CRX", [2, 3])  # the same factors: another sequence
    case.form("CRX", [4, 5])  # no sequences
    assembler, added = assembled(case)
    _, groups = assembler.products_and_groups()
    assert sorted(len(group.factors) for group in groups) == [1, 2]
    by_group = {submatrix.group for submatrix in assembler.submatrices()}
    assert by_group == {0, 1}
    assert sorted(row for _, row in added) == [0, 0, 1]


def test_factors_alternate():
    """Sequences between gates on several wires are one factor, in the order of the operations."""
    case = Case(2).form("RX", [0]).form("H", [1]).form("CRX", [0, 1]).form("RX", [1])
    case.form("CNOT", [1, 0])
    assembler, _ = assembled(case)
    _, (group,) = assembler.products_and_groups()
    assert [type(factor) for factor in group.factors] == [
        KroneckerFactor,
        MultiWireFactor,
        KroneckerFactor,
        MultiWireFactor,
    ]
    assert [f.positions for f in group.factors if isinstance(f, MultiWireFactor)] == [
        (0, 1),
        (1, 0),
    ]


@pytest.mark.parametrize(
    ("observed", "rows"),
    [
        (None, None),
        ([(0, 3)], [0, 12]),
        ([(1, 1)], [0, 1]),
        ([(0, 3), (1, 1), (1, 2)], [0, 1, 2, 12, 13, 14]),
    ],
)
def test_submatrices_have_the_observed_rows(observed, rows):
    """The last step on a wire has the rows of the Paulis that are observed."""
    case = Case(2).form("CRX", [0, 1])
    (submatrix,) = assembled(case, observed)[0].submatrices()
    assert (None if submatrix.rows is None else submatrix.rows.tolist()) == rows


def test_entering_wires_have_one_column():
    """Columns of wires that come in |0> are those of I and Z together."""
    case = Case(3).form("CRX", [0, 1]).form("CRX", [1, 2]).form("CRX", [0, 1])
    assembler, added = assembled(case)
    columns = [assembler.submatrices()[number].columns for number, _ in added]
    assert [None if own is None else tuple(own.shape) for own in columns] == [
        (16, 1),
        (16, 4),
        None,
    ]
    assert columns[0].flatten().nonzero().flatten().tolist() == [0, 3, 12, 15]


def test_steps_without_operations_share_an_identity():
    """Empty steps are uses of one matrix, whichever wires they have."""
    program = Case(3).kraus([0, 1, 2]).program()
    assembler = Assembler(program, CPU)
    steps = schedule(fuse(program, live_operations(program)), program.observed)
    added = [assembler.add(s, tuple(sorted(s.block.wires))) for s in steps if not s.block.members]
    assert added == [(0, 0), (0, 1), (0, 2)]
    _, (group,) = assembler.products_and_groups()
    assert group.factors == ()
    (submatrix,) = assembler.submatrices()
    assert submatrix.steps.tolist() == [0, 0, 0]


def test_everything_lies_on_the_device():
    """All indices are made for the device that the matrices are made on."""
    case = Case(2).form("RX", [0]).form("RX", [1], batch=2).form("CRX", [0, 1])
    program = case.program([(0, 3)])
    assembler = Assembler(program, torch.device("meta"))
    for step in schedule(fuse(program, live_operations(program)), program.observed):
        assembler.add(step, tuple(sorted(step.block.wires)))
    assert {own.slots.device.type for own in assembler.matrix_batches()} == {"meta"}
    assert {own.rows.device.type for own in assembler.submatrices()} == {"meta"}
    products, _ = assembler.products_and_groups()
    assert {rows.device.type for own in products for rows in own.rows} == {"meta"}
