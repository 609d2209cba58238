"""What guards compare, and how layers and circuits follow what they depend on."""

import cProfile
import time

import numpy as np
import pennylane as qml
import pytest
import torch
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit

from pennylane_qizgloria import TorchCircuit, TorchLayer
from pennylane_qizgloria.nn.tracing.guarding.observation import observe
from pennylane_qizgloria.nn.tracing.guarding.reachability import IncomparableError, guard
from pennylane_qizgloria.nn.tracing.trace_cache import TracingAccount

CALLS = 8

DEVICE = qml.device("qizgloria.mixed", wires=2)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Record a call as soon as one before it has been watched, although that does not pay."""
    monkeypatch.setattr(TracingAccount, "pays", lambda self, structure: structure.calls > 1)


def measured(angle, weights):
    qml.RX(angle, wires=0)
    qml.Rot(*weights, wires=0)
    qml.CNOT([0, 1])
    return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]


def times(factor):
    return lambda inputs, weights: measured(factor * inputs[..., 0], weights)


def layer_of(kind, function):
    weights = torch.tensor([0.4, -1.1, 2.3], dtype=torch.float64)
    return kind(qml.QNode(function, DEVICE), {"weights": (3,)}, {"weights": weights})


def test_trainable_tensors_from_elsewhere_get_gradients(drawn):
    """The gradient of a parameter outside of the layer, before and after it is bound anew."""
    world = {"angle": torch.tensor(0.3, dtype=torch.float64, requires_grad=True)}
    function = lambda inputs, weights: measured(inputs[..., 0] * world["angle"], weights)  # noqa: E731
    ours, theirs = layer_of(TorchLayer, function), layer_of(qml.qnn.TorchLayer, function)
    for number in range(8):
        found = [torch.autograd.grad(x(drawn(3, 2)).sum(), world["angle"]) for x in (ours, theirs)]
        torch.testing.assert_close(*found)
        if number == 4:
            assert ours.is_traced
            world["angle"] = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)


def test_entropy_is_seen(drawn):
    """A generator without a seed, made inside, draws from the operating system."""

    def function(inputs, weights):
        return measured(inputs[..., 0] * np.random.default_rng().random(), weights)

    layer = layer_of(TorchLayer, function)
    with pytest.warns(UserWarning, match="draws random numbers"):
        values = {layer(drawn(3, 2)).sum().item() for _ in range(CALLS)}
    assert len(values) == CALLS


def test_profilers_go_on(drawn):
    """A training step can be profiled, with what runs after the layer has watched a call."""
    layer, profiler = layer_of(TorchLayer, times(1)), cProfile.Profile()
    profiler.enable()
    for _ in range(CALLS):
        found = layer(drawn(3, 2))
    diagonal = found.diag_embed()
    profiler.disable()
    torch.testing.assert_close(found, layer_of(TorchLayer, times(1))(drawn(3, 2)))
    assert layer.is_traced
    assert diagonal.shape == (3, 2, 2)
    assert any("diag_embed" in str(entry.code) for entry in profiler.getstats())


def test_another_function_of_the_qnode(drawn):
    """A QNode's function can be exchanged."""
    functions = [times(1), times(2)]
    layer = layer_of(TorchLayer, functions[0])
    for function in functions:
        for _ in range(4):
            found = layer(drawn(3, 2))
            torch.testing.assert_close(found, layer_of(TorchLayer, function)(drawn(3, 2)))
        assert layer.is_traced
        layer.qnode.func = functions[1]


def test_the_default_dtype(drawn):
    """Tensors that a circuit makes come in the default dtype."""

    def function(inputs, weights):
        return measured(inputs[..., 0] + torch.tensor(1 / 3), weights)

    ours, theirs = layer_of(TorchLayer, function), layer_of(qml.qnn.TorchLayer, function)
    try:
        for dtype in (torch.float32, torch.float64, torch.float32):
            torch.set_default_dtype(dtype)
            for _ in range(4):
                torch.testing.assert_close(
                    ours(drawn(3, 2)), theirs(drawn(3, 2)), rtol=1e-12, atol=0
                )
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("kind", ["TorchLayer", "TorchCircuit"])
def test_the_noise_of_a_device_is_followed(kind):
    """A noise model's function of the user's reads what it reads at each call."""
    strength = [0.1]

    def noise(op, **_):
        qml.DepolarizingChannel(strength[0], wires=op.wires)

    model = qml.NoiseModel({qml.noise.op_in([qml.RX]): noise})
    device = qml.add_noise(qml.device("qizgloria.mixed", wires=1), model)
    if kind == "TorchLayer":

        @qml.qnode(device)
        def circuit(inputs):
            qml.RX(inputs[..., 0], wires=0)
            return [qml.expval(qml.Z(0))]

        layer = TorchLayer(circuit, {})
    else:
        x = Parameter("x")
        circuit = QuantumCircuit(1)
        circuit.rx(x, 0)
        layer = TorchCircuit(circuit, x, observables="Z", quantum_device=device)
    for value in (0.1, 0.2, 0.1, 0.3):
        strength[0] = value
        for _ in range(4):
            result = layer(torch.tensor([[0.4], [0.9]], dtype=torch.float64))
            expected = (1 - 4 / 3 * value) * np.cos([[0.4], [0.9]])
            np.testing.assert_allclose(result.detach().numpy(), expected, atol=1e-12)
        assert layer._trace_cache.is_used


