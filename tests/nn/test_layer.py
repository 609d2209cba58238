"""TorchLayer against PennyLane's, on everything that it records and everything that it does not."""

import copy
import io
import pickle
import warnings
from itertools import count

import numpy as np
import pennylane as qml
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn.utils import parametrize

from pennylane_qizgloria.nn.layer import TorchLayer

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
    lambda a, p: qml.PauliError("XY", p / 2, wires=[0, 1]),
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

SHAPES = {"angles": (3,), "strength": 1}


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


def initial(dtype=torch.float64):
    angles = torch.tensor([0.4, -1.1, 2.3], dtype=dtype)
    return {"angles": angles, "strength": torch.tensor(0.07, dtype=dtype)}


@pytest.fixture
def pair():
    """A function that makes our layer and PennyLane's of a quantum function, or of a QNode."""

    def make(circuit, shapes=SHAPES, init=None, device=None, **options):
        if not isinstance(circuit, qml.QNode):
            device = device or qml.device("qizgloria.mixed", wires=N)
            circuit = qml.QNode(circuit, device, **options)
        ours = TorchLayer(circuit, shapes, init)
        theirs = qml.qnn.TorchLayer(circuit, shapes, init)
        theirs.load_state_dict(ours.state_dict())
        return ours, theirs

    return make


def results_and_gradients(layer, inputs):
    layer.zero_grad()
    inputs = inputs.clone().requires_grad_()
    result = layer(inputs)
    found = [torch.zeros(())]
    if result.requires_grad:
        weights = torch.linspace(1, 2, result.numel(), dtype=result.dtype).view(result.shape)
        parameters = [inputs, *layer.parameters()]
        found = torch.autograd.grad(
            (result * weights).sum(), parameters, materialize_grads=True, allow_unused=True
        )
    return [result, *found]


def assert_same(ours, theirs, inputs, atol=1e-9):
    pairs = zip(
        results_and_gradients(ours, inputs), results_and_gradients(theirs, inputs), strict=True
    )
    for own, other in pairs:
        assert own.shape == other.shape
        assert own.dtype == other.dtype
        assert torch.allclose(own, other, atol=atol)


def weakened(layers):
    """Change the weights of both layers alike."""
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters():
                parameter.mul_(0.8)


def recordings(layer):
    """How many recordings there are of each structure; None where it is run as it is."""
    made = layer._recordings.made.values()
    return [None if own is None else len(own) for own in made]


def drawn(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(3)
    return 0.1 + torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype)


def rotated(inputs, weights):
    qml.AngleEmbedding(inputs, wires=range(N))
    qml.StronglyEntanglingLayers(weights, wires=range(N))
    qml.DepolarizingChannel(0.05, wires=0)
    return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]


def qnode():
    return qml.QNode(rotated, qml.device("qizgloria.mixed", wires=N))


ROTATED = {"weights": (2, N, 3)}


@pytest.fixture
def layer():
    torch.manual_seed(5)
    return TorchLayer(qnode(), ROTATED).double()


# --- the same as PennyLane's ----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Casting complex")
@settings(deadline=None, max_examples=12, derandomize=True, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(circuit=circuits(), shape=st.sampled_from([(N,), (1, N), (3, N), (2, 2, N)]))
def test_random_circuits_are_replayed_right(pair, circuit, shape):
    """A recording would differ from the circuit that it is of."""
    layers = pair(circuit, init=initial())
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "TorchLayer runs")
        for factor in (1, 0.7):
            assert_same(*layers, factor * drawn(*shape), atol=1e-7)
            weakened(layers)
    assert recordings(layers[0]) == [1]


@pytest.mark.parametrize("readout", [0.05, {0: (0.02, 0.1)}])
@pytest.mark.parametrize("number", range(len(MEASUREMENTS)))
@pytest.mark.filterwarnings("ignore:Casting complex", "ignore:Measurement .* not affected")
def test_readout_error_is_replayed_right(pair, readout, number):
    """Readout error would be left out, or that of the first call taken."""

    def circuit(inputs, angles, strength):
        embed_angles(inputs)
        qml.CRX(angles[0], wires=[0, 1])
        return MEASUREMENTS[number](angles[1] * strength)

    device = qml.device("qizgloria.mixed", wires=N, readout_prob=readout)
    layers = pair(circuit, init=initial(), device=device)
    for _ in range(2):
        assert_same(*layers, drawn(3, N), atol=1e-7)
        weakened(layers)
    assert recordings(layers[0]) == [1]


