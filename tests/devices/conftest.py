"""Set-up for the tests of devices: a device, random numbers, and parameters to go through."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import numpy as np
import pennylane as qml
import pytest
import torch
from helpers.derivatives import gradient
from helpers.devices import mixed_device
from helpers.execution import execute_tuple
from helpers.operations import CHANNELS, GATES
from pennylane.operation import Operator
from pennylane.tape import QuantumScript

jax.config.update("jax_enable_x64", True)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """Every test starts from the same state of the global generators."""
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)


@pytest.fixture
def device() -> Iterator[qml.devices.Device]:
    """A device that must give the right result after whatever a test has done to it."""
    own = mixed_device(3, seed=1)
    yield own
    tape = QuantumScript([qml.RX(0.5, 0), qml.BitFlip(0.1, 0)], [qml.expval(qml.Z(0))])
    (value,) = qml.execute([tape], own, diff_method=None)
    assert abs(value - 0.8 * np.cos(0.5)) < 1e-12


@pytest.fixture(params=GATES, ids=lambda gate: f"{gate[0].__name__} on {gate[1]}")
def gate(request: pytest.FixtureRequest) -> tuple[Callable[..., Operator], int, int]:
    """Each gate that has angles: what makes it, how many wires, how many angles."""
    return request.param


@pytest.fixture(params=CHANNELS, ids=lambda channel: channel[0].__name__)
def channel(request: pytest.FixtureRequest) -> tuple[Callable[..., Operator], int]:
    """Each channel on one wire: what makes it, how many strengths."""
    return request.param


@pytest.fixture(params=["torch", "autograd", "jax"])
def interface(request: pytest.FixtureRequest) -> str:
    """Each interface that differentiates."""
    return request.param


# For tests/devices/qiskit, until they import the functions.
@pytest.fixture(scope="session")
def run() -> Callable[..., Any]:
    return execute_tuple


@pytest.fixture
def differentiate(interface: str) -> Callable[..., np.ndarray]:
    return partial(gradient, interface=interface)
