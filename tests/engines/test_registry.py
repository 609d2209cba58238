"""Which engine simulates a circuit."""

from __future__ import annotations

from dataclasses import dataclass

import pennylane as qml
import pytest
import torch
from pennylane.tape import QuantumScript

from pennylane_qizgloria.engines import registry
from pennylane_qizgloria.engines.exact import ExactEngine
from pennylane_qizgloria.engines.protocol import Engine
from pennylane_qizgloria.engines.registry import (
    engine_for,
    is_differentiable,
    methods,
    register,
    unregister,
)
from pennylane_qizgloria.lowering.circuit import lower

CIRCUIT = lower(QuantumScript([qml.X(0)], [qml.expval(qml.Z(0))]), torch.float64)


@dataclass(frozen=True, eq=False)
class Stub:
    """An engine that only says what it supports."""

    name: str
    is_differentiable: bool = True
    reason: str | None = None

    def why_not(self, circuit):
        return self.reason

    def run(self, circuits, memory_budget):
        raise AssertionError("not to be run")


@pytest.fixture
def engines(monkeypatch):
    """The engines that are registered, empty at first."""
    own = {}
    monkeypatch.setattr(registry, "_ENGINES", own)
    return own


def test_the_exact_engine_is_there():
    """The engine of Pauli vectors is an engine, differentiable, and the first that auto takes."""
    engine = engine_for(CIRCUIT, "exact")
    assert isinstance(engine, ExactEngine)
    assert isinstance(engine, Engine)
    assert methods()[:2] == ("auto", "exact")
    assert is_differentiable("exact")
    assert engine_for(CIRCUIT, "auto") is engine


def test_auto_takes_the_first_that_supports_the_circuit(engines):
    """Engines are asked in the order of their registration."""
    first, second, third = Stub("one", reason="no."), Stub("two"), Stub("three")
    for engine in (first, second, third):
        register(engine)
    assert methods() == ("auto", "one", "two", "three")
    assert engine_for(CIRCUIT, "auto") is second
    assert engine_for(CIRCUIT, "three") is third


def test_auto_leaves_engines_without_derivatives_out(engines):
    """What cannot be differentiated is taken by name only."""
    plain, smooth = Stub("plain", is_differentiable=False), Stub("smooth")
    register(plain)
    register(smooth)
    assert engine_for(CIRCUIT, "auto") is smooth
    assert engine_for(CIRCUIT, "plain") is plain
    assert is_differentiable("auto")
    assert is_differentiable("smooth")
    assert not is_differentiable("plain")


def test_reasons(engines):
    """Where no engine supports a circuit, each one's reason is in the message."""
    register(Stub("one", reason="too many wires."))
    register(Stub("two", reason="no channels."))
    with pytest.raises(NotImplementedError) as caught:
        engine_for(CIRCUIT, "auto")
    assert str(caught.value) == "method='one': too many wires. method='two': no channels."
    with pytest.raises(NotImplementedError, match=r"^method='two': no channels\.$"):
        engine_for(CIRCUIT, "two")


def test_names(engines):
    """A name belongs to one engine, which may be registered again; "auto" belongs to none."""
    engine = Stub("one")
    register(engine)
    register(engine)
    assert methods() == ("auto", "one")
    for other in (Stub("one"), Stub("auto")):
        with pytest.raises(ValueError, match=f"There is a method '{other.name}' already"):
            register(other)
    assert engines == {"one": engine}


def test_unregister(engines):
    """An engine that is forgotten makes room for another one of its name."""
    register(Stub("one"))
    unregister("one")
    assert methods() == ("auto",)
    register(Stub("one"))
    with pytest.raises(KeyError):
        unregister("two")
