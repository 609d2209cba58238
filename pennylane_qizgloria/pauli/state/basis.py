"""Density matrices as real Pauli vectors, and back.

A density matrix on ``n`` wires is stored as the real vector of its Pauli expectation values

    r[P] = Tr(P rho),    rho = 2**-n  sum_P r[P] P,    P in {I, X, Y, Z}^n,

with the Paulis numbered I=0, X=1, Y=2, Z=3 and the first wire as the most significant base-4
digit (PennyLane's big-endian order). A batch of states carries its axes in front. ``r[I...I]`` is
the trace. The same map turns an observable into its real Pauli coefficients.
"""

from __future__ import annotations

from functools import reduce

import torch
from jaxtyping import Complex, Float, Int
from torch import Tensor

from ..caching import cached

PAULI_LABELS = "IXYZ"
"""The single-wire Pauli operators in the order in which they are numbered."""

I, X, Y, Z = range(4)  # noqa: E741


@cached(maxsize=None)
def pauli_matrices(
    num_wires: int, dtype: torch.dtype, device: torch.device
) -> Complex[Tensor, "paulis dim dim"]:
    """All ``4**num_wires`` Pauli operators, in the order of a Pauli vector."""
    single = torch.tensor(
        [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]],
        dtype=dtype,
        device=device,
    )
    return reduce(torch.kron, [single] * num_wires, torch.ones(1, 1, 1, dtype=dtype, device=device))


def num_wires_of(paulis: int) -> int:
    """The number of wires of a Pauli vector with that many entries."""
    return (paulis.bit_length() - 1) // 2


def complex_dtype(dtype: torch.dtype) -> torch.dtype:
    """The complex dtype of the same precision as a real one."""
    return torch.complex64 if dtype == torch.float32 else torch.complex128


def pauli_vector(matrix: Complex[Tensor, "*batch dim dim"]) -> Float[Tensor, "*batch paulis"]:
    r"""The real Pauli vector :math:`r_P = \mathrm{Tr}(P \rho)` of a Hermitian matrix.

    The cost is ``n / 2`` passes over ``4**n`` real numbers; the Pauli operators are never formed.

    Args:
        matrix: Hermitian, ``dim = 2**n``; only its Hermitian part is seen.

    **Example**

    >>> pauli_vector(torch.tensor([[0.5, 0.5], [0.5, 0.5]], dtype=torch.complex128)).abs()
    tensor([1., 1., 0., 0.], dtype=torch.float64)
    """
    hermitian = (matrix + matrix.mH) / 2
    return _of_real_form(hermitian.real + hermitian.imag)


def density_matrix(vector: Float[Tensor, "*batch paulis"]) -> Complex[Tensor, "*batch dim dim"]:
    r"""The matrix :math:`\rho = 2^{-n} \sum_P r_P P` of a Pauli vector; inverts `pauli_vector`.

    **Example**

    >>> density_matrix(torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)).real
    tensor([[0.5000, 0.5000],
            [0.5000, 0.5000]], dtype=torch.float64)
    """
    num_wires = num_wires_of(vector.shape[-1])
    vector = vector.to(complex_dtype(vector.dtype))
    change = _single_wire(vector).permute(1, 2, 0).reshape(4, 4) / 2
    return _separate(_on_each_wire(change, vector, num_wires), num_wires)


def zero_vector(
    num_wires: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, " paulis"]:
    """The Pauli vector of ``|0...0><0...0|``: 1 for every word of I and Z, 0 elsewhere."""
    words = torch.zeros(1, dtype=torch.long, device=device)
    for _ in range(num_wires):
        words = torch.cat([4 * words, 4 * words + 3])
    return torch.zeros(4**num_wires, dtype=dtype, device=device).index_fill_(0, words, 1)


