"""The compiled kernels that are kept on disk are those of the sources that there are."""

import ast
from pathlib import Path

import pytest

from pennylane_qizgloria.pauli.kernels import (
    compiled_runs,
    compiled_steps,
    jit,
    kernels,
    patterns,
    table,
)

SOURCES = [kernels, jit, compiled_runs, compiled_steps, table, patterns]
COMPILED = [kernels, jit, compiled_runs, compiled_steps]


def name_of(module):
    return module.__name__.rpartition(".")[2]


@pytest.mark.parametrize("module", SOURCES, ids=name_of)
def test_a_change_of_any_source_is_seen(module, tmp_path, monkeypatch):
    """The digest changes with each of the files that kernels are compiled from."""
    before = kernels._sources()
    copy = tmp_path / "copy.py"
    copy.write_bytes(Path(module.__file__).read_bytes())
    monkeypatch.setattr(module, "__file__", str(copy))
    assert kernels._sources() == before
    copy.write_bytes(copy.read_bytes() + b"\n")
    assert kernels._sources() != before


def test_there_is_no_other_source():
    """Compiled modules take what they use from modules that the digest has."""
    known = set(map(name_of, SOURCES))
    for module in COMPILED:
        tree = ast.parse(Path(module.__file__).read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                used = [node.module] if node.module else [alias.name for alias in node.names]
                assert set(used) <= known, f"{name_of(module)} imports {used}"


def test_other_sources_are_another_kernel():
    """The digest is part of what numba knows a kernel by, beside the name and the code."""
    closures = [kernels._cached(digest)[0].py_func.__closure__ for digest in ("one", "other")]
    assert ["one" in [cell.cell_contents for cell in own] for own in closures] == [True, False]


def test_without_a_folder_for_the_cache(monkeypatch):
    """Where nothing can be written to disk, kernels are compiled for each process."""
    njit = kernels.njit

    def refusing(cache=False, **options):
        def refuse(function):
            raise RuntimeError(f"cannot cache function {function.__qualname__!r}: no locator")

        return refuse if cache else njit(**options)

    monkeypatch.setattr(kernels, "njit", refusing)
    found = kernels._cached("digest")
    assert [own.__name__ for own in found] == ["forward", "reverse", "tangent"]
