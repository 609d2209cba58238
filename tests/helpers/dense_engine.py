"""A second engine: density matrices in plain numpy, without derivatives.

Importing this module registers it as the method ``"dense"``; as a pytest plugin it does so for
PennyLane's device suite.
"""

from functools import reduce

import numpy as np
import torch

from pennylane_qizgloria.engines.registry import methods, register
from pennylane_qizgloria.pauli.program.program import Operand, argument_positions
from pennylane_qizgloria.pauli.state.distribution import Distribution

PAULIS = np.array([np.eye(2), [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], np.diag([1, -1])])
EIGENBASES = np.array(
    [np.eye(2), *(np.linalg.eigh(pauli)[1][:, ::-1].conj().T for pauli in PAULIS[1:])]
)


def words(k):
    return np.array([reduce(np.kron, PAULIS[list(w)], np.eye(1)) for w in np.ndindex(*(4,) * k)])


def split(rho, wires):
    """Some wires apart from the rest: ``[batch, rows, columns, other rows, other columns]``."""
    n, k = int(np.log2(rho.shape[-1])), len(wires)
    order = [*wires, *(w for w in range(n) if w not in wires)]
    axes = [0, *(1 + w for w in order), *(1 + n + w for w in order)]
    shape = (len(rho), 2**k, 2 ** (n - k), 2**k, 2 ** (n - k))
    return rho.reshape(len(rho), *(2,) * (2 * n)).transpose(axes).reshape(shape).swapaxes(2, 3)


def join(parts, wires):
    """The inverse of `split`."""
    k, m = (int(np.log2(parts.shape[axis])) for axis in (1, 3))
    n, dim = k + m, 2 ** (k + m)
    back = np.argsort([*wires, *(w for w in range(n) if w not in wires)])
    tensor = parts.swapaxes(2, 3).reshape(len(parts), *(2,) * (2 * n))
    axes = [0, *(1 + back), *(1 + n + back)]
    return tensor.transpose([int(axis) for axis in axes]).reshape(len(parts), dim, dim)


def applied(rho, operation, numbers):
    """The image of a density matrix; ``numbers`` are the operand, or the matrix of a form."""
    parts, k = split(rho, operation.wires), len(operation.wires)
    if operation.form is Operand.KRAUS:
        kraus = numbers[None] if numbers.ndim == 3 else numbers
        return join(
            np.einsum("bmij,bjkxy,bmlk->bilxy", kraus, parts, kraus.conj()), operation.wires
        )
    if operation.form is Operand.STATE:
        vectors = np.einsum("bj,bkkxy->bjxy", numbers.reshape(-1, 4**k), parts)
    else:
        vectors = np.einsum("jck,bkcxy->bjxy", words(k), parts)
        vectors = np.einsum("bij,bjxy->bixy", numbers.reshape(-1, 4**k, 4**k), vectors)
    return join(np.einsum("ikc,bixy->bkcxy", words(k), vectors) / 2**k, operation.wires)


def evolved(rho, bound):
    given = bound.arguments
    for op, own in zip(bound.program.operations, argument_positions(bound.program), strict=True):
        own = list(own)
        if isinstance(op.form, Operand):
            numbers = given.operands[own[0]]
        elif op.batched:
            numbers = op.form(given.batched_scalars[:, own])
        elif op.constant and own:
            numbers = op.form(given.constants.numbers[own])
        else:
            numbers = op.form(given.scalars[own])
        rho = applied(rho, op, numbers.detach().numpy())
    return rho


class DenseState:
    def __init__(self, rho, num_wires, dtype):
        self.rho, self.wires, self.dtype = rho, range(num_wires), dtype

    def expectations(self, observables):
        return [
            torch.as_tensor(sum(self.mean(own.wires, w) * c for w, c in pairs(own))).to(self.dtype)
            for own in observables.sums
        ]

    def mean(self, wires, word):
        matrix = reduce(np.kron, PAULIS[word], np.eye(1))
        return np.einsum("ij,bjixx->b", matrix, split(self.rho, wires)).real

    def distribution(self, basis):
        rho = np.einsum("bijxx->bij", split(self.rho, basis.wires))
        if basis.rotation is not None:
            rho = evolved(rho, basis.rotation)
        turn = reduce(np.kron, EIGENBASES[list(basis.paulis)], np.eye(1))
        joint = torch.as_tensor(np.einsum("ij,bjk,ik->bi", turn, rho, turn.conj()).real)
        return Distribution(basis.wires, basis.wires, joint.to(self.dtype), {})

    def density_matrix(self, wires):
        return torch.as_tensor(np.einsum("bijxx->bij", split(self.rho, wires))).to(
            self.dtype.to_complex()
        )

    def purity(self, wires):
        return self.density_matrix(wires).abs().square().sum((1, 2))


def pairs(observable):
    return zip(observable.words.numpy(), observable.coefficients.detach().numpy(), strict=True)


class DenseEngine:
    name = "dense"
    is_differentiable = False

    def why_not(self, circuit):
        wires = circuit.program.program.num_wires
        return f"a density matrix of {wires} wires is too large for it" if wires > 8 else None

    def run(self, circuits, memory_budget):
        return [self.final_state(circuit) for circuit in circuits]

    def final_state(self, circuit):
        bound, dim = circuit.program, 2**circuit.program.program.num_wires
        rho = np.zeros((bound.batch_size or 1, dim, dim), complex)
        rho[:, 0, 0] = 1
        dtype = bound.arguments.scalars.dtype
        return DenseState(evolved(rho, bound), bound.program.num_wires, dtype)


if "dense" not in methods():
    register(DenseEngine())
