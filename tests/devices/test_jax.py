"""JAX's transformations of circuits, against dense formulas in JAX and default.mixed."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pennylane as qml
import pytest
from helpers.derivatives import five_point_derivative
from helpers.devices import mixed_device
from pennylane.exceptions import DeviceError
from pennylane.tape import QuantumScript

jax.config.update("jax_enable_x64", True)

X = jnp.array([0.3, 0.7])
COLUMNS = jnp.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])


def body(x):
    qml.RX(x[0], 0)
    qml.CNOT([0, 1])
    qml.RY(x[1], 1)
    qml.AmplitudeDamping(0.1 + 0.1 * x[0], 0)


X0, Y0 = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
Z0, EYE = np.diag([1, -1]), np.eye(2)


def density_matrix(x):
    """The state that `body` makes, by a dense formula in JAX."""
    c, s = jnp.cos(x / 2), jnp.sin(x / 2)
    rx = c[0] * EYE - 1j * s[0] * X0
    ry = c[1] * EYE - 1j * s[1] * Y0
    cnot = np.eye(4)[[0, 1, 3, 2]]
    psi = (jnp.kron(EYE, ry) @ cnot @ jnp.kron(rx, EYE))[:, 0]
    rho = jnp.outer(psi, psi.conj())
    gamma = 0.1 + 0.1 * x[0]
    keep = jnp.diag(jnp.array([1, 0])) + jnp.sqrt(1 - gamma) * np.diag([0, 1])
    decay = jnp.sqrt(gamma) * np.array([[0, 1], [0, 0]])
    kraus = [jnp.kron(k, EYE) for k in (keep, decay)]
    return sum(k @ rho @ k.conj().T for k in kraus)


def traced(rho, axis):
    return jnp.trace(rho.reshape(2, 2, 2, 2), axis1=axis, axis2=axis + 2)


def mean(rho, *factors):
    return jnp.trace(jnp.kron(*factors) @ rho).real


def measurements():
    return (
        *(qml.expval(qml.Z(1)), qml.expval(qml.Y(0) @ qml.X(1)), qml.probs([0])),
        *(qml.var(qml.X(1)), qml.purity([0]), qml.state(), qml.density_matrix([1])),
    )


def results(x):
    """What `measurements` give."""
    rho = density_matrix(x)
    first, second = traced(rho, 1), traced(rho, 0)
    return (
        *(mean(rho, EYE, Z0), mean(rho, Y0, X0), jnp.diag(first).real),
        *(1 - mean(rho, EYE, X0) ** 2, jnp.trace(first @ first).real, rho, second),
    )


def real(node):
    """Its results as one real vector, which is what JAX's transformations take."""

    def run(x):
        results = node(x)
        parts = results if isinstance(results, tuple) else (results,)
        flat = [part.reshape(*x.shape[1:], -1) for part in parts]
        every = jnp.concatenate(flat, -1)
        return jnp.concatenate([every.real, every.imag], -1)

    return run


TRANSFORMS = {
    "value": lambda f: f(X),
    "jacrev": lambda f: jax.jacrev(f)(X),
    "jacfwd": lambda f: jax.jacfwd(f)(X),
    "jvp": lambda f: jax.jvp(f, (X,), (jnp.array([1.0, -2.0]),))[1],
    "vmap": lambda f: jax.vmap(f, in_axes=1)(COLUMNS),
    "vmap of jacrev": lambda f: jax.vmap(jax.jacrev(f), in_axes=1)(COLUMNS),
    "vmap of jacfwd": lambda f: jax.vmap(jax.jacfwd(f), in_axes=1)(COLUMNS),
    "batch": lambda f: f(COLUMNS),
    "Jacobian of batch": lambda f: jax.jacrev(f)(COLUMNS),
    "hessian": lambda f: jax.hessian(f)(X),
    "jacrev of jacrev": lambda f: jax.jacrev(jax.jacrev(f))(X),
}


BATCHES = {name for name in TRANSFORMS if name.endswith("batch")}


def reference(transform):
    every = jax.vmap(results, in_axes=1) if transform in BATCHES else results
    return jax.jit(lambda: TRANSFORMS[transform](real(every)))()


def node(device, **options):
    def circuit(x):
        body(x)
        return measurements()

    return real(qml.QNode(circuit, device, interface="jax", **options))


@pytest.mark.parametrize(
    "transform",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "jacrev of jacrev" else name
        for name in TRANSFORMS
    ],
)
def test_transforms_in_jit(transform):
    """Every transformation of every kind of result agrees with a dense formula."""
    found = jax.jit(lambda: TRANSFORMS[transform](node(mixed_device(2))))()
    assert np.allclose(found, reference(transform), rtol=0, atol=1e-9)


