"""Which programs the kernels run, and which are left to the plan."""

from dataclasses import replace

import pytest
import torch
from helpers.kernels import bound, leaves_of, small_case, use_tiles
from helpers.programs import Case
from torch.autograd import forward_ad

from pennylane_qizgloria.pauli.kernels import choice
from pennylane_qizgloria.pauli.kernels.run import kept_bytes
from pennylane_qizgloria.pauli.kernels.table import kernel_table
from pennylane_qizgloria.pauli.program.program import Arguments, BoundProgram
from pennylane_qizgloria.pauli.run.adjoint import traced_steps
from pennylane_qizgloria.pauli.state.measure import State

CPU = torch.device("cpu")
BY_NAME, BY_SIZE = choice.by_kernels, choice.final_state


@pytest.fixture
def taken(monkeypatch):
    """What ran the programs so far, with the budget that it was given."""
    seen = []
    for name, module in (("kernels", choice.run), ("plan", choice.evolve)):

        def spy(bound, budget=None, name=name, original=module.final_state):
            seen.append((name, budget))
            return original(bound, budget)

        monkeypatch.setattr(module, "final_state", spy)
    return seen


def names(taken):
    return [name for name, _ in taken]


def ring(num_wires):
    """A small program that touches some wires."""
    case = Case(num_wires)
    for wire in range(num_wires):
        case.form("CRX", [wire, (wire + 1) % num_wires])
    return case


def with_leaves(case, batch=None):
    """A case, where all numbers have gradients."""
    _, arguments = leaves_of(case.arguments())
    return BoundProgram(case.program(), arguments, batch)


# --- what the kernels cannot run ------------------------------------------------------------------


def test_why_not():
    """The kernels run on the CPU, and have no wide Kraus operators."""
    wide = Case(4).kraus([0, 1, 2, 3]).program()
    small = Case(2).form("RX", [0]).program()
    assert choice.why_not(small, CPU) is None
    reason = choice.why_not(small, torch.device("cuda:1"))
    assert reason == "The kernels run on the CPU, and the parameters are on cuda:1."
    reason = choice.why_not(wide, CPU)
    assert reason == "The kernels have no operations by Kraus operators on more than three wires."


@pytest.mark.parametrize("function", [BY_NAME, BY_SIZE], ids=["by name", "by size"])
def test_kraus_operators(function, taken):
    """Programs with wide Kraus operators are run by a plan."""
    case = Case(4).form("RX", [0]).kraus([0, 1, 2, 3])
    state = function(bound(case))
    assert names(taken) == ["plan"]
    case.compare(state.vector.numpy(), state.wires, state.paulis)


@pytest.mark.parametrize("function", [BY_NAME, BY_SIZE], ids=["by name", "by size"])
def test_other_devices(function, monkeypatch):
    """Where the numbers are not on the CPU, the plan gets the program."""
    planned = State(torch.ones(1, 1), ())
    monkeypatch.setattr(choice.evolve, "final_state", lambda bound, budget: planned)
    given = bound(Case(1).form("RX", [0]))
    elsewhere = replace(given, arguments=Arguments(given.arguments.scalars.to("meta")))
    assert function(elsewhere) is planned


# --- size -----------------------------------------------------------------------------------------


def test_size(taken, monkeypatch):
    """By default states up to some size are run by kernels; by name all are."""
    monkeypatch.setattr(choice, "MAX_WORDS", 4**3)
    for num_wires in (2, 3, 4, 5):
        choice.final_state(bound(ring(num_wires)))
    assert names(taken) == ["kernels", "kernels", "plan", "plan"]
    choice.by_kernels(bound(ring(5)))
    assert names(taken)[-1] == "kernels"


