"""The noise of each gate that the user wrote reaches the results."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from qiskit.circuit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error

from pennylane_qizgloria import from_qiskit, to_qiskit

ONE, TWO = 0.05, 0.1


@pytest.fixture
def model():
    """Depolarizing noise on every gate, the identity included."""
    model = NoiseModel()
    gates = ["id", "rx", "ry", "h", "s", "sdg"]
    model.add_all_qubit_quantum_error(depolarizing_error(ONE, 1), gates)
    model.add_all_qubit_quantum_error(depolarizing_error(TWO, 2), ["cx"])
    return model


@pytest.mark.parametrize("shots", [None, 20_000])
def test_identities_keep_their_noise(make_device, run, model, shots):
    """Each shrinks the Bloch vector, though it does nothing else."""
    device = make_device(1, noise_model=model)
    (found,) = run(device, [qml.Identity(0)] * 5, [qml.expval(qml.Z(0))], shots)
    assert found == pytest.approx((1 - ONE) ** 5, abs=1e-9 if shots is None else 0.03)


def folded(x):
    qml.RX(x, 0)
    qml.CNOT([0, 1])
    qml.RY(0.3, 1)
    qml.H(0)
    qml.S(0)
    return qml.expval(qml.X(0) @ qml.Z(1))


def with_channels(x, times):
    """The folded circuit on a mixed device: each gate, and its inverse, with a channel behind."""
    gates = [qml.RX(x, 0), qml.CNOT([0, 1]), qml.RY(0.3, 1), qml.H(0), qml.S(0)]
    order = [*gates, *([*map(qml.adjoint, gates[::-1]), *gates] * times)]
    operations = []
    for gate in order:
        operations.append(gate)
        if len(gate.wires) == 1:
            operations.append(qml.DepolarizingChannel(0.75 * ONE, gate.wires))
        else:
            words = [qml.pauli.string_to_pauli_word(a + b) for a in "IXYZ" for b in "IXYZ"]
            kraus = [qml.matrix(word, wire_order=[0, 1]) * np.sqrt(TWO / 16) for word in words]
            kraus[0] = np.eye(4) * np.sqrt(1 - TWO + TWO / 16)
            operations.append(qml.QubitChannel(kraus, wires=[0, 1]))
    return operations


def test_folded_gates_are_not_cancelled(make_device, run, model):
    """Zero-noise extrapolation sees the noise of 1, 3 and 5 times the circuit."""
    node = qml.QNode(folded, make_device(2, noise_model=model))
    found = [float(qml.noise.fold_global(node, scale)(0.4)) for scale in (1, 3, 5)]
    mixed = qml.device("default.mixed", wires=2)
    measured = [qml.expval(qml.X(0) @ qml.Z(1))]
    wanted = [run(mixed, with_channels(0.4, times), measured)[0] for times in range(3)]
    np.testing.assert_allclose(found, wanted, atol=1e-9)
    mitigated = qml.noise.mitigate_with_zne(
        node,
        [1, 3, 5],
        qml.noise.fold_global,
        qml.noise.poly_extrapolate,
        extrapolate_kwargs={"order": 2},
    )
    ideal = qml.QNode(folded, qml.device("default.qubit"))(0.4)
    assert abs(mitigated(0.4) - ideal) < abs(found[0] - ideal) / 2


def test_barriers_survive(make_device, run):
    """They keep what is on either side apart, at any level."""
    for level in (None, 3):
        device = make_device(1, optimization_level=level)
        run(device, [qml.H(0), qml.Barrier(0), qml.H(0)], [qml.expval(qml.Z(0))])
        (compiled,) = device._compiler._cache.values()
        assert compiled.circuit.count_ops() == {"h": 2, "barrier": 1}


@pytest.mark.parametrize(
    ("backend", "level", "cancels"),
    [
        (AerSimulator(), None, False),
        (AerSimulator(), 1, True),
        (AerSimulator(coupling_map=[[0, 1]]), None, True),
        (AerSimulator(coupling_map=[[0, 1]]), 0, False),
    ],
    ids=["connected", "optimized", "coupling map", "coupling map, level 0"],
)
def test_only_backends_with_a_coupling_map_are_optimized_by_default(
    make_device, run, backend, level, cancels
):
    """Where nothing has to be routed, nothing is gained by removing gates."""
    device = make_device(2, backend=backend, optimization_level=level)
    run(device, [qml.CNOT([0, 1]), qml.CNOT([0, 1])], [qml.expval(qml.Z(0))])
    (compiled,) = device._compiler._cache.values()
    assert ("cx" not in compiled.circuit.count_ops()) == cancels


def test_folding_after_compilation(make_device, fake_backend):
    """On a machine the compiled circuit is folded, and then only translated."""
    backend = fake_backend("fake_manila")
    compile_ = generate_preset_pass_manager(1, backend=backend, seed_transpiler=1)
    compiled = compile_.run(to_qiskit(lambda: (qml.RX(0.4, 0), qml.CNOT([0, 1])))())
    assert isinstance(compiled, QuantumCircuit)
    device = make_device(backend.num_qubits, backend=backend, optimization_level=0)
    first = compiled.layout.final_index_layout()[0]

    @qml.set_shots(20_000)
    @qml.qnode(device)
    def node():
        from_qiskit(compiled)()
        return qml.expval(qml.Z(first))

    plain, tripled = (float(qml.noise.fold_global(node, scale)()) for scale in (1, 9))
    assert plain > tripled + 0.02
