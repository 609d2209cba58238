"""Training: the same losses, whichever way the gradients are made."""

import numpy as np
import pennylane as qml
import pytest
import torch

WIRES = 6
FIELD = 0.8


@pytest.fixture(scope="module")
def losses():
    """A function that trains a noisy variational eigensolver: the loss at every step of Adam."""
    pairs = [(wire, (wire + 1) % WIRES) for wire in range(WIRES)]
    terms = [qml.Z(a) @ qml.Z(b) for a, b in pairs] + [qml.X(wire) for wire in range(WIRES)]
    energy = qml.Hamiltonian([-1.0] * WIRES + [-FIELD] * WIRES, terms)

    def train(device, method, steps, **kwargs):
        @qml.qnode(qml.device(device, wires=WIRES), interface="torch", diff_method=method, **kwargs)
        def circuit(angles):
            for wire in range(WIRES):
                qml.RY(angles[wire], wire)
                qml.AmplitudeDamping(0.02, wire)
            for a, b in pairs:
                qml.CNOT([a, b])
                qml.DepolarizingChannel(0.01, b)
            return qml.expval(energy)

        start = np.random.default_rng(5).uniform(-1, 1, WIRES)
        angles = torch.tensor(start, requires_grad=True)
        adam = torch.optim.Adam([angles], lr=0.05)
        curve = []
        for _ in range(steps):
            adam.zero_grad()
            loss = circuit(angles)
            loss.backward()
            adam.step()
            curve.append(loss.item())
        return np.array(curve)

    return train


def test_every_method_trains_alike(losses):
    """Every diff_method trains a model along the same path."""
    reference = losses("qizgloria.mixed", "backprop", 100)
    by_device = losses("qizgloria.mixed", "device", 100, device_vjp=True)
    np.testing.assert_allclose(by_device, reference, rtol=0, atol=1e-8)
    by_shifts = losses("qizgloria.mixed", "parameter-shift", 100)
    np.testing.assert_allclose(by_shifts, reference, rtol=0, atol=1e-8)
    assert reference[-1] < reference[0] - 1
    assert reference[-1] < reference[:50].min()


def test_training_as_on_default_mixed(losses):
    """A model trains as on default.mixed."""
    own, reference = (losses(d, "backprop", 5) for d in ("qizgloria.mixed", "default.mixed"))
    np.testing.assert_allclose(own, reference, rtol=0, atol=1e-8)
