"""What a circuit's module is called with: tensors, arrays, weights as a second argument."""

import numpy as np
import pytest
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit

from pennylane_qizgloria import TorchCircuit

X, W = ParameterVector("x", 2), ParameterVector("w", 1)


def make(device="qizgloria.mixed", **options):
    circuit = QuantumCircuit(2)
    circuit.ry(X[0], 0)
    circuit.ry(X[1] + W[0], 1)
    circuit.cx(0, 1)
    given = {"initial_weights": [0.4], "dtype": torch.float64, "quantum_device": device, **options}
    return TorchCircuit(circuit, X, W, ["IZ", "ZI"], **given)


def expected(x, w):
    """<Z0> and <Z1> of `make`'s circuit, written by hand."""
    first = torch.cos(x[..., 0])
    both = torch.broadcast_tensors(first, first * torch.cos(x[..., 1] + w[..., 0]))
    return torch.stack(both, dim=-1)


DEVICES = ["qizgloria.mixed", "qizgloria.qiskit"]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("of_x", "of_w"),
    [((), ()), ((3,), ()), ((), (3,)), ((3,), (3,)), ((2, 1), (3,)), ((2, 3), (2, 3)), ((0,), ())],
    ids=str,
)
def test_weights_may_be_a_second_argument(device, of_x, of_w):
    """Values and gradients are those of the weights given, whose axes broadcast."""
    x = torch.rand(*of_x, 2, dtype=torch.float64, requires_grad=True)
    w = torch.rand(*of_w, 1, dtype=torch.float64, requires_grad=True)
    layer = make(device)
    for _ in range(3):  # the arithmetic is traced at the second call
        y, right = layer(x, w), expected(x, w)
        torch.testing.assert_close(y, right)
        cotangent = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
        found = torch.autograd.grad(y, (x, w), cotangent)
        torch.testing.assert_close(found, torch.autograd.grad(right, (x, w), cotangent))
    assert layer.weight.grad is None


def test_a_hypernetwork_is_trained_through_the_weights():
    """Weights that another module computes hand their gradients on."""
    layer, hyper = make(), torch.nn.Linear(2, 1, dtype=torch.float64)
    x = torch.rand(5, 2, dtype=torch.float64)
    layer(x, hyper(x)).sum().backward()
    found = hyper.weight.grad.clone()
    hyper.weight.grad = None
    expected(x, hyper(x)).sum().backward()
    torch.testing.assert_close(found, hyper.weight.grad)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "given",
    [
        [[0.1, 0.2], [0.3, 0.4]],
        np.array([[0.1, 0.2], [0.3, 0.4]]),
        np.array([[0.1, 0.2], [0.3, 0.4]], dtype=np.float32),
        np.array([[0, 1], [2, 0]]),
    ],
    ids=["list", "double", "single", "integers"],
)
def test_arrays_are_inputs_too(device, given):
    """Arrays and lists of numbers are what tensors of them are."""
    layer = make(device)
    torch.testing.assert_close(
        layer(given), layer(torch.as_tensor(np.asarray(given))), check_dtype=False
    )
    for ours, same in zip(
        layer.backward_pass(given), layer.backward_pass(np.asarray(given)), strict=True
    ):
        torch.testing.assert_close(ours, same, check_dtype=False)
    torch.testing.assert_close(layer(given, np.array([0.4])), layer(given), check_dtype=False)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            ("x",),
            TypeError,
            "inputs of a circuit are a torch tensor or an array of numbers, got 'x'",
        ),
        ((np.array(["a", "b"]),), TypeError, "inputs .* are a torch tensor or an array"),
        (([[0.1, 0.2], [0.3]],), TypeError, "inputs .* are a torch tensor or an array"),
        (
            (torch.tensor(0.3),),
            ValueError,
            r"has 2 inputs, so .* \(\.\.\., 2\), but \(\) was given",
        ),
        ((0.3,), ValueError, r"but \(\) was given"),
        ((torch.zeros(2, 1),), ValueError, r"\(2, 1\) was given. Give it as x.reshape\(2\)"),
        (
            (torch.zeros(2), torch.tensor(0.3)),
            ValueError,
            r"has 1 weights.*Give it as x.reshape\(1\)",
        ),
        ((torch.zeros(2), torch.zeros(2)), ValueError, r"has 1 weights, .* but \(2,\) was given"),
        ((torch.zeros(2, 2), torch.zeros(3, 1)), ValueError, r"\(2, 2\) and of weights \(3, 1\)"),
        ((torch.zeros(2) * 1j,), ValueError, "inputs of a circuit are real, got torch.complex64"),
        ((torch.zeros(2), torch.zeros(1) * 1j), ValueError, "weights of a circuit are real"),
    ],
)
def test_one_sentence_says_what_to_give(given, error, message):
    """Wrong arguments are refused before the circuit runs."""
    with pytest.raises(error, match=message):
        make()(*given)


def test_the_device_is_known():
    """It tells where a module runs, as a QNode's does."""
    assert make().device.name == "qizgloria.mixed"
    layer = make("qizgloria.qiskit", device_options={"backend": "fake_manila"}, shots=100)
    assert layer.device.backend.name == "fake_manila"
    layer(torch.zeros(2))
    assert [job.shots for job in layer.device.jobs] == [100]
