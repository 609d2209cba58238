"""Running tables: states against dense matrices, the memory they take, and threads."""

import threading
from weakref import ref

import pytest
import torch
from helpers import density_matrices as dense
from helpers.closed_forms import pauli_rotation
from helpers.kernels import (
    BATCH,
    Spy,
    assert_same,
    bound,
    draw,
    evolution,
    gradients,
    large_case,
    leaves_of,
    run_with_leaves,
    small_case,
    use_tiles,
)
from helpers.programs import WIDTHS, Case, pairs_of, random_case
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import forward_ad

from pennylane_qizgloria.pauli import memory
from pennylane_qizgloria.pauli.kernels import run
from pennylane_qizgloria.pauli.kernels.run import final_state, kept_bytes, tile_of
from pennylane_qizgloria.pauli.kernels.table import kernel_table

EXACT = settings(deadline=None, derandomize=True)
NAMES = [*WIDTHS, *["transfer", "state"] * 2]
"""All operations of random cases but Kraus operators."""


@pytest.fixture
def spy(monkeypatch):
    """The kernels, with what they are called for."""
    spy = Spy(run.kernels())
    monkeypatch.setattr(run, "kernels", lambda: spy)
    return spy


# --- states ---------------------------------------------------------------------------------------


def check(case, observed, batch, tile, dtype=torch.float64, atol=1e-12):
    with pytest.MonkeyPatch.context() as patch:
        use_tiles(patch, tile)
        state = final_state(bound(case, batch, observed, dtype))
    assert state.vector.dtype == dtype
    assert state.vector.shape == (batch or 1, 4 ** len(state.wires))
    paulis = ((0, 1, 2, 3),) * len(state.wires)
    case.compare(state.vector.numpy(), state.wires, paulis, observed, batch, atol)


@settings(EXACT, max_examples=80)
@given(data=st.data())
def test_random_programs(data):
    """Random programs have the states of the dense simulator, in tiles of any length."""
    case = random_case(data, max_wires=4, max_length=12, names=NAMES)
    observed = data.draw(pairs_of(case.num_wires))
    check(case, observed, 3, data.draw(st.sampled_from([None, 1, 2])))


@settings(EXACT, max_examples=40)
@given(data=st.data())
def test_random_programs_in_single_precision(data):
    """In single precision states are right to five digits."""
    case = random_case(data, max_wires=4, max_length=12, names=NAMES)
    tile = data.draw(st.sampled_from([None, 2]))
    check(case, None, 3, tile, torch.float32, 1e-5)


def test_many_wires():
    """States on seven wires agree with the dense simulator."""
    case = Case(7)
    for wire in range(7):
        case.form("Rot", [wire]).form("CRX", [wire, (wire + 1) % 7]).form("damping", [wire])
    check(case.form("CYZ", [6, 2, 4]).transfer([5, 0]), None, None, None)


def test_wide_rotations():
    """Rotations about words on many wires agree with the dense simulator."""
    case = Case(5)
    for wire in range(5):
        case.form("Rot", [wire])
    for word in ("XYZX", "YYXZX"):
        generator = dense.kron(*(dense.PAULIS["IXYZ".index(pauli)] for pauli in word))
        form, kraus = pauli_rotation(word, generator)
        wires = [4, 0, 2, 1, 3][: len(word)]
        case._add(form, wires, None, kraus(0.7))
        case.scalars.append(0.7)
    check(case, None, None, None)


@pytest.mark.parametrize("observed", [None, [1]], ids=["all", "another wire"])
def test_programs_without_live_operations(observed):
    """Where nothing happens, there is one word for each element."""
    case = Case(2) if observed is None else Case(2).form("RX", [0])
    state = final_state(bound(case, 3, observed))
    assert state.wires == ()
    assert state.vector.tolist() == [[1.0]] * 3


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_the_batch_axis(batch):
    """There is a row for each element, and one without a batch, also where no number is batched."""
    case = Case(2).form("RX", [0]).form("CRX", [0, 1])
    found = final_state(bound(case, batch)).vector
    assert found.shape == (batch or 1, 16)
    assert (found == found[0]).all()


