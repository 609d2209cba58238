"""The QNode that a circuit's module runs, and how it is differentiated."""

import copy

import pennylane as qml
import pytest
import torch

from pennylane_qizgloria import QizgloriaMixed
from pennylane_qizgloria.nn.execution import Execution, gradient_transform

EXAMPLE = (torch.ones(1).double().requires_grad_(), torch.ones(1).double().requires_grad_())


def circuit(x, w):
    qml.RX(x[..., 0], wires=0)
    qml.RY(w[..., 0], wires=0)
    return qml.expval(qml.Z(0))


def execution(device="qizgloria.mixed", options=None, shots=None, method="best", kwargs=None):
    return Execution(device, options or {}, shots, method, kwargs or {})


def test_a_named_device_gets_its_wires_and_options():
    """Noise would be left out, or a device be made without wires."""
    qnode = execution(options={"readout_prob": 0.5}).qnode(circuit, 3, EXAMPLE)
    assert len(qnode.device.wires) == 3
    assert qnode(*EXAMPLE).item() == pytest.approx(0)
    assert len(execution(options={"wires": 5}).qnode(circuit, 3, EXAMPLE).device.wires) == 5


@pytest.mark.parametrize(("wires", "method"), [(None, "best"), (3, "hadamard")])
def test_wires_are_left_open_where_more_are_taken(wires, method):
    """Deferred measurements and Hadamard tests would find no wire."""
    qnode = execution(method=method).qnode(circuit, wires, EXAMPLE)
    assert qnode.device.wires is None


def test_a_device_that_was_made_is_taken_as_it_is():
    """Options for it would be dropped without a word."""
    device = QizgloriaMixed(wires=2)
    assert execution(device).qnode(circuit, 1, EXAMPLE).device is device
    with pytest.raises(ValueError, match="was made already"):
        execution(device, {"seed": 1}).qnode(circuit, 1, EXAMPLE)


def test_shots_and_options_of_the_method_are_set():
    """Results would be exact, or finite differences have another step."""
    made = execution(shots=7, method="finite-diff", kwargs={"h": 0.25})
    qnode = made.qnode(circuit, 1, EXAMPLE)
    assert qnode.shots.total_shots == 7
    assert qnode.gradient_kwargs == {"h": 0.25}


@pytest.mark.parametrize("method", ["best", "backprop", "parameter-shift", "finite-diff", "device"])
def test_every_method_takes_a_batch(method):
    """Methods that take one sample at a time would fail, or mix samples up."""
    qnode = execution(method=method).qnode(circuit, 1, EXAMPLE)
    x = torch.tensor([[0.1], [0.7]], dtype=torch.float64)
    w = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    result = qnode(x, w)
    torch.testing.assert_close(result.detach(), torch.cos(x[:, 0]) * torch.cos(w[0]).detach())
    (gradient,) = torch.autograd.grad(result.sum(), w)
    expected = -(torch.cos(x).sum() * torch.sin(w.detach()))
    torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("method", "shots", "transform"),
    [
        ("best", None, None),
        ("backprop", None, None),
        ("device", None, None),
        ("best", 10, qml.gradients.param_shift),
        ("parameter-shift", None, qml.gradients.param_shift),
        ("hadamard", None, qml.gradients.hadamard_grad),
        (qml.gradients.spsa_grad, None, qml.gradients.spsa_grad),
    ],
)
def test_methods_that_run_more_circuits_are_known(method, shots, transform):
    """Jacobians would run the shifted circuits once for each output."""
    made = execution(method=method, shots=shots)
    qnode = made.qnode(circuit, None, EXAMPLE)
    assert gradient_transform(qnode, EXAMPLE) is transform


def test_copies_share_the_device():
    """A connection to a machine would be copied."""
    made = execution(QizgloriaMixed())
    assert copy.deepcopy(made).device is made.device
    assert made.device_name == execution().device_name == "qizgloria.mixed"
