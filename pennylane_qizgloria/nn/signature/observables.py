"""Observables of Qiskit as observables of PennyLane.

Qubit i is wire i. The last letter of a Pauli string belongs to qubit 0, as in Qiskit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pennylane as qml
from pennylane.operation import Operator
from pennylane.pauli import PauliSentence, PauliWord


def to_pennylane(observable: Any, num_qubits: int) -> Operator:
    r"""One observable as PennyLane's, :math:`\sum_k c_k P_k` of Pauli words where it was Qiskit's.

    Args:
        observable: a ``SparsePauliOp``, ``SparseObservable`` or ``Pauli``, a string of the letters
            IXYZ and of the projectors 01+-rl, a mapping from such strings to coefficients, or an
            observable of PennyLane on wires 0 to ``num_qubits - 1``. A product of k projectors
            becomes :math:`2^k` Pauli words.
        num_qubits: how many qubits the circuit has.

    Returns:
        An observable on wires 0 to ``num_qubits - 1``.

    Raises:
        TypeError: if it is none of these.
        ValueError: if it is not Hermitian or does not fit the number of qubits.

    >>> to_pennylane("IZ", 2)
    Z(0)
    >>> to_pennylane({"XX": 0.5, "ZI": 2.0}, 2)
    0.5 * (X(0) @ X(1)) + 2.0 * Z(1)
    """
    if isinstance(observable, Operator):
        outside = [wire for wire in observable.wires if wire not in range(num_qubits)]
        if outside:
            raise ValueError(
                f"The observable {observable} acts on wires {outside}, but the circuit's qubits "
                f"are wires 0 to {num_qubits - 1}."
            )
        if not qml.is_hermitian(observable):
            raise ValueError(f"The observable {observable} is not Hermitian.")
        return observable
    terms = pauli_terms(observable, num_qubits)
    sentence = PauliSentence()
    for letters, qubits, coefficient in terms.to_sparse_list():
        word = PauliWord(dict(zip(qubits, letters, strict=True)))
        sentence[word] += coefficient.real
    return sentence.operation(wire_order=range(num_qubits))


def pauli_terms(observable: Any, num_qubits: int) -> Any:
    """One of Qiskit's observables as a ``SparsePauliOp`` with real coefficients.

    Raises:
        TypeError: if it is not one.
        ValueError: if it is not Hermitian, has free parameters or is of another number of qubits.
    """
    from qiskit.primitives.containers.observables_array import ObservablesArray
    from qiskit.quantum_info import SparsePauliOp

    if getattr(observable, "parameters", ()):
        names = [parameter.name for parameter in observable.parameters]
        raise ValueError(f"The observable {observable!r} has free parameters {names}; bind them.")
    try:
        coerced = ObservablesArray.coerce_observable(observable)
    except TypeError as error:
        raise TypeError(
            "An observable is a SparsePauliOp, a SparseObservable, a Pauli string or an observable "
            f"of PennyLane, got {observable!r}."
        ) from error
    except ValueError as error:
        raise ValueError(f"The observable {observable!r} cannot be measured: {error}") from error
    if coerced.num_qubits != num_qubits:
        raise ValueError(
            f"The observable {observable!r} is one of {coerced.num_qubits} qubits, but the circuit "
            f"has {num_qubits}. For a transpiled circuit, use observable.apply_layout("
            "circuit.layout)."
        )
    return SparsePauliOp.from_sparse_observable(coerced)


def as_list(observables: Any) -> list[Any]:
    """One observable, or a sequence of them, as a list."""
    if isinstance(observables, Mapping | str | Operator) or not isinstance(observables, Sequence):
        return [observables]
    # Qiskit's own operators have a length and items too, but are not of this kind.
    return list(observables)
