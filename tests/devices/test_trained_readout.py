"""Readout error that changes between calls: it is read, and validated, at each of them."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device

ANGLE = 0.4


def confusion(p10, p01):
    return torch.stack([torch.stack([1 - p10, p10]), torch.stack([p01, 1 - p01])])


def node(device, **options):
    """The mean and the probability of a 1, read with an error."""

    @qml.qnode(device, **options)
    def circuit(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0)), qml.probs(wires=0)

    return circuit


def exact(p10, p01):
    """The reported mean of Z, and its derivatives by both probabilities."""
    one = np.sin(ANGLE / 2) ** 2
    return (1 - one) * (1 - 2 * p10) - one * (1 - 2 * p01), (-2 * (1 - one), 2 * one)


def repr_of(value):
    """An id without an address, which workers must agree on."""
    return type(value).__name__


def double(value):
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


# How a leaf of two numbers becomes a readout error, and the two probabilities.
FORMS = {
    "pair": lambda leaf: leaf,
    "dict": lambda leaf: {0: leaf},
    "function": lambda leaf: lambda: leaf,
    "function of a pair": lambda leaf: lambda: (leaf[0], leaf[1]),
    "function of a dict": lambda leaf: lambda: {0: leaf},
    "function of a matrix": lambda leaf: lambda: confusion(leaf[0], leaf[1]),
    "function of matrices": lambda leaf: lambda: confusion(leaf[0], leaf[1])[None],
    "function of a list of matrices": lambda leaf: lambda: [confusion(leaf[0], leaf[1])],
}


@pytest.mark.parametrize("form", FORMS)
def test_training(form):
    """Loss and gradient follow the readout error, step by step."""
    leaf = double([0.1, 0.2])
    circuit = node(mixed_device(1, readout_prob=FORMS[form](leaf)), interface="torch")
    optimizer = torch.optim.SGD([leaf], lr=0.01)
    values = []
    for _ in range(4):
        expected, gradient = exact(*leaf.detach().numpy())
        optimizer.zero_grad()
        mean, probabilities = circuit(ANGLE)
        mean.backward(retain_graph=True)
        assert abs(mean.item() - expected) < 1e-12
        assert abs((probabilities[0] - probabilities[1]).item() - expected) < 1e-12
        np.testing.assert_allclose(leaf.grad, gradient, rtol=0, atol=1e-12)
        values.append(mean.item())
        optimizer.step()
    assert len(set(values)) == 4


@pytest.mark.parametrize("read", [lambda p, q: (p, q), lambda p, q: {0: [p, q]}])
def test_pair_of_leaves(read):
    """Two parameters make a pair, as two numbers do, and both have their gradients."""
    p10, p01 = double(0.1), double(0.2)
    circuit = node(mixed_device(1, readout_prob=read(p10, p01)), interface="torch")
    for _ in range(2):
        p10.grad = p01.grad = None
        circuit(ANGLE)[0].backward()
        expected = exact(p10.item(), p01.item())[1]
        np.testing.assert_allclose([p10.grad, p01.grad], expected, rtol=0, atol=1e-12)
        with torch.no_grad():
            p10 += 0.1


def test_matrix_updated_in_place():
    """A matrix that is written into between calls is read anew, with its gradient."""
    matrix = double([[0.9, 0.1], [0.2, 0.8]])
    circuit = node(mixed_device(1, readout_prob=matrix), interface="torch")
    for p10, p01 in [(0.1, 0.2), (0.3, 0.05)]:
        with torch.no_grad():
            matrix.copy_(confusion(torch.tensor(p10), torch.tensor(p01)))
        matrix.grad = None
        mean, _ = circuit(ANGLE)
        mean.backward()
        assert abs(mean.item() - exact(p10, p01)[0]) < 1e-7
        assert matrix.grad.abs().max() > 0.1


@pytest.mark.parametrize(
    "read", [lambda x: x, lambda x: {0: x}, lambda x: [x]], ids=["all wires", "dict", "matrices"]
)
@pytest.mark.parametrize("kind", [list, np.array], ids=["list", "array"])
def test_numbers_changed_in_place(kind, read):
    """Plain numbers are remembered once validated, until they are others."""
    numbers = kind([[0.9, 0.1], [0.2, 0.8]])
    circuit = node(mixed_device(1, readout_prob=read(numbers)))
    for p10, p01 in [(0.1, 0.2), (0.3, 0.05)]:
        for row, new in zip(numbers, [[1 - p10, p10], [p01, 1 - p01]], strict=True):
            row[:] = new
        assert abs(circuit(ANGLE)[0] - exact(p10, p01)[0]) < 1e-12
    numbers[0][0] = 1.3
    with pytest.raises(ValueError, match=r"^qizgloria.mixed: .* must be in the range \[0,1\]"):
        circuit(ANGLE)


def test_plain_numbers_are_remembered():
    """The model of plain numbers is made once, in whatever mode torch is in."""
    device = mixed_device(1, readout_prob={0: (0.1, 0.2)})
    with torch.inference_mode():
        model = device.simulation_config(None).confusion
        assert device.simulation_config(None).confusion is model
    x = double(ANGLE)
    node(device)(x)[0].backward()
    assert abs(x.grad.item() + 0.7 * np.sin(ANGLE)) < 1e-12


@pytest.mark.parametrize("shots", [None, 10])
@pytest.mark.parametrize("make", [lambda e: e, lambda e: lambda: e, lambda e: {0: e}])
def test_walking_out_of_range(make, shots):
    """A probability that leaves [0, 1] in training is refused at the next call."""
    error = double(0.1)
    circuit = qml.set_shots(
        node(mixed_device(1, readout_prob=make(error)), interface="torch"), shots
    )
    circuit(ANGLE)
    with torch.no_grad():
        error -= 0.2
    with pytest.raises(ValueError, match=r"^qizgloria.mixed: .* must be in the range \[0,1\], got"):
        circuit(ANGLE)
    with torch.no_grad():
        error += 0.2
    circuit(ANGLE)


@pytest.mark.parametrize("given", ["0.1", None, object(), 1.5, (0.1, 0.2, 0.3)], ids=repr_of)
def test_function_that_returns_something_else(given):
    """What a function returns is validated when it is called; None is no error."""
    circuit = node(mixed_device(1, readout_prob=lambda: given))
    if given is None:
        assert abs(circuit(ANGLE)[0] - np.cos(ANGLE)) < 1e-12
        return
    with pytest.raises((TypeError, ValueError), match=r"^qizgloria.mixed: .*readout"):
        circuit(ANGLE)


def test_tensor_that_was_computed_once():
    """Its graph is used up by one backward pass, and it does not follow its parameters: the second
    step is refused, and says what to give instead. Without gradients it may still be read."""
    logit = double(0.0)
    circuit = node(mixed_device(1, readout_prob=torch.sigmoid(logit)), interface="torch")
    first, second = circuit(ANGLE)[0], circuit(2 * ANGLE)[0]
    (first + second).backward()
    assert abs(logit.grad.item() + 0.5 * (np.cos(ANGLE) + np.cos(2 * ANGLE))) < 1e-12
    with pytest.raises(ValueError, match=r"computed once.*readout_prob=lambda: torch.sigmoid"):
        circuit(ANGLE)
    with torch.no_grad():
        assert abs(circuit(ANGLE)[0]) < 1e-12


def test_function_of_a_logit():
    """The function is called anew at each step, so that it has a graph of its own."""
    logit = double(0.0)
    device = mixed_device(1, readout_prob=lambda: torch.sigmoid(logit))
    circuit = node(device, interface="torch")
    optimizer = torch.optim.SGD([logit], lr=1.0)
    for _ in range(3):
        p = torch.sigmoid(logit).item()
        optimizer.zero_grad()
        mean = circuit(ANGLE)[0]
        mean.backward()
        assert abs(mean.item() - (1 - 2 * p) * np.cos(ANGLE)) < 1e-12
        assert abs(logit.grad.item() + 2 * p * (1 - p) * np.cos(ANGLE)) < 1e-12
        optimizer.step()


@pytest.mark.parametrize("method", ["device", "adjoint", "parameter-shift"])
def test_methods_without_a_gradient_of_the_readout_error(method):
    """Methods that give the readout error no gradient warn, and the others do not."""
    error, x = double(0.1), double(ANGLE)
    device = mixed_device(1, readout_prob=error)
    with pytest.warns(
        UserWarning, match="readout_prob requires a gradient, which .* does not give"
    ):
        node(device, diff_method=method, interface="torch")(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        node(device, interface="torch")(x)
        with torch.no_grad():
            error.requires_grad_(False)
        node(device, diff_method=method, interface="torch")(x)


def test_vectorized_over_errors():
    """`torch.func` goes through a readout error that a function returns."""
    box = {}
    device = mixed_device(1, readout_prob=lambda: box["error"])
    circuit = node(device, interface="torch", diff_method="backprop")

    def mean(error):
        box["error"] = error
        return circuit(ANGLE)[0]

    errors = torch.tensor([[0.1, 0.2], [0.0, 0.0], [0.3, 0.05]], dtype=torch.float64)
    gradients = torch.func.vmap(torch.func.grad(mean))(errors)
    expected = np.tile(exact(0, 0)[1], (3, 1))
    np.testing.assert_allclose(gradients, expected, rtol=0, atol=1e-12)


def test_copies():
    """Copies of a device have a readout error of their own."""
    error = double(0.1)
    device = mixed_device(1, readout_prob={0: error})
    for other in (copy.deepcopy(device), pickle.loads(pickle.dumps(device))):
        with torch.no_grad():
            error.fill_(0.3)
        assert abs(node(device)(ANGLE)[0] - 0.4 * np.cos(ANGLE)) < 1e-12
        assert abs(node(other)(ANGLE)[0] - 0.8 * np.cos(ANGLE)) < 1e-12
        with torch.no_grad():
            error.fill_(0.1)


@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ((0.01, 0.02), True),
        ([0.01, 0.02], True),
        (np.array([0.01, 0.02]), True),
        (torch.tensor([0.01, 0.02]), True),
        ((0.02, 0.02), False),
        (0.02, False),
        ({"a": 0.01, "b": 0.02}, False),
        ({"a": (0.01, 0.02)}, False),
        ([[0.99, 0.01], [0.02, 0.98]], False),
    ],
    ids=str,
)
def test_pair_on_two_wires(given, warned):
    """Two numbers for two wires are read as one pair, which a warning says where it matters; it
    points at the user's line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        qml.device("qizgloria.mixed", wires=["a", "b"], readout_prob=given)
    assert len(caught) == warned
    if warned:
        assert caught[0].filename == __file__
        message = str(caught[0].message)
        assert "as the pair (p(1|0), p(0|1)) of each wire" in message
        assert "readout_prob={'a': 0.01" in message
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair = None if isinstance(given, dict) else given
        qml.device("qizgloria.mixed", wires=3, readout_prob=pair)
        qml.device("qizgloria.mixed", readout_prob=pair)
