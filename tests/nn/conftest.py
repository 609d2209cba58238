"""Set-up of the tests of torch modules."""

import jaxtyping
import pytest
import torch
from helpers.layers import NUM_WIRES, rotated_qnode

from pennylane_qizgloria.nn.layer import TorchLayer
from pennylane_qizgloria.nn.tracing.trace_cache import TracingAccount

PAYS = TracingAccount.pays


@pytest.fixture
def layer():
    """A TorchLayer of `rotated_qnode`, in double precision."""
    torch.manual_seed(5)
    return TorchLayer(rotated_qnode(), {"weights": (1, NUM_WIRES, 3)}).double()


@pytest.fixture(autouse=True)
def trace_at_once(monkeypatch):
    """Trace each call at once, although that does not pay."""
    monkeypatch.setattr(TracingAccount, "pays", lambda self, history: True)


@pytest.fixture
def patient(monkeypatch):
    """Traces are made when they pay."""
    monkeypatch.setattr(TracingAccount, "pays", PAYS)


@pytest.fixture
def unchecked_types():
    """Switch off the checks of types that tests make: torch.compile cannot look into them."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
