"""Refusing a simulation that cannot fit, before anything is allocated."""

from __future__ import annotations

import psutil
import torch

BUFFERS = 2
"""A step reads one buffer of the state's size and writes another."""


def state_bytes(paulis: int, batch: int, dtype: torch.dtype) -> int:
    """The size of a batch of Pauli vectors: ``batch * 4**n`` real numbers."""
    return batch * paulis * dtype.itemsize


def available_bytes(device: torch.device) -> int:
    """The memory that is free on a torch device, what torch has reserved there included."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        reserved = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return free + reserved
    return psutil.virtual_memory().available


def check_memory(
    num_wires: int, paulis: int, batch: int, dtype: torch.dtype, device: torch.device
) -> None:
    """Raise a MemoryError that says what a simulation needs and what is there.

    Args:
        num_wires: for the message.
        paulis: the number of words of the largest state on the way.
        batch: how many states.
        dtype: of their entries.
        device: where they lie.
    """
    each = f" for each of {batch} states" if batch > 1 else ""
    what = f"A mixed state of {num_wires} wires in {_name(dtype)}"
    how = f"{BUFFERS} buffers of {paulis} numbers{each}"
    check_fits(BUFFERS * state_bytes(paulis, batch, dtype), what, how, device)


def check_result(numbers: int, batch: int, dtype: torch.dtype, device: torch.device) -> None:
    """Raise a MemoryError if a result, with what it is computed from, does not fit."""
    each = f" for each of {batch} results" if batch > 1 else ""
    what = f"A measurement with {numbers} outcomes or matrix entries in {_name(dtype)}"
    check_fits(
        BUFFERS * state_bytes(numbers, batch, dtype), what, f"{numbers} numbers{each}", device
    )


def check_fits(needed: int, what: str, how: str, device: torch.device) -> None:
    """Raise a MemoryError if so many bytes are not free."""
    # Looking up the free memory takes longer than a small circuit, and little always fits.
    if needed < 2**24:
        return
    free = available_bytes(device)
    if needed > free:
        raise MemoryError(
            f"{what} needs {needed / 2**30:.3g} GiB ({how}), but {free / 2**30:.3g} GiB are free "
            f"on {device}. Use fewer wires, a smaller batch, or single precision "
            "(r_dtype=numpy.float32)."
        )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
