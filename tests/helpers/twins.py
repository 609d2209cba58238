"""What Aer gives for the circuits that a twin compiled, with the noise that a backend runs with."""

from functools import cache

import numpy as np
import pennylane as qml
from qiskit.quantum_info import PTM, SuperOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, depolarizing_error, thermal_relaxation_error
from scipy.linalg import fractional_matrix_power

# The channels of Aer lose up to so much of the trace where T2 is longer than T1: it drops Kraus
# operators whose weight is smaller than 1e-8.
TOLERANCE = 1e-8

FIVE = ["fake_manila", "fake_lagos", "fake_kolkata", "fake_sherbrooke", "fake_torino"]


def twin(backend="fake_manila", wires=4, **options):
    return qml.device(
        "qizgloria.mixed", wires=wires, noise_model=backend, seed_transpiler=3, **options
    )


def probabilities(device, function):
    return qml.QNode(lambda x: [function(x), qml.probs(wires=device.wires)][1], device)


def measured_pairs(device):
    noise = device._twin.noise
    return [noise.readout(qubit) for qubit in range(noise.num_qubits)]


def noise_of_fake(backend):
    """The noise model that a fake backend runs with; made once, not to be changed."""
    return _noise_of_fake(type(backend))


@cache
def _noise_of_fake(kind):
    return kind()._get_noise_model_from_backend_v2()


def aer_probabilities(device, values, noise_model, pairs=None):
    """The probabilities of the measured bits of the circuit that a twin has run last.

    Args:
        device: the twin; its circuit measures.
        values: of the circuit's parameters.
        noise_model: Aer's.
        pairs: p(1|0) and p(0|1) of qubits; those of the noise model if None.
    """
    placed = device._twin.last
    circuit = placed.compiled.circuit
    symbols = placed.compiled.source.circuit.parameters
    known = {s: float(v) for s, v in zip(symbols, values, strict=True) if s in circuit.parameters}
    bound = circuit.assign_parameters(known)
    bound.data = [own for own in bound.data if own.operation.name != "measure"]
    qubits = [placed.noisy.readings[bit] for bit in range(len(placed.noisy.readings))]
    # Aer has the errors of measurements act before them.
    errors = noise_model._local_quantum_errors.get("measure", {})
    for qubit in qubits:
        if (qubit,) in errors:
            bound.append(errors[(qubit,)].to_instruction(), [qubit])
    bound.save_probabilities(qubits)
    simulator = AerSimulator(method="density_matrix", noise_model=noise_model)
    result = simulator.run(bound).result()
    assert result.success, result.status
    # Aer's first qubit is the least significant one.
    exact = np.asarray(result.data()["probabilities"]).reshape([2] * len(qubits)).T
    readout = dict(noise_model._local_readout_errors) if pairs is None else {}
    for axis, qubit in enumerate(qubits):
        if pairs is not None and pairs[qubit] is not None:
            p10, p01 = pairs[qubit]
            matrix = np.array([[1 - p10, p10], [p01, 1 - p01]])
        elif (qubit,) in readout:
            matrix = np.asarray(readout[(qubit,)].probabilities)
        else:
            continue
        exact = np.moveaxis(np.tensordot(exact, matrix, (axis, 0)), -1, axis)
    return exact.reshape(-1)


def random_function(num_wires, seed, depth=2):
    """A quantum function of angles on random gates, and how many angles it has."""
    rng = np.random.default_rng(seed)
    kinds = [qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.Rot, qml.Hadamard]
    kinds += [qml.CRX, qml.IsingZZ] if num_wires > 1 else []
    plan, count = [], 0
    for _ in range(depth * num_wires):
        kind = kinds[rng.integers(len(kinds))]
        wires = rng.permutation(num_wires)[: kind.num_wires].tolist()
        plan.append((kind, wires, slice(count, count + kind.num_params)))
        count += kind.num_params
        if num_wires > 1 and rng.uniform() < 0.4:
            plan.append((qml.CNOT, rng.permutation(num_wires)[:2].tolist(), slice(0, 0)))

    def function(angles):
        for kind, wires, places in plan:
            kind(*[angles[i] for i in range(places.start, places.stop)], wires=wires)

    return function, count


def scaled_noise(backend, instructions, scale, strengths=None):
    """Aer's noise model of a backend, with more noise or less.

    Depolarizing noise and relaxation are told apart by Aer's own errors: one without, and one with
    both of them.

    Args:
        backend: a fake backend.
        instructions: the names and qubits of those that have noise.
        scale: what all noise is scaled by.
        strengths: by what else that of single instructions is.
    """
    full = noise_of_fake(backend)._local_quantum_errors
    model = NoiseModel()
    for name, qubits in instructions:
        strength = scale * (strengths or {}).get((name, qubits), 1.0)
        relaxation, scaled = (_relaxation(backend.target, name, qubits, s) for s in (1.0, strength))
        # All Pauli words shrink alike by depolarizing noise, the last one not by anything else.
        last = [PTM(SuperOp(own)).data.real[-1, -1] for own in (full[name][qubits], relaxation)]
        keep = last[0] / last[1]
        error = depolarizing_error(1 - keep**strength, len(qubits)).compose(scaled)
        model.add_quantum_error(error, name, qubits)
    return model


def _relaxation(target, name, qubits, scale):
    error = None
    for qubit in qubits:
        own = target.qubit_properties[qubit]
        t1, t2 = own.t1 / scale, min(own.t2, 2 * own.t1) / scale
        single = thermal_relaxation_error(t1, t2, target[name][qubits].duration or 0.0)
        error = single if error is None else error.expand(single)
    return error


def scaled_pair(pair, scale):
    """The confusion matrix of p(1|0) and p(0|1) to some power, as a pair."""
    p10, p01 = pair
    matrix = fractional_matrix_power(np.array([[1 - p10, p10], [p01, 1 - p01]]), scale)
    return matrix[0, 1], matrix[1, 0]
