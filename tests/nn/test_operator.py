"""Modules inside programs of torch.compile, without a break in the graph."""

import copy
import pickle

import pennylane as qml
import pytest
import torch
from helpers.layers import random_inputs, rotated_qnode
from qiskit.circuit import ParameterVector, QuantumCircuit

from pennylane_qizgloria import TorchCircuit
from pennylane_qizgloria.nn.layer import TorchLayer


def layer():
    return TorchLayer(rotated_qnode(), {"weights": (1, 2, 3)})


def tuple_layer():
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.StronglyEntanglingLayers(weights, wires=range(2))
        return qml.expval(qml.Z(0)), qml.expval(qml.X(1))

    qnode = qml.QNode(circuit, rotated_qnode().device)
    return TorchLayer(qnode, {"weights": (1, 2, 3)})


def circuit_module(**options):
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    circuit = QuantumCircuit(2)
    circuit.rx(x[0], 0)
    circuit.rx(x[1], 1)
    circuit.ry(w[0], 0)
    circuit.cx(0, 1)
    circuit.ry(w[1], 1)
    return TorchCircuit(circuit, x, w, seed=1, **options)


MODULES = {
    "layer": layer,
    "tuple": tuple_layer,
    "observables": lambda: circuit_module(observables=["ZI", "IX"]),
    "probabilities": circuit_module,
    "shifted": lambda: circuit_module(diff_method="parameter-shift"),
}


@pytest.fixture(autouse=True)
def fresh_compiler(unchecked_types):
    torch.compiler.reset()


@pytest.fixture(params=MODULES)
def module(request):
    return MODULES[request.param]()


def outcome(function, parameters, inputs):
    inputs = inputs.clone().requires_grad_()
    result = function(inputs)
    weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype).reshape(result.shape)
    return result, *torch.autograd.grad((result * weights).sum(), [inputs, *parameters])


def test_there_is_one_graph(module):
    """Values and gradients are the module's, for any number of leading axes."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 2, dtype=torch.float64), module)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    for shape in ((4, 3), (7, 3), (2, 5, 3), (3,)):
        inputs, parameters = random_inputs(*shape), list(model.parameters())
        own, expected = (outcome(x, parameters, inputs) for x in (compiled, model))
        torch.testing.assert_close(own, expected)


def test_inputs_that_need_no_gradient():
    """Gradients are those that are asked for, and none without a need."""
    own = layer()
    compiled = torch.compile(own, fullgraph=True, backend="aot_eager")
    inputs = random_inputs(3, 2)
    compiled(inputs).sum().backward()
    expected = torch.autograd.grad(layer_with(own.weights)(inputs).sum(), own.weights)
    torch.testing.assert_close(own.weights.grad, *expected)
    with torch.no_grad():
        assert not compiled(inputs).requires_grad


def layer_with(weights):
    other = layer()
    other.load_state_dict({"weights": weights})
    return lambda inputs: torch.func.functional_call(other, {"weights": weights}, (inputs,))


DUPLICATES = [
    *((name, copy.deepcopy) for name in MODULES),
    # The quantum functions of the layers are local, so they cannot be pickled.
    *((name, lambda x: pickle.loads(pickle.dumps(x))) for name in ("observables", "shifted")),
]


@pytest.mark.parametrize(("name", "duplicate"), DUPLICATES)
def test_copies_are_modules_of_their_own(name, duplicate):
    """A program that was compiled for a module is not used for its copy."""
    module = MODULES[name]()
    inputs, other = random_inputs(3, 2), duplicate(module)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(0.5)
    first, second = (torch.compile(x, fullgraph=True, backend="eager") for x in (module, other))
    torch.testing.assert_close(first(inputs), module(inputs))
    torch.testing.assert_close(second(inputs), other(inputs))


def test_a_circuit_that_has_changed():
    """What the circuit depends on is looked at when the program runs, not when it is compiled."""
    state = {"angle": 0.3}

    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(2))
        qml.RY(weights[0, 0, 0] + state["angle"], wires=0)
        return qml.expval(qml.Z(0))

    initial = {"weights": torch.full((1, 2, 3), 0.4, dtype=torch.float64)}
    qnode = qml.QNode(circuit, rotated_qnode().device)
    own = TorchLayer(qnode, {"weights": (1, 2, 3)}, initial)
    compiled = torch.compile(own, fullgraph=True, backend="eager")
    inputs = random_inputs(3, 2)
    for _ in range(15):
        before = compiled(inputs)
    assert own.is_traced
    state["angle"] = 1.3
    torch.testing.assert_close(compiled(inputs), own(inputs))
    assert not torch.allclose(compiled(inputs), before)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_modules_run_where_torch_is_as_usual(backend):
    """Lazy conjugates are conjugated, and gradients recorded, in whatever calls the operator."""
    seen = []

    def circuit(inputs, weights):
        matrix = torch.tensor([[0, 0.5j], [-0.5j, 0]], dtype=torch.complex128)
        seen.append((matrix + matrix.mH).abs().max())
        qml.RX(inputs[:, 0] * weights[0, 0, 0], wires=0)
        return qml.expval(qml.Z(0))

    own = TorchLayer(qml.QNode(circuit, rotated_qnode().device), {"weights": (1, 2, 3)})
    compiled = torch.compile(own, fullgraph=True, backend=backend)
    compiled(random_inputs(3, 2)).sum().backward()
    assert len(seen) > 1
    assert all(own == 1 for own in seen)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_integer_inputs(backend):
    """Results of integer inputs have the dtype of the weights, and gradients."""

    def circuit(inputs, weights):
        qml.RX(inputs[:, 0] * weights[0, 0, 0], wires=0)
        return qml.expval(qml.Z(0))

    own = TorchLayer(qml.QNode(circuit, rotated_qnode().device), {"weights": (1, 2, 3)})
    inputs = torch.tensor([[1], [2]])
    compiled = torch.compile(own, fullgraph=True, backend=backend)
    torch.testing.assert_close(compiled(inputs), own(inputs))
    assert compiled(inputs).requires_grad


def test_inputs_that_have_to_be_amplitudes():
    """A circuit that refuses most numbers is compiled all the same."""

    def circuit(inputs, weights):
        qml.AmplitudeEmbedding(inputs, wires=range(3))
        qml.Rot(*weights[0, 0], wires=0)
        return qml.expval(qml.Z(0))

    device = qml.device("qizgloria.mixed", wires=3)
    own = TorchLayer(qml.QNode(circuit, device), {"weights": (1, 2, 3)})
    inputs = torch.nn.functional.normalize(random_inputs(4, 8), dim=1)
    compiled = torch.compile(own, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(inputs), own(inputs))


def test_gradients_of_inputs_in_another_order_of_memory():
    """The operator of gradients says how its results lie in memory."""
    inputs = torch.rand(2, 5, dtype=torch.float64).t().requires_grad_()
    torch.library.opcheck(
        torch.ops.qizgloria.module_gradients.default,
        (
            layer_key(),
            [inputs, torch.ones(1, 2, 3).double()],
            torch.ones(5, 2).double(),
            [True, True],
        ),
        test_utils="test_faketensor",
    )


KEPT = []


def layer_key():
    KEPT.append(layer())
    return KEPT[-1]._key