@pytest.mark.parametrize(
    ("dtype", "r_dtype", "atol"),
    [(torch.float32, None, 1e-5), (torch.float32, torch.float32, 1e-4),
     (torch.float64, torch.float32, 1e-4)],
)  # fmt: skip
def test_dtypes(pair, dtype, r_dtype, atol):
    """Results would come in the precision of the device, not in that of the inputs."""
    device = qml.device("qizgloria.mixed", wires=N, r_dtype=r_dtype)
    layers = pair(rotated, ROTATED, device=device)
    assert_same(*layers, drawn(4, N, dtype=dtype), atol)
    assert recordings(layers[0]) == [1]


def test_a_tuple_of_measurements_is_stacked(pair):
    """Shapes would not be PennyLane's."""

    def circuit(inputs, angles, strength):
        embed_angles(inputs)
        qml.Rot(*angles, wires=0)
        return qml.expval(qml.Z(0)), qml.expval(qml.Z(1))

    layers = pair(circuit, init=initial())
    for shape in ((N,), (3, N), (2, 4, N)):
        assert_same(*layers, drawn(*shape))
    assert recordings(layers[0]) == [1, 1, 1]


def test_large_states_are_evolved_by_the_plan(pair, monkeypatch):
    """Graphs and memory would grow with the states."""
    monkeypatch.setattr("pennylane_qizgloria.nn.recording.MAX_RECORDED_WORDS", 1000)

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
    init = {"weights": drawn(1, 6, 3), "strength": torch.tensor(0.1, dtype=torch.float64)}
    device = qml.device("qizgloria.mixed", wires=6, memory_budget=2**13)
    layers = pair(circuit, shapes, init, device=device)
    for _ in range(2):
        assert_same(*layers, drawn(16, 6))
        weakened(layers)
    ((recording,),) = layers[0]._recordings.made.values()
    assert recording.evolution is not None


def test_deferred_measurements(pair):
    """Wires that preprocessing adds would be forgotten."""

    def circuit(inputs, angles, strength):
        qml.Rot(*angles, wires=0)
        outcome = qml.measure(0)
        qml.cond(outcome, qml.RX)(inputs[0], wires=1)
        return [qml.expval(qml.Z(1)), qml.probs(op=outcome)]

    layers = pair(circuit, init=initial())
    assert_same(*layers, drawn(N))
    assert recordings(layers[0]) == [1]


def test_both_ways_of_normalising_are_recorded(pair):
    """Normalised amplitudes would be treated as the others, or not be replayed."""

    def circuit(inputs, angles, strength):
        embed_amplitudes(inputs)
        qml.Rot(*angles, wires=0)
        return qml.expval(qml.Z(0))

    layers = pair(circuit, init=initial())
    normalised = torch.tensor([[0.6, 0.8], [1.0, 0.0]], dtype=torch.float64)
    for _ in range(2):
        assert_same(*layers, drawn(2, N))
        assert_same(*layers, 1.0 * normalised)
    assert len(recordings(layers[0])) == 1
    assert recordings(layers[0])[0] in (1, 2)


def test_without_weights_and_without_inputs(pair):
    """A circuit that ignores an argument would not be recordable."""

    def no_weights(inputs):
        embed_angles(inputs)
        return qml.expval(qml.Z(0))

    def no_inputs(inputs, angles, strength):
        qml.Rot(*angles, wires=0)
        return qml.expval(qml.Z(0))

    for circuit, shapes in ((no_weights, {}), (no_inputs, SHAPES)):
        layers = pair(circuit, shapes)
        assert_same(*layers, drawn(N))
        assert recordings(layers[0]) == [1]


