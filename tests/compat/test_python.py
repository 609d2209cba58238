"""What is relied on of Python although it is not public."""

import functools
import sys

from pennylane_qizgloria._compat import python as compat


def test_imports_run_through_one_function():
    """A profiler sees the code of imports before it sees a module's own."""
    seen = []

    def on_event(frame, event, argument):
        seen.append(frame.f_code)

    before = sys.getprofile()
    sys.modules.pop("colorsys", None)
    sys.setprofile(on_event)
    try:
        import colorsys  # noqa: F401 (a small module that nobody else has imported)
    finally:
        sys.setprofile(before)
    del sys.modules["colorsys"]
    assert compat.code_of_imports() in seen


def test_cached_functions():
    """Functions that lru_cache makes are of that type."""
    assert isinstance(functools.cache(lambda: None), compat.CachedFunction)
    assert not isinstance(len, compat.CachedFunction)