def test_tiles():
    """A tile fits the cache, has some elements at least and no more than the batch."""
    small, large = (kernel_table(Case(n).form("CRX", [0, n - 1]).program()) for n in (2, 6))
    assert (small.words, large.words) == (16, 16)
    wide = Case(6)
    for wire in range(6):
        wide.form("RX", [wire])
    wide = kernel_table(wide.program())
    assert tile_of(small, 1000) == 256
    assert tile_of(small, 100) == 100
    assert tile_of(wide, 1000) == 8
    assert tile_of(wide, 3) == 3


# --- memory ---------------------------------------------------------------------------------------


def budgets():
    """Not enough for a tile, for one tile but not for a batch, just for a batch."""
    table = kernel_table(large_case().program())
    tile, batch = (kept_bytes(table, elements, torch.float64) for elements in (2, BATCH))
    return {"nothing": 1, "a tile": tile, "almost": batch - 1, "a batch": batch, "any": None}


@pytest.mark.parametrize("name", ["nothing", "a tile", "almost", "a batch", "any"])
def test_the_budget(name, spy, monkeypatch):
    """No more is kept than the budget, and gradients are the same with any."""
    use_tiles(monkeypatch, 2)
    budget = budgets()[name]
    state, leaves = run_with_leaves(large_case(), BATCH, budget)
    kept = state.vector.grad_fn.saved.nbytes
    fits = name in ("a batch", "any")
    assert kept == (budgets()["a batch"] if fits else 0)
    assert spy.kept == [fits]
    found = torch.autograd.grad(state.vector, leaves, draw(9, BATCH, 256))
    monkeypatch.undo()
    assert_same(found, gradients(large_case(), BATCH))


def test_no_more_is_kept_than_the_limit(monkeypatch):
    """Without a budget, and with a larger one, there is a limit."""
    table = kernel_table(large_case().program())
    monkeypatch.setattr(run, "KEPT_BYTES", kept_bytes(table, BATCH, torch.float64) - 1)
    for budget in (None, 2**40):
        state, _ = run_with_leaves(large_case(), BATCH, budget)
        assert state.vector.grad_fn.saved.nbytes == 0


def test_kept_bytes():
    """The states before each step that has a parameter are kept, and the final one."""
    case = Case(2).form("H", [0]).form("CRX", [0, 1]).form("CNOT", [1, 0]).form("RX", [0])
    table = kernel_table(case.program())
    # Two words to rotate about, one of them on one wire, in a run of its own.
    assert table.saved_states == 3
    assert kept_bytes(table, 5, torch.float64) == 4 * 16 * 5 * 8
    assert kept_bytes(table, 5, torch.float32) == 4 * 16 * 5 * 4


def test_states_are_let_go():
    """After a reverse pass no states are kept, although the graph is."""
    state, leaves = run_with_leaves(large_case(), BATCH)
    saved = ref(state.vector.grad_fn.saved)
    assert saved() is not None
    torch.autograd.grad(state.vector, leaves, draw(9, BATCH, 256), retain_graph=True)
    assert saved() is None


def test_nothing_is_kept_without_a_reverse_pass(spy):
    """Values alone and tangents keep no states."""
    leaves, _ = leaves_of(small_case(3).arguments())
    scalars, *others = (leaf.detach() for leaf in leaves)
    function = evolution(small_case(3), 3)
    with torch.no_grad():
        function(*leaves)
        with forward_ad.dual_level():
            function(forward_ad.make_dual(scalars, torch.ones_like(scalars)), *others)
    function(scalars, *others)
    assert [name for name, *_ in spy.calls] == ["forward", "forward", "tangent", "forward"]
    assert not any(spy.kept)


