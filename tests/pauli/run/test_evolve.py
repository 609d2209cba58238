"""Evolution against density matrices and Kraus operators in numpy."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
from helpers.closed_forms import FORMS
from helpers.programs import OPERANDS, Case, layered_ring, pairs_of, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program.program import Arguments
from pennylane_qizgloria.pauli.run import buffers
from pennylane_qizgloria.pauli.run.evolve import evolve

EXACT = settings(deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def small():
    """One or two of everything that can be differentiated, on three wires."""
    case = Case(3, np.random.default_rng(0))
    case.state([2, 0]).form("Rot", [1]).form("CRX", [1, 0], batch=2).form("damping", [2])
    case.transfer([0, 2]).kraus([2, 1, 0]).form("error", [2, 0]).form("damping", [0], batch=2)
    case.state([1], batch=2).form("XY", [0, 1]).transfer([1], batch=2).kraus([1], batch=2)
    return case


# --- values ---------------------------------------------------------------------------------------


@settings(EXACT, max_examples=70)
@given(data=st.data())
def test_random_programs_agree_with_the_dense_reference(data):
    """Random programs agree with the dense simulator."""
    case = random_case(data)
    observed = data.draw(st.sets(st.integers(0, case.num_wires - 1)))
    case.check(observed, batch=3)


@settings(EXACT, max_examples=30)
@given(data=st.data())
def test_fused_gates_on_two_wires_agree_with_the_dense_reference(data):
    """Long runs of gates on few wires, where most are fused, agree with the dense simulator."""
    names = ["Rot", "damping", "CNOT", "CRX", "error"]
    case = random_case(data, max_wires=3, max_length=40, names=names)
    case.check(batch=3)


@pytest.mark.parametrize("num_wires", [2, 3, 5, 6])
def test_layered_ring_agrees_with_the_dense_reference(num_wires):
    """The layered ring agrees with the dense simulator."""
    layered_ring(num_wires, 2, np.random.default_rng(num_wires)).check()


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize("wires", [(0, 1, 2, 3), (4, 1, 5, 0), (5, 4, 3, 2, 1), (2, 0, 1, 5, 3, 4)])
def test_wide_kraus_operators(wires, batch):
    """Operations too wide for a transfer matrix agree with the dense simulator."""
    case = Case(6, np.random.default_rng(1))
    for wire in range(6):
        case.form("Rot", [wire]).form("CRX", [wire, (wire + 2) % 6])
    case.kraus(wires, batch, count=3).form("XY", [5, 0]).form("damping", [3])
    case.check(batch=batch)


@pytest.mark.parametrize("batch", [None, 2])
def test_states_at_the_start_and_later(batch):
    """States prepared at the start and later agree with the dense simulator."""
    case = Case(5, np.random.default_rng(2))
    case.state([3, 1], batch).form("CRX", [1, 4]).state([0]).form("XY", [0, 3])
    case.state([4, 0], batch).form("CNOT", [2, 4]).state([2], batch).form("CRX", [2, 3])
    case.check(batch=batch)


def test_a_state_on_some_of_entangled_wires_leaves_the_others_mixed():
    """Preparing one half of an entangled pair leaves the other half mixed."""
    case = Case(2, np.random.default_rng(3))
    case.form("H", [0]).form("CNOT", [0, 1]).state([0])
    ready = case.check()
    r = evolve(ready, case.arguments()).reshape(4, 4)
    r = r if ready.order == (0, 1) else r.T
    assert r[0].abs().tolist() == pytest.approx([1, 0, 0, 0], abs=1e-15)


def test_an_empty_program_is_all_wires_in_zero():
    """An empty program gives all wires in |0>."""
    case = Case(3, np.random.default_rng(4))
    assert case.check().order == ()
    assert evolve(plan(case.program()), case.arguments()).tolist() == [[1.0]]


def test_one_plan_serves_all_numbers_and_batch_sizes():
    """One plan serves all numbers and batch sizes."""

    def build(seed, batch):
        case = Case(3, np.random.default_rng(seed))
        case.form("Rot", [0], batch).form("CRX", [2, 0]).kraus([1, 2], batch).state([0], batch)
        return case.form("XY", [0, 1])

    ready = [build(seed, batch).check(batch=batch) for seed, batch in [(0, 1), (1, 4), (2, 2)]]
    assert ready[0] is ready[1] is ready[2]


def test_elements_of_a_batch_are_the_runs_without_a_batch():
    """The elements of a batch are the runs without a batch."""
    angles = np.random.default_rng(5).normal(size=(4, 3))
    batched = Case(2, np.random.default_rng(6))
    batched.form("Rot", [1], 4, list(angles.T)).form("CNOT", [1, 0]).form(
        "damping", [0], None, [0.3]
    )
    found = evolve(plan(batched.program()), batched.arguments())
    assert found.shape == (4, 16)
    for row, single in zip(found, angles, strict=True):
        case = Case(2, np.random.default_rng(6))
        case.form("Rot", [1], None, list(single)).form("CNOT", [1, 0])
        case.form("damping", [0], None, [0.3])
        expected = evolve(plan(case.program()), case.arguments())
        np.testing.assert_allclose(row, expected[0], rtol=0, atol=1e-14)


@settings(EXACT, max_examples=40)
@given(data=st.data())
def test_single_precision_agrees_to_five_digits(data):
    """Single precision agrees with double precision to five digits."""
    names = [*FORMS, *OPERANDS]
    case = random_case(data, max_wires=4, names=names)
    ready = plan(case.program())
    double = evolve(ready, case.arguments(torch.float64))
    single = evolve(ready, case.arguments(torch.float32))
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5)


def test_arguments_are_not_changed(small):
    """Evolution does not change its arguments."""
    arguments = small.arguments()
    before = [x.clone() for x in tensors_of(arguments)]
    evolve(plan(small.program()), arguments)
    assert all(map(torch.equal, tensors_of(arguments), before))


@pytest.mark.parametrize("observed", [None, [(wire, 3) for wire in range(5)], [2]], ids=str)
def test_buffers_that_are_used_again_leave_no_traces(observed, monkeypatch):
    """Buffers that are used again do not change results."""
    case = layered_ring(5, 3, np.random.default_rng(12))
    case.kraus([1, 3, 0], 2).state([4], 2).form("CRX", [4, 2], 2).form("XY", [3, 1])
    ready = plan(case.program(observed))

    def run():
        arguments = case.arguments()
        scalars = arguments.scalars.requires_grad_()
        final = evolve(ready, arguments, budget=4 * 8 * ready.peak)
        (gradient,) = torch.autograd.grad(final.pow(3).sum(), scalars)
        return final.detach(), gradient

    expected = run()
    monkeypatch.setattr(buffers, "MIN_BYTES", 0)
    buffers.clear()
    for _ in range(3):
        for found, other in zip(run(), expected, strict=True):
            torch.testing.assert_close(found, other, rtol=0, atol=1e-13)
    assert buffers.held_bytes() > 0
    buffers.clear()


# --- derivatives ----------------------------------------------------------------------------------


def tensors_of(arguments):
    return (arguments.scalars, arguments.batched_scalars, *arguments.operands)


def as_function(case, observed=None):
    """The final vector as a function of every tensor of the arguments."""
    ready = plan(case.program(observed))
    return lambda scalars, columns, *operands: evolve(
        ready, Arguments(scalars, columns, tuple(operands))
    )


def test_every_argument_has_the_right_gradient(small):
    """Gradients of angles, strengths, matrices and states agree with finite differences."""
    inputs = tuple(x.requires_grad_() for x in tensors_of(small.arguments()))
    assert torch.autograd.gradcheck(as_function(small), inputs, fast_mode=True)


def test_every_argument_has_the_right_tangent(small):
    """Tangents of torch.func.jvp agree with finite differences."""
    inputs = tuple(x.requires_grad_() for x in tensors_of(small.arguments()))
    assert torch.autograd.gradcheck(
        as_function(small), inputs, check_forward_ad=True, check_backward_ad=False, fast_mode=True
    )


def test_second_derivatives_are_right():
    """Second derivatives agree with finite differences."""
    case = Case(2, np.random.default_rng(7))
    case.state([1]).form("RX", [0]).form("CRX", [0, 1], batch=2).form("damping", [1])
    case.kraus([1, 0], count=1)
    inputs = tuple(x.requires_grad_() for x in tensors_of(case.arguments()))
    assert torch.autograd.gradgradcheck(as_function(case), inputs, fast_mode=True)


@settings(EXACT, max_examples=15)
@given(data=st.data())
def test_gradients_of_random_programs(data):
    """Gradients of random programs agree with finite differences."""
    names = ["Rot", "damping", "CRX", "error", "CYZ", "transfer", "kraus", "state"]
    case = random_case(data, max_wires=4, max_length=8, batch=2, names=names)
    rng = np.random.default_rng(8)
    fixed = case.arguments()
    parameters = [x for x in (fixed.scalars, fixed.batched_scalars) if x is not None]
    parameters = [x for x in parameters if x.numel()]
    directions = [torch.as_tensor(rng.normal(size=x.shape)) for x in parameters]
    ready = plan(case.program(data.draw(pairs_of(case.num_wires))))
    weights = torch.as_tensor(rng.normal(size=prod(map(len, ready.paulis))))

    def cost(*permuted):
        left = iter(permuted)
        scalars = next(left) if fixed.scalars.numel() else fixed.scalars
        columns = next(left, None)
        state = evolve(ready, replace(fixed, scalars=scalars, batched_scalars=columns))
        return (state @ weights).sum()

    if not parameters:
        return
    leaves = [x.clone().requires_grad_() for x in parameters]
    value = cost(*leaves)
    if not value.requires_grad:
        return  # every parameter is on an operation that a later state preparation hides
    gradients = torch.autograd.grad(value, leaves, allow_unused=True, materialize_grads=True)
    found = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    h = 1e-4

    def at(steps):
        return float(
            cost(*(x + steps * h * d for x, d in zip(parameters, directions, strict=True)))
        )

    expected = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_torch_func_transforms_pass_through():
    """jacrev, jacfwd, hessian and vmap of a circuit agree with one another."""
    case = Case(2, np.random.default_rng(9))
    case.form("Rot", [0]).form("CRX", [0, 1]).form("damping", [1]).state([0]).form("XY", [1, 0])
    ready, arguments = plan(case.program()), case.arguments()

    def vector(scalars):
        return evolve(ready, replace(arguments, scalars=scalars))[0]

    reverse = torch.func.jacrev(vector)(arguments.scalars)
    forward = torch.func.jacfwd(vector)(arguments.scalars)
    np.testing.assert_allclose(reverse, forward, rtol=0, atol=1e-13)
    hessian = torch.func.hessian(lambda x: vector(x)[5])(arguments.scalars)
    twice = torch.func.jacrev(torch.func.jacrev(lambda x: vector(x)[5]))(arguments.scalars)
    np.testing.assert_allclose(hessian, twice, rtol=0, atol=1e-12)
    sets = arguments.scalars + torch.arange(3.0, dtype=torch.float64)[:, None] / 10
    each = torch.stack([vector(x) for x in sets])
    np.testing.assert_allclose(torch.func.vmap(vector)(sets), each, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    ("gate", "channel", "letter", "expected"),
    [
        ("RX", "depolarizing", 3, lambda t: -4 / 3 * np.cos(t)),
        ("RX", "depolarizing", 2, lambda t: 4 / 3 * np.sin(t)),
        ("RX", "damping", 3, lambda t: 1 - np.cos(t)),
        ("RX", "damping", 2, lambda t: np.sin(t) / 2),
    ],
)
def test_derivative_of_noise_at_strength_zero(gate, channel, letter, expected):
    """The derivative of noise at strength zero is finite and right."""
    theta = 0.7
    case = Case(1, np.random.default_rng(10))
    case.form(gate, [0], None, [theta]).form(channel, [0], None, [0.0])
    ready, arguments = plan(case.program()), case.arguments()

    def value(scalars):
        return evolve(ready, replace(arguments, scalars=scalars))[0, letter]

    gradient = torch.func.grad(value)(arguments.scalars)
    assert gradient[1].item() == pytest.approx(expected(theta), abs=1e-13)


def test_dropped_operations_have_gradient_zero():
    """Operations that are dropped have gradient zero."""
    case = Case(3, np.random.default_rng(11))
    case.form("RX", [2]).form("RX", [0]).form("CRX", [1, 2]).form("RX", [0])
    ready, arguments = plan(case.program([0])), case.arguments()
    scalars = arguments.scalars.requires_grad_()
    evolve(ready, arguments)[0, -1].backward()
    total = float((scalars[1] + scalars[3]).detach())
    expected = [0, -np.sin(total), 0, -np.sin(total)]
    np.testing.assert_allclose(scalars.grad, expected, rtol=0, atol=1e-13)
