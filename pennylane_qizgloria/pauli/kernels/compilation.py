"""The compiled kernels: loaded when they are first needed, and a word where that takes long."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, TimeoutError
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

PATIENCE = 1.5
"""Seconds of loading without a word."""

MESSAGE = (
    "Compiling the kernels for small circuits, once on this machine; it takes about 10 seconds "
    "for each of values, gradients and precisions."
)


class Kernels:
    """The functions of `kernels`, each compiled or loaded at its first call of a precision."""

    def __init__(self) -> None:
        from . import kernels

        self.forward = _announced(kernels.forward)
        self.reverse = _announced(kernels.reverse)
        self.tangent = _announced(kernels.tangent)


@cache
def kernels() -> Kernels:
    """The kernels; numba is imported now."""
    return _with_a_word(Kernels)


def _announced(kernel: Callable[..., None]) -> Callable[..., None]:
    called: set[np.dtype] = set()

    def call(table: tuple[np.ndarray, ...], *arguments: Any) -> None:
        precision = table[-1].dtype
        if precision in called:
            kernel(table, *arguments)
            return
        _with_a_word(partial(kernel, table, *arguments))
        called.add(precision)

    return call


def _with_a_word(function: Callable[[], Result]) -> Result:
    """What a function returns, with a word if it takes longer than one waits for without.

    Both are in threads of their own, so that what watches this one sees neither a compiler at work
    nor the handlers of log messages, which may be anybody's.
    """
    with ThreadPoolExecutor(max_workers=2) as pool:
        future = pool.submit(function)
        try:
            return future.result(PATIENCE)
        except TimeoutError:
            if not future.done():
                pool.submit(logger.warning, MESSAGE)
            return future.result()
