"""Channels: Qiskit's instructions for them as PennyLane's, and back."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.operation import Channel
from qiskit.circuit import (
    AnnotatedOperation,
    Instruction,
    InverseModifier,
    Parameter,
    QuantumCircuit,
)
from qiskit.quantum_info import Choi, DensityMatrix, Kraus, PauliList, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import (
    PauliLindbladError,
    amplitude_damping_error,
    depolarizing_error,
    thermal_relaxation_error,
)

from pennylane_qizgloria import TorchCircuit, from_qiskit, to_qiskit


def random_kraus(num_wires, seed=0, number=3):
    """The Kraus matrices of a channel without symmetries."""
    rng = np.random.default_rng(seed)
    size = 2**num_wires
    columns = rng.normal(size=(number * size, size)) + 1j * rng.normal(size=(number * size, size))
    return list(np.linalg.qr(columns)[0].reshape(number, size, size))


class Drift(Channel):
    """A channel of a user's own, which depends on more than its parameters."""

    num_params = 1
    num_wires = 1

    def __init__(self, strength, wires, axis="X"):
        super().__init__(strength, wires=wires)
        self.hyperparameters["axis"] = axis

    @staticmethod
    def compute_kraus_matrices(strength, axis):
        matrix = qml.matrix({"X": qml.X, "Z": qml.Z}[axis](0))
        return [np.sqrt(1 - strength) * np.eye(2), np.sqrt(strength) * matrix]


def start(circuit):
    circuit.ry(0.4, 0)
    circuit.h(1)
    circuit.cx(0, 1)
    circuit.rx(0.9, 2)
    circuit.cx(1, 2)
    circuit.rz(0.3, 0)


INSTRUCTIONS = {
    "kraus": (lambda: Kraus(random_kraus(1)), [1]),
    "kraus of two": (lambda: Kraus(random_kraus(2)), [2, 0]),
    "superop": (lambda: SuperOp(Kraus(random_kraus(2))), [0, 2]),
    "superop by its name": (
        lambda: Instruction("superop", 2, 0, [SuperOp(Kraus(random_kraus(2))).data]),
        [2, 1],
    ),
    "choi": (lambda: Choi(Kraus(random_kraus(1))), [2]),
    "pauli lindblad": (
        lambda: PauliLindbladError(PauliList(["XIY", "IZI", "YXZ", "III"]), [0.1, 0.2, 0.05, 0.3]),
        [2, 0, 1],
    ),
    "depolarizing": (lambda: depolarizing_error(0.2, 2), [1, 0]),
    "amplitude damping": (lambda: amplitude_damping_error(0.3), [0]),
    "thermal relaxation": (lambda: thermal_relaxation_error(50.0, 70.0, 30.0), [2]),
}


@pytest.mark.parametrize("name", INSTRUCTIONS)
def test_channels_come_from_qiskit(name):
    """The density matrix is that of Aer."""
    make, qubits = INSTRUCTIONS[name]
    circuit = QuantumCircuit(3)
    start(circuit)
    circuit.append(make(), qubits)

    @qml.qnode(qml.device("qizgloria.mixed", wires=3))
    def state():
        from_qiskit(circuit)()
        return qml.density_matrix(wires=[2, 1, 0])

    saved = circuit.copy()
    saved.save_density_matrix()
    right = AerSimulator(method="density_matrix").run(saved).result().data()["density_matrix"]
    np.testing.assert_allclose(state(), right, atol=1e-9)


