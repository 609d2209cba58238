"""The device of these tests: Qiskit backends, Aer unless a test asks for another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pennylane as qml
import pytest
from qiskit.providers import BackendV2

from pennylane_qizgloria.qiskit.backends.resolve import resolve_backend


@pytest.fixture
def make_device() -> Callable[..., qml.devices.Device]:
    def make(wires: Any = 4, **options: Any) -> qml.devices.Device:
        return qml.device("qizgloria.qiskit", wires=wires, **{"seed": 11, **options})

    return make


@pytest.fixture(scope="session")
def fake_backend() -> Callable[[str], BackendV2]:
    """A function that gives a fake backend by name: one for all tests, as its noise takes time."""
    return cache(resolve_backend)


@pytest.fixture(scope="session")
def assert_within() -> Callable[..., None]:
    """A function that compares an estimate with its exact value, in standard errors.

    The bound on the standard error is that of a result with values in [-scale, scale].
    """

    def compare(found: Any, exact: Any, shots: int, scale: float = 1.0, errors: float = 5) -> None:
        found, exact = np.asarray(found), np.asarray(exact)
        assert found.shape == exact.shape
        np.testing.assert_allclose(found, exact, rtol=0, atol=errors * scale / np.sqrt(shots))

    return compare
