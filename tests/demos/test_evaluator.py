"""The demo of evaluators and gradient functions of one's own."""

import numpy as np
import pytest
import torch
from qiskit_aer.noise import depolarizing_error

from pennylane_qizgloria import TorchCircuit

SMALL = "--runs", 1, "--steps", 1, "--points", 2


@pytest.fixture
def arguments():
    rng = np.random.default_rng(3)
    return rng.uniform(-2, 2, (5, 2)), rng.uniform(-2, 2, 4)


def simulated(demo, error):
    """The demo's circuit on qizgloria.mixed, with an error after each CNOT."""
    circuit = demo["circuit"].copy_empty_like()
    for instruction in demo["circuit"]:
        circuit.append(instruction)
        if instruction.operation.name == "cx" and error is not None:
            circuit.append(error, instruction.qubits)
    layer = circuit, demo["inputs"], demo["weights"], demo["observables"]
    return TorchCircuit(*layer, dtype=torch.float64)


@pytest.mark.parametrize("primitive", ["aer", "statevector"])
def test_values_and_shifts_are_exact(primitive, run_demo, arguments):
    """Outputs and Jacobians equal those of the exact simulator, with Aer's noise and without."""
    demo = run_demo("evaluator", *SMALL, "--primitive", primitive)
    noise = depolarizing_error(0.02, 2) if primitive == "aer" else None
    layer = simulated(demo, noise)
    expected = layer(*arguments).detach()
    np.testing.assert_allclose(demo["evaluator"](*arguments), expected, atol=1e-10)
    by_inputs, by_weights = layer.backward_pass(*arguments)
    for found, right in zip(demo["shifts"](*arguments), (by_inputs, by_weights), strict=True):
        np.testing.assert_allclose(found, right, atol=1e-10)
    np.testing.assert_allclose(demo["weights_only"](*arguments), by_weights, atol=1e-10)
    assert demo["same_values"]
    assert demo["same_gradients"]


def test_spsa_is_right_on_average(run_demo, arguments):
    """The mean over many directions is the Jacobian, up to the order of the step squared."""
    demo = run_demo("evaluator", *SMALL)
    x, w = arguments
    many = np.repeat(x[:1], 4000, axis=0)
    exact = demo["shifts"](x[:1], w)
    for found, right in zip(demo["spsa"](many, w), exact, strict=True):
        error = found.std(0) / np.sqrt(4000)
        assert (abs(found.mean(0) - right[0]) < 4 * error + 0.01).all()
        assert error.max() < 0.03


def test_inputs_get_gradients_if_there_are_any(run_demo):
    """Without a Jacobian by the inputs the layer in front has no gradient, and stays as it is."""
    demo = run_demo("evaluator", *SMALL)
    for name, flows in {"shifts": True, "spsa": True, "weights_only": False}.items():
        model = demo["make_model"](demo[name])
        model(demo["points"]).sum().backward()
        assert (model[0].weight.grad is not None) is flows
        assert model[1].weight.grad.abs().sum() > 0


def test_training(run_demo):
    """In 4 of 5 runs shifts are ahead by steps, SPSA by circuits, and weights alone are last."""
    demo = run_demo("evaluator", "--runs", 5, "--steps", 25, "--points", 12)
    losses, circuits = demo["losses"], demo["circuits"]
    assert circuits == {"shifts": 12 * 13, "spsa": 12 * 3, "weights_only": 12 * 9}
    last = {name: curves[:, -1] for name, curves in losses.items()}
    assert (last["shifts"] < last["spsa"]).sum() >= 4
    assert (last["shifts"] < last["weights_only"]).sum() >= 4
    assert (last["spsa"] < last["weights_only"]).sum() >= 4
    same = 24 * circuits["spsa"] // circuits["shifts"] + 1  # at least as many circuits
    assert (last["spsa"] < losses["shifts"][:, same]).sum() >= 4