def test_states_that_do_not_fit(monkeypatch):
    """Too large a batch is refused before anything is allocated."""
    monkeypatch.setattr(memory, "available_bytes", lambda device: 2**20)
    with pytest.raises(MemoryError, match="mixed state of 1 wires in float64"):
        final_state(bound(Case(1).form("RX", [0]), 2**20))


# --- modes and threads ----------------------------------------------------------------------------


def test_inference_mode():
    """States are the same in inference mode, and what is remembered there serves derivatives."""
    case = Case(3).form("H", [0]).form("CRX", [0, 1]).form("Toffoli", [2, 0, 1]).transfer([0, 2])
    with torch.inference_mode():
        found = final_state(bound(case)).vector
    state, leaves = run_with_leaves(case, None)
    assert torch.equal(found, state.vector)
    torch.autograd.grad(state.vector.sum(), leaves)


@pytest.fixture
def two_threads(monkeypatch):
    """Two threads share every batch, in tiles of one element."""
    use_tiles(monkeypatch, 1)
    monkeypatch.setattr(run, "THREAD_NUMBERS", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_threads(two_threads, spy):
    """Threads share out a batch, and the numbers are those of one thread."""
    state, leaves = run_with_leaves(large_case(), BATCH)
    found = torch.autograd.grad(state.vector, leaves, draw(9, BATCH, 256))
    with torch.no_grad(), forward_ad.dual_level():
        duals = [forward_ad.make_dual(x.detach(), torch.ones_like(x)) for x in leaves]
        tangent = forward_ad.unpack_dual(evolution(large_case(), BATCH)(*duals)).tangent
    # The states of the product and, without a reverse pass, those beside the tangents.
    names = ["forward", "reverse", "forward", "tangent"]
    assert sorted(spy.calls) == sorted((name, *r) for name in names for r in [(0, 2), (2, 5)])
    assert all(name.startswith("qizgloria-kernels") for name in spy.threads)
    torch.set_num_threads(1)
    single, _ = run_with_leaves(large_case(), BATCH)
    assert torch.equal(state.vector, single.vector)
    assert_same(found, gradients(large_case(), BATCH))
    with torch.no_grad(), forward_ad.dual_level():
        duals = [forward_ad.make_dual(x.detach(), torch.ones_like(x)) for x in leaves]
        image = forward_ad.unpack_dual(evolution(large_case(), BATCH)(*duals)).tangent
    assert torch.equal(tangent, image)


@pytest.mark.usefixtures("two_threads")
def test_threads_where_states_are_not_kept():
    """Threads run their tiles forward again, each in memory of its own."""
    found = gradients(large_case(), BATCH, 1)
    torch.set_num_threads(1)
    assert_same(found, gradients(large_case(), BATCH))


@pytest.mark.usefixtures("two_threads")
def test_threads_need_work(spy, monkeypatch):
    """One element, or little work, is for the calling thread."""
    final_state(bound(large_case(None)))
    monkeypatch.setattr(run, "THREAD_NUMBERS", 2**30)
    final_state(bound(large_case(), BATCH))
    assert spy.threads == {threading.current_thread().name}


def test_more_threads_than_tiles(monkeypatch, spy):
    """No thread is without a tile."""
    use_tiles(monkeypatch, 4)
    monkeypatch.setattr(run, "THREAD_NUMBERS", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    final_state(bound(large_case(), BATCH))
    assert sorted(spy.calls) == [("forward", 0, 4), ("forward", 4, 5)]


@pytest.mark.usefixtures("two_threads")
def test_errors_in_threads_are_raised(monkeypatch):
    """An error in one of the threads is raised in the calling one."""

    class Broken:
        def forward(self, *arguments):
            raise RuntimeError("broken")

    monkeypatch.setattr(run, "kernels", Broken)
    with pytest.raises(RuntimeError, match="broken"):
        final_state(bound(large_case(), BATCH))
