"""Warnings point to the line of the user's, through whatever libraries lie in between."""

import inspect
import warnings
from functools import partial
from types import ModuleType

import pytest

from pennylane_qizgloria.user_warnings import BETWEEN, warn


def library(name, source):
    """A module of a library, whose functions are as if they were installed."""
    module = ModuleType(name)
    exec(compile(inspect.cleandoc(source), f"/site-packages/{name}.py", "exec"), vars(module))
    return module


PASSES_ON = """
    def call(function, *args):
        return function(*args)
"""


def nested(names, message):
    """What calls `warn` through one library after the other, without a frame of its own."""
    first, *rest = [library(name, PASSES_ON).call for name in names]
    return partial(first, *rest, warn, message)


def line_here():
    return inspect.currentframe().f_back.f_lineno


@pytest.mark.parametrize("name", sorted(BETWEEN))
def test_one_library(name):
    """A warning given below any library in between points to the line that called it."""
    with pytest.warns(UserWarning, match="strange") as caught:
        line = nested([name], "strange")() or line_here()
    (warning,) = caught
    assert (warning.filename, warning.lineno) == (__file__, line)


@pytest.mark.parametrize(
    "names",
    [
        ["pennylane", "pennylane_qizgloria"],
        ["pennylane.workflow.qnode", "torch.autograd.function", "pennylane_qizgloria.devices"],
        ["jax._src.core", "pennylane", "jaxtyping", "contextlib", "pennylane_qizgloria.nn"],
        ["autograd.tracer", "pennylane", "pennylane_qizgloria"] * 5,
    ],
    ids=len,
)
def test_nested_libraries(names):
    """A warning points to the user's line, however deep the libraries call one another."""
    with pytest.warns(UserWarning, match="deep") as caught:
        line = nested(names, "deep")() or line_here()
    (warning,) = caught
    assert (warning.filename, warning.lineno) == (__file__, line)


def test_innermost_line_of_the_user():
    """Where a library calls back into the user's code, the warning points there."""

    def callback():
        nested(["pennylane", "pennylane_qizgloria"], "inside")()

    with pytest.warns(UserWarning, match="inside") as caught:
        library("torch.nn", PASSES_ON).call(callback)
    lines, start = inspect.getsourcelines(callback)
    assert caught[0].filename == __file__
    assert start < caught[0].lineno < start + len(lines)


def test_other_libraries_are_users():
    """A library that is built on this one is where the warning points."""
    with pytest.warns(UserWarning, match="theirs") as caught:
        nested(["their_experiments", "pennylane", "pennylane_qizgloria"], "theirs")()
    assert caught[0].filename == "/site-packages/their_experiments.py"


def test_names_that_only_begin_alike():
    """A library whose name begins like one in between is not taken for it."""
    with pytest.warns(UserWarning, match="similar") as caught:
        nested(["torchvision", "torch"], "similar")()
    assert caught[0].filename == "/site-packages/torchvision.py"


def test_category_and_message():
    """The category is the one that is given, and a UserWarning otherwise."""
    with pytest.warns(FutureWarning, match="^soon$"):
        warn("soon", FutureWarning)
    with pytest.warns(UserWarning, match="^now$"):
        warn("now")


def test_each_line_is_warned_once_by_default():
    """Python's filters see the user's line: one line warns once, and two lines twice."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        globals().pop("__warningregistry__", None)
        for _ in range(3):
            nested(["pennylane", "pennylane_qizgloria"], "again")()
        nested(["pennylane", "pennylane_qizgloria"], "again")()
    assert len(caught) == 2
