"""With shots results are samples: inside the spectrum, and consistent within a call."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from helpers.statistical_errors import assert_within

SHOTS = 200
X, Y, Z = qml.X, qml.Y, qml.Z
MATRIX = np.array([[0.6, 0.3 - 0.2j], [0.3 + 0.2j, -0.4]])

MERGING = {
    "Z + Z": Z(0) + Z(0),
    "Z + 0.5 Z": Z(0) + 0.5 * Z(0),
    "Z - 3 Z": Z(0) - 3 * Z(0),
    "2 (Z + Z)": 2 * (Z(0) + Z(0)),
    "Hamiltonian": qml.Hamiltonian([1, 1], [Z(0), Z(0)]),
    "ZZ + ZZ": Z(0) @ Z(1) + Z(0) @ Z(1),
    "(Z + Z) Z": (Z(0) + Z(0)) @ Z(1),
    "X + X": X(0) + X(0),
    "Z Z Z": Z(0) @ Z(0) @ Z(0),
    "Z + Y + Z": Z(0) + Y(1) + Z(0),
    "X + Z": X(0) + Z(0),
    "XX + ZZ": X(0) @ X(1) + Z(0) @ Z(1),
    "H Z": qml.Hadamard(0) @ Z(1),
    "Hermitian + Z": qml.Hermitian(MATRIX, 0) + Z(0),
    "Hamiltonian of a matrix": qml.Hamiltonian([0.5, 2], [qml.Hermitian(MATRIX, 0), Z(0)]),
    "Hamiltonian without a basis": qml.Hamiltonian([0.5, 2], [X(0), Z(0) @ Z(1)]),
}
"""Sums and products whose words merge, or have no common basis of letters."""


@pytest.fixture
def operations():
    return [qml.RX(0.7, 0), qml.RY(-1.1, 1), qml.CNOT([0, 1]), qml.RZ(0.4, 1), qml.RY(0.3, 0)]


@pytest.mark.parametrize("process", ["expval", "var", "sample", "counts", "probs"])
@pytest.mark.parametrize("name", MERGING)
def test_sums_that_merge(make_device, run, operations, name, process):
    """Values and their order are those of default.qubit, whatever basis is measured."""
    observable, shots = MERGING[name], 8000
    if process == "probs" and isinstance(observable, qml.ops.LinearCombination):
        observable = qml.sum(*observable.operands)
    matrix = qml.matrix(observable, wire_order=observable.wires)
    spectrum = np.linalg.eigvalsh(matrix)
    scale = np.abs(spectrum).max()
    exact = qml.device("default.qubit")
    device = make_device(2)
    if process in {"expval", "var"}:
        measurement = getattr(qml, process)(observable)
        (found,) = run(device, operations, [measurement], shots)
        (wanted,) = run(exact, operations, [measurement])
        power = 2 if process == "var" else 1
        assert_within(found, wanted, shots, 4 * scale**power)
        assert process == "expval" or found >= 0
        return
    if process == "probs":
        (found,) = run(device, operations, [qml.probs(op=observable)], shots)
        (wanted,) = run(exact, operations, [qml.probs(op=observable)])
        assert_within(found, wanted, shots, 0.5)
        return
    (found,) = run(device, operations, [getattr(qml, process)(observable)], shots)
    values = found if process == "sample" else np.repeat(list(found), list(found.values()))
    assert len(values) == shots
    assert np.abs(values[:, None] - spectrum).min(1).max() < 1e-9
    (wanted,) = run(exact, operations, [qml.expval(observable)])
    assert_within(values.mean(), wanted, shots, scale)


def test_results_lie_inside_the_spectrum(make_device, run):
    """Means of few shots are multiples of 2 / shots; variances of an eigenstate are 0."""
    device = make_device(2, seed=None)
    measurements = [
        *(qml.expval(Z(0)), qml.var(Z(0)), qml.var(Z(0) + 2 * Z(1)), qml.expval(X(1))),
        *(qml.var(X(0)), qml.var(qml.Hadamard(1)), qml.var(X(0) + Z(0)), qml.var(Z(0) @ Z(1))),
    ]
    for _ in range(3):
        z, var_z, var_sum, x, *rest, var_zz = run(device, [qml.Identity(1)], measurements, 10)
        assert (z, var_z, var_sum, var_zz) == (1, 0, 0, 0)
        assert abs(x) <= 1
        assert 5 * x == round(5 * x)
        assert min(rest) >= 0
    assert {(job.kind, job.results) for job in device.jobs} == {("sampler", "samples")}


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("shots", [SHOTS, (SHOTS, 50)])
def test_measurements_of_a_call_share_their_shots(make_device, run, operations, batch, shots):
    """What one basis serves is computed from the same outcomes."""
    if batch is not None:
        operations = [qml.RX(np.linspace(0.3, 2, batch), 0), *operations]
    total = Z(0) + 2 * Z(1)
    measurements = [
        *(qml.counts(wires=[0, 1]), qml.probs(wires=[0, 1]), qml.sample(wires=[0, 1])),
        *(qml.expval(Z(0)), qml.var(Z(0)), qml.expval(total), qml.var(total), qml.sample(total)),
        *(qml.expval(qml.Projector([1, 0], [0, 1])), qml.expval(qml.Hermitian(MATRIX, 2))),
    ]
    device = make_device(3)
    found = run(device, operations, measurements, shots)
    copies = found if isinstance(shots, tuple) else [found]
    for copy, number in zip(copies, np.atleast_1d(shots), strict=True):
        counts, probs, bits, z, var_z, mean, variance, values, projector, _ = copy
        probs = np.reshape(probs, (-1, 4))
        rows = [counts] if batch is None else counts
        for row, own in zip(rows, probs, strict=True):
            listed = [row.get(key, 0) for key in ("00", "01", "10", "11")]
            np.testing.assert_allclose(np.array(listed) / number, own, atol=1e-12)
        signs = 1 - 2 * np.reshape(bits, (-1, number, 2))
        np.testing.assert_allclose(np.ravel(z), signs[..., 0].mean(-1), atol=1e-12)
        np.testing.assert_allclose(np.ravel(var_z), signs[..., 0].var(-1), atol=1e-12)
        sums = signs[..., 0] + 2 * signs[..., 1]
        np.testing.assert_allclose(np.reshape(values, sums.shape), sums)
        np.testing.assert_allclose(np.ravel(mean), sums.mean(-1), atol=1e-12)
        np.testing.assert_allclose(np.ravel(variance), sums.var(-1), atol=1e-12)
        np.testing.assert_allclose(np.ravel(projector), probs[:, 2], atol=1e-12)
    assert [(job.kind, job.pubs) for job in device.jobs] == [("sampler", 1)]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "sampler"),
        ({"use_estimator": True}, "estimator"),
        ({"use_estimator": False}, "sampler"),
    ],
)
def test_which_road_is_taken(make_device, run, options, kind):
    """With shots samples, unless the estimator is asked for; job records say it."""
    device = make_device(1, **options)
    run(device, [qml.H(0)], [qml.expval(Z(0))], 10)
    assert [job.kind for job in device.jobs] == [kind]
    assert device.jobs[0].results == {"sampler": "samples", "estimator": "estimates"}[kind]


@pytest.mark.parametrize("use_estimator", [None, False])
def test_without_shots_results_are_exact(make_device, run, use_estimator):
    """Aer's estimator gives exact values, unless it is refused: then no job is needed."""
    device = make_device(1, use_estimator=use_estimator)
    (found,) = run(device, [qml.RX(0.3, 0)], [qml.expval(Z(0))])
    assert found == pytest.approx(np.cos(0.3))
    assert [job.results for job in device.jobs] == (
        [] if use_estimator is False else ["exact values"]
    )


