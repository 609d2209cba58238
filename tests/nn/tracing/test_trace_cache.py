"""When TorchLayer traces its QNode, when a trace serves, and what is run as it is."""

import copy
import gc
import pickle
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

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
from qiskit.circuit import ParameterVector, QuantumCircuit

from pennylane_qizgloria import QizgloriaMixed, TorchCircuit
from pennylane_qizgloria.nn.layer import TorchLayer
from pennylane_qizgloria.nn.tracing.invocation import LayerInvocation
from pennylane_qizgloria.nn.tracing.trace_cache import (
    FIRST_CALLS,
    CallHistory,
    TraceCache,
    TracingAccount,
)
from pennylane_qizgloria.nn.tracing.traced_qnode import trace_qnode

SHAPES = {"weights": (1, 2, 3)}

N = 2


@pytest.fixture
def counted():
    """A layer, and how often its QNode's Python has run."""
    with mock.patch.object(
        qml.QNode, "construct", autospec=True, side_effect=qml.QNode.construct
    ) as construct:
        yield TorchLayer(rotated_qnode(), SHAPES), lambda: construct.call_count


def test_training_runs_no_python_of_the_circuit(counted):
    """After the first call training constructs no circuit, and the loss falls."""
    layer, calls = counted
    layer(random_inputs(3, N, dtype=torch.float32))
    first = calls()
    optimiser = torch.optim.Adam(layer.parameters())
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = layer(random_inputs(3, N, dtype=torch.float32)).sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    layer.eval()
    layer(random_inputs(3, N, dtype=torch.float32))
    assert calls() == first
    assert losses[-1] < losses[0]


def test_new_structures_are_traced_anew(counted):
    """Another shape or dtype is traced anew; other strides, batches and leading axes are not."""
    layer, calls = counted
    changes = [
        (random_inputs(3, N), True),
        (random_inputs(4, N), False),
        (random_inputs(3, N), False),
        (random_inputs(3, N).flip(0).T.contiguous().T, False),
        (random_inputs(3, N, dtype=torch.float32), True),
        (random_inputs(1, 3, N), False),
        (random_inputs(N), True),
    ]
    for inputs, is_new in changes:
        before = calls()
        layer(inputs)
        assert (calls() > before) == is_new
    before = calls()
    layer.double()(random_inputs(3, N))
    assert calls() > before


def test_other_settings_of_the_qnode_are_traced_anew(layer):
    """A QNode with another device gives that device's results."""
    inputs = random_inputs(N)
    before = layer(inputs)
    layer.qnode = layer.qnode.update(
        device=qml.device("qizgloria.mixed", wires=N, readout_prob=0.2)
    )
    assert torch.allclose(layer(inputs), 0.6 * before)


def test_tensors_from_elsewhere_are_not_frozen():
    """Changes of tensors in closures are followed, with gradients for trainable ones."""
    trainable = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    given = torch.tensor(0.2, dtype=torch.float64)

    def circuit(inputs, angles, strength):
        qml.RX(inputs[..., 0] * trainable, wires=0)
        qml.RY(given, wires=0)
        return qml.expval(qml.Z(0))

    layers = layer_pair(circuit)
    for _ in range(3):
        own, other = (torch.autograd.grad(x(random_inputs(3, N)).sum(), trainable) for x in layers)
        assert torch.allclose(own[0], other[0])
        assert_layers_agree(*layers, random_inputs(3, N))
        with torch.no_grad():
            trainable.add_(0.1)
            given.add_(0.4)
    assert trace_counts(layers[0]) == [3]


def test_a_reset_makes_the_circuit_run_again(counted):
    """What no guard can see, such as a file that was read once, is read again."""
    layer, calls = counted
    layer(random_inputs(3, N))
    before = calls()
    layer(random_inputs(3, N))
    assert calls() == before
    layer.reset_traces()
    layer(random_inputs(3, N))
    assert calls() > before


def test_old_structures_make_way(counted, monkeypatch):
    """Beyond the limit the oldest structure is forgotten, and the others stay."""
    monkeypatch.setattr("pennylane_qizgloria.nn.tracing.trace_cache.MAX_HISTORIES", 2)
    layer, calls = counted
    single, double, alone = random_inputs(2, N).float(), random_inputs(2, N), random_inputs(N)
    for inputs in (single, double, alone):
        layer(inputs)
    before = calls()
    for inputs in (double, alone):
        layer(inputs)
    assert calls() == before
    layer(single)
    assert calls() > before


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
def test_circuits_that_cannot_be_traced_run_with_one_warning(circuit):
    """Results stay PennyLane's, and one warning names the QNode."""
    layers = layer_pair(circuit)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for inputs in (
            random_inputs(N),
            0.2 * random_inputs(N),
            random_inputs(3, N)[0],
            torch.ones(N).double(),
        ):
            assert_layers_agree(*layers, inputs)
            shrink_weights(layers)
        layers[0](random_inputs(N, dtype=torch.float32))
    messages = [str(w.message) for w in caught if "TorchLayer" in str(w.message)]
    assert len(messages) == 1
    assert f"QNode '{circuit.__name__}' as it is" in messages[0]
    assert not any(trace_counts(layers[0]))