def test_arguments_are_pennylanes():
    """Code that makes PennyLane's layer would not make ours."""
    with pytest.raises(ValueError, match="Must specify a shape for every non-input"):
        TorchLayer(qnode(), {})
    with pytest.raises(TypeError, match="must include an argument with name inputs"):
        TorchLayer(qml.QNode(lambda w: qml.state(), qnode().device), {"w": 1})
    with pytest.raises(ValueError, match="appropiate shape"):
        TorchLayer(qnode(), ROTATED, {"weights": torch.ones(3)})
    normal = TorchLayer(qnode(), ROTATED, torch.nn.init.ones_)
    assert torch.equal(normal.weights, torch.ones(2, N, 3))
    assert normal.device is normal.qnode.device
    assert isinstance(normal, qml.qnn.TorchLayer)
    assert repr(normal) == "<Quantum Torch Layer: func=rotated>"


def test_state_dicts_are_pennylanes(pair):
    """Saved models would not load."""
    ours, theirs = pair(rotated, ROTATED)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    theirs.load_state_dict({"weights": torch.ones(2, N, 3)})
    ours.load_state_dict(theirs.state_dict())
    assert_same(ours, theirs, drawn(3, N))


def test_inspection_tools_take_the_layer(layer):
    """`qml.draw` and `qml.specs` take PennyLane's layer."""
    inputs = drawn(N)
    assert "AngleEmbedding" in qml.draw(layer)(inputs)
    assert len(qml.workflow.construct_tape(layer)(inputs).operations) == 3
    layer.construct((inputs,), {})
    assert len(layer.qnode._tape.operations) == 3


# --- when recordings are made ---------------------------------------------------------------------


@pytest.fixture
def counted():
    """A layer, and how often its QNode's Python has run."""
    calls = count()

    def circuit(inputs, weights):
        next(calls)
        return rotated(inputs, weights)

    def calls_so_far():
        return int(repr(calls)[6:-1])

    return TorchLayer(qml.QNode(circuit, qnode().device), ROTATED), calls_so_far


def test_training_runs_no_python_of_the_circuit(counted):
    """Every step would rebuild the circuit."""
    layer, calls = counted
    layer(drawn(3, N, dtype=torch.float32))
    first = calls()
    optimiser = torch.optim.Adam(layer.parameters())
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = layer(drawn(3, N, dtype=torch.float32)).sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    layer.eval()
    layer(drawn(3, N, dtype=torch.float32))
    assert calls() == first
    assert losses[-1] < losses[0]


def test_new_structures_are_recorded_anew(counted):
    """Numbers would be taken for those of another shape or dtype."""
    layer, calls = counted
    changes = [
        (drawn(3, N), True),
        (drawn(4, N), True),
        (drawn(3, N), False),
        (drawn(3, N).flip(0).T.contiguous().T, False),
        (drawn(3, N, dtype=torch.float32), True),
        (drawn(1, 3, N), False),
        (drawn(N), True),
    ]
    for inputs, is_new in changes:
        before = calls()
        layer(inputs)
        assert (calls() > before) == is_new
    before = calls()
    layer.double()(drawn(3, N))
    assert calls() > before


def test_other_settings_of_the_qnode_are_recorded_anew(layer):
    """A change of the device would be overlooked."""
    inputs = drawn(N)
    before = layer(inputs)
    layer.qnode = layer.qnode.update(
        device=qml.device("qizgloria.mixed", wires=N, readout_prob=0.2)
    )
    assert torch.allclose(layer(inputs), 0.6 * before)


def test_tensors_from_elsewhere_are_not_frozen(pair):
    """A circuit would go on with what a tensor around it was at first."""
    trainable = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    given = torch.tensor(0.2, dtype=torch.float64)

    def circuit(inputs, angles, strength):
        qml.RX(inputs[..., 0] * trainable, wires=0)
        qml.RY(given, wires=0)
        return qml.expval(qml.Z(0))

    layers = pair(circuit, init=initial())
    for _ in range(3):
        own, other = (torch.autograd.grad(x(drawn(3, N)).sum(), trainable) for x in layers)
        assert torch.allclose(own[0], other[0])
        assert_same(*layers, drawn(3, N))
        with torch.no_grad():
            trainable.add_(0.1)
            given.add_(0.4)
    assert recordings(layers[0]) == [1]


