"""Results on Aer against qizgloria.mixed: from the estimator, from samples, and exact ones."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from helpers.statistical_errors import assert_within
from pennylane.tape import QuantumScript
from qiskit.quantum_info import Kraus
from qiskit_aer.noise import NoiseModel, ReadoutError, depolarizing_error

SHOTS = 20_000
WIRES = (0, 1, 2)
KINDS = (
    *(qml.RX, qml.RY, qml.RZ, qml.PhaseShift, qml.Rot, qml.U2, qml.U3),
    *(qml.CRX, qml.CRY, qml.CRZ, qml.CRot, qml.ControlledPhaseShift),
    *(qml.IsingXX, qml.IsingXY, qml.IsingZZ, qml.SingleExcitation, qml.PSWAP),
    *(qml.H, qml.S, qml.SX, qml.CNOT, qml.CZ, qml.ISWAP, qml.Toffoli, qml.CSWAP),
)
MATRIX = np.array([[0.6, 0.3 - 0.2j], [0.3 + 0.2j, -0.4]])


def random_circuit(seed, depth=14, batch=None):
    """Entangling gates on three wires; a batch in some of the angles."""
    rng = np.random.default_rng(seed)
    operations = [qml.RY(rng.uniform(-3, 3), wire) for wire in WIRES]
    for kind in rng.choice(np.array(KINDS, dtype=object), depth):
        shape = batch if batch and rng.random() < 0.5 else None
        angles = [rng.uniform(-3, 3, shape) for _ in range(kind.num_params)]
        wires = rng.permutation(WIRES)[: kind.num_wires or 1].tolist()
        operations.append(kind(*angles, wires=wires))
    if batch:
        operations.append(qml.RX(rng.uniform(-3, 3, batch), 1))
    return operations


@pytest.fixture
def exact(run):
    """The results of qizgloria.mixed."""

    def results(operations, measurements):
        return run(qml.device("qizgloria.mixed", wires=3), operations, measurements)

    return results


# --- from shots -----------------------------------------------------------------------------------

WORDS = [qml.Z(0), qml.Y(2), qml.X(0) @ qml.Y(1), qml.Z(2) @ qml.X(1) @ qml.Y(0)]


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("use_estimator", [True, False])
def test_random_circuits(make_device, run, exact, use_estimator, seed, batch):
    """A road to the results would be biased, or read the wrong qubits or parameters."""
    operations = random_circuit(seed, batch=batch)
    device = make_device(3, use_estimator=use_estimator)
    total = qml.Z(1) + 0.5 * qml.X(2) @ qml.X(0)
    measurements = [
        *map(qml.expval, WORDS),
        *map(qml.var, WORDS),
        *(qml.expval(total), qml.var(total)),
        *(qml.expval(qml.Hermitian(MATRIX, 1)), qml.var(qml.Hermitian(MATRIX, 1))),
        *(qml.expval(qml.Projector([0, 1], [2, 0])), qml.var(qml.Projector([1], [1]))),
        *(qml.probs(wires=[2, 0]), qml.probs(op=qml.Y(1)), qml.probs(wires=WIRES)),
    ]
    # The most that a result's standard error can be, in units of 1 / sqrt(shots): of a variance of
    # values over a range r it is r**2 / 2.
    scales = [1] * 4 + [3] * 4 + [1.5, 4.5] + [1, 3] + [0.5, 0.5] + [0.5] * 3
    found = run(device, operations, measurements, SHOTS)
    for own, value, scale in zip(found, exact(operations, measurements), scales, strict=True):
        assert_within(own, value, SHOTS, scale)
    kinds = {job.kind for job in device.jobs}
    assert kinds == ({"sampler", "estimator"} if use_estimator else {"sampler"})


@pytest.mark.parametrize("gate", [qml.CRX, qml.CRY, qml.CRZ, qml.ControlledPhaseShift, qml.CRot])
@pytest.mark.parametrize("use_estimator", [True, False])
def test_controlled_rotations_from_shots(make_device, run, exact, use_estimator, gate):
    """Aer ignores the angle of some parametrised controlled gates, without a word."""
    angles = np.array([[0.3, 1.7, -2.2]] * gate.num_params)
    operations = [qml.H(0), qml.RY(0.8, 1), gate(*angles, wires=[0, 1]), qml.RX(0.7, 0)]
    measurements = [qml.expval(qml.Z(0)), qml.expval(qml.Y(1)), qml.probs(wires=[1, 0])]
    device = make_device(3, use_estimator=use_estimator)
    found = run(device, operations, measurements, SHOTS)
    for own, value in zip(found, exact(operations, measurements), strict=True):
        assert_within(own, value, SHOTS)


@pytest.mark.parametrize("batch", [None, 2])
def test_samples_and_counts(make_device, run, exact, batch):
    """Bits would come in another order, or counts miss outcomes."""
    operations = random_circuit(9, batch=batch)
    measurements = [
        *(qml.sample(wires=[2, 0]), qml.counts(wires=[2, 0])),
        *(qml.counts(qml.Y(1), all_outcomes=True), qml.sample(qml.X(1))),
    ]
    samples, counts, outcomes, signs = run(make_device(3), operations, measurements, SHOTS)
    wanted = [qml.probs(wires=[2, 0]), qml.expval(qml.Y(1)), qml.expval(qml.X(1))]
    probs, y, x = exact(operations, wanted)
    lead = () if batch is None else (batch,)
    assert samples.shape == (*lead, SHOTS, 2)
    assert signs.shape == (*lead, SHOTS)
    places = samples @ np.array([2, 1])
    found = np.stack([(places == place).mean(-1) for place in range(4)], -1)
    assert_within(found, probs, SHOTS, 0.5)
    assert_within(signs.mean(-1), x, SHOTS)
    rows = [counts] if batch is None else counts
    found = np.array([[row.get(format(place, "02b"), 0) for place in range(4)] for row in rows])
    assert (found.sum(-1) == SHOTS).all()
    assert_within(found.reshape(probs.shape) / SHOTS, probs, SHOTS, 0.5)
    rows = [outcomes] if batch is None else outcomes
    assert all(set(row) == {-1, 1} for row in rows)
    found = np.array([row[1] - row[-1] for row in rows]).reshape(np.shape(y))
    assert_within(found / SHOTS, y, SHOTS)


@pytest.mark.parametrize("use_estimator", [True, False])
def test_shot_vectors(make_device, run, exact, use_estimator):
    """Entries would have each other's shots, or another shape than PennyLane's."""
    operations, shots = random_circuit(3, batch=2), (20_000, 5_000, 5_000)
    measurements = [qml.expval(qml.X(0) @ qml.Z(2)), qml.probs(wires=[1])]
    device = make_device(3, use_estimator=use_estimator)
    found = run(device, operations, measurements, shots)
    assert len(found) == 3
    values = exact(operations, measurements)
    for entry, number in zip(found, shots, strict=True):
        for own, value in zip(entry, values, strict=True):
            assert_within(own, value, number)
    assert (found[1][1] != found[2][1]).any()
    sampled = run(device, operations, [qml.sample(wires=[0, 1])], shots)
    assert [entry.shape for entry in sampled] == [(2, number, 2) for number in shots]


def test_shadows(make_device, run, exact):
    """Shadows would be of other bases than their recipes say."""
    operations, shots = random_circuit(5), 4_000
    word = qml.Z(0) @ qml.X(2)
    measurements = [
        qml.classical_shadow(wires=[2, 0], seed=7),
        qml.shadow_expval([word, qml.Y(1)], seed=8),
    ]
    shadow, estimates = run(make_device(3), operations, measurements, shots)
    bits, recipes = shadow
    assert bits.shape == recipes.shape == (shots, 2)
    drawn = np.random.RandomState(7).randint(0, 3, size=(shots, 2))
    np.testing.assert_array_equal(recipes, drawn)
    values = exact(operations, [qml.expval(word), qml.expval(qml.Y(1))])
    # A word of k letters is seen in 3^-k of the shots, with the weight 3^k.
    errors = np.array([3, np.sqrt(3)]) / np.sqrt(shots)
    assert (np.abs(np.array(estimates) - np.array(values)) < 5 * errors).all()
    from_shadow = qml.ClassicalShadow(bits, recipes, wire_map=[2, 0]).expval(word, k=1)
    assert abs(from_shadow - values[0]) < 5 * errors[0]


def test_seeds(make_device, run):
    """Results could not be repeated, or all jobs would give the same numbers."""
    operations, measurements = random_circuit(1), [qml.sample(wires=WIRES), qml.expval(qml.Z(0))]
    one, other = make_device(3, seed=5), make_device(3, seed=5)
    first, second = (run(one, operations, measurements, 200) for _ in range(2))
    again = run(other, operations, measurements, 200)
    for own, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(own, same)
    assert (first[0] != second[0]).any()
    assert first[1] != second[1]


# --- exact ----------------------------------------------------------------------------------------

ALL_EXACT = [
    *map(qml.expval, WORDS),
    *map(qml.var, WORDS),
    *(qml.expval(qml.Z(1) + 0.5 * qml.X(2) @ qml.X(0)), qml.var(qml.Z(1) + 0.5 * qml.X(1))),
    *(qml.expval(qml.Hermitian(MATRIX, 1)), qml.var(qml.Hermitian(MATRIX, 1))),
    *(qml.expval(qml.Projector([0, 1], [2, 0])), qml.var(qml.Projector([1], [1]))),
    *(qml.probs(wires=[2, 0]), qml.probs(op=qml.Z(1) @ qml.Z(0)), qml.probs(wires=WIRES)),
    *(qml.state(), qml.density_matrix([2, 0]), qml.purity([0])),
    *(qml.vn_entropy([1]), qml.mutual_info([0], [2])),
]


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("use_estimator", [True, False])
def test_exact_results(make_device, run, exact, use_estimator, seed, batch):
    """Without shots results would have noise, other shapes, or the wrong order of wires."""
    operations = random_circuit(seed, batch=batch)
    found = run(make_device(3, use_estimator=use_estimator), operations, ALL_EXACT)
    for own, value in zip(found, exact(operations, ALL_EXACT), strict=True):
        assert np.shape(own) == np.shape(value)
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)


@pytest.mark.parametrize("use_estimator", [True, False])
def test_every_gate_with_angles(make_device, run, gate, use_estimator):
    """A gate's parameters would be bound wrongly, or by Aer not at all."""
    kind, num_wires, num_angles = gate
    angles = np.random.default_rng(2).uniform(-3, 3, (num_angles, 3))
    wires = list(range(num_wires))[::-1]
    operations = [qml.U3(0.5 + w, 0.3, 0.2 * w, wires=w) for w in wires]
    operations += [kind(*angles, wires=wires), *(qml.RX(0.7, w) for w in wires)]
    measurements = [qml.expval(qml.Z(w)) for w in wires] + [qml.state()]
    found = run(make_device(num_wires, use_estimator=use_estimator), operations, measurements)
    wanted = run(qml.device("qizgloria.mixed", wires=num_wires), operations, measurements)
    for own, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)


