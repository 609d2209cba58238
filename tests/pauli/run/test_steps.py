"""One pass over the state, against einsum and against torch's own derivatives."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
from helpers import density_matrices as dense
from helpers.comparison import assert_close

from pennylane_qizgloria.pauli.plan.plan import AxisPermutation, Step
from pennylane_qizgloria.pauli.program.program import Operand
from pennylane_qizgloria.pauli.run import steps as passes
from pennylane_qizgloria.pauli.state.basis import pauli_vector

# The words before a step's wires, on them as it reads and as it writes them, and behind: each way
# to multiply has its own shapes.
SHAPES = {
    "last wires": (16, 16, 16, 1),
    "last wire": (16, 4, 4, 1),
    "first wires": (1, 16, 16, 16),
    "all wires": (1, 16, 16, 1),
    "in the middle": (4, 16, 16, 16),
    "little behind": (4, 16, 16, 4),
    "very little behind": (4, 64, 64, 2),
    "little behind, much before": (2048, 16, 16, 4),
    "a wire goes with little behind, much before": (2048, 16, 8, 2),
    "three wires, little before": (1, 64, 64, 4),
    "one wire": (16, 4, 4, 4),
    "from nothing": (1, 1, 16, 1),
    "a new wire at the end": (16, 4, 16, 1),
    "a new wire in the middle": (8, 4, 16, 4),
    "a new wire before others": (4, 1, 4, 16),
    "a wire goes at the end": (16, 16, 4, 1),
    "a wire goes in the middle": (8, 16, 8, 4),
    "a wire goes at the start": (1, 16, 8, 16),
    "all wires go": (1, 16, 1, 1),
    "both wires go, little behind": (8, 16, 1, 2),
    "one comes and one goes": (8, 4, 6, 16),
}
CYCLIC = {
    "first wires": (1, 16, 16, 16),
    "last wires": (16, 16, 16, 1),
    "first wire, little behind": (1, 4, 4, 2),
    "last wire, little before": (2, 4, 4, 1),
    "a new wire at the start": (1, 4, 16, 8),
    "a new wire at the end": (8, 4, 16, 1),
    "a wire goes at the start": (1, 16, 6, 8),
    "a wire goes at the end": (8, 16, 6, 1),
    "both go at the start": (1, 16, 1, 8),
    "both go at the end": (8, 16, 1, 1),
}
STEPS = {
    **{name: Step(Operand.TRANSFER, 0, 0, *shape) for name, shape in SHAPES.items()},
    **{
        f"{name}, cyclic": Step(Operand.TRANSFER, 0, 0, *shape, cyclic=True)
        for name, shape in CYCLIC.items()
    },
}
BATCHES = {
    "no batch": (1, 1),
    "batch of states": (1, 3),
    "batch of matrices": (3, 1),
    "batch of both": (3, 3),
}
"""How many matrices and how many states."""

DTYPES = {"double": (torch.float64, 1e-13), "single": (torch.float32, 2e-5)}


def draw(seed, *shape, dtype=torch.float64):
    values = np.random.default_rng(seed).normal(size=shape)
    return torch.as_tensor(values / np.sqrt(shape[-1])).to(dtype)


def multiply(matrix, state, step):
    """The matrix onto the step's axis, by einsum, written where the step leaves it."""
    batch = max(len(matrix), len(state))
    shape = (len(state), step.left, step.inputs, step.right)
    blocks = state.reshape(shape).expand(batch, -1, -1, -1)
    ends = {False: "blir", True: "brli" if step.left == 1 else "birl"}
    equation = "bij,bljr->" + ends[step.cyclic]
    return torch.einsum(equation, matrix.expand(batch, -1, -1), blocks).reshape(batch, -1)


@pytest.fixture(params=STEPS)
def step(request):
    return STEPS[request.param]


@pytest.fixture(params=BATCHES)
def pair(request, step):
    """A function that draws matrices and states."""
    matrices, states = BATCHES[request.param]
    paulis = step.left * step.inputs * step.right

    def make(dtype):
        return (
            draw(1, matrices, step.outputs, step.inputs, dtype=dtype),
            draw(2, states, paulis, dtype=dtype),
        )

    return make


@pytest.mark.parametrize("precision", DTYPES)
def test_transfer(step, pair, precision):
    """Every shape of step and batch is the dense product."""
    dtype, tolerance = DTYPES[precision]
    matrix, state = pair(dtype)
    found = passes.apply_transfer(matrix, state, step)
    assert found.dtype == dtype
    assert_close(found, multiply(matrix, state, step), tolerance)


