"""What is used of Python although it is not public, see `tests/compat/test_python.py`."""

from __future__ import annotations

import importlib
from functools import lru_cache
from types import CodeType


def code_of_imports() -> CodeType:
    """The code that runs where a module is imported, with all that the import calls.

    A profiler that leaves imports out has to know it; no public function is on the stack.
    """
    return importlib._bootstrap._find_and_load.__code__  # type: ignore[attr-defined]


CachedFunction = type(lru_cache(maxsize=1)(lambda: None))
"""The type of what ``functools.lru_cache`` makes, which has no public name."""
