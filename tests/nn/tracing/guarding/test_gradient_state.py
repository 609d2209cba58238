"""Circuits that ask about gradients, switch them off or define their own."""

import pytest
import torch
from helpers.impure_circuits import (
    Case,
    assert_follows,
    assert_warns_once,
    collector,
    measured,
    unchanged,
)

TRACEABLE: list[Case] = []
traceable = collector(TRACEABLE)

UNTRACEABLE: list[Case] = []
untraceable = collector(UNTRACEABLE)


@untraceable
def a_branch_without_gradients():
    def function(inputs, weights):
        with torch.no_grad():
            correction = inputs.clamp(-0.3, 0.3) - inputs
        return measured((inputs + correction)[..., 0], weights)

    return function, unchanged


@traceable
def a_straight_through_estimator():
    def function(inputs, weights):
        return measured((inputs + (inputs.round() - inputs).detach())[..., 0], weights)

    return function, unchanged


class Clipped(torch.autograd.Function):
    """The identity, with a gradient of the user's own."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, cotangent):
        (x,) = ctx.saved_tensors
        return torch.where(x.abs() > 0.3, 0.5 * cotangent, cotangent)


@untraceable
def a_function_with_a_gradient_of_its_own():
    return lambda inputs, weights: measured(Clipped.apply(inputs)[..., 0], weights), unchanged


@untraceable
def whether_gradients_are_recorded():
    def function(inputs, weights):
        return measured(inputs[..., 0] + (0.3 if torch.is_grad_enabled() else 0.0), weights)

    return function, unchanged


@untraceable
def whether_inputs_are_differentiated():
    def function(inputs, weights):
        return measured(inputs[..., 0] + (0.3 if inputs.requires_grad else 0.0), weights)

    return function, unchanged


@untraceable
def data():
    return lambda inputs, weights: measured(
        inputs.data[..., 0] * inputs[..., 1], weights
    ), unchanged


@pytest.mark.parametrize("case", TRACEABLE)
def test_traced_layers_follow_changes(case):
    """Values and gradients are PennyLane's before and after a change, and calls are traced."""
    assert_follows(case, is_traced=True)


@pytest.mark.parametrize("case", UNTRACEABLE)
def test_other_layers_run_as_they_are(case):
    """Values and gradients are PennyLane's where calls cannot be traced."""
    assert_follows(case, is_traced=False)


@pytest.mark.parametrize("case", UNTRACEABLE)
def test_one_warning_says_why_there_is_no_trace(case):
    """The warning points to the line that calls the layer, and the layer gives the same reason."""
    assert_warns_once(case)
