"""The device from numpy, autograd, torch and JAX, and through PennyLane's other ways to run it."""

from __future__ import annotations

import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import five_point_derivative
from helpers.devices import mixed_device
from pennylane import numpy as pnp

from pennylane_qizgloria import QizgloriaMixed

jax.config.update("jax_enable_x64", True)

X = [0.3, -1.2, 0.8]


def body(x):
    qml.RX(x[0], wires=0)
    qml.RY(x[1], wires=1)
    qml.CNOT(wires=[0, 1])
    qml.AmplitudeDamping(0.1, wires=0)
    qml.Rot(x[2], x[0], x[1], wires=1)
    qml.DepolarizingChannel(0.05, wires=1)


def means(x):
    body(x)
    return qml.expval(qml.Z(0) @ qml.X(1)), qml.var(qml.Y(1))


def distribution(x):
    body(x)
    return qml.probs(wires=[1, 0])


def mean(x):
    body(x)
    return qml.expval(qml.Z(0) @ qml.X(1))


def reference(function):
    """The values at X on default.mixed."""
    node = qml.QNode(function, qml.device("default.mixed", wires=2), interface=None)
    return np.array(node(np.array(X)))


def reference_jacobian(function):
    node = qml.QNode(function, qml.device("default.mixed", wires=2), interface=None)
    return five_point_derivative(node, np.array(X))


ARRAYS = {
    "numpy": lambda x: np.array(x),
    "autograd": lambda x: pnp.array(x, requires_grad=True),
    "torch": lambda x: torch.tensor(x, dtype=torch.float64, requires_grad=True),
    "jax": lambda x: jax.numpy.array(x),
}

TYPES = {
    "numpy": (np.ndarray, np.number),
    # What PennyLane gives, except where it backpropagates through autograd: arrays of numpy.
    "autograd": np.ndarray,
    "torch": torch.Tensor,
    "jax": jax.Array,
}


@pytest.mark.parametrize("named", [True, False], ids=["named", "auto"])
@pytest.mark.parametrize("interface", ARRAYS)
@pytest.mark.parametrize("function", [mean, means, distribution])
def test_values_and_types(function, interface, named):
    """Results are of the parameters' library and agree with default.mixed."""
    node = qml.QNode(function, mixed_device(2), interface=interface if named else "auto")
    result = node(ARRAYS[interface](X))
    several = result if function is means else (result,)
    assert isinstance(result, tuple) == (function is means)
    assert all(isinstance(part, TYPES[interface]) for part in several)
    values = np.stack([qml.math.toarray(qml.math.detach(part)) for part in several])
    assert np.allclose(values.reshape(reference(function).shape), reference(function))


@pytest.mark.parametrize("function", [mean, means, distribution])
def test_torch_gradient(function):
    """Gradients by backpropagation agree with finite differences of default.mixed."""
    node = qml.QNode(function, mixed_device(2), diff_method="backprop")
    jacobian = torch.autograd.functional.jacobian(
        lambda x: torch.stack(node(x)) if function is means else node(x), ARRAYS["torch"](X)
    )
    assert np.allclose(jacobian, reference_jacobian(function), rtol=0, atol=1e-8)