def test_batches(taken, monkeypatch):
    """Kernels run a batch of states while it has few numbers; of small states it may have more."""
    monkeypatch.setattr(choice, "MAX_WORDS", 4**3)
    monkeypatch.setattr(choice, "FEW_WORDS", 4**2)
    monkeypatch.setattr(choice, "MAX_NUMBERS", 4**4)
    monkeypatch.setattr(choice, "MAX_NUMBERS_OF_FEW_WORDS", 4**5)
    for num_wires, batch in [(3, None), (3, 4), (3, 5), (2, 64), (2, 65), (4, None)]:
        choice.final_state(bound(ring(num_wires), batch))
    assert names(taken) == ["kernels", "kernels", "plan", "kernels", "plan", "plan"]


@pytest.mark.parametrize(("form", "most"), [("error", 64), ("CRX", 64), ("Toffoli", 4)])
def test_matrices_on_several_wires(form, most, taken, monkeypatch):
    """Where a matrix mixes many words, kernels run smaller batches."""
    monkeypatch.setattr(choice, "MAX_NUMBERS_OF_FEW_WORDS", 64 * 4**3)
    monkeypatch.setattr(choice, "MAX_PRODUCTS", 4 * 4**3 * 4**3)
    case = Case(3).form(form, [0, 1, 2] if form == "Toffoli" else [0, 1]).form("CRX", [1, 2])
    for batch in (most, most + 1):
        choice.final_state(bound(case, batch))
    assert names(taken) == ["kernels", "plan"]


def test_only_wires_that_are_touched_count(taken, monkeypatch):
    """Idle wires, unseen operations and swaps do not make a program large."""
    monkeypatch.setattr(choice, "MAX_WORDS", 4**2)
    case = Case(9).form("CRX", [8, 3]).form("SWAP", [8, 5]).form("CRX", [0, 1])
    choice.final_state(bound(case, observed=[3, 5]))
    choice.final_state(bound(case, observed=[3, 5, 1]))
    assert names(taken) == ["kernels", "plan"]


def test_both_ways_give_one_state():
    """All words of a state are the same by kernels and by a plan."""
    found = choice.by_kernels(bound(small_case(3), 3)).vector
    expected = choice.evolve.final_state(bound(small_case(3), 3)).vector
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


# --- transforms -----------------------------------------------------------------------------------


def scalars_of(case):
    """A program's numbers, and its state as a function of its scalars."""
    given = bound(case)

    def function(scalars):
        arguments = replace(given.arguments, scalars=scalars)
        return choice.by_kernels(replace(given, arguments=arguments)).vector

    return given.arguments.scalars, function


def test_torch_func(taken):
    """Transforms of torch.func see operations of torch's own."""
    scalars, function = scalars_of(Case(2).form("Rot", [0]).form("CRX", [0, 1]))
    torch.func.vmap(function)(torch.stack([scalars, scalars]))
    torch.func.grad(lambda x: function(x).sum())(scalars)
    torch.func.jvp(function, (scalars,), (scalars,))
    assert set(names(taken)) == {"plan"}
    function(scalars)
    assert names(taken)[-1] == "kernels"


def test_traced_steps(taken):
    """Where steps are traced, they are operations of torch's own."""
    scalars, function = scalars_of(Case(1).form("RX", [0]))
    with traced_steps():
        function(scalars)
    assert names(taken) == ["plan"]


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("recorded", [False, True])
def test_jit_trace(recorded):
    """A program that torch.jit.trace writes down computes its results anew."""
    scalars, function = scalars_of(Case(2).form("Rot", [0]).form("CRX", [0, 1]))
    with torch.set_grad_enabled(recorded):
        traced = torch.jit.trace(function, scalars, check_trace=False)
        other = scalars.flip(0)
        torch.testing.assert_close(traced(other), function(other), rtol=0, atol=1e-12)