def test_transfer_into_a_buffer(step, pair):
    """The product into a buffer uses the buffer, overwrites its content and keeps the input."""
    matrix, state = pair(torch.float64)
    kept = state.clone()
    plain = passes.apply_transfer(matrix, state, step)
    out = torch.full_like(plain, torch.nan)
    found = passes.advance(step, matrix, state, out)
    assert found.data_ptr() == out.data_ptr()
    torch.testing.assert_close(found, plain, rtol=0, atol=1e-14)
    assert torch.equal(state, kept)


@pytest.mark.parametrize("precision", DTYPES)
@pytest.mark.parametrize("buffered", [False, True])
def test_pull_back(step, pair, precision, buffered):
    """The pull-back is torch's gradient, with batches summed where one operand serves all."""
    dtype, tolerance = DTYPES[precision]
    matrix, state = (x.requires_grad_() for x in pair(dtype))
    image = multiply(matrix, state, step)
    cotangent = draw(3, *image.shape, dtype=dtype)
    expected = torch.autograd.grad(image, (state, matrix), cotangent)
    matrix, state = matrix.detach(), state.detach()
    kept = cotangent.clone()
    out = torch.full((len(image), state.shape[1]), torch.nan, dtype=dtype) if buffered else None
    before, gradient = passes.pull_back(step, matrix, state, cotangent, True, out)
    for found, reference in zip((before, gradient), expected, strict=True):
        assert_close(found, reference, tolerance * reference.abs().max().item())
    assert torch.equal(cotangent, kept)


def test_pull_back_of_a_constant(step, pair):
    """Constant matrices get no gradient, and the state's cotangent is the same."""
    matrix, state = pair(torch.float64)
    cotangent = draw(4, *multiply(matrix, state, step).shape)
    before, gradient = passes.pull_back(step, matrix, state, cotangent, False)
    assert gradient is None
    assert torch.equal(before, passes.pull_back(step, matrix, state, cotangent, True)[0])


def test_torch_records_a_pass(step, pair):
    """A pass is recorded by torch, for derivatives of higher order."""
    matrix, state = pair(torch.float64)
    found, expected = [], []
    for apply, results in ((passes.apply_transfer, found), (multiply, expected)):
        leaves = [x.clone().requires_grad_() for x in (matrix, state)]
        cost = apply(*leaves, step).pow(3).sum()
        first = torch.autograd.grad(cost, leaves, create_graph=True)
        results.extend(first)
        results.extend(torch.autograd.grad(sum(x.square().sum() for x in first), leaves))
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-11, atol=1e-11)


def test_the_transposed_step_undoes_the_geometry(step):
    """The transposed step reads and writes the axes of the original in reverse."""
    back = step.transposed
    assert back.size == step.left * step.inputs * step.right
    assert back.left * back.inputs * back.right == step.size
    assert back.transposed == replace(step, permutation=None)
    matrix = draw(14, 1, step.outputs, step.inputs)
    state, cotangent = draw(15, 1, back.size), draw(16, 1, step.size)
    pairing = (multiply(matrix, state, step) * cotangent).sum()
    assert_close((state * multiply(matrix.mT, cotangent, back)).sum(), pairing, 1e-12)


# --- axes -----------------------------------------------------------------------------------------

MOVES = [
    AxisPermutation((4, 4, 4), (2, 0, 1)),
    AxisPermutation((16, 4), (1, 0)),
    AxisPermutation((4, 16), (1, 0)),
    AxisPermutation((4, 4, 4), (0, 2, 1)),
    AxisPermutation((1, 64), (0, 1)),
    AxisPermutation((2, 4, 8), (1, 2, 0)),
    AxisPermutation((8, 3, 1, 2), (3, 0, 2, 1)),
]


@pytest.mark.parametrize("permutation", MOVES, ids=str)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("buffered", [False, True])
def test_move(permutation, batch, buffered):
    """A move brings wires side by side as a transposition does."""
    state = draw(5, batch, prod(permutation.shape))
    out = torch.full_like(state, torch.nan) if buffered else None
    axes = (0, *(1 + axis for axis in permutation.permutation))
    expected = state.numpy().reshape(batch, *permutation.shape).transpose(axes).reshape(batch, -1)
    permuted = passes.permute_axes(state, permutation, out)
    np.testing.assert_array_equal(permuted, expected)
    assert out is None or permuted is out
    np.testing.assert_array_equal(passes.permute_axes(permuted, permutation.inverse), state)
    assert permutation.inverse.inverse == permutation


