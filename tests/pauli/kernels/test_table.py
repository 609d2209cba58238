"""Programs as tables: which steps there are, on which wires, and what is saved."""

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.closed_forms import CNOT, H
from helpers.programs import Case, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.kernels.patterns import AFFINE, DIAGONAL, GENERAL, UNITAL
from pennylane_qizgloria.pauli.kernels.table import (
    APPLY,
    BASES,
    BATCHED,
    CONSTANT,
    INNER,
    KIND,
    NUM_BASES,
    NUM_ITEMS,
    NUMBER,
    OFFSETS,
    PERMUTE,
    PLAIN,
    PREPARE,
    ROTATE,
    RUN,
    SCALE,
    SIZE,
    SOURCE,
    VARIES,
    is_supported,
    kernel_table,
    num_words,
)
from pennylane_qizgloria.pauli.maps.transfer import constant, rotation
from pennylane_qizgloria.pauli.program.program import Operand, Operation, Program

NAMES = {
    **{RUN: "RUN", ROTATE: "ROTATE", PERMUTE: "PERMUTE"},
    **{APPLY: "APPLY", SCALE: "SCALE", PREPARE: "PREPARE"},
}


def table_of(case, observed=None):
    return kernel_table(case.program(observed))


def kinds(table):
    return [NAMES[kind] for kind in table.steps[:, KIND]]


def with_constants(case):
    """The program of a case whose operations with scalars are constant."""
    program = case.program()
    operations = [
        Operation(own.form, own.wires, own.batched, not isinstance(own.form, Operand))
        for own in program.operations
    ]
    return Program(program.num_wires, tuple(operations), program.observed)


