"""Parameters out of range or not finite are refused with the operation, as the user gave it."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch

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
def test_strength_out_of_range(name, position, library, value, device, run):
    """A map that is no channel would give a state that is none."""
    kind, strengths = CHANNELS[name]
    strengths = list(strengths)
    strengths[position] = LIBRARIES[library](value)
    with pytest.raises(ValueError, match=rf"{name}\(.*{value}.*\) on wires \[1\]: .* in \[0, 1\]"):
        run(device, [qml.RX(0.1, 1), kind(*strengths, wires=1)], [qml.expval(qml.Z(1))])


@pytest.mark.parametrize(
    "times",
    [(-1.0, 1.0, 0.1), (1.0, -1.0, 0.1), (1.0, 2.5, 0.1), (1.0, 1.0, -0.1), (NAN, 1.0, 1.0)],
)
@pytest.mark.parametrize("convert", [float, torch.tensor])
def test_relaxation_times(times, convert, device, run):
    """Times that no qubit has would give a state that is none."""
    channel = qml.ThermalRelaxationError(0.1, *map(convert, times), wires=1)
    with pytest.raises(
        ValueError, match=r"ThermalRelaxationError\(.*\) on wires \[1\]: .*t2 at most"
    ):
        run(device, [channel], [qml.expval(qml.Z(1))])


def test_sum_of_reset_probabilities(device, run):
    """Two probabilities in range would add up to more than 1."""
    with pytest.raises(ValueError, match=r"ResetError\(0.6, 0.7\) on wires \[0\]: .* p_0 \+ p_1"):
        run(device, [qml.ResetError(0.6, 0.7, wires=0)], [qml.expval(qml.Z(0))])


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN])
def test_pauli_error(value, device, run):
    """A probability that is none would be accepted. (PennyLane's operator refuses it itself.)"""
    with pytest.raises(ValueError, match=r"p must be in the interval \[0,1\]"):
        run(device, [qml.PauliError("XY", value, wires=[0, 1])], [qml.expval(qml.Z(0))])


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
def test_parameter_that_is_not_finite(name, library, value, device, run):
    """One NaN would make a whole training run NaN, and nobody would know where from."""
    gate = GATES[name](LIBRARIES[library](value))
    with pytest.raises(ValueError, match=rf"{name}\(.*{value}.*\) on wires .*must be finite"):
        run(device, [gate], [qml.expval(qml.Z(1))])


def test_not_finite_without_effect_on_the_result(device, run):
    """A NaN would be found or not, depending on what is measured."""
    with pytest.raises(ValueError, match=r"RX\(nan\) on wires \[2\]"):
        run(device, [qml.RX(NAN, wires=2)], [qml.expval(qml.Z(0))])


def test_message_has_the_parameters_as_the_user_gave_them(device, run):
    """The message would show the order, and the constants, of the gate's decomposition."""
    with pytest.raises(ValueError, match=r"U3\(0.1, 0.2, nan\) on wires \[0\]"):
        run(device, [qml.U3(0.1, 0.2, NAN, wires=0)], [qml.expval(qml.Z(0))])
    with pytest.raises(ValueError, match=r"U2\(0.1, nan\) on wires \[0\]"):
        run(device, [qml.U2(0.1, NAN, wires=0)], [qml.expval(qml.Z(0))])


def test_batch_sizes(device, run):
    """Batches that do not fit would be broadcast against each other, or fail deep in torch."""
    operations = [qml.RX(np.array([0.1, 0.2]), 0), qml.BitFlip(torch.tensor([0.1, 0.2, 0.3]), 0)]
    with pytest.raises(ValueError, match=r"must have one batch size, got \[2, 3\]"):
        run(device, operations, [qml.expval(qml.Z(0))])