def pure_state_vector(state: Complex[Tensor, "*batch dim"]) -> Float[Tensor, "*batch paulis"]:
    """The Pauli vector of the projector on a state vector."""
    a, b = state.real, state.imag
    return _of_real_form(torch.stack([a, b], -1) @ torch.stack([a - b, a + b], -2))


def _of_real_form(real: Float[Tensor, "*batch dim dim"]) -> Float[Tensor, "*batch paulis"]:
    r"""The Pauli vector of a Hermitian matrix H from the real matrix Re H + Im H.

    With m Paulis Y a word is :math:`i^m Q` for a real Q, symmetric if m is even, antisymmetric if
    it is odd, and so are Re H and Im H. Hence
    :math:`r_P = \pm \sum_{jk} Q_{kj} (\mathrm{Re} H + \mathrm{Im} H)_{jk}`, a product of real
    4x4 matrices up to signs. Two wires are done at once, each pair moving behind the others.
    """
    num_wires = real.shape[-1].bit_length() - 1
    x = _interleave(real, num_wires).reshape(-1, 4**num_wires)
    for count in (2,) * (num_wires // 2) + (1,) * (num_wires % 2):
        change = _real_change(count, real.dtype, real.device)
        x = torch.bmm(x.reshape(len(x), 4**count, -1).mT, change.expand(len(x), -1, -1))
    return (x.reshape(len(x), -1) * _signs(num_wires, real.device)).reshape(
        *real.shape[:-2], 4**num_wires
    )


@cached(maxsize=None)
def _real_change(
    num_wires: int, dtype: torch.dtype, device: torch.device
) -> Float[Tensor, "units paulis"]:
    """The entries Q_kj of the real words; those of Y are its imaginary part."""
    words = pauli_matrices(1, torch.complex128, device)
    real = (words.real + words.imag).transpose(1, 2).reshape(4, 4).T.to(dtype)
    return reduce(torch.kron, [real] * num_wires)


@cached(maxsize=16)
def _signs(num_wires: int, device: torch.device) -> Int[Tensor, " paulis"]:
    """The sign of each word in `_of_real_form`: by the number of Paulis Y modulo 4."""
    number = torch.zeros(1, dtype=torch.int8, device=device)
    pauli = torch.tensor([0, 0, 1, 0], dtype=torch.int8, device=device)
    for _ in range(num_wires):
        number = (number[:, None] + pauli).flatten() % 4
    return torch.where((number == 1) | (number == 2), -1, 1).to(torch.int8)


def _single_wire(like: Tensor) -> Complex[Tensor, "4 2 2"]:
    return pauli_matrices(1, like.dtype, like.device)


def _on_each_wire(change: Complex[Tensor, "4 4"], x: Tensor, num_wires: int) -> Tensor:
    """Multiply one 4x4 matrix onto every wire's axis of ``(..., 4**n)``."""
    shape = x.shape
    for wire in range(num_wires):
        x = change @ x.reshape(-1, 4, 4 ** (num_wires - 1 - wire))
    return x.reshape(shape)


def _interleave(matrix: Tensor, num_wires: int) -> Float[Tensor, "*batch units"]:
    """Order the entries of a matrix wire by wire, each wire's row before its column."""
    batch = matrix.shape[:-2]
    axes = [axis for wire in range(num_wires) for axis in (1 + wire, 1 + num_wires + wire)]
    x = matrix.reshape(-1, *(2,) * (2 * num_wires)).permute(0, *axes)
    return x.reshape(*batch, 4**num_wires)


def _separate(units: Tensor, num_wires: int) -> Complex[Tensor, "*batch dim dim"]:
    """Undo `_interleave`."""
    batch = units.shape[:-1]
    rows, columns = range(1, 2 * num_wires + 1, 2), range(2, 2 * num_wires + 1, 2)
    x = units.reshape(-1, *(2,) * (2 * num_wires)).permute(0, *rows, *columns)
    return x.reshape(*batch, 2**num_wires, 2**num_wires)
