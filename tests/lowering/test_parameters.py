"""Parameters of operators: which numbers are accepted, and the batch sizes of several."""

import jax.numpy as jnp
import numpy as np
import pennylane as qml
import pytest
import torch

from pennylane_qizgloria.lowering.parameters import (
    described,
    joint_size,
    real_scalar,
    without_imaginary_part,
)

OP = qml.RX(0.3, "w")


@pytest.mark.parametrize(
    "value", [0.3, 2, np.float32(0.3), np.arange(3.0), torch.tensor(0.3), jnp.arange(2.0)], ids=repr
)
def test_real_numbers_are_returned_as_they_are(value):
    """What has no imaginary part is the same object, with its graph."""
    assert without_imaginary_part(value) is value


@pytest.mark.parametrize(
    "value", [0.3 + 0j, np.array([1, 2], complex), torch.tensor([1, 2 + 0j])], ids=repr
)
def test_complex_numbers_without_imaginary_part_become_real(value):
    """An imaginary part of zero is dropped."""
    found = without_imaginary_part(value)
    assert not np.iscomplexobj(np.asarray(found))
    assert np.array_equal(found, np.real(value))


@pytest.mark.parametrize(
    "value", [0.3 + 1e-9j, np.array([1, 2j]), torch.tensor([1j, 2]), np.complex64(1j)], ids=repr
)
def test_imaginary_parts_are_refused(value):
    """Any imaginary part other than zero is refused, and the message has the number."""
    with pytest.raises(ValueError, match=r"a real number is needed, got .*j"):
        without_imaginary_part(value)


def test_real_parts_keep_their_gradient():
    """A complex tensor has a gradient through its real part."""
    x = torch.tensor([1.0 + 0j, 2.0], requires_grad=True)
    without_imaginary_part(x).sum().backward()
    assert torch.equal(x.grad, torch.ones(2, dtype=torch.complex64))


@pytest.mark.parametrize("value", [2, 0.5, np.float32(0.5), np.array(3), np.bool_(True), 1 + 0j])
def test_single_numbers_become_floats(value):
    """Numbers without axes of every type are Python floats."""
    found = real_scalar(OP, value)
    assert type(found) is float
    assert found == value.real


@pytest.mark.parametrize("value", [[1, 2], (0.5,), np.arange(3), jnp.arange(2.0)], ids=repr)
def test_batches_become_arrays(value):
    """Sequences and arrays with one axis are arrays."""
    found = real_scalar(OP, value)
    assert isinstance(found, np.ndarray)
    assert np.array_equal(found, np.asarray(value))


def test_tensors_stay_as_they_are():
    """A torch parameter keeps its graph."""
    value = torch.tensor([0.1, 0.2], requires_grad=True)
    assert real_scalar(OP, value) is value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.3", "a real number is needed, got .*'0.3'"),
        (None, "a real number is needed, got None"),
        (np.eye(2), r"one axis; got the shape \(2, 2\)"),
        (torch.zeros(0), r"one axis; got the shape \(0,\)"),
        (np.zeros((1, 1)), r"one axis; got the shape \(1, 1\)"),
        (1j, "a real number is needed, got 1j"),
        (torch.tensor([1j]), "a real number is needed"),
    ],
)
def test_other_values_are_refused(value, message):
    """What is no real number or batch is refused, and the message names the operator."""
    with pytest.raises(ValueError, match=rf"^RX\(0.3\) on wires \['w'\]: .*{message}"):
        real_scalar(OP, value)


@pytest.mark.parametrize(
    ("size", "value", "expected"),
    [
        (None, 0.3, None),
        (3, 0.3, 3),
        (None, np.zeros(2), 2),
        (2, torch.zeros(2), 2),
        (4, torch.tensor(0.1), 4),
        (None, np.zeros(1), 1),
    ],
)
def test_joint_size(size, value, expected):
    """Single numbers keep the size, and a batch sets it."""
    assert joint_size(OP, size, value) == expected


@pytest.mark.parametrize(("size", "length"), [(2, 3), (3, 2), (1, 2), (2, 1)])
def test_different_sizes_are_refused(size, length):
    """Two sizes are refused, a batch of one among them, and the message has both."""
    with pytest.raises(ValueError, match=rf"RX.*one size, got \[{min(size, length)}, "):
        joint_size(OP, size, np.zeros(length))


def test_descriptions_have_the_parameters_and_wires():
    """An operator is described by name, numbers and wires, without autograd's decorations."""
    op = qml.Rot(torch.tensor(0.5, requires_grad=True), 0.25, np.array([1.0, 2.0]), wires=[3])
    assert described(op) == "Rot(0.5, 0.25, [1. 2.]) on wires [3]"
