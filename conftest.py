"""Checks array shapes while tests run, and runs examples as tests.

Signatures say which shapes go in and out, and only here this is checked.

The examples are those of README.md, doc/ and the package's docstrings. Each file is one test: its
examples build on each other, so they must not be shared out among workers. Outputs may be
abbreviated by ``...``, and white space may differ.
"""

from doctest import ELLIPSIS, NORMALIZE_WHITESPACE
from pathlib import Path

import numpy as np
import pennylane as qml
import pytest
import torch
from jaxtyping import install_import_hook
from sybil import Sybil
from sybil.document import PythonDocStringDocument
from sybil.example import SybilFailure
from sybil.parsers.markdown import PythonCodeBlockParser
from sybil.parsers.rest import DocTestParser

UNCHECKED = {"observation", "jit", "compiled_runs", "compiled_steps", "kernels"}
"""Modules that call functions within functions so often that checks would take most of the time:
each of these functions is wrapped anew, and one is called for every function that Python runs. And
the functions that numba compiles."""


def checked_modules():
    root = Path(__file__).parent
    files = (root / "pennylane_qizgloria").rglob("*.py")
    left_out = UNCHECKED | {"__init__"}
    return [
        ".".join(file.relative_to(root).with_suffix("").parts)
        for file in files
        if file.stem not in left_out
    ]


install_import_hook(checked_modules(), "beartype.beartype")

FLAGS = ELLIPSIS | NORMALIZE_WHITESPACE

SOURCES = [
    Sybil(
        parsers=[PythonCodeBlockParser(doctest_optionflags=FLAGS)],
        patterns=["README.md", "doc/*.md"],
    ),
    Sybil(
        path="pennylane_qizgloria",
        parsers=[DocTestParser(optionflags=FLAGS)],
        patterns=["*.py"],
        document_types={".py": PythonDocStringDocument},
        # A docstring takes these for granted, and the names of its own module.
        setup=lambda namespace: namespace.update(np=np, qml=qml, torch=torch),
    ),
]


def pytest_collect_file(file_path, parent):
    for sybil in SOURCES:
        if sybil.should_parse(file_path):
            return ExampleFile.from_parent(parent, path=file_path, sybil=sybil)
    return None


class ExampleFile(pytest.File):
    def __init__(self, *, sybil, **kwargs):
        super().__init__(**kwargs)
        self.sybil = sybil

    def collect(self):
        document = self.sybil.parse(self.path)
        if list(document.examples()):
            yield Examples.from_parent(
                self, name="examples", document=document, setup=self.sybil.setup
            )


class Examples(pytest.Item):
    def __init__(self, *, document, setup, **kwargs):
        super().__init__(**kwargs)
        self.document = document
        self.prepare = setup

    def runtest(self):
        if self.prepare is not None:
            self.prepare(self.document.namespace)
        for example in self.document.examples():
            example.evaluate()

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, SybilFailure):
            return str(excinfo.value)
        return excinfo.getrepr(style="short")

    def reportinfo(self):
        return self.path, 0, f"the examples of {self.path.name}"
