"""How functions are compiled.

numba compiles a function when it is first called. It is imported by this folder's compiled modules
only, and these when a kernel is first run. Slices of arrays take longer than what is done with them
here, so compiled functions are given arrays and places.
"""

from __future__ import annotations

from typing import Any

from numba import njit

# Sums may be taken in any order. NaN and infinity stay what they are.
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract"},
}

compiled = njit(**OPTIONS)

inlined = njit(forceinline=True, **OPTIONS)
"""For functions that take less time than a call that hands over arrays."""


@inlined
def at(index):
    """An index of which LLVM sees that it is not negative, as it must to vectorise a loop."""
    return index & 0xFFFFFFFFFF
