"""
Handwritten digits through a noisy circuit
==========================================

A small convolutional network turns each 8x8 picture of a 0, a 1 or a 2 into four angles. A
four-qubit circuit with noise after every gate and with readout errors turns the angles into three
expectation values, which are the class scores. You will see how a QNode on ``qizgloria.mixed``
becomes a layer of an ordinary torch model, and how the model is trained by backpropagation through
the exact noisy simulation, a mini-batch at a time.

.. image:: images/sphx_glr_digits_001.png
   :alt: Cross-entropy and accuracy by epoch, and the confusion matrix of the test pictures
   :width: 100%
"""

import argparse
import math
import time

import matplotlib.pyplot as plt
import pennylane as qml
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from pennylane_qizgloria import TorchLayer

parser = argparse.ArgumentParser(
    description="Train a classifier for handwritten digits through a noisy circuit.",
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
)
parser.add_argument("--epochs", type=int, default=10, help="passes over the pictures")
parser.add_argument("--batch-size", type=int, default=16, help="pictures in a call")
parser.add_argument("--lr", type=float, default=0.01, help="learning rate of Adam")
parser.add_argument("--seed", type=int, default=7, help="seed of split and training")
parser.add_argument("--device", default="qizgloria.mixed", help="PennyLane device")
parser.add_argument("--depolarizing", type=float, default=0.01, help="after each gate")
parser.add_argument("--damping", type=float, default=0.02, help="after each gate")
parser.add_argument("--readout", type=float, default=0.02, help="chance of a flipped bit")
parser.add_argument("--output", help="file for the picture")
args = parser.parse_args()

torch.manual_seed(args.seed)

# %%
# The circuit
# -----------
#
# Every gate is followed by a depolarizing and an amplitude damping channel on each of its wires.
# The first argument is called ``inputs``, as in PennyLane's ``TorchLayer``; its leading axis is the
# mini-batch, so that a call runs the circuit once for all pictures of a batch.
#
# Readout errors are an option of the device, which ``--readout 0`` leaves out for devices that do
# not have it. PennyLane's ``default.mixed`` gives the same training, more slowly: compare
# ``--readout 0`` and ``--readout 0 --device default.mixed``.

WIRES, LAYERS, CLASSES = 4, 2, 3

options = {"readout_prob": args.readout} if args.readout > 0 else {}
device = qml.device(args.device, wires=WIRES, **options)


def noise(*wires):
    for wire in wires:
        qml.DepolarizingChannel(args.depolarizing, wires=wire)
        qml.AmplitudeDamping(args.damping, wires=wire)


@qml.qnode(device, diff_method="backprop")
def circuit(inputs, weights):
    for wire in range(WIRES):
        qml.RY(inputs[..., wire], wires=wire)
        noise(wire)
    for layer in weights:
        for wire in range(WIRES):
            qml.Rot(*layer[wire], wires=wire)
            noise(wire)
        for wire in range(WIRES):
            target = (wire + 1) % WIRES
            qml.CNOT(wires=[wire, target])
            noise(wire, target)
    return [qml.expval(qml.Z(wire)) for wire in range(CLASSES)]


# %%
# The model
# ---------
#
# No path leads from a picture to its scores past the circuit. Expectation values lie between -1 and
# 1, too narrow for confident probabilities, so one trained factor widens them all. It does not
# change which class has the highest score: the circuit decides.


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(8 * 2 * 2, WIRES),
            nn.Tanh(),
        )
        self.circuit = TorchLayer(circuit, {"weights": (LAYERS, WIRES, 3)})
        self.factor = nn.Parameter(torch.tensor(4.0))

    def forward(self, images):
        angles = math.pi * self.encoder(images)
        return self.factor * self.circuit(angles)


model = Classifier()

# %%
# The pictures
# ------------
#
# They come with scikit-learn. 70 % of them are for training, and both parts have the same share of
# each digit.

images, labels = load_digits(n_class=CLASSES, return_X_y=True)
images = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
split = train_test_split(
    images, torch.tensor(labels), test_size=0.3, random_state=args.seed, stratify=labels
)
train_images, test_images, train_labels, test_labels = split
training = TensorDataset(train_images, train_labels)
loader = DataLoader(training, batch_size=args.batch_size, shuffle=True)
print(f"{len(training)} training and {len(test_images)} test pictures on {args.device}")

# %%
# Training
# --------
#
# Nothing here knows of the circuit. Gradients are exact: with noise in the simulation, but without
# the noise of shots.

optimiser = torch.optim.Adam(model.parameters(), args.lr)
history = {"train loss": [], "test loss": [], "train accuracy": [], "test accuracy": []}
start = time.perf_counter()

with tqdm(total=args.epochs * len(loader), unit="batch", disable=None) as bar:
    for epoch in range(1, args.epochs + 1):
        total_loss = correct = 0
        for batch, targets in loader:
            optimiser.zero_grad()
            scores = model(batch)
            loss = cross_entropy(scores, targets)
            loss.backward()
            optimiser.step()
            # The last batch may be smaller, hence the weighting by its size.
            total_loss += loss.item() * len(targets)
            correct += (scores.argmax(1) == targets).sum().item()
            bar.update()
        with torch.no_grad():
            test_scores = model(test_images)
        accuracy = (test_scores.argmax(1) == test_labels).double().mean().item()
        history["train loss"].append(total_loss / len(train_images))
        history["train accuracy"].append(correct / len(train_images))
        history["test loss"].append(cross_entropy(test_scores, test_labels).item())
        history["test accuracy"].append(accuracy)
        latest = [f"{name} {values[-1]:.3f}" for name, values in history.items()]
        tqdm.write(f"epoch {epoch:2d}: " + ", ".join(latest))

print(f"trained in {time.perf_counter() - start:.0f} s")

# %%
# Result
# ------
#
# The test pictures after the last epoch. A row of the confusion matrix is a true digit, a column
# what the model took it for.

predictions = test_scores.argmax(1)
matrix = confusion_matrix(test_labels, predictions)
print(f"test accuracy {accuracy:.1%}\n")
print("          " + "".join(f"  said {digit}" for digit in range(CLASSES)))
for digit, row in enumerate(matrix):
    print(f"  is a {digit}  " + "".join(f"{count:8d}" for count in row))

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
epochs = range(1, args.epochs + 1)
for axis, name in zip(axes, ("loss", "accuracy"), strict=False):
    axis.plot(epochs, history[f"train {name}"], "o-", markersize=4, label="training")
    axis.plot(epochs, history[f"test {name}"], "s-", markersize=4, label="test")
    axis.set(xlabel="epoch", ylim=(0, None))
    axis.xaxis.get_major_locator().set_params(integer=True)
axes[0].set_title("Cross-entropy")
axes[0].legend()
axes[1].set_title("Accuracy")
axes[1].yaxis.set_major_formatter("{x:.0%}")
ConfusionMatrixDisplay(matrix).plot(ax=axes[2], cmap="Blues", colorbar=False)
axes[2].set(title="Test pictures", xlabel="predicted digit", ylabel="true digit")
axes[2].grid(visible=False)
noise_levels = f"depolarizing {args.depolarizing:g}, damping {args.damping:g}"
figure.suptitle(f"Digits with {noise_levels}, readout error {args.readout:g}")
if args.output:
    figure.savefig(args.output, dpi=150)
    print(f"\nwrote {args.output}")
plt.show()
