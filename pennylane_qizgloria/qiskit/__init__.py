"""Everything that knows Qiskit; imported only when used."""

from .circuits import to_qiskit
from .templates import from_qiskit

__all__ = ["from_qiskit", "to_qiskit"]
