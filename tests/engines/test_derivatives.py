"""Products and Jacobians of single tapes, against differences and against one another."""

import numpy as np
import pennylane as qml
import pytest
import torch
from pennylane.tape import QuantumScript

from pennylane_qizgloria.devices.configuration.random import random_source
from pennylane_qizgloria.engines import derivatives
from pennylane_qizgloria.engines.config import SimulationConfig
from pennylane_qizgloria.engines.simulation import simulate

MATRIX = np.array([[0.3, 0.4 - 0.7j], [0.4 + 0.7j, -1.1]])
WIDE = np.kron(MATRIX, MATRIX)
VECTOR = np.array([0.5, 0.1 - 0.5j, 0.5j, 0.7]) / np.sqrt(1.25)

MEASUREMENTS = {
    "expval": lambda: qml.expval(qml.Z(0) @ qml.X(1)),
    "expval of a hermitian": lambda: qml.expval(qml.Hermitian(WIDE, [1, 0])),
    "var": lambda: qml.var(qml.Y(1) + 0.5 * qml.Z(0)),
    "probs": lambda: qml.probs(wires=[1, 0]),
    "density matrix": lambda: qml.density_matrix([0]),
    "state": lambda: qml.state(),
    "purity": lambda: qml.purity([0]),
    "entropy": lambda: qml.vn_entropy([0]),
    "mutual information": lambda: qml.mutual_info([0], [1]),
}
SETS = {name: [name] for name in MEASUREMENTS} | {
    "two numbers": ["expval", "purity"],
    "numbers and arrays": ["expval", "probs", "density matrix", "var"],
}
NUMBERS = [0.3, -0.8, 0.15, 0.9]
SHAPES = {
    "expval": (),
    "expval of a hermitian": (),
    "var": (),
    "probs": (4,),
    "density matrix": (2, 2),
    "state": (4, 4),
    "purity": (),
    "entropy": (),
    "mutual information": (),
}


def body(numbers):
    x, y, p, z = numbers
    return [
        qml.RX(x, 0),
        qml.RY(y, 1),
        qml.CNOT([0, 1]),
        qml.AmplitudeDamping(p, 0),
        qml.CRot(z, x + 0.4, 0.2, [1, 0]),
        qml.DepolarizingChannel(0.05, 1),
    ]


def tape_of(numbers, names, trainable=(0, 1, 2, 3)):
    return QuantumScript(
        body(numbers), [MEASUREMENTS[name]() for name in names], trainable_params=list(trainable)
    )


@pytest.fixture(params=["kernels", "planned"])
def config(request):
    random = random_source(0)
    return SimulationConfig(torch.float64, None, random, as_torch=False, method=request.param)


def results_of(tape, config):
    results = simulate(tape, config)
    return results if len(tape.measurements) > 1 else (results,)


def by_differences(tape, config):
    """The Jacobian of each measurement: a column for each trainable number, five-point formula."""
    step = 1e-3
    values = [np.array(value) for value in tape.get_parameters()]
    columns = []
    for number in range(len(values)):
        shifted = []
        for shift in (1, -1, 2, -2):
            moved = list(values)
            moved[number] = values[number] + shift * step
            new = tape.bind_new_parameters(moved, tape.trainable_params)
            shifted.append(results_of(new, config))
        columns.append(
            [(8 * (a - b) - (c - d)) / (12 * step) for a, b, c, d in zip(*shifted, strict=True)]
        )
    return [np.stack([column[i] for column in columns], -1) for i in range(len(tape.measurements))]


def nested(jacobian, tape):
    """A Jacobian in PennyLane's nesting as one array for each measurement."""
    rows = jacobian if len(tape.measurements) > 1 else (jacobian,)
    several = len(tape.trainable_params) > 1
    return [np.stack(row, -1) if several else np.asarray(row)[..., None] for row in rows]


# --- the Jacobian ---------------------------------------------------------------------------------


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
@pytest.mark.parametrize("trainable", [(0, 1, 2, 3), (2,), (0, 3)], ids=str)
def test_jacobian(names, trainable, config):
    """Jacobians agree with finite differences."""
    tape = tape_of(NUMBERS, names, trainable)
    value, jacobian = derivatives.jacobian(tape, config)
    plain = simulate(tape, config)
    for own, expected in zip(
        value if len(names) > 1 else [value], plain if len(names) > 1 else [plain], strict=True
    ):
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-13)
    expected = by_differences(tape, config)
    for name, own, reference in zip(names, nested(jacobian, tape), expected, strict=True):
        assert own.shape == (*SHAPES[name], len(trainable))
        np.testing.assert_allclose(own, reference, rtol=0, atol=1e-9)
        assert np.abs(reference).max() > 1e-3


