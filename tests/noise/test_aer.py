"""Noise models of Aer's, against Aer's density matrices and Qiskit's maps."""

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from helpers.twins import aer_probabilities, random_function
from qiskit.circuit import Delay as QiskitDelay
from qiskit.circuit.library import XGate
from qiskit.quantum_info import PTM, Kraus, SuperOp
from qiskit_aer.noise import (
    LocalNoisePass,
    NoiseModel,
    PauliLindbladError,
    QuantumError,
    ReadoutError,
    RelaxationNoisePass,
    amplitude_damping_error,
    depolarizing_error,
    pauli_error,
    thermal_relaxation_error,
)
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from pennylane_qizgloria import Delay
from pennylane_qizgloria.noise.aer import AerNoise
from pennylane_qizgloria.noise.composition import composed


def model_of_everything():
    """Errors of several kinds on all qubits, and others on some of them."""
    model = NoiseModel(basis_gates=["rx", "ry", "rz", "h", "cx", "p"])
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.02), ["rx", "ry", "h"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.05, 2), ["cx"])
    model.add_quantum_error(pauli_error([("ZX", 0.1), ("YI", 0.05), ("II", 0.85)]), "cx", [0, 1])
    generators = [("XI", 0.01), ("ZY", 0.03), ("IZ", 0.02)]
    words, rates = zip(*generators, strict=True)
    model.add_quantum_error(PauliLindbladError(words, rates), "cx", [1, 0])
    model.add_quantum_error(thermal_relaxation_error(50, 30, 4), "h", [2])
    coherent = Kraus([[[1, 0], [0, np.exp(0.2j)]]])
    model.add_quantum_error(QuantumError(coherent), "rx", [1])
    model.add_all_qubit_quantum_error(pauli_error([("X", 0.03), ("I", 0.97)]), "measure")
    model.add_all_qubit_readout_error(ReadoutError([[0.98, 0.02], [0.07, 0.93]]))
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.15, 0.85]]), [1])
    return model


@pytest.mark.parametrize("seed", range(4))
def test_probabilities_are_those_of_aer(seed):
    """Random circuits have Aer's probabilities: local errors before those of all qubits."""
    model = model_of_everything()
    device = qml.device("qizgloria.mixed", wires=3, noise_model=model)
    function, count = random_function(3, seed, depth=4)
    angles = np.random.default_rng(seed).uniform(-3, 3, count)
    found = qml.QNode(lambda x: [function(x), qml.probs(wires=range(3))][1], device)(angles)
    pairs = [(0.02, 0.07), (0.1, 0.15), (0.02, 0.07)]
    # The errors of measurements are those of all qubits, which the reference looks up by qubit.
    model._local_quantum_errors["measure"] = {
        (qubit,): model._default_quantum_errors["measure"] for qubit in range(3)
    }
    np.testing.assert_allclose(found, aer_probabilities(device, angles, model, pairs), atol=1e-8)


def test_channels_are_qiskits():
    """The channels behind an instruction compose to the error's Pauli transfer matrix."""
    model = model_of_everything()
    noise = AerNoise(model)
    for name, errors in model._local_quantum_errors.items():
        for qubits, error in errors.items():
            # Qiskit's first qubit is the least significant one.
            found = composed(noise.after(name, qubits), qubits[::-1])
            np.testing.assert_allclose(found, PTM(SuperOp(error)).data.real, atol=1e-10)
    assert noise.after("rz", (0,)) == ()


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_depolarizing_errors_are_scaled_by_their_probability(scale):
    """A depolarizing error that is given as a quantum error becomes 1 - (1 - p)^s."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.1, 2), ["cx"])
    found = composed(AerNoise(model).after("cx", (0, 1)), (0, 1), scale)
    expected = PTM(SuperOp(depolarizing_error(1 - 0.9**scale, 2))).data.real
    np.testing.assert_allclose(found, expected, atol=1e-9)


def model_of_scale(scale):
    """Errors of several kinds, each scaled by its own formula."""
    model = NoiseModel(basis_gates=["rx", "ry", "rz", "h", "cx", "p"])
    model.add_all_qubit_quantum_error(amplitude_damping_error(1 - 0.95**scale), ["rx", "ry"])
    model.add_all_qubit_quantum_error(depolarizing_error(1 - 0.93**scale, 2), ["cx"])
    rates = scale * np.array([0.01, 0.03, 0.02])
    model.add_quantum_error(PauliLindbladError(["XI", "ZY", "IZ"], rates), "cx", [1, 0])
    model.add_quantum_error(thermal_relaxation_error(50, 30, 4 * scale), "h", [2])
    coherent = Kraus([[[1, 0], [0, np.exp(0.2j * scale)]]])
    model.add_quantum_error(QuantumError(coherent), "rx", [1])
    flip = (1 - 0.94**scale) / 2
    model.add_quantum_error(pauli_error([("X", flip), ("I", 1 - flip)]), "p", [0])
    return model


@pytest.mark.parametrize("seed", range(3))
def test_values_and_gradients_by_the_scale(seed):
    """They are those of Aer's density matrices with the scaled errors, and their differences."""
    scale = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    device = qml.device(
        "qizgloria.mixed", wires=3, noise_model=model_of_scale(1.0), noise_scale=scale
    )
    function, count = random_function(3, seed, depth=4)
    angles = np.random.default_rng(seed).uniform(-3, 3, count)
    qnode = qml.QNode(lambda x: [function(x), qml.probs(wires=range(3))][1], device)
    weights = np.linspace(-1, 1, 8)
    value = torch.as_tensor(weights) @ qnode(torch.as_tensor(angles))
    value.backward()

    def expected(own):
        return weights @ aer_probabilities(device, angles, model_of_scale(own[0]))

    assert value.item() == pytest.approx(expected([1.2]), abs=1e-8)
    (difference,) = five_point_derivative(expected, [1.2], step=1e-2)
    assert abs(difference) > 1e-3
    assert scale.grad.item() == pytest.approx(difference, abs=1e-6)


