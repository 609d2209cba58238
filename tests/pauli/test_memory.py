"""What is refused for lack of memory, and what the message says."""

import psutil
import pytest
import torch

from pennylane_qizgloria.pauli import memory
from pennylane_qizgloria.pauli.memory import available_bytes, check_memory

CPU = torch.device("cpu")
GIB = 2**30


@pytest.fixture
def free(monkeypatch):
    """A function that sets how much memory is free."""
    return lambda size: monkeypatch.setattr(memory, "available_bytes", lambda device: size)


def test_a_state_that_fits_is_accepted(free):
    """A state that just fits is accepted: two buffers of 4**13 doubles are 1 GiB."""
    free(GIB)
    check_memory(13, 4**13, 1, torch.float64, CPU)
    check_memory(13, 4**13, 2, torch.float32, CPU)
    check_memory(12, 4**12, 4, torch.float64, CPU)


@pytest.mark.parametrize(
    ("wires", "batch", "dtype"),
    [(13, 1, torch.float64), (13, 2, torch.float32), (12, 4, torch.float64)],
)
def test_a_state_that_does_not_fit_is_refused(wires, batch, dtype, free):
    """A state that does not fit is refused, where batch, precision and wires all count."""
    free(GIB - 1)
    with pytest.raises(MemoryError):
        check_memory(wires, 4**wires, batch, dtype, CPU)


def test_the_message_names_what_is_needed_and_what_is_free(free):
    """The message names the memory that is needed and that is free, and what to do."""
    free(3 * GIB // 2)
    with pytest.raises(MemoryError) as caught:
        check_memory(14, 4**14, 5, torch.float64, CPU)
    message = str(caught.value)
    for part in ("14 wires", "float64", "20 GiB", "5 states", "1.5 GiB are free", "cpu", "float32"):
        assert part in message
    assert "torch.float64" not in message


def test_a_single_state_is_not_called_a_batch(free):
    """The message about a single state does not mention a batch."""
    free(1)
    with pytest.raises(MemoryError, match=r"13 wires in float64 needs 1 GiB \(2 buffers") as caught:
        check_memory(13, 4**13, 1, torch.float64, CPU)
    assert "states" not in str(caught.value)


def test_a_state_that_no_machine_can_hold_is_refused_at_once():
    """A state that no machine can hold is refused before allocation: 2**124 bytes here."""
    with pytest.raises(MemoryError, match="60 wires"):
        check_memory(60, 4**60, 1, torch.float64, CPU)


def test_small_states_are_not_checked(monkeypatch):
    """Small states are not checked."""

    def fail(device):
        raise AssertionError("asked for the free memory")

    monkeypatch.setattr(memory, "available_bytes", fail)
    check_memory(9, 4**9, 1, torch.float64, CPU)
    with pytest.raises(AssertionError, match="asked"):
        check_memory(10, 4**10, 1, torch.float64, CPU)


def test_available_bytes_is_what_the_system_reports(monkeypatch):
    """Available memory is what the system reports."""

    class Report:
        available, total = 12345, 99999

    monkeypatch.setattr(psutil, "virtual_memory", Report)
    assert available_bytes(CPU) == 12345
