r"""Parametrised unitaries, before they become transfer matrices.

A `UnitaryForm` is a product of exponentials :math:`e^{i \theta_m G_m}` of fixed Hermitian
generators and of constant unitaries, on target wires behind some control wires. Adjoints, powers
and controls of such products are such products again, whatever the parameters are: nothing here
branches on a number. The controls are the first wires, the most significant ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from numbers import Real

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from ..caching import cached
from ..state.basis import complex_dtype
from .transfer import ClosedForm, constant, rotation, sequence, unitary_transfer

MIXTURE = 0.7548776662466927
"""A number that is not related to the usual phases of gates."""

BRANCH = 1e-9
"""Phases so close to -pi are +pi: the eigenvalue -1 of a Pauli matrix, up to rounding."""


@dataclass(frozen=True, eq=False)
class Factor:
    r"""An exponential :math:`e^{i\theta G}`, or a constant unitary.

    Args:
        matrix: the generator G, or the unitary itself.
        slot: which parameter of the gate :math:`\theta` is; None if the unitary is constant.
    """

    matrix: Complex[Tensor, "dim dim"]
    slot: int | None = None

    def exponential(self, angle: Float[Tensor, "*batch"]) -> Complex[Tensor, "*batch dim dim"]:
        """The unitaries of some angles."""
        energies, states = _spectrum(self)
        states = states.to(angle.device, complex_dtype(angle.dtype))
        phases = torch.exp(1j * angle[..., None] * energies.to(angle))
        return (states * phases[..., None, :]) @ states.mH


@cached(maxsize=1024)
def _spectrum(factor: Factor) -> tuple[Float[Tensor, " dim"], Complex[Tensor, "dim dim"]]:
    """The eigenvalues and eigenvectors of a generator."""
    energies, states = torch.linalg.eigh(factor.matrix)
    return energies, states


@dataclass(frozen=True, eq=False)
class UnitaryForm:
    r"""A unitary :math:`U(\theta) = F_m \cdots F_2 F_1`, controlled by some wires.

    Args:
        name: used in error messages.
        factors: what is applied to the targets, the first one first.
        controls: for each control wire the value at which the factors are applied.
    """

    name: str
    factors: tuple[Factor, ...]
    controls: tuple[bool, ...] = ()

    @property
    def num_wires(self) -> int:
        """The number of wires, controls included."""
        return len(self.controls) + len(self.factors[0].matrix).bit_length() - 1

    @property
    def slots(self) -> tuple[int, ...]:
        """Which of the gate's parameters each exponential takes, the first one first."""
        return tuple(factor.slot for factor in self.factors if factor.slot is not None)

    def adjoint(self) -> UnitaryForm:
        """The inverse."""
        factors = (
            replace(f, matrix=f.matrix.mH if f.slot is None else -f.matrix) for f in self.factors
        )
        return replace(self, factors=tuple(reversed(list(factors))))

    def power(self, exponent: Real) -> UnitaryForm:
        r"""The principal power of a constant, :math:`e^{i z \theta G}` of an exponential.

        Raises:
            ValueError: for a product with an exponent other than 1 and -1.
        """
        if exponent in (1, -1):
            return self if exponent == 1 else self.adjoint()
        if len(self.factors) > 1:
            raise ValueError("A power of a product is no product of powers.")
        (factor,) = self.factors
        matrix = float(exponent) * factor.matrix
        if factor.slot is None:
            matrix = unitary_power(factor.matrix, exponent)
        return replace(self, factors=(replace(factor, matrix=matrix),))

    def controlled(self, values: Sequence[bool]) -> UnitaryForm:
        """With further control wires in front."""
        return replace(self, controls=(*values, *self.controls))

    def transfer(self) -> ClosedForm:
        """The transfer matrices."""
        forms = [self._transfer_of(factor) for factor in self.factors]
        return forms[0] if len(forms) == 1 else sequence(self.name, *forms)

    def _transfer_of(self, factor: Factor) -> ClosedForm:
        if factor.slot is None:
            unitary = embedded(factor.matrix, self.controls, identity=True)
            return constant(self.name, unitary_transfer(unitary))
        return rotation(self.name, embedded(factor.matrix, self.controls, identity=False))

    def __call__(
        self, params: Sequence[Float[Tensor, "*#batch"]], like: Complex[Tensor, "..."]
    ) -> Complex[Tensor, "*batch dim dim"]:
        """The matrices.

        Args:
            params: the parameters of the exponentials, in order, each a number or a batch.
            like: a tensor of the dtype and on the device that the matrices are to have.
        """
        angles = iter(params)
        matrices = [
            factor.matrix.to(like) if factor.slot is None else factor.exponential(next(angles))
            for factor in self.factors
        ]
        product = reduce(lambda done, matrix: matrix @ done, matrices)
        return embedded(product, self.controls, identity=True)


def embedded(
    matrix: Complex[Tensor, "*batch dim dim"], controls: Sequence[bool], identity: bool
) -> Complex[Tensor, "*batch size size"]:
    """A matrix as the block of some values of the control wires.

    Args:
        matrix: the block.
        controls: the values, the most significant one first.
        identity: whether the identity is in the other blocks, or nothing.
    """
    if not controls:
        return matrix
    dim = matrix.shape[-1]
    before = dim * int("".join(map(str, map(int, controls))), 2)
    after = dim * (2 ** len(controls) - 1) - before
    padding = (before, after, before, after)
    if not identity:
        return torch.nn.functional.pad(matrix, padding)
    unit, whole = (torch.eye(n).to(matrix) for n in (dim, dim + before + after))
    return whole + torch.nn.functional.pad(matrix - unit, padding)


def unitary_power(
    unitary: Complex[Tensor, "dim dim"], exponent: Real
) -> Complex[Tensor, "dim dim"]:
    r"""The principal power: phases in :math:`(-\pi, \pi]` times the exponent.

    **Example**

    >>> unitary_power(torch.diag(torch.tensor([1, -1], dtype=torch.complex128)), 0.5).diag()
    tensor([1.0000e+00+0.j, 6.1232e-17+1.j], dtype=torch.complex128)
    """
    if float(exponent).is_integer():
        return torch.linalg.matrix_power(unitary, int(float(exponent)))
    # The Hermitian and the anti-Hermitian part commute, so a mixture of both has the eigenvectors
    # of the unitary, if no two of its phases happen to add up to twice the arctangent of MIXTURE.
    real, imaginary = (unitary + unitary.mH) / 2, (unitary - unitary.mH) / 2j
    _, states = torch.linalg.eigh(real + MIXTURE * imaginary)
    phases = (states.mH @ unitary @ states).diagonal().angle()
    phases = torch.where(phases < BRANCH - torch.pi, phases + 2 * torch.pi, phases)
    return (states * torch.exp(1j * float(exponent) * phases)) @ states.mH
