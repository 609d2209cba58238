"""The reverse pass: the same gradients whatever the budget, within the memory that it says."""

import sys
from dataclasses import replace
from itertools import pairwise
from math import comb
from weakref import ref

import numpy as np
import pytest
import torch
from helpers.programs import Case

from pennylane_qizgloria.pauli.plan.plan import AxisPermutation, Step
from pennylane_qizgloria.pauli.program.program import Operand
from pennylane_qizgloria.pauli.run import adjoint, buffers
from pennylane_qizgloria.pauli.run.adjoint import WORKING_STATES, run_steps

WIRES = 3
PAULIS = 4**WIRES
STATE = 8 * PAULIS
"""Bytes of one state."""

SHAPES = (
    Step(Operand.TRANSFER, 0, 0, 1, 16, 16, 4, cyclic=True),
    Step(Operand.TRANSFER, 0, 0, 4, 16, 8, 1, permutation=AxisPermutation((4, 16), (1, 0))),
    Step(Operand.TRANSFER, 0, 0, 2, 4, 4, 4),
    Step(Operand.TRANSFER, 0, 0, 8, 4, 8, 1, cyclic=True),
    Step(Operand.TRANSFER, 0, 0, 1, 4, 2, 16, permutation=AxisPermutation((4, 4, 4), (0, 2, 1))),
    Step(Operand.TRANSFER, 0, 0, 8, 2, 4, 2),
    Step(Operand.TRANSFER, 0, 0, 16, 4, 4, 1, permutation=AxisPermutation((4, 4, 4), (2, 1, 0))),
)
"""Steps with all kinds of geometry, after which a state has as many words as before."""

SIZES = tuple(dict.fromkeys((step.outputs, step.inputs) for step in SHAPES))


@pytest.fixture(autouse=True)
def small_states_are_pooled(monkeypatch):
    """Buffers are used again whatever their size, as those of large circuits are."""
    monkeypatch.setattr(buffers, "MIN_BYTES", 0)
    buffers.clear()
    yield
    buffers.clear()


def draw(seed, *shape):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=shape))


def transfers(rows, outputs, inputs, batch=1, seed=0):
    """A stack of matrices near the identity, so that long products stay of order one."""
    noise = draw(seed, rows, batch, outputs, inputs) / np.sqrt(inputs)
    return torch.eye(outputs, inputs).double() + 0.2 * noise


def chain(length, batches=(1, 1)):
    """Steps with all kinds of geometry, and the matrices of each size that they share."""
    steps = []
    for i in range(length):
        shape = SHAPES[i % len(SHAPES)]
        tensor = SIZES.index((shape.outputs, shape.inputs))
        steps.append(replace(shape, tensor=tensor, row=i))
    stacks = [transfers(length, *size, batches[i % 2], seed=i) for i, size in enumerate(SIZES)]
    return tuple(steps), tuple(stacks)


def one_wire(length):
    """Steps on the last wire, without moves, and their matrices."""
    steps = tuple(Step(Operand.TRANSFER, 0, i, 16, 4, 4, 1) for i in range(length))
    return steps, (transfers(length, 4, 4),)


def reference(steps, state, tensors):
    """The same evolution, one einsum for each step, for torch to record and to differentiate."""
    for step in steps:
        if step.permutation is not None:
            axes = (0, *(1 + axis for axis in step.permutation.permutation))
            state = state.reshape(len(state), *step.permutation.shape).permute(axes)
        matrix = tensors[step.tensor][step.row]
        blocks = state.reshape(len(state), step.left, step.inputs, step.right)
        batch = max(len(matrix), len(blocks))
        pair = matrix.expand(batch, -1, -1), blocks.expand(batch, -1, -1, -1)
        end = ("brli" if step.left == 1 else "birl") if step.cyclic else "blir"
        state = torch.einsum(f"bij,bljr->{end}", *pair).reshape(batch, -1)
    return state


def leaves_of(*tensors):
    return tuple(x.clone().requires_grad_() for x in tensors)


