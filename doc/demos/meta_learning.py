"""
An LSTM that learns to train a qubit
====================================

In the hello world, gradient descent finds the angles of a rotation that give Z a target
expectation. Here the optimiser itself is learned: an LSTM reads gradients and decides on the next
step. It is trained on random targets by backpropagation through whole runs of training, which the
exact simulation makes possible. On targets that it has not seen it beats gradient descent with
the best fixed step. You will learn how to differentiate through an optimisation with
``TorchCircuit``.

.. image:: images/sphx_glr_meta_learning_001.png
    :alt: The loss of the LSTM while it is trained, and losses of three optimisers on new targets.
    :width: 100%
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from torch import nn
from tqdm import tqdm

from pennylane_qizgloria import TorchCircuit

parser = argparse.ArgumentParser(
    description="Train an LSTM to train a single-qubit rotation.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--epochs", type=int, default=150, help="updates of the LSTM")
parser.add_argument("--batch", type=int, default=128, help="targets of each update")
parser.add_argument("--steps", type=int, default=10, help="of the optimisers that are compared")
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
torch.manual_seed(args.seed)
torch.set_default_dtype(torch.float64)

# %%
# The problem
# -----------
# A Hadamard gate and Qiskit's U gate, whose three angles are trained. The angles are the *inputs*
# of the module, not its weights: each row of a batch is another problem, and all of them are one
# simulation. The loss is the squared distance of Z's expectation from the target.

angle = ParameterVector("angle", 3)
circuit = QuantumCircuit(1)
circuit.h(0)
circuit.u(*angle, 0)
rotation = TorchCircuit(circuit, inputs=angle, observables="Z")


def draw_problems(number):
    """Draw angles to start from, all around the circle, and targets between -1 and 1."""
    return 2 * torch.pi * torch.rand(number, 3), 2 * torch.rand(number) - 1


def losses(angles, targets):
    return (rotation(angles)[:, 0] - targets) ** 2


# %%
# The learned optimiser
# ---------------------
# As in *Learning to learn by gradient descent by gradient descent* (Andrychowicz et al.,
# `arXiv:1606.04474 <https://arxiv.org/abs/1606.04474>`_), one small LSTM serves every angle of
# every problem, each with a memory of its own. It reads the gradient by this angle, and the
# logarithms of its size and of the loss. The paper's LSTM gives the update itself; this one gives
# the logarithm of a step size, so that before training it is gradient descent with steps of
# about 1.


class LearnedOptimiser(nn.Module):
    def __init__(self, hidden=20):
        super().__init__()
        self.lstm = nn.LSTMCell(3, hidden)
        self.log_step = nn.Linear(hidden, 1)

    def forward(self, gradient, loss, memory):
        loss = loss[:, None].expand_as(gradient)
        features = [gradient, (gradient.abs() + 1e-8).log() / 5, (loss + 1e-8).log() / 5]
        memory = self.lstm(torch.stack(features, -1).flatten(0, 1), memory)
        return self.log_step(memory[0]).exp().view_as(gradient), memory


# %%
# A run is unrolled into one graph: the last angles depend on every update before. As in the
# paper, the gradients that the LSTM reads are detached, so no second derivatives are taken;
# without ``detach()``, and with ``create_graph=True``, they would be.


def unroll(optimiser, angles, targets):
    """Give the losses of all problems, before the first step and after each, and the steps."""
    angles, memory, curve, steps = angles.clone().requires_grad_(), None, [], []
    for _ in range(args.steps):
        loss = losses(angles, targets)
        (gradient,) = torch.autograd.grad(loss.sum(), angles, retain_graph=True)
        gradient = gradient.detach()
        step, memory = optimiser(gradient, loss.detach(), memory)
        angles = angles - step * gradient
        curve.append(loss)
        steps.append(step)
    return torch.stack([*curve, losses(angles, targets)]), torch.stack(steps)


# %%
# The opponents
# -------------
# Gradient descent and Adam, each with the best fixed step of a grid. The best is the one with the
# lowest mean loss over all steps, which is also what the LSTM is trained for.


def run_torch(optimiser_class, step, angles, targets):
    angles = angles.clone().requires_grad_()
    optimiser = optimiser_class([angles], lr=step)
    curve = []
    for _ in range(args.steps):
        optimiser.zero_grad()
        loss = losses(angles, targets)
        loss.sum().backward()
        optimiser.step()
        curve.append(loss.detach())
    return torch.stack([*curve, losses(angles, targets).detach()])


training, unseen = draw_problems(512), draw_problems(512)
grid = np.geomspace(0.1, 3, 15)
best_step, curves = {}, {}
for name, optimiser_class in (("gradient descent", torch.optim.SGD), ("Adam", torch.optim.Adam)):
    means = [run_torch(optimiser_class, step, *training)[1:].mean() for step in grid]
    best_step[name] = grid[np.argmin(means)]
    curves[name] = run_torch(optimiser_class, best_step[name], *unseen)

# %%
# Training the optimiser
# ----------------------
# Every epoch draws new problems, so the LSTM never meets one twice. After every tenth the unseen
# problems show what it has learned; they are not used for anything else.

learned = LearnedOptimiser()
meta_optimiser = torch.optim.Adam(learned.parameters(), lr=0.01)
epochs, progress = [], []
for epoch in tqdm(range(args.epochs + 1), disable=None):
    if epoch % 10 == 0 or epoch == args.epochs:
        curve, steps = (result.detach() for result in unroll(learned, *unseen))
        epochs.append(epoch)
        progress.append(curve[-1].mean())
    curve_of_batch, _ = unroll(learned, *draw_problems(args.batch))
    meta_optimiser.zero_grad()
    curve_of_batch[1:].mean().backward()
    nn.utils.clip_grad_norm_(learned.parameters(), 1.0)
    meta_optimiser.step()
curves["LSTM"] = curve

# %%
# The mean loss over all steps, and the mean loss after the last, on 512 unseen targets:

print(f"{'':17}{'best step':>10}{'mean loss':>11}{'last loss':>11}")
for name, curve in curves.items():
    step = f"{best_step[name]:.2f}" if name in best_step else ""
    print(f"{name:17}{step:>10}{curve[1:].mean():11.4f}{curve[-1].mean():11.1e}")

# %%
# A fixed step must not overshoot where the landscape is steep, and is then too short where it is
# flat, as around targets close to -1 and 1. The LSTM starts with the same steps for all, and
# takes longer ones where it finds the landscape flat. (The second angle of the U gate does not
# change the expectation, so its step has no effect.)

flat = unseen[1].abs() > 0.9
for name, group in (("targets beyond 0.9", flat), ("other targets", ~flat)):
    median = steps[:, group][..., [0, 2]].flatten(1).median(1).values
    print(f"median step, {name:18}: first {median[0]:.1f}, last {median[-1]:.1f}")

# %%
# Both pictures show the mean loss over the unseen targets: after the last step, while the LSTM is
# being trained, and step by step, when it has been.

colours = {"gradient descent": "C0", "Adam": "C1", "LSTM": "C2"}
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
axes[0].semilogy(epochs, progress, "o-", color="C2", label="LSTM")
for name, line in (("gradient descent", "--"), ("Adam", ":")):
    last = curves[name][-1].mean()
    axes[0].axhline(last, color=colours[name], linestyle=line, label=f"{name}, best step")
axes[0].set(xlabel="epoch", ylabel=f"loss after {args.steps} steps", title="training the LSTM")
axes[0].legend(loc="upper right", bbox_to_anchor=(1, 0.9))
for (name, curve), line in zip(curves.items(), ("--", ":", "-"), strict=True):
    axes[1].semilogy(curve.mean(1), line, color=colours[name], label=name, linewidth=2)
axes[1].set(xlabel="step", ylabel="loss", title="unseen targets")
plt.show()
