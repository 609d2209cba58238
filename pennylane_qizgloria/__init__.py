"""Exact, differentiable simulation of noisy quantum circuits for PennyLane, in PyTorch."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._compat.pennylane import mend_binding_of_evolution
from .devices.mixed import QizgloriaMixed
from .lowering.operations.delay import Delay

if TYPE_CHECKING:
    from .nn import ParameterShift, QiskitFunction, TorchCircuit, TorchLayer
    from .qiskit import from_qiskit, to_qiskit

mend_binding_of_evolution()

__version__ = "0.1.0"
__all__ = [
    "Delay",
    "ParameterShift",
    "QiskitFunction",
    "QizgloriaMixed",
    "TorchCircuit",
    "TorchLayer",
    "from_qiskit",
    "to_qiskit",
]

# What takes Qiskit or torch's compiler, which take seconds to import, is imported when asked for.
_ON_DEMAND = {
    "ParameterShift": ".nn",
    "QiskitFunction": ".nn",
    "TorchCircuit": ".nn",
    "TorchLayer": ".nn",
    "from_qiskit": ".qiskit",
    "to_qiskit": ".qiskit",
}


def __getattr__(name: str) -> Any:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_ON_DEMAND[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
