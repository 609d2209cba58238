"""The demo of a convolutional network in front of a Qiskit circuit."""

import numpy as np
import pennylane as qml
import sklearn.datasets
import torch
from qiskit.quantum_info import Pauli, Statevector


def test_all_settings_train(run_demo):
    """Losses fall and accuracies rise; layers, shots and results are those that the page names."""
    result = run_demo("mnist", "--epochs", 2)
    assert result["images"].shape == (520, 1, 28, 28)
    for values in result["losses"].values():
        assert np.mean(values[-10:]) < 0.95 * np.mean(values[:10])
    assert all(accuracy > 0.4 for accuracy in result["accuracies"].values())

    sizes = [tuple(weight.shape) for weight in result["model"].parameters() if weight.ndim > 1]
    assert sizes == [(10, 1, 5, 5), (20, 10, 5, 5), (50, 320), (3, 50)]

    angles = torch.linspace(-1, 1, 60).reshape(20, 3)
    states = [Statevector(result["circuit"].assign_parameters(x.tolist())) for x in angles]
    expected = np.stack([state.probabilities() for state in states])
    words = Pauli("IZ"), Pauli("ZI")
    expectations = [[state.expectation_value(word).real for word in words] for state in states]
    np.testing.assert_allclose(result["analytic"](angles).detach(), expected, atol=0.25)
    np.testing.assert_allclose(result["differences"](angles).detach(), expectations, atol=0.06)
    z = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])  # of outcomes 0 to 3
    assert result["scores"](z).argmax(dim=1).tolist() == [0, 1, 2, 3]
    for name, shots in (("analytic", 14_000), ("differences", 1_400_000)):
        with qml.Tracker(result[name].device) as tracker:
            result[name](angles.requires_grad_()).sum().backward()
        assert tracker.totals["shots"] == shots


def test_mnist_is_loaded_from_openml(run_demo, monkeypatch):
    """What OpenML sends (rows of pixels, names of digits) becomes pictures from 0 to 1."""
    names = np.array([str(digit % 5) for digit in range(400)], dtype=object)
    rows = np.zeros((400, 784))
    rows[:, 28 * 3 + 5] = np.where(names == "2", 255, 51)  # row 3, column 5

    def fetch_openml(name, *, return_X_y, as_frame):
        assert (name, return_X_y, as_frame) == ("mnist_784", True, False)
        return rows, names

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    result = run_demo("mnist", "--data", "mnist", "--epochs", 1, "--samples", 20)
    images, labels = result["images"], result["labels"]
    assert images.shape == (120, 1, 28, 28)
    assert sorted(set(labels.tolist())) == [0, 1, 2, 3]
    assert torch.allclose(images[:, 0, 3, 5], torch.where(labels == 2, 1.0, 0.2))
    images[:, 0, 3, 5] = 0
    assert not images.any()
    assert all(np.isfinite(values).all() for values in result["losses"].values())
