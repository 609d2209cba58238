"""Imports point one way, see ``ORDER``; only qiskit/ and noise/ see Qiskit."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pennylane_qizgloria

NAME = "pennylane_qizgloria"
PACKAGE = Path(pennylane_qizgloria.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

QISKIT = {"qiskit", "qiskit_aer", "qiskit_ibm_runtime"}

# What knows Qiskit. It is imported where it is used.
KNOW_QISKIT = ("qiskit", "noise")

# The folders, each below all that it may import from. A file at the top counts as a folder.
ORDER = [
    "nn",
    "nn.tracing",
    "nn.signature",
    "nn.tracing.graph",
    "nn.tracing.guarding",
    "devices",
    "devices.preprocessing",
    "devices.gradients",
    "devices.configuration",
    "devices.interfaces",
    "noise",
    "qiskit",
    "qiskit.pubs",
    "qiskit.compile",
    "qiskit.primitives",
    "qiskit.measurements",
    "qiskit.convert",
    "qiskit.jobs",
    "qiskit.backends",
    "engines",
    "lowering.circuit",
    "lowering.measurements",
    "lowering.operations",
    "lowering",
    "pauli.kernels",
    "pauli.run",
    "pauli.plan",
    "pauli.assembly",
    "pauli.program",
    "pauli.maps",
    "pauli.state",
    "pauli",
    "results",
    "user_warnings",
    "tolerances",
    "option_names",
    "_compat",
]


def part_of(path):
    """The part of the package that a file belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def folder_of(module):
    """The folder of a module, by its dotted name within the package; itself if it has a place."""
    if module in ORDER:
        return module
    parts = module.split(".")
    while parts and not PACKAGE.joinpath(*parts).is_dir():
        parts.pop()
    return ".".join(parts) or module.split(".")[0]


def imports(path, module_level=False):
    """The absolute names of all that a file imports, anywhere or while it is being imported."""
    package = (NAME, *path.relative_to(PACKAGE).parent.parts)
    found = set()
    for node in walk(ast.parse(path.read_text()), module_level):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{stem}.{alias.name}" for alias in node.names}
    return found


def walk(tree, module_level):
    """All nodes; those in functions and under ``if TYPE_CHECKING`` too unless ``module_level``."""
    for node in ast.iter_child_nodes(tree):
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if module_level and (function or is_type_checking(node)):
            continue
        yield node
        yield from walk(node, module_level)


def is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def top(name):
    return name.split(".")[0]


def name_of(path):
    return str(path.relative_to(PACKAGE))


def module_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_every_folder_has_a_place_in_the_order():
    """A new folder would be free to import anything."""
    folders = {folder_of(module_of(path)) for path in MODULES if name_of(path) != "__init__.py"}
    assert folders <= set(ORDER)
    assert {"pauli.run", "lowering", "engines", "devices", "qiskit.pubs"} <= folders


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_folders_import_downwards_only(path):
    """The simulator would depend on the device, or a circle would form."""
    if name_of(path) == "__init__.py":
        return  # of the whole package, which hands its names on
    own = folder_of(module_of(path))
    inside = {name.partition(".")[2] for name in imports(path) if top(name) == NAME}
    imported = {folder_of(name) for name in inside} - {own}
    assert all(ORDER.index(own) < ORDER.index(other) for other in imported), imported


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_only_the_qiskit_part_imports_qiskit(path):
    """Importing the package would import Qiskit, which takes seconds and may be missing."""
    if part_of(path) not in KNOW_QISKIT:
        assert not {top(name) for name in imports(path, module_level=True)} & QISKIT
    if part_of(path) in ("pauli", "lowering", "engines"):
        assert not {top(name) for name in imports(path)} & QISKIT


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_the_qiskit_part_is_imported_only_when_used(path):
    """Importing another device would import Qiskit by way of our own modules."""
    is_of_device = name_of(path).startswith("devices/") and path.stem.startswith(("qiskit", "twin"))
    if part_of(path) not in (*KNOW_QISKIT, "nn") and not is_of_device:
        at_import = imports(path, module_level=True)
        for part in KNOW_QISKIT:
            assert not any(name.startswith(f"{NAME}.{part}") for name in at_import)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if part_of(path) == "pauli"], ids=name_of
)
def test_the_simulator_is_torch_only(path):
    """The simulator could not be used, or tested, without PennyLane."""
    outside = {top(name) for name in imports(path)} - {NAME} - sys.stdlib_module_names
    assert outside <= {"torch", "numpy", "numba", "psutil", "jaxtyping"}


def test_the_reader_of_imports_sees_every_form(tmp_path, monkeypatch):
    """The tests above would pass because they see nothing."""
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "devices").mkdir()
    file = tmp_path / "devices" / "example.py"
    file.write_text(
        "import a.b, c\nfrom d import e\nfrom . import f\nfrom .g import h\nfrom ..pauli import i\n"
        "from .. import j\nif TYPE_CHECKING:\n    import k\ndef x():\n    import l\n"
        "class Y:\n    import m\ntry:\n    import n\nexcept ImportError:\n    pass\n"
    )
    inside = {f"{NAME}.devices.f", f"{NAME}.devices.g.h", f"{NAME}.pauli.i", f"{NAME}.j"}
    at_import = inside | {"a.b", "c", "d.e", "m", "n"}
    assert imports(file, module_level=True) == at_import
    assert imports(file) == at_import | {"k", "l"}
    assert part_of(file) == "devices"


@pytest.fixture(scope="module")
def loaded():
    """A function that gives the top-level modules that an import loads, in a fresh interpreter."""

    def loaded(statement):
        code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=PACKAGE.parent,
        )
        return set(done.stdout.split())

    return loaded


def test_importing_the_package_does_not_import_qiskit(loaded):
    """Everyone would wait for Qiskit, and need it."""
    modules = loaded(f"import {NAME}")
    assert {NAME, "pennylane", "torch"} <= modules
    assert not modules & QISKIT


def test_the_simulator_runs_without_pennylane_and_qiskit(loaded):
    """Some module of the simulator would need PennyLane at import after all."""
    # The package's own __init__ imports PennyLane; an empty package of that name stands in for it.
    names = sorted(module_of(path) for path in (PACKAGE / "pauli").rglob("*.py"))
    modules = loaded(
        "import importlib, sys, types\n"
        f"package = types.ModuleType({NAME!r})\n"
        f"package.__path__ = [{str(PACKAGE)!r}]\n"
        f"sys.modules[{NAME!r}] = package\n"
        f"for name in {names}:\n"
        f"    importlib.import_module({NAME + '.'!r} + name)"
    )
    assert {NAME, "torch", "numpy"} <= modules
    assert not modules & ({"pennylane"} | QISKIT)
