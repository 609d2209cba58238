"""Derivatives of closed forms as combinations of their members."""

from __future__ import annotations

import pytest
import torch

from pennylane_qizgloria.pauli.maps import channels
from pennylane_qizgloria.pauli.maps.shift_rules import derivative_weights, nodes

FORMS = {
    channels.AMPLITUDE_DAMPING: [0.2],
    channels.PHASE_DAMPING: [0.2],
    channels.GENERALIZED_AMPLITUDE_DAMPING: [0.2, 0.7],
    channels.DEPOLARIZING: [0.2],
    channels.RESET_ERROR: [0.2, 0.3],
    channels.THERMAL_RELAXATION: [0.2, 1.3, 0.9, 0.4],
    channels.pauli_error("X"): [0.2],
    channels.pauli_error("XZY"): [0.2],
}
EDGES = {
    channels.AMPLITUDE_DAMPING: [0.0],
    channels.DEPOLARIZING: [1.0],
    channels.RESET_ERROR: [0.0, 1.0],
    channels.THERMAL_RELAXATION: [0.0, 0.5, 1.0, 0.0],
}


def name(form):
    return form.name if hasattr(form, "name") else ""


@pytest.mark.parametrize(
    ("form", "point"), [*FORMS.items(), *EDGES.items()], ids=lambda value: name(value)
)
def test_derivative_is_a_combination_of_members(form, point):
    """The weighted sum over the nodes is the derivative, at the edge of the domain too."""
    point = torch.tensor(point, dtype=torch.float64)
    weights = derivative_weights(form, point[None])[0]
    found = torch.einsum("pn,nij->ijp", weights, form(nodes(form)))
    expected = torch.autograd.functional.jacobian(form, point)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_nodes_are_admissible_and_few(form):
    """There are as many nodes as independent members, and all are inside of the domain."""
    found = nodes(form)
    assert form.valid(found).all()
    inside = torch.rand(200, form.num_params, dtype=torch.float64)
    members = form(inside[form.valid(inside)])
    assert len(found) == torch.linalg.matrix_rank(members.flatten(1))


@pytest.mark.parametrize("form", FORMS, ids=name)
def test_weights_are_differentiable(form):
    """Second derivatives follow from the weights."""
    point = torch.tensor(FORMS[form], dtype=torch.float64)
    members = form(nodes(form)).sum((-2, -1))
    slopes = torch.autograd.functional.jacobian(
        lambda p: derivative_weights(form, p[None])[0] @ members, point
    )
    expected = torch.autograd.functional.hessian(lambda p: form(p).sum(), point)
    torch.testing.assert_close(slopes, expected, rtol=0, atol=1e-12)