def test_relaxation_during_delays():
    """A model that Aer makes of a backend lets qubits relax while they wait."""
    backend = FakeManilaV2()
    noise = AerNoise(NoiseModel.from_backend(backend))
    (channel,) = noise.idle(2, 1e-6)
    with pytest.raises(ValueError, match="does not say how qubit 9 does"):
        noise.idle(9, 1e-6)
    own = backend.target.qubit_properties[2]
    expected = PTM(SuperOp(thermal_relaxation_error(own.t1, own.t2, 1e-6))).data.real
    np.testing.assert_allclose(channel.transfer(), expected, atol=1e-8)


def test_delays_in_time_steps():
    """The time step of a pass is that of delays in units of dt."""
    backend = FakeManilaV2()
    model = NoiseModel.from_backend(backend)
    device = qml.device("qizgloria.mixed", wires=1, noise_model=model)

    def value(duration, unit):
        return qml.QNode(
            lambda: [qml.X(0), Delay(duration, unit, wires=0), qml.expval(qml.Z(0))][2], device
        )()

    long = value(16000 * backend.dt, "s")
    assert value(16000, "dt") == pytest.approx(long, abs=1e-12)
    assert long > value(0, "dt") + 0.01


def relaxation(kinds):
    return RelaxationNoisePass([1e-4], [1e-4], op_types=kinds)


@pytest.mark.parametrize(
    ("own", "message", "relaxes"),
    [
        (relaxation(XGate), "pass RelaxationNoisePass", False),
        (relaxation(None), "relaxation of gates", True),
        (relaxation([QiskitDelay, XGate]), "relaxation of gates", True),
        (LocalNoisePass(lambda op, qubits: None, op_types=XGate), "pass LocalNoisePass", False),
    ],
    ids=["x", "all", "delay and x", "local"],
)
def test_passes_that_are_not_simulated(own, message, relaxes):
    """What a twin does not do of a noise pass is said, and delays relax where the pass says so."""
    model = NoiseModel()
    model._custom_noise_passes.append(own)
    with pytest.warns(UserWarning, match=rf"noise_model: The .*{message}.* is not simulated"):
        noise = AerNoise(model)
    assert any(message in sentence for sentence in noise.ignored)
    assert bool(noise.idle(0, 1e-6)) is relaxes


def test_errors_that_lose_the_trace():
    """A map that is no channel is refused by name."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.1), ["x"])
    (error,) = model._default_quantum_errors.values()

    class Losing:
        num_qubits = 1

        def to_quantumchannel(self):
            return 0.9 * SuperOp(error)

    model._local_quantum_errors["x"] = {(0,): 0.9 * SuperOp(error)}
    with pytest.raises(ValueError, match=r"error of 'x' on the qubits \[0\] does not preserve"):
        AerNoise(model)


def test_readout_errors_of_several_qubits():
    """Readout errors that qubits have together are refused."""
    model = NoiseModel()
    model.add_readout_error(ReadoutError(np.full((4, 4), 0.25)), [0, 1])
    with pytest.raises(ValueError, match=r"of the qubits \(0, 1\) together"):
        AerNoise(model)
