"""Results of measurement processes from the bits of shots, read in the basis of `bases`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from pennylane.measurements import CountsMP, ExpectationMP, MeasurementProcess, SampleMP
from pennylane.pauli import PauliSentence
from pennylane.wires import Wires

from ...lowering.measurements.observables import as_float
from ...tolerances import OUTCOME_DECIMALS
from .bases import qubit_wise_words


def result_of(
    process: MeasurementProcess,
    rows: Bool[np.ndarray, "rows shots bits"] | Sequence[Bool[np.ndarray, "_ bits"]],
    labels: Wires,
    batched: bool,
) -> Any:
    """The result of a measurement process, in PennyLane's shapes.

    Args:
        process: it reads its wires in the basis that `bases.basis_of` gives.
        rows: the bits of each row; rows of different lengths come as a sequence.
        labels: the wires of the bits.
        batched: whether results have an axis for the rows.
    """
    if not batched:
        return _result(process, rows[0], labels)
    if isinstance(rows, np.ndarray):
        found = _result(process, rows, labels)
        return list(found) if isinstance(process, CountsMP) else found
    results = [_result(process, row, labels) for row in rows]
    return results if isinstance(process, CountsMP) else np.stack(results)


def _result(
    process: MeasurementProcess, bits: Bool[np.ndarray, "*rows shots bits"], labels: Wires
) -> Any:
    sentence = qubit_wise_words(process)
    if sentence is None:
        return _of_pennylane(process, bits.astype(np.int64), labels)
    values = values_of(sentence, bits, labels)
    if isinstance(process, SampleMP):
        return values.astype(process.numeric_type)
    if isinstance(process, CountsMP):
        listed = _all_values(sentence) if process.all_outcomes else ()
        rows = values.reshape(-1, values.shape[-1])
        found = [_counts(row, listed) for row in rows]
        return found if values.ndim > 1 else found[0]
    return values.mean(-1) if isinstance(process, ExpectationMP) else values.var(-1)


def _of_pennylane(
    process: MeasurementProcess, bits: Int[np.ndarray, "*rows shots bits"], labels: Wires
) -> Any:
    """What PennyLane makes of bits; a batch axis of length 1, which it loses, is put back."""
    lonely = bits.ndim == 3 and len(bits) == 1
    result = process.process_samples(bits[0] if lonely else bits, labels)
    if isinstance(result, dict | list):
        return [result] if lonely else result
    return np.asarray(result)[None] if lonely else result


def values_of(
    sentence: PauliSentence, bits: Bool[np.ndarray, "*rows shots bits"], labels: Wires
) -> Float[np.ndarray, "*rows shots"]:
    """The value of a sum of Pauli words in each shot, each wire read in its Pauli's eigenbasis."""
    values = np.zeros(bits.shape[:-1])
    scale = 0.0
    for word, coefficient in sentence.items():
        factor = as_float(coefficient)
        scale += abs(factor)
        odd = np.zeros(bits.shape[:-1], dtype=bool)
        for wire in word:
            odd ^= bits[..., labels.index(wire)]
        values += np.where(odd, -factor, factor)
    # Sums of the same value in another order are the same outcome.
    return values if len(sentence) == 1 or not scale else _rounded(values, scale)


def _rounded(values: np.ndarray, scale: float) -> np.ndarray:
    # Adding 0 turns -0 into 0.
    return np.round(values, OUTCOME_DECIMALS - math.ceil(math.log10(scale))) + 0.0


def _all_values(sentence: PauliSentence) -> Float[np.ndarray, "outcomes"]:
    wires = sentence.wires
    outcomes: Int[np.ndarray, "outcomes"] = np.arange(2 ** len(wires))
    bits = (outcomes[:, None] >> np.arange(len(wires))) & 1 == 1
    return values_of(sentence, bits, wires)


def _counts(values: Float[np.ndarray, "shots"], listed: Any) -> dict[np.float64, np.int64]:
    counts = {np.float64(value): np.int64(0) for value in np.unique(listed)}
    found, numbers = np.unique(values, return_counts=True)
    return counts | dict(zip(found, numbers, strict=True))