# --- guards by themselves -------------------------------------------------------------------------


def guarded(function):
    _, seen = observe(function)
    return guard([("it", function)], seen)


def test_what_is_not_read_is_not_compared():
    """Attributes and globals that the code does not name may change."""
    world = type("World", (), {"used": 1, "unused": 2})()
    world.used, world.unused = 1, [2]
    own = guarded(lambda: world.used)
    world.unused.append(3)
    world.unused = 5
    assert own.holds()
    world.used = 1.0
    assert not own.holds()
    assert "used" in own.change()


def test_equal_numbers_may_take_the_place_of_others():
    """A float that is computed anew is another object."""
    numbers = [0.1, (0.2, "a"), float("nan")]
    own = guarded(lambda: numbers)
    numbers[:] = [0.05 + 0.05, (0.1 + 0.1, "".join("a")), float("nan")]
    assert own.holds()
    numbers[0] = -numbers[0]
    assert not own.holds()


@pytest.mark.parametrize(
    ("value", "word"),
    [(iter([1]), "iterator"), (np.array([object()]), "array of objects"), (time.time, "time"),
     (np.zeros(2**20), "more than"), (memoryview(b"a"), "memoryview")],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(value, word):
    """The reason names what it is."""
    with pytest.raises(IncomparableError, match=word):
        guarded(lambda: value)


def test_checking_takes_microseconds():
    """The check reads each container once: few steps of Python for a module of 100 attributes."""
    world = type("World", (), {})()
    for number in range(100):
        setattr(world, f"a{number}", number)
    own = guarded(lambda: vars(world))
    assert own.holds()
    assert len(own.containers) < 8


# --- readout errors -------------------------------------------------------------------------------


def in_place():
    error = torch.nn.Parameter(torch.tensor([0.1, 0.05], dtype=torch.float64))
    return error, error


def by_function():
    logit = torch.nn.Parameter(torch.tensor(-2.0, dtype=torch.float64))
    return logit, lambda: torch.sigmoid(logit)


@pytest.mark.parametrize("make", [in_place, by_function])
@pytest.mark.parametrize("kind", ["TorchLayer", "TorchCircuit"])
def test_a_readout_error_is_trained(make, kind, drawn):
    """Losses follow the readout error, traced or not, as those of PennyLane's layer do."""
    losses = []
    for is_ours in (True, False):
        parameter, error = make()
        device = qml.device("qizgloria.mixed", wires=2, readout_prob=error)
        if kind == "TorchLayer" or not is_ours:

            @qml.qnode(device)
            def circuit(inputs):
                qml.RX(inputs[..., 0], wires=0)
                qml.RY(inputs[..., 1], wires=1)
                return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

            layer = (TorchLayer if is_ours else qml.qnn.TorchLayer)(circuit, {})
        else:
            x = ParameterVector("x", 2)
            circuit = QuantumCircuit(2)
            circuit.rx(x[0], 0)
            circuit.ry(x[1], 1)
            layer = TorchCircuit(circuit, x, observables=["IZ", "ZI"], quantum_device=device)
        optimiser = torch.optim.SGD([parameter], lr=0.02)
        own = []
        for _ in range(6):
            optimiser.zero_grad()
            loss = (layer(drawn(3, 2)) - 0.5).square().sum()
            loss.backward()
            optimiser.step()
            own.append(loss.item())
        losses.append(own)
        if is_ours:
            assert layer.is_traced
            with torch.no_grad():
                parameter.fill_(float("nan") if error is not parameter else 1.2)
            with pytest.raises(ValueError, match=r"range|finite"):
                layer(drawn(3, 2))
    assert len(set(losses[0])) == 6
    np.testing.assert_allclose(*losses, rtol=1e-9)
