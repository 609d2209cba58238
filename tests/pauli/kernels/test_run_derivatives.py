"""Derivatives of states by kernels, against differences and against plans."""

import pytest
import torch
from helpers import density_matrices as dense
from helpers.closed_forms import pauli_rotation
from helpers.kernels import (
    BATCH,
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
from helpers.programs import Case
from torch.autograd import forward_ad, gradcheck

from pennylane_qizgloria.pauli.kernels.run import final_state
from pennylane_qizgloria.pauli.program.program import BoundProgram
from pennylane_qizgloria.pauli.run import evolve


def given_of(case, batch):
    """The arguments of `evolution`, as leaves."""
    leaves, _ = leaves_of(case.arguments())
    return leaves if batch else (leaves[0], None, *leaves[1:])


@pytest.mark.parametrize("tile", [None, 2])
@pytest.mark.parametrize("batch", [None, 3])
def test_first_derivatives(batch, tile, monkeypatch):
    """Reverse and forward mode agree with differences, by every kind of argument."""
    use_tiles(monkeypatch, tile)
    function, given = evolution(small_case(batch), batch), given_of(small_case(batch), batch)
    assert gradcheck(
        function, given, check_forward_ad=True, check_batched_grad=True, fast_mode=True
    )


@pytest.mark.parametrize("batch", [None, 3])
def test_second_derivatives(batch):
    """The derivative of a gradient agrees with differences of gradients that kernels give."""
    function, given = evolution(small_case(batch), batch), given_of(small_case(batch), batch)
    leaves = [x for x in given if x is not None]
    directions = [None if x is None else draw(n, *x.shape) for n, x in enumerate(given)]
    cotangent = draw(9, batch or 1, 16)

    def slope(shift, **options):
        moved = [
            x if x is None else x + shift * dx for x, dx in zip(given, directions, strict=True)
        ]
        return torch.autograd.grad(function(*moved), leaves, cotangent, **options)

    step = 1e-3
    a, b, c, d = (slope(k * step) for k in (1, -1, 2, -2))
    expected = [
        (8 * (p - q) - (r - s)) / (12 * step) for p, q, r, s in zip(a, b, c, d, strict=True)
    ]
    shift = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    recorded = slope(shift, create_graph=True)
    for own, other in zip(recorded, expected, strict=True):
        weights = draw(5, *own.shape)
        (found,) = torch.autograd.grad((own * weights).sum(), shift, retain_graph=True)
        torch.testing.assert_close(found[0], (other * weights).sum(), rtol=1e-8, atol=1e-8)


def test_wide_rotations():
    """The angle of a rotation about a word on many wires has the derivatives of differences."""
    generator = dense.kron(*(dense.PAULIS[pauli] for pauli in (1, 2, 3, 1)))
    form, kraus = pauli_rotation("word", generator)
    case = Case(4).form("Rot", [0]).form("Rot", [2]).form("CRX", [2, 1])
    case._add(form, [3, 0, 2, 1], None, kraus(0.7))
    case.scalars.append(0.7)
    function, given = evolution(case.form("Rot", [1]), None), given_of(case, None)
    assert gradcheck(function, given, check_forward_ad=True, fast_mode=True)


def test_gradients_of_large_states(monkeypatch):
    """Gradients and tangents agree with differences, where states have many wires."""
    use_tiles(monkeypatch, 2)
    leaves, _ = leaves_of(large_case().arguments())
    assert gradcheck(evolution(large_case(), BATCH), leaves, check_forward_ad=True, fast_mode=True)


def test_forward_and_reverse_mode_are_transposed():
    """The product of a cotangent with the tangent is that of the gradient with the directions."""
    state, leaves = run_with_leaves(large_case(), BATCH)
    cotangent = draw(3, *state.vector.shape)
    reverse = torch.autograd.grad(state.vector, leaves, cotangent)
    directions = [draw(4 + n, *leaf.shape) for n, leaf in enumerate(leaves)]
    with torch.no_grad(), forward_ad.dual_level():
        pairs = zip(leaves, directions, strict=True)
        duals = [forward_ad.make_dual(leaf.detach(), own) for leaf, own in pairs]
        image = evolution(large_case(), BATCH)(*duals)
        tangent = forward_ad.unpack_dual(image).tangent
    expected = sum((own * dx).sum() for own, dx in zip(reverse, directions, strict=True))
    torch.testing.assert_close((cotangent * tangent).sum(), expected, rtol=1e-12, atol=0)


def test_tangents_of_some_arguments():
    """Arguments without a tangent have none, in every combination."""
    leaves, _ = leaves_of(small_case(3).arguments())
    function = evolution(small_case(3), 3)
    directions = [draw(n, *leaf.shape) for n, leaf in enumerate(leaves)]

    def push(chosen):
        with torch.no_grad(), forward_ad.dual_level():
            given = [
                forward_ad.make_dual(leaf.detach(), directions[n]) if n in chosen else leaf
                for n, leaf in enumerate(leaves)
            ]
            return forward_ad.unpack_dual(function(*given)).tangent

    single = [push({n}) for n in range(len(leaves))]
    assert all(own.abs().max() > 1e-3 for own in single)
    assert_same([push(set(range(len(leaves))))], [sum(single)])
    assert_same([push({0, 2})], [single[0] + single[2]])


@pytest.mark.parametrize("chosen", [{0}, {1}, {2}, {0, 3}, {1, 4}], ids=str)
def test_arguments_that_need_no_gradient(chosen):
    """The gradients of some arguments do not depend on which others are asked for."""
    every = gradients(small_case(3), 3)
    leaves, _ = leaves_of(small_case(3).arguments())
    for n, leaf in enumerate(leaves):
        leaf.requires_grad_(n in chosen)
    vector = evolution(small_case(3), 3)(*leaves)
    found = torch.autograd.grad(vector, [leaves[n] for n in chosen], draw(9, *vector.shape))
    assert_same(found, [every[n] for n in chosen])


def test_no_gradients():
    """Where no argument has a gradient, nor has the state."""
    assert not final_state(bound(small_case(3), 3)).vector.requires_grad
    case = small_case(3)
    leaves, _ = leaves_of(case.arguments())
    with torch.no_grad():
        assert not evolution(case, 3)(*leaves).requires_grad


def test_single_precision():
    """Gradients and tangents in single precision are right to five digits."""
    found = gradients(large_case(), BATCH, dtype=torch.float32)
    for own, expected in zip(found, gradients(large_case(), BATCH), strict=True):
        assert own.dtype == torch.float32
        atol = 1e-5 * expected.abs().max().item()
        torch.testing.assert_close(own.double(), expected, rtol=0, atol=atol)


# --- cotangents -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cost",
    [
        lambda vector: vector.sum(),
        lambda vector: (vector.T * draw(1, 256, BATCH)).sum(),
        lambda vector: (vector[:, ::3] * draw(2, BATCH, 86)).sum(),
        lambda vector: (vector.double().flip(0) * draw(3, BATCH, 256)).sum(),
        lambda vector: vector[1, 2],
    ],
    ids=["expanded", "transposed", "strided", "flipped", "one entry"],
)
def test_layouts_of_cotangents(cost):
    """Cotangents may lie in memory in any way."""
    found, expected = [], []
    for results, function in ((found, final_state), (expected, evolve.final_state)):
        leaves, arguments = leaves_of(large_case().arguments())
        state = function(BoundProgram(large_case().program(), arguments, BATCH))
        results += torch.autograd.grad(cost(in_order(state)), leaves)
    assert_same(found, expected)


