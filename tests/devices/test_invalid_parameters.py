"""Parameters out of range or not finite are refused with the operation, as the user gave it."""

from __future__ import annotations

import re

import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.execution import execute_tuple

from pennylane_qizgloria import TorchLayer

NAN, INF = np.nan, np.inf

CHANNELS = {
    "AmplitudeDamping": (qml.AmplitudeDamping, (0.1,)),
    "BitFlip": (qml.BitFlip, (0.1,)),
    "DepolarizingChannel": (qml.DepolarizingChannel, (0.1,)),
    "GeneralizedAmplitudeDamping": (qml.GeneralizedAmplitudeDamping, (0.1, 0.2)),
    "PhaseDamping": (qml.PhaseDamping, (0.1,)),
    "PhaseFlip": (qml.PhaseFlip, (0.1,)),
    "ResetError": (qml.ResetError, (0.1, 0.2)),
    "ThermalRelaxationError": (qml.ThermalRelaxationError, (0.1, 1.5, 1.2, 0.3)),
}
PROBABILITIES = [
    (name, position)
    for name, (_, strengths) in CHANNELS.items()
    for position in range(1 if name == "ThermalRelaxationError" else len(strengths))
]
LIBRARIES = {
    "python": float,
    "numpy": np.array,
    "numpy batch": lambda p: np.array([0.1, p]),
    "torch": lambda p: torch.tensor(p, dtype=torch.float64, requires_grad=True),
    "torch batch": lambda p: torch.tensor([0.1, p], dtype=torch.float64),
}


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN, INF])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("name", "position"), PROBABILITIES)
def test_strength_out_of_range(name, position, library, value, device):
    """A channel strength out of range is refused."""
    kind, strengths = CHANNELS[name]
    strengths = list(strengths)
    strengths[position] = LIBRARIES[library](value)
    with pytest.raises(ValueError, match=rf"{name}\(.*{value}.*\) on wires \[1\]: .* in \[0, 1\]"):
        execute_tuple(device, [qml.RX(0.1, 1), kind(*strengths, wires=1)], [qml.expval(qml.Z(1))])


@pytest.mark.parametrize(
    "times",
    [(-1.0, 1.0, 0.1), (1.0, -1.0, 0.1), (1.0, 2.5, 0.1), (1.0, 1.0, -0.1), (NAN, 1.0, 1.0)],
)
@pytest.mark.parametrize("convert", [float, torch.tensor])
def test_relaxation_times(times, convert, device):
    """Relaxation times that no qubit can have are refused."""
    channel = qml.ThermalRelaxationError(0.1, *map(convert, times), wires=1)
    with pytest.raises(
        ValueError, match=r"ThermalRelaxationError\(.*\) on wires \[1\]: .*t2 at most"
    ):
        execute_tuple(device, [channel], [qml.expval(qml.Z(1))])


def test_sum_of_reset_probabilities(device):
    """Two reset probabilities with a sum above 1 are refused."""
    with pytest.raises(ValueError, match=r"ResetError\(0.6, 0.7\) on wires \[0\]: .* p_0 \+ p_1"):
        execute_tuple(device, [qml.ResetError(0.6, 0.7, wires=0)], [qml.expval(qml.Z(0))])


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN])
def test_pauli_error(value, device):
    """A probability out of range is refused. (PennyLane's operator refuses it itself.)"""
    with pytest.raises(ValueError, match=r"p must be in the interval \[0,1\]"):
        execute_tuple(device, [qml.PauliError("XY", value, wires=[0, 1])], [qml.expval(qml.Z(0))])