def test_other_state_is_taken_up_after_a_reset():
    """There would be no way to say that something has changed."""
    angle = [0.1]

    def circuit(inputs):
        qml.RX(inputs[0] + angle[0], wires=0)
        return qml.expval(qml.Z(0))

    layer = TorchLayer(qml.QNode(circuit, qnode().device), {})
    inputs = torch.zeros(1, dtype=torch.float64)
    assert layer(inputs).item() == pytest.approx(np.cos(0.1))
    angle[0] = 0.5
    layer.reset_recordings()
    assert layer(inputs).item() == pytest.approx(np.cos(0.5))


def test_old_structures_make_way(layer, monkeypatch):
    """Inputs of ever new lengths would fill the memory."""
    monkeypatch.setattr("pennylane_qizgloria.nn.layer.MAX_STRUCTURES", 2)
    for batch in (1, 2, 3):
        layer(drawn(batch, N))
    assert len(layer._recordings.made) == 2


# --- what is run as it is -------------------------------------------------------------------------


def branches(inputs, angles, strength):
    if inputs[0] > 0.5:
        qml.X(0)
    qml.Rot(*angles, wires=0)
    return qml.expval(qml.Z(0))


def takes_floats(inputs, angles, strength):
    qml.RX(float(inputs[0].detach()), wires=0)
    qml.Rot(*angles, wires=0)
    return qml.expval(qml.Z(0))


def takes_arrays(inputs, angles, strength):
    qml.RX(inputs.detach().numpy()[0], wires=0)
    qml.Rot(*angles, wires=0)
    return qml.expval(qml.Z(0))


def embeds_bits(inputs, angles, strength):
    qml.BasisEmbedding((inputs.detach() > 0.5).int(), wires=range(N))
    qml.Rot(*angles, wires=0)
    return qml.expval(qml.Z(0))


def hides_gradients(inputs, angles, strength):
    with torch.no_grad():
        doubled = 2 * angles
    qml.Rot(*doubled, wires=0)
    qml.RX(angles[0], wires=0)
    return qml.expval(qml.Z(0))


def writes_in_place(inputs, angles, strength):
    changed = torch.zeros(3, dtype=angles.dtype)
    changed[0] = angles[0]
    qml.Rot(*changed, wires=0)
    return qml.expval(qml.Z(0))


STRANGE = [branches, takes_floats, takes_arrays, embeds_bits, hides_gradients, writes_in_place]


@pytest.mark.parametrize("circuit", STRANGE)
def test_circuits_that_cannot_be_recorded_run_with_one_warning(pair, circuit):
    """Results would be those of the first call, or a word about the speed would be missing."""
    layers = pair(circuit, init=initial())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for inputs in (drawn(N), 0.2 * drawn(N), drawn(3, N)[0], torch.ones(N).double()):
            assert_same(*layers, inputs)
            weakened(layers)
        layers[0](drawn(N, dtype=torch.float32))
    messages = [str(w.message) for w in caught if "TorchLayer" in str(w.message)]
    assert len(messages) == 1
    assert f"QNode '{circuit.__name__}' as it is" in messages[0]
    assert set(recordings(layers[0])) == {None}


def test_random_numbers_and_hidden_state_are_found_out():
    """A circuit with a life of its own would be frozen."""
    generator = np.random.default_rng(1)

    def circuit(inputs, angles, strength):
        qml.RX(inputs[0] * generator.uniform(), wires=0)
        return qml.expval(qml.Z(0))

    layer = TorchLayer(qml.QNode(circuit, qnode().device), SHAPES)
    with pytest.warns(UserWarning, match="depends on more than its inputs"):
        layer(drawn(N))
    assert len({layer(drawn(N)).item() for _ in range(3)}) == 3


def test_several_circuits_run_as_they_are(pair):
    """A transform's circuits, and what becomes of their results, would be left out."""

    @qml.transforms.split_non_commuting
    @qml.qnode(qnode().device)
    def circuit(inputs, angles, strength):
        embed_angles(inputs)
        return qml.expval(qml.Z(0)), qml.expval(qml.X(0))

    layers = pair(circuit)
    with pytest.warns(UserWarning, match="2 circuits"):
        assert_same(*layers, drawn(N))


