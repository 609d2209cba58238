"""Train a small convolutional network that ends in a Qiskit circuit, on handwritten digits.

Two convolutions, dropout and two linear layers turn each 8x8 picture of a 0, a 1 or a 2 into three
angles. A Qiskit circuit of three qubits turns these into three expectation values of Z, which are
the class scores. Everything trains together, with one optimiser.

By default the circuit runs on the exact simulator with depolarizing noise after every rotation
and with readout errors. The same model trains on a Qiskit backend with shots, its gradients by
parameter shifts::

    python demos/hybrid.py
    python demos/hybrid.py --noise 0.1 --readout 0.05
    python demos/hybrid.py --backend aer --shots 100

The simulator takes a few seconds in all, Aer about a minute. Both end with nearly every picture of
the test set classified correctly. It needs scikit-learn, for the pictures.
"""

import argparse
import time

import pennylane as qml
import torch
import torch.nn.functional as F
from qiskit.circuit import ParameterVector, QuantumCircuit
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from pennylane_qizgloria import TorchCircuit

CLASSES = 3
SAMPLES_PER_EPOCH = 200
BATCH_SIZE = 20


def circuit_layer(**options: object) -> TorchCircuit:
    """Rotations by the inputs and by trained angles, joined by CNOTs; Z of each qubit."""
    x, w = ParameterVector("x", CLASSES), ParameterVector("w", 2 * CLASSES)
    circuit = QuantumCircuit(CLASSES)
    for qubit in range(CLASSES):
        circuit.ry(x[qubit], qubit)
        circuit.rx(w[qubit], qubit)
    for qubit in range(CLASSES):
        circuit.cx(qubit, (qubit + 1) % CLASSES)
    for qubit in range(CLASSES):
        circuit.ry(w[CLASSES + qubit], qubit)
    return TorchCircuit(circuit, x, w, observables=["IIZ", "IZI", "ZII"], **options)


class Net(nn.Module):
    """Pictures of shape (batch, 1, 8, 8) to class scores of shape (batch, 3)."""

    def __init__(self, quantum: TorchCircuit) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=3, padding=1)
        self.conv2_drop = nn.Dropout2d(0.25)
        self.fc1 = nn.Linear(80, 50)
        self.fc2 = nn.Linear(50, CLASSES)
        self.quantum = quantum

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2))
        x = F.relu(self.fc1(x.flatten(1)))
        x = F.dropout(x, p=0.25, training=self.training)
        # Expectation values lie in [-1, 1], too narrow for confident probabilities.
        return 3 * self.quantum(self.fc2(x))


def noisy_simulator(noise: float, readout: float) -> qml.devices.Device:
    """The exact simulator, with a depolarizing channel after every rotation."""
    rotations = qml.noise.op_in([qml.RX, qml.RY])
    model = qml.NoiseModel({rotations: qml.noise.partial_wires(qml.DepolarizingChannel, noise)})
    device = qml.device("qizgloria.mixed", wires=CLASSES, readout_prob=readout)
    return qml.add_noise(device, model)


def load_data() -> tuple[TensorDataset, TensorDataset]:
    """The pictures of the first digits, 70:30 for training and test."""
    images, labels = load_digits(n_class=CLASSES, return_X_y=True)
    split = train_test_split(images / 16, labels, test_size=0.3, random_state=0, stratify=labels)
    x, x_test, y, y_test = map(torch.tensor, split)
    shape = (-1, 1, 8, 8)
    training = TensorDataset(x.float().reshape(shape), y)
    return training, TensorDataset(x_test.float().reshape(shape), y_test)


def accuracy(model: Net, data: TensorDataset) -> float:
    """The fraction of a set that is classified correctly."""
    model.eval()
    images, labels = data.tensors
    with torch.no_grad():
        return (model(images).argmax(1) == labels).double().mean().item()


def train(model: Net, data: TensorDataset, test: TensorDataset, epochs: int) -> None:
    """Minimise the cross entropy with Adam."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    sampler = RandomSampler(data, num_samples=SAMPLES_PER_EPOCH)
    loader = DataLoader(data, batch_size=BATCH_SIZE, sampler=sampler)
    for epoch in range(1, epochs + 1):
        start, total = time.perf_counter(), 0.0
        model.train()
        for images, labels in loader:
            optimiser.zero_grad()
            loss = F.cross_entropy(model(images), labels)
            loss.backward()
            optimiser.step()
            total += loss.item() * len(labels) / SAMPLES_PER_EPOCH
        seconds = time.perf_counter() - start
        print(
            f"epoch {epoch}: loss {total:.3f}, accuracy on the test set "
            f"{accuracy(model, test):.1%}, {seconds:.2f} s",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--noise", type=float, default=0.02, help="depolarizing probability")
    parser.add_argument("--readout", type=float, default=0.02, help="probability of a flipped bit")
    parser.add_argument(
        "--backend", help="a Qiskit backend, such as aer, in place of the simulator"
    )
    parser.add_argument(
        "--shots", type=int, help="for each circuit; by default 100 on a backend, else exact"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    shots = arguments.shots
    if arguments.backend is None:
        device = noisy_simulator(arguments.noise, arguments.readout)
        quantum = circuit_layer(device=device, shots=shots)
        where = (
            f"the simulator with depolarizing noise of {arguments.noise:.1%} and readout errors "
            f"of {arguments.readout:.1%}"
        )
    else:
        options = {"backend": arguments.backend}
        shots = shots or 100
        quantum = circuit_layer(device="qizgloria.qiskit", device_options=options, shots=shots)
        where = f"{arguments.backend} with {shots} shots"
    model = Net(quantum)
    training, test = load_data()
    print(model)
    print(
        f"Pictures: {len(training)} for training, {SAMPLES_PER_EPOCH} of them in an epoch, "
        f"{len(test)} for the test. The circuit runs on {where}."
    )
    start = time.perf_counter()
    train(model, training, test, arguments.epochs)
    print(f"In all {time.perf_counter() - start:.0f} s.")


if __name__ == "__main__":
    main()
