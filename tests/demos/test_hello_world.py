"""The demo of one qubit that learns an expectation value."""

import numpy as np
import torch
from qiskit.quantum_info import Statevector

FEW = ("--runs", 2, "--steps", 3, "--estimates", 2)


def test_the_analytic_gradient_is_the_better_estimate(run_demo):
    """It ends nearer to the target in 4 of 5 runs; errors are those of bias and variance."""
    result = run_demo("hello_world", "--runs", 5, "--estimates", 150)
    distances = {name: (curve - -0.5).abs() for name, curve in result["curves"].items()}
    assert list(distances) == list(result["settings"])
    many, few, analytic, exact = (curve[:, -15:].mean(dim=1) for curve in distances.values())
    assert (analytic < few).sum() >= 4
    assert 3 * analytic.mean() < few.mean()
    assert exact.mean() < many.mean() < analytic.mean()
    assert distances["exact"][:, -1].max() < 1e-3

    errors, sizes, theta = result["errors"], result["sizes"], result["theta"]
    for shots, best in ((100, 0.67), (10_000, 0.31)):
        bias = np.cos(theta) - (np.sin(theta + sizes) - np.sin(theta - sizes)) / (2 * sizes)
        variances = (np.cos(theta + sizes) ** 2 + np.cos(theta - sizes) ** 2) / shots
        expected = np.sqrt(bias**2 + variances / (2 * sizes) ** 2)
        np.testing.assert_allclose(errors[shots], expected, rtol=0.25)
        assert errors[shots, "analytic"] < min(errors[shots])
        assert abs(np.log(sizes[np.argmin(errors[shots])] / best)) < 0.5
    assert 35 < errors[100][0] / errors[100, "analytic"] < 65  # the page says 50


def test_curves_are_those_of_the_circuit(run_demo):
    """The first expectation values are those of Qiskit's statevector, on both devices."""
    curves = run_demo("hello_world", *FEW, "--device", "qizgloria.qiskit")["curves"]
    result = run_demo("hello_world", *FEW)
    states = [
        Statevector(result["circuit"].assign_parameters(angles.tolist()))
        for angles in result["first"]
    ]
    expected = torch.tensor([np.diff(state.probabilities()[::-1])[0] for state in states])
    for name, curve in curves.items():
        assert curve.shape == (2, 4)
        assert torch.allclose(curve[:, 0].double(), expected, atol=1e-6)
        assert torch.allclose(result["curves"][name][:, 0].double(), expected, atol=1e-6)
    assert torch.allclose(curves["exact"], result["curves"]["exact"], atol=1e-5)
