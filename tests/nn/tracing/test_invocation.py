"""How QNodes are called, and what is made of their results."""

import pennylane as qml
import pytest
import torch
from helpers.layers import rotated_qnode

from pennylane_qizgloria.nn.tracing.invocation import (
    CircuitInvocation,
    Invocation,
    LayerInvocation,
    without_memory,
)


def test_a_layer_gives_its_weights_in_the_dtype_of_the_inputs():
    """Weights are cast to the dtype of floating inputs."""
    call = LayerInvocation(rotated_qnode(), "inputs", ("weights",))
    keywords = call.keywords([torch.ones(2).double(), torch.ones(1, 2, 3)])
    assert list(keywords) == ["inputs", "weights"]
    assert keywords["weights"].dtype == torch.float64
    assert isinstance(call, Invocation)


def test_a_layer_calls_something_else_if_asked_to():
    """A function in the place of the QNode gets the same keywords."""
    call = LayerInvocation(rotated_qnode(), "inputs", ("weights",))
    seen = []

    def circuit(**keywords):
        seen.append(sorted(keywords))
        return [torch.zeros(4), torch.ones(4)]

    result = call([torch.ones(4, 2), torch.ones(1, 2, 3)], circuit)
    assert seen == [["inputs", "weights"]]
    assert result.tolist() == [[0.0, 1.0]] * 4


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_batch_of_one_has_no_axis(batch, rows):
    """A batch of one sample is handed to the QNode without a batch axis."""
    w = torch.ones(batch, 5) if rows else torch.ones(5)
    keywords = CircuitInvocation(None).keywords((torch.ones(batch, 2), w))
    assert keywords["x"].shape == ((2,) if batch == 1 else (3, 2))
    assert keywords["w"].shape == ((5,) if batch == 1 else w.shape)


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([torch.arange(3.0), torch.tensor(7.0)], [[0.0, 7.0], [1.0, 7.0], [2.0, 7.0]]),
        ((torch.arange(3.0),), [[0.0], [1.0], [2.0]]),
        (torch.tensor([0.5, 0.5]), [[0.5, 0.5]] * 3),
        (torch.arange(6.0).view(3, 2), [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]),
    ],
)
def test_a_circuit_gives_a_row_for_each_sample(results, expected):
    """Results that no input has an effect on are repeated for each sample."""
    call = CircuitInvocation(lambda x, w: results)
    assert call((torch.ones(3, 2), torch.ones(1))).tolist() == expected


def test_copies_of_qnodes_keep_the_tape_to_themselves():
    """The tape of a call stays in the copy that is called, so that the layer can be copied."""
    original = rotated_qnode()
    copied = without_memory(original)
    copied(torch.ones(2), torch.ones(1, 2, 3, requires_grad=True))
    assert original._tape is None
    assert copied._tape is not None
    wrapped = qml.transforms.broadcast_expand(original)
    without_memory(wrapped)(torch.ones(2), torch.ones(1, 2, 3, requires_grad=True))
    assert wrapped._tape is None


def test_what_is_no_qnode_is_called_as_it_is():
    """Only QNodes remember tapes; other callables are not copied."""

    class Counted:
        calls = 0

        def __call__(self):
            self.calls += 1

    counted = Counted()
    without_memory(counted)()
    assert counted.calls == 1
