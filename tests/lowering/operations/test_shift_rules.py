"""The circuits and weights that make derivatives by parameters of operations."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest

from pennylane_qizgloria.lowering.operations.shift_rules import (
    difference_terms,
    has_rule,
    shift_terms,
    step_for,
)

WITH_RULE = {
    qml.RX(0.3, 0): 2,
    qml.CRX(0.3, [0, 1]): 4,
    qml.ctrl(qml.RX(0.3, 0), [1, 2]): 4,
    qml.adjoint(qml.PhaseShift(0.3, 0)): 2,
    qml.GlobalPhase(0.3): 0,
    qml.BitFlip(0.3, 0): 2,
    qml.DepolarizingChannel(0.3, 0): 2,
    qml.PhaseDamping(0.3, 0): 2,
    qml.AmplitudeDamping(0.3, 0): 3,
    qml.PauliError("XYZX", 0.3, range(4)): 2,
}


@pytest.mark.parametrize(("op", "circuits"), WITH_RULE.items(), ids=lambda value: str(value))
def test_number_of_circuits(op, circuits):
    """A derivative takes as many circuits as its operation has features that change."""
    assert has_rule(op, 0)
    terms = shift_terms(op, [0], 0.1)
    assert len(terms) == circuits
    # What does not depend on the parameter has no derivative.
    assert sum(term.weights[0] for term in terms) == pytest.approx(0, abs=1e-12)


def test_parameters_of_one_channel_share_circuits():
    """The nodes are those of all parameters, and are run once."""
    terms = shift_terms(qml.GeneralizedAmplitudeDamping(0.2, 0.6, 0), [0, 1], 0.1)
    assert len(terms) == 4
    assert all(set(term.weights) == {0, 1} for term in terms)
    assert all(0 <= x <= 1 for term in terms for x in term.data)


def test_batches_keep_their_axis():
    """A broadcast strength has a weight for each element, and nodes of its length."""
    terms = shift_terms(qml.AmplitudeDamping(np.array([0.1, 0.2, 0.3]), 0), [0], 0.1)
    assert all(term.data[0].shape == term.weights[0].shape == (3,) for term in terms)


def test_differences_fit_the_noise():
    """The step is where the errors by noise and by the step are least together."""
    steps = np.linspace(0.01, 2, 2000)
    noise = 0.02
    errors = (noise / (np.sqrt(2) * steps)) ** 2 + (steps**2 / 6) ** 2
    assert step_for(noise) == pytest.approx(steps[errors.argmin()], abs=2e-3)
    above, below = difference_terms(qml.RX(0.3, 0), [0], noise)
    assert above.data[0] - below.data[0] == pytest.approx(2 * step_for(noise))


@pytest.mark.parametrize(("strength", "expected"), [(0.02, (0.0, 1.0)), (0.5, (-1.0, 1.0))])
def test_differences_stay_in_the_domain(strength, expected):
    """At the edge of the domain the step is to the inside."""
    above, below = difference_terms(qml.AmplitudeDamping(strength, 0), [0], 1e-3)
    steps = np.array([below.data[0] - strength, above.data[0] - strength]) / step_for(1e-3)
    np.testing.assert_allclose(steps, expected, rtol=0, atol=1e-12)


def test_matrices_have_no_rule():
    """An array is refused by name, not shifted as if it were an angle."""
    with pytest.raises(NotImplementedError, match=r"QubitUnitary on wires \[3\]"):
        shift_terms(qml.QubitUnitary(np.eye(2), 3), [0], 0.1)
