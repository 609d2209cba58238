"""TorchLayer against PennyLane's: the same values, gradients, shapes and errors."""

import warnings

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.layers import (
    assert_layers_agree,
    layer_pair,
    random_inputs,
    rotated,
    rotated_qnode,
    shrink_weights,
    trace_counts,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pennylane_qizgloria.nn.layer import TorchLayer

SHAPES = {"weights": (1, 2, 3)}

N = 2


def embed_angles(inputs):
    qml.AngleEmbedding(inputs, wires=range(N), rotation="Y")


def embed_amplitudes(inputs):
    qml.AmplitudeEmbedding(inputs, wires=range(N), normalize=True, pad_with=0.3)


def embed_by_hand(inputs):
    for wire in range(N):
        qml.RX(np.pi * inputs[..., wire], wires=wire)
        qml.RZ(torch.arctan(inputs[..., 0] * inputs[..., 1]), wires=wire)


def embed_iqp(inputs):
    qml.IQPEmbedding(inputs, wires=range(N))


EMBEDDINGS = [embed_angles, embed_amplitudes, embed_by_hand, embed_iqp]


GATES = [
    lambda a, p: qml.Rot(a, 2 * a, p, wires=0),
    lambda a, p: qml.CRot(a, 0.3, a * p, wires=[1, 0]),
    lambda a, p: qml.CNOT([0, 1]),
    lambda a, p: qml.IsingXY(torch.exp(a / 9), wires=[0, 1]),
    lambda a, p: qml.QubitUnitary(torch.matrix_exp(1j * a * torch.eye(2)), wires=1),
    lambda a, p: qml.Hadamard(1),
    lambda a, p: qml.DepolarizingChannel(p, wires=0),
    lambda a, p: qml.AmplitudeDamping(0.1, wires=1),
    lambda a, p: qml.ThermalRelaxationError(p, 1.0, 1.3, 0.2, wires=0),
    lambda a, p: qml.PhaseDamping(p**2, wires=1),
]


MEASUREMENTS = [
    lambda a: qml.expval(qml.Z(0)),
    lambda a: qml.expval(qml.X(0) @ qml.Y(1)),
    lambda a: qml.expval(qml.Hamiltonian([a, 0.3], [qml.Z(0), qml.X(1) @ qml.Z(0)])),
    lambda a: qml.expval(qml.Hadamard(1)),
    lambda a: qml.var(qml.Z(1)),
    lambda a: qml.var(qml.Hermitian(np.array([[1, 1j], [-1j, 2]]), wires=0)),
    lambda a: qml.probs(wires=[1, 0]),
    lambda a: qml.probs(op=qml.Hadamard(0)),
    lambda a: qml.density_matrix(wires=[1]),
    lambda a: qml.purity(wires=[0]),
    lambda a: qml.vn_entropy(wires=[0]),
]


@st.composite
def circuits(draw):
    """A quantum function of an embedding, gates, channels and measurements."""
    embedding = draw(st.sampled_from(EMBEDDINGS))
    gates = draw(st.lists(st.tuples(st.sampled_from(GATES), st.integers(0, 2)), max_size=6))
    several = draw(st.booleans())
    measured = draw(st.lists(st.sampled_from(MEASUREMENTS), min_size=1, max_size=3))

    def circuit(inputs, angles, strength):
        embedding(inputs)
        qml.RY(angles[1], wires=0)
        for gate, number in gates:
            gate(angles[number], strength)
        if several:
            return [measure(angles[0]) for measure in measured]
        return measured[0](angles[0])

    return circuit


@pytest.mark.filterwarnings("ignore:Casting complex")
@settings(deadline=None, max_examples=12, derandomize=True, database=None)
@given(circuit=circuits(), shape=st.sampled_from([(N,), (1, N), (3, N), (2, 2, N)]))
def test_traces_of_random_circuits(circuit, shape):
    """Traces of random circuits give the values and gradients of PennyLane's layer."""
    layers = layer_pair(circuit)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "TorchLayer runs")
        for factor in (1, 0.7):
            assert_layers_agree(*layers, factor * random_inputs(*shape), atol=1e-7)
            shrink_weights(layers)
    assert trace_counts(layers[0]) == [1]


