"""Exact results from a Pauli vector: gathers and sums of a few of its entries.

A `State` holds the Pauli vector of the wires that a program touched, restricted to the Paulis that
measurements need of each; every other wire is in ``|0>`` and costs nothing. Results keep the
state's batch axis in front.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from math import prod

import torch
from jaxtyping import Bool, Complex, Float, Int, Shaped
from torch import Tensor

from ..._compat.torch import belongs_to_transform, outside_transforms
from ..memory import check_result
from .basis import I, X, Y, Z, complex_dtype, density_matrix

MISSING = -(2**40)
"""Stands for a Pauli that a state has been restricted from: an index that no vector has."""

IDLE = [0, 0, 0, 0]
"""A wire without an axis does not change the index of a word."""


@dataclass(frozen=True)
class State:
    """A Pauli vector and the wires of its axes, first wire most significant.

    Args:
        vector: the expectation values of the words.
        wires: the wire of each axis.
        paulis: the Paulis of each axis in ascending order; all four if left out.
    """

    vector: Float[Tensor, "batch words"]
    wires: tuple[int, ...]
    paulis: tuple[tuple[int, ...], ...] | None = None

    def strides(self) -> dict[int, list[int]]:
        """What each Pauli on a wire adds to the index of a word."""
        paulis = self.paulis or ((I, X, Y, Z),) * len(self.wires)
        stride = prod(map(len, paulis))
        found = {}
        for wire, own in zip(self.wires, paulis, strict=True):
            stride //= len(own)
            present = {pauli: stride * i for i, pauli in enumerate(own)}
            found[wire] = [present.get(pauli, MISSING) for pauli in (I, X, Y, Z)]
        return found


@dataclass(frozen=True, eq=False)
class PauliSum:
    """A real linear combination of Pauli words on a few wires.

    Args:
        wires: the wires of the words' columns.
        words: one row a word, I=0, X=1, Y=2, Z=3.
        coefficients: one for each word, or one for each element of a batch and word.
    """

    wires: tuple[int, ...]
    words: Int[Tensor, "terms wires"]
    coefficients: Float[Tensor, "*batch terms"]


@dataclass(frozen=True, eq=False)
class Gather:
    """Where the words of several sums stand in a Pauli vector.

    Args:
        indices: of all words of all sums.
        weights: their coefficients, 0 for words that vanish; None if all are 1.
        lengths: how many words each sum has.
    """

    indices: Int[Tensor, " words"]
    weights: Float[Tensor, "*batch words"] | None
    lengths: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PauliSums:
    """Sums of Pauli words whose expectation values are read together.

    Args:
        sums: the sums.
    """

    sums: tuple[PauliSum, ...]
    _gathers: dict[Hashable, Gather] = field(default_factory=dict, repr=False)

    def gathered(self, state: State) -> Gather:
        """Where their words stand in a state; found once for states with the same axes."""
        axes = (state.wires, state.paulis)
        if axes not in self._gathers:
            if any(_is_differentiated(own.coefficients) for own in self.sums):
                self._gathers[axes] = gather(state, self.sums)
            else:
                self._gathers[axes] = _gather_for_any_mode(state, self.sums)
        return self._gathers[axes]


def _is_differentiated(coefficients: Float[Tensor, "*batch terms"]) -> bool:
    """Whether coefficients are of one call only."""
    return coefficients.requires_grad or belongs_to_transform(coefficients)


def _gather_for_any_mode(state: State, observables: Sequence[PauliSum]) -> Gather:
    """The same for later calls in any mode of torch's, see `pauli.caching`."""
    dtype, device = state.vector.dtype, state.vector.device
    with outside_transforms(), torch.inference_mode(False):
        nothing = replace(state, vector=torch.empty(1, 0, dtype=dtype, device=device))
        return gather(nothing, observables)


def gather(state: State, observables: Sequence[PauliSum]) -> Gather:
    """Where the words of some sums stand in states with the axes of this one."""
    indices = torch.cat([_word_indices(state, observable) for observable in observables])
    weights = _joined([_weights(state, observable) for observable in observables])
    lengths = tuple(len(observable.words) for observable in observables)
    differentiated = any(_is_differentiated(own.coefficients) for own in observables)
    ones = not differentiated and bool((weights == 1).all())
    return Gather(indices.to(state.vector.device), None if ones else weights, lengths)


def _joined(weights: Sequence[Float[Tensor, "..."]]) -> Float[Tensor, "*batch words"]:
    """The weights of several sums, for each element of a batch if any of them are."""
    batch = max((own.shape[:-1] for own in weights), key=len)
    return torch.cat([own.expand(*batch, -1) for own in weights], -1)


def expectation(state: State, observable: PauliSum) -> Float[Tensor, " batch"]:
    r"""The expectation value :math:`\sum_t c_t \mathrm{Tr}(P_t \rho)`: a gather and a product."""
    return expectations(state, gather(state, [observable]))[0]


