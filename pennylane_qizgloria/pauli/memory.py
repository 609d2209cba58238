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


def check_memory(num_wires: int, batch: int, dtype: torch.dtype, device: torch.device) -> None:
    """Raise a MemoryError that says what is needed and what is there."""
    needed = BUFFERS * state_bytes(4**num_wires, batch, dtype)
    # Looking up the free memory takes longer than a small circuit, and a small state always fits.
    if needed < 2**24:
        return
    free = available_bytes(device)
    if needed > free:
        each = f" for each of {batch} states" if batch > 1 else ""
        raise MemoryError(
            f"A mixed state of {num_wires} wires in {str(dtype).removeprefix('torch.')} needs "
            f"{needed / 2**30:.3g} GiB ({BUFFERS} buffers of 4**{num_wires} numbers{each}), "
            f"but {free / 2**30:.3g} GiB are free on {device}. Use fewer wires, a smaller batch, "
            "or single precision (r_dtype=numpy.float32)."
        )
