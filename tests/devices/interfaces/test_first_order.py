"""Second derivatives of a QNode that has first ones only: an error, never a silent zero."""

import jax
import pennylane as qml
import pytest
import torch
from pennylane import numpy as pnp
from pennylane.exceptions import QuantumFunctionError

METHODS = {
    "qiskit": ("qizgloria.qiskit", None, {}),
    "qiskit shots": ("qizgloria.qiskit", 200, {}),
    "qiskit shifts": ("qizgloria.qiskit", None, {"diff_method": "parameter-shift"}),
    "shifts": ("qizgloria.mixed", None, {"diff_method": "parameter-shift"}),
    "Jacobians": (
        "qizgloria.mixed",
        None,
        {"diff_method": "parameter-shift", "device_vjp": False},
    ),
    "shots": ("qizgloria.mixed", 200, {}),
    "differences with shots": ("qizgloria.mixed", 200, {"diff_method": "finite-diff"}),
}
"""What gives first derivatives in all interfaces: device, shots and options of a QNode."""

ONLY_TORCH = {
    "device": ("qizgloria.mixed", None, {"diff_method": "device"}),
    "adjoint": ("qizgloria.mixed", None, {"diff_method": "adjoint"}),
    "while running": (
        "qizgloria.mixed",
        None,
        {"diff_method": "device", "grad_on_execution": True, "device_vjp": False},
    ),
}
"""What has derivatives of every order in autograd and JAX."""


def node(interface, name, shots=None, options=None, **more):
    """A weighted sum of two expectation values; its gradient by both angles is not constant."""
    device = qml.device(name, wires=1, seed=3)

    @qml.qnode(device, interface=interface, **(options or {}), **more)
    def circuit(x, y):
        qml.RX(x, wires=0)
        qml.RY(y, wires=0)
        return qml.expval(qml.Z(0)), qml.expval(qml.Y(0))

    run = qml.set_shots(circuit, shots) if shots else circuit

    def total(x, y):
        first, second = run(x, y)
        return first + 2 * second

    return total


def in_autograd(cost, wrt):
    x, y = pnp.array(0.3, requires_grad=True), pnp.array(0.2, requires_grad=True)
    return qml.grad(lambda *a: qml.grad(cost, argnums=0)(*a), argnums=wrt)(x, y)


def in_jax(cost, wrt):
    return jax.grad(jax.grad(cost), argnums=wrt)(0.3, 0.2)


def in_jax_backwards_and_forwards(cost, wrt):
    return jax.hessian(cost, argnums=(0, 1))(0.3, 0.2)[0][wrt]


def in_torch(cost, wrt):
    xy = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.3, 0.2)]
    (gradient,) = torch.autograd.grad(cost(*xy), xy[0], create_graph=True)
    return torch.autograd.grad(gradient, xy[wrt])[0]


SECOND = {
    "autograd": in_autograd,
    "jax": in_jax,
    "jax-forwards": in_jax_backwards_and_forwards,
    "torch": in_torch,
}
CASES = [(interface, method) for interface in SECOND for method in METHODS]
CASES += [("torch", method) for method in ONLY_TORCH]


@pytest.mark.parametrize("wrt", [0, 1])
@pytest.mark.parametrize(("interface", "method"), CASES)
@pytest.mark.filterwarnings("ignore:.*finite differences")
def test_an_error_says_so(interface, method, wrt):
    """Second derivatives by the same and by another parameter raise an error, and are not zero."""
    cost = node(interface.split("-")[0], *(METHODS | ONLY_TORCH)[method])
    with pytest.raises(NotImplementedError, match=r"first derivatives.*max_diff=2"):
        SECOND[interface](cost, wrt)


@pytest.mark.parametrize("wrt", [0, 1])
@pytest.mark.parametrize("interface", SECOND)
@pytest.mark.parametrize("name", ["qizgloria.mixed", "qizgloria.qiskit"])
def test_what_the_error_names_is_right(interface, name, wrt):
    """With max_diff=2 there are second derivatives, the same as default.qubit's."""
    own = interface.split("-")[0]
    options = {"diff_method": "parameter-shift", "max_diff": 2}
    found = SECOND[interface](node(own, name, None, options), wrt)
    expected = in_jax(_reference, wrt)
    assert float(found) == pytest.approx(float(expected), abs=1e-9)


def _reference(x, y):
    # Z after both rotations is cos x cos y, Y is -sin x.
    return jax.numpy.cos(x) * jax.numpy.cos(y) - 2 * jax.numpy.sin(x)


@pytest.mark.parametrize("method", METHODS)
def test_first_derivatives_inside_of_others(method):
    """A gradient within a function that is differentiated by something else is no second one."""
    name, _, options = METHODS[method]
    cost = node("autograd", name, None, options)
    plain = node("jax", name, None, options)
    x = 0.3

    def by_scale(scale):
        return scale**2 * qml.grad(cost, argnums=0)(pnp.array(x, requires_grad=True), 0.2)

    expected = 2 * jax.grad(_reference)(x, 0.2)
    assert qml.grad(by_scale)(pnp.array(1.0)) == pytest.approx(float(expected), abs=1e-5)
    found = jax.grad(lambda s: s**2 * jax.grad(plain)(x, 0.2))(1.0)
    assert float(found) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("method", ["shifts", "qiskit shifts"])
def test_vectors_and_batches_in_jax(method):
    """Guarded first derivatives go through vmap and jit."""
    name, _, options = METHODS[method]
    cost = node("jax", name, None, options)
    xs = jax.numpy.array([0.1, 0.3])
    expected = jax.vmap(jax.grad(_reference), (0, None))(xs, 0.2)
    in_jit = jax.numpy.array([jax.jit(jax.grad(cost))(x, 0.2) for x in xs])
    mapped = jax.jit(jax.vmap(jax.grad(cost), (0, None)))(xs, 0.2)
    assert jax.numpy.allclose(in_jit, expected)
    assert jax.numpy.allclose(mapped, expected)


@pytest.mark.parametrize("wrt", [0, 1])
@pytest.mark.parametrize("method", ONLY_TORCH)
@pytest.mark.parametrize("interface", ["autograd", "jax", "jax-forwards"])
@pytest.mark.parametrize("max_diff", [1, 2])
def test_reverse_pass_of_every_order(interface, method, wrt, max_diff):
    """Autograd and JAX differentiate again what the reverse pass gives, whatever is asked for."""
    name, shots, options = ONLY_TORCH[method]
    cost = node(interface.split("-")[0], name, shots, options, max_diff=max_diff)
    expected = in_jax(_reference, wrt)
    assert float(SECOND[interface](cost, wrt)) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("method", ["device", "adjoint"])
def test_higher_orders_are_refused_in_torch_only(method):
    """The message says what has them; plain numbers are not differentiated."""
    options = {"diff_method": method, "max_diff": 2}
    with pytest.raises(QuantumFunctionError, match=rf"'{method}'.*max_diff=2.*'backprop'"):
        in_torch(node("torch", "qizgloria.mixed", None, options), 0)
    value = node("auto", "qizgloria.mixed", None, options)(0.3, 0.2)
    assert float(value) == pytest.approx(float(_reference(0.3, 0.2)))
