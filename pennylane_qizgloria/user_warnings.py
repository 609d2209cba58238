"""Warnings that point to the line of the user's that caused them."""

from __future__ import annotations

import inspect
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
    callers = [info.frame for info in inspect.stack(context=0)[1:]]
    users = (level for level, frame in enumerate(callers) if _library(frame) not in BETWEEN)
    warnings.warn(message, category, stacklevel=2 + next(users, len(callers) - 1))


def _library(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
