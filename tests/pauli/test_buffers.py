"""Memory of past states, used again."""

import pytest
import torch

from pennylane_qizgloria.pauli import buffers


@pytest.fixture(autouse=True)
def empty():
    buffers.clear()
    yield
    buffers.clear()


def state(batch=1, paulis=16, dtype=torch.float64):
    return torch.zeros(batch, paulis, dtype=dtype)


def test_what_is_given_is_taken():
    """Every step would allocate."""
    given = state()
    buffers.give(given)
    assert buffers.take(state(), 1) is given
    assert buffers.take(state(), 1) is not given


@pytest.mark.parametrize(
    "other",
    [state(2), state(paulis=64), state(dtype=torch.float32)],
    ids=["batch", "size", "dtype"],
)
def test_what_does_not_fit_is_not_taken(other):
    """A step would write to memory of another shape or precision."""
    given = state()
    buffers.give(given)
    taken = buffers.take(other, len(other))
    assert taken.shape == other.shape
    assert taken.dtype == other.dtype


def test_views_are_left_alone():
    """Every second number of something larger would be written to, slowly."""
    buffers.give(torch.zeros(1, 32)[:, ::2])
    assert buffers.held_bytes() == 0


def test_memory_that_lies_ready_is_bounded(monkeypatch):
    """A long program would end up with all the memory of the machine."""
    monkeypatch.setattr(buffers, "MAX_BYTES", 3 * state().nbytes)
    for _ in range(5):
        buffers.give(state())
    assert buffers.held_bytes() == 3 * state().nbytes
    buffers.clear()
    assert buffers.held_bytes() == 0
