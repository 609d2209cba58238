"""Private names of other libraries are used in one place."""

import ast
from pathlib import Path

import pytest

import pennylane_qizgloria

PACKAGE = Path(pennylane_qizgloria.__file__).parent
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if "_compat" not in path.parts]
FOREIGN = {"autograd", "jax", "numpy", "pennylane", "qiskit", "qiskit_aer", "torch"}
FOREIGN |= {"qiskit_ibm_runtime"}


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


def own_names():
    """Every private name that the package itself defines."""
    found = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if isinstance(node.value, ast.Name) and node.value.id in ("self", "ctx"):
                    found.add(node.attr)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
    return found


OWN = own_names()


def private_names(tree, own):
    """Private attributes, imports and names in strings that belong to somebody else."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own:
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            parts = [*node.module.split("."), *(alias.name for alias in node.names)]
            if parts[0] in FOREIGN and any(map(is_private, parts)):
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and is_private(name.value) and name.value not in own:
                yield ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_uses_private_names_of_others(path):
    """What is private and used all the same stands in _compat, with a reason and a test."""
    assert not list(private_names(ast.parse(path.read_text()), OWN))


def test_the_reader_sees_every_form():
    """Attributes, imports, and names in strings are found; the package's own are not."""
    code = "a._b\nfrom torch._C import x\nfrom qiskit import _y\ngetattr(z, '_z')\nself._own\n"
    found = set(private_names(ast.parse(code), {"_own"}))
    assert found == {"a._b", "from torch._C import x", "from qiskit import _y", "getattr(z, '_z')"}
