"""One pass over the state, against einsum and against torch's own derivatives."""

import numpy as np
import pytest
import torch

from pennylane_qizgloria.pauli import passes
from pennylane_qizgloria.pauli.basis import pauli_vector
from pennylane_qizgloria.pauli.plan import Move, Step
from pennylane_qizgloria.pauli.program import Operand

# The wires before a step's, its own, and those behind: each way to multiply has its own shapes.
SHAPES = {
    "last wires": (16, 16, 1),
    "last wire": (16, 4, 1),
    "first wires": (1, 16, 16),
    "all wires": (1, 16, 1),
    "in the middle": (4, 16, 16),
    "little behind": (4, 16, 4),
    "very little behind": (4, 64, 4),
    "three wires, little before": (1, 64, 4),
    "one wire": (16, 4, 4),
}
BATCHES = {
    "no batch": (1, 1),
    "batch of states": (1, 3),
    "batch of matrices": (3, 1),
    "batch of both": (3, 3),
}
"""How many matrices and how many states."""

DTYPES = {"double": (torch.float64, 1e-13), "single": (torch.float32, 2e-5)}


def step_of(shape, kind=Operand.TRANSFER, move=None):
    left, size, right = shape
    return Step(kind, 0, 0, left, size, right, move)


def draw(seed, *shape, dtype=torch.float64):
    values = np.random.default_rng(seed).normal(size=shape)
    return torch.as_tensor(values / np.sqrt(shape[-1])).to(dtype)


def multiply(matrix, state, step):
    """The matrix onto the step's axis, by einsum."""
    batch = max(len(matrix), len(state))
    blocks = state.view(len(state), step.left, step.size, step.right).expand(batch, -1, -1, -1)
    image = torch.einsum("bij,bljr->blir", matrix.expand(batch, -1, -1), blocks)
    return image.reshape(batch, -1)


@pytest.fixture(params=SHAPES)
def step(request):
    return step_of(SHAPES[request.param])


@pytest.fixture(params=BATCHES)
def pair(request, step):
    """A function that draws matrices and states."""
    matrices, states = BATCHES[request.param]
    paulis = step.left * step.size * step.right

    def make(dtype):
        return (
            draw(1, matrices, step.size, step.size, dtype=dtype),
            draw(2, states, paulis, dtype=dtype),
        )

    return make


@pytest.mark.parametrize("precision", DTYPES)
def test_transfer(step, pair, precision, dense):
    """Some shape of step, or some batch, would be multiplied wrongly."""
    dtype, tolerance = DTYPES[precision]
    matrix, state = pair(dtype)
    found = passes.apply_transfer(matrix, state, step)
    assert found.dtype == dtype
    dense.close(found, multiply(matrix, state, step), tolerance)


def test_transfer_into_a_buffer(step, pair):
    """A buffer with old content would leave traces, or not be used, or the input be changed."""
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
def test_pull_back(step, pair, precision, buffered, dense):
    """A gradient would be wrong, or its batch not summed where one state or matrix serves all."""
    dtype, tolerance = DTYPES[precision]
    matrix, state = (x.requires_grad_() for x in pair(dtype))
    image = multiply(matrix, state, step)
    cotangent = draw(3, *image.shape, dtype=dtype)
    expected = torch.autograd.grad(image, (state, matrix), cotangent)
    matrix, state = matrix.detach(), state.detach()
    out = torch.full_like(cotangent, torch.nan) if buffered else None
    before, gradient = passes.pull_back(step, matrix, state, cotangent, True, out)
    for found, reference in zip((before, gradient), expected, strict=True):
        dense.close(found, reference, tolerance * reference.abs().max().item())


def test_pull_back_of_a_constant(step, pair):
    """Matrices without parameters would cost a pass each, or the state's cotangent change."""
    matrix, state = pair(torch.float64)
    cotangent = draw(4, *multiply(matrix, state, step).shape)
    before, gradient = passes.pull_back(step, matrix, state, cotangent, False)
    assert gradient is None
    assert torch.equal(before, passes.pull_back(step, matrix, state, cotangent, True)[0])