def step_wires(table, n):
    """The wires of a step, from where its words stand."""
    step, count = table.steps[n], len(table.wires)
    (width,) = (k for k in range(count + 1) if 4**k == step[SIZE])
    strides = [table.offsets[step[OFFSETS] + 4**k] for k in range(width)][::-1]
    return [table.wires[count - 1 - int(np.log2(stride)) // 2] for stride in strides]


# --- which programs, and how large their states are -----------------------------------------------


def test_supported_programs():
    """All programs are supported but those with Kraus operators that are too wide for a matrix."""
    case = Case(4).form("Rot", [0]).transfer([0, 1, 2]).state([2]).form("error3", [1, 2, 3])
    assert is_supported(case.program())
    assert is_supported(Case(2).program())
    assert not is_supported(case.kraus([0, 1, 2, 3]).program())


def test_wires_are_those_that_are_touched():
    """The state has the wires that an operation acts on, in order."""
    table = table_of(Case(6).form("RX", [4]).form("CNOT", [3, 1]))
    assert table.wires == (1, 3, 4)
    assert table.words == 64


def test_what_no_measurement_sees_has_no_step():
    """Operations outside the causal cone have no step, and their wires no axis."""
    case = Case(4).form("RX", [0]).form("CNOT", [0, 1]).form("CNOT", [2, 3]).form("RX", [1])
    table = table_of(case, observed=[0])
    assert table.wires == (0, 1)
    assert kinds(table) == ["RUN", "PERMUTE"]


@pytest.mark.parametrize("case", [Case(3), Case(3).form("RX", [1])], ids=["empty", "unseen"])
def test_programs_without_live_operations(case):
    """Where no operation matters, there is one word and no step."""
    table = table_of(case, observed=[0])
    assert (table.wires, table.words, table.saved_states) == ((), 1, 0)
    assert table.steps.shape == (0, 11)
    assert num_words(case.program([0])) == 1


def test_swaps_relabel():
    """Swaps have no step, and the wires are those where a state is in the end."""
    case = Case(3).form("RX", [0]).form("SWAP", [0, 2]).form("CNOT", [2, 1]).form("SWAP", [1, 2])
    table = table_of(case)
    assert kinds(table) == ["RUN", "PERMUTE"]
    # What was on wire 0 went to 2 and then to 1, what was on 1 went to 2.
    assert table.wires == (1, 2)
    assert step_wires(table, 1) == [1, 2]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data())
def test_num_words(data):
    """The size of a state is known without a table, with swaps too."""
    names = ["SWAP", "SWAP", "RX", "CNOT", "damping", "state"]
    case = random_case(data, max_wires=5, max_length=8, names=names)
    program = case.program(data.draw(st.sets(st.integers(0, case.num_wires - 1))))
    assert num_words(program) == kernel_table(program).words


# --- runs on one wire -----------------------------------------------------------------------------


def test_what_happens_on_one_wire_is_one_step():
    """A run goes on up to the next operation that joins its wire to another."""
    case = Case(3).form("RX", [0]).form("damping", [0]).form("RX", [1]).form("Rot", [0])
    case.form("CNOT", [0, 1]).form("RX", [2]).form("RX", [0]).transfer([2])
    table = table_of(case)
    assert kinds(table) == ["RUN", "RUN", "PERMUTE", "RUN", "RUN"]
    assert [step_wires(table, n) for n in range(5)] == [[0], [1], [0, 1], [0], [2]]
    assert table.steps[:, NUM_ITEMS][[0, 1, 3, 4]].tolist() == [5, 1, 1, 2]
    assert table.longest_run == 5


def test_rotations_in_runs_are_kept_as_such():
    """Rotations in a run are an axis and a parameter, other maps a matrix."""
    table = table_of(Case(1).form("Rot", [0]).form("damping", [0]).form("RX", [0]))
    # Behind the five scalars stands the matrix of the damping.
    expected = [(3, PLAIN, 0), (2, PLAIN, 1), (3, PLAIN, 2), (0, PLAIN, 5), (1, PLAIN, 3)]
    assert table.items.tolist() == [list(item) for item in expected]
    assert table.rotations.tolist() == [[PLAIN, place] for place in (0, 1, 2, 4)]
    np.testing.assert_allclose(table.scales, 1)


@pytest.mark.parametrize(
    ("names", "shape"),
    [
        (["depolarizing", "depolarizing"], DIAGONAL),
        (["RX", "depolarizing"], UNITAL),
        (["H", "Rot"], UNITAL),
        (["RX", "damping"], AFFINE),
        (["transfer", "RX"], GENERAL),
    ],
    ids=str,
)
def test_shapes_of_runs(names, shape):
    """The shape of a run is that of the product of all its matrices."""
    case = Case(1)
    for name in names:
        case.transfer([0]) if name == "transfer" else case.form(name, [0])
    assert table_of(case).steps[0, NUMBER] == shape


def test_constants_in_a_row_are_one_product():
    """Constant maps on one wire in a row are one matrix, up to the next that is not constant."""
    case = Case(2).form("H", [0]).form("H", [0]).form("CNOT", [0, 1]).form("H", [1])
    case.form("RX", [1]).form("H", [1])
    table = table_of(case)
    assert [len(product.members) for product in table.products] == [2, 1, 1]
    assert table.items[:, 1].tolist() == [CONSTANT, CONSTANT, PLAIN, CONSTANT]
    # All matrices have 16 entries, one behind the other.
    assert table.items[[0, 1, 3], 2].tolist() == [0, 16, 32]


def test_constant_parameters():
    """Constant parameters come from the constants, and no state is saved before their steps."""
    case = Case(3).form("damping", [0]).form("RX", [0]).form("CRX", [0, 1]).form("error", [1, 2])
    table = kernel_table(with_constants(case))
    assert kinds(table) == ["RUN", "RUN", "ROTATE", "SCALE"]
    assert [slots for product in table.products for _, slots in product.members] == [
        *((0,), (1,)),
        (3,),
    ]
    assert table.rotations.tolist() == [[CONSTANT, 2]] * 2
    assert table.saved_states == 0
    assert table.plain == table.batched == ()


# --- steps on several wires -----------------------------------------------------------------------


def test_kinds_of_steps():
    """Clifford gates permute, gates of commuting words rotate, Pauli channels scale, all others
    apply a matrix.
    """
    case = Case(3).state([1]).state([0, 2]).form("CNOT", [0, 1]).form("Toffoli", [0, 1, 2])
    case.form("error", [1, 2]).transfer([0, 2]).form("CYZ", [0, 1, 2])
    table = table_of(case)
    assert kinds(table) == [
        *("PREPARE", "PREPARE", "PERMUTE", "APPLY", "SCALE", "APPLY"),
        *("ROTATE", "ROTATE"),
    ]
    assert table.steps[:, SIZE].tolist() == [4, 16, 16, 64, 16, 16, 16, 64]
    assert table.steps[:, SOURCE].tolist() == [PLAIN, PLAIN, CONSTANT, CONSTANT, *[PLAIN] * 4]
    assert table.steps[:, VARIES].tolist() == [1, 1, 0, 0, 1, 1, 1, 1]
    assert table.saved_states == 6
    assert table.largest_matrix == 64


def test_maps_that_scale_words():
    """Constants of one channel and of several at once scale, too, and no matrix is applied."""
    case = Case(2).form("error", [0, 1])
    form = constant("decay", torch.diag(torch.linspace(1, 0.1, 16, dtype=torch.float64)))
    operations = (*with_constants(case).operations, Operation(form, (1, 0)))
    table = kernel_table(Program(2, operations, case.program().observed))
    assert kinds(table) == ["SCALE", "SCALE"]
    assert table.steps[:, SOURCE].tolist() == [CONSTANT, CONSTANT]
    assert table.largest_matrix == 1


def test_words_act_on_their_own_wires_only():
    """A rotation about a word is a step on the wires where the word has a Pauli."""
    table = table_of(Case(3).form("CYZ", [2, 0, 1]).form("CRX", [1, 2]))
    assert kinds(table) == ["ROTATE", "ROTATE", "RUN", "ROTATE"]
    assert [step_wires(table, n) for n in range(4)] == [[0, 1], [2, 0, 1], [2], [1, 2]]
    assert table.steps[[0, 1, 3], NUM_ITEMS].tolist() == [4, 16, 4]
    assert table.scales.tolist() == pytest.approx([-1.0, 1.0, 0.5, -0.5])


@pytest.mark.parametrize("width", [4, 5])
def test_wide_rotations(width):
    """A rotation about a word on many wires is one step, of pairs of words."""
    generator = dense.kron(*(dense.PAULIS[1 + k % 3] for k in range(width)))
    form = rotation("wide", torch.as_tensor(generator))
    program = Program(width, (Operation(form, tuple(range(width))),), frozenset({(0, 3)}))
    table = kernel_table(program)
    assert kinds(table) == ["ROTATE"]
    assert table.steps[0, SIZE] == 4**width
    assert len(table.pairs) == len(table.signs) == 4**width // 4
    assert table.scales.tolist() == pytest.approx([-2.0])


def test_where_words_stand():
    """Bases and offsets together are all words once."""
    case = Case(4).form("CNOT", [2, 0]).form("Toffoli", [3, 1, 0]).form("RX", [1]).state([2])
    table = table_of(case)
    for step in table.steps:
        bases = table.bases[step[BASES] : step[BASES] + step[NUM_BASES]]
        offsets = table.offsets[step[OFFSETS] : step[OFFSETS] + step[SIZE]]
        places = bases[:, None, None] + offsets[:, None] + np.arange(step[INNER])
        assert sorted(places.flatten().tolist()) == list(range(table.words))


def test_places_are_shared():
    """Steps on the same wires share their bases and offsets; the order of wires matters."""
    table = table_of(Case(3).form("CNOT", [0, 1]).form("CRX", [0, 1]).form("CNOT", [1, 0]))
    first, _, second, third = table.steps
    assert first[OFFSETS] == second[OFFSETS] != third[OFFSETS]
    assert len(table.offsets) == 4 + 2 * 16


# --- where numbers come from ----------------------------------------------------------------------


def test_places_of_matrices():
    """Matrices and states stand one behind the other, those of a batch in a vector of their own."""
    case = Case(2).form("RX", [0]).form("error", [0, 1]).transfer([1, 0], 3).state([1])
    case.form("RX", [1], 3).transfer([0, 1])
    table = table_of(case)
    assert kinds(table) == ["RUN", "SCALE", "APPLY", "PREPARE", "RUN", "APPLY"]
    sources = [PLAIN, PLAIN, BATCHED, PLAIN, BATCHED, PLAIN]
    assert table.steps[:, SOURCE].tolist() == sources
    # Two plain scalars and one batched one come first.
    assert table.steps[[1, 2, 3, 5], NUMBER].tolist() == [2, 1, 2 + 256, 2 + 256 + 4]
    assert [len(table.plain), len(table.batched)] == [3, 1]
    assert [int(own.slots) for own in (*table.plain, *table.batched)] == [1, 1, 2, 0]


def test_a_run_with_a_batched_number_is_batched():
    """One batched number makes the matrix of a run that of each element."""
    table = table_of(Case(2).form("RX", [0]).form("RX", [0], 3).form("RX", [1]))
    assert table.steps[:, SOURCE].tolist() == [BATCHED, PLAIN]
    assert table.items[:, 1].tolist() == [PLAIN, BATCHED, PLAIN]


def test_products_of_constant_gates_on_several_wires():
    """A constant gate that is no permutation is a matrix among the constants."""
    unitary = np.kron(H, np.eye(2)) @ CNOT @ np.kron(np.diag([1, 1j**0.5]), np.eye(2))
    form = constant("mixed", torch.as_tensor(dense.transfer(unitary[None])))
    table = kernel_table(Program(2, (Operation(form, (0, 1)),), frozenset({(0, 3)})))
    assert kinds(table) == ["APPLY"]
    assert table.steps[0, [SOURCE, NUMBER, VARIES]].tolist() == [CONSTANT, 0, 0]
    assert [form for form, _ in table.products[0].members] == [form]


def test_tables_are_made_once():
    """Equal programs share a table; another observable, or a constant, makes another."""
    one, other = Case(2).form("CRX", [0, 1]), Case(2).form("CRX", [0, 1])
    assert kernel_table(one.program()) is kernel_table(other.program())
    assert kernel_table(one.program()) is not kernel_table(one.program([0]))
    assert kernel_table(one.program()) is not kernel_table(with_constants(one))
