"""Parameter shifts over Qiskit's estimators."""

import copy
import pickle

import numpy as np
import pytest
import torch
from qiskit.circuit import Gate, ParameterVector, QuantumCircuit
from qiskit.circuit import library as lib
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer.primitives import EstimatorV2
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from pennylane_qizgloria import ParameterShift, QiskitFunction, TorchCircuit

X = ParameterVector("x", 2)
W = ParameterVector("w", 3)
OBSERVABLES = ["IZ", SparsePauliOp(["ZZ", "XI"], [1.0, 0.5])]


@pytest.fixture
def circuit():
    circuit = QuantumCircuit(2, global_phase=W[0])
    circuit.h([0, 1])
    circuit.rx(X[0] * W[0] + 0.1, 0)
    circuit.crx(W[1] ** 2, 0, 1)
    circuit.u(W[0], X[1], W[2].sin(), 1)
    circuit.cp(X[0], 1, 0)
    circuit.append(lib.PauliEvolutionGate(SparsePauliOp(["XX", "YZ"]), W[2]), [0, 1])
    circuit.r(W[1], X[1], 0)
    circuit.rzz(0.4, 0, 1)
    return circuit


@pytest.fixture
def layer(circuit):
    return TorchCircuit(circuit, X, W, OBSERVABLES, seed=4, dtype=torch.float64)


@pytest.fixture
def x(rng):
    return torch.tensor(rng.uniform(-1, 1, size=(3, 2)), requires_grad=True)


@pytest.mark.parametrize("backend", [None, FakeManilaV2()], ids=["as it is", "transpiled"])
def test_values_and_gradients_are_exact(circuit, layer, x, backend):
    """Values and Jacobians are those of TorchCircuit, transpiled or not."""
    manager = None if backend is None else generate_preset_pass_manager(1, backend)
    shift = ParameterShift(circuit, X, W, OBSERVABLES, pass_manager=manager)
    y = QiskitFunction.apply(x, layer.weight, shift.evaluate, shift.gradient)
    torch.testing.assert_close(y, layer(x), atol=1e-8, rtol=0)
    arrays = (x.detach().numpy(), layer.weight.detach().numpy())
    for ours, expected in zip(shift.gradient(*arrays), layer.backward_pass(x), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-8)


def test_one_call_is_one_job(circuit, layer, x):
    """Values and gradients of a batch are one job each."""
    runs = []

    class Counting(StatevectorEstimator):
        def run(self, pubs, *, precision=None):
            runs.append((len(list(pubs)), precision))
            return super().run(pubs, precision=precision)

    shift = ParameterShift(circuit, X, W, OBSERVABLES, Counting(), precision=0.0)
    y = QiskitFunction.apply(x, layer.weight, shift.evaluate, shift.gradient)
    y.sum().backward()
    assert runs == [(1, 0.0), (1, 0.0)]


def test_gradients_of_weights_alone_take_fewer_circuits(circuit, layer, x):
    """Without input gradients fewer shifted circuits run."""
    sizes = []

    class Measuring(StatevectorEstimator):
        def run(self, pubs, *, precision=None):
            sizes.append([np.shape(values)[:-1] for _, _, values in pubs])
            return super().run(pubs, precision=precision)

    arrays = (x.detach().numpy(), layer.weight.detach().numpy())
    for wanted in (True, False):
        shift = ParameterShift(circuit, X, W, OBSERVABLES, Measuring(), input_gradients=wanted)
        by_inputs, by_weights = shift.gradient(*arrays)
        np.testing.assert_allclose(by_weights, layer.backward_pass(x)[1], atol=1e-8)
        assert (by_inputs is not None) == wanted
    ((every,), (fewer,)) = sizes
    assert every[:2] == fewer[:2] == (3, 2)
    assert fewer[2] < every[2]


def test_estimators_with_shots(circuit, layer, x):
    """Values of an estimator with shots are near the exact ones."""
    estimator = EstimatorV2(options={"backend_options": {"seed_simulator": 1}})
    shift = ParameterShift(circuit, X, W, OBSERVABLES, estimator, precision=0.01)
    values = shift.evaluate(x.detach().numpy(), layer.weight.detach().numpy())
    np.testing.assert_allclose(values, layer(x).detach(), atol=0.05)


def test_parameters_in_custom_gates_are_found():
    """Gates are differentiated through their definitions."""

    class Twist(Gate):
        def __init__(self, angle):
            super().__init__("twist", 2, [angle])

        def _define(self):
            self.definition = QuantumCircuit(2)
            self.definition.ry(3 * self.params[0], 0)
            self.definition.append(lib.RZGate(self.params[0]).control(1), [0, 1])

    circuit = QuantumCircuit(2)
    circuit.h(1)
    circuit.append(Twist(W[0]), [0, 1])
    layer = TorchCircuit(circuit, None, W[0], "XI", initial_weights=0.3, dtype=torch.float64)
    shift = ParameterShift(circuit, None, W[0], "XI")
    np.testing.assert_allclose(
        shift.gradient(np.zeros((1, 0)), np.array([0.3]))[1], layer.backward_pass()[1], atol=1e-8
    )


