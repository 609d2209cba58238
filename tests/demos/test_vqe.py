"""The VQE of H2: energies, minima and derivatives by the noise."""

import numpy as np
import pennylane as qml
import pytest

STRENGTH = 0.002


def test_vqe(run_demo):
    """Energies are exact without noise, and all derivatives are those of an independent device."""
    demo = run_demo("vqe", "--lengths", 6, "--noise", STRENGTH, "--adam-steps", 60)
    check_energies(demo)
    check_optimisers(demo)
    check_derivatives_by_the_noise(demo)


def reference_energy(angles, strength, hamiltonian):
    """The energy on default.mixed, of the circuit with its channels written out by hand."""

    @qml.qnode(qml.device("default.mixed", wires=4))
    def circuit():
        for gate in gates.operations:
            qml.apply(gate)
            if gate.name == "CNOT":
                for wire in gate.wires:
                    qml.DepolarizingChannel(strength, wires=wire)
        return qml.expval(hamiltonian)

    ideal = [
        qml.X(0),
        qml.X(1),
        qml.SingleExcitation(angles[0], wires=[0, 2]),
        qml.SingleExcitation(angles[1], wires=[1, 3]),
        qml.DoubleExcitation(angles[2], wires=[0, 1, 2, 3]),
    ]
    gate_set = {"X", "RX", "RY", "RZ", "Hadamard", "CNOT"}
    (gates,), _ = qml.transforms.decompose(qml.tape.QuantumScript(ideal), gate_set=gate_set)
    return float(circuit())


def check_energies(demo):
    """Energies are exact without noise, above that with it, and extrapolate back to it."""
    exact, energies, extrapolated = (demo[k] for k in ("exact", "energies", "extrapolated"))
    np.testing.assert_allclose(energies[0], exact, rtol=0, atol=1e-5)
    assert (energies[1] > exact + 0.02).all()
    assert (np.abs(extrapolated[1] - exact) < 1.6e-3).all()

    # The curve is that of the molecule: -1.1373 Ha at 0.74 Å, and two atoms of -0.4666 Ha.
    assert -1.138 < exact.min() < -1.09
    assert exact[-1] == pytest.approx(-0.9361, abs=1e-3)


def check_optimisers(demo):
    """Newton's method needs the fewest evaluations, Adam the most; Hessians tell what was found."""
    minimum = demo["minimum"]
    within = [
        np.argmax(np.array(demo[k]) - minimum < 1e-6) for k in ("by_newton", "by_lbfgs", "by_adam")
    ]
    assert 0 < within[0] <= 4
    assert within[0] < within[1] <= 15
    assert within[1] < within[2] or within[2] == 0  # 0: never
    assert demo["by_newton"][-1] == pytest.approx(demo["by_lbfgs"][-1], abs=1e-9)

    assert (demo["curvature"] > 0.01).all()
    assert (demo["curvature_lost"] < 0).all()


def check_derivatives_by_the_noise(demo):
    """The energy and its derivatives by the noise are default.mixed's and finite differences'."""
    place, step = 2, 1e-3
    angles = demo["angles"].reshape(2, -1, 3)[1, place].numpy()
    hamiltonian = demo["hamiltonians"][place]
    low, middle, high = (
        reference_energy(angles, STRENGTH + shift, hamiltonian) for shift in (-step, 0, step)
    )
    assert demo["energies"][1, place] == pytest.approx(middle, abs=1e-9)
    # The differences' own error is of the order of the third and fourth derivatives.
    assert demo["slopes"][1, place] == pytest.approx((high - low) / (2 * step), rel=1e-3)
    assert demo["bends"][1, place] == pytest.approx((high - 2 * middle + low) / step**2, rel=1e-3)

    # The gate errors that chemical accuracy allows keep to it, and twice of them do not.
    ideal = demo["angles"].reshape(2, -1, 3)[0, place].numpy()
    for factor, kept in ((0.9, True), (2, False)):
        strength = factor * demo["needed"][place]
        error = reference_energy(ideal, strength, hamiltonian) - demo["exact"][place]
        assert (error < 1.6e-3) == kept
