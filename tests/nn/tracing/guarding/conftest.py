"""Set-up of the tests of guards."""

import pytest

from pennylane_qizgloria.nn.tracing.trace_cache import TracingAccount


@pytest.fixture(autouse=True)
def trace_after_watching(monkeypatch):
    """Trace a call as soon as one before it has been watched, although that does not pay."""
    monkeypatch.setattr(TracingAccount, "pays", lambda self, history: history.calls > 1)
