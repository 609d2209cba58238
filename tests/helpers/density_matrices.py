"""A reference simulator: density matrices in plain numpy, in double precision.

Operations are given by their Kraus operators and states by dense matrices; the first wire is the
most significant bit throughout.
"""

from functools import reduce

import numpy as np

PAULIS = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def kron(*factors):
    return reduce(np.kron, factors, np.eye(1))


def words(n):
    """All 4**n Pauli operators on n wires, the first wire's letter changing slowest."""
    return np.array([kron(*(PAULIS[i] for i in w)) for w in np.ndindex(*(4,) * n)])


def letters_of(rho):
    """Tr(P rho) for every word P, an axis for each wire."""
    n = int(np.log2(len(rho)))
    tensor = rho.reshape((2,) * (2 * n))
    for left in range(n, 0, -1):  # each turn replaces a row and a column by a letter at the end
        tensor = np.tensordot(tensor, PAULIS, ((0, left), (2, 1)))
    return tensor.real


def vector(rho):
    """Tr(P rho) for every word P."""
    return letters_of(rho).flatten()


def transfer(kraus):
    """T[i, j] = Tr(P_i E(P_j)) / 2**k, entry by entry."""
    paulis = words(int(np.log2(kraus.shape[-1])))
    images = [sum(k @ p @ k.conj().T for k in kraus) for p in paulis]
    table = [[np.trace(p @ image) for image in images] for p in paulis]
    return np.real(table) / kraus.shape[-1]


def zero(n):
    rho = np.zeros((2**n, 2**n), complex)
    rho[0, 0] = 1
    return rho


def embed(matrix, wires, n):
    """A matrix on some wires as one on all n of them: a Kronecker product and a permutation."""
    rest = [w for w in range(n) if w not in wires]
    full = np.kron(matrix, np.eye(2 ** len(rest))).reshape((2,) * (2 * n))
    back = np.argsort([*wires, *rest])
    return full.transpose(*back, *(n + back)).reshape(2**n, 2**n)


def apply(rho, kraus, wires):
    """sum_m K_m rho K_m^dagger on some wires."""
    n = int(np.log2(len(rho)))
    return sum(e @ rho @ e.conj().T for e in (embed(k, wires, n) for k in kraus))


def partial_trace(rho, wires):
    """The reduced density matrix of some wires, in the order asked for."""
    n = int(np.log2(len(rho)))
    rest = [w for w in range(n) if w not in wires]
    order = [*wires, *rest]
    tensor = rho.reshape((2,) * (2 * n)).transpose(*order, *(n + w for w in order))
    k, r = 2 ** len(wires), 2 ** len(rest)
    return np.einsum("arbr->ab", tensor.reshape(k, r, k, r))


def replace(rho, sigma, wires):
    """Trace some wires out and put sigma there."""
    n = int(np.log2(len(rho)))
    rest = [w for w in range(n) if w not in wires]
    product = np.kron(sigma, partial_trace(rho, rest)).reshape((2,) * (2 * n))
    back = np.argsort([*wires, *rest])
    return product.transpose(*back, *(n + back)).reshape(2**n, 2**n)


def matrix_of(r, order, n):
    """The density matrix on wires 0..n-1 of a Pauli vector on ``order``; other wires are in |0>."""
    tensor = np.asarray(r, float).reshape((4,) * len(order)).astype(complex)
    for _ in order:  # each turn replaces the leading letter by a row and a column at the end
        tensor = np.tensordot(tensor, PAULIS / 2, (0, 0))
    rows, columns = range(0, 2 * len(order), 2), range(1, 2 * len(order), 2)
    dim = 2 ** len(order)
    rho = tensor.transpose(*rows, *columns).reshape(dim, dim)
    rest = [w for w in range(n) if w not in order]
    rho = np.kron(rho, zero(len(rest))).reshape((2,) * (2 * n))
    back = np.argsort([*order, *rest]).astype(int)
    return rho.transpose(*back, *(n + back)).reshape(2**n, 2**n)


def completed(values, order, letters):
    """The entries of a state on all wires, from those on ``order``; other wires are in |0>.

    ``letters`` has the letters of every wire.
    """
    rest = [w for w in range(len(letters)) if w not in order]
    tensor = np.asarray(values, float).reshape([len(letters[w]) for w in order])
    for wire in rest:
        tensor = np.multiply.outer(tensor, np.isin(letters[wire], (0, 3)))
    return tensor.transpose(np.argsort([*order, *rest]).astype(int))


def outcome_probabilities(rho, wires, paulis):
    """The distribution of measuring a Pauli on each of some wires: outcome 0 is eigenvalue +1."""
    reduced = partial_trace(rho, list(wires))
    found = []
    for bits in np.ndindex(*(2,) * len(wires)):
        pairs = zip(bits, paulis, strict=True)
        projector = kron(*((PAULIS[0] + (-1) ** bit * PAULIS[pauli]) / 2 for bit, pauli in pairs))
        found.append(np.trace(reduced @ projector).real)
    return np.array(found)


def random_kraus(rng, wires, count):
    """Kraus operators of a random trace-preserving map."""
    dim = 2**wires
    tall = rng.normal(size=(count * dim, dim)) + 1j * rng.normal(size=(count * dim, dim))
    return np.linalg.qr(tall)[0].reshape(count, dim, dim)


def random_unitary(rng, wires):
    return random_kraus(rng, wires, 1)[0]


def random_density_matrix(rng, wires, batch_size=None):
    """A random mixed state of full rank, entangled across all its wires."""
    shape = (2**wires, 2**wires)
    shape = shape if batch_size is None else (batch_size, *shape)
    root = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    matrix = root @ root.conj().swapaxes(-1, -2)
    return matrix / np.trace(matrix, axis1=-2, axis2=-1).real[..., None, None]


def random_hermitian(rng, wires):
    root = rng.normal(size=(2, 2**wires, 2**wires))
    root = root[0] + 1j * root[1]
    return (root + root.conj().T) / 2
