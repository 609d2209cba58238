"""Learned noise of layers, against Qiskit's maps."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.exceptions import DeviceError
from qiskit import QuantumCircuit
from qiskit.circuit import BoxOp, CircuitInstruction, QuantumRegister, Qubit
from qiskit.quantum_info import PTM, PauliLindbladMap, QubitSparsePauli
from qiskit_ibm_runtime.results.noise_learner import LayerError, PauliLindbladError
from samplomatic import InjectNoise, Twirl

from pennylane_qizgloria.noise.composition import composed
from pennylane_qizgloria.noise.learned import LearnedNoise

REGISTER = QuantumRegister(4, "q")


def layer(gates, qubits, site="after"):
    """A box of two-qubit gates on some qubits of a register, as learners take it."""
    body = QuantumCircuit(len(qubits))
    for name, *on in gates:
        getattr(body, name)(*[qubits.index(qubit) for qubit in on])
    box = BoxOp(body, annotations=[Twirl(), InjectNoise("r", site=site)])
    return CircuitInstruction(box, [REGISTER[qubit] for qubit in qubits])


NOISE = PauliLindbladMap.from_list([("IX", 0.02), ("ZZ", 0.05), ("YI", 0.01)])
WIDE = PauliLindbladMap.from_list([("IIXZ", 0.02), ("ZZII", 0.05), ("IYYI", 0.04)])


@pytest.mark.parametrize("qubits", [[0, 1], [1, 0], [2, 3]])
def test_channels_are_the_map(qubits):
    """The channels have the map's fidelities, its qubits being the layer's in ascending order."""
    noise = LearnedNoise([(layer([("cx", *qubits)], qubits), NOISE)])
    (own,) = noise.layers
    assert own.gates == {("cx", tuple(qubits))}
    found = composed(own.channels, sorted(qubits, reverse=True)).diagonal()
    labels = [a + b for a in "IXYZ" for b in "IXYZ"]
    expected = [NOISE.pauli_fidelity(QubitSparsePauli(label)) for label in labels]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def circuit():
    gates()
    return qml.density_matrix(wires=range(4))


def gates():
    for wire in range(4):
        qml.RY(0.3 + wire, wire)
    qml.CNOT([0, 1])
    qml.CNOT([2, 3])
    qml.RX(0.4, 1)
    qml.CNOT([1, 2])


def layers(site="after"):
    return [
        (layer([("cx", 0, 1), ("cx", 2, 3)], [0, 1, 2, 3], site), WIDE),
        (layer([("cx", 1, 2)], [1, 2], site), NOISE),
    ]


@pytest.mark.parametrize("site", ["after", "before"])
def test_noise_acts_with_its_layer(site):
    """The state is that of a circuit with the maps as channels at the side of each layer."""
    found = qml.QNode(circuit, qml.device("qizgloria.mixed", wires=4, noise_model=layers(site)))()

    def channel(noise, wires):
        kraus = PTM(np.diag(_fidelities(noise)))
        # Qiskit's first qubit is the least significant one.
        qml.QubitChannel(_kraus(kraus), wires=wires[::-1])

    def expected():
        for wire in range(4):
            qml.RY(0.3 + wire, wire)
        if site == "before":
            channel(WIDE, [0, 1, 2, 3])
        qml.CNOT([0, 1])
        qml.CNOT([2, 3])
        if site == "after":
            channel(WIDE, [0, 1, 2, 3])
        qml.RX(0.4, 1)
        if site == "before":
            channel(NOISE, [1, 2])
        qml.CNOT([1, 2])
        if site == "after":
            channel(NOISE, [1, 2])
        return qml.density_matrix(wires=range(4))

    reference = qml.QNode(expected, qml.device("default.mixed", wires=4))()
    np.testing.assert_allclose(found, reference, atol=1e-8)


def _fidelities(noise):
    size = noise.num_qubits
    labels = [""]
    for _ in range(size):
        labels = [label + letter for label in labels for letter in "IXYZ"]
    return [noise.pauli_fidelity(QubitSparsePauli(label)) for label in labels]


def _kraus(channel):
    from qiskit.quantum_info import Kraus

    return Kraus(channel).data


def test_scales():
    """Twice the scale is twice every rate."""
    double = [(own, noise.scale_rates(2.0)) for own, noise in layers()]
    found, expected = (
        qml.QNode(circuit, qml.device("qizgloria.mixed", wires=4, noise_model=m, noise_scale=s))()
        for m, s in ((layers(), 2.0), (double, 1.0))
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_layer_errors_of_the_older_learner():
    """A LayerError says its physical qubits itself."""
    body = QuantumCircuit(2)
    body.cx(0, 1)
    from qiskit.quantum_info import PauliList

    error = PauliLindbladError(PauliList(["IX", "ZZ", "YI"]), [0.02, 0.05, 0.01])
    (own,) = LearnedNoise([LayerError(body, [3, 1], error)]).layers
    assert own.gates == {("cx", (3, 1))}
    expected = _fidelities(NOISE)
    np.testing.assert_allclose(composed(own.channels, (1, 3)).diagonal(), expected, atol=1e-12)


def test_gates_that_no_layer_has():
    """A circuit with a layer whose noise is not known is refused, naming the gates."""
    device = qml.device("qizgloria.mixed", wires=4, noise_model=layers()[:1])
    with pytest.raises(DeviceError, match=r"no noise for a layer of cx\(1, 2\)"):
        qml.QNode(circuit, device)()


def test_wires_are_the_qubits_of_their_numbers():
    """A layer on the qubits 0 and 1 has no part in gates on the wires 2 and 3."""
    device = qml.device("qizgloria.mixed", wires=4, noise_model=layers()[1:])

    def elsewhere():
        qml.CNOT([2, 3])
        return qml.expval(qml.Z(3))

    with pytest.raises(DeviceError, match=r"no noise for a layer of cx\(2, 3\)"):
        qml.QNode(elsewhere, device)()


def test_layers_without_joining_gates():
    """Layers of single gates or measurements are named among what is ignored."""
    alone = (layer([("x", 0)], [0]), PauliLindbladMap.from_list([("X", 0.1)]))
    noise = LearnedNoise([*layers(), alone])
    assert len(noise.layers) == 2
    assert "Layer 2 has no gate on two qubits" in noise.ignored[0]


NEGATIVE = PauliLindbladMap.from_list([("IX", -0.02)])
LOOSE = CircuitInstruction(layer([("cx", 0, 1)], [0, 1]).operation, [Qubit(), Qubit()])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([(layer([("cx", 0, 1)], [0, 1]), WIDE)], ValueError, r"\[0, 1\], but its map on 4"),
        ([(layer([("cx", 0, 1)], [0, 1]), NEGATIVE)], ValueError, "rate -0.02 of X on qubits"),
        ([layers()[1], layers()[1]], ValueError, "two maps for the layer cx"),
        ([(LOOSE, NOISE)], ValueError, "in no register"),
        ([(layer([("cx", 0, 1)], [0, 1]), 3)], TypeError, "layer 0: Expected are pairs"),
        ([], ValueError, "no layer of gates"),
    ],
    ids=["size", "negative", "twice", "loose", "no map", "empty"],
)
def test_bad_layers(given, error, message):
    """What is no noise of a layer is refused with what is expected."""
    with pytest.raises(error, match=message):
        LearnedNoise(given)


def test_gradients_by_the_scale():
    """The scale of learned noise can be trained."""
    scale = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    device = qml.device("qizgloria.mixed", wires=4, noise_model=layers(), noise_scale=scale)
    qnode = qml.QNode(lambda: [gates(), qml.expval(qml.Z(2))][1], device)
    qnode().backward()
    values = []
    for own in (0.7 + 1e-5, 0.7 - 1e-5):
        device.noise_scale = own
        values.append(float(qnode()))
    assert scale.grad.item() == pytest.approx((values[0] - values[1]) / 2e-5, abs=1e-8)