# --- axes -----------------------------------------------------------------------------------------

MOVES = [
    Move((4, 4, 4), (2, 0, 1)),
    Move((16, 4), (1, 0)),
    Move((4, 16), (1, 0)),
    Move((4, 4, 4), (0, 2, 1)),
    Move((1, 64), (0, 1)),
]


@pytest.mark.parametrize("move", MOVES, ids=str)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("buffered", [False, True])
def test_move(move, batch, buffered):
    """Wires would be exchanged where two of them are brought side by side."""
    state = draw(5, batch, 64)
    out = torch.full_like(state, torch.nan) if buffered else None
    axes = (0, *(1 + axis for axis in move.permutation))
    expected = state.numpy().reshape(batch, *move.shape).transpose(axes).reshape(batch, -1)
    moved = passes.move_axes(state, move, out)
    np.testing.assert_array_equal(moved, expected)
    assert out is None or moved is out
    np.testing.assert_array_equal(passes.move_axes(moved, move.inverse), state)
    assert move.inverse.inverse == move


# --- what is not a transfer matrix ----------------------------------------------------------------


@pytest.mark.parametrize(("matrices", "states"), BATCHES.values(), ids=BATCHES)
def test_kraus(matrices, states, dense):
    """An operation on many wires would have another effect than its transfer matrix."""
    rng = np.random.default_rng(6)
    step = step_of((4, 16, 1), Operand.KRAUS)
    kraus = np.stack([dense.random_kraus(rng, 2, 3) for _ in range(matrices)])
    state = draw(7, states, 64)
    transfers = torch.as_tensor(np.stack([dense.transfer(k) for k in kraus]))
    found = passes.advance(step, torch.as_tensor(kraus), state)
    dense.close(found, multiply(transfers, state, step), 1e-13)


@pytest.mark.parametrize(("vectors", "states"), BATCHES.values(), ids=BATCHES)
def test_new_state(vectors, states, dense):
    """Wires that are prepared anew would keep something of what they held."""
    rng = np.random.default_rng(8)
    step = step_of((4, 16, 1), Operand.STATE)
    sigmas = [dense.random_state(rng, 2) for _ in range(vectors)]
    rhos = [dense.random_state(rng, 3) for _ in range(states)]
    operand = pauli_vector(torch.as_tensor(np.stack(sigmas)))
    state = pauli_vector(torch.as_tensor(np.stack(rhos)))
    batch = max(vectors, states)
    expected = [
        dense.vector(np.kron(dense.partial_trace(rhos[i % states], [0]), sigmas[i % vectors]))
        for i in range(batch)
    ]
    dense.close(passes.advance(step, operand, state), np.stack(expected), 1e-13)


@pytest.mark.parametrize(("operands", "states"), BATCHES.values(), ids=BATCHES)
@pytest.mark.parametrize("kind", [Operand.KRAUS, Operand.STATE])
def test_pull_back_of_other_kinds(kind, operands, states, dense):
    """Gradients of wide operations and of states prepared on the way would be wrong."""
    rng = np.random.default_rng(9)
    step = step_of((4, 16, 1), kind)
    if kind is Operand.KRAUS:
        operand = torch.as_tensor(
            np.stack([dense.random_kraus(rng, 2, 2) for _ in range(operands)])
        )
    else:
        operand = draw(10, operands, 16)
    state = draw(11, states, 64)
    cotangent = draw(12, max(operands, states), 64)

    def along(t, direction):
        moved = operand + t * direction[0], state + t * direction[1]
        return float((passes.advance(step, *moved) * cotangent).sum())

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


def test_pull_back_is_silent_within_recorded_graphs(dense):
    """Reversing a wide step would record a graph, and with it every state that it holds."""
    operand = torch.as_tensor(dense.random_kraus(np.random.default_rng(13), 2, 2))
    step = step_of((1, 16, 1), Operand.KRAUS)
    before, gradient = passes.pull_back(step, operand[None], draw(1, 1, 16), draw(2, 1, 16), True)
    assert not before.requires_grad
    assert not gradient.requires_grad
