"""The PUBs of tapes that an estimator serves, and the tapes' results from the means.

A tape's measurements are expectation values of sums of Pauli words. Tapes of equal structure,
observables and precision share a PUB. Wire i of the order is qubit i before compiling; observables
follow the qubits. Variances and other observables are split into such tapes beforehand.
"""

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
from .pubs import PubChunk, PubCollection, TapePlan

Means = Float[np.ndarray, "_ _"]
"""Observables and rows."""


def add_to_estimator(
    tape: QuantumScript,
    order: list[Hashable],
    reader: TapeReader,
    compiler: Compiler,
    pubs: PubCollection,
) -> TapePlan:
    """Add a tape to the PUBs of the estimator.

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
    keys = tuple(_key(observable) for observable in observables)
    batched = tape.batch_size is not None
    rows_of_copies = []
    for shots in tape.shots if tape.shots else (None,):
        precision = 0.0 if shots is None else shots**-0.5
        pub = pubs.get((circuit, keys, precision), compiled, precision, observables)
        rows_of_copies.append((pub.number, pub.add(values)))

    def postprocess(means: Sequence[Means]) -> Any:
        results = []
        for number, rows in rows_of_copies:
            found = means[number][:, rows]
            results.append(unwrapped([mean[()] for mean in (found if batched else found[:, 0])]))
        return unwrapped(results)

    labels = [label for own in observables for label in own.paulis.to_labels()]
    circuits = len(values) * num_bases(labels)
    total_shots = circuits * (tape.shots.total_shots or 0)
    return TapePlan(postprocess, circuits * len(rows_of_copies), total_shots)


def estimated_means(chunks: Iterable[PubChunk], results: Iterable[PubResult]) -> Means:
    """The means that an estimator gives for the chunks of one PUB.

    Raises:
        JobError: if a result is not what was asked for.
    """
    pairs = zip(chunks, results, strict=True)
    found = [require_means(result, (len(chunk.pub[1]), chunk.rows)) for chunk, result in pairs]
    return np.concatenate(found, axis=1)


def _key(observable: SparsePauliOp) -> Hashable:
    return (tuple(observable.paulis.to_labels()), observable.coeffs.tobytes())
