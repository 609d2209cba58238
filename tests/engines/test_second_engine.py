"""A second engine behind the device, which knows nothing of it."""

import warnings

import numpy as np
import pennylane as qml
import pytest
from helpers import dense_engine
from helpers.device_suite import passed_in_device_suite
from pennylane.exceptions import QuantumFunctionError

from pennylane_qizgloria.engines.registry import methods, register, unregister

MATRIX = np.array([[1, 2 - 1j], [2 + 1j, -1]])
MEASUREMENTS = {
    "words": lambda: [qml.expval(qml.Z(0) @ qml.X(1)), qml.var(qml.Y(2)), qml.expval(qml.Z(1))],
    "matrices": lambda: [qml.expval(qml.Hermitian(MATRIX, 1)), qml.probs(op=qml.Hadamard(0))],
    "probabilities": lambda: [qml.probs(wires=[2, 0]), qml.var(qml.Hermitian(MATRIX, 2))],
    "states": lambda: [qml.density_matrix([2, 0]), qml.purity([1]), qml.vn_entropy([0, 2])],
}


def circuit(x, measurements):
    qml.StatePrep(np.array([0.6, 0.8j]), 2)
    qml.RX(x, 0)
    qml.CNOT([0, 1])
    qml.QubitUnitary(qml.matrix(qml.Rot(0.3, 0.4, 0.5, 0)), 2)
    qml.DepolarizingChannel(0.1, 0)
    qml.CRY(0.7, [2, 1])
    qml.MultiControlledX([0, 1, 2, 3])
    return measurements()


@pytest.mark.parametrize("readout_prob", [None, (0.1, 0.03)])
@pytest.mark.parametrize("x", [0.4, np.array([0.4, -1.1])], ids=["single", "batch"])
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_both_engines_agree(name, x, readout_prob):
    """Whatever is measured, and with readout error, both give the same results."""
    found = []
    for method in ("exact", "dense"):
        device = qml.device("qizgloria.mixed", wires=4, readout_prob=readout_prob, method=method)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that states are exact in spite of readout error
            found.append(qml.QNode(circuit, device)(x, MEASUREMENTS[name]))
    for exact, dense in zip(*found, strict=True):
        np.testing.assert_allclose(dense, exact, atol=1e-10)
        assert np.shape(dense) == np.shape(exact)


@pytest.mark.parametrize(
    "measure", [qml.sample, qml.counts, lambda: qml.expval(qml.X(0) @ qml.Y(1))]
)
def test_shots_are_the_same_for_equal_seeds(measure):
    """Sampling is the same for all engines: it takes what they give for distributions."""
    results = [
        qml.set_shots(qml.QNode(circuit, device(method)), 200)(0.4, lambda: [measure()])
        for method in ("exact", "dense")
    ]
    assert repr(results[0]) == repr(results[1])


def device(method, **options):
    return qml.device("qizgloria.mixed", wires=4, seed=5, method=method, **options)


def test_gradients_are_taken_by_shifts_where_an_engine_has_none():
    """The best derivative of an engine without any is that of shifted circuits."""
    gradients = [
        qml.grad(qml.QNode(circuit, device(method), diff_method="best"))(
            qml.numpy.array(0.4), lambda: qml.expval(qml.Z(1))
        )
        for method in ("exact", "dense")
    ]
    assert abs(gradients[0]) > 0.1
    np.testing.assert_allclose(gradients[1], gradients[0], atol=1e-9)


@pytest.mark.parametrize("diff_method", ["backprop", "adjoint"])
def test_other_derivatives_are_refused_there(diff_method):
    """PennyLane says that the device does not support them."""
    with pytest.raises(QuantumFunctionError, match=f"does not support {diff_method}"):
        qml.QNode(circuit, device("dense"), diff_method=diff_method)(0.4, MEASUREMENTS["words"])


def test_unsupported_circuits_say_why():
    """An engine gives its reason, and the device names it."""
    own = qml.device("qizgloria.mixed", method="dense")
    node = qml.QNode(lambda: qml.expval(qml.prod(*map(qml.Z, range(9)))), own)
    with pytest.raises(NotImplementedError, match=r"method='dense': a density matrix of 9 wires"):
        node()


def test_what_auto_takes():
    """``"auto"`` takes the first engine; unknown methods are refused with those there are."""
    assert methods()[:2] == ("auto", "exact")
    with pytest.raises(ValueError, match="has no method 'fast'; it has 'auto', 'exact'"):
        qml.device("qizgloria.mixed", method="fast")


def test_names_are_unique():
    """A second engine of one name is refused, and one that is unregistered is unknown."""

    class Other(dense_engine.DenseEngine):
        name = "other"

    register(Other())
    with pytest.raises(ValueError, match="method 'other' already"):
        register(Other())
    unregister("other")
    assert "other" not in methods()


@pytest.mark.parametrize("shots", [None, pytest.param(8192, marks=pytest.mark.slow)])
def test_it_passes_the_device_suite(shots):
    """PennyLane's own tests of devices pass with it, without a change elsewhere."""
    arguments = ["-p", "helpers.dense_engine", "--device-kwargs", "method=dense"]
    assert passed_in_device_suite("qizgloria.mixed", shots, *arguments) > 100
