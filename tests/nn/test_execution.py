"""The QNode that a circuit's module runs, and how it is differentiated."""

import copy

import pennylane as qml
import pytest
import torch

from pennylane_qizgloria import QizgloriaMixed
from pennylane_qizgloria.nn.execution import Execution, gradient_transform, make_device

EXAMPLE = (torch.ones(1).double().requires_grad_(), torch.ones(1).double().requires_grad_())


def circuit(x, w):
    qml.RX(x[..., 0], wires=0)
    qml.RY(w[..., 0], wires=0)
    return qml.expval(qml.Z(0))


def execution(device=None, shots=None, method="best", kwargs=None, max_diff=1, shared=False):
    device = device or QizgloriaMixed()
    return Execution(device, shared, shots, method, kwargs or {}, max_diff)


def test_a_named_device_gets_its_wires_and_options():
    """The circuit's number of wires is taken unless the options give another."""
    device = make_device("qizgloria.mixed", {"readout_prob": 0.5}, 3, "best")
    assert len(device.wires) == 3
    qnode = execution(device).qnode(circuit, EXAMPLE)
    assert qnode(*EXAMPLE).item() == pytest.approx(0)
    assert len(make_device("qizgloria.mixed", {"wires": 5}, 3, "best").wires) == 5


@pytest.mark.parametrize(("wires", "method"), [(None, "best"), (3, "hadamard")])
def test_wires_are_left_open_where_more_are_taken(wires, method):
    """Deferred measurements and Hadamard tests take wires of their own."""
    assert make_device("qizgloria.mixed", {}, wires, method).wires is None


def test_a_device_that_was_made_is_taken_as_it_is():
    """Options for such a device are refused."""
    device = QizgloriaMixed(wires=2)
    assert make_device(device, {}, 1, "best") is device
    with pytest.raises(ValueError, match="was made already"):
        make_device(device, {"seed": 1}, 1, "best")


@pytest.mark.parametrize(
    ("device", "wrong", "right"),
    [
        ("qizgloria.mixed", "readout_probs", "readout_prob"),
        ("qizgloria.qiskit", "bakend", "backend"),
        ("qizgloria.qiskit", "seed_transpile", "seed_transpiler"),
        ("default.mixed", "readout_probability", "readout_prob"),
    ],
)
def test_misspelt_options_are_told_from_unknown_ones(device, wrong, right):
    """The error names the option that is meant."""
    with pytest.raises(TypeError, match=rf"no option '{wrong}'. Did you mean '{right}'"):
        make_device(device, {wrong: 0.1}, 1, "best")


def test_other_errors_of_a_device_are_its_own():
    """Options that nothing resembles, and values that are wrong, are what the device speaks of."""
    with pytest.raises(TypeError, match=r"qizgloria\.mixed has no option 'colour'"):
        make_device("qizgloria.mixed", {"colour": 1}, 1, "best")
    with pytest.raises(ValueError, match="readout"):
        make_device("qizgloria.mixed", {"readout_prob": 7}, 1, "best")


@pytest.mark.parametrize("device", [torch.device("cpu"), 3, None])
def test_what_is_no_device_of_pennylane_is_refused(device):
    """A torch device is easily taken for one."""
    with pytest.raises(TypeError, match=r"device must be a PennyLane device.*\.to\("):
        make_device(device, {}, 1, "best")


def test_shots_and_options_of_the_method_are_set():
    """Shots and gradient_kwargs reach the QNode."""
    made = execution(shots=7, method="finite-diff", kwargs={"h": 0.25})
    qnode = made.qnode(circuit, EXAMPLE)
    assert qnode.shots.total_shots == 7
    assert qnode.gradient_kwargs == {"h": 0.25}


@pytest.mark.parametrize("method", ["best", "backprop", "parameter-shift", "finite-diff", "device"])
def test_every_method_takes_a_batch(method):
    """Every diff_method gives the results and gradients of each sample."""
    qnode = execution(method=method).qnode(circuit, EXAMPLE)
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
    """Methods that run more circuits have a gradient transform, others have none."""
    made = execution(method=method, shots=shots)
    qnode = made.qnode(circuit, EXAMPLE)
    assert gradient_transform(qnode, EXAMPLE) is transform


def test_copies_share_a_device_that_the_user_made():
    """The jobs and the tracker of such a device count for all copies."""
    made = execution(QizgloriaMixed(), shared=True)
    assert copy.deepcopy(made).device is made.device
    assert copy.deepcopy(execution()).device is not made.device


@pytest.mark.parametrize("method", ["parameter-shift", "finite-diff"])
def test_derivatives_of_an_order_are_asked_for(method):
    """Second derivatives of methods that run circuits need max_diff=2."""
    x = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    kwargs = {"h": 1e-4} if method == "finite-diff" else {}
    qnode = execution(method=method, kwargs=kwargs, max_diff=2).qnode(circuit, EXAMPLE)
    (first,) = torch.autograd.grad(qnode(x, EXAMPLE[1]), x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    expected = -torch.cos(x) * torch.cos(EXAMPLE[1])
    torch.testing.assert_close(second, expected.detach(), atol=1e-3, rtol=0)