def in_order(state):
    """All words of a state with the wires in order."""
    tensor = state.vector.unflatten(1, (4,) * len(state.wires))
    axes = [1 + state.wires.index(wire) for wire in sorted(state.wires)]
    return tensor.permute(0, *axes).flatten(1)


def test_a_graph_that_is_walked_twice():
    """A second reverse pass through a graph gives the same, or another cotangent's, gradient."""
    state, leaves = run_with_leaves(large_case(), BATCH)
    first, second = draw(1, BATCH, 256), draw(2, BATCH, 256)
    one = torch.autograd.grad(state.vector, leaves, first, retain_graph=True)
    other = torch.autograd.grad(state.vector, leaves, second, retain_graph=True)
    again = torch.autograd.grad(state.vector, leaves, first, retain_graph=True)
    both = torch.autograd.grad(state.vector, leaves, first + second)
    assert_same(again, one)
    assert_same(both, [a + b for a, b in zip(one, other, strict=True)], 1e-12)


def test_gradients_accumulate():
    """Two backward calls add up."""
    state, leaves = run_with_leaves(large_case(), BATCH)
    expected = gradients(large_case(), BATCH)
    for _ in range(2):
        state.vector.backward(draw(9, BATCH, 256), retain_graph=True)
    assert_same([leaf.grad for leaf in leaves], [2 * own for own in expected], 1e-12)


def test_a_first_derivative_after_a_second():
    """First derivatives are the same with and without a graph of their own."""
    state, leaves = run_with_leaves(large_case(), BATCH)
    cotangent = draw(9, BATCH, 256)
    recorded = torch.autograd.grad(state.vector, leaves, cotangent, create_graph=True)
    plain = torch.autograd.grad(state.vector, leaves, cotangent)
    assert all(own.requires_grad for own in recorded)
    assert not any(own.requires_grad for own in plain)
    assert_same(plain, recorded)


def test_dual_cotangents():
    """The tangent of a gradient by the cotangent is the gradient of the cotangent's tangent."""
    state, leaves = run_with_leaves(small_case(3), 3)
    cotangent, change = draw(1, 3, 16), draw(2, 3, 16)
    expected = torch.autograd.grad(state.vector, leaves, change, retain_graph=True)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(cotangent, change)
        found = torch.autograd.grad(state.vector, leaves, dual, retain_graph=True)
        tangents = [forward_ad.unpack_dual(own).tangent for own in found]
    assert_same(tangents, expected)


@pytest.mark.parametrize("kind", ["is_grads_batched", "vmap"])
def test_batched_cotangents(kind):
    """Many cotangents at once give the gradients of each."""
    state, leaves = run_with_leaves(small_case(3), 3)
    cotangents = draw(1, 4, 3, 16)

    def pull(cotangent, **options):
        return torch.autograd.grad(state.vector, leaves, cotangent, retain_graph=True, **options)

    expected = [torch.stack(own) for own in zip(*map(pull, cotangents), strict=True)]
    if kind == "vmap":
        found = torch.func.vmap(pull)(cotangents)
    else:
        found = pull(cotangents, is_grads_batched=True)
    assert_same(found, expected)
