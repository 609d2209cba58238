"""TorchCircuit against qiskit-machine-learning: its networks, and its own bridge to torch."""

import numpy as np
import pytest
import torch
from helpers.layers import trace_counts
from qiskit.circuit import ClassicalRegister, Gate, Parameter, ParameterVector, QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN
from qiskit_machine_learning.primitives import QMLEstimator, QMLSampler

from pennylane_qizgloria import TorchCircuit

X = ParameterVector("x", 2)
W = ParameterVector("w", 3)


def blueprint(feature_map, ansatz):
    circuit = feature_map.compose(ansatz)
    return circuit, list(feature_map.parameters), list(ansatz.parameters)


def expressions():
    circuit = QuantumCircuit(2)
    circuit.h([0, 1])
    circuit.ry(2 * X[0] + W[0] / 3, 0)
    circuit.rz((X[1] * W[1]).sin() * W[0] ** 2, 1)
    circuit.rx(W[2].exp() - X[0] * X[1], 1)
    circuit.cx(0, 1)
    circuit.ry(X[0].arctan() - W[1], 1)
    return circuit, X, W


class Swirl(Gate):
    """A gate that only its definition tells about."""

    def __init__(self, first, second):
        super().__init__("swirl", 2, [first, second])

    def _define(self):
        first, second = self.params
        self.definition = QuantumCircuit(2)
        self.definition.ry(first + second, 0)
        self.definition.cx(0, 1)
        self.definition.rz(2 * second, 1)
        self.definition.rx(first, 1)


def custom_gates():
    circuit = QuantumCircuit(3)
    circuit.append(Swirl(X[0], W[0]), [2, 0])
    circuit.append(Swirl(W[1], X[1]), [0, 1])
    circuit.append(Swirl(W[2], 0.3), [1, 2])
    return circuit, X, W


def controlled_rotations():
    circuit = QuantumCircuit(3)
    circuit.h([0, 1, 2])
    circuit.crx(X[0], 0, 1)
    circuit.cp(W[0], 1, 2)
    circuit.cry(W[1], 2, 0)
    circuit.crz(X[1] * W[2], 0, 2)
    circuit.h(1)
    return circuit, X, W


def rotations_of_two_qubits():
    circuit = QuantumCircuit(3)
    circuit.rxx(X[0], 0, 1)
    circuit.ryy(W[0], 1, 2)
    circuit.rzz(X[1], 0, 2)
    circuit.ry(W[1], 2)
    circuit.rzx(W[2], 2, 1)
    circuit.sx(0)
    return circuit, X, W


def fixed_parts():
    circuit = QuantumCircuit(2, global_phase=0.7)
    circuit.unitary(lib.QFTGate(2).to_matrix(), [0, 1])
    circuit.u(X[0], W[0], X[1], 1)
    circuit.barrier()
    circuit.iswap(0, 1)
    circuit.u(W[1], 0.2, W[2], 0)
    return circuit, X, W


def names_out_of_order():
    zeta, alpha, mid = Parameter("zeta"), Parameter("alpha"), Parameter("mid")
    circuit = QuantumCircuit(2)
    circuit.ry(alpha, 0)
    circuit.rx(mid, 1)
    circuit.cx(0, 1)
    circuit.ry(zeta, 1)
    return circuit, [zeta, alpha], [mid]


def without_effect():
    circuit = QuantumCircuit(2)
    circuit.rz(X[0], 0)
    circuit.ry(X[1], 0)
    circuit.ry(W[0], 1)
    circuit.cz(0, 1)
    circuit.rx(W[1], 1)
    circuit.p(W[2], 1)
    return circuit, X, W


def without_inputs():
    circuit = QuantumCircuit(2)
    circuit.ry(W[0], 0)
    circuit.cx(0, 1)
    circuit.rx(W[1] - W[2], 1)
    return circuit, None, W


def without_weights():
    circuit = QuantumCircuit(2)
    circuit.ry(X[0], 0)
    circuit.cx(0, 1)
    circuit.rx(X[1] * X[0], 1)
    return circuit, X, None


def of_the_notebook():
    """The circuit of a tutorial on the backward pass of an EstimatorQNN."""
    first, second = Parameter("estim_input"), Parameter("estim_weight")
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.ry(first, 0)
    circuit.rx(second, 1)
    return circuit, [first], [second]


