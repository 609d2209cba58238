"""Devices, QNodes and modules on Qiskit's backends that are copied, saved and sent away."""

import copy
import pickle

import pennylane as qml
import pytest
import qiskit_ibm_runtime
import torch
from qiskit.circuit import Parameter, QuantumCircuit
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error
from qiskit_ibm_runtime.fake_provider import FakeManilaV2
from torch.optim.swa_utils import AveragedModel

from pennylane_qizgloria import TorchCircuit, TorchLayer
from pennylane_qizgloria.devices.qiskit import QizgloriaQiskit

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda own: pickle.loads(pickle.dumps(own)),
}
OF_MODULES = {**COPIES, "averaged": lambda own: AveragedModel(own).module}
del OF_MODULES["copy"]


def depolarized():
    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(0.25, 1), ["x", "rx", "ry", "u", "u3"])
    return model


BACKENDS = {
    "name": lambda: {"backend": "aer"},
    "name with options": lambda: {"backend": "aer", "noise_model": depolarized()},
    "Aer's object": lambda: {"backend": AerSimulator(noise_model=depolarized())},
    "name of a fake": lambda: {"backend": "fake_manila"},
    "fake": lambda: {"backend": FakeManilaV2()},
    "primitives": lambda: {
        "sampler": StatevectorSampler(seed=4),
        "estimator": StatevectorEstimator(seed=4),
    },
}


@pytest.fixture(params=BACKENDS)
def make_device(request):
    """A function that makes a device on each form of backend."""
    return lambda: qml.device("qizgloria.qiskit", wires=2, seed=3, **BACKENDS[request.param]())


def circuit(inputs, weights):
    qml.RX(inputs[..., 0], wires=0)
    qml.RY(weights[0], wires=0)
    qml.CNOT(wires=[0, 1])
    return qml.expval(qml.Z(1))