@pytest.mark.parametrize("transform", ["value", "jacrev", "jvp", "vmap", "batch"])
def test_transforms_at_once(transform):
    """Without jit, too."""
    found = TRANSFORMS[transform](node(mixed_device(2)))
    assert np.allclose(found, reference(transform), rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["best", "device", "adjoint"])
def test_jacobian_with_products_of_the_device(method):
    """``device_vjp=True`` is no obstacle to the Jacobian of several results."""
    circuit = node(mixed_device(2), diff_method=method, device_vjp=True)
    found = jax.jit(jax.jacobian(circuit))(X)
    assert np.allclose(found, reference("jacrev"), rtol=0, atol=1e-9)


@pytest.mark.parametrize("wires", [None, 3, ["a", "b", "c"]], ids=str)
def test_state_has_all_wires(wires):
    """Under jit a state is a density matrix of all wires of the device, or of the circuit."""
    device = qml.device("qizgloria.mixed", wires=wires)
    first, second = (0, 1) if wires in (None, 3) else ("a", "b")

    @qml.qnode(device)
    def circuit(x):
        qml.RX(x, first)
        qml.CNOT([first, second])
        return qml.state()

    found = jax.jit(circuit)(0.4)
    assert found.shape == ((4, 4) if wires is None else (8, 8))
    assert np.allclose(found, circuit(0.4))


def rotation(x, xp):
    return xp.array([[xp.cos(x), -xp.sin(x)], [xp.sin(x), xp.cos(x)]]) + 0j


def acquaintances(index, wires, param=None, **_):
    return qml.CRY(param, wires)


def block_encode(x, xp):
    return qml.BlockEncode(xp.array([[0.1, x], [0.3, 1.4]]), [0, 1])


PREPARATIONS = {
    "StatePrep": lambda x, xp: qml.StatePrep(xp.array([xp.cos(x), 1j * xp.sin(x)]), 0),
    "AmplitudeEmbedding": lambda x, xp: qml.AmplitudeEmbedding(
        xp.array([xp.cos(x), 2.0, x]), [0, 1], normalize=True, pad_with=0.0
    ),
    "QubitDensityMatrix": lambda x, xp: qml.QubitDensityMatrix(
        xp.diag(xp.array([xp.cos(x) ** 2, xp.sin(x) ** 2])) + 0j, 0
    ),
}

ARRAYS = {
    "SpecialUnitary": lambda x, xp: qml.SpecialUnitary(xp.array([x, 0.1, 0.2]), 0),
    "QubitUnitary": lambda x, xp: qml.QubitUnitary(rotation(x, xp), 0),
    "ControlledQubitUnitary": lambda x, xp: qml.ControlledQubitUnitary(rotation(x, xp), [1, 0]),
    "DiagonalQubitUnitary": lambda x, xp: qml.DiagonalQubitUnitary(
        xp.exp(1j * xp.array([x, 0])), 0
    ),
    "QubitChannel": lambda x, xp: qml.QubitChannel(
        [0.6 * rotation(x, xp), 0.8 * rotation(0 * x, xp)], 0
    ),
    "PauliError": lambda x, xp: qml.PauliError("XY", x, [0, 1]),
    "BlockEncode": block_encode,
    "adjoint of BlockEncode": lambda x, xp: qml.adjoint(block_encode(x, xp)),
    "QSVT": lambda x, xp: qml.QSVT(
        block_encode(x, xp), [qml.PCPhase(x, 1, [0, 1]) for _ in range(3)]
    ),
    "TwoLocalSwapNetwork": lambda x, xp: qml.TwoLocalSwapNetwork(
        [0, 1], acquaintances, x * xp.ones(1)
    ),
}

OBSERVABLES = {
    "Hermitian": lambda x, xp: qml.Hermitian(xp.array([[x, 0.1], [0.1, 1.0]]), 0),
    "LinearCombination": lambda x, xp: x * qml.Z(0) + 0.3 * qml.X(1) @ qml.Z(0),
}


@pytest.mark.parametrize("name", [*PREPARATIONS, *ARRAYS, *OBSERVABLES])
def test_array_parameters(name):
    """Gradients through matrices, states and what PennyLane keeps of them are default.mixed's."""

    def circuit(x, xp):
        if name in PREPARATIONS:
            PREPARATIONS[name](x, xp)
        for wire in range(2):
            qml.RY(0.8, wire)
        if name in ARRAYS:
            ARRAYS[name](x, xp)
        qml.RX(0.3, 0)
        qml.CNOT([0, 1])
        if name in OBSERVABLES:
            return qml.expval(OBSERVABLES[name](x, xp))
        return qml.expval(qml.Z(0) + 0.5 * qml.Y(1) @ qml.X(0))

    exact = qml.QNode(circuit, qml.device("default.mixed", wires=2), interface=None)
    (expected,) = five_point_derivative(lambda x: exact(x[0], np), np.array([0.4]))
    node = qml.QNode(lambda x: circuit(x, jnp), mixed_device(2), interface="jax")
    found = jax.jit(lambda x: (jax.grad(node)(x), jax.jacfwd(node)(x)))(0.4)
    assert np.allclose(found, expected, rtol=0, atol=1e-8)
    assert abs(expected) > 1e-3


