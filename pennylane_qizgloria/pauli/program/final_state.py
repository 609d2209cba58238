"""What can be read from the state that a program ends in, however it is held."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Complex, Float
from torch import Tensor

from ..state.distribution import Distribution
from ..state.measure import PauliSums
from .measured_basis import MeasuredBasis


@runtime_checkable
class FinalState(Protocol):
    """The final state of a program. All results have the batch axis in front."""

    @property
    def wires(self) -> Collection[int]:
        """The wires that the program touched; every other one is in ``|0>``."""

    def expectations(self, observables: PauliSums) -> Sequence[Float[Tensor, " batch"]]:
        """The expectation value of each sum of Pauli words."""

    def distribution(self, basis: MeasuredBasis) -> Distribution:
        """The distribution of the outcomes of a measurement, without readout error."""

    def density_matrix(self, wires: Sequence[int]) -> Complex[Tensor, "batch dim dim"]:
        """The reduced density matrix of some wires, in the order asked for."""

    def purity(self, wires: Sequence[int]) -> Float[Tensor, " batch"]:
        """The purity of the reduced state of some wires."""
