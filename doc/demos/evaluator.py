"""
Bring your own evaluator
========================

Circuits that already run somewhere, on a Qiskit primitive say, become a layer of a torch model by
two functions: an *evaluator*, which gives the outputs for inputs and weights, and a *gradient
function*, which gives their Jacobians. ``QiskitFunction`` makes an autograd function of the two.
You will write an evaluator on Aer's estimator and two gradient functions, parameter shifts and
SPSA, train the same model with each, and see what is lost without a gradient by the inputs.

.. image:: images/sphx_glr_evaluator_001.png
   :alt: Loss by training step and by circuits run, for three gradient functions
   :width: 100%
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_aer.primitives import EstimatorV2
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from pennylane_qizgloria import ParameterShift, QiskitFunction

parser = argparse.ArgumentParser(
    description="Train models through a Qiskit primitive, with one's own gradients.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--primitive", choices=["aer", "statevector"], default="aer")
parser.add_argument("--runs", type=int, default=5, help="models for each function")
parser.add_argument("--steps", type=int, default=60, help="training steps of a model")
parser.add_argument("--points", type=int, default=24, help="training samples")
parser.add_argument("--seed", type=int, default=0, help="seed of the first run")
args = parser.parse_args()

# %%
# The evaluator
# -------------
#
# The circuit has two inputs and four weights. Aer's estimator runs it with depolarizing noise at
# each CNOT; at a precision of 0 its expectation values are exact. Any other ``BaseEstimatorV2``
# does as well: ``--primitive statevector`` takes Qiskit's own, which has no noise.

inputs, weights = ParameterVector("input", 2), ParameterVector("weight", 4)
circuit = QuantumCircuit(2)
for layer in (inputs, weights[:2], weights[2:]):
    circuit.ry(layer[0], 0)
    circuit.ry(layer[1], 1)
    circuit.cx(0, 1)
observables = [SparsePauliOp("IZ"), SparsePauliOp("ZI")]

noise = NoiseModel()
noise.add_all_qubit_quantum_error(depolarizing_error(0.02, 2), ["cx"])
if args.primitive == "aer":
    backend = {"noise_model": noise, "method": "density_matrix"}
    backend["runtime_parameter_bind_enable"] = True  # all sets of angles at once
    options = {"backend_options": backend, "default_precision": 0.0}
    estimator = EstimatorV2(options=options)
else:
    estimator = StatevectorEstimator()

# %%
# The evaluator gets NumPy arrays: inputs of shape ``(batch, 2)`` and weights of shape ``(4,)``. It
# returns outputs of shape ``(batch, 2)``. Angles are put into the circuit in the order of
# ``circuit.parameters``, which is by name: first the inputs, then the weights. We also count how
# many circuits run.

count = 0


def expectations(angles):
    """From angles of shape (..., 6) to expectation values (..., 2), in one job."""
    global count
    count += angles[..., 0].size
    job = estimator.run([(circuit, observables, angles[..., None, :])])
    return job.result()[0].data.evs


def all_angles(x, w):
    return np.hstack([x, np.tile(w, (len(x), 1))])


def evaluator(x, w):
    return expectations(all_angles(x, w))


# %%
# Gradient functions
# ------------------
#
# A gradient function gets the same arrays and returns two Jacobians: by the inputs, of shape
# ``(batch, 2, 2)``, and by the weights, of shape ``(batch, 2, 4)``. The first one here shifts each
# of the six angles by :math:`\pm\pi/2`, which is exact for rotations and takes 12 circuits for each
# sample. They go out as one job.


def shifts(x, w):
    moves = np.pi / 2 * np.vstack([np.eye(6), -np.eye(6)])
    values = expectations(all_angles(x, w)[:, None] + moves)
    jacobian = (values[:, :6] - values[:, 6:]).swapaxes(1, 2) / 2
    return jacobian[..., :2], jacobian[..., 2:]


# %%
# SPSA moves all angles at once, in a random direction of signs :math:`\delta`, and takes
# :math:`\frac{y(\theta + c\delta) - y(\theta - c\delta)}{2c}\,\delta` for the gradient. That needs
# two circuits for each sample, whatever the number of angles. It is right on average only, up to
# terms of the order of :math:`c^2`; here each sample of a batch draws a direction of its own.

rng = np.random.default_rng(args.seed)


def spsa(x, w):
    angles, c = all_angles(x, w), 0.1
    signs = rng.choice([-1.0, 1.0], size=angles.shape)
    above, below = expectations(angles + c * signs), expectations(angles - c * signs)
    jacobian = ((above - below) / (2 * c))[:, :, None] * signs[:, None, :]
    return jacobian[..., :2], jacobian[..., 2:]


# %%
# A gradient function may also return the weights' Jacobian alone, which is what the
# ``QiskitAutogradFunction`` of Kosmos asks for. Then the inputs get no gradient.


def weights_only(x, w):
    moves = np.pi / 2 * np.vstack([np.eye(6)[2:], -np.eye(6)[2:]])
    values = expectations(all_angles(x, w)[:, None] + moves)
    return (values[:, :4] - values[:, 4:]).swapaxes(1, 2) / 2


# %%
# A layer of a model
# ------------------
#
# ``QiskitFunction.apply`` takes inputs, weights and the two functions. The gradient function is
# called in the reverse pass, and only then. Gradients by the inputs go on to the layer in front.
# These are the norms of the gradients:


class Quantum(nn.Module):
    def __init__(self, gradient_fn):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4))
        self.gradient_fn = gradient_fn

    def forward(self, x):
        return QiskitFunction.apply(x, self.weight, evaluator, self.gradient_fn)


def make_model(gradient_fn, seed=args.seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(2, 2), Quantum(gradient_fn), nn.Linear(2, 1))


x = torch.rand(5, 2, generator=torch.Generator().manual_seed(1))
for gradient_fn in (shifts, spsa, weights_only):
    model = make_model(gradient_fn)
    model(x).sum().backward()
    found = [layer.weight.grad for layer in model[:2]]
    front, own = ["none" if g is None else f"{g.norm():.3f}" for g in found]
    print(f"{gradient_fn.__name__:12} gradient of circuit {own}, of layer in front {front}")

# %%
# ``ParameterShift`` is both functions for any circuit and any ``BaseEstimatorV2``: parameters in
# several gates, in expressions, and in gates that have other rules. It agrees with ours.

package = ParameterShift(circuit, inputs, weights, observables, estimator)
arrays = x.double().numpy(), make_model(None)[1].weight.detach().double().numpy()
same_values = np.allclose(package.evaluate(*arrays), evaluator(*arrays))
same_gradients = all(map(np.allclose, package.gradient(*arrays), shifts(*arrays)))
print(f"ParameterShift: same values {same_values}, same gradients {same_gradients}")

# %%
# Training
# --------
#
# Points of a square are classified by the sign of the product of their coordinates. Every run has
# weights of its own to start from, the same ones for each gradient function.

generator = torch.Generator().manual_seed(args.seed)
points = 2 * torch.rand(args.points, 2, generator=generator) - 1
labels = (points[:, 0] * points[:, 1] > 0).float()


def train(gradient_fn, seed):
    global count
    model = make_model(gradient_fn, seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    count, losses = 0, []
    for _ in range(args.steps):
        optimiser.zero_grad()
        loss = binary_cross_entropy_with_logits(model(points)[:, 0], labels)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


losses, circuits = {}, {}
for gradient_fn in (shifts, spsa, weights_only):
    name = gradient_fn.__name__
    seeds = tqdm(range(args.seed, args.seed + args.runs), desc=name, disable=None)
    losses[name] = np.array([train(gradient_fn, seed) for seed in seeds])
    circuits[name] = count // args.steps

print(f"loss after {args.steps} steps, mean of {args.runs} runs")
for name, curves in losses.items():
    print(f"{name:12} {curves[:, -1].mean():.3f}, {circuits[name]} circuits a step")

# %%
# Thin lines are single runs, thick ones their means. Step by step parameter shifts are ahead, and
# SPSA is not far behind. For 24 points it runs 72 circuits a step, 24 of them in the forward pass;
# parameter shifts run 312. By the number of circuits SPSA is far ahead. Without a gradient by the
# inputs the layer in front keeps its random weights, and the loss stays highest.

figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.6), layout="constrained", sharey=True)
titles = ["parameter shifts", "SPSA", "shifts, weights only"]
steps = np.arange(args.steps)
for number, (name, curves) in enumerate(losses.items()):
    for axis, unit in zip(axes, (1, circuits[name]), strict=True):
        axis.plot(unit * steps, curves.T, color=f"C{number}", alpha=0.25, linewidth=1)
        axis.plot(unit * steps, curves.mean(0), color=f"C{number}", label=titles[number])
axes[0].set(xlabel="training steps", ylabel="cross-entropy")
axes[1].set(xlabel="circuits run")
axes[1].set_xlim(0, circuits["spsa"] * args.steps)
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
plt.show()
