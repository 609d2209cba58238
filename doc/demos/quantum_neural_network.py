"""
An ensemble of quantum neural networks
======================================

Sixteen quantum neural networks with different initial weights learn two moons at once, under noise:
``torch.func.vmap`` turns the training step of one network into that of all of them. You will see
how a circuit becomes a module, how an ensemble is trained and what its spread says, and how to get
the gradient of every single point, which shows the points that a trained network still struggles
with.

.. image:: images/sphx_glr_quantum_neural_network_002.png
    :alt: Mean and spread of the ensemble's predictions over the plane, and gradient norms of points
    :width: 100%

The device is ``qizgloria.mixed`` without shots, because ``vmap`` and per-sample gradients need
results that torch can differentiate.
"""

# sphinx_gallery_thumbnail_number = 2

import argparse
import time

import matplotlib.pyplot as plt
import pennylane as qml
import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap
from tqdm import tqdm

from pennylane_qizgloria import TorchLayer

parser = argparse.ArgumentParser(
    description="Train an ensemble of noisy quantum neural networks with vmap.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--members", type=int, default=16, help="networks in the ensemble")
parser.add_argument("--epochs", type=int, default=30, help="passes over the training points")
parser.add_argument("--noise", type=float, default=0.02, help="depolarizing probability")
parser.add_argument("--seed", type=int, default=0, help="seed of points and weights")
args = parser.parse_args()
torch.manual_seed(args.seed)

# %%
# The network
# -----------
# The circuit uploads the two coordinates of a point four times, with trained rotations in between.
# Every layer ends with depolarizing noise on both wires, and readout errs in 2 % of the cases. A
# linear layer makes a logit of the two expectation values.

WIRES, LAYERS, NOISE = 2, 4, args.noise


@qml.qnode(qml.device("qizgloria.mixed", wires=WIRES, readout_prob=0.02))
def circuit(inputs, weights):
    for layer in weights:
        qml.AngleEmbedding(inputs, wires=range(WIRES), rotation="Y")
        for wire in range(WIRES):
            qml.Rot(*layer[wire], wires=wire)
        qml.CNOT(wires=[0, 1])
        for wire in range(WIRES):
            qml.DepolarizingChannel(NOISE, wires=wire)
    return [qml.expval(qml.Z(wire)) for wire in range(WIRES)]


def network():
    quantum = TorchLayer(circuit, {"weights": (LAYERS, WIRES, 3)})
    return nn.Sequential(quantum, nn.Linear(WIRES, 1), nn.Flatten(0))


points, labels = make_moons(400, noise=0.15, random_state=args.seed)
points, labels = torch.tensor(points).float(), torch.tensor(labels).float()
train_x, train_y, test_x, test_y = points[:200], labels[:200], points[200:], labels[200:]

# %%
# One step for all
# ----------------
# ``stack_module_state`` stacks the weights of all networks, so that each parameter gets a leading
# axis. ``functional_call`` runs a network with weights that are given to it. Together they make the
# loss a function of weights, and ``vmap`` maps it over their first axis: the ensemble runs as one
# batched circuit.

networks = [network() for _ in range(args.members)]
weights, _ = stack_module_state(networks)
model = networks[0]  # lends its structure only


def predict(weights, x):
    return functional_call(model, weights, (x,))


def loss(weights, x, y):
    return nn.functional.binary_cross_entropy_with_logits(predict(weights, x), y)


ensemble_loss = vmap(loss, in_dims=(0, None, None))
ensemble_predict = vmap(predict, in_dims=(0, None))

# %%
# It gives what a loop over the members gives. How much faster it is depends on the work of one
# member. With few points most of the time is overhead, which ``vmap`` pays once instead of sixteen
# times. With many points it is arithmetic, and then the loop is as good, because ``TorchLayer``
# records the circuit, which it cannot do under ``vmap``.


def loop_loss(weights, x, y):
    members = [{name: w[k] for name, w in weights.items()} for k in range(args.members)]
    return torch.stack([loss(member, x, y) for member in members])


def seconds(function, *arguments):
    times = []
    for _ in range(11):  # in the first ones, circuits are analysed and traced
        start = time.perf_counter()
        function(*arguments).sum().backward()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


print("points   loop (ms)   vmap (ms)")
for size in (5, 25, 200):
    batch = weights, train_x[:size], train_y[:size]
    by_loop, by_vmap = seconds(loop_loss, *batch), seconds(ensemble_loss, *batch)
    print(f"{size:6d} {1e3 * by_loop:11.0f} {1e3 * by_vmap:11.0f}")

