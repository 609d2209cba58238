"""The demo of the backward pass of estimator and sampler networks."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def kept():
    """What the demo has computed, so that it runs once for all tests."""
    return {}


@pytest.fixture
def demo(kept, run_demo):
    return kept or kept.update(run_demo("backward_pass", "--batch", 4, "--points", 11)) or kept


def test_the_estimator_network(demo):
    """Both Jacobians equal qiskit-machine-learning's, and the derivatives of sin x sin w."""
    x, w = demo["estimator_data"]
    slopes = np.cos(x) * np.sin(w), np.sin(x) * np.cos(w)
    results = zip(demo["estimator_ours"], demo["estimator_theirs"], slopes, strict=True)
    for ours, theirs, slope in results:
        assert tuple(ours.shape) == theirs.shape == (4, 2, 1)
        np.testing.assert_allclose(ours, theirs, atol=1e-10)
        np.testing.assert_allclose(ours[:, 0], 0, atol=1e-12)
        np.testing.assert_allclose(ours[:, 1], slope, atol=1e-12)


def test_without_input_gradients(demo):
    """The weights' Jacobian is the same, and None stands for the inputs'."""
    assert demo["ours"][0] is demo["theirs"][0] is None
    np.testing.assert_allclose(demo["ours"][1], demo["theirs"][1], atol=1e-10)
    np.testing.assert_allclose(demo["ours"][1], demo["estimator_ours"][1], atol=1e-12)


@pytest.mark.parametrize(("name", "entries"), [("outcomes", 4), ("parity", 2)])
def test_the_sampler_network(name, entries, demo):
    """Outputs and Jacobians equal qiskit-machine-learning's, with and without ``interpret``."""
    theirs, ours = demo["sampler_results"][name]
    for their, our, axes in zip(theirs, ours, [(), (2,), (4,)], strict=True):
        assert tuple(our.shape) == their.shape == (4, entries, *axes)
        np.testing.assert_allclose(our, their, atol=1e-10)
        np.testing.assert_allclose(our.sum(1), 0 if axes else 1, atol=1e-12)
        assert our.abs().max() > 0.05


def test_parity_gathers_outcomes(demo):
    """Outcomes 0 and 3 have an even parity, 1 and 2 an odd one."""
    outcomes, gathered = (demo["sampler_results"][name][1] for name in ("outcomes", "parity"))
    for one, other in zip(outcomes, gathered, strict=True):
        np.testing.assert_allclose(one[:, 0] + one[:, 3], other[:, 0], atol=1e-12)
        np.testing.assert_allclose(one[:, 1] + one[:, 2], other[:, 1], atol=1e-12)


def test_what_training_makes_of_it(demo):
    """``loss.backward()`` gives the Jacobian times the loss's gradient."""
    np.testing.assert_allclose(demo["layer"].weight.grad, demo["product"], atol=1e-12)
    assert abs(demo["product"]).max() > 1e-3


def test_the_picture(demo):
    """Every dot of qiskit-machine-learning's lies on its curve."""
    for axis in demo["axes"]:
        lines = axis.get_lines()[:6]
        for curve, dots in zip(lines[::2], lines[1::2], strict=True):
            at_dots = np.isin(np.round(curve.get_xdata(), 9), np.round(dots.get_xdata(), 9))
            assert at_dots.sum() == 11
            np.testing.assert_allclose(curve.get_ydata()[at_dots], dots.get_ydata(), atol=1e-10)
            assert np.ptp(curve.get_ydata()) > 0.1