def gradients(evolution, state, tensors, create_graph=False):
    """Of a function that is not linear in the final state."""
    leaves = leaves_of(state, *tensors)
    final = evolution(leaves[0], leaves[1:])
    cost = (final.square() * draw(99, *final.shape)).sum()
    return torch.autograd.grad(cost, leaves, create_graph=create_graph), leaves


def assert_equal(found, expected):
    for own, other in zip(found, expected, strict=True):
        scale = other.abs().max().item()
        torch.testing.assert_close(own, other, rtol=0, atol=1e-12 * scale)


@pytest.fixture
def applied(monkeypatch):
    """The steps in the order in which they are applied forwards."""
    steps = []
    original = adjoint._step

    def spy(step, *args):
        steps.append(step)
        return original(step, *args)

    monkeypatch.setattr(adjoint, "_step", spy)
    return steps


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "batches", [(1, 1, 1), (1, 2, 1), (2, 1, 1), (1, 1, 2), (2, 2, 2)], ids=str
)
@pytest.mark.parametrize("budget", [None, 1, 2 * STATE, 3 * STATE, 5 * STATE, 100 * STATE])
def test_gradients_do_not_depend_on_the_budget(budget, batches):
    """The gradient does not depend on the memory budget."""
    steps, tensors = chain(17, batches[1:])
    state = draw(2, batches[0], PAULIS)
    found, _ = gradients(lambda s, t: run_steps(steps, s, t, budget), state, tensors)
    expected, _ = gradients(lambda s, t: reference(steps, s, t), state, tensors)
    assert_equal(found, expected)


@pytest.mark.parametrize("slots", [1, 2, 3, 7, 39, 40])
def test_long_circuits(slots):
    """Long circuits have the gradient that torch records, for every number of checkpoints."""
    steps, tensors = chain(40)
    state = draw(3, 1, PAULIS)
    found, _ = gradients(lambda s, t: run_steps(steps, s, t, slots * STATE), state, tensors)
    expected, _ = gradients(lambda s, t: reference(steps, s, t), state, tensors)
    assert_equal(found, expected)


def test_deep_circuits_do_not_need_deep_calls(monkeypatch):
    """A circuit of a thousand steps is reversed without deep recursion."""
    depths = []
    original = adjoint._step

    def spy(*args):
        frame, depth = sys._getframe(), 0
        while frame is not None:
            frame, depth = frame.f_back, depth + 1
        depths.append(depth)
        return original(*args)

    monkeypatch.setattr(adjoint, "_step", spy)
    deepest = []
    for length in (5, 50):
        steps, tensors = one_wire(length)
        leaves = leaves_of(*tensors)
        run_steps(steps, draw(4, 1, PAULIS), leaves, STATE).sum().backward()
        deepest.append(max(depths))
    assert deepest[0] == deepest[1]


@pytest.mark.parametrize("budget", [None, 1])
def test_one_matrix_used_many_times(budget):
    """A matrix that is used many times gets the sum of the gradients of its uses."""
    shapes = (4, 4, 4, 4), (16, 4, 4, 1)
    steps = tuple(Step(Operand.TRANSFER, 0, 0, *shape) for shape in shapes) * 4
    state, tensors = draw(5, 1, PAULIS), (transfers(1, 4, 4),)
    found, _ = gradients(lambda s, t: run_steps(steps, s, t, budget), state, tensors)
    expected, _ = gradients(lambda s, t: reference(steps, s, t), state, tensors)
    assert_equal(found, expected)