@pytest.mark.parametrize("trained", [True, False])
def test_what_pennylane_compares_in_python(caplog, trained):
    """PauliError branches on its probability: the QNode runs as it is if that is an input."""

    def circuit(inputs, angles, strength):
        qml.AngleEmbedding(inputs, wires=range(N))
        qml.RY(angles[0], wires=0)
        qml.PauliError("XY", strength / 2 if trained else 0.1, wires=[0, 1])
        qml.BitFlip(strength, wires=0)
        return qml.expval(qml.Z(0))

    ours, theirs = layer_pair(circuit)
    with warnings.catch_warnings(), caplog.at_level("INFO", "pennylane_qizgloria"):
        warnings.filterwarnings("ignore", "TorchLayer runs")
        assert_layers_agree(ours, theirs, random_inputs(3, N))
        assert_layers_agree(ours, theirs, 0.5 * random_inputs(3, N))
    assert ours.is_traced is not trained
    assert ("takes the value of a tensor" in caplog.text) is trained
    assert (ours.untraced_reason is not None) is trained


@pytest.mark.parametrize("readout", [0.05, {0: (0.02, 0.1)}])
@pytest.mark.parametrize("number", range(len(MEASUREMENTS)))
@pytest.mark.filterwarnings("ignore:Casting complex", "ignore:Measurement .* not affected")
def test_traces_with_readout_error(readout, number):
    """Traces with readout error give the values and gradients of PennyLane's layer."""

    def circuit(inputs, angles, strength):
        embed_angles(inputs)
        qml.CRX(angles[0], wires=[0, 1])
        return MEASUREMENTS[number](angles[1] * strength)

    device = qml.device("qizgloria.mixed", wires=N, readout_prob=readout)
    layers = layer_pair(circuit, device=device)
    for _ in range(2):
        assert_layers_agree(*layers, random_inputs(3, N), atol=1e-7)
        shrink_weights(layers)
    assert trace_counts(layers[0]) == [1]


@pytest.mark.parametrize(
    ("dtype", "r_dtype", "atol"),
    [(torch.float32, None, 1e-5), (torch.float32, torch.float32, 1e-4),
     (torch.float64, torch.float32, 1e-4)],
)  # fmt: skip
def test_dtypes(dtype, r_dtype, atol):
    """Results have the dtype of the inputs, whatever the device's r_dtype."""
    device = qml.device("qizgloria.mixed", wires=N, r_dtype=r_dtype)
    layers = layer_pair(rotated, SHAPES, device=device)
    assert_layers_agree(*layers, random_inputs(4, N, dtype=dtype), atol)
    assert trace_counts(layers[0]) == [1]


def test_a_tuple_of_measurements_is_stacked():
    """A tuple of measurements is stacked in front of the batch axes, as PennyLane does."""

    def circuit(inputs, angles, strength):
        embed_angles(inputs)
        qml.Rot(*angles, wires=0)
        return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))

    layers = layer_pair(circuit)
    for shape in ((N,), (3, N), (2, 4, N)):
        assert_layers_agree(*layers, random_inputs(*shape))
    assert trace_counts(layers[0]) == [1, 1]


