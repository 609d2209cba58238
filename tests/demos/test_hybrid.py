"""The demo of a model that trains under exact noise and moves to a backend."""

import pytest
import torch
from qiskit.quantum_info import SparsePauliOp, Statevector


def test_a_model_moves_from_the_simulator_to_a_backend(run_demo):
    """It is as accurate there at once; noise costs no exact accuracy, but that with few shots."""
    result = run_demo("hybrid", "--more-epochs", 1)
    assert result["trained"] > 0.95
    assert result["at_once"] > result["trained"] - 0.03
    assert result["adapted"] > 0.95
    assert sum(result["more_losses"]) / 10 < 0.2

    model, moved = result["model"], result["moved"]
    assert moved.quantum.device.name == "qizgloria.qiskit"
    assert model.state_dict().keys() == moved.state_dict().keys()

    accuracies = result["accuracies"]
    assert min(accuracies[None]) > result["trained"] - 0.03
    middle = list(result["strengths"]).index(pytest.approx(0.3))
    assert accuracies[10][middle] < accuracies[100][middle] < accuracies[1000][middle]
    assert accuracies[10][-1] < 0.5


def test_a_backend_can_be_trained_on_from_the_start(run_demo):
    """With --backend the first training runs there; the circuit is that of Qiskit's statevector."""
    options = ("--epochs", 1, "--more-epochs", 0, "--backend", "aer", "--shots", 20)
    result = run_demo("hybrid", *options)
    quantum = result["model"].quantum
    assert quantum.device.name == "qizgloria.qiskit"
    assert "shots=20" in repr(quantum)
    assert len(result["losses"]) == 10

    exact, inputs = result["Net"]().double().quantum, torch.tensor([0.3, -1.0, 2.0]).double()
    values = {result["x"]: inputs.tolist(), result["w"]: exact.weight.tolist()}
    state = Statevector(result["circuit"].assign_parameters(values))
    words = ("IIZ", "IZI", "ZII")
    expected = [state.expectation_value(SparsePauliOp(word)).real for word in words]
    assert exact(inputs).tolist() == pytest.approx(expected)
