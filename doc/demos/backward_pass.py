"""
The backward pass of a quantum neural network
=============================================

qiskit-machine-learning's ``EstimatorQNN`` gives expectation values and its ``SamplerQNN``
probabilities; the backward pass of either gives their Jacobians by inputs and by weights. Here both
networks run through qiskit-machine-learning and, as they are, through ``TorchCircuit``, with equal
numbers. You will learn which shapes come out, with and without input gradients and ``interpret``,
and what ``loss.backward()`` makes of the Jacobians.

.. image:: images/sphx_glr_backward_pass_001.png
   :alt: Outputs of both networks and their derivatives as functions of an input
   :width: 100%
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np
import torch
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from qiskit_machine_learning.primitives import QMLSampler

from pennylane_qizgloria import TorchCircuit

parser = argparse.ArgumentParser(
    description="Compare backward passes with those of qiskit-machine-learning.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--batch", type=int, default=3, help="samples in the batch")
parser.add_argument("--points", type=int, default=21, help="points of the picture")
parser.add_argument("--seed", type=int, default=42)
args = parser.parse_args()

rng = np.random.default_rng(args.seed)

# %%
# An estimator network
# --------------------
#
# One input x, one weight w. The observable YY tells nothing of them: qubit 0 stays in the plane of
# X and Z, so that its Y is 0 whatever the input. YZ, which is Y of qubit 1 and Z of qubit 0, gives
# :math:`\sin x\,\sin w`. We take both.
#
# Both libraries compute exact values. ``EstimatorQNN`` has to be told: by default it asks its
# estimator for a precision of 1/64.

x, w = Parameter("estim_input"), Parameter("estim_weight")
circuit = QuantumCircuit(2)
circuit.h(0)
circuit.ry(x, 0)
circuit.rx(w, 1)

estimator_qnn = EstimatorQNN(
    circuit=circuit,
    observables=[SparsePauliOp("YY"), SparsePauliOp("YZ")],
    input_params=[x],
    weight_params=[w],
    estimator=StatevectorEstimator(),
    default_precision=0.0,
)
estimator_layer = TorchCircuit(estimator_qnn, dtype=torch.float64)
print(circuit)

# %%
# By default the backward pass of a network of qiskit-machine-learning gives no input gradients, and
# None in their place. The weights' Jacobian has the shape (batch, observables, weights).

estimator_data = rng.random((args.batch, 1)), rng.random(1)  # inputs and weights
theirs = estimator_qnn.backward(*estimator_data)
ours = estimator_layer.backward_pass(*estimator_data, input_gradients=False)
print("inputs: ", theirs[0], ours[0])
print("weights:", theirs[1].shape, tuple(ours[1].shape))
print("equal:  ", np.allclose(theirs[1], ours[1]))

# %%
# With input gradients there are two Jacobians. In qiskit-machine-learning this is a setting of the
# network; ``TorchCircuit`` gives them unless it is told not to.

estimator_qnn.input_gradients = True
estimator_theirs = estimator_qnn.backward(*estimator_data)
estimator_ours = estimator_layer.backward_pass(*estimator_data)
for their, our in zip(estimator_theirs, estimator_ours, strict=True):
    print(their.shape, tuple(our.shape), "equal:", np.allclose(their, our))
print("YY and YZ of the last sample, by the weight:", estimator_ours[1][-1, :, 0].numpy())

# %%
# A sampler network
# -----------------
#
# Two inputs, four weights, and the probabilities of the four outcomes. ``QMLSampler`` without a
# number of shots gives exact ones.

sampler_inputs = ParameterVector("input", 2)
sampler_weights = ParameterVector("weight", 4)
circuit = QuantumCircuit(2)
circuit.h(0)
circuit.ry(sampler_inputs[0], 0)
circuit.ry(sampler_inputs[1], 1)
circuit.cx(0, 1)
circuit.ry(sampler_weights[0], 0)
circuit.ry(sampler_weights[1], 1)
circuit.cx(0, 1)
circuit.ry(sampler_weights[2], 0)
circuit.ry(sampler_weights[3], 1)
print(circuit)


def make_sampler_qnn(**options):
    return SamplerQNN(
        circuit=circuit,
        input_params=sampler_inputs,
        weight_params=sampler_weights,
        sampler=QMLSampler(),
        input_gradients=True,
        **options,
    )


# %%
# ``interpret`` maps outcomes to the entries of the result. Without it there is one entry for each
# outcome; with the parity of the bits there are two. The Jacobians have the shape of the result and
# one axis more. Probabilities add up to 1, so their derivatives add up to 0.


def parity(outcome):
    return outcome.bit_count() % 2


def largest_sum(jacobian):
    return float(jacobian.sum(1).abs().max())


inputs, weights = rng.random((args.batch, 2)), rng.random(4)
sampler_results = {}
for name, options in {
    "outcomes": {},
    "parity": {"interpret": parity, "output_shape": 2},
}.items():
    network = make_sampler_qnn(**options)
    layer = TorchCircuit(network, dtype=torch.float64)
    results = (
        (network.forward(inputs, weights), *network.backward(inputs, weights)),
        (layer(inputs, weights).detach(), *layer.backward_pass(inputs, weights)),
    )
    sampler_results[name] = results
    print(name)
    for what, their, our in zip(("output", "inputs", "weights"), *results, strict=True):
        same = np.allclose(their, our)
        print(f"  {what:7} {their.shape} {tuple(our.shape)} equal: {same}")
    print(f"  derivatives add up to 0: {largest_sum(results[1][2]) < 1e-12}")

# %%
# What training makes of it
# -------------------------
#
# Training needs no Jacobian, only its product with the gradient of the loss by the outputs:
# :math:`\bar w_j = \sum_{bk} \bar y_{bk}\,\partial y_{bk}/\partial w_j`. ``loss.backward()``
# computes this product in one reverse pass. The Jacobian gives the same.

layer = TorchCircuit(make_sampler_qnn(), initial_weights=weights, dtype=torch.float64)
output = layer(inputs)
loss = (output[:, 0] - 1).square().mean()
loss.backward()

cotangent = torch.zeros(args.batch, 4, dtype=torch.float64)
cotangent[:, 0] = 2 * (output[:, 0].detach() - 1) / args.batch
_, jacobian = layer.backward_pass(inputs)
product = torch.einsum("bk,bkj->j", cotangent, jacobian)
print("loss.backward():", layer.weight.grad.numpy().round(4))
print("by the Jacobian:", product.numpy().round(4))

# %%
# Outputs and derivatives as functions of an input
# ------------------------------------------------
#
# Curves are ours, dots qiskit-machine-learning's. On the left the expectation value of YZ, on the
# right the probability of an even parity, against the first of the two inputs and with the
# derivative by the first of the four weights. Where an output has an extremum, its derivative by
# the input is 0.

few, many = (np.linspace(-np.pi, np.pi, number) for number in (args.points, 201))
parity_qnn = make_sampler_qnn(interpret=parity, output_shape=2)
panels = [
    (estimator_qnn, np.array([1.0]), 1, [[u] for u in few], [[u] for u in many]),
    (parity_qnn, weights, 0, [[u, 0.5] for u in few], [[u, 0.5] for u in many]),
]
titles = ["estimator: expectation of YZ", "sampler: probability of even parity"]
names = ["output", "derivative by the input", "derivative by the weight"]

figure, axes = plt.subplots(1, 2, figsize=(8.5, 3.8), layout="constrained")
for axis, title, (network, w, k, some, all_) in zip(axes, titles, panels, strict=True):
    module = TorchCircuit(network, dtype=torch.float64)
    curves = module(all_, w).detach(), *module.backward_pass(all_, w)
    dots = network.forward(some, w), *network.backward(some, w)
    for number, (name, curve, dot) in enumerate(zip(names, curves, dots, strict=True)):
        column = (slice(None), k) if number == 0 else (slice(None), k, 0)
        axis.plot(many, curve[column], color=f"C{number}", label=name)
        axis.plot(few, dot[column], "o", color=f"C{number}", markersize=4)
    axis.set(title=title, xlabel="input (rad)")
    ticks = {-np.pi: "$-π$", -np.pi / 2: "$-π/2$", 0: "$0$", np.pi / 2: "$π/2$", np.pi: "$π$"}
    axis.set_xticks(list(ticks), ticks.values())
axes[0].plot([], [], "ko", markersize=4, label="qiskit-machine-learning")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plt.show()