def test_torch_gradient_is_default_mixeds():
    """Backpropagation agrees with default.mixed's, also into channel strengths."""

    def circuit(x, p):
        qml.RX(x[0], wires=0)
        qml.AmplitudeDamping(p[0], wires=0)
        qml.CRot(x[0], x[1], x[2], wires=[0, 1])
        qml.BitFlip(p[1], wires=1)
        qml.IsingXX(x[2], wires=[1, 0])
        return qml.expval(qml.Hermitian(np.array([[1, 1j], [-1j, 0]]), wires=1))

    gradients = []
    for device in (mixed_device(2), qml.device("default.mixed", wires=2)):
        x = ARRAYS["torch"](X)
        p = torch.tensor([0.2, 0.3], dtype=torch.float64, requires_grad=True)
        qml.QNode(circuit, device, diff_method="backprop")(x, p).real.backward()
        gradients.append(torch.cat([x.grad, p.grad]))
    assert torch.allclose(*gradients, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", ["best", "adjoint", "device", "parameter-shift", "finite-diff"])
def test_autograd_gradient(method):
    """Gradients of PennyLane's numpy arrays agree with finite differences of default.mixed."""
    node = qml.QNode(mean, mixed_device(2), diff_method=method)
    tolerance = 1e-5 if method == "finite-diff" else 1e-8
    gradient = qml.grad(node)(pnp.array(X, requires_grad=True))
    assert np.allclose(gradient, reference_jacobian(mean), rtol=0, atol=tolerance)


@pytest.mark.parametrize("method", ["best", "adjoint", "device", "parameter-shift"])
def test_jax_gradient(method):
    """Gradients of JAX arrays agree with finite differences of default.mixed."""
    node = qml.QNode(mean, mixed_device(2), diff_method=method)
    gradient = jax.grad(node)(jax.numpy.array(X))
    assert np.allclose(gradient, reference_jacobian(mean), rtol=0, atol=1e-8)


@pytest.mark.parametrize("method", ["parameter-shift", "finite-diff", "hadamard"])
def test_torch_gradient_by_other_methods(method):
    """Methods that run shifted circuits agree with finite differences of default.mixed."""
    # The Hadamard test knows unitary circuits and one more wire.
    if method == "hadamard":

        def function(x):
            qml.RX(x[0], wires=0)
            qml.RY(x[1], wires=1)
            qml.CNOT(wires=[0, 1])
            qml.RZ(x[2], wires=1)
            return qml.expval(qml.Z(0) @ qml.X(1))

        expected = reference_jacobian(function)
    else:
        function, expected = mean, reference_jacobian(mean)
    x = ARRAYS["torch"](X)
    qml.QNode(function, mixed_device(3), diff_method=method)(x).backward()
    tolerance = 1e-5 if method == "finite-diff" else 1e-8
    assert np.allclose(x.grad, expected, rtol=0, atol=tolerance)


def test_parameter_shift_with_shots():
    """Gradients from shots estimate the exact gradients."""
    device = mixed_device(2, seed=5)
    node = qml.set_shots(qml.QNode(mean, device, diff_method="parameter-shift"), 40_000)
    gradient = qml.grad(node)(pnp.array(X, requires_grad=True))
    # Two parameters occur twice: four shifted circuits each, with prefactors of 1/2.
    assert (abs(gradient - reference_jacobian(mean)) < 5 * np.sqrt(4 * 0.25 / 40_000)).all()


# --- precision ------------------------------------------------------------------------------------


def test_float32_inputs_get_float32_gradients():
    """Gradients of float32 inputs are float32, so that models in single precision train."""
    x = torch.tensor(X, dtype=torch.float32, requires_grad=True)
    node = qml.QNode(mean, mixed_device(2), diff_method="backprop")
    node(x).backward()
    assert x.grad.dtype == torch.float32
    assert np.allclose(x.grad, reference_jacobian(mean), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"r_dtype": np.float32}, {"c_dtype": "complex64"}, {"r_dtype": torch.float32}],
    ids=str,
)
@pytest.mark.parametrize("interface", ["numpy", "torch"])
def test_single_precision_results(interface, options):
    """Results have the precision that was asked for."""

    def circuit(x):
        body(x)
        return qml.expval(qml.Z(0)), qml.probs(wires=0), qml.state(), qml.purity(wires=[0])

    results = qml.QNode(circuit, mixed_device(2, **options), interface=interface)(
        ARRAYS[interface](X)
    )
    names = [str(result.dtype).removeprefix("torch.") for result in results]
    assert names == ["float32", "float32", "complex64", "float32"]


