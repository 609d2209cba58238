"""
Digits: a convolutional network in front of a Qiskit circuit
============================================================

A convolutional network turns pictures of 28 x 28 pixels into three angles, a Qiskit circuit of Rx
and Ry rotations turns these into a digit from 0 to 3, and Adam trains both together. You will learn
how a circuit becomes the last layer of a network, how its results become losses, and what training
takes with few shots, with finite differences, and exactly under noise.

.. image:: images/sphx_glr_mnist_001.png
    :width: 100%
    :alt: Three panels with losses against training steps
"""

import argparse
import math
import warnings

import matplotlib.pyplot as plt
import pennylane as qml
import sklearn.datasets
import torch
import torch.nn.functional as F
from qiskit.circuit import ParameterVector, QuantumCircuit
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset
from tqdm import tqdm

from pennylane_qizgloria import TorchCircuit

parser = argparse.ArgumentParser(
    description="Train a convolutional network that ends in a Qiskit circuit.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--data", choices=["digits", "mnist"], default="digits", help="the pictures")
parser.add_argument("--epochs", type=int, default=10, help="of each training")
parser.add_argument("--samples", type=int, default=200, help="pictures of an epoch")
parser.add_argument("--seed", type=int, default=0, help="of pictures, networks and shots")
args = parser.parse_args()

# %%
# The pictures
# ------------
# By default these are scikit-learn's digits, which come with it, enlarged from 8 x 8 pixels. With
# ``--data mnist`` scikit-learn downloads MNIST (55 MB, once).

if args.data == "mnist":
    images, labels = sklearn.datasets.fetch_openml("mnist_784", return_X_y=True, as_frame=False)
    images = torch.tensor(images / 255).float().reshape(-1, 1, 28, 28)
else:
    images, labels = sklearn.datasets.load_digits(return_X_y=True)
    images = torch.tensor(images / 16).float().reshape(-1, 1, 8, 8)
    images = F.interpolate(images, size=(28, 28), mode="bilinear")

labels = torch.tensor(labels.astype(int))
images, labels = images[labels < 4], labels[labels < 4]
images, test_images, labels, test_labels = train_test_split(
    images, labels, test_size=200, random_state=args.seed, stratify=labels
)
print(f"{len(labels)} pictures for training, {len(test_labels)} for the test")

# %%
# The circuit
# -----------
# Three angles are put into rotations of two qubits, whose four outcomes are the four digits. A
# network starts with outputs near zero, and rotations by nearly zero change no probability to first
# order, so that training would hardly start. The offset of a quarter turn puts the start where the
# probabilities change most.

angles = ParameterVector("angles", 3)
circuit = QuantumCircuit(2)
circuit.rx(math.pi / 2 + angles[0], 0)
circuit.ry(math.pi / 2 + angles[1], 1)
circuit.cx(0, 1)
circuit.ry(angles[2], 0)
print(circuit)

# %%
# The circuit can be read in two ways. Without observables, ``TorchCircuit`` gives the probabilities
# of the outcomes, which are those of the digits; the loss is the negative log-likelihood of the
# right one. With few shots an estimate may be zero, hence the small number that is added.


def log_probabilities(probabilities):
    return torch.log(probabilities + 0.01)


# %%
# With observables, ``TorchCircuit`` gives expectation values. Those of Z of both qubits, with the
# signs that they have in the outcome of a digit, make its score; the loss is the cross-entropy.

signs = torch.tensor([[1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]])  # of qubit 0, of qubit 1


def scores(expectations):
    return 2 * expectations @ signs


# %%
# The network
# -----------
# Two convolutions, dropout, and two linear layers; the second has as many outputs as the circuit
# has angles. The circuit has no trained parameters of its own: all gradients pass through it.


class Net(nn.Module):
    def __init__(self, quantum, readout):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 3)
        self.quantum = quantum
        self.readout = readout

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.dropout(x, training=self.training)
        return self.readout(self.quantum(self.fc2(x)))


