"""Wires simulated apart until they meet: which, and with the same states and derivatives."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from helpers.programs import Case, random_case
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.pauli.plan.planner import plan
from pennylane_qizgloria.pauli.program import components as components
from pennylane_qizgloria.pauli.program.components import Component
from pennylane_qizgloria.pauli.run.evolve import evolve

SEEDS = st.integers(0, 2**16)


@contextmanager
def least(wires):
    """Plans in which registers of that many wires are simulated apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "LEAST_WIRES", wires)
        plan.cache_clear()
        yield
    plan.cache_clear()


def ring(case, wires, layers=2):
    for _ in range(layers):
        for first, second in zip(wires, [*wires[1:], wires[0]], strict=True):
            case.form("Rot", [first]).form("CNOT", [first, second]).form("damping", [second])
    return case


# --- which wires ----------------------------------------------------------------------------------


def found(case):
    program = case.program()
    return [
        sorted(member.wires)
        for member in components.components(program, range(len(program.operations)))
        if isinstance(member, Component)
    ]


def test_rings_are_apart():
    """Two rings side by side are simulated apart."""
    case = ring(ring(Case(12), range(6)), range(6, 12))
    assert found(case) in ([[0, 1, 2, 3, 4, 5]], [[6, 7, 8, 9, 10, 11]])
    assert plan(case.program([(w, 3) for w in range(12)])).peak == 4**6


def test_they_come_in_where_an_operation_joins_them():
    """Wires that meet at the end are simulated apart until then."""
    case = ring(ring(Case(13), range(6)), range(6, 11)).form("CNOT", [3, 7])
    case.form("Rot", [12])
    assert found(case) == [[6, 7, 8, 9, 10]]
    ready = plan(case.program([(w, 3) for w in range(13)]))
    assert [sorted(part.order) for part in ready.subplans] == [[6, 7, 8, 9, 10]]
    assert ready.peak < 4**8


def test_a_third_register_stays_apart_while_two_have_met():
    """A third circuit stays apart while two have met."""
    case = ring(ring(ring(Case(18), range(6)), range(6, 12)), range(12, 18))
    case.form("CNOT", [0, 6])
    ring(case, [0, 1, 6, 7])
    case.form("CNOT", [12, 0])
    assert len(found(case)) == 2


@pytest.mark.parametrize("layers", [1, 3])
def test_wires_that_only_meet_are_not(layers):
    """Circuits whose wires merely meet one by one are not split."""
    case = Case(12)
    for _ in range(layers):
        for start in (0, 1):
            for wire in range(start, 11, 2):
                case.form("Rot", [wire]).form("CRX", [wire, wire + 1])
    assert found(case) == []


def test_small_groups_are_not():
    """Two small groups of wires are simulated together, which is faster."""
    assert found(ring(ring(Case(8), range(4), 9), range(4, 8), 9)) == []


# --- the same states ------------------------------------------------------------------------------


@settings(deadline=None, derandomize=True, max_examples=60)
@given(data=st.data())
def test_random_programs_agree_with_the_dense_reference(data):
    """Random programs of several components agree with the dense simulator."""
    case = random_case(data, max_length=14)
    observed = data.draw(st.sets(st.integers(0, case.num_wires - 1)))
    with least(1):
        case.check(observed, batch=3)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(seed=SEEDS, join=st.booleans(), batch=st.sampled_from([None, 3]))
def test_two_rings_agree_with_the_dense_reference(seed, join, batch):
    """As above, for wires of which some are measured, some traced out, and some joined."""
    rng = np.random.default_rng(seed)
    case = Case(6, rng)
    wires = rng.permutation(6).tolist()
    for part in (wires[:3], wires[3:]):
        ring(case.form("Rot", part[:1], batch), part)
    if join:
        case.form("CRX", [wires[0], wires[4]]).form("damping", [wires[4]])
    pairs = [(int(wire), int(rng.integers(1, 4))) for wire in rng.permutation(6)[:4]]
    with least(3):
        ready = case.check(pairs, batch)
        assert len(ready.subplans) <= 1


@pytest.mark.parametrize("join", [False, True])
def test_derivatives_go_through_registers(join):
    """Gradients of parameters in separate components agree with finite differences."""
    case = ring(ring(Case(6), range(3)), range(3, 6))
    if join:
        case.form("CRX", [0, 4])
    program, arguments = case.program([(w, 3) for w in range(6)]), case.arguments()
    weights = torch.as_tensor(np.random.default_rng(3).normal(size=64))

    def total(ready, scalars):
        vector = evolve(ready, type(arguments)(scalars))
        order = sorted(range(6), key=ready.order.index)
        tensor = vector.reshape([2] * 6)
        back = tensor.permute([ready.order.index(wire) for wire in sorted(order)])
        return (back.flatten() * weights).sum()

    def derivatives(ready):
        x = arguments.scalars.clone().requires_grad_()
        (first,) = torch.autograd.grad(total(ready, x), x, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), x)
        return first.detach(), second, torch.func.jacfwd(lambda y: total(ready, y))(x.detach())

    with least(99):
        together = derivatives(plan(program))
    with least(3):
        apart = plan(program)
        assert apart.subplans
        for own, other in zip(derivatives(apart), together, strict=True):
            assert torch.allclose(own, other, rtol=0, atol=1e-11)
