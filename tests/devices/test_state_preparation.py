"""State preparations: on all or some wires, in any order, first or later, with or without batch."""

from itertools import pairwise

import numpy as np
import pennylane as qml
import pytest
import scipy.sparse
import torch
from helpers import density_matrices as dense
from helpers.derivatives import torch_gradient
from helpers.execution import execute
from pennylane import numpy as pnp

LABELS = ("a", 3, "b", 0)
SUBSETS = (("a", 3, "b", 0), (0, "b", 3, "a"), ("b", "a"), (3, 0, "a"), (0,))


def vectors(rng, num_wires, batch_size=None):
    shape = (2**num_wires,) if batch_size is None else (batch_size, 2**num_wires)
    values = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def entangle(labels):
    return [
        *(qml.RY(0.3 + 0.4 * i, wire) for i, wire in enumerate(labels)),
        *(qml.CNOT(pair) for pair in pairwise(labels)),
    ]


def agree(result, expected):
    assert result.shape == expected.shape
    np.testing.assert_allclose(result, expected, atol=1e-10, rtol=0)


def compare(operations, batches, reference):
    """Compare with default.mixed or default.qubit, element by element.

    ``operations`` makes the circuit of one state, or of a batch of them.
    """
    measured = [qml.density_matrix(LABELS)]
    theirs = qml.device(reference, wires=LABELS)
    ours = qml.device("qizgloria.mixed", wires=LABELS)
    for values in batches:
        single = values.ndim == batches[0].ndim
        elements = [values] if single else values
        expected = np.stack([execute(theirs, operations(v), measured) for v in elements])
        agree(execute(ours, operations(values), measured), expected[0] if single else expected)


# --- at the start ---------------------------------------------------------------------------------


@pytest.mark.parametrize("wires", SUBSETS)
def test_state_vector_at_the_start(wires, rng):
    """An initial state vector keeps its wire order and its batch axis."""
    batches = [vectors(rng, len(wires), size) for size in (None, 3, 1)]
    compare(lambda v: [qml.StatePrep(v, wires), *entangle(LABELS)], batches, "default.qubit")


@pytest.mark.parametrize("wires", SUBSETS)
def test_basis_state_at_the_start(wires):
    """The bits of an initial basis state are given to its wires."""
    bits = np.array([1, 0, 1, 1])[: len(wires)]
    compare(lambda b: [qml.BasisState(b, wires), *entangle(LABELS)], [bits], "default.qubit")


@pytest.mark.parametrize("wires", SUBSETS)
def test_density_matrix_at_the_start(wires, rng):
    """An initial density matrix keeps its wire order and its batch axis."""
    batches = [dense.random_density_matrix(rng, len(wires), size) for size in (None, 3, 1)]
    compare(
        lambda m: [qml.QubitDensityMatrix(m, wires), *entangle(LABELS)], batches, "default.mixed"
    )


def test_two_preparations_make_a_product(rng):
    """Two states on different wires make their product."""
    other = dense.random_density_matrix(rng, 1)
    batches = [dense.random_density_matrix(rng, 2, size) for size in (None, 3, 1)]

    def operations(matrix):
        return [
            qml.QubitDensityMatrix(matrix, ["b", "a"]),
            qml.QubitDensityMatrix(other, [0]),
            *entangle(LABELS),
        ]

    compare(operations, batches, "default.mixed")


# --- later ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wires", SUBSETS)
def test_state_vector_later_is_a_unitary(wires, rng):
    """A state vector amid a circuit acts as the unitary that prepares it."""
    batches = [vectors(rng, len(wires), size) for size in (None, 3, 1)]
    compare(
        lambda v: [*entangle(LABELS), qml.StatePrep(v, wires), *entangle(LABELS)],
        batches,
        "default.qubit",
    )