@pytest.mark.parametrize("method", ["kernels", "planned"])
def test_evolutions_of_either_kind(method):
    """Layers are traced whether kernels or a plan evolve the state, also where memory is short."""

    def circuit(inputs, weights, strength):
        qml.AngleEmbedding(inputs, wires=range(6))
        qml.StronglyEntanglingLayers(weights, wires=range(6))
        qml.BitFlip(strength, wires=2)
        coefficients = [strength, 1.0]
        return [
            qml.expval(qml.Hamiltonian(coefficients, [qml.Z(0), qml.X(1)])),
            qml.probs(wires=[5, 2]),
        ]

    shapes = {"weights": (1, 6, 3), "strength": 1}
    init = {"weights": random_inputs(1, 6, 3), "strength": torch.tensor(0.1, dtype=torch.float64)}
    device = qml.device("qizgloria.mixed", wires=6, memory_budget=2**13, method=method)
    layers = layer_pair(circuit, shapes, init, device=device)
    for _ in range(2):
        assert_layers_agree(*layers, random_inputs(16, 6))
        shrink_weights(layers)
    assert trace_counts(layers[0]) == [1]


def test_deferred_measurements():
    """Circuits that preprocessing gives more wires are traced."""

    def circuit(inputs, angles, strength):
        qml.Rot(*angles, wires=0)
        outcome = qml.measure(0)
        qml.cond(outcome, qml.RX)(inputs[0], wires=1)
        return [qml.expval(qml.Z(1)), qml.probs(op=outcome)]

    layers = layer_pair(circuit)
    assert_layers_agree(*layers, random_inputs(N))
    assert trace_counts(layers[0]) == [1]


@pytest.mark.parametrize("measure", [qml.expval, qml.var])
def test_observables_are_trained(measure):
    """Observables that depend on weights follow them and give them gradients."""

    def circuit(inputs, angles, strength):
        embed_angles(inputs)
        qml.RY(0.4, wires=1)
        qml.CRX(angles[2], wires=[0, 1])
        off = torch.complex(angles[0], strength)
        rows = [torch.stack([angles[1] + 0j, off]), torch.stack([off.conj(), -angles[1] + 0j])]
        return measure(qml.Hermitian(torch.stack(rows), wires=1))

    layers = layer_pair(circuit)
    for shape in ((N,), (3, N)):
        for _ in range(2):
            assert_layers_agree(*layers, random_inputs(*shape))
            shrink_weights(layers)
    assert trace_counts(layers[0]) == [1, 1]
    layers[0](random_inputs(N)).backward()
    assert layers[0].angles.grad.abs().min() > 1e-5
    assert layers[0].strength.grad.abs() > 1e-5


def test_both_ways_of_normalising_are_traced():
    """Normalised and other amplitudes give PennyLane's results, by one trace or two."""

    def circuit(inputs, angles, strength):
        embed_amplitudes(inputs)
        qml.Rot(*angles, wires=0)
        return qml.expval(qml.Z(0))

    layers = layer_pair(circuit)
    normalised = torch.tensor([[0.6, 0.8], [1.0, 0.0]], dtype=torch.float64)
    for _ in range(2):
        assert_layers_agree(*layers, random_inputs(2, N))
        assert_layers_agree(*layers, 1.0 * normalised)
    assert len(trace_counts(layers[0])) == 1
    assert trace_counts(layers[0])[0] in (1, 2)


def test_without_weights_and_without_inputs():
    """Circuits that have no weights or ignore the inputs are traced."""

    def no_weights(inputs):
        embed_angles(inputs)
        return qml.expval(qml.Z(0))

    def no_inputs(inputs, angles, strength):
        qml.Rot(*angles, wires=0)
        return qml.expval(qml.Z(0))

    for circuit, shapes in ((no_weights, {}), (no_inputs, {"angles": (3,), "strength": 1})):
        layers = layer_pair(circuit, shapes)
        assert_layers_agree(*layers, random_inputs(N))
        assert trace_counts(layers[0]) == [1]


