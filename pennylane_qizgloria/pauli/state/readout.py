"""Readout error: what the detector reports, given what the qubit holds.

A wire's confusion matrix has the true outcome as its row and the reported one as its column, as in
Qiskit's ``ReadoutError``:

    C = [[p(0|0), p(1|0)],
         [p(0|1), p(1|1)]].

It acts on distributions after the diagonalizing gates. On the reported value of a Pauli operator it
is an affine map, so that expectation values stay gathers:

    <P> -> a <P> + b,    a = 1 - p(1|0) - p(0|1),    b = p(0|1) - p(1|0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..._compat.torch import has_values
from ..conditions import holds
from ..memory import check_fits
from .basis import I
from .distribution import Distribution
from .measure import PauliSum

Confusion = Mapping[int, Float[Tensor, "*batch 2 2"]]
"""The confusion matrices of the wires that have a readout error, or one for each element of a
batch."""


def is_affected(wires: Sequence[int], confusion: Confusion) -> bool:
    """Whether any of these wires is read with an error."""
    return any(wire in confusion for wire in wires)


def confused(exact: Distribution, confusion: Confusion) -> Distribution:
    """The distribution of what is reported of some wires."""
    if not is_affected(exact.wires, confusion):
        return exact
    apart = {
        wire: _confused(one[None], [wire], confusion).squeeze(0)
        for wire, one in exact.apart.items()
    }
    for wire in exact.wires:
        if wire in confusion and wire not in (*exact.together, *exact.apart):
            apart[wire] = confusion[wire][..., 0, :].to(exact.joint)  # the row of a true 0
    joint = _confused(exact.joint, exact.together, confusion)
    batch = max([len(joint), *(len(one) for one in apart.values() if one.ndim == 2)])
    joint = joint.expand(batch, -1)
    return Distribution(exact.wires, exact.together, joint, apart)


def _confused(
    probabilities: Float[Tensor, "batch outcomes"], wires: Sequence[int], confusion: Confusion
) -> Float[Tensor, "batch outcomes"]:
    for axis, wire in enumerate(wires):
        if wire in confusion:
            matrix = confusion[wire].to(probabilities)
            view = probabilities.reshape(
                len(probabilities), 2**axis, 2, 2 ** (len(wires) - 1 - axis)
            )
            own = matrix if matrix.ndim == 2 else matrix[:, None]
            probabilities = (own.mT @ view).flatten(1)
    return probabilities


def reported(observable: PauliSum, confusion: Confusion) -> PauliSum:
    """The observable whose exact expectation value is the mean of what is reported.

    Each Pauli P on a wire with readout error becomes ``a P + b I``; symmetric errors (b = 0) keep
    the number of words.

    Raises:
        MemoryError: if that makes more words than fit into memory.
    """
    paulis, coefficients = observable.words, observable.coefficients
    for column, wire in enumerate(observable.wires):
        if wire not in confusion:
            continue
        matrix = confusion[wire].to(coefficients)
        p10, p01 = matrix[..., 0, 1, None], matrix[..., 1, 0, None]
        acts = paulis[:, column] != I
        on_device = acts.to(coefficients.device)
        offset = (p01 - p10) * coefficients[..., on_device]
        coefficients = torch.where(on_device, (1 - p10 - p01) * coefficients, coefficients)
        if offset.requires_grad or not has_values(offset) or not holds(offset == 0):
            _check_words(len(paulis) + offset.shape[-1], observable)
            traced = paulis[acts].clone()
            traced[:, column] = I
            paulis = torch.cat([paulis, traced])
            coefficients = torch.cat([coefficients.expand(*offset.shape[:-1], -1), offset], -1)
    return PauliSum(observable.wires, paulis, coefficients)


def _check_words(words: int, observable: PauliSum) -> None:
    """Refuse long words: a word of k Paulis that are read with asymmetric errors becomes 2**k."""
    needed = 2 * words * (len(observable.wires) + 1) * observable.words.itemsize
    check_fits(
        needed,
        f"A Pauli word on {len(observable.wires)} wires with p(1|0) and p(0|1) that differ",
        f"{words} words",
        observable.coefficients.device,
    )