@pytest.mark.parametrize("wires", SUBSETS)
def test_basis_state_later_is_a_unitary(wires):
    """A basis state amid a circuit acts as the bit flips that prepare it."""
    bits = np.array([1, 0, 1, 1])[: len(wires)]
    compare(
        lambda b: [*entangle(LABELS), qml.BasisState(b, wires), *entangle(LABELS)],
        [bits],
        "default.qubit",
    )


@pytest.mark.parametrize("wires", SUBSETS[2:])
def test_density_matrix_later_replaces(wires, rng):
    """A density matrix amid a circuit replaces the state of its wires."""
    batches = [dense.random_density_matrix(rng, len(wires), size) for size in (None, 3, 1)]
    compare(
        lambda m: [*entangle(LABELS), qml.QubitDensityMatrix(m, wires), *entangle(LABELS)],
        batches,
        "default.mixed",
    )


@pytest.mark.parametrize("wires", SUBSETS[:2])
def test_density_matrix_on_all_wires_later_is_a_start(wires, rng):
    """A density matrix on all wires makes everything before it void.

    (default.mixed mistakes the order of the wires here.)
    """
    matrix = dense.random_density_matrix(rng, len(wires))
    later = [qml.QubitDensityMatrix(matrix, wires), *entangle(LABELS)]
    measured = [qml.density_matrix(LABELS)]
    ours = execute(qml.device("qizgloria.mixed"), [*entangle(LABELS), *later], measured)
    agree(ours, execute(qml.device("default.mixed", wires=LABELS), later, measured))


def test_state_vector_on_fresh_wires_later(rng):
    """A preparation that is not the tape's first operation acts."""
    batches = [vectors(rng, 2, size) for size in (None, 3, 1)]
    compare(
        lambda v: [qml.RX(0.4, "a"), qml.StatePrep(v, [0, "b"]), *entangle(LABELS)],
        batches,
        "default.qubit",
    )


# --- embeddings and kinds of input ----------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 3, 1])
def test_amplitude_embedding_normalizes_and_pads(batch_size, rng):
    """AmplitudeEmbedding normalises and pads features."""
    features = rng.normal(size=5 if batch_size is None else (batch_size, 5))

    def operations(x):
        embedding = qml.AmplitudeEmbedding(x, ["b", 3, 0], pad_with=0.2, normalize=True)
        return [embedding, *entangle(LABELS)]

    compare(operations, [rng.normal(size=5), features], "default.qubit")


def test_normalized_state_prep(rng):
    """StatePrep follows ``normalize=True`` and ``pad_with``."""
    compare(
        lambda v: [qml.StatePrep(v, ["b", "a"], normalize=True, pad_with=0.5)],
        [rng.normal(size=3)],
        "default.qubit",
    )


def test_basis_embedding():
    """BasisEmbedding agrees with BasisState."""
    compare(
        lambda b: [qml.BasisEmbedding(b, [0, "a", "b"]), *entangle(LABELS)],
        [np.array([1, 1, 0])],
        "default.qubit",
    )


def test_basis_state_from_an_integer():
    """A BasisState given as an integer is read as binary digits."""
    ours, theirs = (
        execute(qml.device(name, wires=3), [qml.BasisState(5, [2, 0, 1])], [qml.probs([0, 1, 2])])
        for name in ("qizgloria.mixed", "default.qubit")
    )
    agree(ours, theirs)


def test_sparse_state_vector():
    """A state vector given as a sparse matrix is accepted."""
    dense = np.array([0.6, 0, 0, 0.8])
    compare(
        lambda v: [qml.StatePrep(scipy.sparse.csr_matrix(v), ["b", "a"]), *entangle(LABELS)],
        [dense],
        "default.qubit",
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "prepare",
    [
        lambda x: qml.AmplitudeEmbedding(x, [0, 1, 2], normalize=True),
        lambda x: qml.StatePrep(x / x.norm(), [0, 1, 2]),
        lambda x: qml.StatePrep((x / x.norm()).numpy(), [0, 1, 2]),
        lambda x: qml.QubitDensityMatrix(torch.outer(x, x) / x.square().sum(), [0, 1, 2]),
    ],
    ids=["AmplitudeEmbedding", "StatePrep", "StatePrep of numpy", "QubitDensityMatrix"],
)
def test_single_precision_input(prepare, seed):
    """Data in single precision, exact to seven digits, is accepted."""
    x = torch.rand(8, generator=torch.Generator().manual_seed(seed))
    assert x.dtype == torch.float32
    measured = [qml.density_matrix([0, 1, 2])]
    result = execute(qml.device("qizgloria.mixed", wires=3), [prepare(x)], measured)
    exact = x.double().numpy() / np.linalg.norm(x.double().numpy())
    np.testing.assert_allclose(result, np.outer(exact, exact), atol=1e-6)


