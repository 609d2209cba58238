"""Second derivatives: right where there are any, and an error where there are none."""

import pytest
import torch
from qiskit.circuit import Parameter, QuantumCircuit

from pennylane_qizgloria import TorchCircuit

DEVICES = ["qizgloria.mixed", "qizgloria.qiskit", "default.qubit"]


def make(device, **options):
    x, w = Parameter("x"), Parameter("w")
    circuit = QuantumCircuit(1)
    circuit.rx(x, 0)
    circuit.ry(w, 0)
    seeded = {"quantum_device": device, "device_options": {"seed": 3}}
    given = {"initial_weights": [0.4], "dtype": torch.float64, **seeded, **options}
    return TorchCircuit(circuit, x, w, "Z", **given)


def penalty(layer, x):
    """The squared gradient by the inputs, as a penalty has it."""
    (gradient,) = torch.autograd.grad(layer(x).sum(), x, create_graph=True)
    return gradient.square().sum()


X = torch.tensor([[0.3], [0.7]], dtype=torch.float64)
W = torch.tensor(0.4, dtype=torch.float64)
RIGHT = X.sin().square().sum() * 2 * W.cos() * -W.sin()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({"max_diff": 2, "diff_method": "parameter-shift"}, 1e-9),
        ({"max_diff": 2, "diff_method": "best"}, 1e-9),
        ({"max_diff": 2, "diff_method": "parameter-shift", "shots": 40_000}, 0.05),
        ({"max_diff": 2, "shots": 40_000}, 0.05),
        ({"max_diff": 2, "diff_method": "finite-diff", "gradient_kwargs": {"h": 1e-4}}, 1e-2),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
@pytest.mark.filterwarnings("error:Cached execution")
def test_second_derivatives_are_right_where_they_are_asked_for(device, options, tolerance):
    """A penalty on the gradient trains the weights, exactly and with shots."""
    layer = make(device, **options)
    penalty(layer, X.clone().requires_grad_()).backward()
    assert layer.weight.grad.item() == pytest.approx(RIGHT.item(), abs=tolerance)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "options",
    [
        {"shots": 100},
        {"diff_method": "parameter-shift"},
        {"diff_method": "spsa"},
        {"own": 1},
        {"own": 2},
    ],
    ids=str,
)
def test_where_there_are_none_an_error_says_so(device, options):
    """Where second derivatives are missing, an error says how to ask for them."""
    if "own" in options:
        method = "adjoint" if device == "default.qubit" else "device"
        options = {"diff_method": method, "max_diff": options["own"]}
        if device != "default.qubit" and options["max_diff"] == 2:
            options["max_diff"] = 1  # PennyLane refuses the other one itself
    layer = make(device, **options)
    x = X.clone().requires_grad_()
    loss = penalty(layer, x) + layer.weight.square().sum()
    with pytest.raises(NotImplementedError, match="give it max_diff=2"):
        loss.backward()


@pytest.mark.parametrize("device", DEVICES)
def test_first_derivatives_are_not_touched(device):
    """With a graph of the gradient and without one the numbers are the same."""
    layer = make(device, diff_method="parameter-shift")
    x = X.clone().requires_grad_()
    results = [
        torch.autograd.grad(layer(x).sum(), (x, layer.weight), create_graph=graph)
        for graph in (False, True)
    ]
    torch.testing.assert_close(*results)
    torch.testing.assert_close(results[0][0], -X.sin() * torch.cos(layer.weight.detach()))
