"""The names that the package gives on demand."""

import subprocess
import sys

import pytest

import pennylane_qizgloria


@pytest.mark.parametrize("name", pennylane_qizgloria.__all__)
def test_every_public_name_can_be_imported(name):
    """Every name in __all__ can be imported."""
    assert getattr(pennylane_qizgloria, name).__name__ == name
    assert name in dir(pennylane_qizgloria)


def test_other_names_are_refused():
    """A misspelt name raises an error that names it."""
    with pytest.raises(AttributeError, match="no attribute 'TorchCircus'"):
        pennylane_qizgloria.TorchCircus  # noqa: B018


def test_torch_modules_do_not_import_qiskit_by_themselves():
    """Importing a torch module does not import Qiskit."""
    code = (
        "import sys; from pennylane_qizgloria import TorchCircuit; print('qiskit' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