CIRCUITS = {
    "zz_feature_map": blueprint(lib.zz_feature_map(2, reps=1), lib.real_amplitudes(2, reps=1)),
    "z_feature_map": blueprint(lib.z_feature_map(2), lib.efficient_su2(2, reps=1)),
    "pauli_feature_map": blueprint(
        lib.pauli_feature_map(2, reps=1, paulis=["X", "ZY"]),
        lib.n_local(2, ["rx"], "cz", reps=1),
    ),
    "expressions": expressions(),
    "custom_gates": custom_gates(),
    "controlled_rotations": controlled_rotations(),
    "rotations_of_two_qubits": rotations_of_two_qubits(),
    "fixed_parts": fixed_parts(),
    "names_out_of_order": names_out_of_order(),
    "without_effect": without_effect(),
    "without_inputs": without_inputs(),
    "without_weights": without_weights(),
    "of_the_notebook": of_the_notebook(),
}

QUICK = {"zz_feature_map", "expressions", "custom_gates", "without_inputs", "of_the_notebook"}
"""Circuits that are always compared; the networks take seconds for each."""


def marked(names):
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in names]


every_circuit = pytest.mark.parametrize("name", marked(CIRCUITS))
every_size = pytest.mark.parametrize(
    "batch", [pytest.param(None, id="single", marks=pytest.mark.slow), pytest.param(3, id="batch")]
)


def estimator_qnn(circuit, inputs, weights, observables):
    return EstimatorQNN(
        circuit=circuit,
        observables=observables,
        input_params=inputs,
        weight_params=weights,
        estimator=QMLEstimator(default_precision=0.0),
        default_precision=0.0,
        input_gradients=True,
    )


def sampler_qnn(circuit, inputs, weights, **options):
    return SamplerQNN(
        circuit=circuit,
        input_params=inputs,
        weight_params=weights,
        sampler=QMLSampler(),
        input_gradients=True,
        **options,
    )


def observables_on(num_qubits):
    rest = "I" * (num_qubits - 2)
    return [
        SparsePauliOp(rest + "ZX"),
        SparsePauliOp([rest + "YI", "X" * num_qubits, "I" * num_qubits], [0.5, -1.3, 0.2]),
    ]


def parity(outcome):
    return outcome.bit_count() % 2


def place(outcome):
    return outcome & 1, outcome.bit_count() % 3


def pairs(name):
    """A network of each kind, and the module that should do the same."""
    circuit, inputs, weights = CIRCUITS[name]
    observables = observables_on(circuit.num_qubits)
    arguments = (circuit, inputs, weights)
    yield (
        estimator_qnn(*arguments, observables),
        TorchCircuit(*arguments, observables, seed=3, dtype=torch.float64),
    )
    for options in (
        {},
        {"interpret": parity, "output_shape": 2},
        {"interpret": place, "output_shape": (2, 3)},
    ):
        yield (
            sampler_qnn(*arguments, **options),
            TorchCircuit(*arguments, seed=3, dtype=torch.float64, **options),
        )


@every_circuit
@every_size
def test_values_and_jacobians_are_those_of_the_networks(name, batch, rng):
    """Values and Jacobians are those of qiskit-machine-learning's networks."""
    for network, layer in pairs(name):
        x = rng.uniform(
            -2, 2, size=(layer.num_inputs,) if batch is None else (batch, layer.num_inputs)
        )
        w = layer.weight.detach().numpy()
        given = None if layer.num_inputs == 0 else x
        values = network.forward(given, w)
        # A network without inputs has no batches, and adds an axis to a single sample.
        expected = np.broadcast_to(values, (batch or 1, *layer.output_shape))
        result = layer(torch.tensor(x)).detach().numpy()
        np.testing.assert_allclose(result.reshape(expected.shape), expected, atol=1e-8)

        theirs = network.backward(given, w)
        ours = layer.backward_pass(torch.tensor(x))
        for jacobian, reference in zip(ours, theirs, strict=True):
            if reference is None or 0 in reference.shape:
                assert jacobian.numel() == 0
                continue
            shape = (batch or 1, *layer.output_shape, reference.shape[-1])
            assert jacobian.shape == shape
            np.testing.assert_allclose(jacobian, np.broadcast_to(reference, shape), atol=1e-8)