@pytest.mark.parametrize("method", ["best", "device", "parameter-shift"])
@pytest.mark.parametrize("num_wires", [1, 2])
@pytest.mark.parametrize("interface", ["torch", "autograd"])
def test_single_precision_states_on_every_road(interface, num_wires, method):
    """Random states that are normalised in single precision are taken, also where PennyLane or the
    user's model has turned them into double precision, and have trace 1."""
    rng = np.random.default_rng(4)
    device = qml.device("qizgloria.mixed", wires=num_wires)

    @qml.qnode(device, interface=interface, diff_method=method)
    def circuit(vector):
        qml.StatePrep(vector, wires=range(num_wires))
        return qml.probs()

    for _ in range(20):
        exact = rng.normal(size=2**num_wires)
        single = (exact / np.linalg.norm(exact)).astype(np.float32)
        for vector in (single, single.astype(float)):
            leaf = torch.tensor(vector, requires_grad=True)
            leaf = leaf if interface == "torch" else pnp.array(vector, requires_grad=True)
            found = qml.math.toarray(circuit(leaf))
            assert abs(found.sum() - 1) < 1e-12
            np.testing.assert_allclose(found, single.astype(float) ** 2, rtol=0, atol=1e-6)


def test_states_that_are_not_normalised():
    """What is more than rounding is refused, whatever the dtype."""
    device = qml.device("qizgloria.mixed", wires=1)
    for dtype, error in [(np.float64, 1e-3), (np.float32, 1e-3), (np.float16, 0.05)]:
        state = np.array([0.6, 0.8 + error], dtype=dtype)
        for operation in (
            qml.StatePrep(state, 0),
            qml.QubitDensityMatrix(np.outer(state, state), 0),
        ):
            with pytest.raises(ValueError, match=r"must hold a state of (squared norm|trace) 1"):
                execute(device, [operation], [qml.probs()])


def test_derivative_of_amplitudes_near_the_norm():
    """Rescaling takes no part in the derivative, which is default.mixed's."""
    start, gradients = np.array([0.6, 0.8]) * (1 + 1e-5), []
    for name in ("qizgloria.mixed", "default.mixed"):
        leaf = torch.tensor(start, requires_grad=True)

        @qml.qnode(qml.device(name, wires=1), interface="torch", diff_method="backprop")
        def circuit(vector):
            qml.StatePrep(vector, wires=0)
            return qml.expval(qml.Z(0))

        circuit(leaf).backward()
        gradients.append(leaf.grad.numpy())
    np.testing.assert_allclose(*gradients, rtol=0, atol=1e-4)


def test_preparation_gradient_in_torch(rng):
    """Gradients of a state's amplitudes agree with default.qubit."""
    start = rng.normal(size=4)

    def operations(x):
        return [qml.AmplitudeEmbedding(x, [1, 0], normalize=True), qml.RX(0.4, 0), qml.CNOT([0, 1])]

    measured = qml.expval(qml.Y(0) @ qml.Z(1) + 0.7 * qml.X(1))
    ours = torch_gradient("qizgloria.mixed", operations, measured, start)
    theirs = torch_gradient("default.qubit", operations, measured, start)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-10)
    assert np.abs(ours[1]).max() > 1e-2
