"""Channels on Aer, exactly and with shots, and where there are none."""

import numpy as np
import pennylane as qml
import pytest
from qiskit.primitives import StatevectorSampler
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, amplitude_damping_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

MEASUREMENTS = {
    "expval": lambda: qml.expval(qml.Z(0) @ qml.Y(1)),
    "expval of a matrix": lambda: qml.expval(qml.Hermitian([[1.0, 0.5j], [-0.5j, 0.2]], wires=1)),
    "var": lambda: qml.var(qml.X(1)),
    "probs": lambda: qml.probs(wires=[1, 0]),
    "density_matrix": lambda: qml.density_matrix(wires=[0, 1]),
}


def circuit(measure, strength=0.3):
    qml.RY(0.7, wires=0)
    qml.AmplitudeDamping(strength, wires=0)
    qml.CNOT(wires=[0, 1])
    qml.BitFlip(0.1, wires=1)
    qml.PauliError("XZ", 0.2, wires=[1, 0])
    qml.RX(0.9, wires=1)
    return measure()


def value(device, measure, shots=None, **options):
    node = qml.set_shots(qml.QNode(lambda: circuit(measure, **options), device), shots)
    return node()


@pytest.mark.parametrize("name", MEASUREMENTS)
@pytest.mark.parametrize("options", [{}, {"method": "density_matrix"}, {"use_estimator": False}])
def test_exact_results_are_those_of_default_mixed(name, options):
    """Left to choose, Aer would average over random trajectories."""
    own = qml.device("qizgloria.qiskit", wires=2, **options)
    right = value(qml.device("default.mixed", wires=2), MEASUREMENTS[name])
    np.testing.assert_allclose(value(own, MEASUREMENTS[name]), right, atol=1e-9)


@pytest.mark.parametrize("name", ["expval", "var", "probs"])
@pytest.mark.parametrize("method", ["automatic", "statevector", "matrix_product_state"])
def test_shots_are_drawn_from_the_noisy_state(name, method):
    """Values agree within the noise of the shots."""
    own = qml.device("qizgloria.qiskit", wires=2, method=method, seed=3, use_estimator=False)
    right = value(qml.device("default.mixed", wires=2), MEASUREMENTS[name])
    np.testing.assert_allclose(value(own, MEASUREMENTS[name], 20_000), right, atol=0.02)


def test_strengths_are_not_mixed_up():
    """Circuits that differ in a strength only are different circuits."""
    own, right = qml.device("qizgloria.qiskit", wires=2), qml.device("default.mixed", wires=2)
    for strength in (0.3, 0.0, 0.9, 0.3):
        found = value(own, MEASUREMENTS["expval"], strength=strength)
        assert found == pytest.approx(value(right, MEASUREMENTS["expval"], strength=strength))


@pytest.mark.parametrize("where", ["qnode", "device"])
def test_noise_that_is_added_runs(where):
    """qml.add_noise puts channels after gates."""
    model = qml.NoiseModel(
        {qml.noise.op_eq(qml.RX): qml.noise.partial_wires(qml.AmplitudeDamping, 0.3)}
    )

    def results(device):
        node = qml.QNode(lambda x: [qml.RX(x, 0), qml.expval(qml.Z(0))][1], device)
        if where == "device":
            return qml.QNode(node.func, qml.add_noise(device, model))(0.8)
        return qml.add_noise(node, model)(0.8)

    found = results(qml.device("qizgloria.qiskit", wires=1))
    right = 1 - (1 - np.cos(0.8)) * 0.7
    assert found == pytest.approx(right)


@pytest.mark.parametrize("method", ["best", "parameter-shift"])
def test_gates_among_channels_have_exact_gradients(method):
    """The gradient is that of default.mixed."""

    def cost(x):
        qml.RY(x[0], wires=0)
        qml.AmplitudeDamping(0.3, wires=0)
        qml.CNOT(wires=[0, 1])
        qml.BitFlip(0.1, wires=1)
        qml.RX(x[1], wires=1)
        return qml.expval(qml.Z(1))

    x = qml.numpy.array([0.4, -0.7], requires_grad=True)
    own = qml.QNode(cost, qml.device("qizgloria.qiskit", wires=2), diff_method=method)
    right = qml.QNode(cost, qml.device("default.mixed", wires=2), diff_method="backprop")
    np.testing.assert_allclose(qml.grad(own)(x), qml.grad(right)(x), atol=1e-9)


HARDWARE = {
    "a machine": lambda: {"backend": "fake_manila"},
    "an image of one": lambda: {"backend": AerSimulator.from_backend(FakeManilaV2())},
    "a method without channels": lambda: {"method": "stabilizer"},
    "primitives": lambda: {"sampler": StatevectorSampler()},
}


@pytest.mark.parametrize("name", HARDWARE)
def test_hardware_runs_no_channels(name):
    """The error says what does."""
    device = qml.device("qizgloria.qiskit", wires=2, **HARDWARE[name]())

    @qml.set_shots(10)
    @qml.qnode(device)
    def node():
        qml.BitFlip(0.1, wires=0)
        return qml.probs(wires=0)

    with pytest.raises(
        qml.exceptions.DeviceError,
        match=r"no channels .*drop_channels.*noise_model=.*qizgloria.mixed",
    ):
        node()
    assert device.jobs == []


@pytest.mark.parametrize("noise", ["model", "channels"])
def test_methods_that_are_not_exact_give_no_exact_results(noise):
    """A state vector of a noisy circuit is one random trajectory."""
    model = NoiseModel()
    model.add_all_qubit_quantum_error(amplitude_damping_error(0.3), ["x"])
    options = {"noise_model": model} if noise == "model" else {}
    device = qml.device("qizgloria.qiskit", wires=1, method="statevector", **options)

    @qml.qnode(device)
    def node():
        qml.X(0)
        if noise == "channels":
            qml.AmplitudeDamping(0.3, wires=0)
        return qml.probs(wires=0)

    with pytest.raises(qml.exceptions.DeviceError, match=r"'statevector' averages .*set_shots"):
        node()
    np.testing.assert_allclose(qml.set_shots(node, 20_000)(), [0.3, 0.7], atol=0.02)
