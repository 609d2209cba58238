"""
Many starting points as one batch
=================================

Variational problems have local minima, and where an optimiser ends depends on where it starts.
Many starts cost little if they are one batch: here 64 of them train as one simulation, much
faster than one after the other, and on a Qiskit backend as one job. You will learn how to write a
circuit that takes a batch of parameters, how to train its elements independently of each other,
and how many of the 64 runs find the true minimum.

.. image:: images/sphx_glr_parallel_optimisation_001.png
    :alt: The energies of 64 runs while they train, and a histogram of where they end.
    :width: 100%
"""

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
import torch
from tqdm import tqdm

from pennylane_qizgloria import TorchLayer

parser = argparse.ArgumentParser(
    description="Train a variational circuit from many starting points at once.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--starts", type=int, default=64)
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--backend-starts", type=int, default=8, help="starts that run on Aer")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

# %%
# A problem with local minima
# ---------------------------
# Five spins are coupled to each other with random signs and strengths, in random fields along Z
# and a weak one along X:
#
# .. math:: H = \sum_{i<j} J_{ij} Z_i Z_j + \sum_i h_i Z_i + 0.3 \sum_i X_i .
#
# Such a spin glass is frustrated: no state satisfies all couplings, and from one good state to
# another several spins must turn at once. So the energy has many local minima. This instance was
# picked from 70 as one where most starts end in one of them. The matrix is small, so the lowest
# energy is known exactly.

wires = range(5)
rng = np.random.default_rng(49)
terms = [rng.normal() * qml.Z(i) @ qml.Z(j) for i in wires for j in range(i)]
terms += [0.5 * rng.normal() * qml.Z(i) for i in wires]
terms += [0.3 * qml.X(i) for i in wires]
hamiltonian = qml.sum(*terms)
exact_minimum = np.linalg.eigvalsh(qml.matrix(hamiltonian, wire_order=wires))[0]

# %%
# The circuit is two rows of RY rotations with a chain of CNOTs between them. ``angles[..., k]``
# instead of ``angles[k]`` is all that it takes to accept a batch: angles of shape ``(10,)`` give
# one energy, of shape ``(64, 10)`` they give 64. There is no noise, so that the energies can be
# compared with the exact minimum.


def energy(inputs):
    for wire in wires:
        qml.RY(inputs[..., wire], wires=wire)
    for wire in wires[:-1]:
        qml.CNOT(wires=[wire, wire + 1])
    for wire in wires:
        qml.RY(inputs[..., 5 + wire], wires=wire)
    return qml.expval(hamiltonian)


layer = TorchLayer(qml.QNode(energy, qml.device("qizgloria.mixed", wires=5)), {})

# %%
# One batch
# ---------
# The gradient of the *sum* of the energies has one row for each start, which depends on that
# start only. Adam works on each number by itself, so this is 64 independent runs. (An optimiser
# that mixes its parameters, such as LBFGS, would couple them.)


def train(angles):
    """Give the energies before every step of Adam, and after the last."""
    angles = angles.clone().requires_grad_()
    optimiser = torch.optim.Adam([angles], lr=0.1)
    curve = []
    for _ in range(args.steps):
        optimiser.zero_grad()
        energies = layer(angles)
        energies.sum().backward()
        optimiser.step()
        curve.append(energies.detach())
    return torch.stack([*curve, layer(angles).detach()])


torch.manual_seed(args.seed)
starts = 2 * torch.pi * torch.rand(args.starts, 10, dtype=torch.float64)

begin = time.perf_counter()
curves = train(starts)
batch_seconds = time.perf_counter() - begin

# %%
# The same one after the other
# ----------------------------

begin = time.perf_counter()
looped = torch.stack([train(start) for start in tqdm(starts, disable=None)], dim=1)
loop_seconds = time.perf_counter() - begin

print(f"largest difference of an energy: {(curves - looped).abs().max():.0e}")
print(f"one batch: {batch_seconds:.2f} s, loop: {loop_seconds:.2f} s")
print(f"ratio: {loop_seconds / batch_seconds:.0f}")

# %%
# How many runs find the minimum?
# -------------------------------

final = curves[-1].numpy()
found = final < exact_minimum + 0.02
print(f"exact minimum {exact_minimum:.4f}, best run {final.min():.4f}, worst {final.max():.4f}")
print(f"{found.sum()} of {args.starts} runs come within 0.02 of the minimum")

# %%
# A single run would most likely have ended in a local minimum, with a curve as flat as if it were
# the true one. The best of the 64 is at the exact minimum.

figure, axes = plt.subplots(
    1, 2, figsize=(9, 4), sharey=True, width_ratios=[3, 2], layout="constrained"
)
for run, success in zip(curves.T, found, strict=True):
    axes[0].plot(run, color="C0" if success else "C1", alpha=0.5, linewidth=1)
axes[0].set(xlabel="step", ylabel="energy", title=f"{args.starts} runs, one batch")
bins = np.arange(exact_minimum - 0.05, final.max() + 0.1, 0.1)
axes[1].hist(
    [final[found], final[~found]],
    bins=bins,
    orientation="horizontal",
    stacked=True,
    color=["C0", "C1"],
    label=["at the minimum", "elsewhere"],
)
axes[1].set(xlabel="runs", title="energy after the last step")
for ax in axes:
    ax.set_ylim(exact_minimum - 0.3, 0)
    ax.axhline(exact_minimum, color="black", linestyle="--", linewidth=1, label="exact minimum")
axes[1].legend()
plt.show()

# %%
# On a backend: one job
# ---------------------
# The same function runs on Aer, or on hardware, with shots. A call with a batch is one job, and
# so is its gradient, whose shifted circuits are a batch as well. A loop waits for the queue twice
# for every start. The device can say what a step costs before anything is sent:

device = qml.device("qizgloria.qiskit", wires=5, backend="aer", seed=args.seed)
sampled = qml.set_shots(qml.QNode(energy, device), shots=1000)


def step(angles):
    angles = angles.clone().requires_grad_()
    energies = sampled(angles)
    energies.sum().backward()
    return energies.detach(), angles.grad


cost = device.estimate(step, starts)
print(f"a step of {args.starts} starts: {cost}")

# %%
# A few of the starts, as one batch and one after the other:

some = starts[: args.backend_starts]
with qml.Tracker(device) as batch_jobs:
    step(some)
with qml.Tracker(device) as loop_jobs:
    for start in some:
        step(start)
for name, jobs in (("batch", batch_jobs), ("loop", loop_jobs)):
    print(f"{name}: {jobs.totals['jobs']} jobs, {jobs.totals['executions']} circuits")
