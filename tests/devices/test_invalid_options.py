"""Settings of the device that make no sense are refused, when it is made or for one call."""

from __future__ import annotations

import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.devices import mixed_device
from pennylane.exceptions import DeviceError


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (-0.1, ValueError, r"must be in the range \[0,1\], got -0.1"),
        ({0: 1.2}, ValueError, r"of wire 0 must be in the range \[0,1\], got 1.2"),
        ("0.1", TypeError, "is '0.1' of type str; it must be a float p, a pair"),
        (True, TypeError, "is True of type bool"),
        (object(), TypeError, "of type object"),
        ([0.1, 0.2, 0.3], ValueError, r"shape \(3,\); it must be"),
        ([np.eye(2)] * 2, ValueError, "2 confusion matrices for 3 wires"),
        ({5: 0.1}, ValueError, r"wires \[5\], but the device has \[0, 1, 2\]"),
    ],
    ids=["negative", "above 1", "str", "bool", "object", "length", "matrices", "wire"],
)
def test_readout_error(given, error, message):
    """A readout error that is not one of the accepted forms is refused."""
    with pytest.raises(error, match=message):
        mixed_device(3, readout_prob=given)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"r_dtype": np.float16}, "float16"),
        ({"r_dtype": torch.bfloat16}, "bfloat16"),
        ({"r_dtype": int}, "int64"),
        ({"c_dtype": np.complex256}, "complex256"),
    ],
    ids=str,
)
def test_unknown_precision(options, named):
    """Precisions other than single and double are refused."""
    with pytest.raises(ValueError, match=f"single or double precision, not in {named}: r_dtype is"):
        mixed_device(1, **options)


@pytest.mark.parametrize("value", ["banana", 3, object()], ids=["banana", "3", "object"])
def test_precision_that_is_none(value):
    """What is not a dtype is refused with the dtypes that are accepted."""
    with pytest.raises(ValueError, match="r_dtype is float32 or float64"):
        mixed_device(1, r_dtype=value)


def test_two_precisions():
    """Contradicting dtypes are refused."""
    with pytest.raises(ValueError, match="of one precision, got float64 and complex64"):
        mixed_device(1, r_dtype=np.float64, c_dtype=np.complex64)


@pytest.mark.parametrize("value", [0, -1])
def test_memory_budget(value):
    """A memory budget that is not a positive number of bytes is refused."""
    with pytest.raises(ValueError, match=f"memory_budget.*{value!r}"):
        mixed_device(1, memory_budget=value)


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("readout_porb", r"Did you mean 'readout_prob'\?"),
        ("sed", r"Did you mean 'seed'\?"),
        ("memory", r"Did you mean 'memory_budget'\?"),
        ("noise_modle", r"Did you mean 'noise_model'\?"),
        ("backend", r"It is an option of qizgloria.qiskit\."),
        ("diff_method", r"It belongs to the QNode\."),
        ("colour", r"It has wires, shots, seed, readout_prob, .*\."),
    ],
)
def test_option_that_there_is_not(option, hint):
    """What is meant is said, or where it belongs."""
    with pytest.raises(TypeError, match=rf"^qizgloria.mixed has no option '{option}'. {hint}$"):
        mixed_device(1, **{option: 1})


def test_unknown_option(device):
    """A misspelt option is refused."""
    config = qml.devices.ExecutionConfig(device_options={"r_type": np.float32})
    with pytest.raises(DeviceError, match=r"qizgloria.mixed has no device option 'r_type'; it has"):
        device.setup_execution_config(config)


@pytest.mark.parametrize("value", [torch.float16, "float128", np.int64], ids=str)
def test_option_with_a_bad_value(value, device):
    """A precision for one call is checked as the device's own is."""
    config = qml.devices.ExecutionConfig(device_options={"r_dtype": value})
    with pytest.raises(ValueError, match="single or double precision"):
        device.execute(
            qml.tape.QuantumScript([qml.RX(0.1, 0)], [qml.expval(qml.Z(0))]),
            device.setup_execution_config(config),
        )


@pytest.mark.parametrize("value", [torch.float32, np.float32, "float32"], ids=str)
def test_option_with_a_good_value(value, device):
    """A precision for one call is accepted where the device accepts it."""
    config = device.setup_execution_config(
        qml.devices.ExecutionConfig(device_options={"r_dtype": value})
    )
    result = device.execute(
        qml.tape.QuantumScript([qml.RX(0.1, 0)], [qml.expval(qml.Z(0))]), config
    )
    assert result.dtype == np.float32


@pytest.mark.parametrize("method", ["one-shot", "tree-traversal"])
@pytest.mark.parametrize("shots", [None, 10])
def test_method_for_mid_circuit_measurements(method, shots, device):
    """Methods for mid-circuit measurements other than deferral are refused."""

    @qml.set_shots(shots)
    @qml.qnode(device, mcm_method=method)
    def circuit():
        return qml.expval(qml.measure(0))

    with pytest.raises(DeviceError, match=f"mixed defers mid-circuit .* mcm_method='{method}'"):
        circuit()
