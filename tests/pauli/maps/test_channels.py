"""The closed forms of channels against their Kraus operators, as PennyLane defines them."""

from itertools import product

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers import density_matrices as dense
from helpers.comparison import assert_close

from pennylane_qizgloria.pauli.maps import channels


def tolerance(*values):
    """PennyLane adds 1e-14 under its square roots, which is 1e-7 where they vanish."""
    return 3e-7 if 1.0 in values else 5e-13


UNIT = [
    (channels.AMPLITUDE_DAMPING, qml.AmplitudeDamping),
    (channels.PHASE_DAMPING, qml.PhaseDamping),
    (channels.DEPOLARIZING, qml.DepolarizingChannel),
    (channels.BIT_FLIP, qml.BitFlip),
    (channels.PHASE_FLIP, qml.PhaseFlip),
]


def params_of(*values):
    return torch.tensor(values, dtype=torch.float64)


def reference(channel, *values):
    return dense.transfer(np.array(channel.compute_kraus_matrices(*values), complex))


@pytest.mark.parametrize(("form", "channel"), UNIT)
@pytest.mark.parametrize("strength", [0.0, 1e-6, 0.2, 0.75, 1.0])
def test_channels_of_one_strength(form, channel, strength):
    """Channels of one strength agree with their Kraus operators."""
    expected = reference(channel, strength)
    assert_close(form(params_of(strength)), expected, atol=tolerance(strength))
    assert (form.num_params, form.num_wires) == (1, 1)


@pytest.mark.parametrize(("gamma", "excited"), [*product([0.0, 0.3, 1.0], [0.0, 0.4, 1.0])])
def test_generalized_amplitude_damping(gamma, excited):
    """Generalized amplitude damping relaxes to the population that is given."""
    found = channels.GENERALIZED_AMPLITUDE_DAMPING(params_of(gamma, excited))
    expected = reference(qml.GeneralizedAmplitudeDamping, gamma, excited)
    assert_close(found, expected, atol=tolerance(gamma))


@pytest.mark.parametrize(
    ("to_zero", "to_one"), [(0.0, 0.0), (0.2, 0.0), (0.0, 0.3), (0.2, 0.5), (1.0, 0.0), (0.0, 1.0)]
)
def test_reset_error(to_zero, to_one):
    """The two probabilities of a reset error lead to 0 and to 1."""
    found = channels.RESET_ERROR(params_of(to_zero, to_one))
    expected = reference(qml.ResetError, to_zero, to_one)
    assert_close(found, expected, atol=tolerance())


@pytest.mark.parametrize(
    "values",
    [
        (0.1, 1.2, 0.7, 0.4),  # T2 < T1
        (0.1, 1.2, 1.2, 0.4),  # T2 = T1
        (0.3, 1.2, 1.9, 0.4),  # T1 < T2
        (0.3, 1.2, 2.4, 0.4),  # T2 = 2 T1
        (0.0, 50e-6, 70e-6, 30e-9),
        (1.0, 50e-6, 70e-6, 30e-6),
        (0.2, 1.2, 0.7, 0.0),
        (0.2, 1.2, 0.7, 12.0),
    ],
)
def test_thermal_relaxation_in_both_regimes(values):
    """Thermal relaxation agrees with its Kraus operators on both sides of T2 = T1."""
    found = channels.THERMAL_RELAXATION(params_of(*values))
    expected = reference(qml.ThermalRelaxationError, *values)
    assert_close(found, expected, atol=tolerance())


@pytest.mark.parametrize(
    "word", [*"IXYZ", *map("".join, product("IXYZ", repeat=2)), "XYZ", "ZIX", "IIY"]
)
def test_pauli_error_of_every_word(word):
    """Pauli errors of every word agree with their Kraus operators."""
    form = channels.pauli_error(word)
    found = form(params_of(0.3))
    matrix = dense.kron(*(dense.PAULIS["IXYZ".index(letter)] for letter in word))
    kraus = np.array([np.sqrt(0.7) * np.eye(len(matrix)), np.sqrt(0.3) * matrix])
    assert_close(found, dense.transfer(kraus), atol=1e-14)
    assert form.num_wires == len(word)


def test_pauli_error_is_built_once_for_each_word():
    """The closed form of a word is one object, as plans compare closed forms by identity."""
    assert channels.pauli_error("XZ") is channels.pauli_error("XZ")
    assert channels.pauli_error("X") is channels.BIT_FLIP


