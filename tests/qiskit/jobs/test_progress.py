"""The line that shows that a job takes its time."""

import pytest

from pennylane_qizgloria.qiskit.jobs.progress import SHOWN_AFTER, ProgressLine


def shown(capsys, enabled, elapsed):
    with ProgressLine(enabled) as line:
        line.show("position 3 in the queue", elapsed)
        written = capsys.readouterr().err
    return written, capsys.readouterr().err


@pytest.mark.parametrize(
    ("enabled", "elapsed", "expected"),
    [
        (True, 2 * SHOWN_AFTER, True),
        (True, 0.5 * SHOWN_AFTER, False),
        (False, 2 * SHOWN_AFTER, False),
        (None, 2 * SHOWN_AFTER, False),  # the tests' stderr is no terminal
    ],
)
def test_it_is_shown_after_a_while(capsys, enabled, elapsed, expected):
    """Short jobs, and programs without a terminal, are left alone."""
    written, _ = shown(capsys, enabled, elapsed)
    assert ("position 3 in the queue" in written) is expected


def test_it_is_removed_at_last(capsys):
    """The line is written over when the job has ended."""
    _, at_last = shown(capsys, True, 2 * SHOWN_AFTER)
    assert at_last.endswith("\r")
    assert not at_last.strip()
