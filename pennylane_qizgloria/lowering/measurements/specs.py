"""What a measurement process is once it is lowered: what it reads from the final state, and how.

Exact results are read as expectation values of sums of Pauli words (`Expectation`, `Variance`), as
distributions of outcomes (`Probabilities`, `Spectrum`), or from reduced states (`StateReading`). A
process that is sampled is a `SampledMeasurement`. Each specification says which Paulis of the final
state it needs, so that nothing else is computed. Readout error is part of it already: it acts on
everything that a detector reports, so not on states and entropies.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice

import torch
from jaxtyping import Float, Int
from pennylane.operation import Operator
from torch import Tensor

from ...pauli.program.final_state import FinalState
from ...pauli.program.measured_basis import MeasuredBasis
from ...pauli.program.program import ObservedPaulis, all_paulis
from ...pauli.state.basis import I
from ...pauli.state.measure import PauliSum
from ...pauli.state.readout import Confusion, confused
from .eigenbasis import Eigenbasis


class MeasurementSpec(ABC):
    """A measurement of a final state."""

    @property
    def sums(self) -> tuple[PauliSum, ...]:
        """The sums of Pauli words whose expectation values it needs."""
        return ()

    @property
    @abstractmethod
    def observed(self) -> ObservedPaulis:
        """The Paulis that it needs of each wire."""

    @abstractmethod
    def exact(self, state: FinalState, means: Sequence[Float[Tensor, " batch"]]) -> Tensor:
        """The exact result, with the batch axis in front.

        Args:
            state: the final state.
            means: the expectation values of `sums`.
        """


@dataclass(frozen=True, eq=False)
class Expectation(MeasurementSpec):
    """The expectation value of a sum of Pauli words."""

    words: PauliSum

    @property
    def sums(self) -> tuple[PauliSum, ...]:
        """The one sum."""
        return (self.words,)

    @property
    def observed(self) -> ObservedPaulis:
        """The Paulis of its words."""
        return _paulis_of(self.words)

    def exact(self, state: FinalState, means: Sequence[Tensor]) -> Float[Tensor, " batch"]:
        """The mean itself."""
        return means[0]


@dataclass(frozen=True, eq=False)
class Variance(MeasurementSpec):
    r"""The variance :math:`\langle O^2 \rangle - \langle O \rangle^2` of sums of Pauli words.

    Args:
        first: :math:`O`, as it is reported.
        second: :math:`O^2`.
    """

    first: PauliSum
    second: PauliSum

    @property
    def sums(self) -> tuple[PauliSum, ...]:
        """Both moments."""
        return (self.first, self.second)

    @property
    def observed(self) -> ObservedPaulis:
        """The Paulis of both."""
        return _paulis_of(self.first) | _paulis_of(self.second)

    def exact(self, state: FinalState, means: Sequence[Tensor]) -> Float[Tensor, " batch"]:
        """The difference of the moments."""
        first, second = means
        return second - first.square()


@dataclass(frozen=True, eq=False)
class Probabilities(MeasurementSpec):
    """The probabilities of PennyLane's outcomes.

    Args:
        basis: what is measured.
        confusion: the readout error.
        order: for each of PennyLane's outcomes its number among those of the basis; None if it is
            the same.
    """

    basis: MeasuredBasis
    confusion: Confusion
    order: Int[Tensor, " outcomes"] | None = None

    @property
    def observed(self) -> ObservedPaulis:
        """What the basis needs."""
        return paulis_of_basis(self.basis)

    def exact(self, state: FinalState, means: Sequence[Tensor]) -> Float[Tensor, "batch outcomes"]:
        """The probabilities of what is reported."""
        reported = confused(state.distribution(self.basis), self.confusion).probabilities()
        return reported if self.order is None else reported.index_select(1, self.order)


@dataclass(frozen=True, eq=False)
class Spectrum(MeasurementSpec):
    """The mean or the variance of the reported eigenvalues.

    Args:
        probabilities: of the eigenvalues.
        values: the eigenvalues.
        moment: 1 for the mean, 2 for the variance.
    """

    probabilities: Probabilities
    values: Float[Tensor, " outcomes"]
    moment: int

    @property
    def observed(self) -> ObservedPaulis:
        """What the probabilities need."""
        return self.probabilities.observed

    def exact(self, state: FinalState, means: Sequence[Tensor]) -> Float[Tensor, " batch"]:
        """The moment about the mean."""
        probabilities = self.probabilities.exact(state, means)
        mean = probabilities @ self.values
        return mean if self.moment == 1 else probabilities @ self.values**2 - mean**2


@dataclass(frozen=True, eq=False)
class WeightedSum(MeasurementSpec):
    """A sum whose terms are read one by one, each in its own basis, as hardware does it.

    Args:
        weights: the coefficient of each term.
        terms: the terms.
    """

    weights: tuple[Float[Tensor, ""], ...]
    terms: tuple[MeasurementSpec, ...]

    @property
    def sums(self) -> tuple[PauliSum, ...]:
        """Those of all terms."""
        return tuple(own for term in self.terms for own in term.sums)

    @property
    def observed(self) -> ObservedPaulis:
        """What the terms need."""
        return frozenset().union(*(term.observed for term in self.terms))

    def exact(self, state: FinalState, means: Sequence[Tensor]) -> Float[Tensor, " batch"]:
        """The sum of the terms."""
        results = exact_of_each(self.terms, state, means)
        weighted = [weight * result for weight, result in zip(self.weights, results, strict=True)]
        return reduce(torch.add, weighted)


@dataclass(frozen=True, eq=False)
class StateReading(MeasurementSpec):
    """A function of the reduced state of some wires.

    Args:
        wires: the wires.
        function: of the final state.
    """

    wires: tuple[int, ...]
    function: Callable[[FinalState], Tensor]

    @property
    def observed(self) -> ObservedPaulis:
        """All Paulis."""
        return all_paulis(self.wires)

    def exact(self, state: FinalState, means: Sequence[Tensor]) -> Tensor:
        """What the function makes of the state."""
        return self.function(state)


@dataclass(frozen=True, eq=False)
class SampledTerm:
    """What is sampled for a result, or for a term of it.

    Args:
        weight: the coefficient of the term; None if it is the whole measurement.
        observable: of the term; None for the constant 1, and for the whole measurement.
        basis: PennyLane's outcomes; None for the constant 1, and for random bases.
        measured: the same basis on integer wires, its diagonalizing gates lowered; None where
            `basis` is.
    """

    weight: float | None
    observable: Operator | None
    basis: Eigenbasis | None
    measured: MeasuredBasis | None = None


@dataclass(frozen=True, eq=False)
class SampledMeasurement(MeasurementSpec):
    """A measurement that is sampled, term by term.

    Args:
        terms: the terms.
        needed: the Paulis that it needs of each wire.
    """

    terms: tuple[SampledTerm, ...]
    needed: ObservedPaulis

    @property
    def observed(self) -> ObservedPaulis:
        """What the bases need."""
        return self.needed

    def exact(self, state: FinalState, means: Sequence[Tensor]) -> Tensor:
        """There is none.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("A measurement that is sampled has no exact result.")


def exact_of_each(
    specs: Sequence[MeasurementSpec], state: FinalState, means: Sequence[Tensor]
) -> list[Tensor]:
    """The exact results of several measurements, each with the batch axis in front.

    Args:
        specs: the measurements.
        state: the final state.
        means: the expectation values of the sums of all of them, one after the other.
    """
    remaining = iter(means)
    return [spec.exact(state, list(islice(remaining, len(spec.sums)))) for spec in specs]


def paulis_of_basis(basis: MeasuredBasis) -> ObservedPaulis:
    """The Paulis that are needed to measure in a basis."""
    if basis.rotation is not None:
        return all_paulis(basis.wires)
    return frozenset(zip(basis.wires, basis.paulis, strict=True))


def _paulis_of(words: PauliSum) -> ObservedPaulis:
    """The Paulis of the words of a sum."""
    columns = zip(words.wires, words.words.T.tolist(), strict=True)
    return frozenset((wire, pauli) for wire, column in columns for pauli in column if pauli != I)