def test_a_column_of_strengths_gives_a_matrix_for_each():
    """A column of strengths gives the matrix of each."""
    strengths = np.linspace(0, 0.9, 6).reshape(2, 3, 1)
    found = channels.AMPLITUDE_DAMPING(torch.as_tensor(strengths))
    assert found.shape == (2, 3, 4, 4)
    for place in np.ndindex(2, 3):
        expected = reference(qml.AmplitudeDamping, strengths[place][0])
        assert_close(found[place], expected, atol=tolerance())


AT_ZERO = [
    *((form, channel, (0.0,), (0,)) for form, channel in UNIT),
    (channels.GENERALIZED_AMPLITUDE_DAMPING, qml.GeneralizedAmplitudeDamping, (0.0, 0.3), (0,)),
    (channels.GENERALIZED_AMPLITUDE_DAMPING, qml.GeneralizedAmplitudeDamping, (0.3, 0.0), (1,)),
    (channels.RESET_ERROR, qml.ResetError, (0.0, 0.0), (0, 1)),
    (channels.THERMAL_RELAXATION, qml.ThermalRelaxationError, (0.0, 1.2, 0.7, 0.3), (0,)),
    (channels.THERMAL_RELAXATION, qml.ThermalRelaxationError, (0.2, 1.2, 0.7, 0.0), (3,)),
]


@pytest.mark.parametrize(("form", "channel", "point", "which"), AT_ZERO)
def test_derivatives_at_strength_zero_are_finite_and_right(form, channel, point, which):
    """Derivatives at strength zero are finite and agree with one-sided differences."""
    jacobian = torch.func.jacrev(form)(params_of(*point))
    assert torch.isfinite(jacobian).all()
    h = 1e-3
    for k in which:

        def at(steps, k=k):
            permuted = list(point)
            permuted[k] += steps * h
            return reference(channel, *permuted)

        # Three one-sided differences: the Kraus operators do not exist below zero.
        expected = (-11 * at(0) + 18 * at(1) - 9 * at(2) + 2 * at(3)) / (6 * h)
        assert_close(jacobian[..., k], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "others"),
    [
        (channels.AMPLITUDE_DAMPING, ()),
        (channels.GENERALIZED_AMPLITUDE_DAMPING, (0.3,)),
    ],
)
def test_full_damping_has_the_gradient_of_the_population(form, others):
    """At full damping <Z> has its finite gradient."""
    gamma = params_of(1.0).requires_grad_()
    matrix = form(torch.cat([gamma, params_of(*others)]))
    (gradient,) = torch.autograd.grad(matrix[3, 3], gamma)
    assert gradient.tolist() == [-1.0]


def test_full_dephasing_leaves_the_gradient_of_the_population_zero():
    """At full dephasing the gradient of <Z> is zero."""
    gamma = params_of(1.0).requires_grad_()
    (gradient,) = torch.autograd.grad(channels.PHASE_DAMPING(gamma)[3, 3], gamma)
    assert gradient.tolist() == [0.0]


@pytest.mark.parametrize(
    "form",
    [form for form, _ in UNIT],
)
def test_domain_of_one_strength(form):
    """Probabilities outside [0, 1], and NaN, are out of the domain."""
    sets = params_of(0.0, 0.5, 1.0, -1e-3, 1.001, np.nan, np.inf)[:, None]
    assert form.valid(sets).tolist() == [True] * 3 + [False] * 4


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        (
            channels.GENERALIZED_AMPLITUDE_DAMPING,
            [(0, 0), (1, 1)],
            [(-0.1, 0), (0, 1.1), (0, np.nan)],
        ),
        (channels.RESET_ERROR, [(0.5, 0.5), (0, 1)], [(0.6, 0.5), (-0.1, 0.5), (np.nan, 0)]),
        (
            channels.THERMAL_RELAXATION,
            [(0, 1, 2, 0), (1, 1, 0.1, 5)],
            [
                (-0.1, 1, 1, 1),
                (1.1, 1, 1, 1),
                (0, 0, 1, 1),
                (0, 1, 0, 1),
                (0, 1, 2.1, 1),
                (0, 1, 1, -1),
                (0, 1, 1, np.nan),
                (0, np.inf, 1, 1),
            ],
        ),
    ],
)
def test_domain_of_several_parameters(form, good, bad):
    """The domain of several parameters is where they define a channel."""
    found = form.valid(torch.tensor([*good, *bad], dtype=torch.float64))
    assert found.tolist() == [True] * len(good) + [False] * len(bad)
