"""Circuits that run in torch's inference mode first, and are differentiated later."""

import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.pauli.run import buffers


@pytest.mark.parametrize("wires", [2, 9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_training_after_evaluation(wires, dtype):
    """What an evaluation caches takes part in later training."""

    @qml.qnode(qml.device("qizgloria.mixed", wires=wires, r_dtype=dtype), interface="torch")
    def circuit(x, p):
        for wire in range(wires):
            qml.Rot(x, 2 * x, 0.3, wire)
            qml.AmplitudeDamping(0.1, wire)
            qml.IsingXX(x, [wire, (wire + 1) % wires])
            qml.PhaseDamping(p, wire)
        return qml.expval(qml.Z(0) @ qml.X(1) + qml.Z(1)), qml.probs([0]), qml.purity([0])

    def total(*numbers):
        return sum(result.sum() for result in circuit(*numbers))

    buffers.clear()
    numbers = torch.tensor([0.3, 0.2], dtype=torch.float64)
    with torch.inference_mode():
        evaluated = float(total(*numbers))
    numbers.requires_grad_()
    trained = total(*numbers)
    (gradient,) = torch.autograd.grad(trained, numbers)
    assert float(trained) == pytest.approx(evaluated, abs=1e-5 if dtype == torch.float32 else 1e-12)
    h = 1e-3
    with torch.inference_mode():
        slopes = [
            (total(*(numbers + h * e)) - total(*(numbers - h * e))) / (2 * h) for e in torch.eye(2)
        ]
    tolerance = 2e-2 if dtype == torch.float32 else 1e-4
    assert torch.allclose(gradient, torch.stack(slopes).double(), rtol=0, atol=tolerance)