def test_random_numbers_and_hidden_state_are_found_out():
    """A circuit that draws from a generator gives other results at each call."""
    generator = np.random.default_rng(1)

    def circuit(inputs, angles, strength):
        qml.RX(inputs[0] * generator.uniform(), wires=0)
        return qml.expval(qml.Z(0))

    layer = TorchLayer(qml.QNode(circuit, rotated_qnode().device), {"angles": (3,), "strength": 1})
    with pytest.warns(UserWarning, match="depends on more than its inputs"):
        layer(random_inputs(N))
    assert len({layer(random_inputs(N)).item() for _ in range(3)}) == 3


def test_several_circuits_run_as_they_are():
    """A QNode that a transform splits runs as in PennyLane, with a warning."""

    @qml.transforms.split_non_commuting
    @qml.qnode(rotated_qnode().device)
    def circuit(inputs, angles, strength):
        qml.AngleEmbedding(inputs, wires=range(N))
        return qml.expval(qml.Z(0)), qml.expval(qml.X(0))

    layers = layer_pair(circuit)
    with pytest.warns(UserWarning, match="2 circuits"):
        assert_layers_agree(*layers, random_inputs(N))


@pytest.mark.parametrize(
    ("device", "options"),
    [("default.mixed", {}), ("default.qubit", {}), ("lightning.qubit", {}),
     ("qizgloria.mixed", {"diff_method": "adjoint"}),
     ("qizgloria.mixed", {"diff_method": "parameter-shift"})],
)  # fmt: skip
def test_other_devices_and_methods_run_without_a_word(device, options):
    """Other devices and diff_methods run as in PennyLane, without a warning."""

    def circuit(inputs, angles, strength):
        qml.RX(inputs[0], wires=0)
        qml.Rot(*angles, wires=0)
        qml.RY(strength, wires=1)
        return [qml.expval(qml.Z(0)), qml.expval(qml.Z(1))]

    layers = layer_pair(circuit, device=qml.device(device, wires=N), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_layers_agree(*layers, random_inputs(N))
    assert trace_counts(layers[0]) == []


def test_shots_run_without_a_word():
    """With shots each call draws anew, without a trace."""
    device = qml.device("qizgloria.mixed", wires=N, seed=1)
    layer = TorchLayer(qml.set_shots(qml.QNode(rotated, device), shots=10), SHAPES)
    results = {tuple(layer(random_inputs(N)).tolist()) for _ in range(8)}
    assert len(results) > 1
    assert trace_counts(layer) == []


# --- traces of other modules ------------------------------------------------------------------


def test_a_call_that_comes_often_is_traced(patient):
    """The first trace is made after some calls of one structure."""
    call = LayerInvocation(rotated_qnode(), "inputs", ("weights",))
    own = TraceCache()
    results = [
        own.run(call, (random_inputs(3, N), random_inputs(1, N, 3))) for _ in range(FIRST_CALLS + 3)
    ]
    torch.testing.assert_close(results[1:], results[:1] * (FIRST_CALLS + 2))
    assert own.is_used
    assert [len(history.traces) for history in own.histories.values()] == [1]


@pytest.mark.parametrize(
    ("calls", "seconds", "last", "balance", "expected"),
    [(FIRST_CALLS - 1, 99.0, 0.0, 0.0, False), (FIRST_CALLS, 0.1, 0.0, 0.0, True),
     (3, 0.4, 0.5, 0.0, False), (3, 0.6, 0.5, 0.0, True), (3, 0.1, 0.5, 0.45, True),
     (3, 0.6, 0.5, -9.0, True), (1, 0.6, 0.5, 9.0, False)],
)  # fmt: skip
def test_a_trace_is_made_when_it_pays(patient, calls, seconds, last, balance, expected):
    """The first trace comes after some calls; others when they pay for themselves."""
    structure = CallHistory(calls=calls, seconds=seconds)
    assert TracingAccount(last=last, balance=balance).pays(structure) == expected


def test_threads_share_a_layer(layer):
    """Calls from several threads at once give the same, and a trace is made in the end."""
    inputs = random_inputs(3, N)
    expected = layer(inputs).detach()
    layer.reset_traces()
    with ThreadPoolExecutor(max_workers=8) as pool:
        for found in pool.map(lambda _: layer(inputs).detach(), range(40)):
            torch.testing.assert_close(found, expected)
    layer(inputs)
    assert layer.is_traced


def test_random_numbers_of_other_threads_do_not_count(layer):
    """A thread that augments data draws from the generators that all threads share."""
    stop = threading.Event()

    def draw():
        while not stop.wait(1e-4):
            np.random.rand(10)  # noqa: NPY002
            torch.rand(10)

    other = threading.Thread(target=draw)
    other.start()
    try:
        for _ in range(6):
            layer(random_inputs(3, N))
    finally:
        stop.set()
        other.join()
    assert layer.is_traced


def test_tracing_is_tried_again_after_an_accident(layer, monkeypatch):
    """One failure, of whatever kind, does not make a layer slow for ever."""
    accidents = iter([RuntimeError("Nested forward mode AD is not supported")])

    def trace_after_accidents(*args):
        for accident in accidents:
            raise accident
        return trace_qnode(*args)

    monkeypatch.setattr(
        "pennylane_qizgloria.nn.tracing.trace_cache.trace_qnode", trace_after_accidents
    )
    for _ in range(4):
        layer(random_inputs(3, N))
    assert layer.is_traced


def test_quiet_trace_caches_say_nothing():
    """Without a module's name there is no warning, but a reason."""

    def circuit(inputs):
        qml.RX(float(inputs[0]), wires=0)
        qml.RX(inputs[1], wires=0)
        return qml.expval(qml.Z(0))

    call, own = (
        LayerInvocation(qml.QNode(circuit, rotated_qnode().device), "inputs", ()),
        TraceCache(module=None),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert own.run(call, (random_inputs(N),)).item() == pytest.approx(
            np.cos(random_inputs(N).sum().item())
        )
    (history,) = own.histories.values()
    assert [made.traced for made in history.traces] == [None]
    assert "takes the value" in own.reason


def test_copies_start_anew_with_the_same_habits():
    """Copies and pickles have no traces, and warn under the same name."""
    own = TraceCache(module="Another")
    own.run(
        LayerInvocation(rotated_qnode(), "inputs", ("weights",)),
        (random_inputs(N), random_inputs(1, N, 3)),
    )
    for twin in (copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
        assert not twin.histories
        assert twin.module == "Another"


def test_devices_with_noise_added_are_traced():
    """Noise that qml.add_noise gives a device is in the trace."""

    def circuit(inputs, angles, strength):
        qml.AngleEmbedding(inputs, wires=range(N))
        qml.Rot(*angles, wires=0)
        return qml.expval(qml.Z(0))

    noise = qml.noise.partial_wires(qml.DepolarizingChannel, 0.1)
    model = qml.NoiseModel({qml.noise.op_in([qml.RX]): noise})
    device = qml.device("qizgloria.mixed", wires=N)
    noisy = layer_pair(circuit, device=qml.add_noise(device, model))
    assert_layers_agree(*noisy, random_inputs(3, N))
    assert trace_counts(noisy[0]) == [1]
    plain, _ = layer_pair(circuit, device=device)
    assert not torch.allclose(plain(random_inputs(3, N)), noisy[0](random_inputs(3, N)))


def test_what_the_garbage_collector_calls_is_no_part_of_a_circuit(layer):
    """Libraries measure collections (hypothesis does), and one may come at any time."""
    seconds = []

    def callback(phase, info):
        seconds.append(time.perf_counter())

    gc.callbacks.append(callback)
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(3):
            layer(random_inputs(4, 2))
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(callback)
    assert seconds
    assert layer.untraced_reason is None


def test_states_whose_memory_is_checked_are_traced():
    """Looking up the free memory is no part of the QNode."""

    @qml.qnode(qml.device("qizgloria.mixed", wires=8))
    def circuit(inputs, weights):
        qml.AngleEmbedding(inputs, wires=range(8))
        qml.StronglyEntanglingLayers(weights, wires=range(8))
        return [qml.expval(qml.Z(wire)) for wire in range(8)]

    layer = TorchLayer(circuit, {"weights": (3, 8, 3)})
    for _ in range(2):
        layer(random_inputs(32, 8)).sum().backward()
    assert layer.untraced_reason is None
    assert layer.is_traced


def test_devices_that_run_otherwise_are_not_traced():
    """Devices with an execute of their own run as they are."""

    class Loud(QizgloriaMixed):
        def execute(self, circuits, execution_config=None):
            return tuple(2 * result for result in super().execute(circuits, execution_config))

    def circuit(inputs, angles, strength):
        qml.RX(inputs[0], wires=0)
        return qml.expval(qml.Z(0))

    ours, _ = layer_pair(circuit, device=Loud(wires=N))
    plain, _ = layer_pair(circuit)
    torch.testing.assert_close(ours(random_inputs(N)), 2 * plain(random_inputs(N)))
    assert trace_counts(ours) == []


def test_small_networks_of_circuits_train_alike_with_and_without(rng):
    """TorchCircuit trains to the same weights with traces as without."""
    x, w = ParameterVector("x", 2), ParameterVector("w", 2)
    circuit = QuantumCircuit(2)
    for qubit in range(2):
        circuit.ry(x[qubit], qubit)
        circuit.rx(w[qubit], qubit)
    circuit.cx(0, 1)
    layer = TorchCircuit(circuit, x, w, ["ZI", "IZ"], seed=0)
    plain = TorchCircuit(circuit, x, w, ["ZI", "IZ"], seed=0, quantum_device="default.mixed")
    data = torch.tensor(rng.normal(size=(5, 2))).float()
    losses = []
    for module in (layer, plain):
        optimiser = torch.optim.Adam(module.parameters(), lr=0.1)
        for _ in range(6):
            optimiser.zero_grad()
            module(data).square().mean().backward()
            optimiser.step()
        losses.append(module(data).square().mean())
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(layer.weight, plain.weight)
    assert trace_counts(layer) == [1]
    assert trace_counts(plain) == []
