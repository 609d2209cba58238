"""Layers inside programs that torch writes down: ``torch.jit.trace`` and ``torch.export``.

What is written down are the operations of a trace. To make one, the QNode runs in a thread of
its own, where torch writes nothing down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor

from ..._compat.torch import FakeTensor

Result = TypeVar("Result")


def is_exported() -> bool:
    """Whether torch writes down what happens now."""
    return torch.jit.is_tracing() or torch.compiler.is_exporting()


def in_a_thread(function: Callable[[], Result]) -> Result:
    """What a function returns in another thread."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(function).result()


def require_fixed_sizes(tensors: Sequence[Tensor]) -> None:
    """Refuse shapes that are to hold for any size.

    Raises:
        ValueError: saying how to export.
    """
    if any(isinstance(size, torch.SymInt) for tensor in tensors for size in tensor.shape):
        raise ValueError(
            "A layer is exported for inputs of one shape: leave out dynamic_shapes, and export a "
            "program for each batch size."
        )


def real_examples(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors with numbers like those of others, which may have none.

    ``torch.export`` knows shapes only. Numbers from 0.1 to 0.9 are angles and probabilities.
    """
    return [_numbers_like(x) if isinstance(x, FakeTensor) else x for x in tensors]


def _numbers_like(tensor: Tensor) -> Tensor:
    numbers = torch.linspace(0.1, 0.9, tensor.numel(), dtype=torch.float64)
    return numbers.reshape(tensor.shape).to(tensor.dtype)