def test_arguments_are_pennylanes():
    """Arguments, attributes and errors at construction are those of PennyLane's layer."""
    with pytest.raises(ValueError, match="Must specify a shape for every non-input"):
        TorchLayer(rotated_qnode(), {})
    with pytest.raises(TypeError, match="must include an argument with name inputs"):
        TorchLayer(qml.QNode(lambda w: qml.state(), rotated_qnode().device), {"w": 1})
    with pytest.raises(ValueError, match="appropiate shape"):
        TorchLayer(rotated_qnode(), SHAPES, {"weights": torch.ones(3)})
    normal = TorchLayer(rotated_qnode(), SHAPES, torch.nn.init.ones_)
    assert torch.equal(normal.weights, torch.ones(1, N, 3))
    assert normal.device is normal.qnode.device
    assert isinstance(normal, qml.qnn.TorchLayer)
    assert repr(normal) == f"<Quantum Torch Layer: func={rotated.__name__}>"


def test_state_dicts_are_pennylanes():
    """State dicts have the keys of PennyLane's layer, and those of that layer load."""
    ours, theirs = layer_pair(rotated, SHAPES)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    theirs.load_state_dict({"weights": torch.ones(1, N, 3)})
    ours.load_state_dict(theirs.state_dict())
    assert_layers_agree(ours, theirs, random_inputs(3, N))


def test_inspection_tools_take_the_layer(layer):
    """`qml.draw` and `qml.specs` take PennyLane's layer."""
    inputs = random_inputs(N)
    assert "AngleEmbedding" in qml.draw(layer)(inputs)
    assert len(qml.workflow.construct_tape(layer)(inputs).operations) == 3
    layer.construct((inputs,), {})
    assert len(layer.qnode._tape.operations) == 3


def test_integer_inputs():
    """Weights are cast to the inputs' dtype, as in PennyLane."""

    def circuit(inputs, angles, strength):
        qml.BasisEmbedding(inputs, wires=range(N))
        return qml.expval(qml.Z(1))

    ours, theirs = layer_pair(circuit)
    assert ours(torch.tensor([0, 1])) == theirs(torch.tensor([0, 1])) == -1


def test_trackers_count_what_is_run(layer):
    """A tracker counts each call, although the call could be served by a trace."""
    layer(random_inputs(3, N))
    with qml.Tracker(layer.device) as tracker:
        layer(random_inputs(3, N))
    assert tracker.totals["batches"] == 1


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_inputs_that_are_not_finite_are_refused(layer, bad):
    """NaN and infinity are refused by a trace, which serves again afterwards."""
    layer(random_inputs(3, N))
    inputs = random_inputs(3, N)
    inputs[1, 0] = bad
    with pytest.raises(ValueError, match=r"qizgloria.mixed: RX.*must be finite"):
        layer(inputs)
    assert layer(random_inputs(3, N)).isfinite().all()
    assert trace_counts(layer) == [1]


def test_strengths_out_of_range_are_refused():
    """A traced channel refuses strengths outside its domain."""

    def circuit(inputs, strength):
        embed_angles(inputs)
        qml.AmplitudeDamping(strength, wires=0)
        return qml.expval(qml.Z(0))

    layer = TorchLayer(
        qml.QNode(circuit, rotated_qnode().device), {"strength": 1}, torch.nn.init.zeros_
    )
    layer(random_inputs(N))
    with torch.no_grad():
        layer.strength.fill_(1.5)
    with pytest.raises(ValueError, match="gamma must be in"):
        layer(random_inputs(N))


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        ([0.1, 0.2], TypeError, "are a tensor or a NumPy array, got"),
        (torch.tensor(0.1), ValueError, r"at least one sample, got \(\)"),
        (torch.ones(0, N), ValueError, r"got \(0, 2\)"),
        (torch.ones(3, 0, N), ValueError, r"got \(3, 0, 2\)"),
        (torch.ones(3, N + 1), ValueError, "must be of length 2 or less"),
    ],
)
def test_wrong_inputs_are_refused(layer, inputs, error, message):
    """The error says which inputs a layer takes."""
    with pytest.raises(error, match=message):
        layer(inputs)


def test_a_function_that_is_no_qnode_is_refused():
    """The error says that a QNode is needed."""
    with pytest.raises(TypeError, match="TorchLayer takes a QNode"):
        TorchLayer(rotated, SHAPES)