@pytest.mark.parametrize("budget", [None, 1, 2 * STATE])
@pytest.mark.parametrize("batch", [None, 2])
def test_operands_of_every_kind(budget, batch):
    """Gradients of wide operations and prepared states agree with those that torch records."""
    case = Case(WIRES, np.random.default_rng(6))
    rows = () if batch is None else (batch,)
    case.transfer([0, 1]).kraus([2, 0], batch).transfer([1, 2], batch).state([1]).kraus([1, 2])
    kraus, late = case.operands[1], case.operands[3]
    steps = (
        Step(Operand.TRANSFER, 0, 0, 1, 16, 16, 4),
        Step(
            Operand.KRAUS, 2, None, 4, 16, 16, 1, permutation=AxisPermutation((4, 4, 4), (2, 1, 0))
        ),
        Step(Operand.TRANSFER, 1, 0, 4, 16, 4, 1),
        Step(Operand.STATE, 3, None, 4, 1, 4, 4),
        Step(Operand.TRANSFER, 0, 1, 1, 16, 16, 4, cyclic=True),
    )
    stacks = transfers(2, 16, 16), transfers(1, 4, 16)
    tensors = *stacks, torch.as_tensor(kraus), torch.as_tensor(late)
    assert tensors[2].shape == (*rows, 2, 4, 4)
    inputs = leaves_of(draw(7, 1, PAULIS), *tensors)
    assert torch.autograd.gradcheck(
        lambda state, *given: run_steps(steps, state, given, budget),
        inputs,
        fast_mode=True,
        nondet_tol=1e-12,
    )


@pytest.mark.parametrize("wanted", [(0,), (1,), (3,), (0, 2), (1, 2, 4)], ids=str)
def test_only_what_is_asked_for(wanted):
    """Only what is asked for is differentiated."""
    steps, tensors = chain(9)
    inputs = [draw(8, 1, PAULIS), *tensors]
    for position in wanted:
        inputs[position] = inputs[position].clone().requires_grad_()
    chosen = [inputs[position] for position in wanted]
    final = run_steps(steps, inputs[0], tuple(inputs[1:]), 2 * STATE)
    found = torch.autograd.grad(final.sum(), chosen)
    expected = torch.autograd.grad(reference(steps, inputs[0], inputs[1:]).sum(), chosen)
    assert_equal(found, expected)


@pytest.mark.parametrize("budget", [None, 2 * STATE])
def test_backwards_twice(budget):
    """A retained graph gives the same gradient again."""
    steps, tensors = chain(12)
    leaves = leaves_of(*tensors)
    final = run_steps(steps, draw(9, 1, PAULIS), leaves, budget)
    weights = draw(10, *final.shape)
    first = torch.autograd.grad(final, leaves, weights, retain_graph=True)
    second = torch.autograd.grad(final, leaves, weights, retain_graph=True)
    third = torch.autograd.grad(final, leaves, 2 * weights)
    assert_equal(first, second)
    assert_equal([2 * gradient for gradient in first], third)


@pytest.mark.parametrize("budget", [None, STATE])
def test_second_derivatives(budget):
    """Second derivatives agree with those that torch records."""
    steps, tensors = chain(6)
    state = draw(11, 1, PAULIS)

    def second(evolution):
        first, leaves = gradients(evolution, state, tensors, create_graph=True)
        return torch.autograd.grad(sum(g.square().sum() for g in first), leaves)

    expected = second(lambda s, t: reference(steps, s, t))
    assert_equal(second(lambda s, t: run_steps(steps, s, t, budget)), expected)


def test_inputs_stay_as_they_are():
    """Inputs and cotangents are not changed."""
    steps, tensors = chain(10)
    leaves = leaves_of(draw(12, 1, PAULIS), *tensors)
    before = [x.detach().clone() for x in leaves]
    final = run_steps(steps, leaves[0], leaves[1:], 2 * STATE)
    cotangent = draw(13, *final.shape)
    copies = [*before, cotangent.clone()]
    before = final.detach().clone()
    torch.autograd.grad(final, leaves, cotangent)
    for kept, copy in zip((*leaves, cotangent), copies, strict=True):
        assert torch.equal(kept, copy)
    assert torch.equal(final, before)