by_vmap, by_loop = ensemble_loss(weights, train_x, train_y), loop_loss(weights, train_x, train_y)
print(f"largest difference of the losses: {(by_vmap - by_loop).abs().max():.0e}")

# %%
# Training
# --------
# No member's loss depends on another's weights, so the gradient of the sum holds the gradients of
# all, and one Adam updates them all: its steps are computed element by element.

for parameter in weights.values():
    parameter.grad = None
optimiser = torch.optim.Adam(weights.values(), lr=0.05)
history = []
for _ in tqdm(range(args.epochs), disable=None):
    for chosen in torch.randperm(len(train_x)).split(25):
        optimiser.zero_grad()
        losses = ensemble_loss(weights, train_x[chosen], train_y[chosen])
        losses.sum().backward()
        optimiser.step()
    with torch.no_grad():
        history.append(ensemble_loss(weights, train_x, train_y))

history = torch.stack(history).numpy()
weights = {name: w.detach() for name, w in weights.items()}
member_accuracy = ((ensemble_predict(weights, test_x) > 0) == test_y).float().mean(dim=1)
probability = ensemble_predict(weights, test_x).sigmoid().mean(dim=0)
accuracy = ((probability > 0.5) == test_y).float().mean()
print(
    f"test accuracy: members {member_accuracy.min():.1%} to {member_accuracy.max():.1%}, "
    f"ensemble {accuracy:.1%}"
)

fig, ax = plt.subplots(figsize=(7, 4))
ax.plot(range(1, args.epochs + 1), history, color="C0", alpha=0.4)
ax.set(xlabel="epoch", ylabel="cross-entropy on the training set", title="Members of the ensemble")
ax.set_ylim(bottom=0)
plt.show()

# %%
# Gradients of single points
# --------------------------
# ``grad`` of the loss of one point, mapped over all points and then over all members, gives a
# gradient for each pair of them. Their mean over the points is the gradient that training uses.
# Their lengths say which points would still change the weights, and single gradients are what
# gradient clipping of differentially private training starts from.


def point_loss(weights, x, y):
    return loss(weights, x[None], y[None])


per_point = vmap(grad(point_loss), in_dims=(None, 0, 0))
gradients = vmap(per_point, in_dims=(0, None, None))(weights, train_x, train_y)
for name, gradient in gradients.items():
    print(f"{name:10s} members, points, weights: {tuple(gradient.shape)}")

flat = torch.cat([gradient.flatten(2) for gradient in gradients.values()], dim=2)
norms = flat.norm(dim=2).mean(dim=0)
wrong = (ensemble_predict(weights, train_x).sigmoid().mean(dim=0) > 0.5) != train_y
print(
    f"mean gradient norm of the {int(wrong.sum())} misclassified points {norms[wrong].mean():.2f}, "
    f"of the others {norms[~wrong].mean():.2f}"
)

# %%
# The members agree where there are points, and disagree far from them: the spread of an ensemble
# shows what a single network does not know. The longest gradients are those of points near the
# boundary or on its wrong side.


span_x, span_y = torch.linspace(-2, 3, 60), torch.linspace(-1.7, 2.2, 60)
grid = torch.cartesian_prod(span_x, span_y)
on_grid = ensemble_predict(weights, grid).sigmoid().reshape(args.members, 60, 60).mT
mean, spread = on_grid.mean(dim=0), on_grid.std(dim=0)

xy = train_x.T.numpy()
fig, axes = plt.subplots(1, 3, figsize=(10, 4), sharey=True, layout="constrained")
pictures = [
    axes[0].pcolormesh(span_x, span_y, mean, cmap="RdBu_r", vmin=0, vmax=1),
    axes[1].pcolormesh(span_x, span_y, spread, cmap="viridis", vmin=0),
    axes[2].scatter(*xy, c=norms, cmap="plasma", s=10 + 60 * norms / norms.max()),
]
axes[0].scatter(*xy, c=train_y, cmap="RdBu_r", s=20, edgecolors="white", linewidths=0.7)
axes[1].scatter(*xy, c="white", s=4)
for ax in axes:
    ax.contour(span_x, span_y, mean, levels=[0.5], colors="gray")
    ax.set(xlabel="first coordinate")
    ax.grid(visible=False)
axes[0].set(ylabel="second coordinate")
titles = "mean probability", "standard deviation of members", "norm of a point's gradient"
for ax, picture, title in zip(axes, pictures, titles, strict=True):
    fig.colorbar(picture, ax=ax, location="bottom", label=title)
plt.show()