X, W = torch.tensor([0.3], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_goes_on_where_the_device_was(make_device, kind, used):
    """A copy has the device's backend, noise and next random numbers, and jobs of its own."""
    device = make_device()
    run = qml.set_shots(qml.QNode(circuit, device), 500)
    if used:
        run(X, W)
    own = COPIES[kind](device)
    assert own is not device
    assert type(own) is type(device)
    assert own.wires == device.wires
    assert own.jobs == []
    # Primitives of the user's own are shared, but a pickle has copies of them.
    seeded = "sampler" not in device._arguments.named or kind == "pickle"
    found = qml.set_shots(qml.QNode(circuit, own), 500)(X, W)
    assert len(own.jobs) == 1
    if seeded:
        assert found == run(X, W)
    assert abs(found - torch.cos(X[0]) * torch.cos(W[0])) < 0.5


def test_a_copy_keeps_the_noise(make_device):
    """A copy of a noisy backend gives the noisy value, exactly."""
    device = qml.device("qizgloria.qiskit", wires=1, backend="aer", noise_model=depolarized())

    @qml.qnode(device)
    def flipped():
        qml.X(0)
        return qml.expval(qml.Z(0))

    assert flipped() == pytest.approx(-0.75)
    for kind in (copy.deepcopy, COPIES["pickle"]):
        own = kind(device)
        assert qml.QNode(flipped.func, own)() == pytest.approx(-0.75)


@pytest.mark.parametrize("kind", COPIES)
def test_other_options_travel(kind):
    """Layout, transpiler options, shots and labels of wires are those of the original."""
    options = {"initial_layout": [3, 4], "optimization_level": 0, "seed_transpiler": 1}
    with pytest.warns(qml.exceptions.PennyLaneDeprecationWarning):
        device = qml.device(
            "qizgloria.qiskit", wires=["a", "b"], shots=70, backend="fake_manila", **options
        )
    own = COPIES[kind](device)
    assert own.wires.tolist() == ["a", "b"]
    assert own.shots.total_shots == 70
    tape = qml.tape.QuantumScript([qml.X("a")], [qml.counts(wires=["a", "b"])], shots=70)
    qml.execute([tape], own, diff_method=None)
    (compiled,) = own._compiler._cache.values()
    assert compiled.circuit.layout.initial_index_layout()[:2] == [3, 4]


@pytest.mark.parametrize("kind", [copy.deepcopy, COPIES["pickle"]])
@pytest.mark.parametrize("used", [False, True])
def test_qnodes_can_be_copied(make_device, kind, used):
    """A QNode's copy has a device of its own."""
    qnode = qml.set_shots(qml.QNode(circuit, make_device()), 100)
    if used:
        qnode(X.clone().requires_grad_(), W).backward()
    own = kind(qnode)
    assert own.device is not qnode.device
    own(X, W)
    assert len(own.device.jobs) == 1


def test_a_device_with_noise_added_can_be_copied():
    """PennyLane wraps a device to add a transform to it."""
    model = qml.NoiseModel({qml.noise.op_eq(qml.RX): lambda op, **_: qml.RX(0.2, wires=op.wires)})
    device = qml.add_noise(qml.device("qizgloria.qiskit", wires=1, backend="aer"), model)
    for own in (copy.copy(device), copy.deepcopy(device)):
        node = qml.QNode(lambda x: [qml.RX(x, 0), qml.expval(qml.Z(0))][1], own)
        assert node(0.3) == pytest.approx(float(torch.cos(torch.tensor(0.5))))


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("kind", OF_MODULES)
def test_layers_can_be_copied(make_device, kind, used):
    """Weight averaging copies a model, and torch.save pickles it."""
    layer = TorchLayer(qml.set_shots(qml.QNode(circuit, make_device()), 300), {"weights": (1,)})
    if used:
        layer(torch.rand(2, 1)).sum().backward()
    own = OF_MODULES[kind](layer)
    assert own.device is not layer.device
    torch.testing.assert_close(own.weights, layer.weights)
    assert own(torch.rand(3, 1)).shape == (3,)
    assert len(own.device.jobs) >= 1


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("kind", OF_MODULES)
@pytest.mark.parametrize("form", ["options", "device"])
def test_circuits_can_be_copied(make_device, kind, used, form):
    """A circuit's copies run on the same backend, and have its weights."""
    x, w = Parameter("x"), Parameter("w")
    qiskit_circuit = QuantumCircuit(2)
    qiskit_circuit.rx(x, 0)
    qiskit_circuit.ry(w, 0)
    qiskit_circuit.cx(0, 1)
    device = make_device()
    where = {"device": device}
    if form == "options":
        named = device._arguments
        options = {**named.named, **named.options, "wires": 2}
        where = {"device": "qizgloria.qiskit", "device_options": options}
    layer = TorchCircuit(qiskit_circuit, x, w, "ZI", shots=2000, initial_weights=[0.5], **where)
    if used:
        layer(torch.rand(2, 1)).sum().backward()
    own = OF_MODULES[kind](layer)
    torch.testing.assert_close(own.weight, layer.weight)
    result = own(torch.tensor([[0.3], [0.4]]))
    assert result.shape == (2, 1)
    assert own.device.jobs[-1].backend == layer.device.jobs[-1].backend if used else own.device.jobs
    result.sum().backward()


# --- what cannot travel ---------------------------------------------------------------------------


class Machine(FakeManilaV2):
    """What passes for one of IBM's machines here, and holds a connection."""

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot pickle '_thread.lock' object")


@pytest.fixture
def ibm(monkeypatch):
    """IBM's service, whose one machine is simulated; the accounts that it was asked for."""
    accounts = []

    class Service:
        channel = "ibm_cloud"

        def __init__(self, **account):
            accounts.append(account)

        def active_instance(self):
            return "crn:mine"

        def backend(self, name):
            assert name == "ibm_manila"
            return self.machine

        def least_busy(self, **conditions):
            return self.machine

    Service.machine = Machine()
    Service.machine.name = "ibm_manila"
    Service.machine.service = Service()
    accounts.clear()
    from pennylane_qizgloria.qiskit.backends import copying
    from pennylane_qizgloria.qiskit.primitives import primitives, providers

    for module in (copying, primitives, providers):
        monkeypatch.setattr(module, "is_ibm", lambda own: isinstance(own, Machine))
    monkeypatch.setattr(qiskit_ibm_runtime, "QiskitRuntimeService", Service)
    return accounts


@pytest.mark.parametrize("backend", ["ibm_manila", "least_busy"])
def test_a_machine_of_ibms_is_opened_anew_with_its_account(ibm, backend):
    """The pickle names machine and account, and holds no credentials."""
    # qml.device has an argument "name" of its own.
    device = QizgloriaQiskit(wires=2, backend=backend, name="work", instance="lab", token="SECRET")
    saved = pickle.dumps(device)
    assert b"SECRET" not in saved
    ibm.clear()
    assert pickle.loads(saved).backend is device.backend
    assert ibm == [{"name": "work", "instance": "lab"}]


def test_a_machine_given_as_an_object_is_opened_by_its_name(ibm):
    """Of the object its channel and instance are known, and not the saved account's name."""
    machine = qiskit_ibm_runtime.QiskitRuntimeService.machine
    device = qml.device("qizgloria.qiskit", wires=2, backend=machine)
    assert pickle.loads(pickle.dumps(device)).backend.name == "ibm_manila"
    assert ibm == [{"channel": "ibm_cloud", "instance": "crn:mine"}]


def test_copies_in_one_process_share_the_connection(ibm):
    """A copy for weight averaging asks IBM for nothing."""
    device = QizgloriaQiskit(wires=2, backend="ibm_manila", name="work")
    ibm.clear()
    assert copy.deepcopy(device).backend is device.backend
    assert ibm == []


class Connected(StatevectorSampler):
    """A sampler that holds a connection."""

    def __reduce_ex__(self, protocol):
        raise TypeError("cannot pickle '_thread.lock' object")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("sampler", lambda: {"sampler": Connected()}),
        (
            "pass_manager",
            lambda: {"pass_manager": generate_preset_pass_manager(1, backend=AerSimulator())},
        ),
        ("compile_backend", lambda: {"compile_backend": Machine()}),
    ],
)
def test_the_error_names_what_cannot_be_pickled(name, make):
    """Pickling would fail with words about locks and lambdas; copies share the object."""
    device = qml.device("qizgloria.qiskit", wires=2, **make())
    with pytest.raises(TypeError, match=rf"qizgloria.qiskit cannot be pickled: its {name}=.*"):
        pickle.dumps(device)
    own = copy.deepcopy(device)
    assert own._arguments.named[name] is device._arguments.named[name]
