"""
Extrapolation to zero noise
===========================

The noise of a twin has a scale: 1 is the backend, 0 is none. Results at several scales,
extrapolated to 0, are an estimate of the ideal result. On a twin all scales are one call, and the
extrapolated value has a gradient, so that one can train on it.

.. image:: images/sphx_glr_zero_noise_001.png
    :alt: An expectation value at several scales of the noise, its extrapolations, and a training
    :width: 100%
"""

import argparse

import matplotlib.pyplot as plt
import pennylane as qml
import torch

from pennylane_qizgloria.noise import exponential, richardson

parser = argparse.ArgumentParser(
    description="Extrapolate results of a backend's twin to zero noise, and train on that.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--backend", default="fake_manila", help="whose noise it is")
parser.add_argument("--layers", type=int, default=3, help="of the circuit")
parser.add_argument("--steps", type=int, default=60, help="of training")
args = parser.parse_args()
torch.manual_seed(0)

# %%
# One call for all scales
# -----------------------
# The energy of four spins in a row, :math:`H = -\sum Z_i Z_{i+1} - \tfrac12 \sum X_i`, in a state
# that a circuit prepares. A tensor of scales is a batch, like one of angles.

WIRES = 4
terms = [-qml.Z(i) @ qml.Z(i + 1) for i in range(WIRES - 1)] + [
    -0.5 * qml.X(i) for i in range(WIRES)
]
hamiltonian = qml.sum(*terms)


def circuit(weights):
    for layer in weights:
        for wire in range(WIRES):
            qml.RY(layer[wire], wires=wire)
        for wire in range(WIRES - 1):
            qml.CNOT([wire, wire + 1])
    for wire in range(WIRES):
        qml.RY(weights[-1, wire], wires=wire)
    return qml.expval(hamiltonian)


def energy_at(scales):
    device = qml.device(
        "qizgloria.mixed",
        wires=WIRES,
        noise_model=args.backend,
        noise_scale=scales,
        seed_transpiler=1,
    )
    return qml.QNode(circuit, device)


measured = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
weights = torch.rand(args.layers + 1, WIRES, dtype=torch.float64)
values = energy_at(measured)(weights)
ideal = energy_at(0.0)(weights)
limit = 0.0  # the energy of the completely mixed state
estimates = {
    "richardson": richardson(measured, values),
    "exponential": exponential(measured, values, limit),
}
print(f"ideal {ideal:.4f}, at scale 1 {values[0]:.4f}")
for name, estimate in estimates.items():
    print(f"{name}: {estimate:.4f}, off by {abs(estimate - ideal):.4f}")

# %%
# Training on the extrapolated value
# ----------------------------------
# The same lines that would minimise a noisy energy minimise the extrapolated one.


def minimise(energy):
    angles = weights.clone().requires_grad_()
    optimiser = torch.optim.Adam([angles], lr=0.1)
    history = []
    for _ in range(args.steps):
        optimiser.zero_grad()
        value = energy(angles)
        value.backward()
        optimiser.step()
        history.append(value.item())
    return angles.detach(), history


noisy, batch = energy_at(1.0), energy_at(measured)
matrix = qml.matrix(hamiltonian, wire_order=range(WIRES))
lowest = torch.linalg.eigvalsh(torch.as_tensor(matrix))[0].item()
histories, reached = {}, {}
for name, energy in {
    "at scale 1": noisy,
    "extrapolated": lambda angles: richardson(measured, batch(angles)),
}.items():
    angles, histories[name] = minimise(energy)
    reached[name] = energy_at(0.0)(angles).item()
    print(f"{name}: {histories[name][-1]:.4f} seen, {reached[name]:.4f} without noise")
print(f"lowest energy: {lowest:.4f}")

fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
line = torch.linspace(0, 3.2, 50, dtype=torch.float64)
left.plot(line, energy_at(line)(weights), color="gray", label="exact")
left.plot(measured, values, "o", label="measured")
for marker, (name, estimate) in zip("s^", estimates.items(), strict=True):
    left.plot(0, estimate, marker, label=name)
left.set(xlabel="scale of the noise", ylabel="energy")
left.legend()
for name, history in histories.items():
    right.plot(history, label=name)
right.axhline(lowest, color="gray", ls="--", label="lowest")
right.set(xlabel="step", ylabel="energy in training")
right.legend()
plt.show()