def test_a_circuit_without_parameters_has_no_gradient():
    """A circuit without parameters has zero and empty Jacobians."""
    circuit = QuantumCircuit(1)
    circuit.h(0)
    shift = ParameterShift(circuit, X, None, "X")
    np.testing.assert_allclose(shift.evaluate(np.zeros((2, 2)), np.zeros(0)), np.ones((2, 1)))
    by_inputs, by_weights = shift.gradient(np.zeros((2, 2)), np.zeros(0))
    assert np.array_equal(by_inputs, np.zeros((2, 1, 2)))
    assert by_weights.shape == (2, 1, 0)


def test_parameters_in_control_flow_are_refused():
    """Parameters in control flow are refused with the instruction's name."""
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rx(W[0], 1)
    with pytest.raises(ValueError, match="'if_else' have no shift rule"):
        ParameterShift(circuit, None, W[0], "ZI")


def test_parameters_and_observables_are_checked(circuit):
    """Parameters and observables that do not fit are refused at construction."""
    with pytest.raises(ValueError, match="neither inputs nor weights"):
        ParameterShift(circuit, X, None, OBSERVABLES)
    with pytest.raises(ValueError, match="one of 1 qubits"):
        ParameterShift(circuit, X, W, "Z")


@pytest.mark.parametrize("method", ["evaluate", "gradient"])
@pytest.mark.parametrize(
    ("x", "w", "message"),
    [
        (np.zeros((2, 3)), np.zeros(3), r"has 2 inputs, .* but \(2, 3\) was given"),
        (np.zeros((2, 1)), np.zeros(3), r"has 2 inputs, .* but \(2, 1\) was given"),
        (np.zeros((2, 5)), np.zeros(0), r"has 2 inputs, .* but \(2, 5\) was given"),
        (np.zeros((2, 2)), np.zeros(2), r"has 3 weights, .* but \(2,\) was given"),
        (np.zeros((2, 2)), np.zeros(4), r"has 3 weights, .* but \(4,\) was given"),
        (np.zeros((2, 2)), np.zeros((2, 3)), r"weights the shape \(weights,\), but"),
        (np.zeros((2, 2, 2)), np.zeros(3), r"shape \(batch, inputs\) .* \(2, 2, 2\)"),
        (np.array(0.1), np.zeros(3), r"but \(\) was given"),
        (np.zeros((2, 2)) * 1j, np.zeros(3), "are real"),
    ],
    ids=["wide", "narrow", "all in one", "few", "many", "rows", "axes", "number", "complex"],
)
def test_wrong_widths_are_refused(circuit, method, x, w, message):
    """Values whose shape does not fit the parameters are refused with both shapes."""
    shift = ParameterShift(circuit, X, W, OBSERVABLES)
    with pytest.raises(ValueError, match=message):
        getattr(shift, method)(x, w)


@pytest.mark.parametrize(("inputs", "weights"), [(3, 3), (1, 3), (2, 2), (2, 4)])
def test_wrong_widths_are_refused_through_torch(circuit, inputs, weights):
    """The error is the same behind QiskitFunction."""
    shift = ParameterShift(circuit, X, W, OBSERVABLES)
    with pytest.raises(ValueError, match="The circuit has"):
        QiskitFunction.apply(
            torch.zeros(4, inputs), torch.zeros(weights), shift.evaluate, shift.gradient
        )


def test_integers_and_single_samples_are_taken(circuit):
    """They are what floating numbers and a batch of one are."""
    shift = ParameterShift(circuit, X, W, OBSERVABLES)
    whole, single = ([[1, 2]], [1, 0, 2]), (np.array([1.0, 2.0]), np.array([1.0, 0.0, 2.0]))
    np.testing.assert_allclose(shift.evaluate(*whole), shift.evaluate(*single))
    for ours, same in zip(shift.gradient(*whole), shift.gradient(*single), strict=True):
        assert ours.shape[:2] == (1, 2)
        np.testing.assert_allclose(ours, same)


@pytest.mark.parametrize("kind", [copy.deepcopy, lambda own: pickle.loads(pickle.dumps(own))])
def test_copies_and_pickles_evaluate_the_same(circuit, kind):
    """An evaluator is part of a model that is saved."""
    shift = ParameterShift(circuit, X, W, OBSERVABLES)
    arguments = np.array([[0.1, 0.2]]), np.array([0.3, 0.4, 0.5])
    np.testing.assert_allclose(kind(shift).evaluate(*arguments), shift.evaluate(*arguments))
