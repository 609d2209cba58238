"""Readout error: what the detector reports, given what the qubit holds.

A wire's confusion matrix has the true outcome as its row and the reported one as its column, as in
Qiskit's ``ReadoutError``:

    C = [[p(0|0), p(1|0)],
         [p(0|1), p(1|1)]].

It acts on distributions after the diagonalizing gates. On the reported value of a Pauli letter it
is an affine map, so that expectation values stay gathers:

    <P> -> a <P> + b,    a = 1 - p(1|0) - p(0|1),    b = p(0|1) - p(1|0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .basis import I
from .measure import PauliSum


@dataclass(frozen=True)
class Readout:
    """The confusion matrices of the wires that have one.

    Args:
        by_wire: a matrix ``(2, 2)`` for each wire that has a readout error.
    """

    by_wire: Mapping[int, Float[Tensor, "2 2"]]

    def affects(self, wires: Sequence[int]) -> bool:
        """Whether any of these wires is read with an error."""
        return any(wire in self.by_wire for wire in wires)


def confuse(
    probabilities: Float[Tensor, "batch outcomes"], wires: Sequence[int], readout: Readout
) -> Float[Tensor, "batch outcomes"]:
    """The distribution of the reported outcomes of some wires."""
    shape = probabilities.shape
    for axis, wire in enumerate(wires):
        if wire in readout.by_wire:
            confusion = readout.by_wire[wire].to(probabilities)
            view = probabilities.reshape(-1, 2, 2 ** (len(wires) - 1 - axis))
            probabilities = (confusion.T @ view).reshape(shape)
    return probabilities


def reported(observable: PauliSum, readout: Readout) -> PauliSum:
    """The observable whose exact expectation value is the mean of what is reported.

    Each letter P on a wire with readout error becomes ``a P + b I``; symmetric errors (b = 0) keep
    the number of words.
    """
    letters, coefficients = observable.letters, observable.coefficients
    for column, wire in enumerate(observable.wires):
        if wire not in readout.by_wire:
            continue
        confusion = readout.by_wire[wire].to(coefficients)
        p10, p01 = confusion[0, 1], confusion[1, 0]
        acts = letters[:, column] != I
        on_device = acts.to(coefficients.device)
        offset = (p01 - p10) * coefficients[on_device]
        coefficients = torch.where(on_device, (1 - p10 - p01) * coefficients, coefficients)
        if offset.requires_grad or bool((offset != 0).any()):
            traced = letters[acts].clone()
            traced[:, column] = I
            letters = torch.cat([letters, traced])
            coefficients = torch.cat([coefficients, offset])
    return PauliSum(observable.wires, letters, coefficients)
