"""Warnings that point to the line of the user's that caused them."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

BETWEEN = frozenset(
    {"pennylane_qizgloria", "pennylane", "torch", "autograd", "jax", "contextlib", "jaxtyping"}
)
"""Libraries through which a call of the user's comes to where a warning is given."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Give a warning at the innermost line that belongs to none of the libraries in between.

    (Python 3.12's ``skip_file_prefixes`` does this.)
    """
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _library(frame) in BETWEEN:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _library(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