def test_gradients_of_separate_runs_do_not_mix():
    """Gradients of two circuits in one cost function are those of each alone."""
    steps, tensors = chain(8)
    leaves = leaves_of(*tensors)
    states = [draw(seed, 1, PAULIS) for seed in (14, 15)]
    finals = [run_steps(steps, state, leaves, 2 * STATE) for state in states]
    found = torch.autograd.grad((finals[0] * finals[1]).sum(), leaves)
    others = [reference(steps, state, leaves) for state in states]
    assert_equal(found, torch.autograd.grad((others[0] * others[1]).sum(), leaves))


def test_no_steps():
    """A circuit without steps passes its cotangent on."""
    state = draw(16, 1, PAULIS).requires_grad_()
    final = run_steps((), state, (), None)
    assert torch.equal(final, state)
    (gradient,) = torch.autograd.grad(final.sum(), state)
    assert torch.equal(gradient, torch.ones_like(state))


# --- what is recorded -----------------------------------------------------------------------------


def test_one_node_in_the_graph():
    """The whole evolution is one node of torch's graph."""
    steps, tensors = chain(20)
    leaves = leaves_of(*tensors)
    final = run_steps(steps, draw(17, 1, PAULIS), leaves, None)
    inputs = [node for node, _ in final.grad_fn.next_functions if node is not None]
    assert [node.variable is leaf for node, leaf in zip(inputs, leaves, strict=True)] == [
        True
    ] * len(leaves)


@pytest.mark.parametrize("mode", ["no parameters", "no_grad"])
def test_nothing_is_kept_without_need(mode, monkeypatch):
    """Without a gradient no states are stored."""
    steps, tensors = chain(20)
    if mode == "no_grad":
        tensors = leaves_of(*tensors)
    kept = []
    original = adjoint._run

    def spy(*args, **kwargs):
        result = original(*args, **kwargs)
        kept.append(len(result[1]))
        return result

    monkeypatch.setattr(adjoint, "_run", spy)
    with torch.set_grad_enabled(mode != "no_grad"):
        final = run_steps(steps, draw(18, 1, PAULIS), tensors, None)
    assert kept == [0]
    assert final.grad_fn is None


# --- recomputation --------------------------------------------------------------------------------


def test_every_step_is_run_once_where_the_states_fit(applied):
    """With enough memory every step is run once."""
    steps, tensors = one_wire(30)
    gradients(lambda s, t: run_steps(steps, s, t, 29 * STATE), draw(19, 1, PAULIS), tensors)
    assert applied == list(steps)


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 6, 10])
@pytest.mark.parametrize("length", [2, 5, 13, 20, 35])
def test_recomputation_follows_the_binomial_bound(length, slots, applied):
    """Recomputation stays within the binomial bound."""
    steps, tensors = one_wire(length)
    gradients(lambda s, t: run_steps(steps, s, t, slots * STATE), draw(20, 1, PAULIS), tensors)
    repeats = next(t for t in range(1, 100) if comb(slots + t, t) >= length)
    counts = [applied.count(step) for step in steps]
    assert counts[-1] == 1
    assert min(counts) >= 1
    assert max(counts) <= repeats


def test_the_budget_is_counted_in_the_largest_states(monkeypatch):
    """The budget counts the largest states of a circuit."""
    sizes = 1, 4, 16, 64, 16, 4
    steps = [
        Step(Operand.TRANSFER, i, 0, 1, inputs, outputs, 1)
        for i, (inputs, outputs) in enumerate(pairwise(sizes))
    ]
    leaves = leaves_of(*(transfers(1, b, a) for a, b in pairwise(sizes)))
    slots = []
    original = adjoint.checkpoint_positions

    def spy(length, number):
        slots.append(number)
        return original(length, number)

    monkeypatch.setattr(adjoint, "checkpoint_positions", spy)
    run_steps(tuple(steps), draw(24, 1, 1), leaves, 3 * STATE)
    assert slots == [3]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("given", ["state", "matrices"])
