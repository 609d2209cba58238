"""
QAOA with torch's optimisers
============================

The quantum approximate optimisation algorithm (QAOA) trains a few angles of a circuit so that its
samples are good cuts of a graph. Any optimiser of ``torch.optim`` can train them. Here SGD with
momentum, RMSprop, Adam and LBFGS do, on a noisy device, exactly and with shots: first on two
qubits, where the whole landscape can be seen, then on a graph of six nodes. You will learn how a
QAOA circuit is written, which optimiser needs the fewest gradients, and which to take with shots.

.. image:: images/sphx_glr_qaoa_002.png
    :alt: Training curves of four optimisers, exact and with shots, and the cut that was found.
    :width: 100%
"""

import argparse
from itertools import product

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pennylane as qml
import torch
from tqdm import tqdm

parser = argparse.ArgumentParser(
    description="QAOA for the maximum cut of a graph, with four optimisers.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--depth", type=int, default=2, help="layers of the circuit for six nodes")
parser.add_argument("--noise", type=float, default=0.01, help="depolarizing probability")
parser.add_argument("--shots", type=int, default=100, help="for each circuit")
parser.add_argument("--gradients", type=int, default=30, help="that each optimiser may ask for")
parser.add_argument("--seed", type=int, default=0, help="for the start and the shots")
args = parser.parse_args()

# %%
# A cut of a graph paints its nodes in two colours, and counts the edges between them. A bit
# string paints node i by bit i, so the cost :math:`C = \sum_{(i,j)} (Z_i Z_j - 1) / 2` is minus
# the number of edges that are cut. QAOA starts in the uniform superposition and alternates
# :math:`e^{-i\gamma C}` with :math:`e^{-i\beta \sum_i X_i}`; PennyLane has both, and
# ``qml.qaoa.maxcut(graph)`` gives the two Hamiltonians. The angles have the shape
# ``(..., 2, depth)``: leading axes are a batch, which runs as one simulation.


def qaoa(angles, cost, mixer):
    """The state of QAOA, on the wires of the graph's nodes."""
    for wire in cost.wires:
        qml.Hadamard(wire)
    for layer in range(angles.shape[-1]):
        qml.qaoa.cost_layer(angles[..., 0, layer], cost)
        qml.qaoa.mixer_layer(angles[..., 1, layer], mixer)


def expected_cost(angles, cost, mixer):
    qaoa(angles, cost, mixer)
    return qml.expval(cost)


# %%
# All four optimisers run through the same loop. LBFGS calls the closure several times a step,
# for its line search, so gradients are counted rather than steps. The step sizes are the best of
# a few tries for each optimiser.

optimisers = {
    "SGD with momentum": lambda angles: torch.optim.SGD([angles], lr=0.01, momentum=0.9),
    "RMSprop": lambda angles: torch.optim.RMSprop([angles], lr=0.03),
    "Adam": lambda angles: torch.optim.Adam([angles], lr=0.1),
    "LBFGS": lambda angles: torch.optim.LBFGS([angles], max_iter=10, line_search_fn="strong_wolfe"),
}


def train(circuit, hamiltonians, start, make_optimiser, gradients=args.gradients):
    """Give the angles at which the optimiser has asked for a gradient."""
    angles = start.clone().requires_grad_()
    optimiser = make_optimiser(angles)
    path = []

    def closure():
        optimiser.zero_grad()
        path.append(angles.detach().clone())
        cost = circuit(angles, *hamiltonians)
        cost.backward()
        return cost

    while len(path) < gradients:
        optimiser.step(closure)
    return torch.stack(path[:gradients])


# %%
# Two qubits
# ----------
# Two nodes and one edge, one layer and no noise yet: the cost depends on two angles, and its
# minimum is -1 at :math:`\gamma = \pi/2`, :math:`\beta = -\pi/8`, where the edge is cut in every
# shot. The landscape is one call with a batch of 41 times 41 angles.

edge = qml.qaoa.maxcut(nx.Graph([(0, 1)]))
exact = qml.QNode(expected_cost, qml.device("qizgloria.mixed", wires=2, seed=args.seed))
sampled = qml.set_shots(exact, shots=args.shots)

gamma, beta = torch.linspace(0, np.pi, 41), torch.linspace(-0.9, 0, 41)
grid = torch.cartesian_prod(gamma, beta)[:, :, None].double()
landscape = exact(grid, *edge).reshape(41, 41)

start = torch.tensor([[0.4], [-0.1]], dtype=torch.float64)
number = 2 * args.gradients  # SGD is slow on a cost as small as this one
paths_exact, paths_sampled = {}, {}
for name, make in optimisers.items():
    paths_exact[name] = train(exact, edge, start, make, number)
    paths_sampled[name] = train(sampled, edge, start, make, number)

figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), sharey=True, layout="constrained")
for ax, paths in zip(axes, (paths_exact, paths_sampled), strict=True):
    levels = ax.contourf(gamma, beta, landscape.T, levels=20, cmap="Greys_r", alpha=0.5)
    for (name, path), line in zip(paths.items(), ("-", "--", "-.", ":"), strict=True):
        ax.plot(path[:, 0], path[:, 1], line, label=name, linewidth=2)
    ax.plot(np.pi / 2, -np.pi / 8, "k*", markersize=12, label="minimum")
    ax.set(xlabel=r"$\gamma$ (rad)", xlim=(0, np.pi), ylim=(-0.9, 0))