def test_labels_of_any_kind(make_device, run):
    """Wires would be put in the order in which a circuit first names them."""
    operations = [qml.RY(0.3, "b"), qml.RY(0.9, 7), qml.CNOT([7, "b"]), qml.RX(0.2, "a")]
    measurements = [qml.probs(), qml.probs(wires=[7, "a"]), qml.expval(qml.Z("b"))]
    found = run(make_device(["a", 7, "b"]), operations, measurements)
    wanted = run(qml.device("qizgloria.mixed", wires=["a", 7, "b"]), operations, measurements)
    for own, value in zip(found, wanted, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)


def test_batches_of_operands(make_device, run, exact):
    """A batch of matrices or states would not be a batch of circuits."""
    rng = np.random.default_rng(1)
    states = rng.normal(size=(2, 4)) + 1j * rng.normal(size=(2, 4))
    states /= np.linalg.norm(states, axis=1, keepdims=True)
    matrices = np.stack([qml.matrix(qml.Rot(*rng.normal(size=3), wires=0)) for _ in range(2)])
    operations = [
        qml.StatePrep(states, [2, 0]),
        qml.QubitUnitary(matrices, wires=1),
        *(qml.CNOT([0, 1]), qml.RX(np.array([0.3, 0.4]), 1)),
    ]
    measurements = [qml.probs(wires=WIRES), qml.expval(qml.Y(1))]
    found = run(make_device(3), operations, measurements)
    for own, value in zip(found, exact(operations, measurements), strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)


