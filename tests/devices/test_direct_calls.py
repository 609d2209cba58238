"""The devices' own methods, called directly with what a QNode would not give them."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
from helpers.devices import mixed_device
from pennylane.devices import ExecutionConfig
from pennylane.exceptions import DeviceError, QuantumFunctionError
from pennylane.tape import QuantumScript

NAMES = ["qizgloria.mixed", "qizgloria.qiskit"]


def tape(*measurements, shots=None):
    measurements = measurements or (qml.expval(qml.Z(0)),)
    return QuantumScript([qml.RX(0.3, 0)], measurements, shots=shots, trainable_params=[0])


@pytest.fixture(params=NAMES)
def any_device(request):
    return qml.device(request.param, wires=1)


@pytest.mark.parametrize("method", ["execute", "compute_derivatives"])
@pytest.mark.parametrize("circuits", [None, 3, "x", [3], qml.RX(0.1, 0)], ids=repr)
def test_no_circuit(method, circuits, any_device):
    """What is no circuit is named."""
    with pytest.raises(TypeError, match=f"{any_device.name} runs a QuantumScript.*, got "):
        getattr(any_device, method)(circuits)


@pytest.mark.parametrize(
    "method", ["execute", "compute_derivatives", "supports_derivatives", "supports_vjp"]
)
def test_no_configuration(method, any_device):
    """What is no execution configuration is named."""
    arguments = [{"a": 1}] if method.startswith("supports") else [tape(), {"a": 1}]
    with pytest.raises(TypeError, match=rf"{any_device.name} takes a qml.*Config.*\{{'a': 1\}}"):
        getattr(any_device, method)(*arguments)


def test_supports_of_no_circuit(any_device):
    """What is no circuit is named where one may be left out, too."""
    with pytest.raises(TypeError, match=f"{any_device.name} takes a QuantumScript .*got 3"):
        any_device.supports_derivatives(ExecutionConfig(), 3)


@pytest.mark.parametrize("cotangents", [1.0, [], [1.0, 2.0]], ids=repr)
def test_one_cotangent_for_each_circuit(cotangents, any_device):
    """A number for a batch of circuits, or sets too many or too few, are refused."""
    with pytest.raises((TypeError, ValueError), match=f"{any_device.name} takes as cotangents"):
        any_device.compute_vjp([tape()], cotangents)


@pytest.mark.parametrize(
    ("measurements", "cotangent", "message"),
    [
        ([qml.expval(qml.Z(0))], np.ones(3), r"shape \(\).*got \(3,\)"),
        ([qml.probs([0])], 2.0, r"shape \(2,\).*got \(\)"),
        ([qml.expval(qml.Z(0)), qml.probs([0])], 1.0, "2 results, got 1.0"),
        ([qml.expval(qml.Z(0)), qml.probs([0])], (1.0, np.ones(2), 1.0), "2 results, got 3"),
        ([qml.expval(qml.Z(0))], None, "number.*got None"),
        ([qml.expval(qml.Z(0))], "a", "number.*got 'a'"),
    ],
)
@pytest.mark.parametrize("shots", [None, 10])
def test_cotangents_of_other_shapes(measurements, cotangent, message, shots, any_device):
    """Cotangents have the shapes of the results."""
    with pytest.raises((TypeError, ValueError), match=f"{any_device.name}: .*{message}"):
        any_device.compute_vjp([tape(*measurements, shots=shots)], [cotangent])


@pytest.mark.parametrize("shots", [None, 10])
@pytest.mark.parametrize("cotangent", [(1.0,), (1.0, 2.0), "x"], ids=repr)
def test_cotangents_of_one_circuit(cotangent, shots, any_device):
    """A circuit alone takes what has the shape of its result, alone too."""
    with pytest.raises((TypeError, ValueError), match=f"{any_device.name}: A cotangent .*, got "):
        any_device.compute_vjp(tape(shots=shots), cotangent)


def test_cotangents_of_several_shots(any_device):
    """There is one set for each number of shots."""
    circuit = tape(shots=[10, 20])
    with pytest.raises(ValueError, match=f"{any_device.name}: .* 2 numbers of shots, got 1.0"):
        any_device.compute_vjp([circuit], [1.0])
    (product,) = any_device.compute_vjp([circuit], [(0.0, 0.0)])
    np.testing.assert_array_equal(product[0], 0.0)


@pytest.mark.parametrize(
    ("tangents", "message"),
    [
        (1.0, "takes as tangents"),
        ([(1.0,), (1.0,)], "takes as tangents.*got 2 for 1"),
        ([1.0], "1 trainable parameters, got 1.0"),
        ([(1.0, 2.0)], "1 trainable parameters, got 2"),
        ([(np.ones(3),)], r"shape \(\).*got \(3,\)"),
    ],
)
@pytest.mark.parametrize("shots", [None, 10])
def test_tangents_of_other_shapes(tangents, message, shots):
    """Tangents have the shapes of the parameters."""
    with pytest.raises((TypeError, ValueError), match=f"qizgloria.mixed.*{message}"):
        mixed_device(1).compute_jvp([tape(shots=shots)], tangents)


@pytest.mark.parametrize("method", ["compute_jvp", "execute_and_compute_jvp"])
def test_products_that_there_are_not(method):
    """The message says which derivatives there are."""
    device = qml.device("qizgloria.qiskit", wires=1)
    with pytest.raises(NotImplementedError, match=r"qizgloria.qiskit gives no .*compute_vjp"):
        getattr(device, method)([tape()], [(1.0,)])


@pytest.mark.parametrize("shots", [None, 10, [10, 20]])
def test_nothing_measured(shots, any_device):
    """A circuit without measurements has no results, and takes none from others."""
    silent = QuantumScript([qml.RX(np.full(3, 0.3), 0)], [], shots=shots)
    assert any_device.execute(silent) == ()
    measured = QuantumScript([qml.X(0)], [qml.expval(qml.Z(0))], shots=shots)
    first, second, third = any_device.execute([silent, measured, silent])
    assert (first, third) == ((), ())
    np.testing.assert_allclose(second, -1.0, atol=1e-12)


@pytest.mark.parametrize("shots", [None, 10])
@pytest.mark.parametrize("method", ["backprop", "adjoint"])
def test_derivatives_from_inside(method, shots):
    """Qiskit's backends have no such derivatives, and the message says what there is."""
    device = qml.device("qizgloria.qiskit", wires=1)
    message = rf"^qizgloria.qiskit: diff_method='{method}' .*'parameter-shift'.*qizgloria.mixed"
    with pytest.raises(QuantumFunctionError, match=message):
        qml.set_shots(qml.QNode(lambda: qml.expval(qml.Z(0)), device, diff_method=method), shots)()


@pytest.mark.parametrize("measurement", [qml.counts, qml.sample], ids=["counts", "sample"])
def test_samples_without_shots(measurement, any_device):
    """The message says how to give a number of shots."""
    circuit = qml.QNode(lambda: measurement(), any_device)
    with pytest.raises(DeviceError, match=rf"{any_device.name}.*qml\.set_shots\(circuit, 1000\)"):
        circuit()


@pytest.mark.parametrize("measurement", [qml.state, lambda: qml.density_matrix([0])])
def test_states_with_shots(measurement, any_device):
    """The message says how to leave the shots out."""
    circuit = qml.set_shots(qml.QNode(lambda: measurement(), any_device), 10)
    with pytest.raises(DeviceError, match=rf"{any_device.name}.*qml\.set_shots\(circuit, None\)"):
        circuit()
