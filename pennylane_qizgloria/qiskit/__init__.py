"""Everything that knows Qiskit; imported only when used."""

from .convert.from_qiskit import from_qiskit
from .convert.to_qiskit import to_qiskit

__all__ = ["from_qiskit", "to_qiskit"]