# --- noise models ---------------------------------------------------------------------------------

ERROR = depolarizing_error(0.08, 2)
WRONG_1, WRONG_0 = 0.06, 0.11


def noise_model(readout):
    model = NoiseModel()
    model.add_all_qubit_quantum_error(ERROR, ["cx"])
    if readout:
        rows = [[1 - WRONG_1, WRONG_1], [WRONG_0, 1 - WRONG_0]]
        model.add_all_qubit_readout_error(ReadoutError(rows))
    return model


def noisy_operations(with_channels):
    kraus = Kraus(ERROR).data
    operations = []
    for pair, angle in zip(([0, 1], [1, 2], [2, 0]), (0.4, 1.1, 2.3), strict=True):
        operations += [qml.RX(angle, pair[0]), qml.RY(1 - angle, pair[1]), qml.CNOT(pair)]
        if with_channels:
            operations.append(qml.QubitChannel(kraus, wires=pair))
    return operations


NOISY = [qml.expval(qml.Z(0)), qml.expval(qml.X(1) @ qml.Y(2)), qml.probs(wires=[1, 2])]


def test_gate_noise(make_device, run, exact):
    """A noise model would be lost on the way, or act on the wrong gates."""
    device = make_device(3, noise_model=noise_model(readout=False))
    wanted = exact(noisy_operations(True), NOISY)
    for own, value in zip(run(device, noisy_operations(False), NOISY), wanted, strict=True):
        np.testing.assert_allclose(own, value, rtol=0, atol=1e-9)
    found = run(device, noisy_operations(False), NOISY, SHOTS)
    for own, value in zip(found, wanted, strict=True):
        assert_within(own, value, SHOTS)
    # The exact means are the estimator's, all shots the sampler's.
    assert [job.kind for job in device.jobs] == ["estimator", "sampler"]


