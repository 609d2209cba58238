"""
Hello world: one qubit learns an expectation value
==================================================

A Hadamard gate and Qiskit's U gate rotate one qubit, and PyTorch trains the three angles of U until
the expectation value of Z is -0.5. You will learn how a Qiskit circuit becomes a torch module, how
its gradients are estimated from shots, and why the analytic gradient (parameter shifts) is the
better estimate: from the same 100 shots for each circuit, it ends several times nearer to the
target than finite differences of a small step.

.. image:: images/sphx_glr_hello_world_001.png
    :width: 100%
    :alt: Expectation values of Z over 40 training steps, ten runs in each of four panels
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
import torch
from qiskit.circuit import ParameterVector, QuantumCircuit
from tqdm import tqdm

from pennylane_qizgloria import TorchCircuit

parser = argparse.ArgumentParser(
    description="Train one qubit to a given expectation value of Z.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--runs", type=int, default=10, help="runs of each setting")
parser.add_argument("--steps", type=int, default=40, help="training steps of a run")
parser.add_argument("--target", type=float, default=-0.5, help="expectation value to learn")
parser.add_argument("--step-size", type=float, default=0.02, help="of finite differences, in rad")
parser.add_argument("--estimates", type=int, default=300, help="of each derivative, at the end")
parser.add_argument("--device", default="qizgloria.mixed", help="or qizgloria.qiskit, for Aer")
parser.add_argument("--seed", type=int, default=0, help="of first angles and of shots")
args = parser.parse_args()

# %%
# The circuit
# -----------
# The angles are parameters of an ordinary Qiskit circuit.

angles = ParameterVector("angles", 3)
circuit = QuantumCircuit(1)
circuit.h(0)
circuit.u(*angles, 0)
print(circuit)

# %%
# ``TorchCircuit`` makes it a module that gives the expectation value of Z. It runs on
# ``qizgloria.mixed``, which computes the distribution of the outcomes exactly and draws the shots
# from it, quickly whatever their number; with ``--device qizgloria.qiskit`` Aer runs them, in a few
# minutes. The four settings differ in the number of shots and in how the gradient is estimated:
#
# * finite differences: with a step h, the derivative by an angle is
#   :math:`[z(\theta + h) - z(\theta - h)] / 2h`, up to an error of the order of :math:`h^2`;
# * analytic: for a rotation, :math:`[z(\theta + \pi/2) - z(\theta - \pi/2)] / 2` is the derivative
#   itself. With shots, this is what ``diff_method="best"``, the default, takes;
# * exact: without shots, ``"best"`` is backpropagation through the simulator.

central = {"h": args.step_size, "approx_order": 2, "strategy": "center"}
differences = {"diff_method": "finite-diff", "gradient_kwargs": central}
settings = {
    "finite differences, 10 000 shots": {"shots": 10_000, **differences},
    "finite differences, 100 shots": {"shots": 100, **differences},
    "analytic gradient, 100 shots": {"shots": 100},
    "exact": {"shots": None},
}


def module(**options):
    return TorchCircuit(
        circuit,
        weights=angles,
        observables="Z",
        quantum_device=args.device,
        device_options={"seed": args.seed},
        **options,
    )


# %%
# Training
# --------
# All runs of a setting are trained as one batch: the module takes a batch of angles in the place
# of its own ``weight``, and the shots of each run are drawn separately. The loss is the squared
# distance to the target, the optimiser is plain gradient descent. Every setting has the same first
# angles.
#
# The curves show the exact expectation value at the angles of each step, so that their scatter
# comes from the training alone and not from the shots of a last measurement.

exact = module()
torch.manual_seed(args.seed)
first = 2 * torch.rand(args.runs, 3) - 1

curves = {}
for name, options in settings.items():
    model = module(**options)
    weights = first.clone().requires_grad_()
    optimiser = torch.optim.SGD([weights], lr=0.2)
    curve = [exact(w=first)]
    for _ in tqdm(range(args.steps), desc=name, disable=None):
        optimiser.zero_grad()
        loss = ((model(w=weights) - args.target) ** 2).sum()
        loss.backward()
        optimiser.step()
        curve.append(exact(w=weights.detach()))
    curves[name] = torch.cat(curve, dim=1)  # one row for each run

# %%
# Both settings with 100 shots run the same number of circuits. Finite differences divide the noise
# of the shots by 2h = 0.04, the analytic gradient by 2, so that the noise of its derivatives is
# 50 times smaller. With 10 000 shots the small step does well.

figure, panels = plt.subplots(2, 2, figsize=(8, 5), sharex=True, sharey=True, layout="constrained")
for panel, (name, curve) in zip(panels.flat, curves.items(), strict=True):
    panel.plot(curve.T, color="C0", alpha=0.6, linewidth=1)
    panel.axhline(args.target, color="C1", linestyle="--", label="target")
    panel.set_title(name, fontsize="medium")
panels[0, 0].legend()
figure.supxlabel("training step")
figure.supylabel("expectation value of Z")
plt.show()

distances = {name: (curve[:, -1] - args.target).abs() for name, curve in curves.items()}
print(f"distance to the target after {args.steps} steps:    mean      largest")
for name, distance in distances.items():
    print(f"{name:35}  {distance.mean():10.5f}  {distance.max():10.5f}")

# %%
# How to choose the step of finite differences
# --------------------------------------------
# The bias of a central difference is :math:`h^2 |z'''| / 6`. Its variance is
# :math:`\sigma^2 / 2h^2`, where :math:`\sigma^2 = (1 - z^2) / \mathrm{shots}` is the variance of an
# estimated z. The mean squared error, :math:`h^4 z'''^2 / 36 + \sigma^2 / 2h^2`, is least at
#
# .. math:: h = (3 \sigma / |z'''|)^{1/3}.
#
# **So the step should shrink as the sixth root of the number of shots, and be far larger than one
# would take for exact results: about 0.7 for 100 shots and 0.3 for 10 000.** Without ``h`` the
# package takes :math:`(3 / \sqrt{\mathrm{shots}})^{1/3}`.
#
# Here estimates of a derivative show it, taken by hand: each is one sample of a batch. With the
# angles :math:`(\theta, 0, 0)` the circuit gives :math:`z = -\sin\theta`, so that the derivative is
# :math:`-\cos\theta` and :math:`|z'''|` is :math:`\cos\theta`.

theta = 0.8
z, slope = -np.sin(theta), -np.cos(theta)


def error(model, h, divisor):
    """Root mean square error of a difference of two expectation values."""
    up, down = torch.zeros(2, args.estimates, 3)
    up[:, 0], down[:, 0] = theta + h, theta - h
    estimates = (model(w=up) - model(w=down)) / divisor
    return (estimates - slope).square().mean().sqrt().item()


sizes = np.geomspace(0.02, 1.5, 11)
errors = {}
for shots in (100, 10_000):
    model = module(shots=shots)
    errors[shots] = [error(model, h, 2 * h) for h in sizes]
    errors[shots, "analytic"] = error(model, np.pi / 2, 2)

# %%
# Even at its best step a finite difference has a larger error than the analytic gradient, which
# needs no step to be chosen.

figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
for colour, shots in (("C1", 100), ("C0", 10_000)):
    sigma = np.sqrt((1 - z**2) / shots)
    expected = np.sqrt((sizes**2 * slope / 6) ** 2 + sigma**2 / (2 * sizes**2))
    best = (3 * sigma / abs(slope)) ** (1 / 3)
    axes.plot(sizes, errors[shots], "o", color=colour, label=f"finite differences, {shots:,} shots")
    axes.plot(sizes, expected, color=colour, label=f"by the formula; best h = {best:.2f}")
    axes.axhline(
        errors[shots, "analytic"], color=colour, linestyle="--", label=f"analytic, {shots:,} shots"
    )
axes.set(xscale="log", yscale="log", xlabel="step h in rad", ylabel="error of the derivative (RMS)")
figure.legend(loc="outside right center", fontsize="small")
plt.show()
