"""Train a hybrid classifier for handwritten digits through a noisy quantum circuit.

A small convolutional network turns each 8x8 picture of a 0, a 1 or a 2 into four angles. A
four-qubit circuit, with a depolarizing and an amplitude damping channel after every gate and
with readout errors, turns the angles into three expectation values, and these, times one common
factor, are the class scores: no path leads from the picture to the scores past the circuit.

The demo shows

* a QNode on a noisy device as a layer of an ordinary torch model,
* training by backpropagation through the exact noisy simulation, and
* parameter broadcasting: every mini-batch goes through the circuit in a single QNode call.

Run it with::

    python demos/digits.py
    python demos/digits.py --depolarizing 0.05 --damping 0.05 --output noisier.png

It needs scikit-learn (for the pictures and their split), matplotlib and tqdm. The training curves
and the confusion matrix are drawn into ``digits.png``. Other PennyLane devices can be compared
with ``--device``; ``--readout 0`` leaves readout errors out for those that do not have them.
"""

import argparse
import math
import time
from dataclasses import dataclass, field

import numpy as np
import pennylane as qml
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

CLASSES = (0, 1, 2)
N_WIRES = 4
N_LAYERS = 2
TRAIN_COLOR, TEST_COLOR = "#2a6fbb", "#e07b39"


@dataclass
class Noise:
    """Strengths of the errors: two channels after every gate, and bit flips on readout."""

    depolarizing: float
    damping: float
    readout: float


@dataclass
class History:
    """Loss and accuracy of every epoch: means over training, and on the test set after it."""

    train_loss: list[float] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)


def make_circuit(device_name: str, noise: Noise) -> qml.QNode:
    """Build the noisy circuit: (batch, 4) angles in, three expectation values a picture out."""
    # Leaving the option out, rather than passing 0, also suits devices that do not know it.
    options = {"readout_prob": noise.readout} if noise.readout > 0 else {}
    device = qml.device(device_name, wires=N_WIRES, **options)

    def add_noise(wires: list[int]) -> None:
        for wire in wires:
            qml.DepolarizingChannel(noise.depolarizing, wires=wire)
            qml.AmplitudeDamping(noise.damping, wires=wire)

    @qml.qnode(device, interface="torch", diff_method="backprop")
    def circuit(angles: Tensor, weights: Tensor) -> list[Tensor]:
        # The leading axis of `angles` is the mini-batch, which PennyLane broadcasts over.
        qml.AngleEmbedding(angles, wires=range(N_WIRES), rotation="Y")
        add_noise(list(range(N_WIRES)))
        for layer in weights:
            for wire in range(N_WIRES):
                qml.Rot(*layer[wire], wires=wire)
                add_noise([wire])
            for wire in range(N_WIRES):
                pair = [wire, (wire + 1) % N_WIRES]
                qml.CNOT(wires=pair)
                add_noise(pair)
        return [qml.expval(qml.PauliZ(wire)) for wire in range(len(CLASSES))]

    return circuit


class QuantumLayer(nn.Module):
    """The noisy circuit as a torch layer: (batch, 4) angles to (batch, 3) expectation values."""

    def __init__(self, device_name: str, noise: Noise) -> None:
        super().__init__()
        self.circuit = make_circuit(device_name, noise)
        self.weights = nn.Parameter(2 * math.pi * torch.rand(N_LAYERS, N_WIRES, 3))

    def forward(self, angles: Tensor) -> Tensor:
        """Run the circuit once for the whole mini-batch."""
        # The network around the circuit works in float32, the simulation in float64. Both casts
        # are differentiable, so gradients come back in the precision of each parameter.
        expvals = self.circuit(angles.double(), self.weights.double())
        return torch.stack(tuple(expvals), dim=-1).to(angles.dtype)


class HybridClassifier(nn.Module):
    """Convolutional network -> four angles -> noisy circuit -> class scores."""

    def __init__(self, device_name: str, noise: Noise) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 6, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(8 * 2 * 2, N_WIRES),
            nn.Tanh(),  # keeps the angles within one turn, between -pi and pi
        )
        self.quantum = QuantumLayer(device_name, noise)
        # Expectation values lie in [-1, 1], too narrow for confident probabilities. One learned
        # factor widens them; it cannot change which class wins, so the circuit alone decides.
        self.log_scale = nn.Parameter(torch.tensor(math.log(4.0)))

    def forward(self, images: Tensor) -> Tensor:
        """Score (batch, 1, 8, 8) pictures for the three classes."""
        angles = math.pi * self.encoder(images)
        return self.log_scale.exp() * self.quantum(angles)


def load_data(seed: int) -> tuple[TensorDataset, TensorDataset]:
    """Load the pictures of the three classes and split them 70:30 into training and test."""
    digits = load_digits(n_class=len(CLASSES))
    images = (digits.images[:, np.newaxis] / 16).astype(np.float32)  # pixels run from 0 to 16
    # Stratified: both parts hold the classes in the same proportions.
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=0.3, random_state=seed, stratify=digits.target
    )
    train = TensorDataset(torch.from_numpy(train_x), torch.from_numpy(train_y))
    test = TensorDataset(torch.from_numpy(test_x), torch.from_numpy(test_y))
    return train, test


@torch.no_grad()
def evaluate(model: nn.Module, data: TensorDataset) -> tuple[float, float, Tensor]:
    """Return loss, accuracy and predicted classes for a whole data set, in one circuit call."""
    images, labels = data.tensors
    scores = model(images)
    predictions = scores.argmax(dim=1)
    loss = nn.functional.cross_entropy(scores, labels).item()
    return loss, (predictions == labels).double().mean().item(), predictions


