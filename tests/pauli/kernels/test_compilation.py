"""The kernels are loaded when they are needed, and where that takes long a message says so."""

import logging
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest

from pennylane_qizgloria.pauli.kernels import compilation
from pennylane_qizgloria.pauli.kernels.compilation import MESSAGE, _announced, _with_a_word

SINGLE, DOUBLE = np.zeros(1, np.float32), np.zeros(1)


@pytest.fixture
def messages(caplog):
    """A function that gives the messages so far."""
    caplog.set_level(logging.DEBUG, logger=compilation.__name__)
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


@pytest.fixture
def patience(monkeypatch):
    """A function that sets for how long one waits without a message."""
    return lambda seconds: monkeypatch.setattr(compilation, "PATIENCE", seconds)


@contextmanager
def handled(function):
    """Call a function for each message."""

    class Handler(logging.Handler):
        def emit(self, record):
            function()

    handler = Handler()
    compilation.logger.addHandler(handler)
    try:
        yield
    finally:
        compilation.logger.removeHandler(handler)


def slow():
    time.sleep(0.2)
    return 5


# --- the message ----------------------------------------------------------------------------------


def test_what_takes_long_is_announced(messages, patience):
    """Loading that takes longer than the patience is announced once, as a warning."""
    patience(0.01)
    assert _with_a_word(slow) == 5
    assert messages() == [("WARNING", MESSAGE)]


def test_what_is_quick_is_not_announced(messages, patience):
    """Loading that ends in time has no message."""
    patience(60)
    assert _with_a_word(slow) == 5
    assert messages() == []


def test_the_message_comes_while_one_waits(messages, patience):
    """The message does not wait for the end."""
    patience(0.01)
    seen = threading.Event()
    with handled(seen.set):
        assert _with_a_word(lambda: seen.wait(20))


def test_handlers_of_the_message_run_apart(messages, patience):
    """What watches a thread, as the trace of a layer does, sees no handler of the message."""
    patience(0.01)
    threads = []
    with handled(lambda: threads.append(threading.get_ident())):
        _with_a_word(slow)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("late")], ids=repr)
def test_errors_are_raised(error, messages, patience):
    """An error of the function is raised as it is, without a message, a timeout too."""
    patience(60)

    def fail():
        raise error

    with pytest.raises(type(error), match=str(error)):
        _with_a_word(fail)
    assert messages() == []


def test_late_errors_are_raised(messages, patience):
    """An error that comes after the message is raised, too."""
    patience(0.01)

    def fail():
        slow()
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        _with_a_word(fail)
    assert messages() == [("WARNING", MESSAGE)]


# --- the first call of a kernel -------------------------------------------------------------------


@pytest.fixture
def calls():
    """What a kernel was called with, and by which thread."""
    return []


@pytest.fixture
def kernel(calls):
    """A kernel that remembers its calls."""
    return _announced(lambda *given: calls.append((given, threading.get_ident())))


def test_each_precision_is_loaded_once(kernel, calls):
    """The first call of each precision is made by another thread, all others by one's own."""
    for array in (DOUBLE, SINGLE, DOUBLE, SINGLE):
        kernel((array, array), 7)
    own = threading.get_ident()
    assert [thread == own for _, thread in calls] == [False, False, True, True]
    assert all(given[1:] == (7,) for given, _ in calls)


def test_precision_is_that_of_the_scales(kernel, calls):
    """The last array of a table tells the precision."""
    integers = np.zeros(1, np.int64)
    for table in [(integers, DOUBLE), (integers, SINGLE), (DOUBLE, SINGLE)]:
        kernel(table)
    own = threading.get_ident()
    assert [thread == own for _, thread in calls] == [False, False, True]


def test_first_calls_that_fail_are_made_again():
    """A kernel that could not be loaded is not taken for loaded."""
    threads = []

    def fail(table):
        threads.append(threading.get_ident())
        raise RuntimeError("no compiler")

    kernel = _announced(fail)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no compiler"):
            kernel((DOUBLE,))
    assert threading.get_ident() not in threads


def test_kernels_are_loaded_once():
    """There is one set of kernels."""
    assert compilation.kernels() is compilation.kernels()


# --- when numba is imported -----------------------------------------------------------------------


def modules_after(code):
    """Whether numba is loaded after each line of some code, in a new interpreter."""
    lines = ["import sys", "seen = []"]
    for line in code:
        lines += [line, "seen.append('numba' in sys.modules)"]
    lines.append("print(seen)")
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], check=True, capture_output=True, text=True
    )
    return done.stdout.strip().splitlines()[-1]


def test_numba_is_imported_when_a_kernel_runs():
    """Neither the package nor a device nor a plan imports numba; the first small circuit does."""
    code = [
        "import pennylane as qml, pennylane_qizgloria.nn",
        "from pennylane_qizgloria.pauli.kernels import choice, run, table",
        "device = lambda method: qml.device('qizgloria.mixed', wires=1, method=method)",
        "node = lambda method: qml.QNode(lambda: qml.expval(qml.Z(0)), device(method))",
        "node('planned')()",
        "node('exact')()",
    ]
    assert modules_after(code) == str([False] * 5 + [True])
