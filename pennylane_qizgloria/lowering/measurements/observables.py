"""PennyLane observables as real sums of Pauli words.

Observables with a Pauli form keep it, with coefficients that may be trainable; others contribute
the Pauli coefficients of their matrices. So every expectation value is one gather.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml
import torch
from jaxtyping import Complex, Int
from pennylane.operation import Operator
from pennylane.ops.qubit.observables import BasisStateProjector
from pennylane.pauli import PauliSentence
from torch import Tensor

from ...pauli.caching import cached
from ...pauli.conditions import are_finite, holds
from ...pauli.state.basis import PAULI_LABELS, I, Z, pauli_vector
from ...pauli.state.measure import PauliSum
from ...tolerances import HERMITIAN_SIMULATED, REAL_COEFFICIENT
from ..context import TapeContext

MAX_DENSE_SQUARE_WIRES = 5
"""Up to this width a sum is squared as a matrix, beyond it word by word."""


def pauli_sum(observable: Operator, context: TapeContext) -> PauliSum:
    """An observable as a sum of Pauli words.

    Raises:
        ValueError: if it is not Hermitian, or not finite.
    """
    terms = _terms(observable, context)
    _check_finite(terms.coefficients, observable)
    return terms


def _terms(observable: Operator, context: TapeContext) -> PauliSum:
    if observable.pauli_rep is not None:
        return _from_sentence(observable.pauli_rep, context)
    if isinstance(observable, qml.ops.SProd):
        base = _terms(observable.base, context)
        scalar = context.real(real(observable.scalar))
        return PauliSum(base.wires, base.words, scalar * base.coefficients)
    if isinstance(observable, qml.ops.Sum):
        return _add([_terms(term, context) for term in observable.operands])
    if isinstance(observable, qml.ops.Prod) and not observable.has_overlapping_wires:
        return _tensor([_terms(factor, context) for factor in observable.operands])
    wires = context.wires(observable.wires)
    if isinstance(observable, BasisStateProjector):
        return _from_bits(observable.data[0], wires, context)
    matrix = matrix_of(observable, context)
    _check_finite(matrix, observable)
    scale = matrix.detach().abs().max()
    tolerance = HERMITIAN_SIMULATED[str(context.dtype).removeprefix("torch.")]
    if not holds((matrix - matrix.mH).abs() <= tolerance * scale):
        raise ValueError(f"The observable {observable} is not Hermitian.")
    return _from_matrix(matrix, wires)


def _check_finite(numbers: Tensor, observable: Operator) -> None:
    if not are_finite(numbers):
        raise ValueError(f"The observable {observable} has a coefficient that is not finite.")


def squared(observable: Operator, context: TapeContext) -> PauliSum:
    """The square of an observable as a sum of Pauli words."""
    sentence = observable.pauli_rep
    if sentence is not None and len(observable.wires) > MAX_DENSE_SQUARE_WIRES:
        return _from_sentence(sentence @ sentence, context)
    matrix = matrix_of(observable, context)
    return _from_matrix(matrix @ matrix, context.wires(observable.wires))


def matrix_of(observable: Operator, context: TapeContext) -> Complex[Tensor, "dim dim"]:
    """The dense matrix of an observable on its own wires."""
    if observable.name == "SparseHamiltonian":
        return context.complex(observable.sparse_matrix().toarray())
    return context.complex(qml.matrix(observable, wire_order=observable.wires))


def measured_terms(observable: Operator) -> list[tuple[Any, Operator | None]]:
    """The terms that an expectation value is measured in, each in its own eigenbasis.

    What has a Pauli form is measured word by word, another sum operand by operand, anything else as
    it is. Equal words are one term; the term without Paulis is None.
    """
    if observable.pauli_rep is not None:
        words = observable.pauli_rep.items()
        return [(number, word.operation() if word else None) for word, number in words]
    if isinstance(observable, qml.ops.SProd):
        scalar = observable.scalar
        return [(scalar * number, term) for number, term in measured_terms(observable.base)]
    if isinstance(observable, qml.ops.Sum):
        return [own for operand in observable.operands for own in measured_terms(operand)]
    return [(1.0, observable)]


def is_pauli_word(observable: Operator) -> bool:
    """Whether an observable is one Pauli word, with or without a coefficient."""
    return observable.pauli_rep is not None and len(observable.pauli_rep) == 1


def _from_sentence(sentence: PauliSentence, context: TapeContext) -> PauliSum:
    labels = tuple(sentence.wires)
    words = _words(tuple(sentence), labels)
    values = [real(value) for value in sentence.values()]
    if any(isinstance(value, Tensor) for value in values):
        coefficients = torch.stack([context.real(value).reshape(()) for value in values])
    else:
        coefficients = context.real(np.array(values, dtype=float))
    return PauliSum(context.wires(labels), words, coefficients)


@cached(maxsize=256)
def _words(words: tuple[qml.pauli.PauliWord, ...], labels: tuple) -> Int[Tensor, "terms wires"]:
    rows = [[PAULI_LABELS.index(word.get(label, "I")) for label in labels] for word in words]
    return torch.tensor(rows, dtype=torch.long).reshape(len(words), len(labels))


def _from_matrix(matrix: Complex[Tensor, "dim dim"], wires: tuple[int, ...]) -> PauliSum:
    coefficients = pauli_vector(matrix) / matrix.shape[-1]
    words = torch.cartesian_prod(*[torch.arange(4)] * len(wires)).reshape(-1, len(wires))
    if not coefficients.requires_grad:
        present = (coefficients != 0).cpu()
        words, coefficients = words[present], coefficients[present.to(coefficients.device)]
    return PauliSum(wires, words, coefficients)


def _from_bits(bits: Any, wires: tuple[int, ...], context: TapeContext) -> PauliSum:
    """A projector on a basis state: the product of (1 + Z) / 2 for a 0 and (1 - Z) / 2 for a 1."""
    factors = [
        PauliSum((wire,), torch.tensor([[I], [Z]]), context.real([0.5, 0.5 - int(bit)]))
        for wire, bit in zip(wires, bits, strict=True)
    ]
    return _tensor(factors)


def _add(terms: list[PauliSum]) -> PauliSum:
    wires = tuple(dict.fromkeys(wire for term in terms for wire in term.wires))
    words = []
    for term in terms:
        block = torch.zeros(len(term.words), len(wires), dtype=torch.long)
        block[:, [wires.index(wire) for wire in term.wires]] = term.words
        words.append(block)
    return PauliSum(wires, torch.cat(words), torch.cat([term.coefficients for term in terms]))


def _tensor(factors: list[PauliSum]) -> PauliSum:
    product = factors[0]
    for factor in factors[1:]:
        pairs = torch.cartesian_prod(
            torch.arange(len(product.words)), torch.arange(len(factor.words))
        )
        product = PauliSum(
            product.wires + factor.wires,
            torch.cat([product.words[pairs[:, 0]], factor.words[pairs[:, 1]]], 1),
            torch.outer(product.coefficients, factor.coefficients).flatten(),
        )
    return product


def real(value: Any) -> Any:
    """A real coefficient, whatever its dtype.

    Raises:
        ValueError: if it has an imaginary part.
    """
    is_complex = value.is_complex() if isinstance(value, Tensor) else np.iscomplexobj(value)
    if not is_complex:
        return value
    number = torch.as_tensor(value)
    if not holds(number.imag.abs() <= REAL_COEFFICIENT * number.abs()):
        raise ValueError(f"The observable is not Hermitian: it has the coefficient {value}.")
    return value.real


def as_float(value: Any) -> float:
    """The real part of a coefficient of any interface, as a plain number.

    >>> as_float(torch.tensor(0.5, requires_grad=True)), as_float(2 + 0j)
    (0.5, 2.0)
    """
    return float(qml.math.toarray(value).real)
