"""Traced functions as operations on columns, for any size of the batch."""

import pytest
import torch
from helpers.traced import results_and_gradients

from pennylane_qizgloria.nn.tracing.graph.columns import Gather
from pennylane_qizgloria.nn.tracing.graph.following import NotColumnsError, column_map
from pennylane_qizgloria.nn.tracing.graph.trace import leaf, trace
from pennylane_qizgloria.pauli.conditions import are_finite, holds

WEIGHTS = torch.linspace(0.3, 1.2, 6, dtype=torch.float64).reshape(2, 3)
OTHERS = torch.tensor([0.5, 2.0], dtype=torch.float64)


def inputs_of(size, dtype=torch.float64):
    generator = torch.Generator().manual_seed(size)
    return torch.rand((size, 4), generator=generator, dtype=torch.float64).to(dtype)


def columns_of(function, size=3, results=None, dtype=torch.float64):
    given = [leaf(inputs_of(size, dtype)), leaf(WEIGHTS)]
    return column_map(trace(function, given), [True, False], results or [False, True])


# Functions of inputs (batch, 4) and weights (2, 3) to numbers of all and of each element.
FUNCTIONS = {
    "copies": lambda x, w: (w[1].flip(0), torch.stack([x[:, 2], x[:, 0], x[:, 2]], 1)),
    "all as they are": lambda x, w: (w.flatten(), x),
    "expanded": lambda x, w: (w[0], torch.stack(torch.broadcast_tensors(x[:, 1], w[0, 2]), 1)),
    "arithmetic": lambda x, w: (2 * w[0] + w[1], x[:, 1:3] * torch.stack([w[0, 1], w[0, 2]])),
    "a chain": lambda x, w: (w.cos().sqrt()[0], torch.arctan(x[:, :2] * x[:, 2:]) ** 2),
    "constants": lambda x, w: (torch.cat([OTHERS, w[0] * 3]), x[:, :2] * OTHERS),
    "constants of that size": lambda x, w: (w[0], x[:, :2] * torch.ones(len(x), 1).double() + 2),
    "converted": lambda x, w: (w.float()[0].double(), x.float().double() + 1),
    "detached": lambda x, w: (w[0].detach() * w[1], x.detach()[:, :1] * x[:, 1:]),
    "of weights alone": lambda x, w: ((w @ w.T).flatten(), x * torch.linalg.norm(w)),
    "a table": lambda x, w: (w[:, [2, 0]].T.reshape(-1), x[:, torch.tensor([3, 3, 1])]),
    "sums of each": lambda x, w: (w.sum(0), torch.stack([x.sum(1), x[:, :2].sum(-1)], 1)),
    "some of both": lambda x, w: (w[0], torch.stack([x[:, 0] + 1, w[0, 0].expand(len(x)) + 1], 1)),
    "complex": lambda x, w: ((1j * w[0]).exp().abs(), (1j * x).real + torch.complex(x, x).imag),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_values_and_derivatives_for_any_batch(name, order, size):
    """Numbers, gradients and second derivatives are those of the function."""
    function = FUNCTIONS[name]
    own = columns_of(function)
    given = [inputs_of(size), 0.7 * WEIGHTS]
    expected = results_and_gradients(function, given, order)
    found = results_and_gradients(lambda *x: own(x, size)[1], given, order)
    for mine, other in zip(found, expected, strict=True):
        assert (mine is None and other is None) or torch.allclose(mine, other, atol=1e-12)


REFUSED = {
    "means": lambda x, w: (w[0], x - x.mean(0)),
    "another order": lambda x, w: (w[0], x.flip(0)),
    "one element": lambda x, w: (x[0], x),
    "neighbours": lambda x, w: (w[0], x[:, :2] * x.roll(1, 0)[:, 2:]),
    "batches behind": lambda x, w: (w[0], x.T),
    "row by row": lambda x, w: (w[0], torch.arange(3.0).double()[:, None] * x),
}


@pytest.mark.parametrize("name", REFUSED)
def test_elements_that_have_to_do_with_one_another(name):
    """What would be wrong for another batch is refused."""
    with pytest.raises(NotColumnsError):
        columns_of(REFUSED[name])


def test_the_same_operation_is_done_once_for_all():
    """Copies of a computation, and those of one dtype to another, become one operation."""

    def function(x, w):
        return w[0], torch.stack([x.double()[:, i] for i in range(4)], 1).expand(len(x), 4)

    (stage,) = columns_of(function, dtype=torch.float32).stages
    assert stage[1].target is torch.ops.aten._to_copy.default


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_single_numbers_give_way_to_tensors_in_their_dtype(dtype):
    """A number without axes does not raise the precision, as torch has it."""

    def function(x, w):
        return torch.eye(2, dtype=dtype).flatten() * w[0, 0], x

    (found, _) = columns_of(function)([inputs_of(3), WEIGHTS], 3)[1]
    assert found.dtype == dtype
    assert torch.equal(found, function(inputs_of(3), WEIGHTS)[0])


def test_conditions_are_asked_of_all_elements():
    """A condition that one element of another batch breaks does not hold."""

    def function(x, w):
        assert holds(x[:, 1] < 1)
        assert holds(w > 0)
        assert are_finite(torch.stack([x[:, 2], w[0, 0].expand(len(x))]))
        return w[0], x

    own = columns_of(function)
    x = inputs_of(6)
    assert own([x, WEIGHTS], 6)[0]
    x[4, 1] = 2
    assert not own([x, WEIGHTS], 6)[0]
    x[4] = torch.tensor([3, 0.5, 3, 3])
    assert own([x, WEIGHTS], 6)[0]
    assert not own([x, -WEIGHTS], 6)[0]
    x[5, 3] = torch.inf
    assert own([x, WEIGHTS], 6)[0]
    x[5, 2] = torch.inf
    assert not own([x, WEIGHTS], 6)[0]


def test_numbers_on_another_torch_device():
    """Columns are chosen where the numbers are; a single number of the CPU's comes to them."""
    x, w = inputs_of(3).to("meta"), WEIGHTS.to("meta")
    scale = torch.tensor(2.0, dtype=torch.float64)

    def function(x, w, scale):
        return torch.stack([w[0, 2], w[0, 0]]) * scale, torch.stack(
            [x[:, 2] * scale, x[:, 0] * w[0, 1]], 1
        )

    traced = trace(function, [leaf(x), leaf(w), leaf(scale)])
    own = column_map(traced, [True, False, False], [False, True])
    _, results = own([x, w, scale], 3)
    assert [(r.device.type, tuple(r.shape)) for r in results] == [("meta", (2,)), ("meta", (3, 2))]
    operands = [x for _, stage in own.stages for x in stage.args if isinstance(x, Gather)]
    gathers = [*operands, *own.results]
    found = {
        (g.index.device.type, g.device and g.device.type) for g in gathers if g.index is not None
    }
    assert found == {("meta", None), ("cpu", "meta")}