def expectations(state: State, words: Gather) -> Sequence[Float[Tensor, " batch"]]:
    """The expectation values of several sums, all with one gather.

    Every gather has a gradient of the size of the state, so one for all is what keeps many
    measurements cheap.
    """
    terms = state.vector.index_select(1, words.indices)
    if words.weights is not None:
        terms = terms * words.weights
    if set(words.lengths) == {1}:
        return terms.unbind(1)
    return [own.sum(1) for own in terms.split(words.lengths, 1)]


def _word_indices(state: State, observable: PauliSum) -> Int[Tensor, " terms"]:
    """Where the words of a sum stand in the Pauli vector, Paulis on idle wires left out."""
    strides = state.strides()
    table = torch.tensor([strides.get(wire, IDLE) for wire in observable.wires], dtype=torch.long)
    columns = torch.arange(len(observable.wires))
    return _present(table.reshape(-1, 4)[columns, observable.words].sum(1))


def _present(indices: Int[Tensor, " words"]) -> Int[Tensor, " words"]:
    """Refuse words with Paulis that the state has been restricted from."""
    if bool((indices < 0).any()):
        raise IndexError("A measurement needs Paulis that the state does not have.")
    return indices


def _weights(state: State, observable: PauliSum) -> Float[Tensor, "*batch terms"]:
    coefficients = observable.coefficients.to(state.vector)
    if set(observable.wires) <= set(state.wires):
        return coefficients
    return coefficients.masked_fill(_vanishing(state, observable).to(coefficients.device), 0)


def _vanishing(state: State, observable: PauliSum) -> Bool[Tensor, " terms"]:
    """Words with X or Y on an idle wire: <0|X|0> = <0|Y|0> = 0, <0|I|0> = <0|Z|0> = 1."""
    idle = [i for i, wire in enumerate(observable.wires) if wire not in state.wires]
    paulis = observable.words[:, idle]
    return ((paulis == X) | (paulis == Y)).any(1)


def reduced_vector(state: State, wires: Sequence[int]) -> Float[Tensor, "batch paulis"]:
    """The Pauli vector of some of the wires, in the order asked for; the others are traced out."""
    return sub_vector(state, wires, [(I, X, Y, Z)] * len(wires))


def reduced_density_matrix(state: State, wires: Sequence[int]) -> Complex[Tensor, "batch dim dim"]:
    """The density matrix of some of the wires, in the order asked for.

    Raises:
        MemoryError: if it does not fit into memory.
    """
    dtype = complex_dtype(state.vector.dtype)
    check_result(4 ** len(wires), len(state.vector), dtype, state.vector.device)
    own = active(state, wires)
    return among_zeros(density_matrix(reduced_vector(state, own)), own, wires)


def active(state: State, wires: Sequence[int]) -> list[int]:
    """Those of some wires that have an axis; the others are in ``|0>``, apart from all else."""
    return [wire for wire in wires if wire in state.wires]


def purity(state: State, wires: Sequence[int]) -> Float[Tensor, " batch"]:
    r"""The purity :math:`\mathrm{Tr}(\rho^2) = 2^{-k} \sum_P r_P^2` of some of the wires."""
    own = active(state, wires)
    return reduced_vector(state, own).square().sum(-1) / 2 ** len(own)


def among_zeros(
    part: Shaped[Tensor, "batch *dims"], own: Sequence[int], wires: Sequence[int]
) -> Shaped[Tensor, "batch *all_dims"]:
    """A vector or matrix on some of the wires as one on all, the others being in ``|0>``.

    Args:
        part: on the wires ``own``, in the order that they have among all.
        own: these wires.
        wires: all wires, in the order of the result.
    """
    if len(own) == len(wires):
        return part
    index = torch.zeros(1, dtype=torch.long)
    for place, wire in enumerate(wires):
        if wire in own:
            index = torch.stack([index, index + 2 ** (len(wires) - 1 - place)], 1).flatten()
    sides, dim = part.ndim - 1, 2 ** len(wires)
    if sides == 2:
        index = (dim * index[:, None] + index).flatten()
    whole = part.new_zeros(len(part), dim**sides)
    whole.index_copy_(1, index.to(part.device), part.flatten(1))
    return whole.reshape(len(part), *[dim] * sides)


def sub_vector(
    state: State, wires: Sequence[int], paulis: Sequence[Sequence[int]]
) -> Float[Tensor, "batch words"]:
    """The entries of all words made of the given Paulis on the given wires, I elsewhere."""
    vector = state.vector
    check_result(prod(len(x) for x in paulis), len(vector), vector.dtype, vector.device)
    strides = state.strides()
    indices = torch.zeros(1, dtype=torch.long)
    idle = torch.ones(1, dtype=state.vector.dtype)
    for wire, choices in zip(wires, paulis, strict=True):
        choice = torch.tensor(choices)
        own = torch.tensor(strides.get(wire, IDLE))[choice]
        indices = (indices[:, None] + own).flatten()
        on_zero = ((choice == I) | (choice == Z)) | (wire in strides)
        idle = (idle[:, None] * on_zero).flatten()
    values = vector.index_select(1, _present(indices).to(vector.device))
    return values if set(wires) <= strides.keys() else values * idle.to(values.device)