def test_derivatives_of_complex_tangents():
    """Derivatives of a state's tangents, in reverse and of third order, are not conjugated."""

    @qml.qnode(mixed_device(1), interface="jax", max_diff=3)
    def circuit(x):
        qml.RX(x, 0)
        qml.RZ(2 * x, 0)
        return qml.density_matrix([0])

    def tangent(function):
        return lambda x: jax.jvp(function, (x,), (1.0,))[1]

    def derivatives(entry):
        first = tangent(entry)
        parts = (lambda x: jnp.real(first(x)), lambda x: jnp.imag(first(x)))
        return [*(jax.grad(part)(0.7) for part in parts), tangent(tangent(first))(0.7)]

    found = derivatives(lambda x: circuit(x)[0, 1])
    expected = derivatives(lambda x: 0.5j * jnp.sin(x) * jnp.exp(-2j * x))
    assert np.allclose(found, expected, rtol=0, atol=1e-10)
    assert min(map(abs, expected)) > 1e-2


def test_product_of_matrices_before_the_circuit():
    """A dot product ahead of the circuit in one jit, which aborts JAX 0.7.1 otherwise."""

    @qml.qnode(mixed_device(2))
    def circuit(x):
        body(x)
        return qml.expval(qml.Z(1))

    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    found = jax.jit(jax.grad(lambda x: circuit(turn @ x)))(X)
    assert np.allclose(found, turn.T @ jax.jit(jax.grad(circuit))(turn @ X), rtol=0, atol=1e-12)


def test_no_parameter_reaches_the_measurement():
    """The gradient is zero where the measurement sees none of the parameters."""

    @qml.qnode(mixed_device(2))
    def circuit(x):
        qml.RX(x, 1)
        return qml.expval(qml.Z(0)), qml.probs([0])

    for run in (circuit, jax.jit(circuit)):
        first, second = jax.jacobian(run)(0.4)
        assert np.array_equal(first, 0)
        assert np.array_equal(second, [0, 0])


def test_single_precision():
    """Results and gradients have the dtypes of the device and of the parameters."""

    @qml.qnode(mixed_device(2, r_dtype=np.float32))
    def circuit(x):
        body(x)
        return qml.probs([1])

    x = X.astype(jnp.float32)
    assert jax.jit(circuit)(x).dtype == circuit(x).dtype == jnp.float32
    gradient = jax.jit(jax.grad(lambda x: circuit(x)[0]))(x)
    assert gradient.dtype == jnp.float32
    assert np.allclose(gradient, jax.grad(lambda x: circuit(x)[0])(x), atol=1e-6)


def test_integers_are_no_obstacle():
    """Basis states may be traced: they have no derivative, and the others have theirs."""

    @qml.qnode(mixed_device(2))
    def circuit(bits, x):
        qml.BasisState(bits, [0, 1])
        qml.RX(x, 0)
        return qml.expval(qml.Z(0))

    value, slope = jax.jit(jax.value_and_grad(circuit, argnums=1))(jnp.array([1, 0]), 0.4)
    assert np.allclose([value, slope], [-np.cos(0.4), np.sin(0.4)])


# --- the device itself ----------------------------------------------------------------------------


def tape(x, shots=None):
    return QuantumScript([qml.RX(x, 0)], [qml.expval(qml.Z(0)), qml.probs([0])], shots=shots)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["plain", "jit"])
def test_execute_while_tracing(transform):
    """``device.execute`` takes tapes with JAX's tracers, several of them too."""

    def total(x):
        first, (mean, probabilities) = mixed_device(1).execute([tape(x), tape(2 * x)])
        return first[0] + mean * probabilities[1]

    def by_hand(x):
        return jnp.cos(x) + jnp.cos(2 * x) * jnp.sin(x) ** 2

    for way in (jax.grad, jax.jacfwd, jax.hessian):
        found = transform(way(total))(0.4)
        assert np.allclose(found, way(by_hand)(0.4), rtol=0, atol=1e-10)


def test_execute_with_shots_while_tracing():
    """Samples have no derivative that JAX could take; the message says what has one."""
    with pytest.raises(DeviceError, match=r"qizgloria.mixed.*shots.*parameter-shift"):
        jax.grad(lambda x: mixed_device(1).execute(tape(x, shots=10))[0])(0.4)
