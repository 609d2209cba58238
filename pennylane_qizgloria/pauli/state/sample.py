"""Shots from a Pauli vector: outcomes are drawn from the distribution of the measured wires."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Int8
from torch import Tensor

from .basis import X
from .distribution import Distribution


@runtime_checkable
class Uniform(Protocol):
    """A source of uniform random numbers in [0, 1); ``numpy.random.Generator`` is one."""

    def random(self, size: tuple[int, ...]) -> Float[np.ndarray, "..."]:
        """An array of that shape."""


def sample(
    outcomes: Distribution, shots: int, random: Uniform
) -> Int[np.ndarray, "batch shots wires"]:
    """Independent outcomes of each element of a batch, as bits, first wire first."""
    batch = len(outcomes.joint)
    bits = np.zeros((batch, shots, len(outcomes.wires)), dtype=np.int64)
    if outcomes.together:
        drawn = draw(_numpy(outcomes.joint), shots, random)
        places = [outcomes.wires.index(wire) for wire in outcomes.together]
        bits[..., places] = to_bits(drawn, len(places))
    if outcomes.apart:
        places = [outcomes.wires.index(wire) for wire in outcomes.apart]
        factors = map(_numpy, outcomes.apart.values())
        zeros = [np.broadcast_to(own[..., 0] / own.sum(-1), batch) for own in factors]
        limits = np.stack(zeros, -1)[:, None]
        bits[..., places] = random.random((batch, shots, len(places))) >= limits
    return bits


def draw(
    distribution: Float[np.ndarray, "batch outcomes"], shots: int, random: Uniform
) -> Int[np.ndarray, "batch shots"]:
    """Independent outcomes of each distribution, by inverting its cumulative sum.

    Rounding is the only source of negative probabilities and of sums that are not 1: the first are
    cut off, the second divided out.
    """
    cumulative = np.cumsum(np.clip(distribution, 0, None), axis=-1, dtype=np.float64)
    cumulative /= cumulative[:, -1:]
    uniforms = random.random((len(distribution), shots))
    rows = [np.searchsorted(c, u, side="right") for c, u in zip(cumulative, uniforms, strict=True)]
    return np.minimum(np.stack(rows), distribution.shape[-1] - 1)


def to_bits(outcomes: Int[np.ndarray, "*shape"], num_wires: int) -> Int[np.ndarray, "... wires"]:
    """The outcomes as bits, first wire first."""
    shifts = np.arange(num_wires - 1, -1, -1)
    return (outcomes[..., None] >> shifts) & 1


def sample_shadow(
    measured: Callable[[Sequence[int]], Distribution],
    recipes: Int[np.ndarray, "shots wires"],
    random: Uniform,
) -> Int8[np.ndarray, "batch shots wires"]:
    """One shot in each of the given bases (0, 1, 2 for X, Y, Z on each wire).

    Shots of equal bases are drawn together, so the cost is one distribution for each basis that
    occurs, not for each shot.

    Args:
        measured: gives the distribution of measuring these Paulis.
        recipes: the basis of each shot.
        random: the source of randomness.
    """
    bases, basis_of_shot = np.unique(recipes, axis=0, return_inverse=True)
    found = []
    for number, basis in enumerate(bases):
        shots = np.flatnonzero(basis_of_shot.ravel() == number)
        found.append((shots, sample(measured([X + int(own) for own in basis]), len(shots), random)))
    bits = np.empty((len(found[0][1]), *recipes.shape), dtype=np.int8)
    for shots, own in found:
        bits[:, shots] = own
    return bits


def _numpy(tensor: Tensor) -> Float[np.ndarray, "..."]:
    return tensor.detach().cpu().numpy()