@pytest.mark.parametrize("interface", ["numpy", "torch"])
def test_double_precision_by_default(interface):
    """Results are in double precision unless another one is asked for."""

    def circuit(x):
        body(x)
        return qml.expval(qml.Z(0)), qml.state()

    results = qml.QNode(circuit, mixed_device(2), interface=interface)(ARRAYS[interface](X))
    names = [str(result.dtype).removeprefix("torch.") for result in results]
    assert names == ["float64", "complex128"]


def test_single_precision_gradient():
    """Backpropagation in single precision is accurate to single precision."""
    x = ARRAYS["torch"](X)
    node = qml.QNode(mean, mixed_device(2, r_dtype=np.float32), diff_method="backprop")
    node(x).backward()
    assert x.grad.dtype == torch.float64
    assert np.allclose(x.grad, reference_jacobian(mean), rtol=0, atol=1e-5)


# --- PennyLane's other ways -----------------------------------------------------------------------


def test_entry_point():
    """``qml.device`` finds the device by its entry point."""
    device = qml.device("qizgloria.mixed", wires=["a", 3])
    assert type(device) is QizgloriaMixed
    assert device.name == "qizgloria.mixed"
    assert device.wires.tolist() == ["a", 3]
    assert qml.device("qizgloria.mixed").wires is None


def tape_of(x, shots=None):
    return qml.tape.make_qscript(mean)(x).copy(shots=shots)


def test_qml_execute():
    """A batch of tapes gives its results in the order of the tapes."""
    tapes = [tape_of(np.array(X)), qml.tape.QuantumScript([qml.X(0)], [qml.probs(wires=0)])]
    value, probabilities = qml.execute(tapes, mixed_device(2))
    assert abs(value - reference(mean)) < 1e-10
    assert np.array_equal(probabilities, [0, 1])


def test_execute_on_the_device():
    """``device.execute`` takes one tape or a batch."""
    device, tape = mixed_device(2), tape_of(np.array(X))
    assert abs(device.execute(tape) - reference(mean)) < 1e-10
    results = device.execute([tape, tape])
    assert np.allclose(results, [reference(mean)] * 2)


def test_execute_with_torch_parameters():
    """Tapes with torch parameters are differentiable through ``device.execute``."""
    x = ARRAYS["torch"](X)
    value = mixed_device(2).execute(tape_of(x))
    (gradient,) = torch.autograd.grad(value, x)
    assert np.allclose(gradient, reference_jacobian(mean), rtol=0, atol=1e-8)


def test_tracker():
    """The tracker counts circuits and shots."""
    device = mixed_device(2)
    tape = tape_of(np.array(X))
    with qml.Tracker(device) as tracker:
        qml.execute([tape, tape], device, diff_method=None)
        qml.execute([tape_of(np.array(X), shots=(10, 20))], device, diff_method=None)
    assert tracker.totals["batches"] == 2
    assert tracker.totals["simulations"] == 3
    assert tracker.totals["shots"] == 30


def test_tracker_counts_a_batch():
    """A broadcast circuit counts as one execution for each element."""
    device = mixed_device(1)
    tape = qml.tape.QuantumScript([qml.RX(np.array([0.1, 0.2, 0.3]), 0)], [qml.expval(qml.Z(0))])
    with qml.Tracker(device) as tracker:
        qml.execute([tape], device, diff_method=None)
    assert tracker.totals["simulations"] == 1
    assert tracker.totals["executions"] == 3


def test_torch_layer():
    """The device works as a layer of a torch model."""

    @qml.qnode(mixed_device(2), interface="torch")
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=[0, 1])
        qml.DepolarizingChannel(0.1, wires=0)
        qml.BasicEntanglerLayers(weights, wires=[0, 1])
        return [qml.expval(qml.Z(w)) for w in (0, 1)]

    layer = qml.qnn.TorchLayer(circuit, {"weights": (2, 2)})
    output = layer(torch.rand(5, 2))
    assert output.shape == (5, 2)
    output.sum().backward()
    assert layer.weights.grad.abs().max() > 0