# %%
# Three settings
# --------------
# (a) Aer runs each circuit 100 times. The gradient is that of parameter shifts, the default with
# shots: in a step 20 pictures take 120 shifted circuits, which go to Aer as one job.

analytic = TorchCircuit(
    circuit,
    angles,
    quantum_device="qizgloria.qiskit",
    device_options={"backend": "aer", "seed": args.seed},
    shots=100,
)

# %%
# (b) Finite differences. The device takes a step that fits the number of shots, here 0.31 rad, and
# warns that the result is not exact. A training step takes a hundred times as many shots as in (a),
# 1.4 million. So they are drawn on ``qizgloria.mixed``, which computes the distribution of the
# outcomes once for each circuit.

warnings.filterwarnings("ignore", message=".*finite differences take a step of 0.31")
differences = TorchCircuit(
    circuit,
    angles,
    observables=["IZ", "ZI"],
    device_options={"seed": args.seed},
    shots=10_000,
    diff_method="finite-diff",
)

# %%
# (c) With noise: a depolarizing channel after every rotation, and readout errors. Results are
# exact, and so are the gradients, by backpropagation through the simulation.

rotations = qml.noise.op_in([qml.RX, qml.RY])
noise = qml.NoiseModel({rotations: qml.noise.partial_wires(qml.DepolarizingChannel, 0.02)})
device = qml.add_noise(qml.device("qizgloria.mixed", wires=2, readout_prob=0.03), noise)
noisy = TorchCircuit(circuit, angles, quantum_device=device)

settings = {
    "(a) analytic gradient, 100 shots": (analytic, log_probabilities, F.nll_loss),
    "(b) differences, 10 000 shots": (differences, scores, F.cross_entropy),
    "(c) exact, with noise": (noisy, log_probabilities, F.nll_loss),
}

# %%
# Training
# --------
# All three start from the same network and see the same pictures in the same order.

data = TensorDataset(images, labels)
losses, accuracies = {}, {}
for name, (quantum, readout, loss_function) in settings.items():
    torch.manual_seed(args.seed)
    model = Net(quantum, readout)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.003)
    sampler = RandomSampler(data, num_samples=args.samples)
    losses[name] = []
    for _ in tqdm(range(args.epochs), desc=name[:3], unit="epoch", disable=None):
        model.train()
        for x, y in DataLoader(data, batch_size=20, sampler=sampler):
            optimiser.zero_grad()
            loss = loss_function(model(x), y)
            loss.backward()
            optimiser.step()
            losses[name].append(loss.item())
    model.eval()
    with torch.no_grad():
        predictions = model(test_images).argmax(dim=1)
    accuracies[name] = (predictions == test_labels).double().mean().item()

    last = torch.tensor(losses[name][-10:]).mean()
    print(f"{name}: loss of the last 10 steps {last:.2f}, test accuracy {accuracies[name]:.1%}")

# %%
# All three train alike, (a) with a hundredth of the shots of (b). Pale lines are the losses of all
# steps, dots their means over an epoch.

steps = len(losses[name]) // args.epochs  # of an epoch
figure, panels = plt.subplots(
    1, 3, figsize=(9, 3.6), sharex=True, sharey=True, layout="constrained"
)
for panel, (name, values) in zip(panels, losses.items(), strict=True):
    means = torch.tensor(values).reshape(args.epochs, steps).mean(dim=1)
    panel.plot(torch.arange(len(values)) / steps, values, color="C0", alpha=0.35)
    panel.plot(torch.arange(args.epochs) + 0.5, means, "o-", color="C0", markersize=4)
    panel.set_title(f"{name}\ntest accuracy {accuracies[name]:.1%}", fontsize="medium")
    panel.set(xlabel="epoch", ylabel="negative log-likelihood")
panels[1].set_ylabel("cross-entropy")
panels[0].set_ylim(bottom=0)
plt.show()