@pytest.mark.parametrize("names", [["expval"], ["expval", "probs", "density matrix"]], ids=str)
def test_both_ways_to_the_jacobian(names, config):
    """The Jacobian is the same forwards and in reverse."""
    tape = tape_of(NUMBERS, names)
    leaves = derivatives._leaves(tape, config)
    forward = derivatives._forward_blocks(tape, leaves, config)
    run = derivatives.run_differentiably(tape, config)
    reverse = [derivatives._reverse_blocks(run, result) for result in run.results]
    for rows in zip(forward, reverse, strict=True):
        for own, other in zip(*rows, strict=True):
            torch.testing.assert_close(own, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_products_are_those_of_the_jacobian(names, config, rng):
    """Products with tangents and cotangents are those of the Jacobian."""
    tape = tape_of(NUMBERS, names)
    rows = nested(derivatives.jacobian(tape, config)[1], tape)
    run = derivatives.run_differentiably(tape, config)
    cotangents = tuple(rng.normal(size=SHAPES[name]) for name in names)
    found = derivatives.vjp(run, cotangents if len(names) > 1 else cotangents[0])
    pairs = list(zip(cotangents, rows, strict=True))
    expected = sum(np.tensordot(c, row.real, c.ndim) for c, row in pairs)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    tangents = rng.normal(size=4)
    value, images = derivatives.jvp(tape, list(tangents), config)
    several = len(names) > 1
    for own, row in zip(images if several else [images], rows, strict=True):
        np.testing.assert_allclose(own, row @ tangents, rtol=0, atol=1e-12)
    for own, other in zip(value if several else [value], results_of(tape, config), strict=True):
        np.testing.assert_allclose(own, other, rtol=0, atol=1e-13)


# --- complex numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["density matrix", "state"])
def test_complex_cotangents_are_not_conjugated(name, config, rng):
    """Complex cotangents are not conjugated."""
    tape = tape_of(NUMBERS, [name])
    shape = SHAPES[name]
    cotangent = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    found = derivatives.vjp(derivatives.run_differentiably(tape, config), cotangent)
    (row,) = by_differences(tape, config)
    expected = np.tensordot(cotangent, row, len(shape)).real
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def complex_tapes(kind, names):
    """Tapes with one complex parameter, an array, and a direction that keeps it valid."""
    measurements = [MEASUREMENTS[name]() for name in names]
    noise = [qml.AmplitudeDamping(0.2, 0), qml.CRY(0.7, [0, 1])]
    if kind == "StatePrep":
        direction = np.array([0.3, 0.2j, -0.1, 0.4 + 0.1j])
        direction = direction - VECTOR * (VECTOR.conj() @ direction).real
        operations = [qml.StatePrep(VECTOR, [0, 1]), *noise]
        return QuantumScript(operations, measurements, trainable_params=[0]), direction
    if kind == "QubitUnitary":
        unitary = np.linalg.qr(MATRIX)[0]
        operations = [qml.RX(0.4, 0), qml.CNOT([0, 1]), qml.QubitUnitary(unitary, 0), *noise]
        tape = QuantumScript(operations, measurements, trainable_params=[1])
        return tape, 1j * MATRIX @ unitary
    operations = [qml.RX(0.4, 0), qml.CNOT([0, 1]), *noise]
    measurements = [qml.expval(qml.Hermitian(MATRIX, 0)), *measurements]
    return QuantumScript(operations, measurements, trainable_params=[3]), MATRIX.conj() - 0.3


def along(tape, direction, config):
    """Derivatives of the results along a direction, the parameter kept on the unit sphere."""
    step = 1e-3
    (value,) = tape.get_parameters()
    shifted = []
    for shift in (1, -1, 2, -2):
        moved = value + shift * step * direction
        if value.ndim == 1:
            moved = moved / np.linalg.norm(moved)
        elif not np.allclose(value, value.conj().T):
            left, _, right = np.linalg.svd(moved)
            moved = left @ right
        new = tape.bind_new_parameters([moved], tape.trainable_params)
        shifted.append(results_of(new, config))
    return [(8 * (a - b) - (c - d)) / (12 * step) for a, b, c, d in zip(*shifted, strict=True)]


COMPLEX_KINDS = ["StatePrep", "QubitUnitary", "Hermitian"]


@pytest.mark.parametrize("kind", COMPLEX_KINDS)
def test_complex_parameters(kind, config):
    """Derivatives by complex parameters agree with differences along a direction."""
    tape, direction = complex_tapes(kind, ["expval", "probs"])
    expected = along(tape, direction, config)
    (parameter,) = tape.get_parameters()
    _, jacobian = derivatives.jacobian(tape, config)
    _, images = derivatives.jvp(tape, [direction], config)
    cotangents = tuple(np.full(np.shape(row), 0.5 + i) for i, row in enumerate(expected))
    (gradient,) = derivatives.vjp(derivatives.run_differentiably(tape, config), cotangents)
    assert gradient.shape == parameter.shape
    for row, image, reference in zip(jacobian, images, expected, strict=True):
        assert row.shape == (*np.shape(reference), *parameter.shape)
        product = np.tensordot(row, direction, direction.ndim).real
        np.testing.assert_allclose(product, reference, rtol=0, atol=1e-9)
        np.testing.assert_allclose(image, reference, rtol=0, atol=1e-9)
    total = sum(np.sum(c * row) for c, row in zip(cotangents, expected, strict=True))
    assert np.sum(gradient * direction).real == pytest.approx(total, abs=1e-9)


@pytest.mark.parametrize("kind", COMPLEX_KINDS)
def test_complex_results_of_complex_parameters(kind, config):
    """Complex results have Jacobians by complex parameters."""
    tape, direction = complex_tapes(kind, ["density matrix"])
    expected = along(tape, direction, config)[-1]
    (parameter,) = tape.get_parameters()
    _, jacobian = derivatives.jacobian(tape, config)
    row = jacobian[-1] if len(tape.measurements) > 1 else jacobian
    assert row.shape == (2, 2, *parameter.shape)
    run = derivatives.run_differentiably(tape, config)
    for i in range(2):
        # The diagonal is real, so its Jacobian is that of a real result.
        product = np.tensordot(row[i, i], direction, direction.ndim).real
        assert product == pytest.approx(expected[i, i].real, abs=1e-9)
        unit = np.zeros((2, 2))
        unit[i, i] = 1
        cotangents = unit if len(tape.measurements) == 1 else (0.0, unit)
        (gradient,) = derivatives.vjp(run, cotangents)
        np.testing.assert_allclose(row[i, i], gradient, rtol=0, atol=1e-12)


# --- special cases --------------------------------------------------------------------------------


def test_recording_inside_a_backward_pass(config):
    """PennyLane asks from within torch's backward pass, where torch records nothing."""
    tape = tape_of(NUMBERS, ["expval"])
    expected = derivatives.vjp(derivatives.run_differentiably(tape, config), 1.0)
    with torch.no_grad():
        found = derivatives.vjp(derivatives.run_differentiably(tape, config), 1.0)
        _, rows = derivatives.jacobian(tape, config)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-12)