def train_epoch(
    model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer, bar: tqdm
) -> tuple[float, float]:
    """Train for one epoch; return the mean loss and accuracy over its mini-batches."""
    total_loss, correct, seen = 0.0, 0, 0
    for images, labels in loader:
        optimizer.zero_grad()
        scores = model(images)
        loss = nn.functional.cross_entropy(scores, labels)
        loss.backward()
        optimizer.step()

        # The last mini-batch may be smaller, hence the weighting by size.
        total_loss += loss.item() * len(labels)
        correct += (scores.argmax(dim=1) == labels).sum().item()
        seen += len(labels)
        bar.set_postfix(loss=f"{total_loss / seen:.3f}", accuracy=f"{correct / seen:.1%}")
        bar.update()
    return total_loss / seen, correct / seen


def train(
    model: nn.Module, train_data: TensorDataset, test_data: TensorDataset, args: argparse.Namespace
) -> History:
    """Train with Adam and record how the losses and accuracies develop."""
    loader = DataLoader(train_data, batch_size=args.batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    history = History()
    for epoch in range(1, args.epochs + 1):
        with tqdm(total=len(loader), desc=f"epoch {epoch:2d}/{args.epochs}", unit="batch") as bar:
            loss, accuracy = train_epoch(model, loader, optimizer, bar)
            test_loss, test_accuracy, _ = evaluate(model, test_data)
            bar.set_postfix(
                loss=f"{loss:.3f}", accuracy=f"{accuracy:.1%}", test=f"{test_accuracy:.1%}"
            )
        history.train_loss.append(loss)
        history.train_accuracy.append(accuracy)
        history.test_loss.append(test_loss)
        history.test_accuracy.append(test_accuracy)
    return history


def format_matrix(matrix: np.ndarray) -> str:
    """Write the confusion matrix as a table: a row for each true digit."""
    header = "          " + "".join(f"  said {digit}" for digit in CLASSES)
    rows = [
        f"  is a {digit}  " + "".join(f"{count:8d}" for count in row)
        for digit, row in zip(CLASSES, matrix, strict=True)
    ]
    return "\n".join([header, *rows])


def draw_curve(axes: Axes, title: str, train_values: list[float], test_values: list[float]) -> None:
    """Draw one quantity against the epoch, for training and test."""
    epochs = range(1, len(train_values) + 1)
    axes.plot(epochs, train_values, "o-", color=TRAIN_COLOR, markersize=4, label="train")
    axes.plot(epochs, test_values, "s-", color=TEST_COLOR, markersize=4, label="test")
    axes.set(title=title, xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


def draw_matrix(axes: Axes, matrix: np.ndarray) -> None:
    """Draw the confusion matrix with the counts written into its cells."""
    axes.imshow(matrix, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(matrix):
        color = "white" if count > matrix.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=14)
    axes.set(title="Test pictures", xlabel="predicted digit", ylabel="true digit")
    axes.set_xticks(range(len(CLASSES)), CLASSES)
    axes.set_yticks(range(len(CLASSES)), CLASSES)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def draw(history: History, matrix: np.ndarray, noise: Noise, path: str) -> None:
    """Draw the training curves and the confusion matrix into a file."""
    # A bare Figure, without pyplot, is rendered by Agg straight into the file: no display needed.
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
    left, middle, right = figure.subplots(1, 3)
    draw_curve(left, "Cross-entropy", history.train_loss, history.test_loss)
    left.set_ylim(0, 1.05 * max(history.train_loss + history.test_loss))
    draw_curve(middle, "Accuracy", history.train_accuracy, history.test_accuracy)
    middle.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    middle.set_ylim(0, 1.03)
    draw_matrix(right, matrix)
    figure.suptitle(
        f"Digits through a noisy {N_WIRES}-qubit circuit: depolarizing {noise.depolarizing:g}, "
        f"damping {noise.damping:g}, readout error {noise.readout:g}"
    )
    figure.savefig(path, dpi=150)


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description="Train a hybrid classifier for handwritten digits through a noisy circuit.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training data")
    parser.add_argument("--batch-size", type=int, default=16, help="pictures per circuit call")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate of Adam")
    parser.add_argument("--seed", type=int, default=7, help="seed of the split and the training")
    parser.add_argument("--device", default="qizgloria.mixed", help="PennyLane device")
    parser.add_argument(
        "--depolarizing", type=float, default=0.01, help="depolarizing probability after gates"
    )
    parser.add_argument(
        "--damping", type=float, default=0.02, help="amplitude damping probability after gates"
    )
    parser.add_argument("--readout", type=float, default=0.02, help="readout error probability")
    parser.add_argument("--output", default="digits.png", help="file for the picture")
    return parser.parse_args()


def main() -> None:
    """Train, report and draw."""
    args = parse_args()
    torch.manual_seed(args.seed)
    noise = Noise(args.depolarizing, args.damping, args.readout)
    train_data, test_data = load_data(args.seed)
    model = HybridClassifier(args.device, noise)
    print(f"{len(train_data)} training and {len(test_data)} test pictures on {args.device}")

    start = time.perf_counter()
    history = train(model, train_data, test_data, args)
    print(f"\ntrained in {time.perf_counter() - start:.0f} s")

    _, accuracy, predictions = evaluate(model, test_data)
    matrix = confusion_matrix(test_data.tensors[1], predictions)
    print(f"test accuracy {accuracy:.1%}\n\n{format_matrix(matrix)}\n")
    draw(history, matrix, noise, args.output)
    print(f"wrote {args.output}")


if __name__ == "__main__":
    main()
