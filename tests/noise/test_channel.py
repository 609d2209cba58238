"""Noise channels and their strengths, against Qiskit's maps."""

import numpy as np
import pytest
import torch
from qiskit.quantum_info import PTM, SuperOp, average_gate_fidelity
from qiskit_aer.noise import amplitude_damping_error, depolarizing_error, thermal_relaxation_error

from pennylane_qizgloria.noise.channel import (
    depolarizing_channel,
    general_channel,
    pauli_lindblad_channel,
    relaxation_channel,
)
from pennylane_qizgloria.noise.composition import infidelity_of
from pennylane_qizgloria.noise.logarithm import real_logarithm


def transfer(error):
    return torch.tensor(np.ascontiguousarray(PTM(SuperOp(error)).data.real))


CHANNELS = {
    "depolarizing": (depolarizing_channel(0.05, [3]), depolarizing_error(0.05, 1)),
    "two qubits": (depolarizing_channel(0.05, [3, 1]), depolarizing_error(0.05, 2)),
    "at its limit": (depolarizing_channel(4 / 3, [3]), depolarizing_error(4 / 3, 1)),
    "relaxation": (relaxation_channel(50e-6, 70e-6, 1e-6, 3), None),
    "general": (
        general_channel(transfer(amplitude_damping_error(0.2)), [3]),
        amplitude_damping_error(0.2),
    ),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_strength_one_is_the_channel(name):
    """At strength 1 a channel is what it was made from, and its infidelity is Qiskit's."""
    channel, error = CHANNELS[name]
    if error is None:
        error = thermal_relaxation_error(50e-6, 70e-6, 1e-6)
    np.testing.assert_allclose(channel.transfer(), transfer(error), atol=1e-8)
    assert infidelity_of([channel], channel.qubits) == pytest.approx(
        1 - average_gate_fidelity(error), abs=1e-8
    )


@pytest.mark.parametrize("name", [name for name in CHANNELS if name != "at its limit"])
def test_strengths_add(name):
    """Noise of strength 1/2 twice is noise of strength 1; none is the identity."""
    channel, _ = CHANNELS[name]
    half = channel.transfer(0.5)
    np.testing.assert_allclose(half @ half, channel.transfer(), atol=1e-9)
    np.testing.assert_allclose(channel.transfer(0.0), np.eye(len(half)), atol=1e-9)


def test_a_rate_is_multiplied():
    """Twice the strength is half of T1 and of T2."""
    found = relaxation_channel(50e-6, 70e-6, 1e-6, 0).transfer(2.0)
    expected = relaxation_channel(25e-6, 35e-6, 1e-6, 0).transfer()
    np.testing.assert_allclose(found, expected, atol=1e-14)


def test_pauli_lindblad_rates_are_multiplied():
    """Three times the strength is three times the rate."""
    found = pauli_lindblad_channel("ZX", 0.02, [0, 1]).transfer(3.0)
    expected = pauli_lindblad_channel("ZX", 0.06, [0, 1]).transfer()
    np.testing.assert_allclose(found, expected, atol=1e-14)


@pytest.mark.parametrize(
    ("t1", "t2", "time"), [(np.inf, np.inf, 1.0), (1.0, 1.0, 0.0)], ids=["endless", "no time"]
)
def test_no_relaxation(t1, t2, time):
    """Without a finite time there is no channel."""
    assert relaxation_channel(t1, t2, time, 0) is None


def test_dephasing_alone():
    """A qubit without T1 only dephases."""
    diagonal = relaxation_channel(np.inf, 1.0, 0.5, 0).transfer().diagonal()
    np.testing.assert_allclose(diagonal, [1, np.exp(-0.5), np.exp(-0.5), 1], atol=1e-12)


def test_channels_without_a_logarithm():
    """A map with an eigenvalue -1 has no real logarithm: it is mixed, up to strength 1."""
    flip = torch.diag(torch.tensor([1, 1, -0.5, -0.5], dtype=torch.float64))
    channel = general_channel(flip, [0])
    assert channel.largest == 1
    np.testing.assert_allclose(channel.transfer(0.5).diagonal(), [1, 1, 0.25, 0.25])
    assert not channel.form.valid(torch.tensor([1.5]))


def test_logarithms(rng):
    """The logarithm of an exponential is its exponent; a singular map has none."""
    generator = torch.tensor(rng.normal(size=(4, 4)) / 10)
    found = real_logarithm(torch.linalg.matrix_exp(generator))
    np.testing.assert_allclose(found, generator, atol=1e-12)
    assert real_logarithm(torch.diag(torch.tensor([1, 0, 0, 0.0]).double())) is None
    turned = torch.linalg.qr(torch.tensor(rng.normal(size=(4, 4))))[0]
    reflection = turned @ torch.diag(torch.tensor([1, 1, 1, -1.0]).double()) @ turned.T
    assert real_logarithm(reflection) is None