CHANNELS = {
    "amplitude damping": lambda: qml.AmplitudeDamping(0.3, wires=0),
    "generalized": lambda: qml.GeneralizedAmplitudeDamping(0.3, 0.4, wires=1),
    "depolarizing": lambda: qml.DepolarizingChannel(0.2, wires=2),
    "bit flip of 0": lambda: qml.BitFlip(0.0, wires=1),
    "reset": lambda: qml.ResetError(0.2, 0.1, wires=1),
    "thermal": lambda: qml.ThermalRelaxationError(0.1, 50.0, 70.0, 30.0, wires=0),
    "pauli": lambda: qml.PauliError("XZ", 0.2, wires=[2, 0]),
    "kraus": lambda: qml.QubitChannel(random_kraus(2), wires=[0, 2]),
    "own": lambda: Drift(0.2, wires=1),
    "torch": lambda: qml.PhaseFlip(torch.tensor(0.2).double().requires_grad_(), wires=1),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_go_to_qiskit(name):
    """The state is that of default.mixed, in Qiskit and on the way back."""

    def circuit(channel):
        qml.RY(0.4, 0)
        qml.CNOT([0, 1])
        qml.RX(0.9, 2)
        qml.CNOT([1, 2])
        channel()
        qml.RX(0.3, 1)

    def by_matrices():
        with qml.QueuingManager.stop_recording():
            op = CHANNELS[name]()
        qml.QubitChannel([qml.math.to_numpy(own) for own in op.kraus_matrices()], wires=op.wires)

    @qml.qnode(qml.device("default.mixed", wires=3))
    def right():
        circuit(by_matrices)
        return qml.density_matrix(wires=range(3))

    converted = to_qiskit(circuit, wires=range(3))(CHANNELS[name])
    found = DensityMatrix.from_int(0, 8).evolve(SuperOp(converted)).reverse_qargs()
    np.testing.assert_allclose(found.data, right(), atol=1e-9)
    back = qml.QNode(
        lambda: [from_qiskit(converted)(), qml.density_matrix(wires=range(3))][1],
        qml.device("qizgloria.mixed", wires=3),
    )
    np.testing.assert_allclose(back(), right(), atol=1e-9)


def test_single_precision_is_precise_enough():
    """Rounding is taken out, which Qiskit would refuse."""
    channel = qml.PhaseFlip(torch.tensor(0.2, requires_grad=True), wires=0)
    (instruction,) = to_qiskit(qml.tape.QuantumScript([channel])).data
    found = SuperOp(Kraus(instruction.operation.params)).data
    np.testing.assert_allclose(found, np.diag([1, 0.6, 0.6, 1]), atol=1e-6)


def test_what_is_no_channel_is_refused():
    """Matrices of the wrong sum, and a batch of strengths."""
    wrong = qml.QubitChannel.__new__(qml.QubitChannel)
    qml.operation.Channel.__init__(wrong, np.eye(2) * 0.5, wires=0)
    with pytest.raises(ValueError, match=r"QubitChannel on wires \[0\] is no channel"):
        to_qiskit(qml.tape.QuantumScript([wrong]))
    batch = qml.tape.QuantumScript([qml.BitFlip(np.array([0.1, 0.2]), wires=0)])
    with pytest.raises(
        ValueError, match=r"BitFlip on wires \[0\] has no Kraus matrices of numbers"
    ):
        to_qiskit(batch)


def test_channels_have_no_inverse():
    """The inverse of a channel is none in general."""
    circuit = QuantumCircuit(1)
    channel = Kraus(random_kraus(1)).to_instruction()
    circuit.append(AnnotatedOperation(channel, InverseModifier()), [0])
    with pytest.raises(ValueError, match="'kraus' is not a gate, so it cannot be modified"):
        from_qiskit(circuit)


def test_instructions_without_a_form_get_advice_that_fits():
    """Not to give a loop's break a matrix."""
    looped = QuantumCircuit(1, 1)
    with looped.for_loop(range(3)):
        looped.h(0)
        looped.measure(0, 0)
        with looped.if_test((0, True)):
            looped.break_loop()
    with pytest.raises(ValueError, match=r"'break_loop'.*a fixed length. Put what follows it"):
        from_qiskit(looped)
    stored = QuantumCircuit(1, 1)
    from qiskit.circuit.classical import expr, types

    variable = stored.add_var("flag", expr.lift(False))
    assert variable.type == types.Bool()
    with pytest.raises(ValueError, match=r"'store'.*no classical variables. Write the expression"):
        from_qiskit(stored)


# --- in torch modules -----------------------------------------------------------------------------


def test_a_module_runs_noise_of_the_circuit():
    """A noisy circuit of Qiskit's can be trained as it is."""
    x, w = Parameter("x"), Parameter("w")
    circuit = QuantumCircuit(1)
    circuit.ry(x + w, 0)
    circuit.append(PauliLindbladError(PauliList(["X"]), [0.2]), [0])
    layer = TorchCircuit(circuit, x, w, "Z", initial_weights=[0.3], dtype=torch.float64)
    value = layer(torch.tensor([0.5]).double())
    assert value.item() == pytest.approx(np.exp(-0.4) * np.cos(0.8))
    value.sum().backward()
    assert layer.weight.grad.item() == pytest.approx(-np.exp(-0.4) * np.sin(0.8))


@pytest.mark.parametrize("leading", [(), (3,)], ids=str)
@pytest.mark.parametrize("norm", [1.0, 2.5])
def test_amplitudes_are_inputs(leading, norm):
    """raw_feature_vector puts the inputs, made of norm 1, into amplitudes; gradients follow."""
    from qiskit_machine_learning.circuit.library import raw_feature_vector

    features = raw_feature_vector(4)
    circuit = features.copy()
    w = Parameter("w")
    circuit.ry(w, 0)
    circuit.cx(0, 1)
    layer = TorchCircuit(
        circuit, features.parameters, w, ["IZ", "XI"], initial_weights=[0.3], dtype=torch.float64
    )
    x = torch.rand(*leading, 4, dtype=torch.float64)
    x = (norm * x / x.norm(dim=-1, keepdim=True)).requires_grad_()
    for sample, found in zip(x.reshape(-1, 4), layer(x).reshape(-1, 2), strict=True):
        values = dict(zip(features.parameters, sample.tolist(), strict=True)) | {w: 0.3}
        state = DensityMatrix.from_instruction(circuit.assign_parameters(values).decompose(reps=0))
        right = [
            state.expectation_value(qml_word).real for qml_word in map(_operator, ["IZ", "XI"])
        ]
        np.testing.assert_allclose(found.detach(), right, atol=1e-9)
    assert torch.autograd.gradcheck(layer, (x,))


def _operator(word):
    from qiskit.quantum_info import SparsePauliOp

    return SparsePauliOp(word)


class Flip(qml.operation.Operation):
    """A bit flip that is no `Channel` of PennyLane's."""

    num_wires = 1

    def __init__(self, p, wires):
        super().__init__(p, wires=wires)

    def kraus_matrices(self):
        """Those of PennyLane's bit flip."""
        return qml.BitFlip.compute_kraus_matrices(*self.data)


class Composed(Flip):
    """The same, which is decomposed."""

    @staticmethod
    def compute_decomposition(p, wires):
        """PennyLane's bit flip."""
        return [qml.BitFlip(p, wires)]


@pytest.mark.parametrize("kind", [Flip, Composed])
@pytest.mark.parametrize("shots", [None, 20000])
@pytest.mark.parametrize("measured", [lambda: qml.expval(qml.Z(0)), lambda: qml.probs([0, 1])])
def test_operations_with_kraus_matrices(kind, shots, measured):
    """What has Kraus matrices is a channel, of whatever class it is."""

    def run(device, channel, shots=None):
        @qml.set_shots(shots)
        @qml.qnode(device)
        def circuit():
            qml.RY(0.4, 0)
            qml.CNOT([0, 1])
            channel(0.2, wires=0)
            return measured()

        return circuit()

    expected = run(qml.device("default.mixed", wires=2), qml.BitFlip)
    found = run(qml.device("qizgloria.qiskit", wires=2, backend="aer", seed=3), kind, shots)
    np.testing.assert_allclose(found, expected, atol=1e-7 if shots is None else 0.03)
