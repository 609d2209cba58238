"""Programs: their identity, what they observe, and where their numbers stand."""

from dataclasses import replace

from helpers.closed_forms import FORMS
from helpers.programs import Case, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.program.program import (
    Operand,
    Operation,
    Program,
    all_paulis,
    argument_positions,
)

RX, ROT = FORMS["RX"][0], FORMS["Rot"][0]


def test_equal_programs_have_equal_hashes():
    """Programs are keys: equal ones are found again."""
    first, second = (Case(3).form("CRX", [0, 2]).program([1]) for _ in range(2))
    assert first is not second
    assert first == second
    assert hash(first) == hash(second)
    assert {first: 1}[second] == 1


def test_each_part_tells_programs_apart():
    """Wires, operations, their batches and constants, and what is observed are part of a key."""
    program = Program(2, (Operation(RX, (0,)),), frozenset({(0, 3)}))
    others = [
        replace(program, num_wires=3),
        replace(program, observed=frozenset({(0, 1)})),
        replace(program, operations=(Operation(RX, (1,)),)),
        replace(program, operations=(Operation(ROT, (0,)),)),
        replace(program, operations=(Operation(RX, (0,), batched=True),)),
        replace(program, operations=(Operation(RX, (0,), constant=True),)),
        replace(program, operations=(Operation(Operand.TRANSFER, (0,)),)),
        replace(program, operations=()),
    ]
    assert len({program, *others}) == len(others) + 1


def test_all_paulis():
    """All Paulis are X, Y and Z of each wire; I is understood."""
    assert all_paulis([2]) == {(2, 1), (2, 2), (2, 3)}
    assert all_paulis([]) == frozenset()


def test_positions_of_each_kind():
    """Scalars, batched scalars, constants and operands are numbered apart, in order."""
    operations = (
        Operation(ROT, (0,)),
        Operation(RX, (0,), batched=True),
        Operation(Operand.STATE, (1,)),
        Operation(RX, (1,), constant=True),
        Operation(FORMS["CNOT"][0], (0, 1)),
        Operation(RX, (1,)),
        Operation(Operand.KRAUS, (0,), batched=True),
        Operation(ROT, (0,), batched=True),
        Operation(RX, (1,), constant=True),
    )
    found = argument_positions(Program(2, operations, frozenset()))
    assert found == [(0, 1, 2), (0,), (0,), (0,), (), (3,), (1,), (1, 2, 3), (1,)]


@settings(deadline=None, derandomize=True, max_examples=50)
@given(data=st.data())
def test_positions_find_the_numbers(data):
    """The numbers at an operation's positions are those that it was built with."""
    case = random_case(data, max_length=12)
    program, arguments = case.program(), case.arguments()
    seen = {True: [], False: []}
    operands = []
    for operation, own in zip(program.operations, argument_positions(program), strict=True):
        if isinstance(operation.form, Operand):
            operands += own
        else:
            assert len(own) == operation.form.num_params
            seen[operation.batched] += own
    columns = arguments.batched_scalars
    assert operands == list(range(len(arguments.operands)))
    assert seen[False] == list(range(len(arguments.scalars)))
    assert seen[True] == list(range(0 if columns is None else columns.shape[1]))