@pytest.mark.parametrize(
    ("device", "options"),
    [("default.mixed", {}), ("default.qubit", {}), ("qizgloria.mixed", {"diff_method": "adjoint"}),
     ("qizgloria.mixed", {"diff_method": "parameter-shift"})],
)  # fmt: skip
def test_other_devices_and_methods_run_without_a_word(pair, device, options):
    """The layer would not be a drop-in replacement, or nag."""

    def circuit(inputs, angles, strength):
        qml.RX(inputs[0], wires=0)
        qml.Rot(*angles, wires=0)
        qml.RY(strength, wires=1)
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

    layers = pair(circuit, init=initial(), device=qml.device(device, wires=N), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(*layers, drawn(N))
    assert recordings(layers[0]) == []


def test_shots_run_without_a_word():
    """Samples would be exact, or always the same."""
    device = qml.device("qizgloria.mixed", wires=N, seed=1)
    layer = TorchLayer(qml.set_shots(qml.QNode(rotated, device), shots=10), ROTATED)
    results = {tuple(layer(drawn(N)).tolist()) for _ in range(8)}
    assert len(results) > 1
    assert recordings(layer) == []


def test_integer_inputs(pair):
    """Weights are cast to the inputs' dtype, as in PennyLane."""

    def circuit(inputs, angles, strength):
        qml.BasisEmbedding(inputs, wires=range(N))
        return qml.expval(qml.Z(1))

    ours, theirs = pair(circuit)
    assert ours(torch.tensor([0, 1])) == theirs(torch.tensor([0, 1])) == -1


def test_trackers_count_what_is_run(layer):
    """A tracker would see no executions."""
    layer(drawn(3, N))
    with qml.Tracker(layer.device) as tracker:
        layer(drawn(3, N))
    assert tracker.totals["batches"] == 1


# --- bad numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_inputs_that_are_not_finite_are_refused(layer, bad):
    """They would spread through the model."""
    layer(drawn(3, N))
    inputs = drawn(3, N)
    inputs[1, 0] = bad
    with pytest.raises(ValueError, match=r"qizgloria.mixed: RX.*must be finite"):
        layer(inputs)
    assert layer(drawn(3, N)).isfinite().all()
    assert recordings(layer) == [1]


def test_strengths_out_of_range_are_refused():
    """A training step could leave the domain without a word."""

    def circuit(inputs, strength):
        embed_angles(inputs)
        qml.AmplitudeDamping(strength, wires=0)
        return qml.expval(qml.Z(0))

    layer = TorchLayer(qml.QNode(circuit, qnode().device), {"strength": 1}, torch.nn.init.zeros_)
    layer(drawn(N))
    with torch.no_grad():
        layer.strength.fill_(1.5)
    with pytest.raises(ValueError, match="gamma must be in"):
        layer(drawn(N))


# --- life among torch modules ---------------------------------------------------------------------


def test_copies_are_independent(layer):
    """A copy would share its weights, or its recordings, with the original."""
    inputs = drawn(3, N)
    before = layer(inputs)
    other = copy.deepcopy(layer)
    assert recordings(other) == []
    assert other.qnode_weights["weights"] is other.weights
    with torch.no_grad():
        other.weights.add_(1)
    assert not torch.allclose(other(inputs), before)
    assert torch.equal(layer(inputs), before)


def test_layers_are_pickled_and_saved(layer):
    """Models could not be sent to other processes."""
    inputs = drawn(3, N)
    before = layer(inputs)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(inputs), before)
    file = io.BytesIO()
    torch.save(torch.nn.Sequential(layer), file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(inputs), before)


class Evaluated(torch.utils.data.Dataset):
    """Rows of inputs, through a layer."""

    def __init__(self, layer):
        self.layer = layer

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.layer(drawn(4, N)[index]).detach()