GATES = {
    "RX": lambda x: qml.RX(x, wires=1),
    "Rot": lambda x: qml.Rot(0.1, x, 0.2, wires=1),
    "U2": lambda x: qml.U2(0.1, x, wires=1),
    "U3": lambda x: qml.U3(0.1, 0.2, x, wires=1),
    "PhaseShift": lambda x: qml.PhaseShift(x, wires=1),
    "CRot": lambda x: qml.CRot(0.1, 0.2, x, wires=[1, 2]),
    "IsingXY": lambda x: qml.IsingXY(x, wires=[1, 2]),
    "MultiRZ": lambda x: qml.MultiRZ(x, wires=[0, 1, 2]),
    "PauliRot": lambda x: qml.PauliRot(x, "XY", wires=[1, 2]),
    "SingleExcitation": lambda x: qml.SingleExcitation(x, wires=[1, 2]),
}


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", GATES)
def test_parameter_that_is_not_finite(name, library, value, device):
    """A parameter that is not finite is refused by name."""
    gate = GATES[name](LIBRARIES[library](value))
    with pytest.raises(ValueError, match=rf"{name}\(.*{value}.*\) on wires .*must be finite"):
        execute_tuple(device, [gate], [qml.expval(qml.Z(1))])


def test_not_finite_without_effect_on_the_result(device):
    """A NaN is found, whatever is measured."""
    with pytest.raises(ValueError, match=r"RX\(nan\) on wires \[2\]"):
        execute_tuple(device, [qml.RX(NAN, wires=2)], [qml.expval(qml.Z(0))])


def test_message_has_the_parameters_as_the_user_gave_them(device):
    """The message shows the parameters of the user's gate, not those of its decomposition."""
    with pytest.raises(ValueError, match=r"U3\(0.1, 0.2, nan\) on wires \[0\]"):
        execute_tuple(device, [qml.U3(0.1, 0.2, NAN, wires=0)], [qml.expval(qml.Z(0))])
    with pytest.raises(ValueError, match=r"U2\(0.1, nan\) on wires \[0\]"):
        execute_tuple(device, [qml.U2(0.1, NAN, wires=0)], [qml.expval(qml.Z(0))])


def test_batch_sizes(device):
    """Batches of different sizes are refused."""
    operations = [qml.RX(np.array([0.1, 0.2]), 0), qml.BitFlip(torch.tensor([0.1, 0.2, 0.3]), 0)]
    with pytest.raises(ValueError, match=r"must have one batch size, got \[2, 3\]"):
        execute_tuple(device, operations, [qml.expval(qml.Z(0))])


# --- shapes, types and complex numbers ------------------------------------------------------------

