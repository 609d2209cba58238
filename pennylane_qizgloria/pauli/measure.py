"""Exact results from a Pauli vector: gathers and sums of a few of its entries.

A `State` holds the Pauli vector of the wires that a program touched; every other wire is in
``|0>`` and costs nothing. Results keep the state's batch axis in front.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Bool, Complex, Float, Int
from torch import Tensor

from .basis import density_matrix
from .memory import check_result

I, X, Y, Z = range(4)  # noqa: E741


@dataclass(frozen=True)
class State:
    """A Pauli vector and the wires of its axes, first wire most significant."""

    vector: Float[Tensor, "batch paulis"]
    wires: tuple[int, ...]


@dataclass(frozen=True)
class PauliSum:
    """A real linear combination of Pauli words on a few wires.

    Args:
        wires: the wires of the letters' columns.
        letters: one row a word, I=0, X=1, Y=2, Z=3.
        coefficients: one for each word.
    """

    wires: tuple[int, ...]
    letters: Int[Tensor, "terms wires"]
    coefficients: Float[Tensor, " terms"]


def expectation(state: State, observable: PauliSum) -> Float[Tensor, " batch"]:
    r"""The expectation value :math:`\sum_t c_t \mathrm{Tr}(P_t \rho)`: a gather and a product."""
    return expectations(state, [observable])[0]


def expectations(state: State, observables: Sequence[PauliSum]) -> list[Float[Tensor, " batch"]]:
    """The expectation values of several sums, all with one gather.

    Every gather has a gradient of the size of the state, so one for all is what keeps many
    measurements cheap.
    """
    indices = [_word_indices(state, observable) for observable in observables]
    values = state.vector.index_select(1, torch.cat(indices).to(state.vector.device))
    weights = torch.cat([_weights(state, observable) for observable in observables])
    terms = (values * weights).split([len(index) for index in indices], 1)
    return [own[:, 0] if own.shape[1] == 1 else own.sum(1) for own in terms]


def pauli_expectations(state: State, observable: PauliSum) -> Float[Tensor, "batch terms"]:
    """The expectation value of each Pauli word of a sum, without its coefficient."""
    values = state.vector[:, _word_indices(state, observable)]
    return values.masked_fill(_vanishing(state, observable).to(values.device), 0)


def _word_indices(state: State, observable: PauliSum) -> Int[Tensor, " terms"]:
    """Where the words of a sum stand in the Pauli vector, letters on idle wires left out."""
    place = {wire: axis for axis, wire in enumerate(state.wires)}
    weights = [_weight(place.get(wire), len(place)) for wire in observable.wires]
    return observable.letters @ torch.tensor(weights, dtype=torch.long)


def _weights(state: State, observable: PauliSum) -> Float[Tensor, " terms"]:
    coefficients = observable.coefficients.to(state.vector)
    if set(observable.wires) <= set(state.wires):
        return coefficients
    return coefficients.masked_fill(_vanishing(state, observable).to(coefficients.device), 0)


def _vanishing(state: State, observable: PauliSum) -> Bool[Tensor, " terms"]:
    """Words with X or Y on an idle wire: <0|X|0> = <0|Y|0> = 0, <0|I|0> = <0|Z|0> = 1."""
    idle = [i for i, wire in enumerate(observable.wires) if wire not in state.wires]
    letters = observable.letters[:, idle]
    return ((letters == X) | (letters == Y)).any(1)


def reduced_vector(state: State, wires: Sequence[int]) -> Float[Tensor, "batch paulis"]:
    """The Pauli vector of some of the wires, in the order asked for; the others are traced out."""
    return _sub_vector(state, wires, [(I, X, Y, Z)] * len(wires))


def reduced_density_matrix(state: State, wires: Sequence[int]) -> Complex[Tensor, "batch dim dim"]:
    """The density matrix of some of the wires, in the order asked for."""
    return density_matrix(reduced_vector(state, wires))


def purity(state: State, wires: Sequence[int]) -> Float[Tensor, " batch"]:
    r"""The purity :math:`\mathrm{Tr}(\rho^2) = 2^{-k} \sum_P r_P^2` of some of the wires."""
    return reduced_vector(state, wires).square().sum(-1) / 2 ** len(wires)


def probabilities(
    state: State, wires: Sequence[int], basis: Sequence[int] | None = None
) -> Float[Tensor, "batch outcomes"]:
    r"""The distribution of measuring a Pauli letter on each of some wires.

    .. math::
        p(b) = 2^{-k} \sum_{m \in \{0,1\}^k} (-1)^{b \cdot m} r[L^m]

    with the letters L, Z unless ``basis`` says otherwise: a gather of ``2**k`` entries and a
    Walsh-Hadamard transform. Outcome 0 is the eigenvalue +1; the first wire is most significant.
    """
    letters = basis or [Z] * len(wires)
    values = _sub_vector(state, wires, [(I, letter) for letter in letters])
    return _walsh_hadamard(values, len(wires)) / 2 ** len(wires)


def _weight(axis: int | None, num_axes: int) -> int:
    """What a letter on this axis adds to the index of a word."""
    return 0 if axis is None else 4 ** (num_axes - 1 - axis)


def _sub_vector(
    state: State, wires: Sequence[int], letters: Sequence[Sequence[int]]
) -> Float[Tensor, "batch words"]:
    """The entries of all words made of the given letters on the given wires, I elsewhere."""
    vector = state.vector
    check_result(prod(len(x) for x in letters), len(vector), vector.dtype, vector.device)
    place = {wire: axis for axis, wire in enumerate(state.wires)}
    indices = torch.zeros(1, dtype=torch.long)
    idle = torch.ones(1, dtype=state.vector.dtype)
    for wire, choices in zip(wires, letters, strict=True):
        choice = torch.tensor(choices)
        weight = _weight(place.get(wire), len(place))
        indices = (indices[:, None] + weight * choice).flatten()
        on_zero = ((choice == I) | (choice == Z)) | (wire in place)
        idle = (idle[:, None] * on_zero).flatten()
    values = state.vector[:, indices]
    return values if set(wires) <= place.keys() else values * idle.to(values.device)


def _walsh_hadamard(values: Float[Tensor, "batch words"], num_wires: int) -> Tensor:
    """Sums and differences along each wire's axis."""
    shape = values.shape
    for wire in range(num_wires):
        plus, minus = values.reshape(-1, 2, 2 ** (num_wires - 1 - wire)).unbind(1)
        values = torch.stack([plus + minus, plus - minus], 1)
    return values.reshape(shape)