def test_workers_of_a_data_loader(layer):
    """A layer could not be part of a data set."""
    expected = layer(drawn(4, N))
    loader = torch.utils.data.DataLoader(Evaluated(layer), batch_size=2, num_workers=2)
    assert torch.allclose(torch.cat(list(loader)), expected)


def test_compilation_breaks_the_graph_at_the_layer(layer):
    """Compiling a model would fail, or bake numbers in."""
    model = torch.nn.Sequential(torch.nn.Linear(N, N), layer, torch.nn.Linear(N, 3)).double()
    compiled = torch.compile(model, backend="eager")
    for factor in (1, 2):
        inputs = factor * drawn(3, N)
        assert torch.allclose(compiled(inputs), model(inputs))
    own, other = (
        torch.autograd.grad(x(drawn(3, N)).sum(), layer.weights) for x in (compiled, model)
    )
    assert torch.allclose(own[0], other[0])


def test_autocast_with_scaled_gradients(layer):
    """A circuit would be computed in half precision."""
    layer = layer.float()
    model = torch.nn.Sequential(torch.nn.Linear(N, N), layer, torch.nn.Linear(N, 3))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    inputs = drawn(5, N, dtype=torch.float32)
    before = [parameter.clone() for parameter in model.parameters()]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = inputs.bfloat16()
        assert layer(low).dtype == torch.bfloat16
        assert torch.equal(layer(low), layer(low.float()).bfloat16())
        loss = model(inputs).float().square().mean()
    exact = layer(inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(layer(inputs), exact)
    scaler.scale(loss).backward()
    scaler.step(optimiser)
    assert all((a != b).any() for a, b in zip(before, model.parameters(), strict=True))


def test_parametrised_weights(layer):
    """A parametrisation would have no effect."""
    inputs = drawn(3, N)
    with torch.no_grad():
        plain = copy.deepcopy(layer)
        plain.weights.tanh_()
    parametrize.register_parametrization(layer, "weights", torch.nn.Tanh())
    result = layer(inputs)
    assert torch.allclose(result, plain(inputs))
    result.sum().backward()
    assert layer.parametrizations.weights.original.grad.abs().max() > 0


def test_lbfgs_with_a_closure(layer):
    """An optimiser that calls the model itself would not do."""
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=5)
    inputs = drawn(3, N)

    def closure():
        optimiser.zero_grad()
        loss = layer(inputs).sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
        return loss

    before = closure().item()
    optimiser.step(closure)
    assert closure().item() < before


def test_higher_derivatives(layer):
    """Gradient penalties would be wrong."""
    inputs = drawn(2, N).requires_grad_()
    layer(inputs)

    def call(inputs, weights):
        return torch.func.functional_call(layer, {"weights": weights}, (inputs,))

    weights = layer.weights.detach().requires_grad_()
    assert torch.autograd.gradcheck(call, (inputs, weights))
    assert torch.autograd.gradgradcheck(call, (inputs, weights))


def test_function_transforms(layer):
    """Gradients for each sample, Hessians and forward mode would fail."""
    inputs = drawn(3, N)
    expected = layer(inputs)
    parameters = {"weights": layer.weights.detach()}

    def total(parameters, x):
        return torch.func.functional_call(layer, parameters, (x,)).sum()

    assert torch.allclose(torch.func.vmap(layer)(inputs), expected)
    each = torch.func.vmap(torch.func.grad(total), (None, 0))(parameters, inputs)["weights"]
    (together,) = torch.autograd.grad(expected.sum(), layer.weights)
    assert torch.allclose(each.sum(0), together)
    _, tangent = torch.func.jvp(layer, (inputs,), (torch.ones_like(inputs),))
    (gradient,) = torch.autograd.grad(layer(inputs.requires_grad_()).sum(), inputs)
    assert torch.allclose(tangent.sum(), gradient.sum())


def test_inference_mode_does_not_spoil_training(layer):
    """Tensors made in inference mode cannot be saved for a gradient."""
    inputs = drawn(3, N)
    with torch.inference_mode():
        first = layer(inputs)
        assert torch.equal(layer(inputs.clone()), first)
    result = layer(inputs)
    result.sum().backward()
    assert torch.equal(result.detach(), first)
    assert layer.weights.grad.abs().max() > 0