@pytest.mark.parametrize("use_estimator", [None, True, False])
@pytest.mark.parametrize("shots", [None, 10])
def test_observables_that_are_not_hermitian(make_device, run, use_estimator, shots):
    """Their mean is no real number; it is refused on every road."""
    device = make_device(1, use_estimator=use_estimator)
    for observable in (1j * X(0), qml.Hermitian(np.array([[1, 1], [0, 2]]), 0)):
        for process in (qml.expval, qml.var):
            with pytest.raises(ValueError, match="is not Hermitian"):
                run(device, [qml.H(0)], [process(observable)], shots)
    assert device.jobs == []


@pytest.mark.parametrize("shots", [None, 10])
def test_constants_need_no_job(make_device, run, shots):
    """Identities have one value, also in a batch."""
    device = make_device(1, use_estimator=False)
    for angle, shape in ((0.1, ()), (np.array([0.1, 0.2]), (2,))):
        found = run(
            device, [qml.RX(angle, 0)], [qml.expval(3 * qml.I(0)), qml.var(qml.I(0))], shots
        )
        for value, wanted in zip(found, (3, 0), strict=True):
            np.testing.assert_array_equal(value, np.full(shape, wanted))
    assert device.jobs == []


@pytest.mark.parametrize("shots", [None, 10])
def test_nothing_is_measured(make_device, shots):
    """A tape without measurements has no results, and needs no job."""
    device = make_device(1)
    tape = qml.tape.QuantumScript([qml.H(0)], [], shots=shots)
    assert qml.execute([tape], device, diff_method=None) == ((),)
    assert device.jobs == []


@pytest.mark.parametrize("use_estimator", [None, True])
@pytest.mark.parametrize(
    "observable",
    [Z(0) + Z(1), Z(0) + 0.5 * X(1), 2 * qml.Hermitian(MATRIX, 0), X(0) + Z(0), qml.Hadamard(0)],
    ids=str,
)
def test_gradients_of_variances(make_device, use_estimator, observable):
    """PennyLane's shift rule takes sums for involutory; the device's own gradient must not."""

    def circuit(x):
        qml.RX(x, 0)
        qml.RY(2 * x, 1)
        qml.CNOT([0, 1])
        qml.RY(0.4, 0)
        return qml.var(observable)

    x = qml.numpy.array(0.7)
    found = qml.grad(qml.QNode(circuit, make_device(2, use_estimator=use_estimator)))(x)
    node = qml.QNode(circuit, qml.device("default.qubit"), diff_method="backprop")
    assert found == pytest.approx(qml.grad(node)(x), abs=1e-8)


def test_coefficients_can_be_trained(make_device):
    """Samples are of words; the coefficients stay outside, in the user's tensors."""

    @qml.set_shots(100)
    @qml.qnode(make_device(2), diff_method="best")
    def circuit(c):
        return qml.expval(qml.dot(c, [Z(0), Z(1), X(0) @ X(1)]))

    gradient = qml.grad(circuit)(qml.numpy.array([0.5, 2.0, 0.1]))
    np.testing.assert_allclose(gradient[:2], 1)
    assert abs(gradient[2]) < 0.5


def test_readout_error_and_the_estimator(make_device, run):
    """Aer's estimator leaves readout error out, and a warning says so."""
    from qiskit_aer.noise import NoiseModel, ReadoutError

    model = NoiseModel()
    model.add_all_qubit_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]))
    device = make_device(1, noise_model=model, use_estimator=True)
    with pytest.warns(UserWarning, match="leaves readout error out"):
        run(device, [qml.X(0)], [qml.expval(Z(0))], 10)