def test_forward_mode(taken):
    """Tangents are computed by kernels, unless a reverse pass through them is recorded."""
    scalars, function = scalars_of(Case(2).form("Rot", [0]).form("CRX", [0, 1]))
    leaf = scalars.clone().requires_grad_()

    def push(x):
        with forward_ad.dual_level():
            dual = forward_ad.unpack_dual(function(forward_ad.make_dual(x, scalars)))
            return dual.tangent

    with torch.no_grad():
        expected = push(leaf)
    assert torch.equal(push(scalars), expected)
    assert names(taken) == ["kernels", "kernels"]
    tangent = push(leaf)
    assert names(taken)[-1] == "plan"
    torch.testing.assert_close(tangent, expected, rtol=0, atol=1e-12)
    assert torch.autograd.grad(tangent.sum(), leaf)[0].abs().max() > 1e-3


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_vectorised_jacobians(strategy):
    """Autograd computes Jacobians with all directions at once."""
    scalars, function = scalars_of(Case(2).form("Rot", [0]).form("CRX", [0, 1]))
    jacobian = torch.autograd.functional.jacobian
    found = jacobian(function, scalars, vectorize=True, strategy=strategy)
    torch.testing.assert_close(found, jacobian(function, scalars), rtol=0, atol=1e-12)


def test_jacobians_in_both_modes():
    """Hessians by forward mode over reverse mode, and by two reverse passes, agree."""
    scalars, function = scalars_of(Case(2).form("Rot", [0]).form("CRX", [0, 1]))

    def mean(x):
        return function(x)[0, 1::3].square().sum()

    found = torch.func.hessian(mean)(scalars)
    expected = torch.autograd.functional.hessian(mean, scalars)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert expected.abs().max() > 1e-2


# --- memory ---------------------------------------------------------------------------------------


def tile_bytes(case, elements):
    return kept_bytes(kernel_table(case.program()), elements, torch.float64)


def test_a_tile_has_to_fit(taken, monkeypatch):
    """Nothing is recomputed within a tile, so all of its states have to fit the budget."""
    use_tiles(monkeypatch, 2)
    enough = tile_bytes(small_case(), 2)
    for budget in (None, enough, enough - 1):
        choice.by_kernels(with_leaves(small_case(), 5), budget)
    assert taken == [("kernels", None), ("kernels", enough), ("plan", enough - 1)]
    # A batch of one element is a tile of one.
    choice.by_kernels(with_leaves(small_case()), enough // 2)
    assert taken[-1] == ("kernels", enough // 2)


def test_there_is_a_limit(taken, monkeypatch):
    """Also without a budget, and with a larger one, a tile takes no more than some size."""
    limit = tile_bytes(small_case(), 5)
    for size in (limit, limit - 1):
        monkeypatch.setattr(choice, "MAX_KEPT_BYTES", size)
        choice.by_kernels(with_leaves(small_case(), 5))
        choice.by_kernels(with_leaves(small_case(), 5), 2**40)
    assert names(taken) == ["kernels", "kernels", "plan", "plan"]


def test_values_need_no_budget(taken):
    """Where there is no reverse pass, nothing is kept, and any budget is enough."""
    choice.by_kernels(bound(small_case(3), 3), 1)
    with torch.no_grad():
        choice.by_kernels(with_leaves(small_case(3), 3), 1)
    assert names(taken) == ["kernels", "kernels"]
    choice.by_kernels(with_leaves(small_case(3), 3), 1)
    assert names(taken)[-1] == "plan"


def test_the_budget_is_passed_on(taken, monkeypatch):
    """Whichever runs a program gets the budget."""
    choice.final_state(bound(Case(1).form("RX", [0])), 10**6)
    monkeypatch.setattr(choice, "MAX_WORDS", 1)
    choice.final_state(bound(Case(1).form("RX", [0])), 10**6)
    assert taken == [("kernels", 10**6), ("plan", 10**6)]


@pytest.mark.parametrize("which", range(3))
def test_any_number_may_be_recorded(which, taken):
    """A reverse pass is expected where scalars, columns or operands have gradients."""
    leaves, arguments = leaves_of(small_case(3).arguments())
    for n, leaf in enumerate(leaves):
        leaf.requires_grad_(n == which)
    choice.by_kernels(BoundProgram(small_case(3).program(), arguments, 3), 1)
    assert names(taken) == ["plan"]