@every_circuit
def test_traced_calls_give_what_the_networks_give(name, rng):
    """Calls that are traced give the values and Jacobians of the networks."""
    circuit, inputs, weights = CIRCUITS[name]
    observables = observables_on(circuit.num_qubits)
    network = estimator_qnn(circuit, inputs, weights, observables)
    layer = TorchCircuit(circuit, inputs, weights, observables, seed=3, dtype=torch.float64)
    w = layer.weight.detach().numpy()
    for _ in range(3):
        x = rng.uniform(-2, 2, size=(2, layer.num_inputs))
        y = layer(torch.tensor(x))
        input_jacobian, weight_jacobian = layer.backward_pass(torch.tensor(x))
    assert all(trace_counts(layer))
    given = None if layer.num_inputs == 0 else x
    expected = np.broadcast_to(network.forward(given, w), y.shape)
    np.testing.assert_allclose(y.detach(), expected, atol=1e-8)
    by_inputs, by_weights = network.backward(given, w)
    for ours, theirs in ((input_jacobian, by_inputs), (weight_jacobian, by_weights)):
        if ours.numel():
            np.testing.assert_allclose(ours, np.broadcast_to(theirs, ours.shape), atol=1e-8)


@pytest.fixture
def double_precision(monkeypatch):
    """TorchConnector asks for torch.float, whatever goes in."""
    monkeypatch.setattr(torch, "float", torch.float64)


@pytest.mark.usefixtures("double_precision")
@pytest.mark.parametrize("name", marked(name for name in CIRCUITS if name != "without_inputs"))
@every_size
def test_torch_gradients_are_those_of_the_connector(name, batch, rng):
    """Gradients are those of TorchConnector."""
    for network, layer in pairs(name):
        if len(layer.output_shape) > 1:
            continue  # The connector cannot differentiate these.
        width = layer.num_inputs
        values = torch.tensor(rng.normal(size=(width,) if batch is None else (batch, width)))
        connector = TorchConnector(network, initial_weights=layer.weight.detach().numpy())
        cotangent = None
        gradients = []
        for module in (connector, layer):
            x = values.clone().requires_grad_()
            y = module(x)
            cotangent = torch.tensor(rng.normal(size=y.shape)) if cotangent is None else cotangent
            y.backward(cotangent)
            gradients.append((y.detach(), x.grad.reshape(values.shape), module.weight.grad))
        for theirs, ours in zip(*gradients, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-8, rtol=0)


def test_measured_bits_are_read_as_the_sampler_reads_them(rng):
    """Bits are in the sampler's order, whatever the order of measurements."""
    circuit, inputs, weights = CIRCUITS["expressions"]
    circuit = circuit.copy()
    circuit.add_register(ClassicalRegister(2, "meas"))
    circuit.measure([0, 1], [1, 0])
    layer = TorchCircuit(circuit, inputs, weights, dtype=torch.float64, seed=3)
    measured_otherwise = TorchCircuit(*CIRCUITS["expressions"], dtype=torch.float64, seed=3)
    x = torch.tensor(rng.normal(size=(3, 2)))
    network = sampler_qnn(circuit, inputs, weights)
    expected = network.forward(x.numpy(), layer.weight.detach().numpy())
    np.testing.assert_allclose(layer(x).detach(), expected, atol=1e-8)
    assert not torch.allclose(layer(x), measured_otherwise(x), atol=1e-3)


def test_a_notebook_with_circuits_without_parameters():
    """Inputs and weights that a circuit does not use have the gradient 0."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.cx(0, 1)
    layer = TorchCircuit(circuit, ParameterVector("input", 2), ParameterVector("weight", 4), seed=1)
    torch.testing.assert_close(layer(torch.rand(2)), torch.tensor([0.5, 0.5, 0.0, 0.0]))
    input_gradients, weight_gradients = layer.backward_pass(torch.rand(2))
    assert torch.equal(input_gradients, torch.zeros(1, 4, 2))
    assert torch.equal(weight_gradients, torch.zeros(1, 4, 4))
    assert layer.backward_pass(torch.rand(2), input_gradients=False)[0] is None
