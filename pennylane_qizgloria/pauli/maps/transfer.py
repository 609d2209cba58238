"""Pauli transfer matrices of unitaries, Kraus operators and parametrised families.

The transfer matrix of a map E on ``k`` wires is the real ``4**k x 4**k`` matrix

    T[i, j] = Tr(P_i E(P_j)) / 2**k,

so that ``r -> T r`` is the map on Pauli vectors. The first wire is the most significant digit.
A `ClosedForm` is a family of transfer matrices that depends on scalar parameters through a few
feature functions: ``T(theta) = sum_f phi_f(theta) C_f``. All members of a family, in all elements
of a batch, are then one matrix product, and the derivatives at the edges of a parameter's range
(a noise strength of zero) are exact, where square roots of Kraus operators have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from ..caching import cached
from ..state.basis import num_wires_of, pauli_matrices, pauli_vector

Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class ClosedForm:
    r"""A family of transfer matrices :math:`T(\theta) = \sum_f \varphi_f(\theta) C_f`.

    Families are compared by identity: build each of them once.

    Args:
        name: used in error messages.
        num_params: the number of scalar parameters :math:`\theta`.
        features: maps parameters ``(..., num_params)`` to features ``(..., features)``.
        coefficients: the matrices :math:`C_f`, ``(features, 4**k, 4**k)``, double precision.
        valid: maps parameters ``(..., num_params)`` to whether each set is in the domain ``(...)``;
            None where every finite number is.
        domain: the domain in words, for error messages.
        generator: G of a family :math:`e^{i \theta G}`; None for others.
        factors: the families of a `sequence`; empty for others.
    """

    name: str
    num_params: int
    features: Features
    coefficients: Float[Tensor, "features paulis paulis"]
    valid: Callable[[Tensor], Tensor] | None = None
    domain: str = "every parameter must be finite"
    generator: Complex[Tensor, "dim dim"] | None = None
    factors: tuple[ClosedForm, ...] = ()

    @property
    def num_wires(self) -> int:
        """The number of wires that the map acts on."""
        return num_wires_of(self.coefficients.shape[-1])

    def __call__(
        self, params: Float[Tensor, "*sets params"]
    ) -> Float[Tensor, "*sets paulis paulis"]:
        """The transfer matrices of several sets of parameters at once."""
        if not self.num_params:
            constants = _coefficients(self, params.dtype, params.device)
            return constants.view(self.coefficients.shape[1:]).expand(*params.shape[:-1], -1, -1)
        entries = self.features(params) @ _coefficients(self, params.dtype, params.device)
        return entries.unflatten(-1, self.coefficients.shape[1:])


# --- maps given by matrices -----------------------------------------------------------------------


def unitary_transfer(
    unitary: Complex[Tensor, "*batch dim dim"],
) -> Float[Tensor, "*batch paulis paulis"]:
    r"""The transfer matrix of :math:`\rho \mapsto U \rho U^\dagger`.

    **Example**

    >>> hadamard = torch.tensor([[1, 1], [1, -1]], dtype=torch.complex128) / 2**0.5
    >>> unitary_transfer(hadamard).round().int().tolist()
    [[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, -1, 0], [0, 1, 0, 0]]
    """
    return kraus_transfer(unitary[..., None, :, :])


def kraus_transfer(
    kraus: Complex[Tensor, "*batch kraus dim dim"],
) -> Float[Tensor, "*batch paulis paulis"]:
    r"""The transfer matrix of :math:`\rho \mapsto \sum_m K_m \rho K_m^\dagger`."""
    dim = kraus.shape[-1]
    paulis = pauli_matrices(dim.bit_length() - 1, kraus.dtype, kraus.device)
    operators = kraus[..., None, :, :]  # one for every P_j
    images = (operators @ paulis @ operators.mH).sum(-4)
    return pauli_vector(images).mT / dim


# --- rotations ------------------------------------------------------------------------------------


def rotation(name: str, generator: Complex[Tensor, "dim dim"]) -> ClosedForm:
    r"""The family :math:`U(\theta) = e^{i \theta G}` of a Hermitian generator.

    With :math:`L = i[G, \cdot\,]`, whose eigenvalues are :math:`\pm i\Omega` for the gaps
    :math:`\Omega` of the spectrum of ``G``,

    .. math::
        T(\theta) = e^{\theta L} = \Pi_0
            + \sum_{\Omega > 0} \cos(\Omega\theta)\, \Pi_\Omega
            + \sin(\Omega\theta)\, L \Pi_\Omega / \Omega

    where :math:`\Pi_\Omega` projects on the eigenspaces of :math:`\pm i\Omega`. (The same spectrum
    gives the parameter-shift rules: Wierichs, Izaac, Wang, Lin, Quantum 6, 677, 2022.)
    """
    gaps, constants = _spectral_form(generator.to(torch.complex128))
    return ClosedForm(name, 1, _Waves(tuple(gaps)), constants, generator=generator)


@dataclass(frozen=True)
class _Waves:
    """The features 1, cos and sin of an angle, or of each of several, at some frequencies."""

    frequencies: tuple[float, ...]

    def __call__(self, theta: Float[Tensor, "*angles"]) -> Float[Tensor, "*sets features"]:
        if self.frequencies == (1.0,):
            return torch.cat([torch.ones_like(theta), torch.cos(theta), torch.sin(theta)], -1)
        phases = theta * torch.tensor(self.frequencies, dtype=torch.float64).to(theta)
        return torch.cat([torch.ones_like(theta), torch.cos(phases), torch.sin(phases)], -1)


def _spectral_form(generator: Tensor) -> tuple[list[float], Tensor]:
    """The positive gaps of a generator, and the constant matrices 1, cos, sin of `rotation`."""
    dim = generator.shape[-1]
    energies, states = torch.linalg.eigh(generator)
    differences = energies[:, None] - energies[None, :]
    gaps = _distinct(differences.abs().flatten().tolist())
    paulis = pauli_matrices(dim.bit_length() - 1, generator.dtype, generator.device)
    rotated = states.mH @ paulis @ states  # the Pauli operators in the eigenbasis
    nearest = (differences.abs()[..., None] - differences.new_tensor(gaps)).abs().argmin(-1)

    def part(mask: Tensor, factor: complex = 1.0) -> Tensor:
        image = states @ (rotated * mask * factor) @ states.mH
        return pauli_vector(image).mT / dim

    cosines = [part(nearest == number) for number in range(len(gaps))]
    sines = [part((nearest == number) * differences.sign(), 1j) for number in range(1, len(gaps))]
    return gaps[1:], torch.stack([*cosines, *sines])


def _distinct(gaps: list[float]) -> list[float]:
    """Zero and the gaps that differ by more than rounding, each the mean of those that do not."""
    rounding = 1e-10 * max([1e-300, *gaps])
    clusters: list[list[float]] = []
    for gap in sorted(gaps):
        if clusters and gap - clusters[-1][-1] <= rounding:
            clusters[-1].append(gap)
        else:
            clusters.append([gap])
    return [0.0, *(sum(cluster) / len(cluster) for cluster in clusters[1:])]


def sequence(name: str, *factors: ClosedForm) -> ClosedForm:
    """The family of several families applied one after the other, the first one first.

    Its features are the products of the factors' features, its parameters are theirs in order.
    """
    given, factors = factors, _without_constants(factors)
    if len(factors) == 1:
        return replace(factors[0], name=name, generator=None, factors=given)
    coefficients = factors[0].coefficients
    for factor in factors[1:]:
        products = factor.coefficients[None] @ coefficients[:, None]
        coefficients = products.reshape(-1, *products.shape[-2:])
    counts = [factor.num_params for factor in factors]
    alike = len({factor.features for factor in factors}) == 1 and set(counts) == {1}

    def features(params: Tensor) -> Tensor:
        if alike:  # all angles at once
            parts = factors[0].features(params[..., None]).unbind(-2)
        else:
            pairs = zip(factors, params.split(counts, -1), strict=True)
            parts = tuple(factor.features(own) for factor, own in pairs)
        return reduce(_products, parts)

    return ClosedForm(name, sum(counts), features, coefficients, factors=given)


def _without_constants(factors: Sequence[ClosedForm]) -> tuple[ClosedForm, ...]:
    """The same families, constants multiplied into the ones before or, at the start, behind."""
    joined = list(factors[:1])
    for factor in factors[1:]:
        if factor.num_params and joined[-1].num_params:
            joined.append(factor)
            continue
        varying = factor if factor.num_params else joined[-1]
        joined[-1] = replace(varying, coefficients=factor.coefficients @ joined[-1].coefficients)
    return tuple(joined)


def _products(first: Float[Tensor, "*sets f"], second: Float[Tensor, "*sets g"]) -> Tensor:
    return (first[..., :, None] * second[..., None, :]).flatten(-2)


def constant(name: str, transfer: Float[Tensor, "paulis paulis"]) -> ClosedForm:
    """A family without parameters."""
    return ClosedForm(
        name, 0, lambda params: params.new_ones(*params.shape[:-1], 1), transfer[None]
    )


@cached(maxsize=1024)
def _coefficients(
    form: ClosedForm, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "features entries"]:
    """A family's constant matrices, flat, in the precision and on the device of the parameters."""
    return form.coefficients.to(device, dtype).flatten(1)
