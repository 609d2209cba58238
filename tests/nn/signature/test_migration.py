"""Networks of qiskit-machine-learning as they are: values, names of arguments, checkpoints."""

import numpy as np
import pytest
import torch
from qiskit.circuit import Parameter, ParameterVector, QuantumCircuit
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.quantum_info import SparsePauliOp
from qiskit_machine_learning.connectors import TorchConnector
from qiskit_machine_learning.neural_networks import EstimatorQNN, SamplerQNN

from pennylane_qizgloria import TorchCircuit

X, W = ParameterVector("x", 2), ParameterVector("w", 3)
START = [0.4, -0.7, 1.1]


def circuit(measured=None):
    own = QuantumCircuit(2, 0 if measured is None else len(measured))
    own.ry(X[0], 0)
    own.rx(X[1] * W[0], 1)
    own.cx(0, 1)
    own.ry(W[1], 0)
    own.rx(W[2], 1)
    if measured is not None:
        own.measure(measured, range(len(measured)))
    return own


def estimator_qnn(**options):
    exact = {"estimator": StatevectorEstimator(), "default_precision": 0.0, "input_gradients": True}
    given = {"circuit": circuit(), "input_params": X, "weight_params": W, **exact, **options}
    return EstimatorQNN(**given)


def sampler_qnn(measured=None, **options):
    given = {"circuit": circuit(measured), "input_params": X, "weight_params": W, **options}
    # So many shots that differences of a percent would be seen.
    return SamplerQNN(sampler=StatevectorSampler(default_shots=100_000, seed=1), **given)


def parity(outcome):
    return outcome.bit_count() % 2


NETWORKS = {
    "default observable": lambda: estimator_qnn(),
    "observables": lambda: estimator_qnn(
        observables=[SparsePauliOp("IZ"), SparsePauliOp(["XX", "ZI"], [0.5, 1.0])]
    ),
    "probabilities": lambda: sampler_qnn(),
    "interpreted": lambda: sampler_qnn(interpret=parity, output_shape=2),
    "several axes": lambda: sampler_qnn(interpret=lambda k: (k % 2, k // 2), output_shape=(2, 2)),
    "some qubits": lambda: sampler_qnn(measured=[1]),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    return NETWORKS[request.param]()


def test_a_network_gives_what_it_gives_itself(network):
    """The circuit, parameters, observables and interpretation are the network's."""
    x = np.random.default_rng(1).uniform(-1, 1, (3, 2))
    # One by one: of a register that is not named "meas" SamplerQNN 0.9 adds up all samples.
    right = np.concatenate([network.forward(sample, START) for sample in x])
    layer = TorchCircuit(network, initial_weights=START, dtype=torch.float64)
    atol = 1e-9 if isinstance(network, EstimatorQNN) else 0.01
    np.testing.assert_allclose(layer(torch.tensor(x)).detach(), right, atol=atol)
    assert layer.output_shape == network.output_shape


def test_a_sparse_network_makes_a_sparse_module():
    """The result is a sparse tensor, as a TorchConnector's is."""
    network = sampler_qnn()
    network._sparse = True  # made so it would need a package more
    assert TorchCircuit(network)(torch.zeros(1, 2)).is_sparse


def test_gradients_are_those_of_the_network():
    """Both the inputs' and the weights', by the network's own shifted circuits."""
    network = NETWORKS["observables"]()
    x = np.random.default_rng(1).uniform(-1, 1, (3, 2))
    right = network.backward(x, START)
    layer = TorchCircuit(network, initial_weights=START, dtype=torch.float64)
    for ours, own in zip(layer.backward_pass(torch.tensor(x)), right, strict=True):
        np.testing.assert_allclose(ours, own, atol=1e-8)


def test_the_names_of_a_networks_arguments_are_understood():
    """Code that made a network needs no other names."""
    renamed = TorchCircuit(circuit(), input_params=X, weight_params=W, seed=1)
    own = TorchCircuit(circuit(), X, W, seed=1)
    torch.testing.assert_close(renamed(torch.ones(2)), own(torch.ones(2)))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_checkpoints_of_a_connector_are_loaded(old, nested):
    """A connector saves its weights under two names, and older ones under the second only."""
    network = NETWORKS["observables"]()
    connector, layer = TorchConnector(network), TorchCircuit(network)
    if nested:
        connector, layer = torch.nn.Sequential(connector), torch.nn.Sequential(layer)
    saved = connector.state_dict()
    if old:
        del saved["0.weight" if nested else "weight"]
    names = list(saved)
    layer.load_state_dict(saved)
    assert list(saved) == names
    x = torch.rand(3, 2)
    torch.testing.assert_close(layer(x), connector(x), atol=1e-5, rtol=0)


def test_other_checkpoints_are_as_strict_as_ever():
    """Unknown and missing names are reported."""
    layer = TorchCircuit(circuit(), X, W)
    with pytest.raises(RuntimeError, match=r'Missing key.*"weight"'):
        layer.load_state_dict({})
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"weights"'):
        layer.load_state_dict({**layer.state_dict(), "weights": torch.zeros(3)})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"observable": "ZZ"}, "no argument 'observable'. Did you mean 'observables'"),
        ({"weigths": W}, "Did you mean 'weights'"),
        ({"input_parameters": X}, "Did you mean 'input_params'"),
        (
            {"bakend": "aer"},
            r"Did you mean 'backend'\? Give quantum_device=.*device_options={'backend'",
        ),
        ({"readout_porb": 0.1}, r"Did you mean 'readout_prob'\? Give device_options="),
        ({"backend": "aer"}, r"quantum_device='qizgloria.qiskit' and device_options={'backend'"),
        ({"estimator": None}, r"device_options={'estimator'"),
        ({"gradient": None}, "is diff_method="),
        ({"input_gradients": True}, "leave it out"),
        ({"readout_prob": 0.1}, r"device_options={'readout_prob'"),
        ({"colour": 1}, "no argument 'colour'.$"),
    ],
)
def test_unknown_arguments_get_a_hint(given, message):
    """The error says what is meant, or what to give instead."""
    with pytest.raises(TypeError, match=message):
        TorchCircuit(circuit(), X, W, **given)


@pytest.mark.parametrize(
    "given",
    [{"inputs": X}, {"weights": W}, {"observables": "ZZ"}, {"input_params": X}],
    ids=lambda given: next(iter(given)),
)
def test_what_the_network_says_cannot_be_given_again(given):
    """Arguments that the network has already set are refused."""
    with pytest.raises(ValueError, match="is given twice"):
        TorchCircuit(NETWORKS["observables"](), **given)


def test_an_argument_under_both_names_is_refused():
    """An argument may be given by its former or its present name, not by both."""
    with pytest.raises(ValueError, match="weights is given twice"):
        TorchCircuit(circuit(), X, W, weight_params=W)


def test_a_device_by_its_former_name():
    """``device=`` names the PennyLane device as before, with a warning that says what it is now."""
    x = Parameter("x")
    circuit = QuantumCircuit(1)
    circuit.rx(x, 0)
    with pytest.warns(FutureWarning, match="quantum_device=") as caught:
        layer = TorchCircuit(circuit, x, observables="Z", device="default.mixed")
    assert layer.device.name == "default.mixed"
    assert caught[0].filename == __file__
