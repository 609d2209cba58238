"""Tracing functions of tensors: what is written down, what is watched, and what is refused."""

import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.nn.tracing.graph.trace import UntraceableError, trace


@pytest.fixture
def examples():
    generator = torch.Generator().manual_seed(1)
    shapes = [(3, 4), (2, 3)]
    return [torch.rand(s, generator=generator, dtype=torch.float64) for s in shapes]


def operations(graph):
    return [str(node.target) for node in graph.nodes if node.op == "call_function"]


def test_operations_on_the_arguments_are_written_down(examples):
    """Operations on arguments are in the graph, those on constants are not."""
    graph = trace(lambda x, w: (x + torch.arange(4.0).sin().sum() * 2, None), examples).graph
    assert operations(graph) == ["aten.add.Tensor"]
    holds, _, nothing = graph.output_node().args[0]
    assert holds is None
    assert nothing is None
    assert [tuple(node.meta["shape"]) for node in graph.find_nodes(op="placeholder")] == [
        (3, 4),
        (2, 3),
    ]


def test_tensors_from_elsewhere_are_told_apart(examples):
    """Trainable tensors from elsewhere become arguments, others are watched."""
    parameter = torch.ones(4, dtype=torch.float64, requires_grad=True)
    constant = torch.ones(4, dtype=torch.float64)
    traced = trace(lambda x, w: (x * parameter + constant,), examples)
    assert traced.live == (parameter,)
    assert len(traced.graph.find_nodes(op="placeholder")) == 3
    (watched, version) = traced.watched[-1]
    assert watched is constant
    assert version == constant._version


@pytest.mark.parametrize("same", [True, False])
def test_what_a_library_finds_is_a_condition(examples, same):
    """The answer of PennyLane's allclose becomes a condition of the graph."""

    def function(x, w):
        qml.math.allclose(w, w if same else w + 1)
        return (x * 2,)

    graph = trace(function, examples).graph
    holds = graph.output_node().args[0][0]
    assert holds.meta["dtype"] == torch.bool
    assert ("aten.logical_not.default" in operations(graph)) != same


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x, w: (x if x.sum() > 0 else w,), "takes the value"),
        (lambda x, w: (x * float(w[0, 0]),), "takes the value"),
        (lambda x, w: (x * w[0, 0].item(),), "takes the value"),
        (lambda x, w: (x[int(w[0, 0])],), "takes the value"),
        (lambda x, w: (x * torch.tensor(np.asarray(w.detach()).sum()),), "values .* NumPy|numpy"),
        (lambda x, w: (x * w.detach().numpy()[0, 0],), "numpy"),
        (lambda x, w: (x * w.tolist()[0][0],), "tolist"),
        (lambda x, w: (x[x > 0.5],), "shape of a result"),
        (lambda x, w: (torch.nn.functional.dropout(x),), "random"),
        (lambda x, w: (torch.zeros(3).double().copy_(x[:, 0]),), "in place"),
        (lambda x, w: ((x + 1)[0].mul_(2),), "in place"),
    ],
)
def test_what_no_graph_can_repeat_is_refused(function, reason, examples):
    """Values that leave torch, random numbers and writing in place are refused by name."""
    with pytest.raises(UntraceableError, match=reason):
        trace(function, examples)


def test_a_refusal_that_the_function_catches_still_counts(examples):
    """Libraries catch whatever a look at the numbers raises, and go on with something else."""

    def function(x, w):
        try:
            return (x * float(w[0, 0]),)
        except Exception:
            return (x,)

    with pytest.raises(UntraceableError):
        trace(function, examples)
