"""Traces of calls: their numbers, for any size of the batch; and what cannot be traced."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.layers import random_inputs, rotated, rotated_qnode

from pennylane_qizgloria.nn.tracing.graph.trace import UntraceableError
from pennylane_qizgloria.nn.tracing.invocation import CircuitInvocation, LayerInvocation
from pennylane_qizgloria.nn.tracing.traced_qnode import trace_qnode
from pennylane_qizgloria.nn.tracing.verification import TraceMismatchError

NAMES = ("weights",)


@pytest.fixture
def tensors():
    return [random_inputs(3, 2), random_inputs(1, 2, 3)]


def gradients(function, tensors):
    given = [tensor.clone().requires_grad_() for tensor in tensors]
    result = function(given)
    weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype).view(result.shape)
    return result.detach(), *torch.autograd.grad((result * weights).sum(), given)


@pytest.mark.parametrize("method", ["exact", "kernels", "planned"])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_trace_gives_what_the_call_does(tensors, method, size):
    """Results and gradients are those of the call, for other numbers and other batches."""
    node = qml.QNode(rotated, qml.device("qizgloria.mixed", wires=2, method=method))
    call = LayerInvocation(node, "inputs", NAMES)
    made = trace_qnode(call, tensors)
    others = [random_inputs(size, 2), 0.7 * tensors[1]]
    assert made.serves(others) == (size == 3)
    assert made.extend(others)
    torch.testing.assert_close(gradients(made, others), gradients(call, others))
    assert made.current


def test_wires_that_are_simulated_apart():
    """Separate components are part of an evolution."""

    def circuit(inputs, weights):
        for register in (range(5), range(5, 10)):
            for wire in [*register] * 2:
                qml.RX(inputs[..., wire % 2] * weights[wire], wires=wire)
                qml.CNOT([wire, register[(wire + 1) % 5]])
        return [qml.expval(qml.Z(wire)) for wire in range(10)]

    node = qml.QNode(circuit, qml.device("qizgloria.mixed", wires=10), interface="torch")
    call, tensors = LayerInvocation(node, "inputs", NAMES), [random_inputs(3, 2), random_inputs(10)]
    made = trace_qnode(call, tensors)
    others = [0.7 * tensor for tensor in tensors]
    torch.testing.assert_close(gradients(made, others), gradients(call, others))


def test_one_result_or_several(tensors):
    """A trace gives one tensor or a tuple as its call does."""

    def circuit(inputs, weights):
        qml.RX(inputs[..., 0], wires=0)
        return qml.expval(qml.Z(0)), qml.probs(wires=1)

    several = LayerInvocation(qml.QNode(circuit, rotated_qnode().device), "inputs", NAMES)
    given = [tensors[0], tensors[1].flatten()]
    whole = trace_qnode(CircuitInvocation(qnode_of_rows()), given)
    assert isinstance(whole(given), torch.Tensor)
    results, expected = trace_qnode(several, tensors)(tensors), several(tensors)
    assert type(results) is type(expected) is tuple
    torch.testing.assert_close(results, expected)


def test_trained_observables_are_part_of_a_trace(tensors):
    """Results that depend on weights besides the state follow them, for any size of the batch."""

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(2))
        return qml.expval(qml.Hamiltonian(weights[0, 0], [qml.Z(0), qml.X(1), qml.Y(0)]))

    call = LayerInvocation(qml.QNode(circuit, rotated_qnode().device), "inputs", NAMES)
    made = trace_qnode(call, tensors)
    others = [random_inputs(4, 2), 0.7 * tensors[1]]
    assert made.extend(others)
    torch.testing.assert_close(gradients(made, others), gradients(call, others))


def qnode_of_rows():
    def circuit(x, w):
        qml.RX(x[..., 0] * w[..., 1], wires=0)
        return [qml.expval(qml.Z(0))]

    return qml.QNode(circuit, rotated_qnode().device)


def test_a_constant_that_is_written_to_makes_it_out_of_date(tensors):
    """A trace is not current once a tensor that it holds has been written to."""
    angle = torch.tensor(0.3, dtype=torch.float64)

    def circuit(inputs, weights):
        qml.RX(inputs[..., 0] + angle, wires=0)
        return [qml.expval(qml.Z(0))]

    made = trace_qnode(
        LayerInvocation(qml.QNode(circuit, rotated_qnode().device), "inputs", NAMES), tensors
    )
    assert made.current
    angle.add_(1)
    assert not made.current


def test_several_circuits_are_not_traced(tensors):
    """A QNode that a transform splits is refused with the number of circuits."""

    def circuit(inputs, weights):
        qml.RX(inputs[..., 0], wires=0)
        return [qml.expval(qml.Z(0)), qml.expval(qml.X(0))]

    split = qml.transforms.split_non_commuting(qml.QNode(circuit, rotated_qnode().device))
    with pytest.raises(UntraceableError, match="2 circuits"):
        trace_qnode(LayerInvocation(split, "inputs", NAMES), tensors)


def test_hidden_state_is_found_by_comparing(tensors):
    """A circuit that draws random numbers does not pass the verification."""
    random = np.random.default_rng(1)

    def circuit(inputs, weights):
        qml.RX(inputs[..., 0] * random.uniform(), wires=0)
        return [qml.expval(qml.Z(0))]

    with pytest.raises(TraceMismatchError):
        trace_qnode(
            LayerInvocation(qml.QNode(circuit, rotated_qnode().device), "inputs", NAMES), tensors
        )
