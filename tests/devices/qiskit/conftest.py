"""The device of these tests: Qiskit backends, Aer unless a test asks for another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

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
