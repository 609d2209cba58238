"""A line on stderr while a job takes its time."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped]

SHOWN_AFTER = 1.0
"""In seconds: a job that is done by then leaves the terminal alone."""


class ProgressLine:
    """One line, written over and at last removed; a context manager.

    Args:
        enabled: None for: if stderr is a terminal.
    """

    def __init__(self, enabled: bool | None) -> None:
        self._enabled = sys.stderr.isatty() if enabled is None else enabled
        self._line: Any = None

    def show(self, text: str, elapsed: float) -> None:
        """Show the text, if more than :data:`SHOWN_AFTER` seconds have elapsed."""
        if not self._enabled or elapsed < SHOWN_AFTER:
            return
        if self._line is None:
            self._line = tqdm(bar_format="{desc}", file=sys.stderr, leave=False)
        self._line.set_description_str(text)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.close()
