"""TapeReader of expectation values and variances as an estimator's PUBs, and their results."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pennylane as qml
from jaxtyping import Float
from pennylane.measurements import MeasurementProcess, VarianceMP
from pennylane.pauli import PauliSentence
from pennylane.tape import QuantumScript
from qiskit.primitives import PubResult
from qiskit.quantum_info import SparsePauliOp

from .compiling import Compiler
from .parametrised import TapeReader, parametrise
from .pubs import Pubs

Means = Float[np.ndarray, "_ _"]
"""Observables and rows."""


def estimate(
    tape: QuantumScript, order: list[Hashable], reader: TapeReader, compiler: Compiler, pubs: Pubs
) -> Callable[[Sequence[Means]], Any]:
    """Add a tape to the PUBs; return how its result follows from the means of each of them.

    Args:
        tape: its measurements are all of Pauli observables.
        order: the wires in the order of the qubits.
        reader: reads the tape.
        compiler: compiles its circuit.
        pubs: the estimator's.
    """
    structure, values = reader.read(tape, order)
    circuit = ("estimator", structure)
    compiled = compiler.compiled(circuit, partial(parametrise, tape, order))
    observables = tuple(_operator(own, order) for own in _observables(tape.measurements))
    names = tuple(_key(observable) for observable in observables)
    batched = tape.batch_size is not None
    copies = []
    for shots in tape.shots if tape.shots else (None,):
        precision = 0.0 if shots is None else shots**-0.5
        pub = pubs.get((circuit, names, precision), compiled, precision, observables)
        copies.append((pub.number, pub.add(values)))

    def read(means: Sequence[Means]) -> Any:
        parts = []
        for number, rows in copies:
            found = means[number][:, rows]
            own = _from_means(tape.measurements, found if batched else found[:, 0])
            parts.append(own[0] if len(own) == 1 else tuple(own))
        return tuple(parts) if tape.shots.has_partitioned_shots else parts[0]

    return read


def means_of(results: Iterable[PubResult]) -> Means:
    """The means that an estimator gives for the parts of one PUB."""
    parts = [np.asarray(result.data.evs, dtype=float) for result in results]
    return np.concatenate([means.reshape(len(means), -1) for means in parts], axis=1)


def _observables(processes: Sequence[MeasurementProcess]) -> list[PauliSentence]:
    """What is estimated: each observable, and for a variance its square, too."""
    sentences = []
    for process in processes:
        sentence = process.obs.pauli_rep
        sentences.append(sentence)
        if isinstance(process, VarianceMP):
            sentences.append(sentence @ sentence)
    return sentences


def _from_means(
    processes: Sequence[MeasurementProcess], means: Float[np.ndarray, "observables *batch"]
) -> list[Any]:
    """The results of measurement processes from the means of `_observables`."""
    remaining = iter(means)
    results = []
    for process in processes:
        mean = next(remaining)
        if isinstance(process, VarianceMP):
            mean = next(remaining) - mean**2
        results.append(mean[()])
    return results


def _operator(sentence: PauliSentence, order: list[Hashable]) -> SparsePauliOp:
    terms = []
    for word, coefficient in sentence.items():
        letters = "".join(word.values())
        number = complex(qml.math.toarray(coefficient))
        terms.append((letters, [order.index(wire) for wire in word], number))
    if not terms:
        terms = [("", [], 0.0)]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=len(order))


def _key(observable: SparsePauliOp) -> Hashable:
    return (tuple(observable.paulis.to_labels()), observable.coeffs.tobytes())