def test_readout_error(make_device, run, exact):
    """Aer's estimator leaves readout errors out, so that results would look too good."""
    device = make_device(3, noise_model=noise_model(readout=True))
    found = run(device, noisy_operations(False), NOISY, SHOTS)
    assert [job.kind for job in device.jobs] == ["sampler"]
    read = np.array([[1 - WRONG_1, WRONG_0], [WRONG_1, 1 - WRONG_0]])
    rotated = [qml.probs(wires=0), qml.probs(op=qml.X(1) @ qml.Y(2)), qml.probs(wires=[1, 2])]
    z, _, both = exact(noisy_operations(True), rotated)
    in_basis = [*noisy_operations(True), qml.H(1), qml.adjoint(qml.S(2)), qml.H(2)]
    (xy,) = exact(in_basis, [qml.probs(wires=[1, 2])])
    parity = np.array([1, -1, -1, 1])
    wanted = [np.array([1, -1]) @ read @ z, parity @ np.kron(read, read) @ xy]
    wanted.append(np.kron(read, read) @ both)
    for own, value in zip(found, wanted, strict=True):
        assert_within(own, value, SHOTS)


def test_one_call_equals_several(make_device):
    """Circuits that go out together would get each other's results."""
    tapes = [
        QuantumScript(random_circuit(seed, batch=batch), [qml.expval(qml.Z(1)), qml.probs([0])])
        for seed, batch in ((1, None), (2, 2), (1, None), (3, None), (2, 2))
    ]
    device = make_device(3)
    together = qml.execute(tapes, device, diff_method=None)
    for tape, found in zip(tapes, together, strict=True):
        (alone,) = qml.execute([tape], device, diff_method=None)
        for own, value in zip(found, alone, strict=True):
            np.testing.assert_allclose(own, value, rtol=0, atol=1e-12)
