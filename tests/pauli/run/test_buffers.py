"""Memory of past states, used again."""

import pytest
import torch

from pennylane_qizgloria.pauli.run import buffers


@pytest.fixture(autouse=True)
def empty():
    buffers.clear()
    yield
    buffers.clear()


LARGE = buffers.MIN_BYTES // 8
"""How many doubles are enough to be kept."""


def state(batch=1, paulis=LARGE, dtype=torch.float64):
    return torch.zeros(batch, paulis, dtype=dtype)


def taken_again(given, like, batch, paulis):
    return buffers.take(like, batch, paulis).data_ptr() == given.data_ptr()


def test_what_is_given_is_taken_once():
    """A buffer that was given back is taken once."""
    given = state()
    buffers.give(given)
    first = buffers.take(state(), 1, LARGE)
    assert first.data_ptr() == given.data_ptr()
    assert not taken_again(given, state(), 1, LARGE)


def test_a_buffer_serves_every_shape_of_its_size():
    """A buffer serves every shape of its size."""
    given = state()
    buffers.give(given)
    taken = buffers.take(state(1, 4), 4, LARGE // 4)
    assert taken.shape == (4, LARGE // 4)
    assert taken.data_ptr() == given.data_ptr()


@pytest.mark.parametrize(
    ("like", "batch", "paulis"),
    [
        (state(), 2, LARGE),
        (state(), 1, 4 * LARGE),
        (state(dtype=torch.float32), 1, LARGE),
        (state(dtype=torch.float32), 2, LARGE),
    ],
    ids=["batch", "size", "dtype", "as many bytes"],
)
def test_what_does_not_fit_is_not_taken(like, batch, paulis):
    """Buffers of another size or precision are not taken."""
    given = state()
    buffers.give(given)
    taken = buffers.take(like, batch, paulis)
    assert taken.shape == (batch, paulis)
    assert taken.dtype == like.dtype
    assert taken.data_ptr() != given.data_ptr()


def test_small_states_are_left_to_torch():
    """Small states do not use the pool."""
    buffers.give(state(paulis=LARGE - 1))
    assert buffers.held_bytes() == 0
    buffers.give(state())
    assert buffers.held_bytes() == state().nbytes
    assert buffers.take(state(), 1, 4).shape == (1, 4)
    assert buffers.held_bytes() == state().nbytes


def test_strided_views_are_left_alone():
    """Strided views are not taken into the pool."""
    buffers.give(torch.zeros(1, 2 * LARGE)[:, ::2])
    assert buffers.held_bytes() == 0


def test_memory_that_lies_ready_is_bounded(monkeypatch):
    """The memory in the pool is bounded."""
    monkeypatch.setattr(buffers, "MAX_BYTES", 3 * state().nbytes)
    for _ in range(5):
        buffers.give(state())
    assert buffers.held_bytes() == 3 * state().nbytes
    buffers.clear()
    assert buffers.held_bytes() == 0


def test_memory_that_is_taken_is_not_counted(monkeypatch):
    """Memory in use does not count towards the bound."""
    monkeypatch.setattr(buffers, "MAX_BYTES", state().nbytes)
    buffers.give(state())
    taken = buffers.take(state(), 1, LARGE)
    assert buffers.held_bytes() == 0
    buffers.give(taken)
    assert buffers.held_bytes() == state().nbytes