def test_the_budget_is_in_bytes_of_batches(batch, given, monkeypatch):
    """The budget counts bytes of the whole batch."""
    steps, _ = one_wire(30)
    state = draw(21, batch if given == "state" else 1, PAULIS)
    tensors = (transfers(30, 4, 4, batch if given == "matrices" else 1),)
    sizes = []
    original = adjoint.checkpoint_positions

    def spy(length, slots):
        sizes.append(slots)
        return original(length, slots)

    monkeypatch.setattr(adjoint, "checkpoint_positions", spy)
    leaves = leaves_of(*tensors)
    run_steps(steps, state, leaves, 7 * batch * STATE + STATE - 1)
    run_steps(steps, state, leaves, 7 * batch * STATE - 1)
    run_steps(steps, state, leaves, 1)
    assert sizes == [7, 6, 1]


def test_half_of_the_free_memory_without_a_budget(monkeypatch):
    """Without a budget half of the free memory is used, and small states ask no system call."""
    free = 2 * (WORKING_STATES + 12) * 8 * 4**8
    monkeypatch.setattr(adjoint, "available_bytes", lambda device: free)
    sizes = []
    original = adjoint.checkpoint_positions

    def spy(length, slots):
        sizes.append(slots)
        return original(length, slots)

    monkeypatch.setattr(adjoint, "checkpoint_positions", spy)
    for length in (31, 32, 33):
        steps = tuple(Step(Operand.TRANSFER, 0, i, 4**7, 4, 4, 1) for i in range(length))
        leaves = leaves_of(transfers(length, 4, 4))
        run_steps(steps, torch.zeros(1, 4**8, dtype=torch.float64), leaves, None)
    # 32 states of 4**8 doubles are 16 MiB.
    assert sizes == [31, 12, 12]


def test_little_free_memory_still_leaves_one_state(monkeypatch):
    """With little free memory one state is still kept."""
    monkeypatch.setattr(adjoint, "available_bytes", lambda device: 0)
    steps = tuple(Step(Operand.TRANSFER, 0, i, 4**7, 4, 4, 1) for i in range(40))
    leaves = leaves_of(transfers(40, 4, 4))
    final = run_steps(steps, draw(22, 1, 4**8), leaves, None)
    expected = reference(steps, draw(22, 1, 4**8), leaves)
    found = torch.autograd.grad(final.sum(), leaves)
    assert_equal(found, torch.autograd.grad(expected.sum(), leaves))


# --- memory ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("pool", [0, 2 * STATE, 2**30])
@pytest.mark.parametrize("slots", [1, 2, 4, 8, 20])
def test_no_more_states_than_promised(slots, pool, monkeypatch):
    """No more states exist at a time than the budget allows."""
    buffers.clear()
    monkeypatch.setattr(buffers, "MAX_BYTES", pool)
    steps, tensors = one_wire(60)
    leaves = leaves_of(*tensors)
    states = []
    most = 0

    def watched(name):
        original = getattr(adjoint, name)

        def spy(*args):
            nonlocal most
            result = original(*args)
            states.append(ref(result[0] if name == "pull_back" else result))
            alive = [state() for state in states]
            most = max(most, len({state.data_ptr() for state in alive if state is not None}))
            return result

        monkeypatch.setattr(adjoint, name, spy)

    for name in ("advance", "permute_axes", "pull_back"):
        watched(name)
    final = run_steps(steps, draw(23, 1, PAULIS), leaves, slots * STATE)
    torch.autograd.grad(final.square().sum(), leaves)
    # The initial state and the cotangent are torch's own.
    assert slots < most <= slots + WORKING_STATES - 2


# --- work -----------------------------------------------------------------------------------------


class Unbound(torch.overrides.TorchFunctionMode):
    """Counts how often a tensor is taken apart."""

    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.Tensor.unbind
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("length", [3, 40])
def test_stacks_are_taken_apart_once(length):
    """Stacks of matrices are taken apart once."""
    steps, tensors = chain(length)
    with Unbound() as unbound:
        run_steps(steps, draw(0, 1, PAULIS), tensors, None)
    assert unbound.count == len({step.tensor for step in steps})
