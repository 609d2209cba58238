"""PennyLane's gradient transforms: shifted circuits, run on the device as one batch."""

from __future__ import annotations

import warnings

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.circuits import steep_circuit
from helpers.derivatives import gradient, steep_circuit_derivative
from helpers.devices import mixed_device

pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Providing a value of None to aux_wire")

ANGLE = 0.7
TOLERANCES = {"parameter-shift": 1e-10, "hadamard": 1e-10, "finite-diff": 1e-6, "spsa": 1e-6}


@pytest.mark.parametrize("method", TOLERANCES)
def test_without_shots(method, interface):
    """A gradient transform works with every interface, and runs its shifted circuits as a batch."""
    device = mixed_device(3)
    node = qml.QNode(steep_circuit, device, interface=interface, diff_method=method)
    with qml.Tracker(device) as tracker:
        slope = float(gradient(node, ANGLE, interface))
    assert slope == pytest.approx(steep_circuit_derivative(ANGLE), abs=TOLERANCES[method])
    assert tracker.totals["batches"] <= 2  # the circuit itself, and all the shifted ones


@pytest.mark.parametrize("method", ["best", *TOLERANCES])
def test_with_shots(method, interface):
    """Gradients from shots estimate the exact gradient."""
    shots = 40_000
    options = {"finite-diff": {"h": 0.4}, "spsa": {"h": 0.4}}.get(method, {})
    device = mixed_device(3, seed=3)
    node = qml.QNode(
        steep_circuit, device, interface=interface, diff_method=method, gradient_kwargs=options
    )
    slope = float(gradient(qml.set_shots(node, shots), ANGLE, interface))
    exact = steep_circuit_derivative(ANGLE)
    # Differences are over h, and a forward one is off by h / 2 times the second derivative.
    step = options.get("h", 1.0)
    bias = step / 2 if method == "finite-diff" else step**2 / 6 if options else 0
    tolerance = bias + 5 * np.sqrt(2 / shots) / step
    assert tolerance < 0.6 * abs(exact), "zero would pass"
    assert abs(slope - exact) < tolerance
    assert slope != exact


@pytest.mark.parametrize("shots", [None, 1000])
def test_warning_where_options_are_for_pennylane(shots):
    """PennyLane's own rules, which options are for, leave differences for some channels."""

    def circuit(x, p):
        qml.RX(x, 0)
        qml.AmplitudeDamping(p, 0)
        return qml.expval(qml.Z(0))

    device = mixed_device(1, seed=1)
    options = {"diff_method": "parameter-shift", "gradient_kwargs": {"broadcast": False}}
    node = qml.set_shots(qml.QNode(circuit, device, **options), shots)
    x, p = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.4, 0.5))
    with pytest.warns(UserWarning, match="AmplitudeDamping has no parameter-shift rule with the"):
        value = node(x, p)
    value.backward()
    assert abs(p.grad - (1 - np.cos(0.4))) < (1e-6 if shots is None else 0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        node(x, 0.1)
        node(x, p.detach())
        qml.set_shots(qml.QNode(circuit, device, diff_method="parameter-shift"), shots)(x, p)
