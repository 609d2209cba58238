"""Random circuits over the whole gate set, against default.mixed."""

from functools import partial

import numpy as np
import pennylane as qml
import pytest
from helpers.execution import execute
from helpers.operations import CHANNELS, GATES
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import unitary_group

LABELS = ("a", 3, "b", 0)

CONSTANT = {
    1: [qml.X, qml.Y, qml.Z, qml.H, qml.S, qml.T, qml.SX],
    2: [qml.CNOT, qml.CY, qml.CZ, qml.CH, qml.SWAP, qml.ISWAP, qml.SISWAP, qml.ECR],
    3: [qml.Toffoli, qml.CSWAP, qml.CCZ],
    4: [],
}


def angles(batch_size):
    """An angle, or for about half of the gates of a broadcast circuit a batch of them."""
    one = st.floats(-3, 3, allow_subnormal=False)
    if batch_size is None:
        return one
    many = st.lists(one, min_size=batch_size, max_size=batch_size).map(np.array)
    return st.one_of(one, many)


@st.composite
def operations(draw, gates, channels, wires, batch_size):
    """One operation on some of the wires, as a function that makes it and its parameters."""
    wires = draw(st.permutations(wires))
    width = draw(st.integers(1, len(wires)))
    on = wires[:width]
    what = draw(st.sampled_from(["gate", "gate", "gate", "channel", "pauli", "matrix", "state"]))
    if what == "gate":
        kind, num_params = draw(st.sampled_from(gates[width]))
        return partial(kind, wires=on), [draw(angles(batch_size)) for _ in range(num_params)]
    if what == "channel":
        kind, num_params = draw(st.sampled_from(channels))
        strengths = [draw(st.floats(0.01, 0.4)) for _ in range(num_params)]
        return partial(kind, wires=wires[0]), strengths
    if what == "pauli":
        word = "".join(draw(st.lists(st.sampled_from("IXYZ"), min_size=width, max_size=width)))
        if draw(st.booleans()):
            return partial(qml.PauliError, word, wires=on), [draw(st.floats(0.01, 0.9))]
        return partial(qml.PauliRot, pauli_word=word, wires=on), [draw(angles(batch_size))]
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    if what == "matrix":
        matrix = unitary_group.rvs(2**width, random_state=random)
        diagonal = np.exp(1j * random.normal(size=2**width))
        mixture = [np.sqrt(0.3) * np.eye(2**width), np.sqrt(0.7) * matrix]
        made = [
            lambda: qml.QubitUnitary(matrix, on),
            lambda: qml.adjoint(qml.QubitUnitary(matrix, on)),
            lambda: qml.DiagonalQubitUnitary(diagonal, on),
            lambda: qml.QubitChannel(mixture, on),
        ]
        return draw(st.sampled_from(made)), []
    root = random.normal(size=(2, 2)) + 1j * random.normal(size=(2, 2))
    state = root @ root.conj().T / np.trace(root @ root.conj().T)
    return lambda: qml.QubitDensityMatrix(state, wires[0]), []


@st.composite
def circuits(draw, batch_size=None):
    """The wires and the operations of a circuit."""
    by_width = {width: [(kind, 0) for kind in kinds] for width, kinds in CONSTANT.items()}
    for kind, num_wires, num_angles in GATES:
        by_width[num_wires].append((kind, num_angles))
    wires = LABELS[: draw(st.integers(1, len(LABELS)))]
    one = operations(by_width, CHANNELS, wires, batch_size)
    return wires, draw(st.lists(one, min_size=3, max_size=14))


def results(device, circuit, **options):
    wires, operations = circuit
    measured = [qml.density_matrix(wires), qml.probs(wires[::-1]), qml.expval(qml.Y(wires[0]))]
    # default.mixed mistakes the wires of a density matrix that is its whole circuit's start.
    start = [qml.Identity(wire) for wire in wires]
    ops = [make(*parameters) for make, parameters in operations]
    return execute(qml.device(device, wires=wires, **options), start + ops, measured)


def agree(ours, theirs, tolerance):
    for one, other in zip(ours, theirs, strict=True):
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, atol=tolerance, rtol=0)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(data=st.data())
def test_random_circuit(data):
    """Random circuits agree with default.mixed."""
    circuit = data.draw(circuits())
    theirs = results("default.mixed", circuit)
    agree(results("qizgloria.mixed", circuit), theirs, 1e-10)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(data=st.data())
def test_random_circuit_in_single_precision(data):
    """Random circuits in single precision agree with default.mixed to five digits."""
    circuit = data.draw(circuits())
    theirs = results("default.mixed", circuit)
    ours = results("qizgloria.mixed", circuit, r_dtype=np.float32)
    assert ours[0].dtype == np.complex64
    agree(ours, theirs, 1e-5)


@pytest.mark.parametrize("batch_size", [3, 1])
@settings(deadline=None, derandomize=True, max_examples=50)
@given(data=st.data())
def test_random_broadcast_circuit(data, batch_size):
    """Random circuits of batched and plain operations agree with default.mixed."""
    wires, drawn = data.draw(circuits(batch_size))
    first = partial(qml.RX, wires=wires[0]), [np.linspace(0.3, 1.1, batch_size)]
    ours = results("qizgloria.mixed", (wires, [first, *drawn]))
    for index in range(batch_size):
        single = [
            (make, [x[index] if np.ndim(x) else x for x in parameters])
            for make, parameters in [first, *drawn]
        ]
        theirs = results("default.mixed", (wires, single))
        agree([result[index] for result in ours], theirs, 1e-10)
