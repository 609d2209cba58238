"""
One line changed: trained under exact noise, moved to a backend
===============================================================

A convolutional network that ends in a Qiskit circuit learns to read digits. It trains in seconds on
the exact simulator, with depolarizing noise and readout errors, and then goes to a Qiskit backend,
where it is tested and trained further with shots. You will learn what changes for that (the
device), what moves over (a checkpoint), and what noise costs this model: shots, not accuracy.

.. image:: images/sphx_glr_hybrid_001.png
    :width: 100%
    :alt: Left, losses on the simulator and then on Aer; right, accuracy against noise strength
"""

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
import pennylane as qml
import torch
import torch.nn.functional as F
from qiskit.circuit import ParameterVector, QuantumCircuit
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset
from tqdm import tqdm

from pennylane_qizgloria import TorchCircuit

parser = argparse.ArgumentParser(
    description="Train a network that ends in a Qiskit circuit under noise, then on a backend.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--epochs", type=int, default=20, help="of the first training")
parser.add_argument("--more-epochs", type=int, default=2, help="of the training on the backend")
parser.add_argument("--noise", type=float, default=0.02, help="depolarizing probability")
parser.add_argument("--readout", type=float, default=0.02, help="probability of a flipped bit")
parser.add_argument("--backend", help="train on this Qiskit backend from the start, such as aer")
parser.add_argument("--shots", type=int, default=100, help="of each circuit on the backend")
parser.add_argument("--seed", type=int, default=0, help="of the network and of shots")
args = parser.parse_args()

# %%
# The model
# ---------
# Three qubits: rotations by the three outputs of the network, rotations by trained angles, CNOTs.
# The expectation value of Z of a qubit is the score of a digit, 0, 1 or 2.

x, w = ParameterVector("x", 3), ParameterVector("w", 6)
circuit = QuantumCircuit(3)
for qubit in range(3):
    circuit.ry(x[qubit], qubit)
    circuit.rx(w[qubit], qubit)
for qubit in range(3):
    circuit.cx(qubit, (qubit + 1) % 3)
for qubit in range(3):
    circuit.ry(w[3 + qubit], qubit)


class Net(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=3, padding=1)
        self.conv2_drop = nn.Dropout2d(0.25)
        self.fc1 = nn.Linear(80, 50)
        self.fc2 = nn.Linear(50, 3)
        self.quantum = TorchCircuit(circuit, x, w, observables=["IIZ", "IZI", "ZII"], **options)

    def forward(self, images):
        hidden = F.relu(F.max_pool2d(self.conv1(images), 2))
        hidden = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(hidden)), 2))
        hidden = F.relu(self.fc1(hidden.flatten(1)))
        hidden = F.dropout(hidden, p=0.25, training=self.training)
        # Expectation values lie in [-1, 1], too narrow for confident probabilities.
        return 3 * self.quantum(self.fc2(hidden))


# %%
# The pictures are scikit-learn's digits. An epoch is 200 of them, drawn at random.

images, labels = load_digits(n_class=3, return_X_y=True)
images = torch.tensor(images / 16).float().reshape(-1, 1, 8, 8)
images, test_images, labels, test_labels = train_test_split(
    images, torch.tensor(labels), test_size=0.3, random_state=0, stratify=labels
)
data = TensorDataset(images, labels)


def accuracy(model):
    model.eval()
    with torch.no_grad():
        return (model(test_images).argmax(dim=1) == test_labels).double().mean().item()


def train(model, epochs, rate):
    """Minimise the cross-entropy with Adam; return the losses of all steps."""
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    loader = DataLoader(data, batch_size=20, sampler=RandomSampler(data, num_samples=200))
    losses = []
    model.train()
    for _ in tqdm(range(epochs), unit="epoch", disable=None):
        for batch, batch_labels in loader:
            optimiser.zero_grad()
            loss = F.cross_entropy(model(batch), batch_labels)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses


# %%
# Training under noise
# --------------------
# The first device is the exact simulator, with a depolarizing channel after every rotation and
# readout errors. The second is a backend with shots. ``Net`` and ``train`` are the same for both.


def simulator(noise):
    rotations = qml.noise.op_in([qml.RX, qml.RY])
    model = qml.NoiseModel({rotations: qml.noise.partial_wires(qml.DepolarizingChannel, noise)})
    device = qml.device("qizgloria.mixed", wires=3, readout_prob=args.readout, seed=args.seed)
    return qml.add_noise(device, model)


on_simulator = {"quantum_device": simulator(args.noise)}
on_backend = {
    "quantum_device": "qizgloria.qiskit",
    "device_options": {"backend": args.backend or "aer", "seed": args.seed},
    "shots": args.shots,
}

torch.manual_seed(args.seed)
model = Net(**(on_backend if args.backend else on_simulator))
start = time.perf_counter()
losses = train(model, args.epochs, rate=0.01)
seconds = time.perf_counter() - start
trained = accuracy(model)
print(
    f"{model.quantum.device.name}: {args.epochs} epochs in {seconds:.0f} s, accuracy {trained:.1%}"
)

# %%
# Moving to the backend
# ---------------------
# One line changes, that of the device. A checkpoint carries over the weights of the network and the
# angles of the circuit. It does not carry what belongs to a device: its noise, its readout errors,
# shots and random numbers.

moved = Net(**on_backend)
moved.load_state_dict(model.state_dict())
at_once = accuracy(moved)

# %%
# The model reads digits there at once, although the simulator had noise and no shots, and Aer has
# shots and no noise. Training goes on there with the same code; the gradients are parameter shifts
# now, all circuits of a step in one job. On hardware this is the part that takes time and money, so
# that it should be short.

start = time.perf_counter()
more_losses = train(moved, args.more_epochs, rate=0.002)
seconds = time.perf_counter() - start
adapted = accuracy(moved)
print(f"{moved.quantum.device.name}: accuracy {at_once:.1%} at once")
print(f"{args.more_epochs} more epochs in {seconds:.0f} s, accuracy {adapted:.1%}")

# %%
# How much noise the model bears
# ------------------------------
# Back on the simulator, the same checkpoint is tested under other strengths of noise, exactly and
# with shots. Depolarizing noise shrinks the expectation values, and hardly changes here which of
# them is the largest, so that exact results stay right. With shots, differences that have shrunk
# below :math:`1/\sqrt{\mathrm{shots}}` are lost. A model under more noise needs more shots.

strengths = np.linspace(0, 0.6, 7)
accuracies = {}
for shots in (None, 1000, 100, 10):
    accuracies[shots] = []
    for strength in strengths:
        tested = Net(quantum_device=simulator(strength), shots=shots)
        tested.load_state_dict(model.state_dict())
        accuracies[shots].append(accuracy(tested))

# %%
# Left, the losses of all steps; right, the accuracy under noise.

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
steps = np.arange(len(losses) + len(more_losses)) / 10
first = args.backend or "exact simulator with noise"
left.plot(steps[: len(losses)], losses, label=first)
left.plot(steps[len(losses) :], more_losses, label=f"{args.backend or 'aer'}, {args.shots} shots")
left.set(xlabel="epoch", ylabel="cross-entropy", ylim=(0, None))
left.legend()
for shots, values in accuracies.items():
    right.plot(strengths, values, "o-", markersize=4, label=f"{shots} shots" if shots else "exact")
right.set(xlabel="depolarizing probability", ylabel="accuracy on the test set")
right.legend()
plt.show()
