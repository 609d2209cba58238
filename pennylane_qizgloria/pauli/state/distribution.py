"""Distributions of outcomes: what measuring a Pauli operator on each of some wires gives.

Outcome 0 of a Pauli is its eigenvalue +1, and the first wire is the most significant bit. Wires
without an axis in the state are independent of all others, so they are kept as factors, and many of
them cost nothing until all outcomes are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..memory import check_result
from .basis import I, Z
from .measure import State, active, among_zeros, sub_vector


@dataclass(frozen=True, eq=False)
class Distribution:
    """A distribution of the outcomes of some wires, as a product. All other wires give 0.

    Args:
        wires: the measured wires.
        together: those that ``joint`` is about, in their order.
        joint: the distribution of their outcomes.
        apart: the distribution of each wire that is independent of the others, for all elements of
            a batch or for each.
    """

    wires: tuple[int, ...]
    together: tuple[int, ...]
    joint: Float[Tensor, "batch outcomes"]
    apart: Mapping[int, Float[Tensor, "*batch 2"]]

    def probabilities(self) -> Float[Tensor, "batch all_outcomes"]:
        """The probability of each outcome of all wires.

        Raises:
            MemoryError: if they do not fit into memory.
        """
        joint, apart = self.joint, self.apart
        check_result(2 ** len(self.wires), len(joint), joint.dtype, joint.device)
        random = [wire for wire in self.wires if wire in apart or wire in self.together]
        product = joint.reshape(len(joint), *[1 if wire in apart else 2 for wire in random])
        for wire, factor in apart.items():
            axes = [2 if other == wire else 1 for other in random]
            product = product * factor.reshape(*factor.shape[:-1], *axes)
        return among_zeros(product.reshape(len(product), -1), random, self.wires)


def distribution(
    state: State, wires: Sequence[int], basis: Sequence[int] | None = None
) -> Distribution:
    r"""The distribution of measuring a Pauli operator on each of some wires.

    .. math::
        p(b) = 2^{-k} \sum_{m \in \{0,1\}^k} (-1)^{b \cdot m} r[L^m]

    with the Paulis L, Z unless ``basis`` says otherwise: a gather of ``2**k`` entries and a
    Walsh-Hadamard transform.
    """
    paulis = dict(zip(wires, basis or [Z] * len(wires), strict=True))
    own = active(state, wires)
    values = sub_vector(state, own, [(I, paulis[wire]) for wire in own])
    joint = _walsh_hadamard(values, len(own)) / 2 ** len(own)
    even = joint.new_tensor([0.5, 0.5])
    apart = {w: even for w in wires if w not in state.wires and paulis[w] != Z}
    return Distribution(tuple(wires), tuple(own), joint, apart)


def _walsh_hadamard(values: Float[Tensor, "batch words"], num_wires: int) -> Tensor:
    """Sums and differences along each wire's axis."""
    shape = values.shape
    for wire in range(num_wires):
        plus, minus = values.reshape(-1, 2, 2 ** (num_wires - 1 - wire)).unbind(1)
        values = torch.stack([plus + minus, plus - minus], 1)
    return values.reshape(shape)