# --- what is not a transfer matrix ----------------------------------------------------------------


@pytest.mark.parametrize(("matrices", "states"), BATCHES.values(), ids=BATCHES)
def test_kraus(matrices, states):
    """Kraus operators have the effect of their transfer matrix."""
    rng = np.random.default_rng(6)
    step = Step(Operand.KRAUS, 0, None, 4, 16, 16, 1)
    kraus = np.stack([dense.random_kraus(rng, 2, 3) for _ in range(matrices)])
    state = draw(7, states, 64)
    transfers = torch.as_tensor(np.stack([dense.transfer(k) for k in kraus]))
    found = passes.advance(step, torch.as_tensor(kraus), state)
    assert_close(found, multiply(transfers, state, step), 1e-13)


@pytest.mark.parametrize(("vectors", "states"), BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("left", [1, 4, 16], ids="{} words before".format)
def test_new_state(left, vectors, states):
    """New states are prepared on their wires, and the others keep theirs."""
    rng = np.random.default_rng(8)
    step = Step(Operand.STATE, 0, None, left, 1, 16, 16 // left)
    sigmas = [dense.random_density_matrix(rng, 2) for _ in range(vectors)]
    rhos = [dense.random_density_matrix(rng, 2) for _ in range(states)]
    operand = pauli_vector(torch.as_tensor(np.stack(sigmas)))
    state = pauli_vector(torch.as_tensor(np.stack(rhos)))
    # The letters of the old wires, then of the new ones, and the new ones put in their place.
    order = {1: (2, 3, 0, 1), 4: (0, 2, 3, 1), 16: (0, 1, 2, 3)}[left]
    expected = [
        dense.letters_of(np.kron(rhos[i % states], sigmas[i % vectors])).transpose(order).flatten()
        for i in range(max(vectors, states))
    ]
    assert_close(passes.advance(step, operand, state), np.stack(expected), 1e-13)


@pytest.mark.parametrize(("operands", "states"), BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("kind", [Operand.KRAUS, Operand.STATE])
def test_pull_back_of_other_kinds(kind, operands, states):
    """Pull-backs of wide operations and of prepared states are torch's gradients."""
    rng = np.random.default_rng(9)
    inputs, right = (16, 1) if kind is Operand.KRAUS else (1, 4)
    step = Step(kind, 0, None, 4, inputs, 16, right)
    if kind is Operand.KRAUS:
        operand = torch.as_tensor(
            np.stack([dense.random_kraus(rng, 2, 2) for _ in range(operands)])
        )
    else:
        operand = draw(10, operands, 16)
    state = draw(11, states, 4 * inputs * right)
    cotangent = draw(12, max(operands, states), step.size)

    def along(t, direction):
        permuted = operand + t * direction[0], state + t * direction[1]
        return float((passes.advance(step, *permuted) * cotangent).sum())

    before, gradient = passes.pull_back(step, operand, state, cotangent, True)
    assert before.shape == state.shape
    assert gradient.shape == operand.shape
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        direction = (
            torch.randn(operand.shape, generator=generator, dtype=operand.dtype),
            torch.randn(state.shape, generator=generator, dtype=state.dtype),
        )
        # Quadratic in the Kraus operators, and one order more with the state.
        h = 1e-3
        expected = (
            8 * (along(h, direction) - along(-h, direction))
            - along(2 * h, direction)
            + along(-2 * h, direction)
        ) / (12 * h)
        pairs = zip((gradient, before), direction, strict=True)
        found = sum(float((g.conj() * d).real.sum()) for g, d in pairs)
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-9)


def test_pull_back_is_silent_within_recorded_graphs():
    """The pull-back of a wide step records no graph within a recorded one."""
    operand = torch.as_tensor(dense.random_kraus(np.random.default_rng(13), 2, 2))
    step = Step(Operand.KRAUS, 0, None, 1, 16, 16, 1)
    before, gradient = passes.pull_back(step, operand[None], draw(1, 1, 16), draw(2, 1, 16), True)
    assert not before.requires_grad
    assert not gradient.requires_grad