SYMBOLIC = {
    "Adjoint(RX)": lambda x: qml.adjoint(qml.RX(x, wires=1), lazy=True),
    "C(RX)": lambda x: qml.ctrl(qml.RX(x, wires=1), [0, 2]),
    "C(U3)": lambda x: qml.ctrl(qml.U3(0.1, x, 0.2, wires=1), [0, 2]),
}
ONE = {
    name: lambda x, make=make: make[0](x, *make[1][1:], wires=1) for name, make in CHANNELS.items()
}
TAKE_ONE = GATES | SYMBOLIC | ONE


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros(0), r"got the shape \(0,\)"),
        (np.zeros((2, 2)), r"got the shape \(2, 2\)"),
        (torch.zeros((1, 2)), r"got the shape \(1, 2\)"),
        (torch.zeros(0), r"got the shape \(0,\)"),
        (1j, "a real number is needed, got 1j"),
        (np.complex128(0.1 + 0.2j), r"a real number is needed, got \(0.1\+0.2j\)"),
        (torch.tensor(0.25 + 0.5j), r"a real number is needed, got \(0.25\+0.5j\)"),
        (torch.tensor([0.1 + 0.2j, 0.3]), "a real number is needed"),
        (None, "a real number is needed, got None"),
        ("a", "a real number is needed, got .*'a'"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", TAKE_ONE)
def test_parameters_that_are_no_numbers(name, value, message, device):
    """Device, operation and value are named, and what is expected."""
    expected = rf"(?s)qizgloria.mixed: {re.escape(name)}\(.*\) on wires \[.*: .*{message}"
    with pytest.raises(ValueError, match=expected):
        execute_tuple(device, [TAKE_ONE[name](value)], [qml.expval(qml.Z(1))])


@pytest.mark.parametrize("first", [1, 2])
def test_batch_sizes_of_one_operation(first, device):
    """Two batches in one operation have one size, whichever comes first."""
    sizes = [np.full(n, 0.1) for n in (first, 3 - first)]
    for op in (qml.GeneralizedAmplitudeDamping(*sizes, wires=0), qml.Rot(*sizes, 0.1, wires=0)):
        with pytest.raises(ValueError, match=rf"{op.name}\(.*one size, got \[1, 2\]"):
            execute_tuple(device, [op], [qml.expval(qml.Z(0))])


@pytest.mark.parametrize(
    "value",
    [
        0.4 + 0j,
        np.complex128(0.4),
        np.array(0.4 + 0j),
        torch.tensor(0.4 + 0j, dtype=torch.complex128),
        jax.numpy.array(0.4 + 0j),
        np.array([0.4 + 0j]),
        torch.tensor([0.4 + 0j], dtype=torch.complex128),
    ],
    ids=lambda value: f"{type(value).__module__}, {np.ndim(value)} axes",
)
@pytest.mark.parametrize("name", TAKE_ONE)
def test_complex_numbers_without_imaginary_part(name, value, device):
    """A real number of a complex dtype is that number."""
    operation = TAKE_ONE[name]
    (found,) = execute_tuple(device, [qml.RY(0.3, 1), operation(value)], [qml.expval(qml.Z(1))])
    (expected,) = execute_tuple(device, [qml.RY(0.3, 1), operation(0.4)], [qml.expval(qml.Z(1))])
    np.testing.assert_allclose(np.ravel(found), np.ravel(expected), atol=1e-12)


def test_gradient_of_a_complex_parameter(device):
    """Torch differentiates by the real part."""
    x = torch.tensor(0.4 + 0j, dtype=torch.complex128, requires_grad=True)

    @qml.qnode(device, interface="torch", diff_method="backprop")
    def node(x):
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    (gradient,) = torch.autograd.grad(node(x), x)
    np.testing.assert_allclose(gradient.resolve_conj().numpy(), -np.sin(0.4), atol=1e-12)


def test_complex_inputs_of_a_layer():
    """A layer refuses an imaginary part at each call, not only where it is traced."""

    @qml.qnode(qml.device("qizgloria.mixed", wires=1), interface="torch")
    def node(inputs, w):
        qml.RX(inputs[..., 0], 0)
        qml.RY(w, 0)
        return qml.expval(qml.Z(0))

    layer = TorchLayer(node, {"w": ()})
    real = layer(torch.tensor([[0.4 + 0j]]))
    again = layer(torch.tensor([[0.4 + 0j]]))
    torch.testing.assert_close(real, again)
    with pytest.raises(ValueError, match="a real number is needed"):
        layer(torch.tensor([[0.4 + 0.3j]]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: qml.DiagonalQubitUnitary(np.ones(3), wires=1), r"shape \(2, 2\).*\(3, 3\)"),
        (lambda: qml.QubitChannel([np.eye(3)], wires=1), r"shape \(2, 2\).*\(3, 3\)"),
        (lambda: qml.QubitDensityMatrix(None, wires=1), "numbers are needed, got None"),
        (lambda: qml.QubitDensityMatrix("a", wires=1), "numbers are needed, got 'a'"),
    ],
)
def test_matrices_of_wrong_shape_or_type(make, message, device):
    """Matrices for other wires, or that are none, are refused with the operation."""
    op = make()
    with pytest.raises(ValueError, match=rf"(?s)qizgloria.mixed: {op.name} on .*{message}"):
        execute_tuple(device, [op], [qml.expval(qml.Z(1))])