axes[0].set(title="exact", ylabel=r"$\beta$ (rad)")
axes[1].set(title=f"{args.shots} shots")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
figure.colorbar(levels, ax=axes, label="expected cost")
plt.show()

# %%
# Six nodes, with noise
# ---------------------
# The graph has eight edges and an odd cycle, so not all of them can be cut. Every rotation of the
# circuit now has depolarizing noise on each of its qubits: ``qml.add_noise`` puts it into the
# device, which simulates it exactly. With shots, torch gets gradients by parameter shifts.

graph = nx.Graph([(0, 1), (0, 2), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (3, 5)])
hamiltonians = qml.qaoa.maxcut(graph)
noise = qml.NoiseModel({
    qml.noise.op_eq("PauliRot"): qml.noise.partial_wires(qml.DepolarizingChannel, args.noise)
})  # fmt: skip
device = qml.add_noise(qml.device("qizgloria.mixed", wires=6, seed=args.seed), noise)
exact = qml.QNode(expected_cost, device)
sampled = qml.set_shots(exact, shots=args.shots)

# %%
# The cost of all angles on the way is computed exactly afterwards, one batch for each run, so
# that the curves show what the angles are worth and not the noise of their shots.

torch.manual_seed(args.seed)
start = 0.5 * torch.rand(2, args.depth, dtype=torch.float64)
start[1] *= -1  # the minimum that is near has positive gammas and negative betas
costs, final = {}, {}
circuits = {"exact": exact, "shots": sampled}
for kind, name in tqdm(list(product(circuits, optimisers)), disable=None):
    path = train(circuits[kind], hamiltonians, start, optimisers[name])
    costs[kind, name] = exact(path, *hamiltonians).numpy()
    final[kind, name] = path[-1]

print(f"{'cost at the end':20}{'exact':>8}{args.shots:>8} shots")
for name in optimisers:
    print(f"{name:20}{costs['exact', name][-1]:8.3f}{costs['shots', name][-1]:8.3f}")

# %%
# Exactly, LBFGS has the best cost after the fewest gradients: gradients of a smooth function tell
# it the curvature, and it steps straight to the minimum. With shots it is the wrong choice. Its
# line search compares values that differ by less than their noise, and the curvature comes from
# differences of noisy gradients, so it stops early or jumps away. The other three average over
# many gradients and end close to the exact minimum with 100 shots as well.

# %%
# From angles to a cut
# --------------------
# The bit strings come from the circuit that Adam has trained with shots. The most likely one is
# the cut: the brute force over all :math:`2^6` strings agrees that no cut has more edges.


@qml.qnode(device)
def probabilities(angles):
    qaoa(angles, *hamiltonians)
    return qml.probs(wires=range(6))


def cut_size(bits):
    return sum(bits[i] != bits[j] for i, j in graph.edges)


strings = [f"{number:06b}" for number in range(2**6)]
probs = probabilities(final["shots", "Adam"]).numpy()
order = np.argsort(-probs, kind="stable")
best = strings[order[0]]
maximum = max(map(cut_size, strings))
print(f"most likely: {best}, probability {probs.max():.2f}, cuts {cut_size(best)} of {maximum}")

# %%

figure, axes = plt.subplot_mosaic(
    [["exact", "shots"], ["graph", "strings"]], figsize=(9, 7), layout="constrained"
)
for kind in ("exact", "shots"):
    for name, line in zip(optimisers, ("-", "--", "-.", ":"), strict=True):
        axes[kind].plot(costs[kind, name], line, label=name, linewidth=2)
    axes[kind].axhline(min(costs["exact", "LBFGS"]), color="grey", linewidth=0.8)
    axes[kind].set(xlabel="gradients computed", ylabel="expected cost")
axes["shots"].sharey(axes["exact"])
axes["exact"].set_title("exact")
axes["shots"].set_title(f"{args.shots} shots")
axes["exact"].legend()

colours = ["C0" if bit == "0" else "C1" for bit in best]
place = nx.kamada_kawai_layout(graph)
styles = ["solid" if best[i] != best[j] else "dotted" for i, j in graph.edges]
nx.draw_networkx_nodes(graph, place, ax=axes["graph"], nodelist=range(6), node_color=colours)
nx.draw_networkx_labels(graph, place, ax=axes["graph"], font_color="white")
nx.draw_networkx_edges(graph, place, ax=axes["graph"], style=styles, width=2)
axes["graph"].set_title(f"{cut_size(best)} of {len(graph.edges)} edges cut (solid)")
axes["graph"].axis("off")

shown = order[:10][::-1]
labels = [f"{strings[i]}, cuts {cut_size(strings[i])}" for i in shown]
largest = ["C2" if cut_size(strings[i]) == maximum else "C0" for i in shown]
axes["strings"].barh(labels, probs[shown], color=largest)
axes["strings"].set(xlabel="probability", title="likely bit strings (green: maximum cuts)")
plt.show()
