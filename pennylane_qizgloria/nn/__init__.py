"""Quantum circuits as torch modules. Qiskit is imported when the first circuit of it is used."""

from .autograd import QiskitFunction
from .circuit import TorchCircuit
from .layer import TorchLayer
from .parameter_shift import ParameterShift

__all__ = ["ParameterShift", "QiskitFunction", "TorchCircuit", "TorchLayer"]
