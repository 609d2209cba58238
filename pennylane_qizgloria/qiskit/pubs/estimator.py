"""Tapes read by an estimator: their PUBs, and their expectation values from the means of these."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from pennylane.tape import QuantumScript
from qiskit.primitives import PubResult
from qiskit.quantum_info import SparsePauliOp

from ...results import unwrapped
from ..compile.structures import TapeReader, parametrise
from ..compile.transpilation import Compiler
from ..convert.observables import real, sparse_pauli_op
from ..jobs.costs import num_bases
from .primitive_results import require_means
from .pubs import Part, Pubs, Reading

Means = Float[np.ndarray, "_ _"]
"""Observables and rows."""


def estimate(
    tape: QuantumScript, order: list[Hashable], reader: TapeReader, compiler: Compiler, pubs: Pubs
) -> Reading:
    """Add a tape to the PUBs; return how its result follows from the means of each of them.

    Args:
        tape: its measurements are expectation values of Pauli observables.
        order: the wires in the order of the qubits.
        reader: reads the tape.
        compiler: compiles its circuit.
        pubs: the estimator's.
    """
    structure, values = reader.read(tape, order)
    circuit = ("estimator", structure)
    compiled = compiler.compiled(circuit, partial(parametrise, tape, order))
    sentences = [real(process.obs.pauli_rep) for process in tape.measurements]
    observables = tuple(sparse_pauli_op(sentence, order) for sentence in sentences)
    names = tuple(_key(observable) for observable in observables)
    batched = tape.batch_size is not None
    copies = []
    for shots in tape.shots if tape.shots else (None,):
        precision = 0.0 if shots is None else shots**-0.5
        pub = pubs.get((circuit, names, precision), compiled, precision, observables)
        copies.append((pub, pub.add(values)))

    def read(means: Sequence[Means]) -> Any:
        results = []
        for pub, rows in copies:
            found = means[pub.number][:, rows]
            own = [mean[()] for mean in (found if batched else found[:, 0])]
            results.append(unwrapped(own))
        return unwrapped(results)

    labels = [label for own in observables for label in own.paulis.to_labels()]
    circuits = len(values) * num_bases(labels)
    return Reading(read, circuits * len(copies), circuits * (tape.shots.total_shots or 0))


def means_of(parts: Iterable[Part], results: Iterable[PubResult]) -> Means:
    """The means that an estimator gives for the parts of one PUB.

    Raises:
        JobError: if a result is not what was asked for.
    """
    own = zip(parts, results, strict=True)
    found = [require_means(result, (len(part.pub[1]), part.rows)) for part, result in own]
    return np.concatenate(found, axis=1)


def _key(observable: SparsePauliOp) -> Hashable:
    return (tuple(observable.paulis.to_labels()), observable.coeffs.tobytes())