def test_a_record_serves_many_products(config):
    """A record of one evolution serves many products."""
    run = derivatives.run_differentiably(tape_of(NUMBERS, ["probs"]), config)
    rows = [derivatives.vjp(run, unit) for unit in np.eye(4)]
    total = derivatives.vjp(run, np.ones(4))
    np.testing.assert_allclose(total, np.sum(rows, 0), rtol=0, atol=1e-13)
    np.testing.assert_allclose(total, np.zeros(4), rtol=0, atol=1e-13)


def test_zero_tangents_cost_nothing(config, monkeypatch):
    """Parameters with zero tangents are not differentiated."""
    made = []
    original = torch.autograd.forward_ad.make_dual

    def spy(leaf, direction):
        made.append(direction)
        return original(leaf, direction)

    monkeypatch.setattr(torch.autograd.forward_ad, "make_dual", spy)
    tape = tape_of(NUMBERS, ["expval", "probs"])
    _, images = derivatives.jvp(tape, [0.0, 0.0, 1.0, 0.0], config)
    assert len(made) == 1
    rows = by_differences(tape, config)
    for image, row in zip(images, rows, strict=True):
        np.testing.assert_allclose(image, row[..., 2], rtol=0, atol=1e-9)
    _, images = derivatives.jvp(tape, [0.0] * 4, config)
    assert len(made) == 1
    assert images[0] == 0
    np.testing.assert_array_equal(images[1], np.zeros(4))


def test_results_that_depend_on_nothing(config):
    """Results that depend on no parameter have derivative zero."""
    operations = [qml.RX(0.4, 0), qml.RY(0.3, 1)]
    processes = [qml.expval(qml.Z(1)), qml.probs(wires=[0])]
    tape = QuantumScript(operations, processes, trainable_params=[0])
    _, (nothing, something) = derivatives.jacobian(tape, config)
    assert nothing == 0
    np.testing.assert_allclose(something, np.sin(0.4) * np.array([-0.5, 0.5]), atol=1e-13)
    run = derivatives.run_differentiably(tape, config)
    np.testing.assert_allclose(derivatives.vjp(run, (1.0, np.zeros(2))), [0.0], atol=1e-15)
    idle = QuantumScript(operations, processes[:1], trainable_params=[0])
    assert derivatives.jacobian(idle, config)[1] == 0
    assert derivatives.vjp(derivatives.run_differentiably(idle, config), 1.0) == (0,)
    assert derivatives.jvp(idle, [1.0], config)[1] == 0


def test_no_parameters(config):
    """A circuit without trainable parameters has empty derivatives."""
    tape = tape_of(NUMBERS, ["expval"], trainable=())
    assert derivatives.vjp(derivatives.run_differentiably(tape, config), 1.0) == ()
    value, rows = derivatives.jacobian(tape, config)
    assert rows == ()
    assert value == pytest.approx(simulate(tape, config), abs=1e-14)


def test_single_precision(config):
    """Derivatives have the precision of the simulation."""
    single = SimulationConfig(torch.float32, None, config.random, as_torch=False)
    tape = tape_of(NUMBERS, ["expval", "density matrix"])
    _, rows = derivatives.jacobian(tape, single)
    expected = by_differences(tape, config)
    assert [row[0].dtype for row in rows] == [np.float32, np.complex64]
    for own, reference in zip(nested(rows, tape), expected, strict=True):
        np.testing.assert_allclose(own, reference, rtol=0, atol=2e-5)
